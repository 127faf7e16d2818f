"""Places outside the home: a folder on another disk, or a bucket of a cloud store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final


@dataclass(frozen=True, kw_only=True)
class FolderPlace:
    """A folder, best on another disk."""

    folder: str


@dataclass(frozen=True, kw_only=True)
class BucketPlace:
    """A bucket of a store that speaks S3."""

    endpoint: str
    bucket: str
    prefix: str = ""
    region: str = "us-east-1"
    access_key: str
    secret_key: str
    ca_file: str = ""
    """PEM file of the authority that signed the store's certificate, where the system does not know it."""
    bytes_per_second: int = 0
    """Upload no faster than this; 0 for no limit."""

    def __repr__(self) -> str:
        return f"BucketPlace(bucket={self.bucket!r})"


Place = FolderPlace | BucketPlace


@dataclass(frozen=True, kw_only=True)
class BucketFacts:
    """What a store itself says about a bucket; None where it cannot be asked."""

    tls: bool | None = None
    versioning: bool | None = None
    object_lock: bool | None = None
    public: bool | None = None
    logging: bool | None = None


WARNING_DAYS: Final = 60


@dataclass(frozen=True, kw_only=True)
class CloudChecklist:
    """What the people of this installation found out about a cloud store, asked once and kept.

    MLPS: 网络安全等级保护 (GB/T 22239-2019); level 3 is what hospitals' core systems are held to.
    """

    provider: str
    region: str
    mlps_level: int
    mlps_certificate: str
    mlps_expires: str
    """ISO 8601 date."""
    tls: bool
    private_bucket: bool
    object_lock: bool
    versioning: bool
    logging: bool

    def __post_init__(self) -> None:
        date.fromisoformat(self.mlps_expires)

    def warnings(self, today: date, told: BucketFacts) -> list[str]:
        """The codes of everything that should be otherwise, or that the store contradicts."""
        expires = date.fromisoformat(self.mlps_expires)
        found = {
            "mlps-level-below-3": self.mlps_level < 3,
            "mlps-expired": expires < today,
            "mlps-expires-soon": today <= expires < today + timedelta(days=WARNING_DAYS),
            "no-tls": not self.tls or told.tls is False,
            "bucket-public": not self.private_bucket or told.public is True,
            "no-object-lock": not self.object_lock or told.object_lock is False,
            "no-logging": not self.logging or told.logging is False,
            # A versioned bucket keeps what erasure deletes; sealed under a destroyed key, but it is there.
            "versions-outlive-erasure": self.versioning or told.versioning is True,
        }
        return [code for code, wrong in found.items() if wrong]
