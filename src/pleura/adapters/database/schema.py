"""The tables: portable types only, so that SQLite and PostgreSQL store the same.

What erasure and rotation touch is kept apart: a patient's wrapped key is a row of its own, so that
erasing her is deleting that row, and rotating the root is rewriting ``patient_keys`` and
``installation_keys`` only. Both say which root epoch wraps them. A commitment is the one in the header of
the sealed object: with it, an older sealing under the same key is refused; it is empty in rows from before
this rule. An erasure that was begun and objects that are to be deleted are rows too, so that a cut erasure is
completed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)

from pleura.domain.images import MOST_TEXT


class UtcTime(TypeDecorator[datetime]):
    """A moment with its time zone, stored in UTC; SQLite alone would drop the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """*value* in UTC; a moment without a time zone is refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored moment needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """*value* with its time zone, UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_NAME: Final = String(64)
_TEXT: Final = String(MOST_TEXT)
_BIG: Final = BigInteger().with_variant(Integer(), "sqlite")
_UNSKETCHED: Final = text("sketch_name IS NULL")

installation_keys: Final = Table(
    "installation_keys",
    metadata,
    Column("purpose", String(16), primary_key=True),
    Column("root_epoch", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
)

patients: Final = Table(
    "patients",
    metadata,
    Column("id", _NAME, primary_key=True),
    Column("index", LargeBinary, nullable=False, unique=True),
    Column("sealed_identity", LargeBinary, nullable=False),
)

patient_keys: Final = Table(
    "patient_keys",
    metadata,
    Column("patient", _NAME, ForeignKey("patients.id"), primary_key=True),
    Column("root_epoch", Integer, nullable=False),
    Column("wrapped_kek", LargeBinary, nullable=False),
)

studies: Final = Table(
    "studies",
    metadata,
    Column("id", _NAME, primary_key=True),
    Column("patient", _NAME, ForeignKey("patients.id"), nullable=False, index=True),
    Column("index", LargeBinary, nullable=False, unique=True),
)

images: Final = Table(
    "images",
    metadata,
    Column("id", _NAME, primary_key=True),
    Column("study", _NAME, ForeignKey("studies.id"), nullable=False, index=True),
    Column("patient", _NAME, ForeignKey("patients.id"), nullable=False),
    Column("modality", _TEXT, nullable=False),
    Column("device_serial", _TEXT, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("columns", Integer, nullable=False),
    Column("bits_stored", Integer, nullable=False),
    Column("origin", String(16), nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("content_index", LargeBinary, nullable=False, unique=True),
    Column("instance_index", LargeBinary, nullable=False, unique=True),
    Column("object_name", String(260), nullable=False, unique=True),
    Column("object_size", _BIG, nullable=False),
    Column("object_commitment", LargeBinary, nullable=False),
    Column("sketch_name", String(260), nullable=True, unique=True),
    Column("sketch_commitment", LargeBinary, nullable=True),
    Column("wrapped_dek", LargeBinary, nullable=False),
    Column("sealed_facts", LargeBinary, nullable=False),
    Index("ix_images_received_at_id", "received_at", "id"),
    Index("ix_images_patient_received_at_id", "patient", "received_at", "id"),
    # Few rows at any time, looked for before every trace.
    Index("ix_images_unsketched", "received_at", sqlite_where=_UNSKETCHED, postgresql_where=_UNSKETCHED),
)

ledger: Final = Table(
    "ledger",
    metadata,
    Column("index", _BIG, primary_key=True, autoincrement=False),
    Column("entry", LargeBinary, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("head", Text, nullable=False),
)

copies: Final = Table(
    "copies",
    metadata,
    Column("copy", _NAME, primary_key=True),
    Column("image", _NAME, ForeignKey("images.id"), nullable=False, index=True),
    Column("issued_at", UtcTime, nullable=False),
    Column("ledger_index", _BIG, ForeignKey("ledger.index"), nullable=False, unique=True),
    Column("mark_version", Integer, nullable=False),
    Column("sealed_record", LargeBinary, nullable=False),
)

accounts: Final = Table(
    "accounts",
    metadata,
    Column("name", _NAME, primary_key=True),
    Column("role", String(32), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

policies: Final = Table(
    "policies",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", String(64), nullable=False),
)

restrictions: Final = Table(
    "restrictions",
    metadata,
    Column("subject", _NAME, primary_key=True),
    Column("since", UtcTime, nullable=False),
)

erasure_requests: Final = Table(
    "erasure_requests",
    metadata,
    Column("name", _NAME, primary_key=True),
    Column("subject", _NAME, nullable=False, unique=True),
    Column("asked_by", String(80), nullable=False),
    Column("asked_at", UtcTime, nullable=False),
)

erasures: Final = Table(
    "erasures",
    metadata,
    Column("subject", _NAME, primary_key=True),
    Column("images", Text, nullable=False),
    Column("copies", Integer, nullable=False),
    Column("root_epoch", Integer, nullable=False),
    Column("ledger_index", _BIG, ForeignKey("ledger.index"), nullable=False),
)

deletions: Final = Table(
    "deletions",
    metadata,
    # The name of a depot; empty for this home.
    Column("place", _NAME, primary_key=True),
    Column("object_name", String(260), primary_key=True),
)

depots: Final = Table(
    "depots",
    metadata,
    Column("name", _NAME, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("sealed_place", LargeBinary, nullable=False),
    Column("checklist", Text, nullable=False),
    Column("synced_at", UtcTime, nullable=True),
    Column("tested_at", UtcTime, nullable=True),
    Column("test_result", String(64), nullable=False),
)

sources: Final = Table(
    "sources",
    metadata,
    Column("name", _NAME, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("sealed_place", LargeBinary, nullable=False),
    Column("host_index", LargeBinary, nullable=False),
    Column("every", Integer, nullable=False),  # seconds
    Column("browser", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("added_at", UtcTime, nullable=False),
    Column("looked_at", UtcTime, nullable=True),
    Column("result", String(64), nullable=False),
    Column("holder", _NAME, nullable=False),
    Column("held_until", UtcTime, nullable=True),
)

visits: Final = Table(
    "visits",
    metadata,
    Column("index", LargeBinary, primary_key=True),
    Column("source", _NAME, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("visited_at", UtcTime, nullable=True),
    Column("holder", _NAME, nullable=False),
    Column("held_until", UtcTime, nullable=True),
)

looks: Final = Table(
    "looks",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("looked_at", UtcTime, nullable=False),
    Column("against", String(96), nullable=False),
    Column("sighting", _NAME, nullable=False),
)

# What was seen of an image goes with the image when it is erased.
sightings: Final = Table(
    "sightings",
    metadata,
    Column("name", _NAME, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("source", _NAME, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("image", _NAME, ForeignKey("images.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("copy", _NAME, nullable=True),
    Column("score", Float, nullable=False),
    Column("false_match_probability", Float, nullable=False),
    Column("first_seen", UtcTime, nullable=False),
    Column("last_seen", UtcTime, nullable=False),
    Column("label", String(16), nullable=True),
    Column("case", _NAME, nullable=True),
)

seen_at: Final = Table(
    "seen_at",
    metadata,
    Column("sighting", _NAME, ForeignKey("sightings.name", ondelete="CASCADE"), primary_key=True),
    Column("index", LargeBinary, primary_key=True),
    Column("source", _NAME, nullable=False),
    Column("sealed_context", LargeBinary, nullable=False),
    Column("first_seen", UtcTime, nullable=False),
    Column("last_seen", UtcTime, nullable=False),
    Column("times", Integer, nullable=False),
)

sighting_labels: Final = Table(
    "sighting_labels",
    metadata,
    Column("sighting", _NAME, ForeignKey("sightings.name", ondelete="CASCADE"), primary_key=True),
    Column("at", UtcTime, primary_key=True),
    Column("label", String(16), nullable=False),
    Column("by", String(80), nullable=False),
    Column("sealed_reason", LargeBinary, nullable=False),
)

image_searches: Final = Table(
    "image_searches",
    metadata,
    Column("name", _NAME, primary_key=True),
    Column("image", _NAME, ForeignKey("images.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("engine", String(16), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("by", String(80), nullable=False),
    Column("sealed_consent", LargeBinary, nullable=False),
)
