"""Where a key must never be: in a worker that reads hostile bytes, a log, a core dump, the process list."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.dicom_files import image, part10, ramp
from tests.fakes.person import Person, person_at

from pleura.adapters.machine import guard_memory
from pleura.bootstrap import Founding, House, Source, found_house, open_house, recover_house, restore_house
from pleura.crypto.keys import derive
from pleura.crypto.roots.root import Passphrase, Root
from pleura.domain.custody.places import FolderPlace
from pleura.ledger.ledger import Ledger
from pleura.prevent.keyring import Keyring
from pleura.settings import Settings

PASSPHRASE = "a long walk by the river"


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Person:
    folder = tmp_path_factory.mktemp("secrets")
    return person_at(folder, folder / "home")


@pytest.fixture
def house(person: Person, tmp_path: Path) -> Iterator[House]:
    with open_house(Settings(home=person.home), lambda: PASSPHRASE) as house:
        film = tmp_path / "film.dcm"
        film.write_bytes(part10(image(ramp(40, 50))))
        house.arrivals.receive(film, actor="test")  # starts the worker
        yield house


def children() -> list[int]:
    listed = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return [int(child) for file in listed for child in file.read_text().split()]


def memory_of(process: int) -> Iterator[bytes]:
    """Every readable and writable part of the memory of *process*."""
    maps = Path(f"/proc/{process}/maps").read_text().splitlines()
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            span, rights, *_ = line.split()
            start, end = (int(part, 16) for part in span.split("-"))
            if not rights.startswith("rw"):
                continue
            memory.seek(start)
            try:
                yield memory.read(end - start)
            except OSError:  # a part that the kernel keeps for itself
                continue


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the memory of another process")
def test_the_worker_that_reads_hostile_bytes_has_no_key_in_its_memory(house: House) -> None:
    root = house.keys.keyring.root
    keys = [root.key(root.epoch), house.keys.keyring.index_key, house.keys.keyring.mark_key]
    secrets = [*keys, derive(keys[1], "blind-index"), PASSPHRASE.encode()]
    workers = children()

    assert workers
    for worker in workers:
        whole = b"".join(memory_of(worker))
        assert len(whole) > 1 << 20
        assert [secret for secret in secrets if secret in whole] == []
    mine = b"".join(memory_of(os.getpid()))
    assert keys[0] in mine, "the search finds a key where there is one"


def test_no_core_dump_of_a_process_with_keys_is_written(house: House) -> None:
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_another_process_of_the_same_user_cannot_read_the_memory(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pleura.adapters.machine import guard_memory\n"
        "os.setgid(65534); os.setuid(65534); guard_memory()\n"
        "print(open('/proc/self/status').read().split('Uid:')[1].split()[0], flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as guarded:
        assert guarded.stdout is not None
        assert guarded.stdout.readline().strip() == "65534"
        reader = f"import os; os.setgid(65534); os.setuid(65534); open('/proc/{guarded.pid}/mem', 'rb')"
        tried = subprocess.run([sys.executable, "-c", reader], capture_output=True, text=True, check=False)
        guarded.communicate("")
    assert "PermissionError" in tried.stderr


def test_no_secret_is_in_the_process_list_or_the_environment(person: Person) -> None:
    (person.folder / "films").mkdir()
    for number in range(6):
        made = image(ramp(300, 300 + number))
        (person.folder / "films" / f"{number}.dcm").write_bytes(part10(made))
    seen = b""
    with subprocess.Popen(
        [sys.executable, "-m", "pleura", "import", "films"],
        cwd=person.folder,
        env=person.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as program:
        while program.poll() is None:
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    seen += (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
                except OSError:  # it has ended meanwhile, or is another user's
                    continue
            time.sleep(0.05)
    assert program.returncode in {0, 1}
    assert str(person.home).encode() in seen, "the search sees the program"
    for secret in (PASSPHRASE, "twelve quiet herons wade"):
        assert secret.encode() not in seen


def test_every_key_is_zeroed_when_the_house_closes(person: Person) -> None:
    with open_house(Settings(home=person.home), lambda: PASSPHRASE) as house:
        keyring, holder = house.keys.keyring, house.keys.holder
        assert isinstance(holder, Passphrase)
        held = [*keyring.root._keys.values(), keyring.index_key, keyring.mark_key, holder._key]
        assert all(any(key) for key in held)

    assert [any(key) for key in held] == [False] * 4
    assert keyring.root.epochs == []


@pytest.mark.parametrize("fails", [False, True])
def test_making_recovering_and_restoring_a_home_leaves_no_key(
    tmp_path: Path,
    fails: bool,  # noqa: FBT001 - a case
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every root, keyring and stretched passphrase that comes to be is zero afterwards, fault or none."""
    held: list[bytearray] = []

    def watched(kind: type, names: tuple[str, ...]) -> None:
        plain = kind.__init__

        def made(self: object, *given: object, **named: object) -> None:
            plain(self, *given, **named)
            for name in names:
                key = getattr(self, name)
                held.extend(key.values() if isinstance(key, dict) else [key])

        monkeypatch.setattr(kind, "__init__", made)

    watched(Root, ("_keys",))
    watched(Keyring, ("index_key", "mark_key"))
    watched(Passphrase, ("_key",))
    home, backup = Settings(home=tmp_path / "home"), tmp_path / "nas"
    backup.mkdir()
    code = found_house(
        home, Founding(passphrase=PASSPHRASE, administrator="ann", password="twelve quiet herons wade")
    )
    with open_house(home, lambda: PASSPHRASE) as house:
        house.depots.add("nas", "backup", FolderPlace(folder=str(backup)), None, actor="test")
        house.depots.sync("nas", actor="test")
    if fails:
        monkeypatch.setattr(Ledger, "append", lambda *_, **__: 1 / 0)
    outcome = pytest.raises(ZeroDivisionError) if fails else contextlib.nullcontext()
    with outcome:
        recover_house(home, code, "another long passphrase", actor="test")
    source = Source(place=FolderPlace(folder=str(backup)), code=code)
    outcome = pytest.raises(ZeroDivisionError) if fails else contextlib.nullcontext()
    with outcome:
        restore_house(Settings(home=tmp_path / "again"), source, PASSPHRASE, actor="test")

    assert len(held) >= 14
    assert not any(any(key) for key in held)


def test_guarding_twice_is_as_good_as_once() -> None:
    guard_memory()
    guard_memory()
