"""What an installation has of its own: accounts, keys, rules and the places that hold its backups."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Role = Literal["administrator", "custodian"]

KeyPurpose = Literal["index", "mark", "ledger"]


@dataclass(frozen=True, kw_only=True)
class Account:
    """One person who may sign in; the password is kept as an Argon2id hash only."""

    name: str
    role: Role
    password_hash: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class InstallationKey:
    """One random key, stored wrapped by the root of an epoch, so that the root can be rotated."""

    purpose: KeyPurpose
    root_epoch: int
    wrapped: bytes


@dataclass(frozen=True, kw_only=True)
class PatientKey:
    """The KEK of one patient, wrapped by the root of an epoch."""

    patient: str
    root_epoch: int
    wrapped_kek: bytes


@dataclass(frozen=True, kw_only=True)
class TokenKey:
    """Which hardware token wraps the root, and the label its keys begin with."""

    module: str
    """Path of the PKCS#11 library."""
    token: str
    label: str


DepotKind = Literal["backup", "replica"]


@dataclass(frozen=True, kw_only=True)
class Depot:
    """One place outside the home that holds sealed objects and snapshots."""

    name: str
    kind: DepotKind
    sealed_place: bytes
    """Folder, or endpoint, bucket and credentials, sealed."""
    checklist: str
    """The cloud-store checklist as JSON; empty for a folder."""
    synced_at: datetime | None = None
    tested_at: datetime | None = None
    test_result: str = ""
    """Empty after a test that went well, else the code of what it found."""
