"""What a process that was taken over can still reach: tried from inside, in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pleura.adapters.disposable.confinement import confine

ROOT = Path(__file__).parents[2]


def run_confined(act: str, *arguments: str, wall: str = "confine()") -> str:
    """What *act* ended with, done in a fresh process after it was confined by *wall*."""
    script = (
        "import os, socket, sys\n"
        "from pleura.adapters.disposable.confinement import confine, confine_connections\n"
        f"version = {wall}\n"
        f"try:\n    {act}\n    print('done')\n"
        "except OSError as error:\n    print(error.errno if version >= int(sys.argv[1]) else 'absent')\n"
    )
    command = [sys.executable, "-c", script, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    told = subprocess.run(command, capture_output=True, check=True, env=environment)
    return told.stdout.decode().strip()


@pytest.fixture(autouse=True)
def _needs_landlock() -> None:
    child = os.fork()
    if not child:
        os._exit(confine())
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) < 6:
        pytest.skip("the kernel has no Landlock of version 6")


def test_no_file_of_the_user_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "root.json").write_text("sealed root key")

    assert run_confined("open(sys.argv[2])", "1", str(tmp_path / "root.json")) == "13"


def test_no_file_can_be_made(tmp_path: Path) -> None:
    assert run_confined("open(sys.argv[2], 'w')", "1", str(tmp_path / "new")) == "13"
    assert list(tmp_path.iterdir()) == []


def test_the_memory_of_the_process_with_the_keys_cannot_be_read() -> None:
    assert run_confined("open(f'/proc/{os.getppid()}/mem', 'rb')", "1") == "13"


def test_the_process_with_the_keys_cannot_be_signalled() -> None:
    assert run_confined("os.kill(os.getppid(), 0)", "6") == "1"


def test_no_connection_can_be_opened() -> None:
    assert run_confined("socket.create_connection(('127.0.0.1', 9))", "4") == "13"


CRAWLER = "confine(os.open('.', os.O_RDONLY), readable=['/etc/ssl'], port=int(sys.argv[2]))"
BROWSER = "confine_connections(int(sys.argv[2]))"


@pytest.mark.parametrize("wall", [CRAWLER, BROWSER])
def test_a_crawler_connects_to_the_broker_and_nowhere_else(wall: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [str(each.getsockname()[1]) for each in (broker, other)]
        to_broker = "socket.create_connection(('127.0.0.1', int(sys.argv[2]))).close()"
        elsewhere = "socket.create_connection(('127.0.0.1', int(sys.argv[3]))).close()"

        assert run_confined(to_broker, "4", *ports, wall=wall) == "done"
        assert run_confined(elsewhere, "4", *ports, wall=wall) == "13"
        assert run_confined("socket.create_server(('127.0.0.1', 0))", "4", *ports, wall=wall) == "13"


def test_a_crawler_reads_what_it_was_given_and_no_file_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "root.json").write_text("sealed root key")

    assert run_confined("os.listdir('/etc/ssl')", "1", "9", wall=CRAWLER) == "done"
    assert run_confined("open('/etc/passwd')", "1", "9", wall=CRAWLER) == "13"
    assert run_confined("open(sys.argv[3])", "1", "9", str(tmp_path / "root.json"), wall=CRAWLER) == "13"
