"""What the codes that depots keep mean to a person."""

from __future__ import annotations

from typing import Final

RESULTS: Final = {
    "": "passed",
    "erased": "erased",
    "erased-versions-stay": "deleted; old versions stay until the lock ends or they are removed",
    "objects-missing": "objects are missing",
    "objects-damaged": "objects are damaged",
    "objects-healed": "damaged objects were sent anew and not tested since",
    "seal-broken": "the snapshot does not open",
    "snapshot-unknown": "there is no snapshot there",
    "bucket-unreachable": "the store does not answer",
    "bucket-refuses": "the store refuses these keys",
    "bucket-unknown": "the bucket is not there",
    "folder-missing": "the folder is not there",
    "disk-failing": "the disk reports a fault",
    "depot-emptied": "the place is empty",
    "depot-unmarked": "the mark of its owner has gone or is damaged",
    "depot-of-a-copy": "it belongs to another copy of this home",
    "depot-of-another-home": "it belongs to another home",
}
"""Of a restore test, or of an erasure in a depot."""

WARNINGS: Final = {
    "mlps-level-below-3": "the MLPS level is below 3",
    "mlps-expired": "the MLPS certificate has run out on {until}",
    "mlps-expires-soon": "the MLPS certificate runs out on {until}",
    "no-tls": "the store can be reached without TLS",
    "bucket-public": "the bucket is open to the public",
    "no-object-lock": "the bucket has no object lock",
    "no-logging": "access to the bucket is not logged",
    "versions-outlive-erasure": "the bucket keeps old versions of what is erased",
}
"""Of the checklist of a cloud store."""


def in_words(code: str) -> str:
    """What *code* means; a code that is rare stands for itself."""
    return RESULTS.get(code, code)
