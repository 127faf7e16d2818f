"""``pleura erase``, ``pleura restrict``, ``pleura rule``, ``pleura people``: what may be done with images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pleura.bootstrap import House
from pleura.crypto.roots.recovery import spelled
from pleura.entrypoints.cli.vault.key import reserved, tell_sheets, write_sheets
from pleura.entrypoints.doorway import opened
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import actor, new_file, print_json
from pleura.entrypoints.passphrase import new_secret
from pleura.ledger.receipt import write_receipt
from pleura.prevent.custody.erasure import Erased
from pleura.prevent.custody.rules import RULES

rules = typer.Typer(help="The rules of this installation.", no_args_is_help=True)
people = typer.Typer(help="The people of this installation.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Subject = Annotated[str, typer.Argument(help="Name of an image, a study or a patient.")]


def erase(
    subject: Subject,
    *,
    receipt: Annotated[
        Path | None, typer.Option(help="File to write the receipt to; default receipt-NAME.json.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="PDF for the new recovery sheet; default recovery-NAME.pdf."),
    ] = None,
    approve: Annotated[
        str, typer.Option(help="Account of the second person, who approves what another asked for.")
    ] = "",
    password_file: Annotated[
        Path | None, typer.Option(help="File with that person's password; else a prompt asks.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase an image, a study or a patient for good, here and in every backup; writes a new sheet."""
    with opened(alone=True) as (house, say):
        images = house.erasure.plan(subject)
        if dry_run:
            _say_plan(subject, images, say, as_json=as_json)
            return
        request = _approved(house, subject, approve, password_file, say)
        if request is None:
            _say_waiting(house, subject, say, as_json=as_json)
            return
        if not yes and not typer.confirm(say("erase {count} images for good?", count=len(images))):
            raise typer.Exit(1)
        who = f"cli:{approve}" if approve else actor()
        with (
            new_file(receipt or Path(f"receipt-{subject}.json")) as stream,
            reserved(output or Path(f"recovery-{subject}.pdf"), "") as sheets,
        ):
            erased = house.erasure.erase(subject, actor=who, request=request)
            stream.write(write_receipt(erased.receipt, house.ledger_key))
            write_sheets(house, erased.recovery_code, sheets, "", say)
            _say_erased(house, erased, say, as_json=as_json)
            if not as_json:
                tell_sheets(house, erased.recovery_code, sheets, say, as_json=False)


def restrict(
    subject: Subject,
    *,
    lift: Annotated[bool, typer.Option("--lift", help="End the restriction.")] = False,
) -> None:
    """Let nothing be done with an image, study or patient but keep and protect it."""
    with opened() as (house, say):
        if lift:
            house.rules.lift(subject, actor=actor())
            print(say("{subject} may be worked with again", subject=subject))
            return
        house.erasure.known(subject)
        house.rules.restrict(subject, actor=actor())
        print(say("{subject} is kept and protected, and nothing else", subject=subject))


@rules.command("list")
def list_rules(*, as_json: AsJson = False) -> None:
    """List the rules, their values and what else they can be."""
    with opened() as (house, _):
        found = house.rules.all()
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        print(f"{name} = {value}    ({' '.join(RULES[name])})")


@rules.command("set")
def set_rule(name: str, value: str) -> None:
    """Set one rule."""
    with opened() as (house, say):
        house.rules.set(name, value, actor=actor())
        print(say("{name} is {value} from now on", name=name, value=value))


@people.command("add")
def add_person(
    name: Annotated[str, typer.Argument(help="Name of the account.")],
    *,
    password_file: Annotated[
        Path | None, typer.Option(help="File with the person's password; else a prompt asks.")
    ] = None,
) -> None:
    """Add a custodian: a person who may approve what needs two."""
    with opened() as (house, say):
        password = new_secret(password_file, say("New password of {name}: ", name=name), say)
        house.accounts.add_custodian(name, password, actor=actor())
        print(say("{name} can sign in", name=name))


def _approved(house: House, subject: str, approve: str, password_file: Path | None, say: Texts) -> str | None:
    """The request that was approved, empty when none is needed, None while a second person is missing."""
    waiting = house.erasure.ask(subject, actor=actor())
    if waiting is None:
        return ""
    if not approve:
        return None
    password = new_secret(password_file, say("Password of {name}: ", name=approve), say)
    house.accounts.sign_in(approve, password, door="cli")
    return house.erasure.approved(waiting.name, actor=f"cli:{approve}").name


def _say_plan(subject: str, images: Sequence[str], say: Texts, *, as_json: bool) -> None:
    if as_json:
        print_json({"subject": subject, "status": "planned", "images": list(images)})
        return
    print(say("{count} images would be erased: {images}", count=len(images), images=" ".join(images)))


def _say_waiting(house: House, subject: str, say: Texts, *, as_json: bool) -> None:
    request = house.erasure.ask(subject, actor=actor())
    name = request.name if request else ""
    if as_json:
        print_json({"subject": subject, "status": "waiting", "request": name})
        return
    print(say("{request} waits for a second person", request=name))
    print(say("next step") + f": pleura erase {subject} --approve ACCOUNT")


def _say_erased(house: House, erased: Erased, say: Texts, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "subject": erased.subject,
                "status": "erased",
                "images": list(erased.images),
                "copies": erased.copies,
                "epoch": erased.root_epoch,
                "depots": erased.depots,
                "index": erased.receipt.index,
                "public_key": house.ledger_key.hex(),
                "recovery_code": spelled(erased.recovery_code),
            }
        )
        return
    print(
        say(
            "{subject} is erased: {images} images, {copies} records of copies",
            subject=erased.subject,
            images=len(erased.images),
            copies=erased.copies,
        )
    )
    for depot, result in erased.depots.items():
        print(f"  {depot}: {say(result)}")
    print(say("What was copied out before cannot be called back."))
