"""Trace: from a suspect picture to the one copy it came from, with its error probability.

1. The suspect is decoded in a disposable worker without keys.
2. Candidates: the originals whose features vote for the suspect, from an index (`imaging.match.index`).
3. Alignment: the best candidates are registered to the suspect, one after the other.
4. Residual: what of the suspect the original does not explain, measured without any key.
5. Scores: every copy of that image is correlated with the residual. A copy is named only when the
   bound on the false-match probability, over all comparisons made, is below the accusation limit.
   Where no copy can be named, the image is matched when the alignment holds; else the next is tried.
6. Payload: what the mark says by itself is read without the copy records. Where it can be read and
   agrees with none of the named copies, nobody is named.
7. The verdict is in the ledger before it is answered.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final, Protocol

from pleura.domain.copies import CopyRecord, Payload
from pleura.domain.errors import BadInput
from pleura.domain.ports import Archive, Clock, PictureWorker, Records
from pleura.domain.rasters import Raster
from pleura.domain.tracing import ACCUSATION_LIMIT, TraceReport, Verdict, false_match_probability
from pleura.imaging.mark.layout import PLAN_BYTES, STREAM_BYTES, Plan, plan
from pleura.imaging.mark.read import Residual, own_part, payloads, residual, score
from pleura.imaging.match.features import Features, features
from pleura.imaging.match.register import Alignment, Geometry, align, find_geometry
from pleura.imaging.match.sketch import Work
from pleura.imaging.match.suspect import views
from pleura.imaging.rasters import to_array
from pleura.ledger.ledger import Ledger

MAX_CANDIDATES: Final = 5
"""Originals that are registered to one view of the suspect, most votes first."""


TRIED_INLIERS: Final = 12
"""Inliers from which an overlay is tried.

A small crop may have too few for its geometry alone to hold; the mark, whose proof does not rest on
the geometry, may still name the copy.
"""


_SURE_INLIERS: Final = 60
"""Inliers below which all of the original's features are tried, not only those that it is found by."""

_ALL_FEATURES: Final = 5000


@dataclass(frozen=True, kw_only=True)
class Match:
    """The suspect laid over the original that it shows."""

    image: str
    work: Work
    alignment: Alignment


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A report with the pictures it was read from."""

    report: TraceReport
    suspect: Raster
    match: Match | None


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """An overlay, what it leaves unexplained, and how every copy of its image scores there."""

    match: Match
    rest: Residual
    shared: Plan
    scores: Mapping[str, float]

    @property
    def best(self) -> float:
        """The highest score, 0 where there is no copy."""
        return max(self.scores.values(), default=0.0)


class _Close:
    """An original as it is looked at when there is reason to."""

    def __init__(self, work: Work) -> None:
        self.work = work

    @classmethod
    def of(cls, work: bytes | None) -> _Close | None:
        """The original with that work image; None where it is lost."""
        return cls(Work.from_bytes(work)) if work is not None else None

    def geometry(self, suspect: Features, found_by: Features) -> Geometry | None:
        """How the suspect lies over it: by the features it was found by, or where those are few by all."""
        found = find_geometry(suspect, found_by)
        if found is not None and found.inliers >= _SURE_INLIERS:
            return found
        again = find_geometry(suspect, self._features)
        return max(found, again, key=lambda each: each.inliers if each else 0)

    @cached_property
    def _features(self) -> Features:
        return features(self.work.grey, _ALL_FEATURES)


class Search(Protocol):
    """Where candidates come from."""

    def candidates(self, suspect: Features, limit: int) -> Sequence[tuple[str, Features]]:
        """At most *limit* originals that *suspect* may come from with their features, likeliest first."""
        ...


@dataclass(frozen=True, kw_only=True)
class Tracer:
    """Traces suspect pictures and records every verdict."""

    archive: Archive
    search: Search
    worker: PictureWorker
    records: Records
    ledger: Ledger
    clock: Clock

    def trace(self, path: Path, *, actor: str) -> Trace:
        """The verdict on the picture at *path*; raises BadInput for what is no picture, LedgerBroken."""
        started = time.monotonic()
        with self.worker.opened(path) as source:
            suspect_digest = self.archive.digest(source).hex()
            try:
                suspect = self.worker.suspect(source)
            except BadInput as refusal:
                with self.records.begin() as unit:
                    self.ledger.append(
                        unit.ledger, "refusal", actor, reason=refusal.code, content=suspect_digest
                    )
                raise
        reading, comparisons = self._read(suspect)
        report = self._judge(reading, comparisons, started)
        self._write(report, suspect_digest, actor)
        return Trace(report=report, suspect=suspect, match=reading.match if reading else None)

    def _read(self, suspect: Raster) -> tuple[_Reading | None, int]:
        """The first overlay that holds, or whose mark speaks for itself, and all copies compared so far."""
        comparisons = 0
        for match in overlays(suspect, self.search, self.archive):
            reading = self._compare(match)
            comparisons += len(reading.scores)
            speaks = false_match_probability(reading.best, comparisons) <= ACCUSATION_LIMIT
            if speaks or match.alignment.holds:
                return reading, comparisons
        return None, comparisons

    def _compare(self, match: Match) -> _Reading:
        """The score of every copy of the image that the suspect is laid over."""
        shape = (match.work.rows, match.work.columns)
        rest = residual(match.alignment, match.work.grey, shape)
        shared = plan(self.archive.plan_stream(match.image, PLAN_BYTES), shape)
        own = own_part(rest, shared)
        scores = {
            copy: score(
                own if version > 1 else rest, self.archive.mark_stream(match.image, copy, STREAM_BYTES)
            )
            for copy, version in self.archive.marks(match.image).items()
        }
        return _Reading(match=match, rest=rest, shared=shared, scores=scores)

    def _judge(self, reading: _Reading | None, comparisons: int, started: float) -> TraceReport:
        image = reading.match.image if reading else None
        best = reading.best if reading else 0.0
        payload = self._payload(reading) if reading else None
        named = self._named(reading, payload, comparisons) if reading else ()
        record = named[0] if named else None
        return TraceReport(
            verdict=_verdict(image, record),
            image=image,
            record=record,
            others=named[1:],
            payload=payload,
            false_match_probability=false_match_probability(best, comparisons),
            score=best,
            comparisons=comparisons,
            seconds=time.monotonic() - started,
            finished_at=self.clock.now(),
            unmarked=self.archive.unmarked(image) if image else 0,
        )

    def _payload(self, reading: _Reading) -> Payload | None:
        return self.archive.payload(reading.match.image, payloads(reading.rest, reading.shared))

    def _named(self, reading: _Reading, payload: Payload | None, comparisons: int) -> tuple[CopyRecord, ...]:
        """The copies that are in the picture, highest score first; none where the payload denies them."""
        ranked = sorted(reading.scores, key=lambda copy: -reading.scores[copy])
        records = tuple(
            self.archive.record(reading.match.image, copy)
            for copy in ranked
            if false_match_probability(reading.scores[copy], comparisons) <= ACCUSATION_LIMIT
        )
        agrees = payload is None or any(self.archive.says(record) == payload for record in records)
        return records if agrees else ()

    def _write(self, report: TraceReport, suspect_digest: str, actor: str) -> None:
        named = {"image": report.image} if report.image else {}
        if report.record:
            named["copy"] = report.record.copy
        with self.records.begin() as unit:
            self.ledger.append(
                unit.ledger,
                "trace",
                actor,
                suspect=suspect_digest,
                verdict=report.verdict.value,
                comparisons=report.comparisons,
                **named,
            )


def overlays(suspect: Raster, search: Search, archive: Archive) -> Iterator[Match]:
    """The suspect laid over its likeliest originals, one after the other, until the caller has enough."""
    closely = cache(lambda image: _Close.of(archive.work(image)))
    for view in views(to_array(suspect)):
        for image, found_by in search.candidates(view.features, MAX_CANDIDATES):
            original = closely(image)
            geometry = original.geometry(view.features, found_by) if original else None
            if original is None or geometry is None or geometry.inliers < TRIED_INLIERS:
                continue
            work = original.work
            yield Match(image=image, work=work, alignment=align(view.grey, geometry, work.grey))


def _verdict(image: str | None, record: CopyRecord | None) -> Verdict:
    if image is None:
        return Verdict.UNKNOWN
    return Verdict.TRACED if record else Verdict.MATCHED
