"""Entries: what the ledger says happened, in canonical bytes (docs/formats/ledger.md, section 1)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from pleura.domain.errors import LedgerBroken

VERSION: Final = 1
MAX_ENTRY_BYTES: Final = 4096
_MAX_INTEGER: Final = 2**53 - 1  # beyond it, readers of JSON disagree (RFC 8785, 3.2.2.3)
_ACTOR: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,80}")
_TOKEN: Final = re.compile(r"[a-z0-9-]{1,64}")


@dataclass(frozen=True)
class _Facts:
    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()


KINDS: Final[Mapping[str, _Facts]] = MappingProxyType(
    {
        "init": _Facts(frozenset({"root_epoch"})),
        "import": _Facts(frozenset({"image", "study", "content", "size"})),
        "refusal": _Facts(frozenset({"reason", "content"})),
        "copy": _Facts(
            frozenset({"copy", "image", "form", "mark_version", "record"}), frozenset({"unmarked"})
        ),
        "copy-refused": _Facts(frozenset({"image", "reason"})),
        "compare": _Facts(frozenset({"copy", "image"}), frozenset({"content"})),
        "trace": _Facts(frozenset({"verdict", "suspect", "comparisons"}), frozenset({"image", "copy"})),
        "find": _Facts(frozenset({"suspect"}), frozenset({"image"})),
        "sign-in": _Facts(),
        "sign-in-refused": _Facts(),
        "account": _Facts(frozenset({"role"})),
        "policy": _Facts(frozenset({"name", "value"})),
        "rotate": _Facts(frozenset({"root_epoch"})),
        "holder": _Facts(frozenset({"holder"})),
        "recovery": _Facts(frozenset({"needed", "shares"})),
        "recovered": _Facts(frozenset({"root_epoch"})),
        "erase-request": _Facts(frozenset({"subject", "request"})),
        "erase-withdrawn": _Facts(frozenset({"subject", "request"})),
        "erase-refused": _Facts(frozenset({"subject", "reason"})),
        "erase": _Facts(frozenset({"subject", "images", "copies", "root_epoch"}), frozenset({"request"})),
        "restrict": _Facts(frozenset({"subject"})),
        "lift": _Facts(frozenset({"subject"})),
        "depot": _Facts(frozenset({"depot", "form"})),
        "backup": _Facts(frozenset({"depot", "snapshot", "objects", "added"}), frozenset({"lacking"})),
        "depot-erase": _Facts(frozenset({"depot", "result"})),
        "restore-test": _Facts(frozenset({"depot", "result"}), frozenset({"snapshot"})),
        "restore": _Facts(frozenset({"snapshot", "root_epoch"})),
        "fetch": _Facts(frozenset({"depot", "objects"})),
        "repair": _Facts(frozenset({"orphans", "leftovers"})),
        "move": _Facts(frozenset({"form"})),
        "source": _Facts(frozenset({"source", "form"})),
        "watch": _Facts(frozenset({"source", "pages", "pictures", "sightings", "refused", "result"})),
        "sighting": _Facts(
            frozenset({"sighting", "source", "suspect", "verdict", "image"}), frozenset({"copy"})
        ),
        "label": _Facts(frozenset({"sighting", "label"})),
        "hash-list": _Facts(frozenset({"objects"})),
        "image-search": _Facts(frozenset({"search", "image", "engine", "sent"})),
    }
)
"""Every kind of entry and the facts it carries."""

_INTEGER_FACTS: Final = frozenset(
    {
        "root_epoch",
        "size",
        "mark_version",
        "comparisons",
        "needed",
        "shares",
        "images",
        "copies",
        "objects",
        "added",
        "lacking",
        "orphans",
        "leftovers",
        "pages",
        "pictures",
        "sightings",
        "refused",
    }
)


@dataclass(frozen=True)
class Entry:
    """One thing that happened; it cannot be built with facts that its kind does not carry."""

    kind: str
    at: datetime
    actor: str
    facts: Mapping[str, str | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("the time of an entry needs a time zone")
        if not _ACTOR.fullmatch(self.actor):
            raise ValueError("an actor is 1 to 80 characters without control characters")
        if self.kind not in KINDS:
            raise ValueError(f"there is no kind of entry called {self.kind}")
        table, names = KINDS[self.kind], set(self.facts)
        if not table.required <= names <= table.required | table.optional:
            raise ValueError(f"an entry of kind {self.kind} does not carry the facts {sorted(names)}")
        for name, value in self.facts.items():
            _check_fact(name, value)
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))


def encode(entry: Entry) -> bytes:
    """The canonical bytes of *entry*: a strict subset of RFC 8785; at most 4,096 bytes.

    Sorting by code point is the order of RFC 8785 here, because every key is ASCII.
    """
    document = {
        "actor": entry.actor,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "facts": dict(entry.facts),
        "kind": entry.kind,
        "v": VERSION,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def decode(encoded: bytes) -> Entry:
    """The entry in *encoded*; raises LedgerBroken for any bytes that `encode` would not have written."""
    try:
        entry = _read(encoded)
        canonical = encode(entry) == encoded
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _malformed() from error
    if not canonical:
        raise _malformed()
    return entry


def _read(encoded: bytes) -> Entry:
    if len(encoded) > MAX_ENTRY_BYTES:
        raise ValueError("too long")
    document = json.loads(encoded.decode())
    return Entry(
        kind=document["kind"],
        at=datetime.fromisoformat(document["at"]),
        actor=document["actor"],
        facts=document["facts"],
    )


def _check_fact(name: str, value: str | int) -> None:
    if name in _INTEGER_FACTS:
        # bool is an int to Python, but JSON writes it as a word.
        if type(value) is not int or not 0 <= value <= _MAX_INTEGER:
            raise ValueError(f"the fact {name} is not an integer from 0 to 2^53 - 1")
    elif not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise ValueError(f"the fact {name} is not an opaque token")


def _malformed() -> LedgerBroken:
    return LedgerBroken(
        "entry-malformed",
        "an entry of the ledger is not in its canonical form",
        "run pleura audit verify and keep this home as it is: it is evidence",
    )
