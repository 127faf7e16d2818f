"""Sightings: recorded by a look, listed by how pressing they are, and labelled by people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from pleura.domain.ids import new_id
from pleura.domain.ports import Clock, Records, Unit
from pleura.domain.tracing import TraceReport
from pleura.domain.watching.sightings import (
    Context,
    LabelWord,
    SeenAt,
    Severity,
    Sighting,
    SightingLabel,
    checked_reason,
    severity,
)
from pleura.ledger.ledger import Ledger
from pleura.monitor.watch.sealing import WatchKey, index_of, opened, sealed

_ORDER: Final = {Severity.HIGH: 0, Severity.MEDIUM: 1, Severity.NONE: 2}


@dataclass(frozen=True, kw_only=True)
class Overview:
    """A sighting with how far it has spread."""

    sighting: Sighting
    places: int

    @property
    def severity(self) -> Severity:
        """How pressing it is."""
        return severity(self.sighting.verdict, self.places, self.sighting.label)


@dataclass(frozen=True, kw_only=True)
class Place:
    """One place of a sighting, opened."""

    seen: SeenAt
    context: Context


@dataclass(frozen=True, kw_only=True)
class Said:
    """A label, opened."""

    label: SightingLabel
    reason: str


@dataclass(frozen=True, kw_only=True)
class Detail:
    """Everything that is known of a sighting."""

    overview: Overview
    places: tuple[Place, ...]
    labels: tuple[Said, ...]


@dataclass(frozen=True, kw_only=True)
class Sightings:
    """What was seen outside."""

    records: Records
    ledger: Ledger
    keys: WatchKey
    clock: Clock

    def all(self) -> list[Overview]:
        """Every sighting, the most pressing first, then last seen first."""
        with self.records.read() as unit:
            spread = unit.watch.spread()
            found = [
                Overview(sighting=sighting, places=spread.get(sighting.name, 0))
                for sighting in unit.watch.sightings()
            ]
        return sorted(found, key=lambda each: _ORDER[each.severity])

    def show(self, name: str) -> Detail:
        """One sighting with its places and labels; raises NotFound, SealBroken."""
        with self.records.read() as unit:
            sighting = unit.watch.sighting(name)
            places = tuple(
                Place(seen=seen, context=opened(self.keys, _at(name), seen.sealed_context, Context))
                for seen in unit.watch.seen_at(name)
            )
            return Detail(
                overview=Overview(sighting=sighting, places=len(places)),
                places=places,
                labels=tuple(
                    Said(label=label, reason=opened(self.keys, _said(name), label.sealed_reason, str))
                    for label in unit.watch.labels(name)
                ),
            )

    def label(self, name: str, word: LabelWord, reason: str, *, actor: str) -> None:
        """Keep what a person says of a sighting; no threshold learns from it. Raises NotFound, BadInput.

        What was said before stays beside it; the newest counts for how pressing the sighting is.
        """
        reason = checked_reason(reason)
        with self.records.begin() as unit:
            sighting = unit.watch.sighting(name)
            unit.watch.add_label(
                SightingLabel(
                    sighting=name,
                    at=self.clock.now(),
                    label=word,
                    by=actor,
                    sealed_reason=sealed(self.keys, _said(name), reason),
                )
            )
            unit.watch.replace_sighting(replace(sighting, label=word))
            self.ledger.append(unit.ledger, "label", actor, sighting=name, label=word)

    def record(self, report: TraceReport, digest: bytes, source: str, *, actor: str, unit: Unit) -> str:
        """The name of a new sighting, in the caller's transaction; the report found one of our images."""
        if report.image is None:
            raise ValueError("a picture that is not ours is no sighting")
        name, now = new_id("sighting"), self.clock.now()
        copy = report.record.copy if report.record else None
        unit.watch.add_sighting(
            Sighting(
                name=name,
                digest=digest,
                source=source,
                verdict=report.verdict,
                image=report.image,
                copy=copy,
                score=report.score,
                false_match_probability=report.false_match_probability,
                first_seen=now,
                last_seen=now,
            )
        )
        self.ledger.append(
            unit.ledger,
            "sighting",
            actor,
            sighting=name,
            source=source,
            suspect=digest.hex(),
            verdict=report.verdict.value,
            image=report.image,
            **({"copy": copy} if copy else {}),
        )
        return name

    def seen(self, name: str, source: str, context: Context, unit: Unit) -> bool:
        """Whether the place is a new one; it is remembered as seen now, in the caller's transaction."""
        now = self.clock.now()
        index = index_of(self.keys, "place", name, context.page, context.picture)
        before = next((place for place in unit.watch.seen_at(name) if place.index == index), None)
        first, times = (before.first_seen, before.times) if before else (now, 0)
        unit.watch.put_seen_at(
            SeenAt(
                sighting=name,
                index=index,
                source=source,
                sealed_context=sealed(self.keys, _at(name), context),
                first_seen=first,
                last_seen=now,
                times=times + 1,
            )
        )
        unit.watch.replace_sighting(replace(unit.watch.sighting(name), last_seen=now))
        return before is None


def _at(name: str) -> str:
    return f"seen-at/{name}"


def _said(name: str) -> str:
    return f"label/{name}"
