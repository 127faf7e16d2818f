"""``pleura key``: the root key shown, rotated, handed over, recovered."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from pleura.bootstrap import new_holder, recover_house, token_key
from pleura.crypto.roots.recovery import read_code
from pleura.crypto.roots.root import Argon2id, holder_of
from pleura.entrypoints.cli.vault.sheets import read_shares, reserved
from pleura.entrypoints.doorway import opened
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import actor, print_json
from pleura.entrypoints.passphrase import new_secret, read_lines
from pleura.settings import Settings

app = typer.Typer(help="Show, rotate, hand over and recover the root key.", no_args_is_help=True)

FACTS: Final = ("epoch", "rotating", "holder", "token", "ledger_key")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
SheetFile = Annotated[
    Path, typer.Option("-o", "--output", help="PDF to write the recovery sheet to; must not exist.")
]
Split = Annotated[
    str,
    typer.Option(
        help="Split the recovery code: 2/3 makes three shares, any two of which are enough; 1/1 ends that. "
        "Left out, it stays as before."
    ),
]


@app.command("show")
def show(*, as_json: AsJson = False) -> None:
    """Show epoch and holder of the root key; never a key."""
    with opened() as (house, say):
        kind = holder_of(house.keys.root_file.read())
        values = (
            house.keys.keyring.root.epoch,
            len(house.keys.keyring.root.epochs) > 1,
            "passphrase" if isinstance(kind, Argon2id) else "token",
            "" if isinstance(kind, Argon2id) else kind.token,
            house.ledger_key.hex(),
        )
    facts = dict(zip(FACTS, values, strict=True))
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        print(f"{say(name.replace('_', ' '))}: {value}")


@app.command("rotate")
def rotate(*, output: SheetFile, split: Split = "", as_json: AsJson = False) -> None:
    """Make a new root epoch, wrap every key again, destroy the old one; resumable. Prints a new sheet."""
    shares = read_shares(split)
    with opened(alone=True) as (house, say), reserved(house, output, say, shares) as sheets:
        house.keys.rotate(actor=actor(), keep=sheets.keep, shares=shares)
        # An erasure that was cut before its rotation is completed with this one.
        house.erasure.resume(actor=actor(), keep=sheets.keep)
        sheets.tell(as_json=as_json)


@app.command("sheet")
def sheet(*, output: SheetFile, split: Split = "", as_json: AsJson = False) -> None:
    """Make a new recovery code and print its sheet; the code before does not open this home any more."""
    shares = read_shares(split)
    with opened(alone=True) as (house, say), reserved(house, output, say, shares) as sheets:
        house.keys.reissue(actor=actor(), keep=sheets.keep, shares=shares)
        sheets.tell(as_json=as_json)


@app.command("passphrase")
def passphrase(
    *,
    new_file_: Annotated[
        Path | None, typer.Option("--new-file", help="File with the new passphrase; else a prompt asks.")
    ] = None,
) -> None:
    """Change the passphrase; a root held by a hardware token is held by the passphrase afterwards."""
    with opened(alone=True) as (house, say):
        secret = new_secret(new_file_, say("New passphrase: "), say)
        with new_holder(secret, None) as (holder, kind):
            house.keys.hand_over(holder, kind, actor=actor())
    print(say("the passphrase is changed; old copies of root.json still open with the old one"))


@app.command("token")
def token(
    *,
    module: Annotated[Path, typer.Option(help="PKCS#11 library of the hardware token.")],
    token: Annotated[str, typer.Option(help="Label of the token.")],
    pin_file: Annotated[Path | None, typer.Option(help="File with the PIN; else a prompt asks.")] = None,
    label: Annotated[str, typer.Option(help="What the keys in the token are called; else a new name.")] = "",
) -> None:
    """Let a hardware token (PKCS#11) hold the root instead of the passphrase; its PIN opens the home then."""
    with opened(alone=True) as (house, say):
        pin = new_secret(pin_file, say("PIN: "), say)
        with new_holder(pin, token_key(str(module), token, label)) as (holder, kind):
            house.keys.hand_over(holder, kind, actor=actor())
    print(say("the token holds the root now; give its PIN where the passphrase was asked for"))


@app.command("recover")
def recover(
    *,
    code_file: Annotated[
        Path | None,
        typer.Option(help="File with the recovery code, its words, or one share a line; else a prompt asks."),
    ] = None,
    new_file_: Annotated[
        Path | None, typer.Option("--new-file", help="File with the new passphrase; else a prompt asks.")
    ] = None,
) -> None:
    """Give the home a new passphrase by its recovery code."""
    settings = Settings.from_environment(os.environ)
    say = Texts(settings.language)
    code = read_code(read_lines(code_file, say("Recovery code, words, or shares (an empty line ends): ")))
    secret = new_secret(new_file_, say("New passphrase: "), say)
    recover_house(settings, code, secret, actor=actor())
    print(say("the home opens with the new passphrase"))
