"""Catalogue and ledger in memory, with the rollback and the uniqueness of the real database."""

from __future__ import annotations

import contextlib
import copy as copying
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pleura.domain.copies import SealedCopy
from pleura.domain.errors import NotFound
from pleura.domain.images import Patient, SealedImage, Study
from pleura.domain.installation import Account, InstallationKey, KeyPurpose
from pleura.domain.ports import LedgerRow


@dataclass
class FakeLedgerRows:
    """The port `LedgerRows`; ``stored`` is open to tests that tamper."""

    stored: list[LedgerRow] = field(default_factory=list)

    def last(self) -> LedgerRow | None:
        return max(self.stored, key=lambda row: row.index, default=None)

    def add(self, row: LedgerRow) -> None:
        _refuse_known(row.index in {known.index for known in self.stored})
        self.stored.append(row)

    def rows(self, start: int = 0) -> Iterator[LedgerRow]:
        return iter([row for row in self.stored if row.index >= start])


@dataclass
class FakeCatalogue:
    """The port `Catalogue`."""

    keys: dict[str, InstallationKey] = field(default_factory=dict)
    patients: dict[str, Patient] = field(default_factory=dict)
    studies: dict[str, Study] = field(default_factory=dict)
    sealed_images: dict[str, SealedImage] = field(default_factory=dict)
    copies: dict[str, SealedCopy] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)

    def add_key(self, key: InstallationKey) -> None:
        _refuse_known(key.purpose in self.keys)
        self.keys[key.purpose] = key

    def key(self, purpose: KeyPurpose) -> InstallationKey | None:
        return self.keys.get(purpose)

    def add_patient(self, patient: Patient) -> None:
        _refuse_known(patient.id in self.patients or self.patient_by_index(patient.index) is not None)
        self.patients[patient.id] = patient

    def patient(self, patient_id: str) -> Patient:
        if patient_id not in self.patients:
            raise NotFound("patient-unknown", "there is no patient {patient}", "look", patient=patient_id)
        return self.patients[patient_id]

    def patient_by_index(self, index: bytes) -> Patient | None:
        return next((patient for patient in self.patients.values() if patient.index == index), None)

    def add_study(self, study: Study) -> None:
        _refuse_known(study.id in self.studies or self.study_by_index(study.index) is not None)
        self.studies[study.id] = study

    def study_by_index(self, index: bytes) -> Study | None:
        return next((study for study in self.studies.values() if study.index == index), None)

    def add_image(self, image: SealedImage) -> None:
        known = image.image.id in self.sealed_images
        same = self.image_by_content(image.content_index) or self.image_by_instance(image.instance_index)
        _refuse_known(known or same is not None)
        self.sealed_images[image.image.id] = image

    def image(self, image_id: str) -> SealedImage:
        if image_id not in self.sealed_images:
            raise NotFound("image-unknown", "there is no image {image}", "look", image=image_id)
        return self.sealed_images[image_id]

    def image_by_content(self, index: bytes) -> SealedImage | None:
        return next((image for image in self.sealed_images.values() if image.content_index == index), None)

    def image_by_instance(self, index: bytes) -> SealedImage | None:
        return next((image for image in self.sealed_images.values() if image.instance_index == index), None)

    def images(self) -> Sequence[SealedImage]:
        return sorted(
            self.sealed_images.values(), key=lambda sealed: (sealed.image.received_at, sealed.image.id)
        )

    def add_copy(self, copy: SealedCopy) -> None:
        _refuse_known(copy.copy in self.copies)
        self.copies[copy.copy] = copy

    def copies_of(self, image_id: str) -> Sequence[SealedCopy]:
        mine = [copy for copy in self.copies.values() if copy.image == image_id]
        return sorted(mine, key=lambda copy: copy.ledger_index)

    def add_account(self, account: Account) -> None:
        _refuse_known(account.name in self.accounts)
        self.accounts[account.name] = account

    def account(self, name: str) -> Account | None:
        return self.accounts.get(name)


@dataclass
class FakeUnit:
    """The port `Unit`."""

    catalogue: FakeCatalogue = field(default_factory=FakeCatalogue)
    ledger: FakeLedgerRows = field(default_factory=FakeLedgerRows)


class FakeRecords:
    """The port `Records`: one unit at a time, as SQLite with BEGIN IMMEDIATE has it."""

    def __init__(self) -> None:
        self.state = FakeUnit()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def begin(self) -> Iterator[FakeUnit]:
        with self._lock:
            working = copying.deepcopy(self.state)
            yield working
            self.state = working


def _refuse_known(known: bool) -> None:  # noqa: FBT001 - reads as one sentence at each call
    if known:
        raise ValueError("a unique value is taken already")
