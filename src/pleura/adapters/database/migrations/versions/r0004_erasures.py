"""An erasure under way, and objects that are to be deleted, are remembered until they are done."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "erasures",
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("images", sa.Text(), nullable=False),
        sa.Column("copies", sa.Integer(), nullable=False),
        sa.Column("root_epoch", sa.Integer(), nullable=False),
        sa.Column("ledger_index", _BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_index"], ["ledger.index"], name=op.f("fk_erasures_ledger_index_ledger")
        ),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_erasures")),
    )
    op.create_table(
        "deletions",
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.Column("object_name", sa.String(length=260), nullable=False),
        sa.PrimaryKeyConstraint("place", "object_name", name=op.f("pk_deletions")),
    )
    # Users of the machine asked for them, and nobody knows which account that was: to be asked for again.
    op.execute(sa.table("erasure_requests").delete())


def downgrade() -> None:
    """Drop both; what is not deleted yet is forgotten."""
    op.drop_table("deletions")
    op.drop_table("erasures")
