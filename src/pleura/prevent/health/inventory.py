"""What catalogue and ledger say of each other: a row that was lost or changed behind our back is noticed.

The ledger is signed, the catalogue is not. Every image and every copy has an entry, and every entry its
row until an erasure took it away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from pleura.domain.errors import LedgerBroken, NotFound, SealBroken
from pleura.domain.images import ImageFacts, SealedImage
from pleura.domain.ports import LedgerRows, Records, Unit
from pleura.ledger.entries import Entry, decode
from pleura.prevent.copies import Copies
from pleura.prevent.keyring import Keyring
from pleura.prevent.patients import identity_of, instance_index
from pleura.prevent.vault import Vault

Difference = Literal["lost", "changed", "unrecorded"]
"""``lost``: in the ledger, not in the catalogue, and never erased. ``changed``: a row says what the ledger
or its own sealed fields do not say, or a sealed field does not open. ``unrecorded``: not in the ledger."""

_SLACK: Final = timedelta(minutes=10)
"""The time of a row and of its entry are read one after the other."""


@dataclass(frozen=True)
class Finding:
    """One thing by its opaque name, and what is wrong with it."""

    subject: str
    difference: Difference


@dataclass
class _Recorded:
    """What the ledger says is there."""

    images: dict[str, Entry] = field(default_factory=dict)
    copies: dict[str, set[str]] = field(default_factory=dict)
    """Names of copies by image."""
    erased: set[str] = field(default_factory=set)
    """Images and studies that were erased by name."""
    erased_with_patients: int = 0
    """Images that went with a patient; the entry does not name them."""

    def add(self, entry: Entry) -> None:
        """Take one entry in."""
        facts = entry.facts
        if entry.kind == "import":
            self.images[str(facts["image"])] = entry
        elif entry.kind == "copy":
            self.copies.setdefault(str(facts["image"]), set()).add(str(facts["copy"]))
        elif entry.kind == "erase" and str(facts["subject"]).startswith("pat-"):
            self.erased_with_patients += int(facts["images"])
        elif entry.kind == "erase":
            self.erased.add(str(facts["subject"]))

    def is_erased(self, image: str) -> bool:
        """Whether the image went by its own name or with its study."""
        return bool({image, str(self.images[image].facts["study"])} & self.erased)


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Compares catalogue and ledger of one open home."""

    records: Records
    vault: Vault
    copies: Copies
    keyring: Keyring

    def findings(self) -> list[Finding]:
        """Everything that differs at one moment, whoever is at work; it reads every row and entry once."""
        with self.records.read() as unit:
            return list(self._findings(unit))

    def _findings(self, unit: Unit) -> Iterator[Finding]:
        recorded, images, patients = _recorded(unit.ledger), set[str](), set[str]()
        for sealed in unit.catalogue.images():
            images.add(sealed.image.id)
            patients.add(sealed.image.patient)
            difference = self._difference(sealed, recorded, unit)
            if difference is not None:
                yield Finding(sealed.image.id, difference)
        yield from self._changed_patients(patients, unit)
        for image in self._lost(recorded, images):
            yield Finding(image, "lost")

    def lost(self) -> list[str]:
        """Images that the ledger has, the catalogue has not, and no erasure took away by name."""
        with self.records.read() as unit:
            present = {sealed.image.id for sealed in unit.catalogue.images()}
            return self._lost(_recorded(unit.ledger), present)

    def _lost(self, recorded: _Recorded, present: set[str]) -> list[str]:
        missing = [
            image for image in recorded.images if image not in present and not recorded.is_erased(image)
        ]
        # An image that went with its patient is not named by the entry; as many may be missing.
        return missing if len(missing) > recorded.erased_with_patients else []

    def _difference(self, sealed: SealedImage, recorded: _Recorded, unit: Unit) -> Difference | None:
        image = sealed.image.id
        entry = recorded.images.get(image)
        if entry is None:
            return "unrecorded"
        try:
            facts = self.vault.facts_of(sealed, unit.catalogue.patient(sealed.image.patient))
            copies = {self.copies.proven(copy, unit).copy for copy in unit.catalogue.copies_of(image)}
        except (SealBroken, LedgerBroken, NotFound):
            return "changed"
        agrees = (
            _as_recorded(sealed, entry)
            and _as_sealed(sealed, facts)
            and sealed.instance_index == instance_index(self.keyring, facts)
            and copies == recorded.copies.get(image, set())
        )
        return None if agrees else "changed"

    def _changed_patients(self, patients: set[str], unit: Unit) -> Iterator[Finding]:
        for name in sorted(patients):
            try:
                identity_of(unit.catalogue.patient(name), self.keyring)
            except (SealBroken, NotFound):
                yield Finding(name, "changed")


def _recorded(rows: LedgerRows) -> _Recorded:
    recorded = _Recorded()
    for row in rows.rows():
        recorded.add(decode(row.entry))
    return recorded


def _as_recorded(sealed: SealedImage, entry: Entry) -> bool:
    """Whether a row says what its entry says."""
    named = (sealed.image.study, sealed.content_index.hex(), sealed.object_size)
    recorded = (entry.facts["study"], entry.facts["content"], entry.facts["size"])
    return named == recorded and _near(sealed.image.received_at, entry.at)


def _as_sealed(sealed: SealedImage, facts: ImageFacts) -> bool:
    """Whether the open columns of a row say what its sealed facts say."""
    image = sealed.image
    shown = (image.modality, image.device_serial, image.rows, image.columns, image.bits_stored, image.origin)
    kept = (
        facts.modality,
        facts.device.serial_number,
        facts.rows,
        facts.columns,
        facts.bits_stored,
        facts.origin,
    )
    return shown == kept


def _near(one: datetime, other: datetime) -> bool:
    return abs(one - other) <= _SLACK
