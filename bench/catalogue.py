"""A catalogue of 1,000,000 studies on SQLite and PostgreSQL: look-up, list page, re-wrap of every KEK.

    python -m bench.catalogue [--studies N]

The rows are synthetic and are written by the database's own bulk insert; what is timed goes through the same
port as the product. Bars: exact look-up by patient ID 5 ms, list page of 50 images 50 ms.
"""

from __future__ import annotations

import argparse
import contextlib
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert
from tests.servers.postgres import fresh_database, postgres_programs, postgres_server

from pleura.adapters.clock import SystemClock
from pleura.adapters.database import schema
from pleura.adapters.database.engine import open_engine
from pleura.adapters.database.migrate import upgrade
from pleura.adapters.database.records import Database
from pleura.crypto.fields import blind_index
from pleura.crypto.keys import new_key
from pleura.crypto.roots.root import create, new_passphrase
from pleura.domain.images import Identity
from pleura.entrypoints.cli.vault.move import database_url
from pleura.ledger.ledger import Ledger
from pleura.prevent.custody.keys import Keys
from pleura.prevent.keyring import Keyring, found_keyring
from pleura.prevent.patients import patient_index

BATCH = 20_000
START = datetime(2020, 1, 1, tzinfo=UTC)
TRIES = 60


class RootFile:
    """The root file in memory."""

    def __init__(self, document: bytes) -> None:
        self.document = document

    def read(self) -> bytes:
        return self.document

    def replace(self, document: bytes) -> None:
        self.document = document


def fill(url: str, count: int, keyring: Keyring) -> None:
    """*count* patients with a study and an image each."""
    engine = open_engine(url)
    sealed, kek = secrets.token_bytes(180), keyring.root.wrap(new_key())
    for start in range(0, count, BATCH):
        numbers = range(start, min(start + BATCH, count))
        with engine.begin() as connection:
            for table, rows in rows_of(numbers, keyring, sealed, kek).items():
                connection.execute(insert(schema.metadata.tables[table]), rows)
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")
    engine.dispose()


def rows_of(
    numbers: range, keyring: Keyring, sealed: bytes, kek: bytes
) -> dict[str, list[dict[str, object]]]:
    index = keyring.index_key
    return {
        "patients": [
            {"id": f"pat-{n:09}", "index": index_of(keyring, n), "sealed_identity": sealed} for n in numbers
        ],
        "patient_keys": [{"patient": f"pat-{n:09}", "root_epoch": 1, "wrapped_kek": kek} for n in numbers],
        "studies": [
            {"id": f"stu-{n:09}", "patient": f"pat-{n:09}", "index": blind_index(index, "study", str(n))}
            for n in numbers
        ],
        "images": [image_row(n, sealed) for n in numbers],
    }


def index_of(keyring: Keyring, number: int) -> bytes:
    return patient_index(keyring, Identity(patient_id=f"P{number}"), "")


def image_row(number: int, sealed: bytes) -> dict[str, object]:
    return {
        "id": f"img-{number:09}",
        "study": f"stu-{number:09}",
        "patient": f"pat-{number:09}",
        "modality": "DX",
        "device_serial": "SN-1",
        "rows": 2000,
        "columns": 2000,
        "bits_stored": 12,
        "origin": "dicom",
        "received_at": START + timedelta(seconds=number * 40),
        "content_index": secrets.token_bytes(32),
        "instance_index": secrets.token_bytes(32),
        "object_name": f"img-{number:09}/original",
        "object_size": 8_000_000,
        "object_commitment": sealed[:32],
        "sketch_name": f"img-{number:09}/sketch",
        "sketch_commitment": sealed[:32],
        "wrapped_dek": sealed[:40],
        "sealed_facts": sealed * 3,
    }


def milliseconds(step: Callable[[int], object]) -> float:
    spent = []
    for number in range(TRIES):
        started = time.perf_counter()
        step(number)
        spent.append((time.perf_counter() - started) * 1e3)
    return statistics.median(spent)


def measure(name: str, url: str, count: int) -> None:
    holder = new_passphrase("a long walk by the river")
    document, root, _ = create(holder, holder.cost)
    upgrade(url)
    with contextlib.closing(Database(url)) as records:
        with records.begin() as unit:
            keyring = found_keyring(root, unit.catalogue)
        started = time.perf_counter()
        fill(url, count, keyring)
        filled = time.perf_counter() - started

        def look_up(_: int) -> None:
            index = index_of(keyring, secrets.randbelow(count))
            with records.begin() as unit:
                assert unit.catalogue.patient_by_index(index) is not None

        def list_page(number: int) -> None:
            before = f"img-{secrets.randbelow(count - 60) + 60:09}" if number else None
            with records.begin() as unit:
                assert len(unit.catalogue.image_page(50, before, None)) == 50

        looked, listed = milliseconds(look_up), milliseconds(list_page)
        ledger = Ledger(keyring.signer, "pleura.ledger/bench", SystemClock())
        keys = Keys(
            records=records, ledger=ledger, keyring=keyring, root_file=RootFile(document), holder=holder
        )
        started = time.perf_counter()
        keys.rotate(actor="bench", keep=list[bytes]().append)
        rotated = time.perf_counter() - started
    print(
        f"| {name} | {count:,} | {filled:.0f} s | {looked:.2f} ms | {listed:.2f} ms | {rotated:.0f} s |",
        flush=True,
    )


@contextlib.contextmanager
def places() -> Iterator[list[tuple[str, str]]]:
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        found = [("SQLite", f"sqlite:///{Path(folder) / 'pleura.db'}")]
        if postgres_programs() is not None:
            sockets = stack.enter_context(postgres_server())
            found.append(("PostgreSQL", database_url(fresh_database(sockets, "bench"))))
        yield found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1_000_000)
    arguments = parser.parse_args()
    print(
        "| database | studies | filled in | look-up by patient ID (bar 5 ms) | page of 50 (bar 50 ms) "
        "| root rotated, every KEK wrapped again |"
    )
    print("|---|---|---|---|---|---|")
    with places() as found:
        for name, url in found:
            measure(name, url, arguments.studies)


if __name__ == "__main__":
    main()
