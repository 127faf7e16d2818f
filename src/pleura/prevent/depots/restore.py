"""A home comes back from a depot: the recovery code opens a snapshot, which names the objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pleura.crypto.roots.root import Root, open_by_recovery
from pleura.domain.errors import NotFound, SealBroken
from pleura.domain.images import SealedImage
from pleura.domain.ports import ObjectStore
from pleura.prevent.depots.boxes import Boxes
from pleura.prevent.depots.snapshot import Head, newest_head, read_snapshot
from pleura.prevent.vault import objects_of


def open_newest(
    store: ObjectStore, code: bytes, snapshot: str = ""
) -> tuple[Head, Root, Iterator[memoryview]]:
    """The newest snapshot or the one named, its root, and its pieces; raises NotFound, EnvironmentFault."""
    head = newest_head(store, snapshot)
    key = open_by_recovery(head.by_recovery, code)
    return head, Root({head.epoch: key}), read_snapshot(store, head, key)


def fetch_objects(
    boxes: Boxes, images: Sequence[SealedImage], objects: ObjectStore, advance: Callable[[int], None]
) -> list[str]:
    """Names of the objects that the depot lacks or holds damaged; all others are in *objects* then."""
    lacking = []
    for name in (name for sealed in images for name, _ in objects_of(sealed)):
        try:
            advance(boxes.fetch(name, objects))
        except (NotFound, SealBroken):
            lacking.append(name)
    return lacking
