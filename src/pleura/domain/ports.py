"""What pleura needs from the world, on one page; each port has one adapter and one fake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from pleura.domain.copies import CopyRecord, SealedCopy
from pleura.domain.images import UNDESCRIBED, Description, Patient, SealedImage, Study
from pleura.domain.installation import Account, InstallationKey, KeyPurpose
from pleura.domain.rasters import Raster, Received, StoredPixels


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The present moment in UTC, with its time zone."""
        ...


class ObjectStore(Protocol):
    """Immutable sealed objects under opaque names."""

    def put(self, name: str, pieces: Iterable[bytes | memoryview]) -> int:
        """The number of bytes stored durably under *name*; an existing name is refused."""
        ...

    def open(self, name: str) -> BinaryIO:
        """A seekable stream of the object; raises NotFound."""
        ...


class Catalogue(Protocol):
    """What is in the vault, within one transaction."""

    def add_key(self, key: InstallationKey) -> None: ...
    def key(self, purpose: KeyPurpose) -> InstallationKey | None: ...
    def add_patient(self, patient: Patient) -> None: ...
    def patient(self, patient_id: str) -> Patient: ...
    def patient_by_index(self, index: bytes) -> Patient | None: ...
    def add_study(self, study: Study) -> None: ...
    def study_by_index(self, index: bytes) -> Study | None: ...
    def add_image(self, image: SealedImage) -> None: ...
    def image(self, image_id: str) -> SealedImage: ...
    def image_by_content(self, index: bytes) -> SealedImage | None: ...
    def image_by_instance(self, index: bytes) -> SealedImage | None: ...
    def images(self) -> Sequence[SealedImage]: ...
    def add_copy(self, copy: SealedCopy) -> None: ...
    def copies_of(self, image_id: str) -> Sequence[SealedCopy]: ...
    def add_account(self, account: Account) -> None: ...
    def account(self, name: str) -> Account | None: ...


@dataclass(frozen=True, kw_only=True)
class LedgerRow:
    """One appended entry with the state of the tree after it."""

    index: int
    entry: bytes
    """The canonical entry; its leaf hash is computed from these bytes."""
    frontier: tuple[bytes, ...]
    """Roots of the full subtrees, largest first, after this entry."""
    head: str
    """The signed head after this entry, as a C2SP checkpoint note."""


class LedgerRows(Protocol):
    """The stored rows of the ledger, within one transaction."""

    def last(self) -> LedgerRow | None: ...
    def add(self, row: LedgerRow) -> None: ...
    def rows(self, start: int = 0) -> Iterator[LedgerRow]: ...


class Unit(Protocol):
    """One transaction over catalogue and ledger: all of it is durable, or none of it is."""

    @property
    def catalogue(self) -> Catalogue: ...
    @property
    def ledger(self) -> LedgerRows: ...


class Records(Protocol):
    """The database."""

    def begin(self) -> AbstractContextManager[Unit]:
        """A unit that commits when the block ends and rolls back when it raises."""
        ...


class PictureWorker(Protocol):
    """Decoding of hostile bytes, each call in a fresh process without keys, limited in memory and time.

    Every method raises BadInput with the reason when the bytes are refused, also when the process
    died or ran over a limit.
    """

    def receive(self, path: Path, about: Description = UNDESCRIBED) -> Received:
        """What the file at *path* is: a DICOM instance, or a picture made one and described by *about*."""
        ...

    def unpack(self, archive: Path, folder: Path) -> Sequence[Path]:
        """The files of a zip archive, unpacked below *folder* under numbered names."""
        ...

    def display(self, original: bytes) -> Raster:
        """The first frame of a DICOM instance in its default window: 8 bits, white is high."""
        ...

    def stored(self, original: bytes) -> StoredPixels:
        """The stored values of the first frame of a DICOM instance."""
        ...

    def derive(self, original: bytes, pixels: Raster, sop_instance_uid: str, derivation: str) -> bytes:
        """A DICOM instance derived from *original* with *pixels* as its stored values."""
        ...

    def suspect(self, path: Path) -> Raster:
        """Any picture or DICOM file as 8-bit grey or RGB, upright as its EXIF says."""
        ...


class Archive(Protocol):
    """What a trace may read of the vault: never an original, never a key."""

    def sketches(self) -> Iterator[tuple[str, bytes]]:
        """Name and features of every original, as `imaging.match` wrote them."""
        ...

    def work(self, image_id: str) -> bytes:
        """The work image of one original, as `imaging.match` wrote it."""
        ...

    def copies(self, image_id: str) -> Sequence[str]:
        """Names of all copies made of one original."""
        ...

    def mark_stream(self, image_id: str, copy: str, length: int) -> bytes:
        """The keyed stream that the chips of one copy's mark are taken from."""
        ...

    def record(self, image_id: str, copy: str) -> CopyRecord:
        """The record of one copy, proven against the ledger; raises LedgerBroken."""
        ...
