"""Erasure: keys destroyed here, objects deleted here and in every depot, the old root epoch retired.

An image is gone when nothing that is left anywhere opens it. Its DEK is wrapped by the patient's KEK, and
that by the root of an epoch. Deleting the rows destroys the wrapped keys in this home, and a patient who
keeps other images gets a new KEK; a copy of the rows made before still holds the old ones, but under the
root of the old epoch, which is destroyed. What is still to be done is a row until it is done, so that a cut
erasure is completed and an object in a depot out of reach is not forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pleura.domain.custody.erasure import BegunErasure, ErasureRequest, kept_until
from pleura.domain.errors import NotFound, Refused
from pleura.domain.ids import new_id
from pleura.domain.images import Image, SealedImage
from pleura.domain.installation import Account
from pleura.domain.ports import Catalogue, Clock, ObjectStore, Records, Unit
from pleura.ledger.ledger import InclusionProof, Ledger
from pleura.prevent.custody.keys import Keep, Keys
from pleura.prevent.custody.rules import APPROVALS, rule, second_person_needed
from pleura.prevent.depots.depots import Depots
from pleura.prevent.finding.packs import Packs
from pleura.prevent.patients import rekey
from pleura.prevent.vault import Vault, objects_of

_STUDY, _PATIENT = "stu-", "pat-"
_HERE: Final = ""
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
    """For every depot: ``erased``, or the code of what keeps it from being reached; it is tried again."""
    recovery_code: bytes
    """Of the new epoch; the recovery sheet of the old one must be destroyed by hand.

    Empty where a run that was cut has kept it already.
    """
    receipt: InclusionProof


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Everything that goes with one subject."""

    images: Sequence[SealedImage]
    leaving: Sequence[str]
    """Patients who have no image left afterwards."""
    staying: Sequence[str]
    """Patients who keep some."""


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """The way out that nothing comes back from; whoever erases is alone in the home."""

    records: Records
    objects: ObjectStore
    vault: Vault
    packs: Packs
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

    def permit(self, subject: str, *, actor: str) -> Sequence[str]:
        """What `plan` says, for somebody who means it: a refusal is recorded."""
        try:
            return self.plan(subject)
        except Refused as refusal:
            with self.records.begin() as unit:
                self.ledger.append(unit.ledger, "erase-refused", actor, subject=subject, reason=refusal.code)
            raise

    def known(self, subject: str) -> int:
        """The number of images of an image, a study or a patient; raises NotFound."""
        with self.records.begin() as unit:
            return len(_images_of(subject, unit.catalogue))

    def ask(self, subject: str, *, actor: str, account: Account | None) -> ErasureRequest | None:
        """The request that waits for a second person, or None when one person is enough.

        *account* is whoever signed in to ask; raises Refused where two are needed and nobody did.
        """
        self.permit(subject, actor=actor)
        with self.records.begin() as unit:
            if rule(unit.catalogue, APPROVALS) == "1":
                return None
            known = unit.catalogue.erasure_request(subject)
            if known is not None:
                return known
            if account is None:
                raise _nobody_signed_in()
            request = ErasureRequest(
                name=new_id("erasure"), subject=subject, asked_by=account.name, asked_at=self.clock.now()
            )
            unit.catalogue.add_erasure_request(request)
            self.ledger.append(unit.ledger, "erase-request", actor, subject=subject, request=request.name)
            return request

    def approved(self, name: str, *, account: Account) -> ErasureRequest:
        """The request of that name or subject, when *account* did not ask; raises NotFound, Refused."""
        with self.records.begin() as unit:
            request = unit.catalogue.erasure_request(name)
        if request is None:
            raise _unasked(name)
        if request.asked_by == account.name:
            raise second_person_needed()
        return request

    def requests(self) -> Sequence[ErasureRequest]:
        """The requests that wait for a second person, oldest first."""
        with self.records.read() as unit:
            return unit.catalogue.erasure_requests()

    def withdraw(self, name: str, *, actor: str) -> ErasureRequest:
        """The request of that name or subject, which waits no longer; raises NotFound.

        Anybody who opens the home may do it: nothing is lost, and the ledger says who it was.
        """
        with self.records.begin() as unit:
            request = unit.catalogue.erasure_request(name)
            if request is None:
                raise _unasked(name)
            unit.catalogue.drop_erasure_request(request.name)
            self.ledger.append(
                unit.ledger, "erase-withdrawn", actor, subject=request.subject, request=request.name
            )
        return request

    def under_way(self) -> Sequence[BegunErasure]:
        """The erasures that were begun and cut, oldest first."""
        with self.records.begin() as unit:
            return unit.catalogue.begun_erasures()

    def erase(self, subject: str, *, actor: str, keep: Keep, request: str = _NOBODY) -> Erased:
        """What was erased; raises NotFound, Refused. *keep* is given the new recovery code.

        1. Rows with wrapped keys, the ledger entry and the note of what is still to be done go in one
           transaction, in which a patient who keeps images gets a new key: from here nothing in this home
           opens the erased images, and `resume` completes a run that is cut.
        2. Objects are deleted here.
        3. The root epoch is rotated, so that no copy of the rows from before opens them either; what the
           search kept of them goes.
        4. Objects are deleted in every depot; where one cannot be reached, that stays noted.
        """
        if subject not in {begun.subject for begun in self.under_way()}:
            self._begin(subject, actor, request)
        done = self.resume(actor=actor, keep=keep)
        return next(erased for erased in done if erased.subject == subject)

    def resume(self, *, actor: str, keep: Keep) -> Sequence[Erased]:
        """The erasures under way, which are complete now, and depots that were out of reach tried again."""
        begun = self.under_way()
        self._delete_here()
        epochs = [each.root_epoch for each in begun]
        code = self.keys.retire(max(epochs), actor=actor, keep=keep) if begun else b""
        self.packs.forget([image for each in begun for image in each.images])
        reached = self.depots.erase(actor=actor)
        with self.records.begin() as unit:
            for each in begun:
                unit.catalogue.end_erasure(each.subject)
            return [self._erased(each, unit, reached, code) for each in begun]

    def _begin(self, subject: str, actor: str, request: str) -> None:
        """The step that decides: all of it is durable, or nothing has happened."""
        self.permit(subject, actor=actor)
        self._refuse_halfway()
        with self.records.begin() as unit:
            _refuse_unapproved(subject, request, unit.catalogue)
            plan = _plan(subject, unit.catalogue)
            copies = sum(len(unit.catalogue.copies_of(sealed.image.id)) for sealed in plan.images)
            self._delete_rows(plan, unit.catalogue)
            if request:
                unit.catalogue.drop_erasure_request(request)
            epoch = self.keys.keyring.root.epoch
            appended = self.ledger.append(
                unit.ledger,
                "erase",
                actor,
                subject=subject,
                images=len(plan.images),
                copies=copies,
                root_epoch=epoch,
                **({"request": request} if request else {}),
            )
            begun = BegunErasure(
                subject=subject,
                images=tuple(sealed.image.id for sealed in plan.images),
                copies=copies,
                root_epoch=epoch,
                ledger_index=appended.index,
            )
            unit.catalogue.begin_erasure(begun)
            _note_objects(plan, unit.catalogue)

    def _delete_rows(self, plan: _Plan, catalogue: Catalogue) -> None:
        for sealed in plan.images:
            catalogue.erase_image(sealed.image.id)
        for patient in plan.leaving:
            catalogue.erase_patient(patient)
        for patient in plan.staying:
            rekey(patient, catalogue, self.keys.keyring)

    def _delete_here(self) -> None:
        with self.records.begin() as unit:
            names = unit.catalogue.deletions(_HERE)
        for name in names:
            self.objects.delete(name)
        if names:
            with self.records.begin() as unit:
                unit.catalogue.drop_deletions(_HERE, names)

    def _erased(self, begun: BegunErasure, unit: Unit, reached: dict[str, str], code: bytes) -> Erased:
        return Erased(
            subject=begun.subject,
            images=begun.images,
            copies=begun.copies,
            root_epoch=self.keys.keyring.root.epoch,
            depots=reached,
            recovery_code=code,
            receipt=self.ledger.proof(unit.ledger, begun.ledger_index),
        )

    def _refuse_halfway(self) -> None:
        """Keys are wrapped by the newer of two epochs already, and that one would not be destroyed."""
        if len(self.keys.keyring.root.epochs) > 1:
            raise Refused(
                "rotation-unfinished",
                "a rotation of the root key was cut, and what is erased now would not be destroyed by it",
                "complete it first: pleura key rotate",
            )

    def _visit(self, image: Image) -> datetime:
        """When the patient was there: the day the data set names, else the day the image arrived."""
        acquired = self.vault.facts(image.id).acquired_at[:10]
        try:
            return min(datetime.fromisoformat(acquired).replace(tzinfo=UTC), image.received_at)
        except ValueError:  # many pictures and some data sets name no day
            return image.received_at


def _plan(subject: str, catalogue: Catalogue) -> _Plan:
    images = _images_of(subject, catalogue)
    going = {sealed.image.id for sealed in images}
    patients = sorted({sealed.image.patient for sealed in images})
    keeping = [
        patient
        for patient in patients
        if {sealed.image.id for sealed in catalogue.images_of_patient(patient)} - going
    ]
    leaving = [patient for patient in patients if patient not in keeping]
    return _Plan(images=images, leaving=leaving, staying=keeping)


def _note_objects(plan: _Plan, catalogue: Catalogue) -> None:
    """Note every object of *plan* for deletion, here and in every depot."""
    names = [name for sealed in plan.images for name, _ in objects_of(sealed)]
    for place in (_HERE, *(depot.name for depot in catalogue.depots())):
        catalogue.note_deletions(place, names)


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


def _refuse_unapproved(subject: str, request: str, catalogue: Catalogue) -> None:
    """Whatever the door did: where two people are needed, one of them asked, and it was for this."""
    known = catalogue.erasure_request(subject)
    if rule(catalogue, APPROVALS) != "1" and (known is None or known.name != request):
        raise second_person_needed()


def _kept(until: datetime) -> Refused:
    return Refused(
        "retention-runs",
        "the law makes a hospital keep this record until {until} (医疗机构病历管理规定), and an original is "
        "part of it",
        "restrict its processing instead (PIPL article 47): pleura restrict",
        until=until.date().isoformat(),
    )


def _unasked(name: str) -> NotFound:
    return NotFound(
        "request-unknown",
        "nobody has asked for the erasure of {request}",
        "ask for it first, under an account: pleura erase NAME --as ACCOUNT",
        request=name,
    )


def _nobody_signed_in() -> Refused:
    return Refused(
        "account-needed",
        "two people are needed here, and each signs in with an account of their own",
        "name the account: --as ACCOUNT; add one with pleura people add",
    )
