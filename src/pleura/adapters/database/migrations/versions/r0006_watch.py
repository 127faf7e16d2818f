"""The watch list, the addresses it has fetched, sightings with places and labels, image searches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_NAME = sa.String(length=64)
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "sources",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("sealed_place", sa.LargeBinary(), nullable=False),
        sa.Column("host_index", sa.LargeBinary(), nullable=False),
        sa.Column("every", sa.Integer(), nullable=False),
        sa.Column("browser", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("added_at", _TIME, nullable=False),
        sa.Column("looked_at", _TIME, nullable=True),
        sa.Column("result", sa.String(length=64), nullable=False),
        sa.Column("holder", _NAME, nullable=False),
        sa.Column("held_until", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sources")),
    )
    op.create_table(
        "visits",
        sa.Column("index", sa.LargeBinary(), nullable=False),
        sa.Column("source", _NAME, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("visited_at", _TIME, nullable=True),
        sa.Column("holder", _NAME, nullable=False),
        sa.Column("held_until", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("index", name=op.f("pk_visits")),
    )
    op.create_index(op.f("ix_visits_source"), "visits", ["source"])
    op.create_table(
        "looks",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("looked_at", _TIME, nullable=False),
        sa.Column("against", sa.String(length=96), nullable=False),
        sa.Column("sighting", _NAME, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_looks")),
    )
    _make_sightings()
    op.create_table(
        "image_searches",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("image", _NAME, nullable=False),
        sa.Column("engine", sa.String(length=16), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("sealed_consent", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image"], ["images.id"], name=op.f("fk_image_searches_image_images"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_image_searches")),
    )
    op.create_index(op.f("ix_image_searches_image"), "image_searches", ["image"])


def _make_sightings() -> None:
    op.create_table(
        "sightings",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("source", _NAME, nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("image", _NAME, nullable=False),
        sa.Column("copy", _NAME, nullable=True),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("false_match_probability", sa.Float(), nullable=False),
        sa.Column("first_seen", _TIME, nullable=False),
        sa.Column("last_seen", _TIME, nullable=False),
        sa.Column("label", sa.String(length=16), nullable=True),
        sa.Column("case", _NAME, nullable=True),
        sa.ForeignKeyConstraint(
            ["image"], ["images.id"], name=op.f("fk_sightings_image_images"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sightings")),
        sa.UniqueConstraint("digest", name=op.f("uq_sightings_digest")),
    )
    op.create_index(op.f("ix_sightings_image"), "sightings", ["image"])
    for name, columns, key in (
        (
            "seen_at",
            (
                sa.Column("index", sa.LargeBinary(), nullable=False),
                sa.Column("source", _NAME, nullable=False),
                sa.Column("sealed_context", sa.LargeBinary(), nullable=False),
                sa.Column("first_seen", _TIME, nullable=False),
                sa.Column("last_seen", _TIME, nullable=False),
                sa.Column("times", sa.Integer(), nullable=False),
            ),
            "index",
        ),
        (
            "sighting_labels",
            (
                sa.Column("at", _TIME, nullable=False),
                sa.Column("label", sa.String(length=16), nullable=False),
                sa.Column("by", sa.String(length=80), nullable=False),
                sa.Column("sealed_reason", sa.LargeBinary(), nullable=False),
            ),
            "at",
        ),
    ):
        op.create_table(
            name,
            sa.Column("sighting", _NAME, nullable=False),
            *columns,
            sa.ForeignKeyConstraint(
                ["sighting"],
                ["sightings.name"],
                name=op.f(f"fk_{name}_sighting_sightings"),
                ondelete="CASCADE",
            ),
            sa.PrimaryKeyConstraint("sighting", key, name=op.f(f"pk_{name}")),
        )


def downgrade() -> None:
    """Drop them; the watch list and what it has found are forgotten."""
    for name in ("image_searches", "sighting_labels", "seen_at", "sightings", "looks", "visits", "sources"):
        op.drop_table(name)
