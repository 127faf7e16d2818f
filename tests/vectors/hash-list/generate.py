"""Write the vectors of the hash list: one that is right, and one file for every fault, named by the fault.

``python tests/vectors/hash-list/generate.py`` changes nothing when the format has not changed. The key is the
seed 00 01 02 … 1f.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

from pleura.crypto.signing import Signer
from pleura.monitor.watch.exchange import write_list

HERE = Path(__file__).parent
SIGNER = Signer.from_bytes(bytes(range(32)))
AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
DIGESTS = ("03ba204e50d126e4674c005e04d82e84c21366780af1f43bd54a37816b6ab340", "5" * 64)


def signed(text: str) -> str:
    """*text*, whatever it is, signed as a list would be."""
    right = write_list("pleura.ledger/vectors", AT, DIGESTS, SIGNER)
    return right.replace(right.partition("\n\n")[0] + "\n", text).replace(
        right.split(" ")[-1], base64.b64encode(SIGNER.sign(text.encode())).decode() + "\n"
    )


def vectors() -> dict[str, str]:
    """Name and content of every file."""
    right = write_list("pleura.ledger/vectors", AT, DIGESTS, SIGNER)
    text = right.partition("\n\n")[0] + "\n"
    return {
        "right": right,
        "empty": write_list("pleura.ledger/vectors", AT, (), SIGNER),
        "fault-signature": right.replace(DIGESTS[1], "6" * 64),
        "fault-key": write_list("pleura.ledger/vectors", AT, DIGESTS, Signer.from_bytes(bytes(32))),
        "fault-format": signed(text.replace("list-1", "list-2")),
        "fault-issuer": signed(text.replace("ledger/vectors", "ledger vectors")),
        "fault-time": signed(text.replace("T09:30", " 09:30")),
        "fault-month": signed(text.replace("2026-11", "2026-13")),
        "fault-upper-case": signed(text.replace("ba", "BA")),
        "fault-short-digest": signed(text.replace("5" * 64, "5" * 63)),
        "fault-carriage-return": signed(text.replace("\n", "\r\n")),
        "fault-no-empty-line": right.replace("\n\n", "\n"),
        "fault-line-after": right + "more\n",
        "fault-cut": right[:-1],
    }


if __name__ == "__main__":
    for name, content in vectors().items():
        (HERE / f"{name}.txt").write_bytes(content.encode())
