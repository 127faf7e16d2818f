"""What was erased here goes from the depots too: each object is noted until its box is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pleura.domain.errors import PleuraError
from pleura.domain.ports import ObjectStore, Records
from pleura.ledger.ledger import Ledger
from pleura.prevent.depots.boxes import Boxes

ERASED: Final = "erased"


def delete_noted(
    depot: str,
    connect: Callable[[], ObjectStore],
    depot_key: bytes,
    records: Records,
    ledger: Ledger,
    *,
    actor: str,
) -> str:
    """``erased`` once nothing is noted for *depot* any more, else the code of what is in the way.

    *connect* refuses a place that is not marked as ours: in the empty folder of a disk that is not mounted
    every box seems to be gone already.
    """
    with records.begin() as unit:
        names = unit.catalogue.deletions(depot)
    if not names:
        return ERASED
    result = ERASED
    try:
        boxes = Boxes(connect(), depot_key)
        for name in names:
            boxes.delete(name)
    except PleuraError as fault:
        result = fault.code
    with records.begin() as unit:
        if result == ERASED:
            unit.catalogue.drop_deletions(depot, names)
        ledger.append(unit.ledger, "depot-erase", actor, depot=depot, result=result)
    return result
