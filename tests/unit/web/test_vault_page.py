"""The page of the vault: quick whatever a depot does, and told of what runs beside it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from litestar.testing import TestClient
from tests.fakes.dicom_files import image, part10, ramp

from pleura.bootstrap import Founding, House, found_house, open_house
from pleura.domain.custody.places import FolderPlace, Place
from pleura.entrypoints.web.app import build_app
from pleura.entrypoints.web.chores import Chores, outcome_of
from pleura.entrypoints.web.desk import Desk
from pleura.settings import Settings

PASSPHRASE = "a long walk by the river"
PASSWORD = "twelve quiet herons wade"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(home=tmp_path_factory.mktemp("vault") / "home")
    found_house(settings, Founding(passphrase=PASSPHRASE, administrator="admin", password=PASSWORD))
    return settings


@pytest.fixture(scope="module")
def house(settings: Settings) -> Iterator[House]:
    """A house without a caretaker, so that nothing happens by itself."""
    with open_house(settings, lambda: PASSPHRASE) as house:
        yield house


@pytest.fixture
def desk(settings: Settings, house: House) -> Iterator[Desk]:
    desk = Desk(settings, house)
    yield desk
    desk.close()


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    with TestClient(build_app(desk, ["testserver.local"])) as client:
        sign_in(client)
        yield client


def sign_in(client: TestClient) -> None:
    client.headers["accept-language"] = "en"
    client.get("/sign-in")
    form = {"name": "admin", "password": PASSWORD, "_csrf_token": client.cookies["csrftoken"]}
    assert client.post("/sign-in", data=form, follow_redirects=False).status_code == 302


def press(client: TestClient, path: str) -> str:
    """The page once what the button began is over."""
    answer = client.post(path, data={"_csrf_token": client.cookies["csrftoken"]}).text
    while 'http-equiv="refresh"' in answer:
        threading.Event().wait(0.05)
        answer = client.get("/vault").text
    return answer


def add(house: House, folder: Path, name: str) -> Path:
    place = folder / name
    place.mkdir()
    house.depots.add(name, "backup", FolderPlace(folder=str(place)), None, actor="test")
    return place


def test_the_page_fills_a_backup_tests_a_restore_and_checks_everything(
    client: TestClient, house: House, tmp_path: Path
) -> None:
    assert "pleura backup create" in client.get("/vault").text
    place = add(house, tmp_path, "nas")

    assert "Nothing was checked" in client.get("/vault").text
    assert "there is no snapshot there" in press(client, "/vault/nas/test")
    assert "objects" in press(client, "/vault/nas/sync")
    assert "the snapshot restores" in press(client, "/vault/nas/test")
    assert "passed" in client.get("/vault").text
    checked = press(client, "/vault/check")
    assert "a restore was tested on" in checked
    assert re.search(r"checked on \d{4}-\d\d-\d\d \d\d:\d\d UTC", checked)
    next((place / "snapshots").iterdir()).write_bytes(b"changed")
    assert "does not open" in press(client, "/vault/nas/test")
    assert "failed: the snapshot does not open" in client.get("/vault").text


def test_every_time_on_the_page_says_its_zone(client: TestClient, house: House, tmp_path: Path) -> None:
    add(house, tmp_path, "timed")
    press(client, "/vault/timed/sync")

    times = re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d(?! UTC)", client.get("/vault").text)

    assert times == []


def test_an_unknown_backup_is_an_error_of_its_own(client: TestClient) -> None:
    answer = client.post("/vault/other/sync", data={"_csrf_token": client.cookies["csrftoken"]})

    assert (answer.status_code, "no backup or replica" in answer.text) == (404, True)


def test_the_page_asks_no_depot(settings: Settings, house: House, tmp_path: Path) -> None:
    def silent(place: Place) -> NoReturn:
        raise AssertionError(place)

    def asked(name: str) -> NoReturn:
        raise AssertionError(name)

    add(house, tmp_path, "silent")
    deaf = replace(
        house,
        depots=replace(house.depots, connect=silent),
        doctor=replace(house.doctor, depot_view=asked, bucket_facts=asked),
    )
    with TestClient(build_app(Desk(settings, deaf), ["testserver.local"])) as client:
        sign_in(client)
        answer = client.get("/vault")

    assert (answer.status_code, "silent" in answer.text) == (200, True)


def test_a_backup_that_is_being_filled_elsewhere_is_said_calmly(
    client: TestClient, house: House, tmp_path: Path
) -> None:
    add(house, tmp_path, "busy")

    with house.depots.lock("busy"):
        answer = press(client, "/vault/busy/sync")

    assert "busy is being filled already; let that finish" in answer
    assert 'role="alert"' not in answer


def test_work_that_takes_long_is_shown_and_begun_once(
    client: TestClient, desk: Desk, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pleura.entrypoints.web.chores._SOON", 0.0)
    add(house, tmp_path, "slow")
    go_on, begun = threading.Event(), list[int]()

    def work(_: object) -> None:
        begun.append(1)
        go_on.wait(10)

    for _ in range(2):
        desk.chores.begin("sync", "slow", work)
    page = client.get("/vault").text
    go_on.set()

    assert "It is being filled now" in page
    assert 'http-equiv="refresh"' in page
    assert begun == [1]


def test_a_chore_ends_when_the_server_does() -> None:
    chores, seen = Chores(), threading.Event()

    def work(is_stopped: object) -> str:
        assert callable(is_stopped)
        seen.set()
        while not is_stopped():
            threading.Event().wait(0.01)
        return "stopped"

    thread = threading.Thread(target=chores.begin, args=("test", "nas", work))
    thread.start()
    assert seen.wait(10)
    chores.stop()
    thread.join()

    ended = chores.ended("test", "nas")
    assert ended is not None
    assert (ended.result, chores.running()) == ("stopped", set())


def test_a_fault_that_nobody_thought_of_is_logged_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    def work() -> None:
        raise ValueError("Wang^Xiaodong")

    result = outcome_of(work, "sync of nas")

    assert "something went wrong inside pleura" in str(result)
    assert "sync of nas: ValueError in" in caplog.text
    assert "Wang" not in caplog.text


def test_after_many_uploads_a_trace_works_at_once_and_the_page_says_what_it_waits_for(
    client: TestClient, tmp_path: Path
) -> None:
    films = []
    for number in range(12):
        made = image(ramp(200, 200 + number))
        made.StudyInstanceUID, made.SOPInstanceUID = f"1.2.7.{number}", f"1.2.7.{number}.1"
        films.append(("files", (f"{number}.dcm", part10(made), "application/dicom")))
    token = {"_csrf_token": client.cookies["csrftoken"]}

    uploaded = client.post("/import", data=token, files=films).text
    waiting = client.get("/trace").text
    vault = client.get("/vault").text
    traced = client.post("/trace", data=token, files={"picture": films[0][1]}).text

    assert uploaded.count('class="stored"') == 12
    assert "12 films are being prepared for searching" in uploaded
    assert "12 films are being prepared for searching; a trace waits for them first" in waiting
    assert "12 films are being prepared for searching" in vault
    assert 'class="verdict' in traced
    assert "are being prepared" not in client.get("/trace").text
