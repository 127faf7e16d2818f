"""A replica in a real Ceph RADOS Gateway: sealed twice, create-only, streamed, checked by our digests."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from PIL import Image as Picture
from tests.fakes.films import film
from tests.fakes.person import Person, person_at
from tests.servers.ceph import Gateway, ceph_gateway, ceph_is_here

from pleura.adapters.storage.s3 import S3Objects
from pleura.domain.custody.places import BucketFacts, BucketPlace
from pleura.domain.errors import BadInput, EnvironmentFault, NotFound, Refused

pytestmark = pytest.mark.skipif(not ceph_is_here(), reason="radosgw, ceph-mon, ceph-osd are not installed")

PLAIN = BucketPlace(endpoint="https://s3.example", bucket="b", access_key="a", secret_key="s")


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with ceph_gateway() as running:
        yield running


@pytest.fixture
def place(gateway: Gateway, request: pytest.FixtureRequest) -> BucketPlace:
    """A bucket of its own for every test."""
    name = f"t{abs(hash(request.node.nodeid)) % 10**12}"
    return BucketPlace(
        endpoint=gateway.endpoint,
        bucket=gateway.make_bucket(name),
        prefix="ward/9",
        access_key=gateway.access_key,
        secret_key=gateway.secret_key,
    )


def test_what_was_stored_is_read_whole_and_in_parts(place: BucketPlace) -> None:
    store, content = S3Objects(place), bytes(range(256)) * 40_000

    assert store.put("heads/one", [content[:1000], memoryview(content)[1000:]]) == len(content)

    with store.open("heads/one") as stream:
        assert stream.read() == content
        stream.seek(-256, 2)
        assert stream.read() == content[-256:]
        stream.seek(5_000_003)
        assert stream.read(70) == content[5_000_003:5_000_073]
    assert list(store.names()) == ["heads/one"]
    store.delete("heads/one")
    store.delete("heads/one")
    assert list(store.names()) == []
    with pytest.raises(NotFound):
        store.open("heads/one")


def test_a_reused_buffer_is_copied_before_it_changes(place: BucketPlace) -> None:
    """`seal` gives out one buffer over and over."""

    def pieces() -> Iterator[memoryview]:
        buffer = bytearray(100_000)
        for number in range(200):
            buffer[:] = bytes([number]) * len(buffer)
            yield memoryview(buffer)

    S3Objects(place).put("big", pieces())

    with S3Objects(place).open("big") as stream:
        assert stream.read() == b"".join(bytes([number]) * 100_000 for number in range(200))


def test_names_of_one_folder_are_listed_with_the_time_they_were_stored(place: BucketPlace) -> None:
    store = S3Objects(place)
    for name in ("heads/one", "objects/two", "owner"):
        store.put(name, [b"x"])

    assert sorted(store.names()) == ["heads/one", "objects/two", "owner"]
    assert list(store.names("heads/")) == ["heads/one"]
    assert abs(store.stored_at("owner") - datetime.now(UTC)) < timedelta(minutes=5)
    with pytest.raises(NotFound):
        store.stored_at("gone")


def test_an_upload_that_was_cut_long_ago_is_given_up_and_a_stranger_s_is_not(
    gateway: Gateway, place: BucketPlace
) -> None:
    client = gateway.client()
    for key in ("ward/9/objects/cut", "ward/10/objects/of-somebody-else"):
        client.create_multipart_upload(Bucket=place.bucket, Key=key)
    now = datetime.now(UTC)

    assert S3Objects(place).sweep("objects/", now - timedelta(days=1)) == 0
    assert S3Objects(place).sweep("objects/", now + timedelta(days=1)) == 1

    left = client.list_multipart_uploads(Bucket=place.bucket)["Uploads"]
    assert [each["Key"] for each in left] == ["ward/10/objects/of-somebody-else"]


@pytest.mark.parametrize("size", [10, 12 << 20])
def test_of_two_writers_of_one_name_one_is_refused(place: BucketPlace, size: int) -> None:
    def write(letter: bytes) -> str:
        try:
            S3Objects(place).put("same", [letter * size])
        except BadInput as refused:
            return refused.code
        return "stored"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(write, [b"a", b"b"])) == ["object-exists", "stored"]
    assert write(b"c") == "object-exists"
    with S3Objects(place).open("same") as stream:
        assert stream.read() in {b"a" * size, b"b" * size}


def test_a_large_object_of_a_name_that_is_taken_is_refused(place: BucketPlace) -> None:
    store = S3Objects(place)
    store.put("large", [b"a" * (40 << 20)])

    with pytest.raises(BadInput, match="already"):
        store.put("large", [b"b" * (40 << 20)])

    with store.open("large") as stream:
        assert stream.read() == b"a" * (40 << 20)


@pytest.mark.parametrize("size", [20 << 20, 60 << 20])
def test_an_upload_that_is_cut_leaves_no_object(gateway: Gateway, place: BucketPlace, size: int) -> None:
    def pieces() -> Iterator[bytes]:
        yield from (bytes(1 << 20) for _ in range(size >> 20))
        raise EnvironmentFault("disk-failing", "the disk reports a fault", "check it")

    with pytest.raises(EnvironmentFault, match="the disk reports a fault"):
        S3Objects(place).put("cut", pieces())

    assert list(S3Objects(place).names()) == []
    assert "Uploads" not in gateway.client().list_multipart_uploads(Bucket=place.bucket)


PROGRAM = """
import os, sys, time
from pathlib import Path
import msgspec
from pleura.adapters.storage.s3 import S3Objects
from pleura.domain.custody.places import BucketPlace

store, task = S3Objects(msgspec.json.decode(sys.argv[1], type=BucketPlace)), sys.argv[2]

def pieces():
    # Random, because the system gives out untouched zeros without memory behind them.
    yield from (os.urandom(1 << 20) for _ in range(200))
    if task == "wait":
        print("sent", flush=True)
        time.sleep(600)

def peak():
    # Not ru_maxrss: that begins with the peak of the process that started this one.
    told = Path("/proc/self/status").read_text().splitlines()
    (line,) = [each for each in told if each.startswith("VmHWM")]
    return int(line.split()[1])

before = peak()
store.put("large", pieces())
with store.open("large") as stream:
    while stream.read(1 << 20):
        pass
print((peak() - before) >> 10)
"""


def process(place: BucketPlace, task: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, msgspec.json.encode(place), task], stdout=subprocess.PIPE
    )


def test_memory_does_not_grow_with_the_object(place: BucketPlace) -> None:
    with process(place, "measure") as running:
        grown, _ = running.communicate()

    assert int(grown) < 100


def test_a_killed_upload_leaves_no_object_and_can_be_repeated(place: BucketPlace) -> None:
    with process(place, "wait") as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"sent\n"
        running.kill()

    assert list(S3Objects(place).names()) == []
    assert S3Objects(place).put("large", [b"again"]) == 5


def test_a_large_object_is_sent_while_it_is_made(gateway: Gateway, place: BucketPlace) -> None:
    """Else a limit on the speed holds back nothing but the making."""
    client, begun = gateway.client(), []

    def pieces() -> Iterator[bytes]:
        yield from (bytes(1 << 20) for _ in range(100))
        (upload,) = client.list_multipart_uploads(Bucket=place.bucket)["Uploads"]
        parts = client.list_parts(Bucket=place.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        begun.extend(parts["Parts"])

    S3Objects(place).put("large", pieces())

    assert len(begun) > 2


def test_an_upload_is_no_faster_than_it_may_be(place: BucketPlace) -> None:
    slept: list[float] = []

    S3Objects(replace(place, bytes_per_second=1_000_000), slept.append).put("slow", [bytes(500_000)] * 6)

    assert sum(slept) == pytest.approx(3.0)


def test_faults_of_the_store_are_told_apart_and_no_key_is_repeated(place: BucketPlace) -> None:
    wrong = {
        "bucket-refuses": replace(place, secret_key="another-secret"),
        "bucket-unknown": replace(place, bucket="nowhere"),
        "bucket-unreachable": replace(place, endpoint="http://127.0.0.1:9"),
    }
    for code, where in wrong.items():
        with pytest.raises(EnvironmentFault) as told:
            S3Objects(where).put("x", [b"x"])
        assert told.value.code == code
        assert "secret" not in str(told.value).replace("the secret key", "")
        for ask in (
            lambda store: list(store.names()),
            lambda store: store.open("x"),
            lambda store: store.delete("x"),
        ):
            with pytest.raises(EnvironmentFault) as told:
                ask(S3Objects(where))
            assert told.value.code == code


def test_an_object_that_goes_while_it_is_read_is_missed(place: BucketPlace) -> None:
    store = S3Objects(place)
    store.put("one", [bytes(12 << 20)])

    with store.open("one") as stream:
        stream.read(10)
        store.delete("one")
        stream.seek(9 << 20)
        with pytest.raises(NotFound):
            stream.read(10)


@pytest.mark.parametrize(
    "endpoint", ["http://s3.example", "ftp://127.0.0.1", "http://10.0.0.1", "s3.example", ""]
)
def test_a_store_beyond_this_machine_is_reached_over_tls_only(endpoint: str) -> None:
    with pytest.raises(Refused, match="TLS"):
        S3Objects(replace(PLAIN, endpoint=endpoint))


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "https://"},
        {"endpoint": "https://user:word@s3.example"},
        {"endpoint": "https://s3 example"},
        {"endpoint": "https://s3.example:port"},
        {"endpoint": "https://[::1"},
        {"bucket": ""},
        {"bucket": "a/b"},
        {"bucket": "a b"},
        {"prefix": "a//b"},
        {"prefix": ".."},
    ],
)
def test_a_malformed_place_is_refused_in_our_words(wrong: dict[str, str]) -> None:
    with pytest.raises(BadInput, match="malformed") as told:
        S3Objects(replace(PLAIN, **wrong))
    assert "word" not in str(told.value)


@pytest.mark.parametrize("content", [None, "not a certificate", "医院"])
def test_a_file_without_certificates_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)

    with pytest.raises(EnvironmentFault, match="no certificates"):
        S3Objects(replace(PLAIN, ca_file=str(file)))


@pytest.mark.parametrize("name", ["../x", "/x", "", "A", "x/../y", "x" * 65])
def test_a_malformed_name_is_refused_before_it_is_sent(name: str) -> None:
    with pytest.raises(BadInput, match="object name"):
        S3Objects(PLAIN).put(name, [b"x"])


def test_what_the_store_can_say_about_a_bucket_is_asked(gateway: Gateway, place: BucketPlace) -> None:
    gateway.make_bucket("locked", object_lock=True)
    gateway.client().put_bucket_policy(
        Bucket=place.bucket,
        Policy=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": "*",
                        "Action": ["s3:GetObject"],
                        "Resource": f"arn:aws:s3:::{place.bucket}/*",
                    }
                ],
            }
        ),
    )

    assert S3Objects(replace(place, bucket="locked")).bucket_facts().object_lock is True
    assert S3Objects(replace(place, bucket="locked")).bucket_facts().versioning is True
    assert S3Objects(place).bucket_facts().public is True
    assert S3Objects(place).bucket_facts().versioning is False
    assert S3Objects(place).bucket_facts().object_lock is False
    assert S3Objects(replace(place, endpoint="http://127.0.0.1:9")).bucket_facts() == BucketFacts(tls=False)


def test_a_bucket_whose_versioning_was_suspended_still_keeps_versions(
    gateway: Gateway, place: BucketPlace
) -> None:
    client, store = gateway.client(), S3Objects(place)
    client.put_bucket_versioning(Bucket=place.bucket, VersioningConfiguration={"Status": "Enabled"})
    store.put("one", [b"sealed"])
    client.put_bucket_versioning(Bucket=place.bucket, VersioningConfiguration={"Status": "Suspended"})

    store.delete("one")

    assert list(store.names()) == []
    assert len(client.list_object_versions(Bucket=place.bucket)["Versions"]) == 1
    assert store.bucket_facts().versioning is True


def test_settings_for_other_tools_do_not_stop_the_questions(
    place: BucketPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = S3Objects(place).bucket_facts()
    monkeypatch.setenv("AWS_PROFILE", "nobody")

    assert S3Objects(place).bucket_facts() == told != BucketFacts(tls=False)


# The whole way, at the terminal


CHECKLIST = {
    "provider": "Cloud",
    "region": "cn-north-4",
    "mlps_level": 3,
    "mlps_certificate": "11010813001-20001",
    "mlps_expires": "2099-12-31",
    "tls": True,
    "private_bucket": True,
    "object_lock": True,
    "versioning": False,
    "logging": True,
}


@pytest.fixture
def person(tmp_path: Path, place: BucketPlace) -> Person:
    person = person_at(tmp_path, tmp_path / "home")
    (tmp_path / "films").mkdir()
    for seed in range(3):
        Picture.fromarray(film(seed, 200, 160)).save(tmp_path / "films" / f"{seed}.png")
    assert person.types("import", "films").returncode == 0
    (tmp_path / "bucket.json").write_bytes(msgspec.json.encode(place))
    (tmp_path / "checklist.json").write_text(json.dumps(CHECKLIST))
    return person


def add_replica(person: Person) -> None:
    files = ["--bucket-file", "bucket.json", "--checklist", "checklist.json"]
    added = person.types("replica", "add", "cloud", *files)
    assert added.returncode == 0, added.stderr


def keys_of_boxes(gateway: Gateway, place: BucketPlace) -> list[str]:
    listed = gateway.client().list_objects_v2(Bucket=place.bucket).get("Contents", [])
    return sorted(entry["Key"] for entry in listed if "/objects/" in entry["Key"])


def test_a_replica_is_filled_once_and_what_the_store_loses_or_changes_is_found(
    person: Person, gateway: Gateway, place: BucketPlace
) -> None:
    add_replica(person)
    (done,) = person.lines("replica", "sync", "cloud")
    (again,) = person.lines("replica", "sync", "cloud")
    assert (done["objects"], done["added"], again["added"]) == (6, 6, 0)
    assert person.types("replica", "status").returncode == 0
    assert person.types("replica", "verify", "cloud", "--all").returncode == 0

    client, (lost, changed, *_) = gateway.client(), keys_of_boxes(gateway, place)
    client.delete_object(Bucket=place.bucket, Key=lost)
    content = bytearray(client.get_object(Bucket=place.bucket, Key=changed)["Body"].read())
    content[len(content) // 2] ^= 1
    client.put_object(Bucket=place.bucket, Key=changed, Body=bytes(content))

    broken = person.types("replica", "verify", "cloud", "--all", "--json")
    found = json.loads(broken.stdout.splitlines()[-1])
    assert (broken.returncode, len(found["missing"]), len(found["damaged"])) == (1, 1, 1)
    assert person.types("replica", "status").returncode == 1
    client.delete_object(Bucket=place.bucket, Key=changed)
    (healed,) = person.lines("replica", "sync", "cloud")
    assert healed["added"] == 2
    assert person.types("replica", "verify", "cloud", "--all").returncode == 0


def test_a_lost_home_comes_back_from_the_cloud_and_what_is_erased_goes_from_it(
    person: Person, gateway: Gateway, place: BucketPlace
) -> None:
    add_replica(person)
    (sheet,) = person.lines("key", "sheet", "-o", "sheet.pdf")
    person.lines("replica", "sync", "cloud")
    (person.folder / "code").write_text(str(sheet["recovery_code"]))
    images = [str(line["image"]) for line in person.lines("images")]
    shutil.rmtree(person.home)

    secrets = ["--code-file", "code", "--new-file", "passphrase"]
    back = person.types("backup", "restore", "--bucket-file", "bucket.json", *secrets)

    assert back.returncode == 0, back.stderr
    assert [line["image"] for line in person.lines("images")] == images
    shutil.rmtree(person.home / "objects" / images[0])
    (fetched,) = person.lines("replica", "fetch", "cloud", images[0])
    assert fetched["objects"] == 2
    assert person.types("replica", "adopt", "cloud").returncode == 0
    (erased,) = person.lines("erase", images[0], "--yes")
    assert erased["depots"] == {"cloud": "erased"}
    left = keys_of_boxes(gateway, place)
    assert len(left) == 4
    assert not [name for name in images if any(name in key for key in left)]


def test_a_replica_warns_of_what_the_store_contradicts(person: Person, gateway: Gateway) -> None:
    person.types("replica", "add", "cloud", "--bucket-file", "bucket.json", "--checklist", "checklist.json")

    (found,) = person.lines("doctor")

    warned = [check for check in found["checks"] if check["name"] == "cloud checklist cloud"]  # type: ignore[attr-defined]
    # Loopback without TLS, a bucket without lock and logging: the store says so, whatever was answered.
    assert not any(check["ok"] for check in warned)
    assert "no-tls" in [check["code"] for check in warned]


def test_a_bucket_that_does_not_answer_is_not_remembered(person: Person, place: BucketPlace) -> None:
    bad = person.folder / "bad.json"
    bad.write_bytes(msgspec.json.encode(replace(place, secret_key="wrong")))

    done = person.types(
        "replica", "add", "cloud", "--bucket-file", "bad.json", "--checklist", "checklist.json"
    )

    assert done.returncode == 4
    assert person.types("replica", "sync", "cloud").returncode == 1
    (person.folder / "half.json").write_text(json.dumps({"provider": "x"}))
    done = person.types("replica", "add", "cloud", "--bucket-file", "bucket.json", "--checklist", "half.json")
    assert (done.returncode, "[bad-checklist]" in done.stderr) == (1, True)


def test_a_misspelt_key_or_another_region_is_refused_and_kept_answers_are_shown(
    person: Person, place: BucketPlace
) -> None:
    given = json.loads(msgspec.json.encode(place))
    (person.folder / "bad.json").write_text(json.dumps({**given, "bytes_per_secnd": 1}))
    (person.folder / "there.json").write_text(json.dumps({**given, "region": "elsewhere-1"}))
    answers = ["--checklist", "checklist.json"]

    misspelt = person.types("replica", "add", "cloud", "--bucket-file", "bad.json", *answers)
    elsewhere = person.types("replica", "add", "cloud", "--bucket-file", "there.json", *answers)

    assert (misspelt.returncode, "bytes_per_secnd" in misspelt.stderr) == (1, True)
    assert (elsewhere.returncode, "the answer region" in elsewhere.stderr) == (1, True)
    add_replica(person)
    (shown,) = person.lines("replica", "checklist", "cloud", "--show")
    assert shown == {"name": "cloud", **CHECKLIST}
