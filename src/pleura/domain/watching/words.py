"""What the codes of a look mean to a person."""

from __future__ import annotations

from typing import Final

RESULTS: Final = {
    "": "looked at",
    "robots": "closed by the robots.txt of the site",
    "address-not-public": "leads to an address inside, which is never asked",
    "name-not-public": "has a name of this network only, which is never asked",
    "port-closed": "uses a port other than 80 and 443",
    "host-malformed": "names a host in a form that is not understood",
    "name-unknown": "has a name that nobody knows",
    "unreachable": "does not answer",
    "too-slow": "answers too slowly",
    "too-large": "is too large",
    "cut-short": "breaks off in the middle",
    "elsewhere": "is being fetched by another worker",
    "folder-missing": "the folder is not there",
    "too-many-files": "holds too many files",
    "file-unreadable": "cannot be read",
    "bad-hash-list": "is no hash list that is signed by its key",
    "mail-malformed": "is a message that cannot be read",
    "interrupted": "was interrupted",
    "stopped": "was stopped before its end",
    "gathering-died": "the process that looks died",
    "gathering-garbled": "the process that looks answered with nonsense",
}
"""Of a source, or of one of its addresses."""

STATUS: Final = "answers with status {status}"


def in_words(code: str) -> tuple[str, dict[str, str]]:
    """What *code* means, and what is to be filled in; a code that is rare stands for itself."""
    if code.startswith("status-"):
        return STATUS, {"status": code.removeprefix("status-")}
    return RESULTS.get(code, code), {}
