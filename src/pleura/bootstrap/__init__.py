"""The one socket: settings in, a wired house out. Nothing opens before these functions are called."""

from pleura.adapters.storage.home import refuse_occupied
from pleura.bootstrap.engines import search_engine
from pleura.bootstrap.homes import (
    Founding,
    Restored,
    Source,
    found_house,
    is_founded,
    move_house,
    openable_snapshots,
    recover_house,
    restore_house,
    snapshots_at,
)
from pleura.bootstrap.house import LEDGER_ORIGIN_PREFIX, House, new_holder, open_house, token_key

__all__ = [
    "LEDGER_ORIGIN_PREFIX",
    "Founding",
    "House",
    "Restored",
    "Source",
    "found_house",
    "is_founded",
    "move_house",
    "new_holder",
    "open_house",
    "openable_snapshots",
    "recover_house",
    "refuse_occupied",
    "restore_house",
    "search_engine",
    "snapshots_at",
    "token_key",
]
