"""A picture that somebody brings: decoded without keys, known by its digest, laid over what is here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pleura.domain.errors import BadInput
from pleura.domain.ports import Archive, Clock, PictureWorker, Records
from pleura.domain.rasters import Raster
from pleura.imaging.match.suspect import View
from pleura.ledger.ledger import Ledger
from pleura.monitor.overlay import Match, Search, overlays_by_view


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """The picture, and the digest that the ledger knows it by."""

    picture: Raster
    digest: str


@dataclass(frozen=True, kw_only=True)
class Suspects:
    """What everybody needs who looks for what a picture shows."""

    archive: Archive
    search: Search
    worker: PictureWorker
    records: Records
    ledger: Ledger
    clock: Clock

    def opened(self, path: Path, *, actor: str) -> Suspect:
        """The picture at *path*; raises BadInput for what is none, which is recorded."""
        with self.worker.opened(path) as source:
            digest = self.archive.digest(source).hex()
            try:
                return Suspect(picture=self.worker.suspect(source), digest=digest)
            except BadInput as refusal:
                self.write("refusal", actor, {"reason": refusal.code, "content": digest})
                raise

    def overlays(self, suspect: Suspect) -> Iterator[tuple[View, Iterator[Match]]]:
        """*suspect* laid over the likeliest of all originals that are here by now, view by view."""
        self.search.prepare()
        return overlays_by_view(suspect.picture, self.search, self.archive)

    def write(self, kind: str, actor: str, *entries: Mapping[str, str | int]) -> None:
        """Append the entries of one kind to the ledger, all of them or none."""
        with self.records.begin() as unit:
            for facts in entries:
                self.ledger.append(unit.ledger, kind, actor, **facts)
