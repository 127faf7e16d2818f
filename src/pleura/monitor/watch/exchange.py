"""Hash lists: which files others have seen outside, and which ones we have (docs/formats/hash-list.md).

A list holds plain SHA-256 digests of leaked files, and nothing that looks alike: whoever has a list can ask
it only about a file that he has himself, byte for byte. A perceptual hash would answer about any picture.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from pleura.crypto.signing import Signer, verify
from pleura.domain.errors import BadInput, LedgerBroken
from pleura.domain.ports import Clock, Records
from pleura.domain.watching.sightings import Context
from pleura.ledger.ledger import Ledger
from pleura.monitor.watch.sealing import WatchKey
from pleura.monitor.watch.sightings import Sightings

FORMAT: Final = "pleura-hash-list-1"
_MOST_BYTES: Final = 8 << 20
_TEXT: Final = re.compile(
    r"pleura-hash-list-1\n([!-~]{1,128})\n(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\n((?:[0-9a-f]{64}\n)*)", re.ASCII
)
_SIGNATURE: Final = re.compile(r"— ([A-Za-z0-9+/]{43}=) ([A-Za-z0-9+/]{86}==)\n", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class HashList:
    """What one installation says it has seen outside."""

    issuer: str
    made_at: datetime
    digests: frozenset[str]
    """SHA-256 in hexadecimal."""


class SigningKey(WatchKey, Protocol):
    """Whoever signs what leaves this installation."""

    @property
    def signer(self) -> Signer: ...  # noqa: D102 - its name says it


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """Gives and takes hash lists."""

    records: Records
    ledger: Ledger
    keys: SigningKey
    clock: Clock
    sightings: Sightings
    issuer: str
    """The origin of this installation's ledger."""

    def own(self, *, actor: str) -> str:
        """The signed list of every file that a person has called a true sighting."""
        digests = {
            place.context.sha256
            for overview in self.sightings.all()
            if overview.sighting.label == "true"
            for place in self.sightings.show(overview.sighting.name).places
            if place.context.sha256
        }
        with self.records.begin() as unit:
            self.ledger.append(unit.ledger, "hash-list", actor, objects=len(digests))
        return write_list(self.issuer, self.clock.now(), digests, self.keys.signer)

    def compare(self, file: Path, key: str, source: str) -> tuple[int, int]:
        """How many new places, and how many known ones, the list in *file* adds to our sightings.

        A file of a sighting that somebody else lists is a place of that sighting. Raises BadInput for a list
        that is not signed by *key*.
        """
        listed = read_list(_content(file), bytes.fromhex(key))
        new = again = 0
        for overview in self.sightings.all():
            name = overview.sighting.name
            shared = {place.context.sha256 for place in self.sightings.show(name).places} & listed.digests
            for digest in sorted(shared):
                context = Context(page=f"list:{listed.issuer}", picture=f"sha256:{digest}", sha256=digest)
                with self.records.begin() as unit:
                    is_new = self.sightings.seen(name, source, context, unit)
                new, again = new + is_new, again + (not is_new)
        return new, again


def write_list(issuer: str, made_at: datetime, digests: Iterable[str], signer: Signer) -> str:
    """A signed list; the digests are sorted, so that their order says nothing."""
    lines = [FORMAT, issuer, f"{made_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", *sorted(digests)]
    text = "".join(f"{line}\n" for line in lines)
    public, signature = (
        base64.b64encode(each).decode() for each in (signer.public, signer.sign(text.encode()))
    )
    return f"{text}\n— {public} {signature}\n"


def read_list(content: bytes, public: bytes) -> HashList:
    """The list in *content*, signed by the 32-byte *public* key; raises BadInput."""
    try:
        text, _, line = content.decode().partition("\n\n")
        text += "\n"
        parts, signature = _TEXT.fullmatch(text), _SIGNATURE.fullmatch(line)
        if parts is None or signature is None or base64.b64decode(signature[1]) != public:
            raise _no_list()
        verify(public, text.encode(), base64.b64decode(signature[2]))
        made_at = datetime.fromisoformat(parts[2])
    except (UnicodeDecodeError, ValueError, LedgerBroken):
        raise _no_list() from None
    return HashList(issuer=parts[1], made_at=made_at, digests=frozenset(parts[3].split()))


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(_MOST_BYTES)
    except OSError:
        raise _no_list() from None


def _no_list() -> BadInput:
    return BadInput(
        "bad-hash-list",
        "this is no hash list that is signed by that key",
        "ask whoever made it for the file and the public key again, by two different ways",
    )
