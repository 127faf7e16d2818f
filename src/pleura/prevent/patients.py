"""Patients, studies and instances: one KEK for each patient, so that one patient can be erased alone."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from pleura.crypto.fields import blind_index, open_field, seal_field
from pleura.crypto.keys import new_key, unwrap, wrap
from pleura.domain.ids import new_id
from pleura.domain.images import Identity, ImageFacts, Patient, Study
from pleura.domain.ports import Catalogue
from pleura.prevent.keyring import Keyring


def admit_patient(facts: ImageFacts, catalogue: Catalogue, keyring: Keyring) -> Patient:
    """The patient that *facts* belong to, newly admitted with a fresh KEK when not yet known."""
    index = patient_index(keyring, facts.identity, facts.study_uid)
    known = catalogue.patient_by_index(index)
    if known is not None:
        return known
    kek = new_key()
    patient_id = new_id("patient")
    patient = Patient(
        id=patient_id,
        index=index,
        root_epoch=keyring.root.epoch,
        wrapped_kek=keyring.root.wrap(kek),
        sealed_identity=seal_field(kek, msgspec.json.encode(facts.identity), identity_context(patient_id)),
    )
    catalogue.add_patient(patient)
    return patient


def admit_study(facts: ImageFacts, patient: Patient, catalogue: Catalogue, keyring: Keyring) -> Study:
    """The study that *facts* belong to, newly made when not yet known."""
    index = blind_index(keyring.index_key, "study", facts.study_uid, patient.id)
    known = catalogue.study_by_index(index)
    if known is not None:
        return known
    study = Study(id=new_id("study"), patient=patient.id, index=index)
    catalogue.add_study(study)
    return study


def kek_of(patient: Patient, keyring: Keyring) -> bytes:
    """The patient's key; raises SealBroken when the root is not its root."""
    return keyring.root.unwrap(patient.wrapped_kek, patient.root_epoch)


def identity_of(patient: Patient, keyring: Keyring) -> Identity:
    """Who the patient is, as her first image said."""
    clear = open_field(kek_of(patient, keyring), patient.sealed_identity, identity_context(patient.id))
    return msgspec.json.decode(clear, type=Identity)


def patient_index(keyring: Keyring, identity: Identity, study_uid: str) -> bytes:
    """The blind index of a patient.

    An image without a patient ID belongs to nobody we know: its study stands in, so that two
    strangers never share a key.
    """
    if identity.patient_id:
        return blind_index(keyring.index_key, "patient", identity.issuer, identity.patient_id)
    return blind_index(keyring.index_key, "unidentified", study_uid)


def instance_index(keyring: Keyring, facts: ImageFacts) -> bytes:
    """The blind index of an instance, by its SOP Instance UID."""
    return blind_index(keyring.index_key, "instance", facts.sop_instance_uid)


def rekey(patient_id: str, catalogue: Catalogue, keyring: Keyring) -> None:
    """Give a patient a new key, and put under it everything that hangs on the one she had.

    A row of an image that is no longer here, kept somewhere from before, holds a key that the old one
    wraps: the old one must not stay, wrapped anew or not.
    """
    patient, key = catalogue.patient(patient_id), new_key()
    old = kek_of(patient, keyring)

    def again(sealed: bytes, context: bytes) -> bytes:
        return seal_field(key, open_field(old, sealed, context), context)

    images = catalogue.images_of_patient(patient_id)
    copies = [copy for sealed in images for copy in catalogue.copies_of(sealed.image.id)]
    catalogue.rekey(
        replace(
            patient,
            root_epoch=keyring.root.epoch,
            wrapped_kek=keyring.root.wrap(key),
            sealed_identity=again(patient.sealed_identity, identity_context(patient_id)),
        ),
        [
            replace(
                sealed,
                wrapped_dek=wrap(key, unwrap(old, sealed.wrapped_dek)),
                sealed_facts=again(sealed.sealed_facts, facts_context(sealed.image.id)),
            )
            for sealed in images
        ],
        [
            replace(copy, sealed_record=again(copy.sealed_record, record_context(copy.copy)))
            for copy in copies
        ],
    )


def identity_context(patient_id: str) -> bytes:
    """What a sealed identity is bound to."""
    return f"identity/{patient_id}".encode()


def facts_context(image_id: str) -> bytes:
    """What the sealed facts of an image are bound to."""
    return f"facts/{image_id}".encode()


def record_context(copy: str) -> bytes:
    """What the sealed record of a copy is bound to."""
    return f"copy/{copy}".encode()
