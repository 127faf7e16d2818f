"""Passwords of accounts: Argon2id hashes (RFC 9106)."""

from __future__ import annotations

import functools
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pleura.domain.errors import BadInput, Refused

MIN_LENGTH: Final = 15
"""NIST SP 800-63B-4, 3.1.1.2: the least length of a password that is the only factor."""
MAX_LENGTH: Final = 1024

_HASHER: Final = PasswordHasher()


def hash_password(password: str) -> str:
    """The Argon2id hash of *password*; raises BadInput when it is too short or too long."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise BadInput(
            "password-length",
            "a password has between {least} and {most} characters",
            "choose a longer one; four unrelated words are good",
            least=MIN_LENGTH,
            most=MAX_LENGTH,
        )
    return _HASHER.hash(password)


def check_password(stored: str | None, password: str) -> None:
    """Return when *password* is right; raises Refused.

    Where there is no account (*stored* is None) the same work is done, so that the time of the answer
    does not tell which names exist.
    """
    try:
        _HASHER.verify(stored or _nobody(), password[:MAX_LENGTH])
    except (VerificationError, InvalidHashError):
        raise wrong_password() from None
    if stored is None:
        raise wrong_password()


def wrong_password() -> Refused:
    """The refusal of a sign-in, the same for a wrong name and a wrong password."""
    return Refused("wrong-password", "the name or the password is wrong", "check both and try again")


@functools.cache
def _nobody() -> str:
    return _HASHER.hash("nobody has this password")
