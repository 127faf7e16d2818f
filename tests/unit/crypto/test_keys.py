"""Keys, fields, signatures and passwords: each opens what it closed, and nothing else."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from pleura.crypto.fields import blind_index, open_field, seal_field
from pleura.crypto.keys import (
    derive,
    keyed_digest,
    keyed_digest_of,
    keystream,
    new_key,
    unwrap,
    wrap,
)
from pleura.crypto.passwords import check_password, hash_password
from pleura.crypto.signing import Signer, verify
from pleura.domain.errors import BadInput, LedgerBroken, Refused, SealBroken

WYCHEPROOF = Path(os.environ.get("PLEURA_VECTORS", "../shared/vectors")) / "wycheproof"
KEY = bytes(range(32))


def test_key_wrap_is_that_of_rfc_3394() -> None:
    """RFC 3394, section 4.6: 256 bits of key data with a 256-bit KEK."""
    data = bytes.fromhex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f")
    expected = "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"

    assert wrap(KEY, data).hex() == expected
    assert unwrap(KEY, bytes.fromhex(expected)) == data


@pytest.mark.parametrize("wrapped", [b"", b"x", bytes(40), bytes(41)])
def test_what_was_not_wrapped_does_not_unwrap(wrapped: bytes) -> None:
    with pytest.raises(SealBroken):
        unwrap(KEY, wrapped)


def test_another_key_does_not_unwrap() -> None:
    with pytest.raises(SealBroken):
        unwrap(bytes(32), wrap(KEY, new_key()))


def test_purposes_and_contexts_give_independent_keys() -> None:
    keys = {derive(KEY, "a"), derive(KEY, "b"), derive(KEY, "a", b"b"), derive(KEY, "a", b"c")}

    assert len(keys) == 4


def test_a_keystream_begins_the_same_whatever_its_length() -> None:
    assert keystream(KEY, 100)[:40] == keystream(KEY, 40)
    assert keystream(KEY, 40) != keystream(bytes(32), 40)


def test_a_stream_has_the_keyed_digest_of_its_bytes() -> None:
    data = os.urandom(3_000_000)

    assert keyed_digest_of(KEY, io.BytesIO(data)) == keyed_digest(KEY, data)


def test_a_field_opens_under_its_key_and_context_only() -> None:
    sealed = seal_field(KEY, "王小明".encode(), b"identity/pat-1")

    assert open_field(KEY, sealed, b"identity/pat-1").decode() == "王小明"
    with pytest.raises(SealBroken):
        open_field(KEY, sealed, b"identity/pat-2")
    with pytest.raises(SealBroken):
        open_field(bytes(32), sealed, b"identity/pat-1")


def test_every_changed_byte_of_a_field_is_refused() -> None:
    sealed = seal_field(KEY, b"birth date", b"x")

    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SealBroken):
            open_field(KEY, bytes(changed), b"x")
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            open_field(KEY, sealed[:length], b"x")


def test_a_blind_index_forgives_spelling_and_not_division() -> None:
    assert blind_index(KEY, "ID", "P-１ ") == blind_index(KEY, "id", "p-1")
    assert blind_index(KEY, "ab", "c") != blind_index(KEY, "a", "bc")
    assert blind_index(KEY, "a") != blind_index(bytes(32), "a")


def test_a_signature_is_of_its_message_and_its_signer() -> None:
    signer, other = Signer.from_bytes(KEY), Signer.from_bytes(bytes(32))
    signature = signer.sign(b"head")

    verify(signer.public, b"head", signature)
    for public, message, given in (
        (signer.public, b"tail", signature),
        (other.public, b"head", signature),
        (signer.public, b"head", signature[:-1]),
        (b"short", b"head", signature),
    ):
        with pytest.raises(LedgerBroken):
            verify(public, message, given)


@pytest.mark.skipif(not WYCHEPROOF.is_dir(), reason="PLEURA_VECTORS names no folder of vectors")
def test_all_151_ed25519_cases_of_wycheproof_come_out_as_stated() -> None:
    groups = json.loads((WYCHEPROOF / "ed25519_test.json").read_text())["testGroups"]
    cases = [(bytes.fromhex(group["publicKey"]["pk"]), case) for group in groups for case in group["tests"]]

    for public, case in cases:
        message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
        if case["result"] == "valid":
            verify(public, message, signature)
        else:
            with pytest.raises(LedgerBroken):
                verify(public, message, signature)
    assert len(cases) == 151


def test_a_password_is_checked_and_never_kept() -> None:
    stored = hash_password("twelve quiet herons wade")

    check_password(stored, "twelve quiet herons wade")
    assert "heron" not in stored
    assert stored.startswith("$argon2id$")
    with pytest.raises(Refused, match="the name or the password"):
        check_password(stored, "twelve quiet herons wad")


def test_nobody_has_a_password() -> None:
    with pytest.raises(Refused, match="the name or the password"):
        check_password(None, "nobody has this password")


@pytest.mark.parametrize("password", ["", "fourteen chars", "x" * 1025])
def test_a_password_of_a_bad_length_is_refused(password: str) -> None:
    with pytest.raises(BadInput, match="15 and 1024"):
        hash_password(password)
