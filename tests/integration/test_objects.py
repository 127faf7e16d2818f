"""Objects on a real disk: create-only, streamed, durable, and clear about a disk that is not ready."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pleura.adapters.storage import durable
from pleura.adapters.storage.home import Home
from pleura.adapters.storage.objects import FolderObjects
from pleura.bootstrap.house import connect
from pleura.domain.custody.places import FolderPlace
from pleura.domain.errors import BadInput, EnvironmentFault, NotFound, Refused

CAN_MOUNT = (
    sys.platform == "linux"
    and subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    ).returncode
    == 0
)
needs_mount = pytest.mark.skipif(not CAN_MOUNT, reason="this machine lets no test mount a small tmpfs")


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    return FolderObjects(tmp_path / "objects")


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def run_python(script: str, *arguments: str, mount: str = "") -> str:
    """What *script* prints in a process of its own, beside a small file system at /mnt if *mount* asks."""
    command = [sys.executable, "-c", textwrap.dedent(script), *arguments]
    if mount:
        command = [
            "unshare",
            "-rm",
            "sh",
            "-c",
            f'mount -t tmpfs {mount} none /mnt && exec "$@"',
            "sh",
            *command,
        ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_object_reads_back_as_it_was_put(objects: FolderObjects) -> None:
    size = objects.put("img-1/original", [b"sealed ", memoryview(b"bytes"), b""])

    with objects.open("img-1/original") as stream:
        assert (size, stream.read()) == (12, b"sealed bytes")


def test_a_stream_can_be_read_from_any_place(objects: FolderObjects) -> None:
    objects.put("img-1/original", [bytes(range(100))])

    with objects.open("img-1/original") as stream:
        stream.seek(90)
        assert stream.read(3) == bytes([90, 91, 92])


def test_an_existing_object_is_never_replaced(objects: FolderObjects, tmp_path: Path) -> None:
    objects.put("img-1/original", [b"first"])

    with pytest.raises(BadInput) as caught:
        objects.put("img-1/original", [b"second"])

    assert caught.value.code == "object-exists"
    assert (tmp_path / "objects/img-1/original").read_bytes() == b"first"
    assert files_below(tmp_path) == ["objects/img-1/original"]


def test_an_object_that_is_not_there_is_not_found(objects: FolderObjects) -> None:
    objects.put("img-2/original", [b"x"])

    with pytest.raises(NotFound):
        objects.open("img-1/original")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "a/",
        "/a",
        "..",
        "../a",
        "a/../b",
        "a//b",
        ".a",
        "A",
        "a b",
        "é",
        "a\n",
        "a/b/c/d/e",
        "x" * 65,
    ],
)
def test_a_name_that_could_leave_the_folder_or_name_a_person_is_refused(
    objects: FolderObjects, name: str
) -> None:
    with pytest.raises(BadInput):
        objects.put(name, [b"x"])
    with pytest.raises(BadInput):
        objects.open(name)


def test_a_source_that_fails_half_way_leaves_nothing(objects: FolderObjects, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise BadInput("bad", "the source is bad", "use another")

    with pytest.raises(BadInput, match="source is bad"):
        objects.put("img-1/original", broken())

    assert files_below(tmp_path) == []


def test_a_fault_of_the_source_is_not_blamed_on_the_home(objects: FolderObjects) -> None:
    def unreadable() -> Iterator[bytes]:
        yield b"half"
        raise PermissionError(13, "the source cannot be read")

    with pytest.raises(PermissionError):
        objects.put("img-1/original", unreadable())


def test_objects_and_folders_belong_to_their_owner_only(objects: FolderObjects, tmp_path: Path) -> None:
    objects.put("img-1/original", [b"x"])

    modes = [oct(path.stat().st_mode & 0o777) for path in sorted((tmp_path / "objects").rglob("*"))]
    assert modes == ["0o700", "0o600"]


def test_a_killed_import_leaves_nothing_under_the_name(tmp_path: Path) -> None:
    script = """
        import sys
        from pathlib import Path
        from pleura.adapters.storage.objects import FolderObjects

        def pieces():
            while True:
                yield bytes(65536)
                print("wrote", flush=True)

        FolderObjects(Path(sys.argv[1])).put("img-1/original", pieces())
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    with child.stdout:
        child.stdout.readline()
        child.kill()
    child.wait()

    objects = FolderObjects(tmp_path)
    with pytest.raises(NotFound):
        objects.open("img-1/original")
    assert objects.put("img-1/original", [b"again"]) == 5


def test_memory_does_not_grow_with_the_object(tmp_path: Path) -> None:
    script = """
        import resource, sys
        from pathlib import Path
        from pleura.adapters.storage.objects import FolderObjects

        objects = FolderObjects(Path(sys.argv[1]))
        objects.put("warm-up", [bytes(1 << 20)])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        objects.put("img-1/original", (bytes(1 << 20) for _ in range(200)))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """

    grown_kib = int(run_python(script, str(tmp_path)))

    assert (tmp_path / "img-1/original").stat().st_size == 200 << 20
    assert grown_kib < 64 << 10


FAULT = """
    import os
    from pathlib import Path
    from pleura.adapters.storage.objects import FolderObjects
    from pleura.domain.errors import EnvironmentFault

    try:
        FolderObjects(Path("/mnt")).put("img-1/original", [bytes(65536)] * 64)
    except EnvironmentFault as fault:
        print(fault.code, sum(len(files) for _, _, files in os.walk("/mnt")), fault.exit_code)
"""


@needs_mount
def test_a_full_disk_is_said_so_and_nothing_half_written_stays() -> None:
    assert run_python(FAULT, mount="-o size=1m") == "disk-full 0 4"


@needs_mount
def test_a_read_only_disk_is_said_so() -> None:
    assert run_python(FAULT, mount="-o ro") == "home-read-only 0 4"


def test_the_first_of_many_racing_writers_wins(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)

    def put(number: int) -> bool:
        try:
            objects.put("img-1/original", [bytes([number]) * 1000] * 10)
        except BadInput:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(put, range(40)))

    assert won.count(True) == 1
    assert (tmp_path / "img-1/original").read_bytes() == bytes([won.index(True)]) * 10_000
    assert files_below(tmp_path) == ["img-1/original"]


# Disks as they are


def without_links(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")  # what link(2) says on FAT and exFAT


def test_a_disk_without_hard_links_holds_objects_all_the_same(
    objects: FolderObjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", without_links)

    assert objects.put("img-1/original", [b"first"]) == 5
    with pytest.raises(BadInput) as caught:
        objects.put("img-1/original", [b"second"])

    assert caught.value.code == "object-exists"
    assert (tmp_path / "objects/img-1/original").read_bytes() == b"first"
    assert files_below(tmp_path) == ["objects/img-1/original"]


def test_a_disk_that_can_promise_nothing_is_said_so(
    objects: FolderObjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unable(*_: object) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "link", without_links)
    monkeypatch.setattr(durable, "_rename_new", unable)

    with pytest.raises(EnvironmentFault, match="hard links") as caught:
        objects.put("img-1/original", [b"first"])

    assert caught.value.code == "disk-unsuited"
    assert files_below(tmp_path) == []


def test_rests_of_killed_writes_are_swept_once_they_are_old_and_nothing_else_is(
    objects: FolderObjects, tmp_path: Path
) -> None:
    objects.put("objects/kept", [b"sealed"])
    folder = tmp_path / "objects" / "objects"
    now = datetime.now(UTC)
    for name, days in ((".0123456789abcdef", 2), (".fedcba9876543210", 0), (".DS_Store", 2)):
        (folder / name).write_bytes(b"x")
        at = (now - timedelta(days=days)).timestamp()
        os.utime(folder / name, (at, at))
    os.utime(folder / "kept", (0, 0))

    assert objects.sweep("objects/", now - timedelta(days=1)) == 1
    assert objects.sweep("heads/", now) == 0

    assert sorted(path.name for path in folder.iterdir()) == [".DS_Store", ".fedcba9876543210", "kept"]
    assert objects.stored_at("objects/kept") == datetime(1970, 1, 1, tzinfo=UTC)
    with pytest.raises(NotFound):
        objects.stored_at("objects/gone")


def test_folders_that_are_none_of_ours_are_left_alone(objects: FolderObjects, tmp_path: Path) -> None:
    """A disk may hold a `lost+found` that only root can read."""
    objects.put("objects/one", [b"sealed"])
    for name in ("lost+found", "System Volume Information", ".Trash-1000"):
        (tmp_path / "objects" / name).mkdir()
        (tmp_path / "objects" / name / "stray").write_bytes(b"x")

    assert list(objects.names()) == list(objects.names("objects/")) == ["objects/one"]
    assert list(objects.names("heads/")) == []


def test_a_folder_that_is_not_there_has_no_empty_list_of_names(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault):
        list(FolderObjects(tmp_path / "gone").names("heads/"))


def test_a_sound_object_takes_the_name_of_a_damaged_one_whose_bytes_stay(
    objects: FolderObjects, tmp_path: Path
) -> None:
    objects.put("img-1/original", [b"damaged"])
    objects.put("img-1/other", [b"sound"])

    objects.replace("img-1/original", "img-1/other")

    with objects.open("img-1/original") as stream:
        assert stream.read() == b"sound"
    assert list(objects.names()) == ["img-1/original"]
    (aside,) = objects.unfinished()
    assert aside.read_bytes() == b"damaged"


# The home


def test_a_depot_is_filled_by_one_thread_and_one_process_at_a_time(tmp_path: Path) -> None:
    home = Home(tmp_path)

    with home.lock_depot("nas"), home.lock_depot("cloud"):
        with pytest.raises(Refused) as caught, home.lock_depot("nas"):
            pytest.fail("two have the same lock")
        told = run_python(
            """
            import sys
            from pathlib import Path
            from pleura.adapters.storage.home import Home
            from pleura.domain.errors import Refused
            try:
                with Home(Path(sys.argv[1])).lock_depot("nas"):
                    print("free")
            except Refused as refused:
                print(refused.code)
            """,
            str(tmp_path),
        )
    assert (caught.value.code, told) == ("depot-busy", "depot-busy")
    with home.lock_depot("nas"):
        pass


def test_a_home_has_one_name_and_another_home_has_another(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(lambda _: Home(tmp_path / "a").instance(), range(40)))

    assert len(names) == 1
    assert {*names, Home(tmp_path / "b").instance()} != names
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["instance"]


def test_a_folder_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    gone = FolderObjects(tmp_path / "unplugged")

    for act in (lambda: list(gone.names()), lambda: gone.open("owner")):
        with pytest.raises(EnvironmentFault) as caught:
            act()
        assert (caught.value.code, caught.value.facts) == (
            "folder-missing",
            {"folder": str(tmp_path / "unplugged")},
        )


@pytest.mark.parametrize("folder", [".", "home", "home/nas", "link"])
def test_a_backup_in_the_home_or_around_it_is_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / "home" / "nas").mkdir(parents=True)
    (tmp_path / "beside").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "home")

    with pytest.raises(Refused) as caught:
        connect(FolderPlace(folder=str(tmp_path / folder)), tmp_path / "home")

    assert caught.value.code == "depot-in-home"
    assert connect(FolderPlace(folder=str(tmp_path / "beside")), tmp_path / "home")
