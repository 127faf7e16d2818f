"""An image may wait for its sketch; modality and serial number may be as long as they are read."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "sketch_name": sa.String(length=260),
    "sketch_commitment": sa.LargeBinary(),
}
_TEXTS = {"modality": 16, "device_serial": 64}
"""The widths before; what a file says may be longer, and SQLite never minded."""
_MOST_TEXT = 256
_UNSKETCHED = sa.text("sketch_name IS NULL")


def upgrade() -> None:
    """Let the sketch of an image be made after the image is stored, and widen what a file says."""
    _alter(nullable=True)
    with op.batch_alter_table("images") as images:
        for name, width in _TEXTS.items():
            images.alter_column(
                name, existing_type=sa.String(width), type_=sa.String(_MOST_TEXT), existing_nullable=False
            )
    op.create_index(
        "ix_images_unsketched",
        "images",
        ["received_at"],
        sqlite_where=_UNSKETCHED,
        postgresql_where=_UNSKETCHED,
    )


def downgrade() -> None:
    """Take that away: what waits for its sketch gets the name of one that is not there, texts are cut."""
    op.drop_index("ix_images_unsketched", "images")
    images = sa.table(
        "images",
        sa.column("id", sa.String()),
        sa.column("sketch_name", sa.String()),
        sa.column("sketch_commitment", sa.LargeBinary()),
    )
    waiting = images.update().where(images.c.sketch_name.is_(None))
    op.execute(waiting.values(sketch_name=images.c.id + "/sketch", sketch_commitment=b""))
    _alter(nullable=False)
    for name, width in _TEXTS.items():
        column: sa.ColumnClause[str] = sa.column(name, sa.String())
        op.execute(sa.table("images", column).update().values({name: sa.func.substr(column, 1, width)}))
    with op.batch_alter_table("images") as table:
        for name, width in _TEXTS.items():
            table.alter_column(
                name, existing_type=sa.String(_MOST_TEXT), type_=sa.String(width), existing_nullable=False
            )


def _alter(*, nullable: bool) -> None:
    with op.batch_alter_table("images") as images:
        for name, kind in _COLUMNS.items():
            images.alter_column(name, existing_type=kind, nullable=nullable)
