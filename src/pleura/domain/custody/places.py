"""Places outside the home: a folder on another disk, or a bucket of a cloud store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from enum import Enum
from typing import Any, Final

from pleura.domain.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class FolderPlace:
    """A folder, best on another disk."""

    folder: str


@dataclass(frozen=True, kw_only=True)
class BucketPlace:
    """A bucket of a store that speaks S3."""

    endpoint: str
    bucket: str
    prefix: str = ""
    region: str = ""
    """What the store calls its region; empty where it cares for none."""
    access_key: str
    secret_key: str
    ca_file: str = ""
    """PEM file of the authority that signed the store's certificate, where the system does not know it."""
    bytes_per_second: int = 0
    """Upload no faster than this; 0 for no limit."""

    def __repr__(self) -> str:
        return f"BucketPlace(bucket={self.bucket!r})"


Place = FolderPlace | BucketPlace


@dataclass(frozen=True, kw_only=True)
class BucketFacts:
    """What a store itself says about a bucket; None where it cannot be asked."""

    tls: bool | None = None
    versioning: bool | None = None
    object_lock: bool | None = None
    public: bool | None = None
    logging: bool | None = None


WARNING_DAYS: Final = 60
_LEVELS: Final = range(1, 6)
_TEXTS: Final = frozenset({"provider", "region", "mlps_certificate", "mlps_expires"})


@dataclass(frozen=True, kw_only=True)
class CloudChecklist:
    """What the people of this installation found out about a cloud store, asked once and kept.

    MLPS: 网络安全等级保护 (GB/T 22239-2019); level 3 is what hospitals' core systems are held to.
    """

    provider: str
    region: str
    mlps_level: int
    mlps_certificate: str
    mlps_expires: str
    """ISO 8601 date."""
    tls: bool
    private_bucket: bool
    object_lock: bool
    versioning: bool
    logging: bool

    def warnings(self, today: date, told: BucketFacts) -> list[str]:
        """The codes of everything that should be otherwise, or that the store contradicts."""
        expires = date.fromisoformat(self.mlps_expires)
        found = {
            "mlps-level-below-3": self.mlps_level < 3,
            "mlps-expired": expires < today,
            "mlps-expires-soon": today <= expires < today + timedelta(days=WARNING_DAYS),
            "no-tls": not self.tls or told.tls is False,
            "bucket-public": not self.private_bucket or told.public is True,
            "no-object-lock": not self.object_lock or told.object_lock is False,
            "no-logging": not self.logging or told.logging is False,
            # A versioned bucket keeps what erasure deletes; sealed under a destroyed key, but it is there. A
            # bucket with object lock is versioned always, and its lock is wanted.
            "versions-outlive-erasure": not self._is_locked(told)
            and (self.versioning or told.versioning is True),
        }
        return [code for code, wrong in found.items() if wrong]

    def _is_locked(self, told: BucketFacts) -> bool:
        return self.object_lock if told.object_lock is None else told.object_lock


class Wrong(Enum):
    """What can be wrong with an answer, as a person is told."""

    MISSING = "the answer {answer} is missing"
    UNASKED = "nobody asks for {answer}"
    NO_LEVEL = "the answer {answer} is no number from 1 to 5"
    NEITHER = "the answer {answer} is neither yes nor no (in a file: true, false)"
    EMPTY = "the answer {answer} is empty"
    REGION = "the answer {answer} is not the region in the file of the bucket"
    NO_DATE = "the answer {answer} is no date such as 2027-12-31"


def read_checklist(kept: str) -> CloudChecklist:
    """The answers as a depot keeps them."""
    return CloudChecklist(**json.loads(kept))


def read_answers(given: Mapping[str, object], region: str = "") -> CloudChecklist:
    """The answers in *given* to every question; raises BadInput, which names the first that cannot be used.

    *region* is the one that the bucket is reached in.
    """
    names = [field.name for field in fields(CloudChecklist)]
    for name in names:
        if name not in given:
            raise _bad(name, Wrong.MISSING)
    for name in given:
        if name not in names:
            raise _bad(ascii(name)[1:-1][:40], Wrong.UNASKED)
    found: dict[str, Any] = {name: checked_answer(name, given[name], region) for name in names}
    return CloudChecklist(**found)


def checked_answer(name: str, answer: object, region: str = "") -> object:
    """*answer* to the question *name*; raises BadInput."""
    if name == "mlps_level":
        if type(answer) is not int or answer not in _LEVELS:
            raise _bad(name, Wrong.NO_LEVEL)
    elif name in _TEXTS:
        _refuse_text(name, answer, region)
    elif type(answer) is not bool:
        raise _bad(name, Wrong.NEITHER)
    return answer


def _refuse_text(name: str, answer: object, region: str) -> None:
    if not isinstance(answer, str) or not answer.strip():
        raise _bad(name, Wrong.EMPTY)
    if name == "region" and region and answer != region:
        raise _bad(name, Wrong.REGION)
    if name == "mlps_expires":
        try:
            date.fromisoformat(answer)
        except ValueError as error:
            raise _bad(name, Wrong.NO_DATE) from error


def _bad(name: str, wrong: Wrong) -> BadInput:
    return BadInput("bad-checklist", wrong.value, "answer every question, see docs/commands.md", answer=name)
