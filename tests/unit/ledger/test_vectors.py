"""The one-fault vectors: each is refused for its own reason, and each is what the generator writes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from tests.vectors.ledger.generate import FOLDER, rendered, vectors

from pleura.domain.errors import LedgerBroken
from pleura.domain.ports import LedgerRow
from pleura.ledger.verification import verify_rows

FILES = sorted(FOLDER.glob("*.json"))


def rows_of(vector: dict[str, Any]) -> list[LedgerRow]:
    return [
        LedgerRow(
            index=row["index"],
            entry=base64.b64decode(row["entry"]),
            frontier=tuple(bytes.fromhex(node) for node in row["frontier"]),
            head=row["head"],
        )
        for row in vector["rows"]
    ]


def found(vector: dict[str, Any]) -> str | None:
    try:
        verify_rows(
            rows_of(vector),
            origin=vector["origin"],
            public=bytes.fromhex(vector["public"]),
            witnessed=vector["witnessed"],
        )
    except LedgerBroken as error:
        return error.code
    return None


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_vector_is_refused_for_its_own_fault_only(file: Path) -> None:
    vector = json.loads(file.read_text(encoding="utf-8"))

    assert vector["code"] == found(vector)


def test_the_files_are_what_the_generator_writes() -> None:
    expected = {f"{name}.json": rendered(vector) for name, vector in vectors().items()}

    assert expected == {file.name: file.read_text(encoding="utf-8") for file in FILES}


def test_every_fault_code_of_the_format_has_a_vector() -> None:
    page = (FOLDER.parents[2] / "docs" / "formats" / "ledger.md").read_text(encoding="utf-8")
    listed = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `ledger-")}

    assert listed == {vector["code"] for vector in vectors().values()} - {None}
