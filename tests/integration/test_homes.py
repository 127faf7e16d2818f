"""Homes made where something is already, moved to another database, and opened while others change them."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.dicom_files import image, part10, ramp
from tests.servers.postgres import fresh_database

from pleura.adapters.machine import Machine
from pleura.adapters.storage.home import Home, founding
from pleura.adapters.storage.moving import BUILDING
from pleura.bootstrap import (
    Founding,
    found_house,
    homes,
    move_house,
    new_holder,
    open_house,
    recover_house,
    refuse_occupied,
)
from pleura.domain.errors import BadInput, EnvironmentFault, PleuraError, Refused
from pleura.entrypoints.cli.vault.move import database_url
from pleura.ledger.entries import decode
from pleura.settings import Settings

PASSPHRASE = "a long walk by the river"
FOUNDING = Founding(passphrase=PASSPHRASE, administrator="anna", password="twelve quiet herons wade")


def passphrase() -> str:
    return PASSPHRASE


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with one image."""
    made = Settings(home=tmp_path / "home")
    found_house(made, FOUNDING)
    receive(made, 0)
    return made


@pytest.fixture
def url(sockets: str, request: pytest.FixtureRequest) -> str:
    name = "".join(letter for letter in request.node.name if letter.isalnum()).lower()[-50:]
    return database_url(fresh_database(sockets, name))


def receive(settings: Settings, number: int) -> str:
    film = settings.home.parent / f"{number}.dcm"
    film.write_bytes(part10(image(ramp(60, 50 + number), 12, SOPInstanceUID=f"1.2.826.{number}")))
    with open_house(settings, passphrase) as house:
        return house.arrivals.receive(film, actor="test").status


def listed(settings: Settings) -> int:
    with open_house(settings, passphrase) as house:
        return len(house.vault.images())


def kinds(settings: Settings) -> list[str]:
    with open_house(settings, passphrase) as house, house.records.read() as unit:
        house.ledger.verify(unit.ledger, house.ledger_key)
        return [decode(row.entry).kind for row in unit.ledger.rows()]


def move(settings: Settings, url: str) -> dict[str, int]:
    return move_house(settings, passphrase, url, actor="test")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# A move that is watched, and one that is cut


def test_nobody_comes_in_before_a_home_that_moves_uses_its_new_database(
    settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def watched(step: Callable[..., None]) -> Callable[..., None]:
        def at_work(home: Home, *words: str) -> None:
            for _ in ("before", "after"):
                try:
                    told.append(receive(settings, 1))
                except Refused as refusal:
                    told.append(refusal.code)
                if len(told) % 2:
                    step(home, *words)

        return at_work

    monkeypatch.setattr(Home, "note_database", watched(Home.note_database))
    monkeypatch.setattr(Home, "leave_database_file", watched(Home.leave_database_file))

    move(settings, url)

    assert told == ["home-busy"] * 4
    assert (receive(settings, 1), listed(settings)) == ("stored", 2)


def cut(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["note_database", "leave_database_file"])
def test_a_move_that_is_cut_is_finished_by_the_next_one(
    settings: Settings, url: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Home, step, cut)
        with pytest.raises(KeyboardInterrupt):
            move(settings, url)
    assert listed(settings) == 1

    counted = move(settings, url)

    assert counted["images"] == 1
    assert Home(settings.home).database_url == url
    assert not (settings.home / "pleura.db").exists()
    assert kinds(settings) == ["init", "import", "move"]
    assert move(settings, "")["ledger"] == 3
    assert (kinds(settings)[2:], listed(settings)) == (["move", "move"], 1)


def test_a_cut_move_is_not_finished_once_the_home_has_gone_on(
    settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Home, "note_database", cut)
        with pytest.raises(KeyboardInterrupt):
            move(settings, url)
    assert receive(settings, 1) == "stored"

    with pytest.raises(BadInput, match="not empty"):
        move(settings, url)

    assert (listed(settings), Home(settings.home).database_note.exists()) == (2, False)


def test_a_move_into_the_database_of_another_home_is_refused(settings: Settings, url: str) -> None:
    other = Settings(home=settings.home.parent / "other")
    found_house(other, FOUNDING)
    move(other, url)

    with pytest.raises(BadInput, match="not empty"):
        move(settings, url)

    assert (listed(settings), listed(other)) == (1, 0)


def test_a_note_that_cannot_be_written_leaves_the_one_before(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(settings.home)
    home.note_database("postgresql+psycopg://here/one")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(EnvironmentFault, match="full"):
            home.note_database("postgresql+psycopg://here/two")

    assert home.database_url == "postgresql+psycopg://here/one"


@pytest.mark.parametrize("note", [b"", b"garbage\n", b"\xff\xfe", b"postgresql+psycopg://h:port/d\n"])
def test_a_spoilt_note_is_said_in_our_words(settings: Settings, note: bytes) -> None:
    (settings.home / "database.url").write_bytes(note)

    with pytest.raises(EnvironmentFault) as caught:
        listed(settings)

    assert caught.value.code in {"database-url-unknown", "database-note-unreadable"}


# A home that others change


def test_the_root_file_is_read_under_the_lock(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the first look at the home and its lock, somebody else changes the passphrase."""
    plain = Home.lock
    done: list[str] = []

    def lock(home: Home, *, alone: bool) -> contextlib.AbstractContextManager[None]:
        if not done:
            done.append("changed")
            with (
                open_house(settings, passphrase, alone=True) as house,
                new_holder("another long passphrase", None) as (holder, kind),
            ):
                house.keys.hand_over(holder, kind, actor="test")
        return plain(home, alone=alone)

    monkeypatch.setattr(Home, "lock", lock)

    with pytest.raises(EnvironmentFault, match="does not open"):
        listed(settings)
    with open_house(settings, lambda: "another long passphrase") as house:
        assert len(house.vault.images()) == 1


def test_a_recovery_reads_the_root_file_under_the_lock_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path / "home")
    code = found_house(settings, FOUNDING)
    plain = Home.lock
    fresh: list[bytes] = []

    def lock(home: Home, *, alone: bool) -> contextlib.AbstractContextManager[None]:
        if not fresh:
            fresh.append(b"")
            with open_house(settings, passphrase, alone=True) as house:
                house.keys.reissue(actor="test", keep=fresh.append)
        return plain(home, alone=alone)

    monkeypatch.setattr(Home, "lock", lock)

    with pytest.raises(EnvironmentFault, match="recovery code is not the one"):
        recover_house(settings, code, "another long passphrase", actor="test")
    recover_house(settings, fresh[1], "another long passphrase", actor="test")


@pytest.mark.parametrize(
    ("at", "code"),
    [(1, "disk-failing"), (2, "disk-failing"), (3, "change-unsettled"), (4, "change-unsettled")],
)
def test_a_change_that_the_disk_does_not_promise_to_keep_is_said_to_be_made(
    settings: Settings, at: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new file, its folder, the folder after the new one took its place, the zeros over the old one."""
    plain, count = os.fsync, [0]

    def failing(descriptor: int) -> None:
        count[0] += 1
        if count[0] == at:
            raise OSError(errno.EIO, "broken")
        plain(descriptor)

    with (
        open_house(settings, passphrase, alone=True) as house,
        new_holder("another long passphrase", None) as (holder, kind),
        monkeypatch.context() as patch,
    ):
        patch.setattr(os, "fsync", failing)
        with pytest.raises(EnvironmentFault, match="EIO") as caught:
            house.keys.hand_over(holder, kind, actor="test")

    in_force = "another long passphrase" if code == "change-unsettled" else PASSPHRASE
    assert caught.value.code == code
    with open_house(settings, lambda: in_force) as house:
        assert len(house.vault.images()) == 1


def test_a_disk_that_knows_no_locks_says_so_and_nothing_stays_open(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unable(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    before = len(names(Path("/proc/self/fd")))
    monkeypatch.setattr(fcntl, "flock", unable)
    with pytest.raises(EnvironmentFault, match="ENOLCK"):
        listed(settings)

    assert len(names(Path("/proc/self/fd"))) == before


# A home where something is already


def test_an_empty_folder_becomes_a_home_from_within(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "volume")
    settings.home.mkdir()
    (settings.home / "lost+found").mkdir()
    (settings.home / f"{BUILDING}of-a-cut-init").mkdir()
    (settings.home / f"{BUILDING}of-a-cut-init" / "pleura.db").write_bytes(b"cut")
    before = settings.home.stat().st_ino

    found_house(settings, FOUNDING)

    assert settings.home.stat().st_ino == before
    assert oct(settings.home.stat().st_mode & 0o777) == "0o700"
    assert (receive(settings, 0), listed(settings)) == ("stored", 1)
    machine = Machine(Home(settings.home))
    assert [path.name for path in machine.leftovers()] == ["pleura.db"]
    machine.sweep()
    assert names(settings.home) == ["instance", "lock", "lost+found", "objects", "pleura.db", "root.json"]


def test_a_home_that_could_not_be_made_leaves_the_folder_empty(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "volume")
    settings.home.mkdir()

    def half() -> None:
        with founding(settings.home) as home:
            (home.path / "pleura.db").write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()

    assert names(settings.home) == []
    found_house(settings, FOUNDING)


KILLED = """
import os, sys
from pathlib import Path
from pleura.bootstrap import Founding, found_house
from pleura.settings import Settings

plain, left = Path.rename, [int(sys.argv[2])]

def rename(self, target):
    if not left[0]:
        os._exit(9)
    left[0] -= 1
    return plain(self, target)

Path.rename = rename
facts = Founding(passphrase="a long walk by the river", administrator="anna",
                 password="twelve quiet herons wade")
found_house(Settings(home=Path(sys.argv[1])), facts)
"""


def killed_on_its_way_up(home: Path, after: int) -> None:
    home.mkdir()
    done = subprocess.run([sys.executable, "-c", KILLED, str(home), str(after)], check=False)
    assert done.returncode == (9 if after < 3 else 0)


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_home_that_was_killed_on_its_way_up_is_brought_there_by_the_next_look(
    tmp_path: Path, after: int
) -> None:
    settings = Settings(home=tmp_path / "volume")
    killed_on_its_way_up(settings.home, after)
    if not after:
        found_house(settings, FOUNDING)

    assert homes.is_founded(settings)
    assert (receive(settings, 0), listed(settings)) == ("stored", 1)
    if after:
        with pytest.raises(EnvironmentFault) as caught:
            found_house(settings, FOUNDING)
        assert caught.value.code == "home-occupied"
    Machine(Home(settings.home)).sweep()
    assert names(settings.home) == ["instance", "lock", "objects", "pleura.db", "root.json"]


def test_what_two_killed_homes_left_is_not_made_into_one(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "volume")
    killed_on_its_way_up(settings.home, 1)
    (building,) = settings.home.glob(f"{BUILDING}*")
    (building / "objects").mkdir()

    with pytest.raises(EnvironmentFault) as caught:
        listed(settings)

    assert caught.value.code == "home-unfinished"
    assert not (settings.home / "root.json").exists()


def test_a_home_that_is_moving_up_is_left_to_whoever_moves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, told = Settings(home=tmp_path / "volume"), list[str]()
    settings.home.mkdir()
    plain = Path.rename

    def watched(self: Path, target: Path) -> Path:
        if (settings.home / "objects").exists():
            with pytest.raises(Refused) as caught:
                listed(settings)
            told.append(caught.value.code)
        return plain(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", watched)
        found_house(settings, FOUNDING)

    assert told == ["home-busy"] * 2
    assert listed(settings) == 0


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_disk_that_fails_while_a_home_moves_up_leaves_the_folder_empty(
    tmp_path: Path, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, count = Settings(home=tmp_path / "volume"), [0]
    settings.home.mkdir()
    plain = Path.rename

    def failing(self: Path, target: Path) -> Path:
        count[0] += 1
        if count[0] == at:
            raise OSError(errno.EIO, "broken")
        return plain(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", failing)
        with pytest.raises(EnvironmentFault, match="EIO"):
            found_house(settings, FOUNDING)

    assert names(settings.home) == []
    found_house(settings, FOUNDING)


def test_a_home_made_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "volume")
    settings.home.mkdir()

    def slowly() -> None:
        with founding(settings.home):
            found_house(settings, FOUNDING)
            receive(settings, 0)

    with pytest.raises(EnvironmentFault) as caught:
        slowly()

    assert (caught.value.code, listed(settings)) == ("home-occupied", 1)


MOUNTED = """
    import os
    from pathlib import Path
    from pleura.bootstrap import Founding, found_house, is_founded, open_house
    from pleura.domain.errors import EnvironmentFault
    from pleura.settings import Settings

    settings = Settings(home=Path("/mnt"))
    facts = Founding(passphrase="a long walk by the river", administrator="anna",
                     password="twelve quiet herons wade")
    os.system("mount -o remount,size=64k /mnt")
    try:
        found_house(settings, facts)
    except EnvironmentFault as fault:
        print(fault.code, os.listdir("/mnt"))
    os.system("mount -o remount,ro /mnt")
    try:
        found_house(settings, facts)
    except EnvironmentFault as fault:
        print(fault.code)
    os.system("mount -o remount,rw,size=64m /mnt")
    found_house(settings, facts)
    with open_house(settings, lambda: facts.passphrase) as house:
        print(is_founded(settings), len(house.vault.images()))
"""


def test_a_mount_point_becomes_a_home_and_a_full_or_read_only_one_says_so() -> None:
    command_line = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs none /mnt && exec "$@"', "sh"]
    if subprocess.run([*command_line, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets no test mount a small tmpfs")

    done = subprocess.run(
        [*command_line, sys.executable, "-c", textwrap.dedent(MOUNTED)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout.splitlines(), done.stderr) == (["disk-full []", "home-read-only", "True 0"], "")


@pytest.mark.parametrize("home", ["file", "file/below", "full"])
def test_a_place_where_no_home_can_be_is_said_in_our_words(tmp_path: Path, home: str) -> None:
    (tmp_path / "file").write_text("a letter")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").write_text("a letter")

    with pytest.raises(EnvironmentFault):
        found_house(Settings(home=tmp_path / home), FOUNDING)
    with contextlib.suppress(PleuraError):
        refuse_occupied(tmp_path / home)

    assert (names(tmp_path), names(tmp_path / "full")) == (["file", "full"], ["letter"])


def test_nothing_secret_is_made_or_opened_before_memory_is_guarded(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes, "guard_memory", cut)
    other = Settings(home=tmp_path / "other")

    with pytest.raises(KeyboardInterrupt):
        found_house(other, FOUNDING)
    with pytest.raises(KeyboardInterrupt):
        move(settings, "postgresql+psycopg://here/one")
    with pytest.raises(KeyboardInterrupt):
        recover_house(settings, bytes(32), PASSPHRASE, actor="test")

    assert not other.home.exists()
