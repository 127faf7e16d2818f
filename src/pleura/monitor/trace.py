"""Trace: from a suspect picture to the one copy it came from, with its error probability.

1. The suspect is decoded in a disposable worker without keys.
2. Candidates: the originals whose features vote for the suspect, from an index (`imaging.match.index`).
3. Alignment: the best candidates are registered to the suspect, one after the other.
4. Residual: what of the suspect the original does not explain, measured without any key.
5. Scores: every copy of that image is correlated with the residual. A copy is named only when the
   bound on the false-match probability, over all comparisons made, is below the accusation limit.
   Where no copy can be named, the image is matched when the alignment holds all over, related when it
   holds in places only; else the next is tried.
6. Payload: what the mark says by itself is read without the copy records. Where it can be read and
   agrees with none of the named copies, nobody is named.
7. The verdict is in the ledger before it is answered.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pleura.domain.copies import CopyRecord, Payload
from pleura.domain.ports import Archive
from pleura.domain.rasters import Raster
from pleura.domain.tracing import ACCUSATION_LIMIT, TraceReport, Verdict, false_match_probability
from pleura.imaging.mark.layout import PLAN_BYTES, STREAM_BYTES, Plan, plan
from pleura.imaging.mark.read import Residual, own_part, payloads, residual, score
from pleura.monitor.overlay import Match
from pleura.monitor.suspects import Suspect, Suspects


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


@dataclass(frozen=True, kw_only=True)
class Tracer:
    """Traces suspect pictures and records every verdict."""

    suspects: Suspects

    @property
    def _archive(self) -> Archive:
        return self.suspects.archive

    def trace(self, path: Path, *, actor: str) -> Trace:
        """The verdict on the picture at *path*; raises BadInput for what is no picture, LedgerBroken."""
        started = time.monotonic()
        suspect = self.suspects.opened(path, actor=actor)
        reading, comparisons = self._read(suspect)
        report = self._judge(reading, comparisons, started)
        self._write(report, suspect, actor)
        return Trace(report=report, suspect=suspect.picture, match=reading.match if reading else None)

    def _read(self, suspect: Suspect) -> tuple[_Reading | None, int]:
        """The first overlay whose mark speaks, or that holds, and all copies compared so far.

        A film may be here more than once, and any of them may be the one that was copied: all that it lies
        over as well are compared. Another exposure of the same patient is the answer only where no exposure
        is the very one.
        """
        comparisons, related = 0, None
        for _, matches in self.suspects.overlays(suspect):
            exact: _Reading | None = None
            for match in matches:
                if exact is not None and not _is_rival(match, exact.match):
                    break
                reading = self._compare(match)
                comparisons += len(reading.scores)
                if false_match_probability(reading.best, comparisons) <= ACCUSATION_LIMIT:
                    return reading, comparisons
                if exact is None and match.alignment.holds and match.alignment.same_exposure:
                    exact = reading
                elif related is None and match.alignment.holds:
                    related = reading
            if exact is not None:
                return exact, comparisons
        return related, comparisons

    def _compare(self, match: Match) -> _Reading:
        """The score of every copy of the image that the suspect is laid over."""
        shape = (match.work.rows, match.work.columns)
        rest = residual(match.alignment, match.work.grey, shape)
        shared = plan(self._archive.plan_stream(match.image, PLAN_BYTES), shape)
        own = own_part(rest, shared)
        scores = {
            copy: score(
                own if version > 1 else rest, self._archive.mark_stream(match.image, copy, STREAM_BYTES)
            )
            for copy, version in self._archive.marks(match.image).items()
        }
        return _Reading(match=match, rest=rest, shared=shared, scores=scores)

    def _judge(self, reading: _Reading | None, comparisons: int, started: float) -> TraceReport:
        image = reading.match.image if reading else None
        best = reading.best if reading else 0.0
        payload = self._payload(reading) if reading else None
        named = self._named(reading, payload, comparisons) if reading else ()
        record = named[0] if named else None
        return TraceReport(
            verdict=_verdict(reading, record),
            image=image,
            record=record,
            others=named[1:],
            payload=payload,
            false_match_probability=false_match_probability(best, comparisons),
            score=best,
            comparisons=comparisons,
            seconds=time.monotonic() - started,
            finished_at=self.suspects.clock.now(),
            unmarked=self._archive.unmarked(image) if image else 0,
        )

    def _payload(self, reading: _Reading) -> Payload | None:
        return self._archive.payload(reading.match.image, payloads(reading.rest, reading.shared))

    def _named(self, reading: _Reading, payload: Payload | None, comparisons: int) -> tuple[CopyRecord, ...]:
        """The copies that are in the picture, highest score first; none where the payload denies them."""
        ranked = sorted(reading.scores, key=lambda copy: -reading.scores[copy])
        records = tuple(
            self._archive.record(reading.match.image, copy)
            for copy in ranked
            if false_match_probability(reading.scores[copy], comparisons) <= ACCUSATION_LIMIT
        )
        agrees = payload is None or any(self._archive.says(record) == payload for record in records)
        return records if agrees else ()

    def _write(self, report: TraceReport, suspect: Suspect, actor: str) -> None:
        facts: dict[str, str | int] = {
            "suspect": suspect.digest,
            "verdict": report.verdict.value,
            "comparisons": report.comparisons,
        }
        if report.image:
            facts["image"] = report.image
        if report.record:
            facts["copy"] = report.record.copy
        self.suspects.write("trace", actor, facts)


def _is_rival(match: Match, exact: Match) -> bool:
    """Whether the suspect lies over it about as well as over the one that it shows."""
    return match.alignment.inliers >= exact.alignment.inliers / 2


def _verdict(reading: _Reading | None, record: CopyRecord | None) -> Verdict:
    if reading is None:
        return Verdict.UNKNOWN
    if record is not None:
        return Verdict.TRACED
    return Verdict.MATCHED if reading.match.alignment.same_exposure else Verdict.RELATED
