"""A home comes back from a depot: the recovery code opens a snapshot, which names the objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pleura.crypto.container import HEADER_BYTES, commitment_of
from pleura.crypto.roots.root import Root, open_by_recovery
from pleura.domain.errors import EnvironmentFault, NotFound, SealBroken
from pleura.domain.images import SealedImage
from pleura.domain.ports import ObjectStore
from pleura.prevent.depots.boxes import Boxes
from pleura.prevent.depots.snapshot import Head, newest_head, read_snapshot
from pleura.prevent.vault import UNREADABLE, objects_of


def open_newest(
    store: ObjectStore, code: bytes, snapshot: str = ""
) -> tuple[Head, Root, Iterator[memoryview]]:
    """The newest snapshot or the one named, its root, and its pieces; raises NotFound, EnvironmentFault."""
    head = newest_head(store, snapshot)
    key = open_by_recovery(head.by_recovery, code)
    return head, Root({head.epoch: key}), _whole(head, read_snapshot(store, head, key))


def _whole(head: Head, pieces: Iterator[memoryview]) -> Iterator[memoryview]:
    """*pieces*; raises NotFound where the snapshot does not open or its disk cannot read it."""
    try:
        yield from pieces
    except (SealBroken, EnvironmentFault) as broken:
        if broken.code not in UNREADABLE | {"seal-broken"}:
            raise
        raise NotFound(
            "snapshot-damaged",
            "the snapshot {snapshot} is damaged",
            "list the snapshots there with pleura backup list FOLDER, and name an older one with --snapshot",
            snapshot=head.snapshot,
        ) from broken


def fetch_objects(
    boxes: Boxes, images: Iterable[SealedImage], objects: ObjectStore, advance: Callable[[int], None]
) -> list[str]:
    """Names of the objects that the depot lacks or holds damaged; all others are in *objects* then.

    What a restore that was cut has brought is not fetched again.
    """
    lacking = []
    for name, commitment in (each for sealed in images for each in objects_of(sealed)):
        if _is_here(name, commitment, objects):
            continue
        try:
            advance(boxes.fetch(name, objects))
        except (NotFound, SealBroken):
            lacking.append(name)
    return lacking


def _is_here(name: str, commitment: bytes, objects: ObjectStore) -> bool:
    """Whether *objects* has that very sealing of the object; another one is removed."""
    try:
        with objects.open(name) as stream:
            same = commitment_of(stream.read(HEADER_BYTES)) == commitment
    except NotFound:
        return False
    if not same:
        objects.delete(name)
    return same
