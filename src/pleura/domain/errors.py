"""The one error tree of pleura.

PleuraError                 base of every error raised on purpose
├── BadInput                the bytes or the argument given cannot be used        exit 1
├── NotFound                nothing here has that name                            exit 1
├── SealBroken              a sealed object does not open: damaged or wrong key   exit 1
├── LedgerBroken            the ledger does not verify                            exit 1
├── Refused                 a rule says no; the refusal is recorded               exit 3
└── EnvironmentFault        the machine, the home or the passphrase is not ready  exit 4

Every error carries a stable ``code`` (for programs and for the log), ``what`` happened to which
object and the ``next_step`` for the person reading it. Texts are templates in English; a door
translates the template and then fills in the facts. A fact is never a patient identifier.
"""

from __future__ import annotations


class PleuraError(Exception):
    """Base of every error that pleura raises on purpose."""

    exit_code: int = 4

    def __init__(self, code: str, what: str, next_step: str, **facts: str | int) -> None:
        self.code = code
        self.what = what
        self.next_step = next_step
        self.facts = facts
        super().__init__(code, what, next_step, facts)

    def __str__(self) -> str:
        return f"{self.what.format(**self.facts)}; {self.next_step.format(**self.facts)}"


class BadInput(PleuraError):
    """The bytes or the argument given cannot be used."""

    exit_code = 1


class NotFound(PleuraError):
    """Nothing here has that name."""

    exit_code = 1


class SealBroken(PleuraError):
    """A sealed object does not open.

    One type and one text for every cause (flipped bit, swapped chunk, truncation, wrong key), so
    that an attacker who can try learns nothing from the answer.
    """

    exit_code = 1

    def __init__(self) -> None:
        super().__init__(
            "seal-broken",
            "the sealed object does not open: it is damaged or the key is not its key",
            "restore it from a replica or a backup",
        )


class LedgerBroken(PleuraError):
    """The ledger does not verify."""

    exit_code = 1


class Refused(PleuraError):
    """A rule says no."""

    exit_code = 3


class EnvironmentFault(PleuraError):
    """The machine, the home or the passphrase is not ready."""

    exit_code = 4
