"""Signed heads: C2SP checkpoints that other tools can read."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleura.crypto.signing import Signer, verify
from pleura.domain.errors import LedgerBroken
from pleura.ledger.heads import Head, open_head, sign_head

SIGNER = Signer.from_bytes(bytes(range(32)))
HEAD = Head(origin="pleura.ledger/test", size=1024, root=bytes(range(32)))


def test_a_signed_head_opens_to_what_was_signed() -> None:
    assert open_head(sign_head(HEAD, SIGNER), SIGNER.public) == HEAD


def test_the_form_is_that_of_the_two_c2sp_specifications() -> None:
    lines = sign_head(HEAD, SIGNER).split("\n")
    key_material = b"pleura.ledger/test\n\x01" + SIGNER.public
    dash, name, blob = lines[4].split(" ")
    signed = base64.b64decode(blob)

    assert lines[:4] == ["pleura.ledger/test", "1024", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", ""]
    assert (dash, name, lines[5:]) == ("—", "pleura.ledger/test", [""])
    assert hashlib.sha256(key_material).digest()[:4] == signed[:4]
    verify(SIGNER.public, "\n".join([*lines[:3], ""]).encode(), signed[4:])


def test_key_id_and_signature_agree_with_another_implementation() -> None:
    """The example of golang.org/x/mod/sumdb/note: verifier key and signed text."""
    public = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    signed = base64.b64decode(
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    )
    text = (
        b"If you think cryptography is the answer to your problem,\n"
        b"then you don't know what your problem is.\n"
    )

    assert hashlib.sha256(b"PeterNeumann\n" + public).digest()[:4] == signed[:4] == bytes.fromhex("c74f20a3")
    verify(public[1:], text, signed[4:])


def test_the_signatures_of_witnesses_are_ignored() -> None:
    note = sign_head(HEAD, SIGNER)
    witness = "— witness.example " + base64.b64encode(bytes(76)).decode() + "\n"
    same_name = "— pleura.ledger/test " + base64.b64encode(b"\xff" * 68).decode() + "\n"

    assert open_head(note + witness * 15 + same_name, SIGNER.public) == HEAD


def test_a_head_of_another_key_is_refused() -> None:
    with pytest.raises(LedgerBroken):
        open_head(sign_head(HEAD, Signer.from_bytes(bytes(32))), SIGNER.public)


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "line\nbreak", "é", "x" * 129])
def test_a_head_cannot_have_an_origin_that_would_not_read_back(origin: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        Head(origin=origin, size=1, root=bytes(32))


@pytest.mark.parametrize(("size", "root"), [(-1, bytes(32)), (1, bytes(31))])
def test_a_head_cannot_have_a_negative_size_or_a_short_root(size: int, root: bytes) -> None:
    with pytest.raises(ValueError, match="size"):
        Head(origin="x", size=size, root=root)


@given(st.text(max_size=200))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(LedgerBroken):
        open_head(text, SIGNER.public)


@given(st.data())
def test_a_note_with_one_changed_character_is_refused(data: st.DataObject) -> None:
    note = sign_head(HEAD, SIGNER)
    at = data.draw(st.integers(0, len(note) - 1))
    character = data.draw(st.characters(exclude_categories=["Cs"]).filter(lambda other: other != note[at]))

    with pytest.raises(LedgerBroken):
        open_head(note[:at] + character + note[at + 1 :], SIGNER.public)
