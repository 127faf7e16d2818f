"""The version of the mark beside every copy, so that a trace knows how to read it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the version; every copy made so far has the first one."""
    with op.batch_alter_table("copies") as copies:
        copies.add_column(sa.Column("mark_version", sa.Integer(), nullable=False, server_default="1"))
    with op.batch_alter_table("copies") as copies:
        copies.alter_column("mark_version", existing_type=sa.Integer(), server_default=None)


def downgrade() -> None:
    """Take the version away; a program that old reads marks of the first version only."""
    with op.batch_alter_table("copies") as copies:
        copies.drop_column("mark_version")
