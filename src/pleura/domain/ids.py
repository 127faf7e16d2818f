"""Opaque names for our own things: they say what a thing is and nothing about whom."""

from __future__ import annotations

import secrets
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH: Final = 12  # 60 random bits: a collision is unlikely below 10^8 names of one kind

KINDS: Final = {
    "image": "img",
    "study": "stu",
    "patient": "pat",
    "copy": "cpy",
    "erasure": "era",
    "snapshot": "snp",
    "sketch": "skt",
    "home": "hom",
    "pack": "pck",
    "source": "src",
    "sighting": "sgt",
    "worker": "wrk",
    "search": "srh",
}


def new_id(kind: str) -> str:
    """A fresh random name such as ``img-3f9k2m7p1x8q`` for a *kind* of thing in ``KINDS``.

    The alphabet is Crockford's base 32 in lower case, without the letters i, l, o and u, so that a
    name can be read out over the telephone.
    """
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    return f"{KINDS[kind]}-{letters}"
