"""What an installation has of its own: accounts and keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Role = Literal["administrator"]

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
