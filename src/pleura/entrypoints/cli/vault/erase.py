"""``pleura erase``, ``pleura restrict``, ``pleura rule``, ``pleura people``: what may be done with images."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from pleura.bootstrap import House
from pleura.domain.custody.erasure import ErasureRequest
from pleura.domain.custody.words import in_words
from pleura.domain.errors import EnvironmentFault
from pleura.domain.installation import Account
from pleura.entrypoints.cli.vault.sheets import Sheets, reserved, unused
from pleura.entrypoints.doorway import opened
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import actor, new_file, print_json, write_durably
from pleura.entrypoints.passphrase import known_secret, new_secret
from pleura.ledger.receipt import write_receipt
from pleura.prevent.custody.erasure import Erased
from pleura.prevent.custody.rules import APPROVALS, RULES
from pleura.prevent.depots.filling import ERASED, VERSIONS_STAY

rules = typer.Typer(help="The rules of this installation.", no_args_is_help=True)
people = typer.Typer(help="The people of this installation.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Subject = Annotated[str, typer.Argument(help="Name of an image, a study or a patient.")]


def erase(
    subject: Annotated[
        str, typer.Argument(help="Name of an image, a study or a patient, or of a request to withdraw.")
    ] = "",
    *,
    requests: Annotated[
        bool, typer.Option("--requests", help="Only list the requests that wait for a second person.")
    ] = False,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Withdraw the request instead; nothing is erased.")
    ] = False,
    receipt: Annotated[
        Path | None, typer.Option(help="File to write the receipt to; default receipt-NAME.json.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="PDF for the new recovery sheet; default recovery-NAME.pdf."),
    ] = None,
    as_: Annotated[
        str, typer.Option("--as", help="Account of the first person, who asks, where two are needed.")
    ] = "",
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
    if requests or withdraw or not subject:
        _settle_requests(subject, requests=requests, withdraw=withdraw, as_json=as_json)
        return
    with opened(alone=True) as (house, say):
        begun = {each.subject: each.images for each in house.erasure.under_way()}
        if dry_run:
            images = begun.get(subject) or house.erasure.plan(subject)
            _say_plan(subject, images, say, as_json=as_json)
            return
        images = begun.get(subject) or house.erasure.permit(subject, actor=actor())
        request = ""
        if subject not in begun:
            person = _Person(name=approve or as_, password_file=password_file, approves=bool(approve))
            approved = _approved(house, subject, person, say, as_json=as_json)
            if approved is None:
                return
            request = approved
            if not yes and not typer.confirm(say("erase {count} images for good?", count=len(images))):
                raise typer.Exit(1)
        files = _Files(
            receipt=receipt or unused(Path(f"receipt-{subject}.json")),
            sheet=output or unused(Path(f"recovery-{subject}.pdf"), house.keys.shares()),
        )
        who = f"cli:{approve}" if approve else actor()
        _erase(house, subject, who, request, files, say, as_json=as_json)


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
def set_rule(
    name: str,
    value: str,
    *,
    as_: Annotated[
        list[str] | None,
        typer.Option("--as", help="Account that signs in for it; twice, where two people are needed."),
    ] = None,
    password_file: Annotated[
        list[Path] | None,
        typer.Option(help="File with the password, one for each account in turn; else a prompt asks."),
    ] = None,
) -> None:
    """Set one rule; once erasures need two people, ending that needs two as well."""
    accounts, files = as_ or [], password_file or []
    with opened() as (house, say):
        pairs = zip(accounts, itertools.chain(files, itertools.repeat(None)), strict=False)
        signed_in = [_signed_in(house, account, file, say) for account, file in pairs]
        house.rules.set(name, value, actor=actor(), people=signed_in)
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


@dataclass(frozen=True, kw_only=True)
class _Files:
    receipt: Path
    sheet: Path


@dataclass(frozen=True, kw_only=True)
class _Person:
    """Whoever is named at the command line: the one who asks, or the one who approves."""

    name: str
    password_file: Path | None
    approves: bool


def _approved(house: House, subject: str, person: _Person, say: Texts, *, as_json: bool) -> str | None:
    """The request that was approved, empty when none is needed, None while a second person is missing."""
    account = _signed_in(house, person.name, person.password_file, say) if person.name else None
    if account is not None and person.approves:
        if house.rules.all()[APPROVALS] == "1":
            return ""
        return house.erasure.approved(subject, account=account).name
    who = f"cli:{account.name}" if account else actor()
    waiting = house.erasure.ask(subject, actor=who, account=account)
    if waiting is None:
        return ""
    _say_waiting(waiting, say, as_json=as_json)
    return None


def _settle_requests(subject: str, *, requests: bool, withdraw: bool, as_json: bool) -> None:
    """List the requests, or withdraw one: neither erases anything."""
    if requests == withdraw or withdraw != bool(subject):
        raise typer.BadParameter("SUBJECT, or --requests, or SUBJECT --withdraw")
    with opened() as (house, say):
        if requests:
            _say_requests(house.erasure.requests(), say, as_json=as_json)
            return
        request = house.erasure.withdraw(subject, actor=actor())
    if as_json:
        print_json({"subject": request.subject, "status": "withdrawn", "request": request.name})
        return
    print(say("{request} is withdrawn; nothing was erased", request=request.name))


def _say_requests(waiting: Sequence[ErasureRequest], say: Texts, *, as_json: bool) -> None:
    for each in waiting:
        if as_json:
            print_json(
                {
                    "request": each.name,
                    "subject": each.subject,
                    "asked_by": each.asked_by,
                    "asked_at": each.asked_at.isoformat(),
                }
            )
        else:
            print(f"{each.name}  {each.subject}  {each.asked_by}  {each.asked_at:%Y-%m-%d %H:%M} UTC")
    if not waiting and not as_json:
        print(say("no request waits for a second person"))


def _signed_in(house: House, name: str, password_file: Path | None, say: Texts) -> Account:
    password = known_secret(password_file, say("Password of {name}: ", name=name))
    return house.accounts.sign_in(name, password, door="cli")


def _erase(
    house: House, subject: str, who: str, request: str, files: _Files, say: Texts, *, as_json: bool
) -> None:
    with reserved(house, files.sheet, say) as sheets, new_file(files.receipt) as stream:
        erased = house.erasure.erase(subject, actor=who, keep=sheets.keep, request=request)
        _say_erased(house, erased, sheets, say, as_json=as_json)
        if sheets.code and not as_json:
            sheets.tell(as_json=False)
        try:
            write_durably(stream, write_receipt(erased.receipt, house.ledger_key))
        except EnvironmentFault as fault:
            raise EnvironmentFault(
                "receipt-unwritten",
                "the erasure is done, and its receipt {file} could not be written",
                "free some space and write it again: pleura audit receipt {index}",
                file=str(files.receipt),
                index=erased.receipt.index,
            ) from fault


def _say_plan(subject: str, images: Sequence[str], say: Texts, *, as_json: bool) -> None:
    if as_json:
        print_json({"subject": subject, "status": "planned", "images": list(images)})
        return
    print(say("{count} images would be erased: {images}", count=len(images), images=" ".join(images)))


def _say_waiting(request: ErasureRequest, say: Texts, *, as_json: bool) -> None:
    if as_json:
        print_json({"subject": request.subject, "status": "waiting", "request": request.name})
        return
    print(say("{request} waits for a second person", request=request.name))
    print(say("next step") + f": pleura erase {request.subject} --approve ACCOUNT")


def _say_erased(house: House, erased: Erased, sheets: Sheets, say: Texts, *, as_json: bool) -> None:
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
                "sheets": sheets.files if sheets.code else [],
                "recovery_code": sheets.told,
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
        print(f"  {depot}: {say(in_words(result))}")
    if set(erased.depots.values()) - {ERASED, VERSIONS_STAY}:
        print(say("What could not be reached is remembered; when it can be: pleura doctor --repair"))
    print(say("What was copied out before cannot be called back."))
