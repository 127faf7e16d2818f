"""The rules of one installation, and images whose processing is restricted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pleura.domain.custody.erasure import RETENTION_YEARS, Restriction, refuse_restriction
from pleura.domain.errors import BadInput, NotFound, Refused
from pleura.domain.images import Image
from pleura.domain.installation import Account
from pleura.domain.ports import Catalogue, Clock, Records
from pleura.domain.watching.asking import ALLOWED
from pleura.ledger.ledger import Ledger

APPROVALS: Final = "erasure-approvals"
UNMARKED: Final = "unmarked-copies"
NEVER: Final = "never"
RULES: Final[Mapping[str, tuple[str, ...]]] = {
    "custody": tuple(RETENTION_YEARS),
    APPROVALS: ("1", "2"),
    # For what a copy may leave without a mark; the purpose that is allowed stands in its ledger entry.
    UNMARKED: (NEVER, "primary-diagnosis"),
    ALLOWED: ("off", "on"),
}
"""Every rule and its values; the first is the one in force until another is set."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the people of one installation have decided."""

    records: Records
    ledger: Ledger
    clock: Clock

    def all(self) -> dict[str, str]:
        """Every rule and the value in force."""
        with self.records.read() as unit:
            return {name: rule(unit.catalogue, name) for name in RULES}

    def set(self, name: str, value: str, *, actor: str, people: Sequence[Account] = ()) -> None:
        """Set one rule; raises BadInput for a rule or value that does not exist.

        *people* signed in for it: while erasures need two, ending that needs two as well; raises Refused.
        """
        if value not in RULES.get(name, ()):
            raise BadInput(
                "bad-rule",
                "there is no rule {name} with the value {value}",
                "list the rules and their values with pleura rule list",
                name=name,
                value=value,
            )
        with self.records.begin() as unit:
            if name == APPROVALS and value < rule(unit.catalogue, name):
                _refuse_alone(people)
            unit.catalogue.set_policy(name, value)
            self.ledger.append(unit.ledger, "policy", actor, name=name, value=value)

    def restrict(self, subject: str, *, actor: str) -> None:
        """Let nothing be done with an image, study or patient but keep and protect it."""
        with self.records.begin() as unit:
            unit.catalogue.restrict(Restriction(subject=subject, since=self.clock.now()))
            self.ledger.append(unit.ledger, "restrict", actor, subject=subject)

    def lift(self, subject: str, *, actor: str) -> None:
        """End a restriction; raises NotFound."""
        with self.records.begin() as unit:
            if unit.catalogue.restricted([subject]) is None:
                raise NotFound(
                    "restriction-unknown",
                    "no restriction lies on {subject}",
                    "name the image, study or patient that was restricted",
                    subject=subject,
                )
            unit.catalogue.lift(subject)
            self.ledger.append(unit.ledger, "lift", actor, subject=subject)


def rule(catalogue: Catalogue, name: str) -> str:
    """The value of one rule in force."""
    return catalogue.policy(name) or RULES[name][0]


def refuse_restricted(image: Image, catalogue: Catalogue) -> None:
    """Return when *image* may be worked with; raises Refused."""
    refuse_restriction(catalogue.restricted([image.id, image.study, image.patient]))


def refuse_unmarked(image: str, catalogue: Catalogue) -> str:
    """What copies may leave without a mark for; raises Refused where they may for nothing."""
    allowed = rule(catalogue, UNMARKED)
    if allowed == NEVER:
        raise Refused(
            "unmarked-not-allowed",
            "no copy of {image} may leave without a mark: that is the rule unmarked-copies",
            "leave out --no-mark; where primary diagnosis needs it: "
            "pleura rule set unmarked-copies primary-diagnosis",
            image=image,
        )
    return allowed


def second_person_needed() -> Refused:
    """The refusal of one person who would be both."""
    return Refused(
        "second-person-needed",
        "this needs two people, and the same one cannot be both",
        "let another person sign in with an account of their own",
    )


def _refuse_alone(people: Sequence[Account]) -> None:
    if len({account.name for account in people}) < 2:
        raise second_person_needed()
