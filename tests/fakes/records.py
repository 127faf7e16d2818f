"""Catalogue and ledger in memory, with the rollback and the uniqueness of the real database."""

from __future__ import annotations

import contextlib
import copy as copying
import pickle
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.fakes.watching import FakeWatchRows

from pleura.domain.copies import SealedCopy
from pleura.domain.custody.erasure import BegunErasure, ErasureRequest, Restriction
from pleura.domain.errors import EnvironmentFault, NotFound
from pleura.domain.images import Image, Patient, SealedImage, Study
from pleura.domain.installation import Account, Depot, InstallationKey, KeyPurpose, PatientKey
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
    policies: dict[str, str] = field(default_factory=dict)
    restrictions: dict[str, Restriction] = field(default_factory=dict)
    erasure_requests_by_name: dict[str, ErasureRequest] = field(default_factory=dict)
    erasures: dict[str, BegunErasure] = field(default_factory=dict)
    noted: set[tuple[str, str]] = field(default_factory=set)
    kept_depots: dict[str, Depot] = field(default_factory=dict)

    def add_key(self, key: InstallationKey) -> None:
        _refuse_known(key.purpose in self.keys)
        self.keys[key.purpose] = key

    def key(self, purpose: KeyPurpose) -> InstallationKey | None:
        return self.keys.get(purpose)

    def replace_key(self, key: InstallationKey) -> None:
        self.keys[key.purpose] = key

    def patient_keys(self, after: str, limit: int) -> Sequence[PatientKey]:
        found = [
            PatientKey(patient=name, root_epoch=known.root_epoch, wrapped_kek=known.wrapped_kek)
            for name, known in sorted(self.patients.items())
            if name > after
        ]
        return found[:limit]

    def replace_patient_keys(self, keys: Sequence[PatientKey]) -> None:
        for key in keys:
            self.patients[key.patient] = replace(
                self.patients[key.patient], root_epoch=key.root_epoch, wrapped_kek=key.wrapped_kek
            )

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

    def images(self) -> Iterator[SealedImage]:
        return iter(
            sorted(
                self.sealed_images.values(), key=lambda sealed: (sealed.image.received_at, sealed.image.id)
            )
        )

    def sealed_page(self, after: str, limit: int) -> Sequence[SealedImage]:
        found = [self.sealed_images[name] for name in sorted(self.sealed_images) if name > after]
        return found[:limit]

    def image_page(self, size: int, before: str | None, patient: str | None) -> Sequence[Image]:
        found = [sealed.image for sealed in reversed(list(self.images()))]
        if before is not None:
            found = found[[image.id for image in found].index(before) + 1 :]
        return [image for image in found if patient in {None, image.patient}][:size]

    def image_count(self) -> int:
        return len(self.sealed_images)

    def sketched(self) -> Sequence[str]:
        return [sealed.image.id for sealed in self.images() if sealed.sketch_name is not None]

    def unsketched(self) -> Sequence[str]:
        return [sealed.image.id for sealed in self.images() if sealed.sketch_name is None]

    def set_sketch(self, image: str, name: str, commitment: bytes) -> bool:
        if image not in self.unsketched():
            return False
        self.sealed_images[image] = replace(
            self.sealed_images[image], sketch_name=name, sketch_commitment=commitment
        )
        return True

    def forget_sketch(self, image: str, name: str) -> bool:
        known = self.sealed_images.get(image)
        if known is None or known.sketch_name != name:
            return False
        self.sealed_images[image] = replace(known, sketch_name=None, sketch_commitment=None)
        return True

    def images_of_study(self, study: str) -> Sequence[SealedImage]:
        return [sealed for sealed in self.images() if sealed.image.study == study]

    def images_of_patient(self, patient: str) -> Sequence[SealedImage]:
        return [sealed for sealed in self.images() if sealed.image.patient == patient]

    def erase_image(self, image: str) -> None:
        gone = self.sealed_images.pop(image)
        self.copies = {name: copy for name, copy in self.copies.items() if copy.image != image}
        if not self.images_of_study(gone.image.study):
            self.studies.pop(gone.image.study)

    def erase_patient(self, patient: str) -> None:
        self.patients.pop(patient)

    def rekey(self, patient: Patient, images: Sequence[SealedImage], copies: Sequence[SealedCopy]) -> None:
        self.patients[patient.id] = patient
        self.sealed_images |= {sealed.image.id: sealed for sealed in images}
        self.copies |= {copy.copy: copy for copy in copies}

    def policy(self, name: str) -> str | None:
        return self.policies.get(name)

    def set_policy(self, name: str, value: str) -> None:
        self.policies[name] = value

    def restrict(self, restriction: Restriction) -> None:
        self.restrictions.setdefault(restriction.subject, restriction)

    def lift(self, subject: str) -> None:
        self.restrictions.pop(subject, None)

    def restricted(self, subjects: Sequence[str]) -> Restriction | None:
        return next((self.restrictions[name] for name in subjects if name in self.restrictions), None)

    def add_erasure_request(self, request: ErasureRequest) -> None:
        self.erasure_requests_by_name[request.name] = request

    def erasure_request(self, name: str) -> ErasureRequest | None:
        return next(
            (each for each in self.erasure_requests_by_name.values() if name in {each.name, each.subject}),
            None,
        )

    def erasure_requests(self) -> Sequence[ErasureRequest]:
        return sorted(self.erasure_requests_by_name.values(), key=lambda each: (each.asked_at, each.name))

    def drop_erasure_request(self, name: str) -> None:
        self.erasure_requests_by_name.pop(name, None)

    def begin_erasure(self, erasure: BegunErasure) -> None:
        _refuse_known(erasure.subject in self.erasures)
        self.erasures[erasure.subject] = erasure

    def begun_erasures(self) -> Sequence[BegunErasure]:
        return sorted(self.erasures.values(), key=lambda erasure: erasure.ledger_index)

    def end_erasure(self, subject: str) -> None:
        self.erasures.pop(subject, None)

    def note_deletions(self, place: str, names: Sequence[str]) -> None:
        rows = {(place, name) for name in names}
        _refuse_known(not rows.isdisjoint(self.noted))
        self.noted |= rows

    def deletions(self, place: str) -> Sequence[str]:
        return sorted(name for where, name in self.noted if where == place)

    def waiting_deletions(self) -> Mapping[str, int]:
        places = sorted({where for where, _ in self.noted})
        return {place: len(self.deletions(place)) for place in places}

    def drop_deletions(self, place: str, names: Sequence[str]) -> None:
        self.noted -= {(place, name) for name in names}

    def put_depot(self, depot: Depot) -> None:
        self.kept_depots[depot.name] = depot

    def drop_depot(self, name: str) -> None:
        self.drop_deletions(name, self.deletions(name))
        self.kept_depots.pop(name, None)

    def depot(self, name: str) -> Depot | None:
        return self.kept_depots.get(name)

    def depots(self) -> Sequence[Depot]:
        return [self.kept_depots[name] for name in sorted(self.kept_depots)]

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
    watch: FakeWatchRows = field(default_factory=FakeWatchRows)


class FakeRecords:
    """The port `Records`: one unit at a time, as SQLite with BEGIN IMMEDIATE has it."""

    def __init__(self) -> None:
        self.state = FakeUnit()
        self.scrubbed = 0
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def begin(self) -> Iterator[FakeUnit]:
        with self._lock:
            working = copying.deepcopy(self.state)
            yield working
            working.watch.forget_images(set(working.catalogue.sealed_images))
            self.state = working

    @contextlib.contextmanager
    def read(self) -> Iterator[FakeUnit]:
        before = self.state
        working = copying.deepcopy(before)
        yield working
        if working != before:
            raise EnvironmentFault("home-read-only", "the database cannot be written", "begin a unit")

    def copied(self) -> FakeRecords:
        """A database of its own with the same rows."""
        with self.rehearsal(self.dump()) as found:
            return found

    def dump(self) -> Iterator[bytes]:
        yield pickle.dumps(self.state)

    def scrub(self) -> None:
        self.scrubbed += 1

    def fault(self) -> str:
        return ""

    @classmethod
    @contextlib.contextmanager
    def rehearsal(cls, pieces: Iterable[bytes | memoryview]) -> Iterator[FakeRecords]:
        """A throw-away database filled from what `dump` gave."""
        found = cls()
        found.state = pickle.loads(b"".join(bytes(piece) for piece in pieces))  # noqa: S301 - our own bytes
        yield found


def _refuse_known(known: bool) -> None:  # noqa: FBT001 - reads as one sentence at each call
    if known:
        raise ValueError("a unique value is taken already")
