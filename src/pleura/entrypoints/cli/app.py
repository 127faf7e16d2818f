"""The command line as a whole: commands joined, language chosen, errors turned into exit codes."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.main import get_command

from pleura import __version__
from pleura.domain.errors import PleuraError
from pleura.entrypoints.cli import audit, copy, images, importing, init, serve
from pleura.entrypoints.cli.seeking import find, trace
from pleura.entrypoints.cli.vault import backup, doctor, erase, key, move, replica, verify
from pleura.entrypoints.cli.watching import sightings, watch
from pleura.entrypoints.demo import command as demo
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import print_error
from pleura.settings import Settings

app = typer.Typer(
    name="pleura",
    help="A self-hosted guard for medical images.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("init")(init.command)
app.command("import")(importing.command)
app.command("images")(images.list_command)
app.command("show")(images.show_command)
app.command("copy")(copy.command)
app.command("compare")(copy.compare)
app.command("trace")(trace.command)
app.command("find")(find.command)
app.add_typer(watch.app, name="watch")
app.add_typer(sightings.app, name="sightings")
app.add_typer(audit.app, name="audit")
app.command("verify")(verify.command)
app.command("doctor")(doctor.command)
app.add_typer(key.app, name="key")
app.add_typer(backup.app, name="backup")
app.add_typer(replica.app, name="replica")
app.command("erase")(erase.erase)
app.command("restrict")(erase.restrict)
app.add_typer(erase.rules, name="rule")
app.add_typer(erase.people, name="people")
app.command("move")(move.command)
app.command("serve")(serve.command)
app.command("demo")(demo.command)


@app.callback(invoke_without_command=True)
def _version(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False
) -> None:
    if version:
        print(f"pleura {__version__}")
        raise typer.Exit


def main() -> None:
    """Run one command and leave with its exit code: 0 done, 1 no, 2 usage, 3 refused, 4 environment."""
    say = Texts(Settings.from_environment(os.environ).language)
    command = get_command(app)
    _translate(command, say)
    try:
        command(prog_name="pleura")
    except PleuraError as error:
        print_error(error, say)
        sys.exit(error.exit_code)


def _translate(command: object, say: Texts) -> None:
    """Put every help text of *command* and its subcommands into the reader's language."""
    for part in (command, *getattr(command, "params", ())):
        help_text = getattr(part, "help", None)
        if help_text:
            part.help = say(help_text)
    for child in getattr(command, "commands", {}).values():
        _translate(child, say)
