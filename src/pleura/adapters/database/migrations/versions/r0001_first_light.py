"""First light: keys, patients, studies, images, ledger, copies and accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table."""
    _make_keys_and_accounts()
    _make_patients_and_studies()
    _make_images()
    _make_ledger_and_copies()


def downgrade() -> None:
    """Drop every table, those that refer to others first."""
    for table in (
        "copies",
        "ledger",
        "images",
        "studies",
        "patient_keys",
        "patients",
        "installation_keys",
        "accounts",
    ):
        op.drop_table(table)


def _make_keys_and_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_accounts")),
    )
    op.create_table(
        "installation_keys",
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("root_epoch", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("purpose", name=op.f("pk_installation_keys")),
    )


def _make_patients_and_studies() -> None:
    op.create_table(
        "patients",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("index", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_identity", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patients")),
        sa.UniqueConstraint("index", name=op.f("uq_patients_index")),
    )
    op.create_table(
        "patient_keys",
        sa.Column("patient", sa.String(length=64), nullable=False),
        sa.Column("root_epoch", sa.Integer(), nullable=False),
        sa.Column("wrapped_kek", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["patient"], ["patients.id"], name=op.f("fk_patient_keys_patient_patients")),
        sa.PrimaryKeyConstraint("patient", name=op.f("pk_patient_keys")),
    )
    op.create_table(
        "studies",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("patient", sa.String(length=64), nullable=False),
        sa.Column("index", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["patient"], ["patients.id"], name=op.f("fk_studies_patient_patients")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studies")),
        sa.UniqueConstraint("index", name=op.f("uq_studies_index")),
    )
    op.create_index(op.f("ix_studies_patient"), "studies", ["patient"], unique=False)


def _make_images() -> None:
    op.create_table(
        "images",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("study", sa.String(length=64), nullable=False),
        sa.Column("patient", sa.String(length=64), nullable=False),
        sa.Column("modality", sa.String(length=16), nullable=False),
        sa.Column("device_serial", sa.String(length=64), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("columns", sa.Integer(), nullable=False),
        sa.Column("bits_stored", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content_index", sa.LargeBinary(), nullable=False),
        sa.Column("instance_index", sa.LargeBinary(), nullable=False),
        sa.Column("object_name", sa.String(length=260), nullable=False),
        sa.Column("object_size", _BIG, nullable=False),
        sa.Column("sketch_name", sa.String(length=260), nullable=False),
        sa.Column("wrapped_dek", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_facts", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["patient"], ["patients.id"], name=op.f("fk_images_patient_patients")),
        sa.ForeignKeyConstraint(["study"], ["studies.id"], name=op.f("fk_images_study_studies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.UniqueConstraint("content_index", name=op.f("uq_images_content_index")),
        sa.UniqueConstraint("instance_index", name=op.f("uq_images_instance_index")),
        sa.UniqueConstraint("object_name", name=op.f("uq_images_object_name")),
        sa.UniqueConstraint("sketch_name", name=op.f("uq_images_sketch_name")),
    )
    op.create_index(op.f("ix_images_patient"), "images", ["patient"], unique=False)
    op.create_index(op.f("ix_images_study"), "images", ["study"], unique=False)


def _make_ledger_and_copies() -> None:
    op.create_table(
        "ledger",
        sa.Column("index", _BIG, autoincrement=False, nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("index", name=op.f("pk_ledger")),
    )
    op.create_table(
        "copies",
        sa.Column("copy", sa.String(length=64), nullable=False),
        sa.Column("image", sa.String(length=64), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ledger_index", _BIG, nullable=False),
        sa.Column("sealed_record", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["image"], ["images.id"], name=op.f("fk_copies_image_images")),
        sa.ForeignKeyConstraint(
            ["ledger_index"], ["ledger.index"], name=op.f("fk_copies_ledger_index_ledger")
        ),
        sa.PrimaryKeyConstraint("copy", name=op.f("pk_copies")),
        sa.UniqueConstraint("ledger_index", name=op.f("uq_copies_ledger_index")),
    )
    op.create_index(op.f("ix_copies_image"), "copies", ["image"], unique=False)
