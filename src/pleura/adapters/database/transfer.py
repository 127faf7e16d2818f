"""Everything in a database as one portable stream, and back: for backups and for moving.

The stream is msgpack frames, each after its length in 4 bytes: first a header with the schema revision,
then batches of rows, table by table in the order that foreign keys ask for, and an end frame with the
number of rows of every table. Whoever stores it seals it: the stream itself carries no digest.
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, column, insert, select, table
from sqlalchemy.types import NullType, TypeEngine

from pleura.adapters.database.schema import ledger, metadata
from pleura.domain.errors import BadInput

FORMAT: Final = "pleura-dump-1"
_BATCH: Final = 500
_MOST_FRAME: Final = 64 << 20


class Header(msgspec.Struct, frozen=True, tag="header"):
    """What a stream begins with."""

    format: Literal["pleura-dump-1"]
    revision: str


class _Rows(msgspec.Struct, frozen=True, tag="rows"):
    table: str
    columns: list[str]
    rows: list[list[Any]]


class _End(msgspec.Struct, frozen=True, tag="end"):
    counts: dict[str, int]


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Header | _Rows | _End)


def dump(connection: Connection, revision: str) -> Iterator[bytes]:
    """The frames of everything that *connection* sees."""
    yield _frame(Header(format="pleura-dump-1", revision=revision))
    counts: Counter[str] = Counter()
    for source in metadata.sorted_tables:
        result = connection.execute(select(source).execution_options(yield_per=_BATCH))
        for batch in result.partitions(_BATCH):
            counts[str(source.name)] += len(batch)
            yield _frame(
                _Rows(
                    table=str(source.name),
                    columns=[str(each.name) for each in source.columns],
                    rows=[list(row) for row in batch],
                )
            )
    yield _frame(_End(counts=dict(counts)))


def frames(pieces: Iterable[bytes | memoryview]) -> Iterator[Header | _Rows | _End]:
    """The decoded frames of a stream; raises BadInput where it is not one."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= 4:
            (size,) = struct.unpack_from(">I", held)
            if size > _MOST_FRAME:
                raise malformed()
            if len(held) < 4 + size:
                break
            try:
                yield _DECODER.decode(bytes(held[4 : 4 + size]))
            except msgspec.MsgspecError:
                raise malformed() from None
            del held[: 4 + size]
    if held:
        raise malformed()


def load(connection: Connection, following: Iterator[Header | _Rows | _End]) -> None:
    """Insert the rows after the header into empty tables of the same revision; raises BadInput.

    The end frame is checked, and nothing may follow it: a stream that stops early or goes on fills nothing,
    because the caller rolls back.
    """
    counts: Counter[str] = Counter()
    for each in following:
        match each:
            case _Rows():
                counts[each.table] += len(each.rows)
                _insert(connection, each)
            case _End():
                if each.counts != dict(counts) or next(following, None) is not None:
                    raise malformed()
                return
            case _:
                raise malformed()
    raise malformed()


def census(pieces: Iterable[bytes | memoryview], *, entries: int | None = None) -> dict[str, tuple[int, int]]:
    """For every table the number of its rows and the sum of their SHA-256 digests, modulo 2^256.

    The order of rows, which every database chooses for itself, does not matter. *entries*: the ledger
    counts up to that many entries only.
    """
    found: dict[str, tuple[int, int]] = {}
    for each in frames(pieces):
        if isinstance(each, _Rows):
            count, total = found.get(each.table, (0, 0))
            rows = each.rows
            if entries is not None and each.table == ledger.name:
                at = each.columns.index(ledger.c.index.name)
                rows = [row for row in rows if row[at] < entries]
            for row in rows:
                total += int.from_bytes(hashlib.sha256(_ENCODER.encode(row)).digest())
            found[each.table] = (count + len(rows), total % 2**256)
    return found


def _insert(connection: Connection, batch: _Rows) -> None:
    typed = [column(name, _type(batch.table, name)) for name in batch.columns]
    rows: list[dict[str, Any]] = [dict(zip(batch.columns, row, strict=True)) for row in batch.rows]
    connection.execute(insert(table(batch.table, *typed)), rows)


def _type(table_name: str, column_name: str) -> TypeEngine[Any]:
    """The type of a column, also where an older revision had it and this one has not."""
    known = metadata.tables.get(table_name)
    if known is None or column_name not in known.columns:
        return NullType()
    return known.columns[column_name].type


def _frame(content: Header | _Rows | _End) -> bytes:
    encoded = _ENCODER.encode(content)
    return struct.pack(">I", len(encoded)) + encoded


def malformed() -> BadInput:
    """The refusal of a stream that is cut, changed or not ours."""
    return BadInput(
        "dump-malformed",
        "the stored snapshot of the database is not whole or not one of ours",
        "use another snapshot, and verify this one: pleura backup verify",
    )
