"""The vault: commitments of objects, policies, restrictions, erasure requests, depots; pages by time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_COMMITMENTS = ("object_commitment", "sketch_commitment")


def upgrade() -> None:
    """Add what keeping and erasing need."""
    with op.batch_alter_table("images") as images:
        for name in _COMMITMENTS:
            images.add_column(sa.Column(name, sa.LargeBinary(), nullable=True))
    # Rows from before have no commitment; a default would be text to SQLite, which is not the same as bytes.
    rows = sa.table("images", *(sa.column(name, sa.LargeBinary()) for name in _COMMITMENTS))
    op.execute(rows.update().values(dict.fromkeys(_COMMITMENTS, b"")))
    with op.batch_alter_table("images") as images:
        for name in _COMMITMENTS:
            images.alter_column(name, existing_type=sa.LargeBinary(), nullable=False)
        images.drop_index(op.f("ix_images_patient"))
        images.create_index("ix_images_received_at_id", ["received_at", "id"])
        images.create_index("ix_images_patient_received_at_id", ["patient", "received_at", "id"])
    op.create_table(
        "policies",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_policies")),
    )
    op.create_table(
        "restrictions",
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_restrictions")),
    )
    op.create_table(
        "erasure_requests",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("asked_by", sa.String(length=80), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_erasure_requests")),
        sa.UniqueConstraint("subject", name=op.f("uq_erasure_requests_subject")),
    )
    op.create_table(
        "depots",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("sealed_place", sa.LargeBinary(), nullable=False),
        sa.Column("checklist", sa.Text(), nullable=False),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("test_result", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_depots")),
    )


def downgrade() -> None:
    """Take the same away; commitments, policies and depots are lost."""
    for table in ("depots", "erasure_requests", "restrictions", "policies"):
        op.drop_table(table)
    with op.batch_alter_table("images") as images:
        images.drop_index("ix_images_patient_received_at_id")
        images.drop_index("ix_images_received_at_id")
        images.create_index(op.f("ix_images_patient"), ["patient"])
        for name in _COMMITMENTS:
            images.drop_column(name)
