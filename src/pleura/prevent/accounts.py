"""Accounts: who may sign in to this installation."""

from __future__ import annotations

from typing import Final

from pleura.crypto.passwords import check_password, hash_password, wrong_password
from pleura.domain.errors import BadInput, Refused
from pleura.domain.installation import Account
from pleura.domain.ports import Catalogue, Clock, Records
from pleura.ledger.ledger import Ledger

_MAX_NAME: Final = 64


def found_administrator(name: str, password: str, catalogue: Catalogue, clock: Clock) -> Account:
    """The first account; raises BadInput for an empty name or a password that is too short."""
    if not name.strip() or len(name) > _MAX_NAME or not name.isprintable():
        raise BadInput(
            "bad-account-name",
            "the account name is empty, unprintable or longer than {limit} characters",
            "choose a name of 1 to {limit} characters",
            limit=_MAX_NAME,
        )
    account = Account(
        name=name, role="administrator", password_hash=hash_password(password), created_at=clock.now()
    )
    catalogue.add_account(account)
    return account


class Accounts:
    """Sign-in, recorded whichever way it ends."""

    def __init__(self, records: Records, ledger: Ledger) -> None:
        self._records = records
        self._ledger = ledger

    def sign_in(self, name: str, password: str) -> Account:
        """The account that *name* and *password* open; raises Refused, the same for either being wrong."""
        with self._records.begin() as unit:
            account = unit.catalogue.account(name)
        try:
            check_password(account.password_hash if account else None, password)
        except Refused:
            with self._records.begin() as unit:
                self._ledger.append(unit.ledger, "sign-in-refused", "web")
            raise
        if account is None:
            raise wrong_password()
        with self._records.begin() as unit:
            self._ledger.append(unit.ledger, "sign-in", f"web:{account.name}")
        return account
