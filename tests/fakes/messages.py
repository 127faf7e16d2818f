"""Every text that pleura may show a person, collected from the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pleura.domain.custody import words
from pleura.domain.custody.places import Wrong
from pleura.domain.tracing import Verdict
from pleura.domain.watching import words as watching
from pleura.domain.watching.sightings import LabelWord, Severity
from pleura.entrypoints.cli import images
from pleura.entrypoints.cli.vault import key, replica, verify
from pleura.entrypoints.demo import play as demo
from pleura.entrypoints.demo.report import ATTACK_NAMES
from pleura.prevent.health import depots as doctor

PACKAGE = Path(__file__).parents[2] / "src" / "pleura"
ERRORS = {"BadInput", "NotFound", "LedgerBroken", "Refused", "EnvironmentFault", "PleuraError"}
_TEMPLATE_CALL = re.compile(r"""\bsay\(\s*(["'])(.*?)\1""")


def messages() -> set[str]:
    """All English texts that the Chinese catalogue must know."""
    found = {text for path in PACKAGE.rglob("*.py") for text in _in_source(path)}
    pages = {text for path in PACKAGE.rglob("*.html") for _, text in _TEMPLATE_CALL.findall(path.read_text())}
    return found | pages | _in_tables()


def _in_tables() -> set[str]:
    """Texts that are chosen from a table when they are shown."""
    shown = (*images.FACTS, *key.FACTS, *verify.FACTS)
    facts = {name.replace("_", " ") for name in shown} | {"backup", "replica", "passed", "erased"}
    statuses = {"stored", "duplicate", "refused"}
    verdicts = {verdict.value for verdict in Verdict}
    headings = {*images.HEADINGS, *demo.HEADINGS} - {""}
    depots = {*words.RESULTS.values(), *words.WARNINGS.values()}
    depots |= {wrong.value for wrong in Wrong}
    seen = {*watching.RESULTS.values(), watching.STATUS, *get_args(LabelWord), *Severity}
    depots |= {doctor.BACKUP, doctor.REPLICA, doctor.CHECKLIST}
    return (
        depots
        | seen
        | facts
        | statuses
        | verdicts
        | headings
        | {*ATTACK_NAMES.values(), *replica.QUESTIONS.values()}
    )


def _in_source(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _in_call(node)
        elif (
            isinstance(node, ast.FunctionDef)
            and {"cli", "demo"} & set(path.parts)
            and not node.name.startswith("_")
        ):
            yield from _command_help(node)


def _in_call(call: ast.Call) -> Iterator[str]:
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    if name in ERRORS and len(call.args) >= 3:
        # An attribute is a template that stands in a table and is found there.
        yield from (_text(part) for part in call.args[1:3] if not isinstance(part, ast.Attribute))
    if name in {"say", "_said"} and call.args and isinstance(call.args[0], ast.Constant):
        yield _text(call.args[0])
    if name in {"_well", "_ill", "well", "ill"}:
        # A repair that is a command is the same in every language.
        texts = [_text(part) for part in call.args if isinstance(part, ast.Constant)]
        yield from (text for text in texts if not text.startswith(("pleura ", "apt-get ", "chmod ")))
    if name in {"Option", "Argument", "Typer"}:
        yield from (_text(keyword.value) for keyword in call.keywords if keyword.arg == "help")


def _command_help(function: ast.FunctionDef) -> Iterator[str]:
    registered = [
        decorator
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "attr", "") == "command"
    ]
    if registered or function.name in {
        "command",
        "compare",
        "list_command",
        "show_command",
        "erase",
        "restrict",
    }:
        yield ast.get_docstring(function) or ""


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise AssertionError(f"line {node.lineno}: a text for a person is a plain string literal")
