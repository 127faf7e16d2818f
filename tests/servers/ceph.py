"""A real S3 server: one Ceph monitor, one OSD and a RADOS Gateway on loopback, in a temporary folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import botocore.session

PROGRAMS: Final = ("ceph-mon", "ceph-osd", "radosgw", "ceph-authtool", "monmaptool", "radosgw-admin", "ceph")
_START_SECONDS: Final = 90
_OSD_BYTES: Final = 2 << 30

_SETTINGS: Final = """[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]
public network = 127.0.0.0/8
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
mon warn on insecure global id reclaim allowed = false
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon data = {folder}/mon
osd data = {folder}/osd
osd objectstore = bluestore
bluestore block size = {osd_bytes}
osd memory target = 939524096
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
pid file = {folder}/run/$name.pid
log file = {folder}/log/$name.log
mon data avail crit = 1
ms bind ipv6 = false
keyring = {folder}/keyring
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw dns name = localhost
rgw enable usage log = false
"""


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """Where the store is and what opens it."""

    endpoint: str
    access_key: str
    secret_key: str

    def make_bucket(self, name: str, *, object_lock: bool = False) -> str:
        """A new bucket."""
        self.client().create_bucket(Bucket=name, ObjectLockEnabledForBucket=object_lock)
        return name

    def client(self):  # type: ignore[no-untyped-def]  # botocore makes its clients at run time
        """What an administrator of the store would use."""
        return botocore.session.Session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
        )


def ceph_is_here() -> bool:
    """Whether the packages radosgw, ceph-mon, ceph-osd and ceph-common are installed."""
    return all(shutil.which(program) for program in PROGRAMS)


@contextlib.contextmanager
def ceph_gateway() -> Iterator[Gateway]:
    """A running gateway; stopped, and its data gone, when the block ends."""
    with tempfile.TemporaryDirectory(prefix="ceph-", dir="/tmp") as name:
        folder = Path(name)
        for part in ("mon", "osd", "run", "log"):
            (folder / part).mkdir()
        v2, v1, port = _free_ports(3)
        fsid = str(uuid.uuid4())
        settings = folder / "ceph.conf"
        settings.write_text(
            _SETTINGS.format(fsid=fsid, v2=v2, v1=v1, port=port, folder=folder, osd_bytes=_OSD_BYTES)
        )
        try:
            _start_cluster(folder, settings, fsid, (v2, v1))
            yield _start_gateway(settings, port)
        finally:
            _stop(folder)


def _start_cluster(folder: Path, settings: Path, fsid: str, ports: tuple[int, int]) -> None:
    keyring = folder / "keyring"
    _run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
    for client, capabilities in (
        ("osd.0", ("mon", "allow profile osd", "osd", "allow *", "mgr", "allow *")),
        ("client.rgw", ("mon", "allow rw", "osd", "allow rwx", "mgr", "allow rw")),
        ("client.admin", ("mon", "allow *", "osd", "allow *", "mds", "allow *", "mgr", "allow *")),
    ):
        pairs = [part for kind, rule in _pairs(capabilities) for part in ("--cap", kind, rule)]
        _run("ceph-authtool", keyring, "--gen-key", "-n", client, *pairs)
    address = f"[v2:127.0.0.1:{ports[0]},v1:127.0.0.1:{ports[1]}]"
    _run("monmaptool", "--create", "--addv", "a", address, "--fsid", fsid, folder / "monmap")
    _run("ceph-mon", "-i", "a", "--mkfs", "--monmap", folder / "monmap", "--keyring", keyring, "-c", settings)
    _run("ceph-mon", "-i", "a", "-c", settings)
    osd = str(uuid.uuid4())
    _run("ceph", "-c", settings, "osd", "new", osd)
    _run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd, "-c", settings)
    _run("ceph-osd", "-i", "0", "-c", settings)


def _start_gateway(settings: Path, port: int) -> Gateway:
    _run("radosgw", "-n", "client.rgw", "-c", settings)
    _wait_for(port)
    gateway = Gateway(
        endpoint=f"http://127.0.0.1:{port}", access_key="testaccess", secret_key=f"secret-{uuid.uuid4().hex}"
    )
    _run(
        "radosgw-admin",
        "-c",
        settings,
        "user",
        "create",
        "--uid=test",
        "--display-name=test",
        f"--access-key={gateway.access_key}",
        f"--secret-key={gateway.secret_key}",
    )
    return gateway


def _stop(folder: Path) -> None:
    for file in (folder / "run").glob("*.pid"):
        with contextlib.suppress(ProcessLookupError, ValueError):
            os.kill(int(file.read_text()), signal.SIGKILL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(_alive(file) for file in (folder / "run").glob("*.pid")):
        time.sleep(0.1)


def _alive(file: Path) -> bool:
    try:
        os.kill(int(file.read_text()), 0)
    except (ProcessLookupError, ValueError):
        return False
    return True


def _run(*command: object) -> None:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, timeout=_START_SECONDS, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr.decode()[-500:]}")


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    raise RuntimeError("the gateway does not answer")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in found]


def _pairs(flat: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(zip(flat[::2], flat[1::2], strict=True))
