"""Erasure: what is to go, who asked, what the law keeps, and the restriction offered instead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from pleura.domain.errors import Refused

Custody = Literal["personal", "outpatient", "inpatient"]

RETENTION_YEARS: Final[dict[str, int]] = {"personal": 0, "outpatient": 15, "inpatient": 30}
"""Least years that a hospital keeps a medical record, from the patient's last visit or last discharge.

医疗机构病历管理规定（国卫医发〔2013〕31号）: 门（急）诊病历 15 years, 住院病历 30 years. A person who
keeps her own images has no such duty.
"""


@dataclass(frozen=True, kw_only=True)
class ErasureRequest:
    """An erasure that waits for a second person."""

    name: str
    subject: str
    asked_by: str
    """An account, not a user of the machine: the second person must be another account."""
    asked_at: datetime


@dataclass(frozen=True, kw_only=True)
class BegunErasure:
    """An erasure whose rows are gone and whose rest may still have to be done."""

    subject: str
    images: tuple[str, ...]
    copies: int
    root_epoch: int
    """The newest root epoch when it began: only when that is destroyed is the erasure complete."""
    ledger_index: int
    """Of the entry that the receipt proves."""


@dataclass(frozen=True, kw_only=True)
class Restriction:
    """Nothing but storage and protection is done with *subject* (PIPL article 47, GDPR article 18)."""

    subject: str
    since: datetime


def refuse_restriction(restriction: Restriction | None) -> None:
    """Return where there is none; raises Refused."""
    if restriction is not None:
        raise Refused(
            "processing-restricted",
            "the processing of {subject} is restricted: it is kept and protected, and nothing else",
            "lift the restriction first, if whoever asked for it agrees: pleura restrict --lift {subject}",
            subject=restriction.subject,
        )


def kept_until(custody: str, last_visit: datetime) -> datetime:
    """The moment from which the record of a patient last seen at *last_visit* may be erased."""
    year = last_visit.year + RETENTION_YEARS[custody]
    # 29 February has no anniversary in most years; the day after is on the safe side.
    leap_day = (last_visit.month, last_visit.day) == (2, 29)
    return last_visit.replace(year=year, month=3, day=1) if leap_day else last_visit.replace(year=year)
