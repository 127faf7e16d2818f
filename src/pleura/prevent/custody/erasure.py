"""Erasure: keys destroyed here, objects deleted here and in every depot, the old root epoch retired.

An image is gone when nothing that is left anywhere opens it. Its DEK is wrapped by the patient's KEK, and
that by the root of an epoch. Deleting the rows destroys the wrapped keys in this home; a backup made
before still holds them, but under the root of the old epoch, which is destroyed at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pleura.domain.custody.erasure import ErasureRequest, kept_until
from pleura.domain.errors import NotFound, Refused
from pleura.domain.ids import new_id
from pleura.domain.images import Image, SealedImage
from pleura.domain.ports import Catalogue, Clock, ObjectStore, Records
from pleura.ledger.ledger import InclusionProof, Ledger
from pleura.prevent.custody.keys import Keys
from pleura.prevent.custody.rules import rule
from pleura.prevent.depots.depots import Depots
from pleura.prevent.vault import Vault, objects_of

_STUDY, _PATIENT = "stu-", "pat-"
_NOBODY: Final = ""


@dataclass(frozen=True, kw_only=True)
class Erased:
    """What an erasure did: the entry of the ledger with its proof is the receipt."""

    subject: str
    images: Sequence[str]
    copies: int
    root_epoch: int
    """The epoch that is in force now; the one before is destroyed."""
    depots: dict[str, str]
    """For every depot: ``erased``, or the code of what kept it from being reached."""
    recovery_code: bytes
    """Of the new epoch; the recovery sheet of the old one must be destroyed by hand."""
    receipt: InclusionProof


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Everything that goes with one subject."""

    images: Sequence[SealedImage]
    patients: Sequence[str]
    """Patients who have no image left afterwards."""


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """The way out that nothing comes back from; whoever erases is alone in the home."""

    records: Records
    objects: ObjectStore
    vault: Vault
    ledger: Ledger
    keys: Keys
    depots: Depots
    clock: Clock

    def plan(self, subject: str) -> Sequence[str]:
        """The images that would go; raises NotFound, and Refused while the law keeps one of them."""
        with self.records.begin() as unit:
            images = _images_of(subject, unit.catalogue)
            custody = rule(unit.catalogue, "custody")
            patients = {sealed.image.patient for sealed in images}
            all_images = [list(unit.catalogue.images_of_patient(patient)) for patient in patients]
        for of_patient in all_images:
            until = kept_until(custody, max(self._visit(sealed.image) for sealed in of_patient))
            if until > self.clock.now():
                raise _kept(until)
        return [sealed.image.id for sealed in images]

    def known(self, subject: str) -> int:
        """The number of images of an image, a study or a patient; raises NotFound."""
        with self.records.begin() as unit:
            return len(_images_of(subject, unit.catalogue))

    def ask(self, subject: str, *, actor: str) -> ErasureRequest | None:
        """The request that waits for a second person, or None when one person is enough."""
        self._permit(subject, actor)
        with self.records.begin() as unit:
            if rule(unit.catalogue, "erasure-approvals") == "1":
                return None
            known = unit.catalogue.erasure_request(subject)
            if known is not None:
                return known
            request = ErasureRequest(
                name=new_id("erasure"), subject=subject, asked_by=actor, asked_at=self.clock.now()
            )
            unit.catalogue.add_erasure_request(request)
            self.ledger.append(unit.ledger, "erase-request", actor, subject=subject, request=request.name)
            return request

    def approved(self, name: str, *, actor: str) -> ErasureRequest:
        """The request of that name, when *actor* is another person than who asked; raises Refused."""
        with self.records.begin() as unit:
            request = unit.catalogue.erasure_request(name)
        if request is None:
            raise NotFound(
                "request-unknown",
                "there is no erasure request {request}",
                "ask for the erasure first: pleura erase NAME",
                request=name,
            )
        if request.asked_by == actor:
            raise Refused(
                "second-person-needed",
                "an erasure needs two people, and the same one cannot be both",
                "let another person approve it with an account of their own",
            )
        return request

    def erase(self, subject: str, *, actor: str, request: str = _NOBODY) -> Erased:
        """What was erased; raises NotFound, Refused.

        1. Rows with wrapped keys and the ledger entry go in one transaction: from here nothing in this
           home opens the images.
        2. Objects are deleted here and in every depot that can be reached.
        3. The root epoch is rotated, so that no backup from before opens them either.
        A run that is cut after step 1 is completed by `pleura doctor --repair` and `pleura key rotate`.
        """
        self._permit(subject, actor)
        facts = {"request": request} if request else {}
        with self.records.begin() as unit:
            plan = self._plan(subject, unit.catalogue)
            copies = sum(len(unit.catalogue.copies_of(sealed.image.id)) for sealed in plan.images)
            for sealed in plan.images:
                unit.catalogue.erase_image(sealed.image.id)
            for patient in plan.patients:
                unit.catalogue.erase_patient(patient)
            if request:
                unit.catalogue.drop_erasure_request(request)
            appended = self.ledger.append(
                unit.ledger,
                "erase",
                actor,
                subject=subject,
                images=len(plan.images),
                copies=copies,
                root_epoch=self.keys.keyring.root.epoch,
                **facts,
            )
        names = [name for sealed in plan.images for name, _ in objects_of(sealed)]
        for name in names:
            self.objects.delete(name)
        reached = self.depots.erase(names, actor=actor)
        code = self.keys.rotate(actor=actor)
        with self.records.begin() as unit:
            receipt = self.ledger.proof(unit.ledger, appended.index)
        return Erased(
            subject=subject,
            images=[sealed.image.id for sealed in plan.images],
            copies=copies,
            root_epoch=self.keys.keyring.root.epoch,
            depots=reached,
            recovery_code=code,
            receipt=receipt,
        )

    def _permit(self, subject: str, actor: str) -> None:
        """Return when the law does not keep *subject*; a refusal is recorded."""
        try:
            self.plan(subject)
        except Refused as refusal:
            with self.records.begin() as unit:
                self.ledger.append(unit.ledger, "erase-refused", actor, subject=subject, reason=refusal.code)
            raise

    def _plan(self, subject: str, catalogue: Catalogue) -> _Plan:
        images = _images_of(subject, catalogue)
        going = {sealed.image.id for sealed in images}
        patients = {sealed.image.patient for sealed in images}
        left = {
            patient: {sealed.image.id for sealed in catalogue.images_of_patient(patient)} - going
            for patient in patients
        }
        return _Plan(images=images, patients=sorted(patient for patient in patients if not left[patient]))

    def _visit(self, image: Image) -> datetime:
        """When the patient was there: the day the data set names, else the day the image arrived."""
        acquired = self.vault.facts(image.id).acquired_at[:10]
        try:
            return min(datetime.fromisoformat(acquired).replace(tzinfo=UTC), image.received_at)
        except ValueError:  # many pictures and some data sets name no day
            return image.received_at


def _images_of(subject: str, catalogue: Catalogue) -> Sequence[SealedImage]:
    if subject.startswith(_STUDY):
        images = catalogue.images_of_study(subject)
    elif subject.startswith(_PATIENT):
        images = catalogue.images_of_patient(subject)
    else:
        return [catalogue.image(subject)]
    if not images:
        raise NotFound(
            "subject-unknown",
            "there is no study or patient {subject}",
            "list the images with pleura images",
            subject=subject,
        )
    return images


def _kept(until: datetime) -> Refused:
    return Refused(
        "retention-runs",
        "the law makes a hospital keep this record until {until} (医疗机构病历管理规定), and an original is "
        "part of it",
        "restrict its processing instead (PIPL article 47): pleura restrict",
        until=until.date().isoformat(),
    )
