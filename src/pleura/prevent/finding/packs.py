"""Packs: what the search keeps of many originals in one file, so that it is read at once.

A pack is a cache. All of it follows from the sketches, each original's part is sealed under a key of its
own image, and a pack that is lost, damaged or of another form is made again. Because the keys are the
vault's, an erased image cannot be read out of a pack any more, not even out of an old copy of one; its
bytes go when it is forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from typing import Final

import msgspec

from pleura.crypto.fields import open_field, seal_field
from pleura.domain.errors import NotFound, PleuraError, SealBroken
from pleura.domain.ids import new_id
from pleura.domain.ports import ObjectStore
from pleura.prevent.vault import is_of_one_object

_SMALL: Final = (1 << 20, 8 << 20, 64 << 20)
"""Bytes: packs below one of these are joined when they are many, so that no part is written again often."""

_MANY: Final = 8
_NAME: Final = re.compile(r"pck-[a-z0-9]+")

KeyOf = Callable[[str], bytes]
"""The key of an image's part; raises NotFound for an image that is erased."""


class _Pack(msgspec.Struct, frozen=True):
    form: str
    """What made the parts, and how."""
    parts: Mapping[str, bytes]
    """By image; sealed."""


class Packs:
    """All packs of a home."""

    def __init__(self, files: ObjectStore) -> None:
        self._files = files

    def read(self, form: str, key_of: KeyOf) -> Iterator[tuple[str, bytes]]:
        """Image and clear part of everything that is of *form* and opens.

        Packs that are damaged or of another form are removed.
        """
        for name in self._names():
            pack = self._pack(name)
            if pack is not None and pack.form != form:
                self._files.delete(name)
            if pack is None or pack.form != form:
                continue
            for image, sealed in pack.parts.items():
                clear = _opened(image, sealed, key_of)
                if clear is not None:
                    yield image, clear

    def images(self) -> Set[str]:
        """The images that sound packs hold something of, whether it opens or not."""
        packs = (self._pack(name) for name in self._names())
        return {image for pack in packs if pack is not None for image in pack.parts}

    def write(self, form: str, parts: Iterable[tuple[str, bytes]], key_of: KeyOf) -> None:
        """Keep the clear *parts* of images in a new pack; many small packs become one."""
        self._put(form, {image: seal_field(key_of(image), clear, image.encode()) for image, clear in parts})
        sizes = {name: self._size(name) for name in self._names()}
        for limit in _SMALL:
            small = [name for name, size in sizes.items() if size < limit]
            if len(small) >= _MANY:
                self._join(form, small)
                return

    def forget(self, images: Collection[str]) -> None:
        """Write every pack that holds one of *images* again without them; safe to repeat after a crash."""
        gone = frozenset(images)
        for name in self._names() if gone else ():
            pack = self._pack(name)
            if pack is not None and not pack.parts.keys().isdisjoint(gone):
                self._put(pack.form, {image: part for image, part in pack.parts.items() if image not in gone})
                self._files.delete(name)

    def _join(self, form: str, names: Iterable[str]) -> None:
        together = {name: self._pack(name) for name in names}
        packs = [pack for pack in together.values() if pack is not None and pack.form == form]
        self._put(form, {image: part for pack in packs for image, part in pack.parts.items()})
        for name in together:
            self._files.delete(name)

    def _put(self, form: str, parts: Mapping[str, bytes]) -> None:
        if parts:
            self._files.put(new_id("pack"), [msgspec.msgpack.encode(_Pack(form=form, parts=parts))])

    def _names(self) -> list[str]:
        try:
            # Whatever else lies there is none of ours, and must not stop a search or an erasure.
            return sorted(name for name in self._files.names() if _NAME.fullmatch(name))
        except PleuraError as fault:
            if fault.code != "folder-missing":  # that is so before the first pack
                raise
            return []

    def _size(self, name: str) -> int:
        try:
            with self._files.open(name) as stream:
                return stream.seek(0, 2)
        except NotFound:  # joined meanwhile by another process
            return max(_SMALL)

    def _pack(self, name: str) -> _Pack | None:
        """The pack of that name; None where it is lost or unreadable, and a damaged one is removed."""
        try:
            with self._files.open(name) as stream:
                content = stream.read()
        except PleuraError as fault:
            if not is_of_one_object(fault):
                raise
            return None
        try:
            return msgspec.msgpack.decode(content, type=_Pack)
        except (msgspec.DecodeError, ValueError):  # the latter for names that are no text
            self._files.delete(name)
            return None


def _opened(image: str, sealed: bytes, key_of: KeyOf) -> bytes | None:
    try:
        return open_field(key_of(image), sealed, image.encode())
    except (NotFound, SealBroken):
        return None
