"""Write the one-fault vectors of docs/formats/ledger.md: `python tests/vectors/ledger/generate.py`.

Every file is a whole small ledger with exactly one fault, named after it; where the fault is in one
part, everything around it is computed and signed as if the fault were right. The key is made of the
bytes 0 to 31 and protects nothing. `test_vectors.py` checks that the files are what this writes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pleura.crypto.signing import Signer
from pleura.domain.ports import LedgerRow
from pleura.ledger.entries import Entry, encode
from pleura.ledger.heads import Head, sign_head
from pleura.ledger.tree import Frontier, leaf_hash

FOLDER = Path(__file__).parent
ORIGIN = "pleura.ledger/vectors"
SIGNER = Signer.from_bytes(bytes(range(32)))
STRANGER = Signer.from_bytes(bytes(32))
START = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
DIGEST = "ab" * 32

Vector = dict[str, Any]
Change = Callable[[str], str]


def entries() -> list[bytes]:
    """Five canonical entries."""
    facts: list[tuple[str, str, dict[str, str | int]]] = [
        ("init", "cli:root", {"root_epoch": 1}),
        ("import", "cli:root", {"image": "img-1", "study": "stu-1", "content": DIGEST, "size": 2**53 - 1}),
        ("refusal", "cli:root", {"reason": "not-dicom", "content": DIGEST}),
        (
            "copy",
            "web:管理员",
            {"copy": "cpy-1", "image": "img-1", "form": "png", "mark_version": 1, "record": DIGEST},
        ),
        ("trace", "web:管理员", {"verdict": "unknown", "suspect": DIGEST, "comparisons": 0}),
    ]
    return [
        encode(Entry(kind, START + timedelta(seconds=number), actor, carried))
        for number, (kind, actor, carried) in enumerate(facts)
    ]


def signed_rows(contents: Sequence[bytes], signer: Signer = SIGNER, origin: str = ORIGIN) -> list[LedgerRow]:
    """Rows over *contents*, whatever is in them, with right frontiers and heads."""
    frontier, rows = Frontier(), []
    for index, content in enumerate(contents):
        frontier = frontier.append(leaf_hash(content))
        head = sign_head(Head(origin=origin, size=frontier.size, root=frontier.root()), signer)
        rows.append(LedgerRow(index=index, entry=content, frontier=frontier.roots, head=head))
    return rows


def vector(rows: Sequence[LedgerRow], code: str | None, witnessed: str | None = None) -> Vector:
    """One ledger as JSON, and the code of the fault that a reader must find, or None."""
    return {
        "origin": ORIGIN,
        "public": SIGNER.public.hex(),
        "witnessed": witnessed,
        "code": code,
        "rows": [
            {
                "index": row.index,
                "entry": base64.b64encode(row.entry).decode(),
                "frontier": [node.hex() for node in row.frontier],
                "head": row.head,
            }
            for row in rows
        ],
    }


def entry_faults() -> Iterator[tuple[str, Vector]]:
    """One malformed entry each, in a ledger that is signed over it."""
    good = entries()
    text = good[2].decode()
    malformed = {
        "white_space": text.replace(":", ": ", 1),
        "keys_unsorted": '{"at"' + text.split(',"at"')[1][:-1] + ',"actor":"cli:root"}',
        "duplicate_key": text.replace('{"actor"', '{"actor":"x","actor"', 1),
        "extra_key": text.replace('"v":1', '"v":1,"w":1'),
        "missing_key": text.replace('"actor":"cli:root",', ""),
        "unknown_version": text.replace('"v":1', '"v":2'),
        "unknown_kind": text.replace('"kind":"refusal"', '"kind":"rumour"'),
        "missing_fact": text.replace(',"reason":"not-dicom"', ""),
        "unlisted_fact": text.replace('"reason"', '"note":"x","reason"'),
        "fact_names_a_person": text.replace("not-dicom", "Zhang San"),
        "fact_is_a_float": text.replace('"not-dicom"', "1.5"),
        "fact_is_an_object": text.replace('"not-dicom"', "{}"),
        "needless_escape": text.replace("not-dicom", "not\\u002ddicom"),
        "control_character_in_actor": text.replace("cli:root", "cli:\\u0007"),
        "lone_surrogate_in_actor": text.replace("cli:root", "cli:\\ud800"),
        "actor_too_long": text.replace("cli:root", "c" * 81),
        "time_with_another_offset": text.replace(".000000Z", ".000000+00:00"),
        "time_without_fraction": text.replace(".000000Z", "Z"),
        "time_without_zone": text.replace(".000000Z", ".000000"),
        "not_json": text[:-1],
        "deep_nesting": "[" * 4000,
        "longer_than_4096_bytes": text + " " * 4096,
        "empty": "",
    }
    for name, content in malformed.items():
        yield f"entry_{name}", _with_entry(good, content.encode())
    yield "entry_not_utf8", _with_entry(good, text.encode().replace(b"cli", b"\xff"))
    too_big = good[1].replace(b"9007199254740991", b"9007199254740992")
    rows = signed_rows([good[0], too_big, *good[2:]])
    yield "entry_integer_above_2_53", vector(rows, "ledger-entry-malformed")


def head_faults() -> Iterator[tuple[str, Vector]]:
    """One wrong head each, after the fourth entry."""
    stranger = signed_rows(entries(), STRANGER)[3].head
    other_log = signed_rows(entries(), origin="pleura.ledger/another")[3].head
    text, signature = signed_rows(entries())[3].head.split("\n\n")
    lines = text.split("\n")
    changes: dict[str, tuple[Change, str]] = {
        "of_another_key": (lambda _: stranger, "ledger-head-invalid"),
        "of_another_log": (lambda _: other_log, "ledger-head-wrong"),
        "of_the_entry_before": (lambda _: signed_rows(entries())[2].head, "ledger-head-wrong"),
        "signature_bit_flipped": (_flip_signature, "ledger-head-invalid"),
        "without_signature": (lambda _: text + "\n\n", "ledger-head-invalid"),
        "signed_twice": (lambda note: note + signature, "ledger-head-invalid"),
        "with_a_foreign_signature": (
            lambda note: note + "— witness.example AAAAAAAA\n",
            "ledger-head-wrong",
        ),
        "with_an_extension_line": (lambda _: _signed_text([*lines, "extension"]), "ledger-head-invalid"),
        "size_with_leading_zero": (
            lambda _: _signed_text([lines[0], "0" + lines[1], lines[2]]),
            "ledger-head-invalid",
        ),
        "root_in_loose_base64": (
            lambda _: _signed_text([*lines[:2], _loosen(lines[2])]),
            "ledger-head-invalid",
        ),
        "signature_in_loose_base64": (
            lambda note: _loosen(note.rstrip("\n")) + "\n",
            "ledger-head-invalid",
        ),
        "root_too_short": (lambda _: _signed_text([*lines[:2], "AAAA"]), "ledger-head-invalid"),
        "carriage_returns": (lambda note: note.replace("\n", "\r\n"), "ledger-head-invalid"),
        "without_final_newline": (lambda note: note[:-1], "ledger-head-invalid"),
        "longer_than_65536": (
            lambda note: note + "— witness.example AAAAAAAA\n" * 3000,
            "ledger-head-invalid",
        ),
    }
    for name, (change, code) in changes.items():
        rows = signed_rows(entries())
        rows[3] = replace(rows[3], head=change(rows[3].head))
        yield f"head_{name}", vector(rows, code)


def row_faults() -> Iterator[tuple[str, Vector]]:
    """Rows edited, removed, added, moved, cut off, put back and forked."""
    good = entries()
    rows = signed_rows(good)
    edited = good[2].replace(b"not-dicom", b"bad-dicom")
    fork = signed_rows([*good[:2], edited, *good[3:]])
    yield "row_entry_edited", vector(_put(rows, 2, entry=edited), "ledger-frontier-wrong")
    yield "row_frontier_edited", vector(_put(rows, 2, frontier=fork[2].frontier), "ledger-frontier-wrong")
    yield (
        "row_entry_and_frontier_edited",
        vector(_put(rows, 2, entry=edited, frontier=fork[2].frontier), "ledger-head-wrong"),
    )
    yield "row_first_deleted", vector(rows[1:], "ledger-index-gap")
    yield "row_middle_deleted", vector(rows[:2] + rows[3:], "ledger-index-gap")
    yield "row_inserted_twice", vector([*rows[:3], rows[2], *rows[3:]], "ledger-index-gap")
    yield "rows_reordered", vector([*rows[:2], rows[3], rows[2], rows[4]], "ledger-index-gap")
    yield (
        "rows_reordered_and_renumbered",
        vector(
            [*rows[:2], replace(rows[3], index=2), replace(rows[2], index=3), rows[4]],
            "ledger-frontier-wrong",
        ),
    )
    yield "all_rows_deleted", vector([], "ledger-empty")
    yield "tail_cut_off_and_witnessed", vector(rows[:3], "ledger-rolled-back", rows[4].head)
    yield "forked_and_witnessed", vector(fork, "ledger-forked", rows[3].head)


def vectors() -> dict[str, Vector]:
    """Every vector by the name of its file."""
    rows = signed_rows(entries())
    right = {
        "valid": vector(rows, None),
        "valid_and_witnessed": vector(rows, None, rows[2].head + "— witness.example AAAAAAAA\n"),
        "tail_cut_off_unwitnessed_looks_valid": vector(rows[:3], None),
    }
    return right | dict(entry_faults()) | dict(head_faults()) | dict(row_faults())


def rendered(content: Vector) -> str:
    """The text of one file."""
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _with_entry(good: Sequence[bytes], content: bytes) -> Vector:
    return vector(signed_rows([*good[:2], content, *good[3:]]), "ledger-entry-malformed")


def _put(rows: Sequence[LedgerRow], index: int, **change: Any) -> list[LedgerRow]:
    return [replace(row, **change) if row.index == index else row for row in rows]


def _signed_text(lines: Sequence[str]) -> str:
    """A note with a right signature over a text that `sign_head` would not write."""
    text = "\n".join(lines) + "\n"
    blank = Head(origin=ORIGIN, size=0, root=bytes(32))
    key_id = base64.b64decode(sign_head(blank, SIGNER).rsplit(" ", 1)[1])[:4]
    blob = base64.b64encode(key_id + SIGNER.sign(text.encode())).decode()
    return f"{text}\n— {ORIGIN} {blob}\n"


def _flip_signature(note: str) -> str:
    start, blob = note.rstrip("\n").rsplit(" ", 1)
    flipped = bytearray(base64.b64decode(blob))
    flipped[40] ^= 1
    return f"{start} {base64.b64encode(flipped).decode()}\n"


def _loosen(text: str) -> str:
    """The same bytes with a spare bit set in the last letter before the padding."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:-2] + letters[letters.index(text[-2]) + 1] + "="


if __name__ == "__main__":
    for name, content in vectors().items():
        (FOLDER / f"{name}.json").write_text(rendered(content), encoding="utf-8")
