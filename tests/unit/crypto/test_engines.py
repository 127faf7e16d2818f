"""An engine is used only when it proves itself, and all engines write the same bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleura.crypto import engines
from pleura.crypto.engines import (
    LIBGCRYPT_SM4,
    PYCA_SM4,
    TAG_BYTES,
    Aead,
    Algorithm,
    Engine,
    engine,
    proves_itself,
)
from pleura.domain.errors import EnvironmentFault, SealBroken

needs_libgcrypt = pytest.mark.skipif(not proves_itself(LIBGCRYPT_SM4), reason="libgcrypt20 is missing")


def encrypted(chosen: Engine, key: bytes, nonce: bytes, aad: bytes, clear: bytes) -> bytes:
    sealed = bytearray(len(clear) + TAG_BYTES)
    chosen.start(key).encrypt(nonce, aad, memoryview(bytearray(clear)), memoryview(sealed))
    return bytes(sealed)


def decrypted(chosen: Engine, key: bytes, nonce: bytes, aad: bytes, sealed: bytes) -> bytes:
    clear = bytearray(len(sealed) - TAG_BYTES)
    chosen.start(key).decrypt(nonce, aad, memoryview(bytearray(sealed)), memoryview(clear))
    return bytes(clear)


class Forgetful:
    """An engine that computes but never refuses."""

    def __init__(self, key: bytes) -> None:
        self._right: Aead = PYCA_SM4.start(key)

    def encrypt(self, nonce: bytes, aad: bytes, clear: memoryview, sealed: memoryview) -> None:
        self._right.encrypt(nonce, aad, clear, sealed)

    def decrypt(self, nonce: bytes, aad: bytes, sealed: memoryview, clear: memoryview) -> None:
        try:
            self._right.decrypt(nonce, aad, sealed, clear)
        except SealBroken:
            return


class Wrong(Forgetful):
    """An engine that computes something else."""

    def encrypt(self, nonce: bytes, aad: bytes, clear: memoryview, sealed: memoryview) -> None:
        self._right.encrypt(nonce[::-1], aad, clear, sealed)


def missing(_: bytes) -> Aead:
    raise OSError("no such library")


@pytest.mark.parametrize("start", [Forgetful, Wrong, missing])
def test_an_engine_that_does_not_prove_itself_is_passed_over(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = Engine(name="bad", key_bytes=16, start=start)
    monkeypatch.setattr(engines, "LIBGCRYPT_SM4", bad)
    engines._sm4_engine.cache_clear()

    chosen = engine(Algorithm.SM4_GCM)

    engines._sm4_engine.cache_clear()
    assert chosen is PYCA_SM4


def test_without_any_engine_the_next_step_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = Engine(name="bad", key_bytes=16, start=missing)
    monkeypatch.setattr(engines, "LIBGCRYPT_SM4", bad)
    monkeypatch.setattr(engines, "PYCA_SM4", bad)
    engines._sm4_engine.cache_clear()

    with pytest.raises(EnvironmentFault, match="install libgcrypt20"):
        engine(Algorithm.SM4_GCM)

    engines._sm4_engine.cache_clear()


@needs_libgcrypt
@given(clear=st.binary(max_size=2000), aad=st.binary(max_size=50), key=st.binary(min_size=16, max_size=16))
@settings(max_examples=100, deadline=None)
def test_both_sm4_engines_write_the_same_bytes(clear: bytes, aad: bytes, key: bytes) -> None:
    nonce = b"\x01" * 12

    sealed = encrypted(LIBGCRYPT_SM4, key, nonce, aad, clear)

    assert sealed == encrypted(PYCA_SM4, key, nonce, aad, clear)
    assert decrypted(LIBGCRYPT_SM4, key, nonce, aad, sealed) == clear


@needs_libgcrypt
def test_a_refused_chunk_leaves_no_plaintext_behind() -> None:
    sealed = bytearray(encrypted(LIBGCRYPT_SM4, bytes(16), bytes(12), b"", b"secret film"))
    sealed[-1] ^= 1
    clear = bytearray(11)

    with pytest.raises(SealBroken):
        LIBGCRYPT_SM4.start(bytes(16)).decrypt(bytes(12), b"", memoryview(sealed), memoryview(clear))

    assert clear == bytes(11)
