"""The watch list and what it has found: nouns in, rows out, within one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from pleura.adapters.database import schema
from pleura.domain.errors import NotFound
from pleura.domain.tracing import Verdict
from pleura.domain.watching.asking import ImageSearch
from pleura.domain.watching.sightings import Look, SeenAt, Sighting, SightingLabel, Visit
from pleura.domain.watching.sources import Source


class SqlWatchRows:
    """The port `WatchRows` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_source(self, source: Source) -> None:
        """Store a source."""
        self._connection.execute(insert(schema.sources), _source_values(source))

    def replace_source(self, source: Source) -> None:
        """Store the new state of a source."""
        table = schema.sources
        self._connection.execute(
            update(table).where(table.c.name == source.name).values(_source_values(source))
        )

    def drop_source(self, name: str) -> None:
        """Remove a source and what its addresses held; what was seen there stays."""
        for table, column in (
            (schema.visits, schema.visits.c.source),
            (schema.sources, schema.sources.c.name),
        ):
            self._connection.execute(delete(table).where(column == name))

    def source(self, name: str) -> Source:
        """One source; raises NotFound."""
        row = self._one(schema.sources, name=name)
        if row is None:
            raise NotFound(
                "source-unknown",
                "there is no source {source} on the watch list",
                "list the sources with pleura watch list",
                source=name,
            )
        return _source(row)

    def sources(self) -> Sequence[Source]:
        """All sources, oldest first."""
        table = schema.sources
        rows = self._connection.execute(select(table).order_by(table.c.added_at, table.c.name)).mappings()
        return [_source(_named(row)) for row in rows]

    def visit(self, index: bytes) -> Visit | None:
        """The address with that keyed digest."""
        row = self._one(schema.visits, index=index)
        return Visit(**row) if row else None

    def put_visit(self, visit: Visit) -> None:
        """Store an address, or its new state."""
        self._put(schema.visits, _values(visit), "index")

    def forget_before(self, moment: datetime) -> None:
        """Remove addresses not visited since *moment*, and comparisons from before it that found nothing."""
        visits, looks = schema.visits, schema.looks
        self._connection.execute(delete(visits).where(visits.c.visited_at < moment))
        self._connection.execute(delete(looks).where(looks.c.looked_at < moment, looks.c.sighting == ""))

    def look(self, digest: bytes) -> Look | None:
        """The comparison that was made of that file."""
        row = self._one(schema.looks, digest=digest)
        return Look(**row) if row else None

    def put_look(self, look: Look) -> None:
        """Store a comparison, or a newer one."""
        self._put(schema.looks, _values(look), "digest")

    def add_sighting(self, sighting: Sighting) -> None:
        """Store a sighting."""
        self._connection.execute(insert(schema.sightings), _values(sighting))

    def replace_sighting(self, sighting: Sighting) -> None:
        """Store the new state of a sighting."""
        table = schema.sightings
        self._connection.execute(update(table).where(table.c.name == sighting.name).values(_values(sighting)))

    def sighting(self, name: str) -> Sighting:
        """One sighting; raises NotFound."""
        row = self._one(schema.sightings, name=name)
        if row is None:
            raise NotFound(
                "sighting-unknown",
                "there is no sighting {sighting}",
                "list the sightings with pleura sightings",
                sighting=name,
            )
        return _sighting(row)

    def sightings(self) -> Sequence[Sighting]:
        """All sightings, last seen first."""
        table = schema.sightings
        statement = select(table).order_by(table.c.last_seen.desc(), table.c.name)
        return [_sighting(_named(row)) for row in self._connection.execute(statement).mappings()]

    def put_seen_at(self, place: SeenAt) -> None:
        """Store a place where a sighting was seen, or its new state."""
        self._put(schema.seen_at, _values(place), "sighting", "index")

    def seen_at(self, sighting: str) -> Sequence[SeenAt]:
        """The places of a sighting, first seen first."""
        table = schema.seen_at
        statement = (
            select(table).where(table.c.sighting == sighting).order_by(table.c.first_seen, table.c.index)
        )
        return [SeenAt(**_named(row)) for row in self._connection.execute(statement).mappings()]

    def spread(self) -> Mapping[str, int]:
        """For every sighting the number of its places."""
        sighting = schema.seen_at.c.sighting
        statement = select(sighting, func.count()).group_by(sighting)
        return {str(name): int(count) for name, count in self._connection.execute(statement)}

    def add_label(self, label: SightingLabel) -> None:
        """Store what a person said, beside what was said before."""
        self._connection.execute(insert(schema.sighting_labels), _values(label))

    def labels(self, sighting: str) -> Sequence[SightingLabel]:
        """What was said about a sighting, oldest first."""
        table = schema.sighting_labels
        statement = select(table).where(table.c.sighting == sighting).order_by(table.c.at)
        return [SightingLabel(**_named(row)) for row in self._connection.execute(statement).mappings()]

    def add_image_search(self, search: ImageSearch) -> None:
        """Store that a part of an image left for an image search; its ledger entry comes with it."""
        self._connection.execute(insert(schema.image_searches), _values(search))

    def image_searches(self, image: str) -> Sequence[ImageSearch]:
        """The searches for one image, oldest first."""
        table = schema.image_searches
        statement = select(table).where(table.c.image == image).order_by(table.c.at, table.c.name)
        return [ImageSearch(**_named(row)) for row in self._connection.execute(statement).mappings()]

    def _put(self, table: Table, values: Mapping[str, Any], *key: str) -> None:
        chosen = [table.c[name] == values[name] for name in key]
        self._connection.execute(delete(table).where(*chosen))
        self._connection.execute(insert(table), values)

    def _one(self, table: Table, **key: object) -> dict[str, Any] | None:
        statement = select(table).where(*(table.c[name] == value for name, value in key.items()))
        row = self._connection.execute(statement).mappings().one_or_none()
        return None if row is None else _named(row)


def _source(row: Mapping[str, Any]) -> Source:
    return Source(**{**row, "every": timedelta(seconds=row["every"])})


def _source_values(source: Source) -> dict[str, Any]:
    return _values(source) | {"every": int(source.every.total_seconds())}


def _sighting(row: Mapping[str, Any]) -> Sighting:
    return Sighting(**{**row, "verdict": Verdict(row["verdict"])})


def _named(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}


def _values(noun: Any) -> dict[str, Any]:
    """The fields of a noun under the names of their columns; the tables were named after the nouns."""
    return {field.name: getattr(noun, field.name) for field in fields(noun)}
