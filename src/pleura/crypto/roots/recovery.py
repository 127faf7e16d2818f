"""The recovery code: 32 random bytes that open the root, as letters, as words, or split among people.

Letters carry three check bytes of SHA-256; words are BIP-39 (24 words, Chinese or English); shares are
SLIP-0039 (33 words each), of which a chosen number is enough and one fewer says nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mnemonic import Mnemonic
from shamir_mnemonic import MnemonicError, Share, combine_mnemonics, generate_mnemonics

from pleura.crypto.keys import digest
from pleura.domain.errors import BadInput

CODE_BYTES: Final = 32
MOST_SHARES: Final = 16  # SLIP-0039, the greatest number of members in a group

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_CHECK_BYTES: Final = 3
_GROUP: Final = 7
_WORDS: Final = 24
_SHARE_WORDS: Final = 33
_LISTS: Final = {"zh": "chinese_simplified", "en": "english"}


@dataclass(frozen=True, kw_only=True)
class Shares:
    """How a code is split: any *needed* of *total* shares give it; 1 of 1 is the whole code."""

    needed: int = 1
    total: int = 1

    def __post_init__(self) -> None:
        whole = (self.needed, self.total) == (1, 1)
        if not whole and not 2 <= self.needed <= self.total <= MOST_SHARES:
            raise bad_split()


WHOLE: Final = Shares()


def new_code() -> bytes:
    """32 random bytes."""
    return secrets.token_bytes(CODE_BYTES)


def spelled(code: bytes) -> str:
    """The code with three check bytes, 56 letters in groups of seven."""
    number = int.from_bytes(code + digest(code)[:_CHECK_BYTES])
    letters = "".join(_ALPHABET[number >> shift & 31] for shift in range(275, -1, -5))
    return "-".join(letters[start : start + _GROUP] for start in range(0, len(letters), _GROUP))


def worded(code: bytes, language: Literal["zh", "en"]) -> list[str]:
    """The code as 24 words of *language* (BIP-39)."""
    return str(Mnemonic(_LISTS[language]).to_mnemonic(code)).split()


def split(code: bytes, shares: Shares) -> list[str]:
    """The shares of the code, 33 words each (SLIP-0039)."""
    return list(generate_mnemonics(1, [(shares.needed, shares.total)], code)[0])


def read_code(typed: Sequence[str]) -> bytes:
    """The code in what a person typed: letters, 24 words, or one share a line; raises BadInput.

    A typing error is found before any key is tried.
    """
    lines = [line for line in (" ".join(entry.split()) for entry in typed) if line]
    if lines and all(len(line.split()) == _SHARE_WORDS for line in lines):
        return _combined(lines)
    text = " ".join(lines)
    return _from_words(text) if len(text.split()) == _WORDS else _from_letters(text)


def _combined(shares: list[str]) -> bytes:
    typed = [share.lower() for share in shares]
    try:
        # Whoever brings more shares than are needed is helped as well; the library takes the exact number.
        needed = {Share.from_mnemonic(share).member_threshold for share in typed}
        code = bytes(combine_mnemonics(typed[: max(needed)]))
    except (MnemonicError, ValueError):
        raise BadInput(
            "recovery-shares-refused",
            "these shares do not fit together, or there are too few of them",
            "give each share on a line of its own, from the same sheet series, and as many as the sheet says",
        ) from None
    if len(code) != CODE_BYTES:
        raise _typing_error()
    return code


def _from_words(text: str) -> bytes:
    for name in _LISTS.values():
        known = Mnemonic(name)
        if known.check(text.lower()):
            return bytes(known.to_entropy(text.lower()))
    raise _typing_error()


def _from_letters(text: str) -> bytes:
    typed = text.upper().translate(str.maketrans("ILO", "110", " -"))
    number = 0
    for letter in typed:
        number = number << 5 | max(_ALPHABET.find(letter), 0)
    data = (number & (1 << 280) - 1).to_bytes(CODE_BYTES + _CHECK_BYTES)
    code, check = data[:CODE_BYTES], data[CODE_BYTES:]
    if digest(code)[:_CHECK_BYTES] != check or spelled(code).replace("-", "") != typed:
        raise _typing_error()
    return code


def bad_split() -> BadInput:
    """The refusal of numbers that no code can be split by."""
    return BadInput(
        "bad-split",
        "a recovery code is split among 2 to {most} people, and 2 or more of them are needed",
        "give for example 2/3: three shares, any two of which are enough",
        most=MOST_SHARES,
    )


def _typing_error() -> BadInput:
    return BadInput(
        "recovery-code-typo",
        "the recovery code has a typing error",
        "compare it letter by letter with the recovery sheet",
    )
