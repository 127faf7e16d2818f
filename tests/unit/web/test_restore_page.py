"""The pages that bring a home back, for whoever sees the terminal and has the recovery sheet."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from litestar.testing import TestClient
from tests.fakes.dicom_files import image, part10, ramp

from pleura.bootstrap import Founding, found_house, open_house
from pleura.crypto.roots.recovery import new_code, spelled
from pleura.domain.custody.places import FolderPlace
from pleura.domain.errors import EnvironmentFault
from pleura.entrypoints.web.app import build_app
from pleura.entrypoints.web.desk import Desk
from pleura.entrypoints.web.view import utc
from pleura.settings import Settings

PASSPHRASE = "a long walk by the river"
NEW = "quite another passphrase"
PASSWORD = "twelve quiet herons wade"


@dataclass(frozen=True)
class Backup:
    folder: Path
    code: str
    first: str
    """The older of two snapshots, from before there was an image."""
    second: str


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Backup:
    folder = tmp_path_factory.mktemp("backup")
    settings = Settings(home=folder / "home")
    facts = Founding(passphrase=PASSPHRASE, administrator="admin", password=PASSWORD)
    code = spelled(found_house(settings, facts))
    (folder / "nas").mkdir()
    (folder / "film.dcm").write_bytes(part10(image(ramp(20, 20))))
    with open_house(settings, lambda: PASSPHRASE) as house:
        house.depots.add("safe", "backup", FolderPlace(folder=str(folder / "nas")), None, actor="test")
        first = house.depots.sync("safe", actor="test").snapshot
        assert house.arrivals.receive(folder / "film.dcm", actor="test").status == "stored"
        house.sketcher.catch_up()
        second = house.depots.sync("safe", actor="test").snapshot
    return Backup(folder / "nas", code, first, second)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(Settings(home=tmp_path / "home"))
    yield desk
    desk.close()


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    with TestClient(build_app(desk, ["testserver.local"])) as client:
        client.headers["accept-language"] = "en"
        client.get("/restore")
        yield client


def post(client: TestClient, path: str, form: dict[str, str]) -> httpx.Response:
    """The answer to a form; that of the place is sent in parts, as it may carry a file."""
    form = {**form, "_csrf_token": client.cookies["csrftoken"]}
    if path == "/restore":
        return client.post(path, files={name: (None, value) for name, value in form.items()})
    return client.post(path, data=form)


def right(desk: Desk, backup: Backup) -> dict[str, str]:
    return {"setup_code": desk.setup_code, "folder": str(backup.folder), "recovery_code": backup.code}


def begin(client: TestClient, snapshot: str, secret: str = NEW, again: str = NEW) -> httpx.Response:
    """The page once the restore is over."""
    form = {"snapshot": snapshot, "passphrase": secret, "passphrase_again": again}
    answer = post(client, "/restore/begin", form)
    while 'http-equiv="refresh"' in answer.text:
        threading.Event().wait(0.05)
        answer = client.get("/restore")
    return answer


def test_nothing_is_looked_for_without_both_codes_and_one_place(
    client: TestClient, desk: Desk, backup: Backup, tmp_path: Path
) -> None:
    wrong = [
        ({"setup_code": "00000000"}, "not the one on the terminal"),
        ({"recovery_code": spelled(new_code())}, "not the one of this home or backup"),
        ({"recovery_code": "nonsense"}, "recovery code"),
        ({"folder": str(tmp_path / "elsewhere")}, "no folder"),
        ({"folder": "relative"}, "give the whole path"),
        ({"folder": ""}, "a restore takes one place"),
        ({"bucket": "{}"}, "a restore takes one place"),
        ({"folder": "", "bucket": '{"secret_key": "k3y-of-it"}'}, "does not name a bucket"),
    ]
    for change, words in wrong:
        answer = post(client, "/restore", {**right(desk, backup), **change})
        assert (answer.status_code, words in answer.text) == (400, True), change
        assert backup.code not in answer.text
        assert "k3y-of-it" not in answer.text
    assert not (tmp_path / "home").exists()


def test_the_snapshots_are_listed_newest_first_and_the_newest_is_chosen(
    client: TestClient, desk: Desk, backup: Backup
) -> None:
    answer = post(client, "/restore", right(desk, backup)).text

    assert re.findall(r'value="(snp-\w+)"( required checked)?', answer) == [
        (backup.second, " required checked"),
        (backup.first, ""),
    ]
    assert len(re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", answer)) == 2
    assert backup.code not in answer


def test_a_home_comes_back_and_the_page_says_what_to_do_next(
    client: TestClient, desk: Desk, backup: Backup
) -> None:
    post(client, "/restore", right(desk, backup))
    assert "the two entries differ" in begin(client, backup.second, again="other").text
    assert "characters" in begin(client, backup.second, "short", "short").text
    assert not desk.is_open

    answer = begin(client, backup.second)

    assert desk.is_open, answer.text
    assert re.search(r"1 images are back, as of \d{4}-\d\d-\d\d \d\d:\d\d UTC", answer.text)
    assert "The accounts and their passwords are those of the home that was backed up" in answer.text
    assert "pleura backup adopt safe" in answer.text
    form = {"name": "admin", "password": PASSWORD}
    assert post(client, "/sign-in", form).url.path == "/studies"
    assert client.get("/restore").url.path == "/sign-in"


def test_an_older_snapshot_can_be_chosen(client: TestClient, desk: Desk, backup: Backup) -> None:
    post(client, "/restore", right(desk, backup))

    assert "0 images are back" in begin(client, backup.first).text


def test_an_image_that_the_backup_lacks_is_named(
    client: TestClient, desk: Desk, backup: Backup, tmp_path: Path
) -> None:
    holed = tmp_path / "holed"
    for name in ("heads", "snapshots"):
        (holed / name).mkdir(parents=True)
        for file in (backup.folder / name).iterdir():
            (holed / name / file.name).write_bytes(file.read_bytes())
    post(client, "/restore", {**right(desk, backup), "folder": str(holed)})

    answer = begin(client, backup.second).text

    assert "0 of 1 images are back whole" in answer
    assert len(re.findall(r"<code>img-\w{12}</code>", answer)) == 1
    assert "pleura backup fetch NAME" in answer


def test_a_stranger_sees_neither_snapshots_nor_progress_and_begins_nothing(
    client: TestClient, desk: Desk, backup: Backup
) -> None:
    post(client, "/restore", right(desk, backup))
    client.cookies.delete("session")

    assert 'name="setup_code"' in client.get("/restore").text
    assert 'name="setup_code"' in begin(client, backup.second).text
    assert not desk.is_open


def test_another_place_can_be_chosen(client: TestClient, desk: Desk, backup: Backup) -> None:
    post(client, "/restore", right(desk, backup))

    assert 'name="setup_code"' in post(client, "/restore/again", {}).text
    assert desk.restoring.found is None


def test_the_bucket_of_a_replica_is_taken_as_text_or_as_a_file(
    client: TestClient, desk: Desk, backup: Backup
) -> None:
    """Nothing listens at that address: the store is asked, and its silence is said."""
    bucket = (
        '{"endpoint": "http://127.0.0.1:1", "bucket": "films", "access_key": "a", "secret_key": "k3y-of-it"}'
    )
    form = {**right(desk, backup), "folder": ""}
    fields = {name: (None, value) for name, value in form.items()}
    token = client.cookies["csrftoken"]

    pasted = post(client, "/restore", {**form, "bucket": bucket})
    sent = client.post(
        "/restore", files={**fields, "_csrf_token": (None, token), "bucket_file": ("bucket.json", bucket)}
    )

    assert (pasted.status_code, sent.status_code) == (400, 400)
    assert "does not name a bucket" not in pasted.text + sent.text
    assert "films" in pasted.text
    assert "k3y-of-it" not in pasted.text + sent.text


def test_while_a_restore_runs_the_page_shows_how_far_it_is_and_no_home_is_made_beside_it(
    client: TestClient, desk: Desk, backup: Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pleura.entrypoints.web.restoring._SOON", 0.0)
    go_on, count = threading.Event(), desk.restoring._count

    def wait(size: int) -> None:
        count(size)
        go_on.wait(20)

    monkeypatch.setattr(desk.restoring, "_count", wait)
    post(client, "/restore", right(desk, backup))
    form = {"snapshot": backup.second, "passphrase": NEW, "passphrase_again": NEW}
    answer = post(client, "/restore/begin", form)
    while desk.restoring.objects == 0:
        threading.Event().wait(0.02)
        answer = client.get("/restore")
    founding = {"setup_code": desk.setup_code, "passphrase": NEW, "passphrase_again": NEW}
    refused = post(client, "/first-run", founding)
    answer = client.get("/")
    go_on.set()

    assert "a restore is under way" in refused.text
    assert re.search(r"1 of \d objects are here", answer.text)
    assert 'http-equiv="refresh"' in answer.text


def test_a_restore_that_is_cut_can_be_begun_again(client: TestClient, desk: Desk, backup: Backup) -> None:
    post(client, "/restore", right(desk, backup))
    desk.restoring._stopped.set()
    assert "told to stop before its end" in begin(client, backup.second).text
    desk.restoring._stopped.clear()

    assert "1 images are back" in begin(client, backup.second).text


def test_a_home_that_came_back_and_does_not_open_is_said(
    client: TestClient, desk: Desk, backup: Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> None:
        raise EnvironmentFault("no-home", "the home does not open", "start pleura serve again")

    monkeypatch.setattr(desk.restoring, "_opened", refuse)
    post(client, "/restore", right(desk, backup))

    assert "the home does not open" in begin(client, backup.second).text


def test_what_a_strange_backup_calls_a_time_does_not_break_the_page() -> None:
    assert utc("2026-11-27T16:57:08+02:00") == "2026-11-27 14:57 UTC"
    assert utc("yesterday") == "yesterday"
