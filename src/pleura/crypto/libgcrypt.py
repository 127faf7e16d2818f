"""SM4-GCM by the system's libgcrypt, several times faster than the OpenSSL that pyca bundles."""

from __future__ import annotations

import ctypes
import functools
import weakref
from typing import Any, Final

from pleura.domain.errors import SealBroken

# Constants of gcrypt.h.
_CIPHER_SM4: Final = 318
_MODE_GCM: Final = 9
_INITIALIZATION_FINISHED: Final = 38
_DISABLE_SECMEM: Final = 37
_TAG_BYTES: Final = 16


@functools.cache
def _library() -> Any:
    """The loaded and initialised library; raises OSError where it is missing or too old."""
    library = ctypes.CDLL("libgcrypt.so.20")
    pointer, size, count = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    for name, arguments in (
        ("gcry_cipher_open", [ctypes.POINTER(pointer), count, count, ctypes.c_uint]),
        ("gcry_cipher_setkey", [pointer, pointer, size]),
        ("gcry_cipher_setiv", [pointer, pointer, size]),
        ("gcry_cipher_authenticate", [pointer, pointer, size]),
        ("gcry_cipher_encrypt", [pointer, pointer, size, pointer, size]),
        ("gcry_cipher_decrypt", [pointer, pointer, size, pointer, size]),
        ("gcry_cipher_gettag", [pointer, pointer, size]),
        ("gcry_cipher_checktag", [pointer, pointer, size]),
    ):
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, ctypes.c_uint
    library.gcry_cipher_close.argtypes, library.gcry_cipher_close.restype = [pointer], None
    library.gcry_check_version.argtypes = [ctypes.c_char_p]
    library.gcry_check_version.restype = ctypes.c_char_p
    # SM4 came with 1.9; the check also initialises the library.
    if library.gcry_check_version(b"1.9.0") is None:
        raise OSError("libgcrypt is older than 1.9")
    library.gcry_control(_DISABLE_SECMEM, 0)
    library.gcry_control(_INITIALIZATION_FINISHED, 0)
    return library


class LibgcryptSm4:
    """One SM4 key in libgcrypt; for one thread at a time."""

    def __init__(self, key: bytes) -> None:
        self._library = _library()
        handle = ctypes.c_void_p()
        _must(self._library.gcry_cipher_open(ctypes.byref(handle), _CIPHER_SM4, _MODE_GCM, 0))
        self._handle = handle
        self._end = weakref.finalize(self, self._library.gcry_cipher_close, handle)
        _must(self._library.gcry_cipher_setkey(handle, key, len(key)))

    def encrypt(self, nonce: bytes, aad: bytes, clear: memoryview, sealed: memoryview) -> None:
        """Write ciphertext and tag of *clear* to *sealed*."""
        size = len(clear)
        self._start(nonce, aad)
        out = _address(sealed)
        _must(self._library.gcry_cipher_encrypt(self._handle, out, size, _readable(clear), size))
        _must(self._library.gcry_cipher_gettag(self._handle, out + size, _TAG_BYTES))

    def decrypt(self, nonce: bytes, aad: bytes, sealed: memoryview, clear: memoryview) -> None:
        """Write the plaintext of *sealed* to *clear*, or zero *clear* and raise SealBroken."""
        size = len(clear)
        self._start(nonce, aad)
        source = _readable(sealed)
        _must(self._library.gcry_cipher_decrypt(self._handle, _address(clear), size, source, size))
        tag = bytes(sealed[size:])
        if self._library.gcry_cipher_checktag(self._handle, tag, len(tag)):
            clear[:] = bytes(size)
            raise SealBroken

    def _start(self, nonce: bytes, aad: bytes) -> None:
        _must(self._library.gcry_cipher_setiv(self._handle, nonce, len(nonce)))
        _must(self._library.gcry_cipher_authenticate(self._handle, aad, len(aad)))


def _must(error: int) -> None:
    """Raise OSError for an error code of libgcrypt: with right arguments there is none."""
    if error:
        raise OSError(f"libgcrypt answers error {error & 0xFFFF}")


def _address(writable: memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(writable)) if len(writable) else 0


def _readable(view: memoryview) -> Any:
    """What ctypes takes as a pointer to *view* without copying, where the view allows it."""
    return view.tobytes() if view.readonly else _address(view)
