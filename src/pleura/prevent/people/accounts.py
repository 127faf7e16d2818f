"""Accounts: who may sign in to this installation."""

from __future__ import annotations

from typing import Final

from pleura.crypto.passwords import check_password, hash_password, wrong_password
from pleura.domain.errors import BadInput, Refused
from pleura.domain.installation import Account, Role
from pleura.domain.ports import Catalogue, Clock, Records
from pleura.ledger.ledger import Ledger

_MAX_NAME: Final = 64


def found_administrator(name: str, password: str, catalogue: Catalogue, clock: Clock) -> Account:
    """The first account; raises BadInput for an empty name or a password that is too short."""
    return _made(name, "administrator", password, catalogue, clock)


def _made(name: str, role: Role, password: str, catalogue: Catalogue, clock: Clock) -> Account:
    if not name.strip() or len(name) > _MAX_NAME or not name.isprintable():
        raise BadInput(
            "bad-account-name",
            "the account name is empty, unprintable or longer than {limit} characters",
            "choose a name of 1 to {limit} characters",
            limit=_MAX_NAME,
        )
    if catalogue.account(name) is not None:
        raise BadInput("account-exists", "there is an account of that name already", "choose another name")
    account = Account(name=name, role=role, password_hash=hash_password(password), created_at=clock.now())
    catalogue.add_account(account)
    return account


class Accounts:
    """Sign-in, recorded whichever way it ends."""

    def __init__(self, records: Records, ledger: Ledger, clock: Clock) -> None:
        self._records = records
        self._ledger = ledger
        self._clock = clock

    def add_custodian(self, name: str, password: str, *, actor: str) -> Account:
        """One more person, who may approve what needs two; raises BadInput."""
        with self._records.begin() as unit:
            account = _made(name, "custodian", password, unit.catalogue, self._clock)
            self._ledger.append(unit.ledger, "account", actor, role=account.role)
        return account

    def sign_in(self, name: str, password: str, *, door: str = "web") -> Account:
        """The account that *name* and *password* open; raises Refused, the same for either being wrong."""
        with self._records.read() as unit:
            account = unit.catalogue.account(name)
        try:
            check_password(account.password_hash if account else None, password)
        except Refused:
            with self._records.begin() as unit:
                self._ledger.append(unit.ledger, "sign-in-refused", door)
            raise
        if account is None:
            raise wrong_password()
        with self._records.begin() as unit:
            self._ledger.append(unit.ledger, "sign-in", f"{door}:{account.name}")
        return account
