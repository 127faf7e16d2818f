"""What was erased here goes from the depots too: each object is noted until its box is gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pleura.domain.errors import PleuraError
from pleura.domain.ports import ObjectStore, Records
from pleura.ledger.ledger import Ledger
from pleura.prevent.depots.boxes import BOXES, Boxes
from pleura.prevent.depots.snapshot import HEADS

ERASED: Final = "erased"
_EMPTIED: Final = "depot-emptied"


def delete_noted(
    depot: str,
    connect: Callable[[], ObjectStore],
    depot_key: bytes,
    records: Records,
    ledger: Ledger,
    *,
    actor: str,
) -> str:
    """``erased`` once nothing is noted for *depot* any more, else the code of what is in the way."""
    with records.begin() as unit:
        names = unit.catalogue.deletions(depot)
    if not names:
        return ERASED
    try:
        result = _delete(names, connect(), depot_key)
    except PleuraError as fault:
        result = fault.code
    with records.begin() as unit:
        if result == ERASED:
            unit.catalogue.drop_deletions(depot, names)
        ledger.append(unit.ledger, "depot-erase", actor, depot=depot, result=result)
    return result


def _delete(names: Sequence[str], store: ObjectStore, depot_key: bytes) -> str:
    """A mount point without its disk is an empty folder, in which every box seems to be gone already."""
    if not any(name.startswith((HEADS, BOXES)) for name in store.names()):
        return _EMPTIED
    boxes = Boxes(store, depot_key)
    for name in names:
        boxes.delete(name)
    return ERASED
