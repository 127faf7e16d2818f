"""Sources: places outside that are looked at again and again."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal, get_args
from urllib.parse import quote, urlsplit

from pleura.domain.errors import BadInput

SourceKind = Literal["page", "site", "search", "folder", "mail", "list"]
"""One page; a site with its links, sitemap and feed; a search; files; a mail drop; a hash list of others."""

ON_THE_WEB: Final = frozenset({"page", "site", "search"})
QUERY: Final = "{query}"
"""What stands for the words of a search in its address."""

SHORTEST: Final = timedelta(minutes=10)
LONGEST: Final = timedelta(days=366)
_EVERY: Final = re.compile(r"([0-9]{1,4})([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_MOST_TEXT: Final = 2000


@dataclass(frozen=True, kw_only=True)
class WatchPlace:
    """Where a source is, which may name a person: an address or a path."""

    kind: SourceKind
    address: str
    query: str = ""
    """The words of a search, or the public key that signs a list, in hexadecimal."""

    def __post_init__(self) -> None:
        if self.kind not in get_args(SourceKind):
            raise BadInput(
                "bad-source-kind",
                "there is no kind of source called {kind}",
                "choose page, site, search, folder, mail or list",
                kind=self.kind,
            )
        if self.kind in ON_THE_WEB:
            _check_address(self.address)
        elif not Path(self.address).is_absolute() or len(self.address) > _MOST_TEXT:
            raise BadInput(
                "bad-source-folder", "a source on this machine is a folder or a file", "give its path"
            )
        if self.kind == "list":
            _check_key(self.query)
            return
        if (QUERY in self.address) != (self.kind == "search") or bool(self.query) != (self.kind == "search"):
            raise BadInput(
                "bad-search",
                "a saved search is an address that contains {mark}, and the words to put there",
                "write the address with {mark} where the words go, and give the words",
                mark=QUERY,
            )

    @property
    def url(self) -> str:
        """The address with the words of the search in it."""
        return self.address.replace(QUERY, quote(self.query, safe=""))

    @property
    def host(self) -> str:
        """The host that is asked first, in lower case with its port; empty for a folder."""
        return urlsplit(self.url).netloc.lower() if self.kind in ON_THE_WEB else ""


def _check_key(key: str) -> None:
    """Return when *key* is a public key; raises BadInput."""
    if not re.fullmatch(r"[0-9a-f]{64}", key):
        raise BadInput(
            "bad-list-key",
            "a hash list is believed by its public key, and none was given in 64 hexadecimal digits",
            "get it from whoever makes the list, by another way than the list, and give it with --key",
        )


def _check_address(address: str) -> None:
    """Return when *address* is a plain web address; raises BadInput."""
    plain = address.isascii() and address.isprintable() and " " not in address and len(address) <= _MOST_TEXT
    try:
        parts = urlsplit(address)
        sound = plain and parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise BadInput(
            "bad-source-address",
            "this is no web address that pleura can watch",
            "give an address that begins with https:// or http://, as the browser shows it",
        )
    if "@" in parts.netloc:
        raise BadInput(
            "source-with-password",
            "the address holds a user name or a password, and pleura signs in nowhere",
            "give an address that anybody can open",
        )


def interval(written: str) -> timedelta:
    """The time between two looks, from words such as 30m, 6h or 7d; raises BadInput."""
    found = _EVERY.fullmatch(written)
    every = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta(0)
    if not SHORTEST <= every <= LONGEST:
        raise BadInput(
            "bad-interval",
            "{written} is no time between two looks",
            "give a time between 10m and 366d, such as 30m, 6h or 7d",
            written=written,
        )
    return every


@dataclass(frozen=True, kw_only=True)
class Source:
    """One place on the watch list, as stored."""

    name: str
    kind: SourceKind
    sealed_place: bytes = field(repr=False)
    host_index: bytes = field(repr=False)
    """Keyed digest of the host: two sources of one host are never looked at side by side."""
    every: timedelta
    browser: bool
    """Whether its pages are opened in a browser, because scripts make them."""
    enabled: bool
    added_at: datetime
    looked_at: datetime | None = None
    result: str = ""
    """Empty after a look that went well, else the code of what was in the way."""
    holder: str = ""
    """The worker that looks at it now."""
    held_until: datetime | None = None
    """When it may be taken from that worker, which must have died."""

    def is_due(self, now: datetime) -> bool:
        """Whether it is to be looked at."""
        return self.enabled and (self.looked_at is None or now - self.looked_at >= self.every)

    def is_free(self, now: datetime, holder: str) -> bool:
        """Whether *holder* may have it."""
        return self.holder in {"", holder} or self.held_until is None or self.held_until <= now
