"""Change of root key, of its holder and of the recovery code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, get_args

from pleura.crypto.roots.recovery import WHOLE, Shares, new_code
from pleura.crypto.roots.root import (
    Argon2id,
    begin_rotation,
    by_recovery,
    finish_rotation,
    hand_over,
    open_by_recovery,
    reissue,
)
from pleura.domain.errors import EnvironmentFault
from pleura.domain.installation import InstallationKey, KeyPurpose, PatientKey, TokenKey
from pleura.domain.ports import Catalogue, Records, RootFile, RootHolder
from pleura.ledger.ledger import Ledger
from pleura.prevent.keyring import Keyring, wrapped_key

BATCH: Final = 2000
_IS_RECOVERY: Final = b'"kind":"recovery"'  # in canonical bytes, where quotes inside a value are escaped

Keep = Callable[[bytes], None]
"""What puts a new recovery code where it lasts, and returns only then; while it has not returned, the code
before is the one in force. Whatever it raises ends the change, and the old sheet stays good."""


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The keys of one installation; whoever changes them is alone in the home."""

    records: Records
    ledger: Ledger
    keyring: Keyring
    root_file: RootFile
    holder: RootHolder

    def rotate(self, *, actor: str, keep: Keep, shares: Shares | None = None) -> bytes:
        """The recovery code of the new root epoch, once nothing is wrapped by an older one any more.

        1. The root file gets one more epoch; from here the run can be cut at any place and repeated.
        2. Every key that an older root wraps is wrapped again, batch after batch.
        3. The ledger says so, and what the database kept of the old wrappings is scrubbed.
        4. The new recovery code is kept by *keep*: the old one opens the home until it is.
        5. The root file loses the older epoch, and the holder destroys its key: nothing opens it again.

        *shares* is how *keep* splits the code where that is not as before.
        """
        document = begin_rotation(self.root_file.read(), self.keyring.root, self.holder)
        self.root_file.replace(document)
        self._rewrap_installation_keys()
        self._rewrap_patient_keys()
        epoch = self.keyring.root.epoch
        with self.records.begin() as unit:
            self.ledger.append(unit.ledger, "rotate", actor, root_epoch=epoch)
        self.records.scrub()
        code = new_code()
        final = finish_rotation(document, self.keyring.root, code)
        keep(code)
        if shares is not None:
            self._record(actor, shares)
        self.root_file.replace(final)
        self.keyring.root.forget(before=epoch)
        self.holder.destroy_before(epoch)
        return code

    def retire(self, epoch: int, *, actor: str, keep: Keep) -> bytes:
        """Rotate unless *epoch* is destroyed already; the new recovery code, empty where none was needed."""
        if min(self.keyring.root.epochs) <= epoch:
            return self.rotate(actor=actor, keep=keep)
        # A run that was cut after the root file lost the epoch may have left its key with the holder.
        self.holder.destroy_before(min(self.keyring.root.epochs))
        return b""

    def reissue(self, *, actor: str, keep: Keep, shares: Shares | None = None) -> bytes:
        """A new recovery code, kept by *keep*; the one before does not open this home any more.

        *shares* is how *keep* splits the code where that is not as before.
        """
        code = new_code()
        document = reissue(self.root_file.read(), self.keyring.root, code)
        keep(code)
        self._record(actor, shares or self.shares())
        self.root_file.replace(document)
        return code

    def may_open(self, code: bytes) -> bool:
        """Whether the home opens with *code*, or cannot be asked; where it does not, its sheet is waste."""
        try:
            wrapped = by_recovery(self.root_file.read())
        except EnvironmentFault:
            return True
        try:
            open_by_recovery(wrapped, code)
        except EnvironmentFault:
            return False
        return True

    def shares(self) -> Shares:
        """How the recovery code is split, as the last entry about it says; raises LedgerBroken.

        Whoever makes a new code keeps to it: people who hold shares must not find one morning that a whole
        code is about. The entry is proven, so that nobody ends the arrangement by a changed row.
        """
        with self.records.read() as unit:
            about = [row.index for row in unit.ledger.rows() if _IS_RECOVERY in row.entry]
            if not about:
                return WHOLE
            facts = self.ledger.entry(unit.ledger, about[-1]).facts
        return Shares(needed=int(facts["needed"]), total=int(facts["shares"]))

    def hand_over(self, holder: RootHolder, kind: Argon2id | TokenKey, *, actor: str) -> None:
        """Wrap the root by another holder: a new passphrase, or a hardware token.

        The keys that a token held for it are destroyed once the new holder's file is durable.
        """
        document = hand_over(self.root_file.read(), self.keyring.root, holder, kind)
        with self.records.begin() as unit:
            name = "token" if isinstance(kind, TokenKey) else "passphrase"
            self.ledger.append(unit.ledger, "holder", actor, holder=name)
        self.root_file.replace(document)
        self.holder.destroy_before(self.keyring.root.epoch + 1)

    def _record(self, actor: str, shares: Shares) -> None:
        facts = {"needed": shares.needed, "shares": shares.total}
        with self.records.begin() as unit:
            self.ledger.append(unit.ledger, "recovery", actor, **facts)

    def _rewrap_installation_keys(self) -> None:
        with self.records.begin() as unit:
            for purpose in get_args(KeyPurpose):
                unit.catalogue.replace_key(self._rewrapped_key(unit.catalogue, purpose))

    def _rewrapped_key(self, catalogue: Catalogue, purpose: KeyPurpose) -> InstallationKey:
        known = wrapped_key(purpose, catalogue)
        root = self.keyring.root
        key = root.unwrap(known.wrapped, known.root_epoch)
        return replace(known, root_epoch=root.epoch, wrapped=root.wrap(key))

    def _rewrap_patient_keys(self) -> None:
        after = ""
        while True:
            with self.records.begin() as unit:
                batch = unit.catalogue.patient_keys(after, BATCH)
                older = [key for key in batch if key.root_epoch < self.keyring.root.epoch]
                if older:
                    unit.catalogue.replace_patient_keys([self._rewrapped(key) for key in older])
            if not batch:
                return
            after = batch[-1].patient

    def _rewrapped(self, key: PatientKey) -> PatientKey:
        root = self.keyring.root
        kek = root.unwrap(key.wrapped_kek, key.root_epoch)
        return replace(key, root_epoch=root.epoch, wrapped_kek=root.wrap(kek))
