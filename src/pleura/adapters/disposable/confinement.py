"""What a disposable process may touch once it holds hostile bytes: Landlock, where the kernel has it.

A codec that is taken over can then open no file but those of the interpreter and its libraries, read
no other process, signal none and open no TCP connection. Kernels without Landlock lose this wall and
keep the others (no keys in the process, limits, a clean environment). UDP is not covered by Landlock.
Source: the kernel's userspace-api/landlock, versions 1 to 7 of its ABI.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pleura

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_NET_PORT: Final = 2
_PR_SET_NO_NEW_PRIVS: Final = 38

_EXECUTE: Final = 1 << 0
_WRITE_FILE: Final = 1 << 1
_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
_MAKE_REG: Final = 1 << 8
_ACCESSES: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many kinds of file access each version of the ABI knows."""
_TCP: Final = 0b11
_CONNECT_TCP: Final = 0b10
_SCOPES: Final = 0b11
_LIBRARIES: Final = (
    sys.prefix,
    sys.base_prefix,
    str(Path(pleura.__file__).parent),
    "/usr/lib",
    "/lib",
    "/lib64",
)


def confine(writable: int | None = None, *, readable: Iterable[str] = (), port: int | None = None) -> int:
    """The version of the Landlock ABI this process is now confined by, for good; 0 without Landlock.

    Files may be made below the folder descriptor *writable* only, and read below the folders *readable*
    beside the libraries; a TCP connection may be opened to *port* only. Raises OSError where the kernel
    has Landlock and refuses the rules.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = _version(libc)
    if version < 1:
        return 0
    accesses = (1 << _ACCESSES[min(version, 5)]) - 1
    attributes = struct.pack("=Q", accesses)
    if version >= 4:
        attributes += struct.pack("=Q", _TCP)
    if version >= 6:
        attributes += struct.pack("=Q", _SCOPES)
    rules = _checked(libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0))
    for library in filter(os.path.isdir, (*_LIBRARIES, *readable)):
        folder = os.open(library, os.O_PATH | os.O_CLOEXEC)
        _allow(libc, rules, folder, _EXECUTE | _READ_FILE | _READ_DIR)
        os.close(folder)
    if writable is not None:
        _allow(libc, rules, writable, _WRITE_FILE | _MAKE_REG)
    if port is not None and version >= 4:
        _allow_port(libc, rules, port)
    _checked(libc.syscall(_RESTRICT_SELF, rules, 0))
    os.close(rules)
    return version


def confine_connections(port: int) -> int:
    """The version of the Landlock ABI that lets this process connect to *port* only; 0 where it cannot.

    For a process whose files cannot be told beforehand, such as a browser.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = _version(libc)
    if version < 4:
        return 0
    attributes = struct.pack("=QQ", 0, _TCP)
    rules = _checked(libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0))
    _allow_port(libc, rules, port)
    _checked(libc.syscall(_RESTRICT_SELF, rules, 0))
    os.close(rules)
    return version


def _version(libc: ctypes.CDLL) -> int:
    """The version of the kernel's ABI, below 1 without Landlock; no privilege is gained from now on."""
    _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    return int(libc.syscall(_CREATE_RULESET, None, 0, _VERSION))


def _allow_port(libc: ctypes.CDLL, rules: int, port: int) -> None:
    _checked(libc.syscall(_ADD_RULE, rules, _NET_PORT, struct.pack("=QQ", _CONNECT_TCP, port), 0))


def _allow(libc: ctypes.CDLL, rules: int, folder: int, accesses: int) -> None:
    _checked(libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", accesses, folder), 0))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "the kernel refuses to confine the process")
    return result
