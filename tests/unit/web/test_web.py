"""The web door: its wall, its headers, and what hostile words become."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from litestar.testing import TestClient
from tests.fakes.dicom_files import image, part10, ramp

from pleura.bootstrap import Founding, found_house, open_house
from pleura.domain.custody.places import FolderPlace
from pleura.domain.errors import EnvironmentFault, Refused
from pleura.domain.installation import Depot
from pleura.entrypoints.web.app import build_app
from pleura.entrypoints.web.caretaker import due, look_after
from pleura.entrypoints.web.desk import Brake, Desk, Picture, Pictures
from pleura.entrypoints.web.pages import studies
from pleura.entrypoints.web.server import run_server
from pleura.ledger.entries import decode
from pleura.prevent.copies import CopyRequest
from pleura.settings import Settings

PASSPHRASE = "a long walk by the river"
PASSWORD = "twelve quiet herons wade"

PUBLIC = {"/static", "/first-run", "/restore", "/sign-in", "/language/{code}"}
POSTED = ("copies", "sign-out", "find", "sync", "test", "check", "label", "look")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(home=tmp_path_factory.mktemp("web") / "home")
    found_house(settings, Founding(passphrase=PASSPHRASE, administrator="admin", password=PASSWORD))
    return settings


@pytest.fixture
def desk(settings: Settings) -> Iterator[Desk]:
    desk = Desk(settings)
    desk.open(PASSPHRASE)
    yield desk
    desk.close()


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    with TestClient(build_app(desk, ["testserver.local"])) as client:
        client.headers["accept-language"] = "en"
        yield client


def token(client: TestClient) -> str:
    client.get("/sign-in")
    return str(client.cookies["csrftoken"])


def sign_in(client: TestClient, password: str = PASSWORD) -> int:
    form = {"name": "admin", "password": password, "_csrf_token": token(client)}
    return client.post("/sign-in", data=form, follow_redirects=False).status_code


def paths(client: TestClient) -> set[str]:
    return {"/" + route.path.strip("/").replace(":str", "") for route in client.app.routes}


def test_every_page_but_the_public_ones_sends_a_stranger_to_sign_in(client: TestClient) -> None:
    walled = {path for path in paths(client) if not any(path.startswith(open_) for open_ in PUBLIC)}

    assert len(walled) >= 7
    for path in walled:
        method = "post" if path.endswith(POSTED) else "get"
        headers = {"x-csrftoken": token(client)}
        answer = client.request(
            method, path.replace("{", "").replace("}", ""), headers=headers, follow_redirects=False
        )
        assert (answer.status_code, answer.headers.get("location")) == (302, "/sign-in"), path


def test_the_right_password_opens_the_studies(client: TestClient) -> None:
    assert sign_in(client) == 302
    assert client.get("/studies").status_code == 200


def test_a_wrong_password_and_a_wrong_name_get_the_same_answer(client: TestClient) -> None:
    first = client.post("/sign-in", data={"name": "admin", "password": "x", "_csrf_token": token(client)})
    second = client.post("/sign-in", data={"name": "nobody", "password": "x", "_csrf_token": token(client)})

    assert (first.status_code, second.status_code) == (403, 403)
    assert "the name or the password is wrong" in first.text
    assert first.text.split("<main")[1] == second.text.split("<main")[1]


def test_signing_out_ends_the_session(client: TestClient) -> None:
    sign_in(client)

    client.post("/sign-out", headers={"x-csrftoken": token(client)})

    assert client.get("/studies", follow_redirects=False).status_code == 302


def test_a_form_without_its_token_is_not_accepted(client: TestClient) -> None:
    answer = client.post("/sign-in", data={"name": "admin", "password": PASSWORD})

    assert answer.status_code == 403
    assert "reload the page and try again" in answer.text


def test_a_foreign_host_header_is_not_answered(client: TestClient) -> None:
    assert client.get("/sign-in", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("path", ["/sign-in", "/nothing", "/images/img-000000000000"])
def test_every_page_carries_the_protecting_headers(client: TestClient, path: str) -> None:
    sign_in(client)

    headers = client.get(path).headers

    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"


def test_a_session_cookie_is_for_this_site_and_not_for_scripts(client: TestClient) -> None:
    form = {"name": "admin", "password": PASSWORD, "_csrf_token": token(client)}

    cookie = client.post("/sign-in", data=form, follow_redirects=False).headers["set-cookie"].lower()

    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_a_missing_image_is_said_with_its_next_step(client: TestClient) -> None:
    sign_in(client)

    answer = client.get("/images/img-000000000000")

    assert answer.status_code == 404
    assert "there is no image img-000000000000" in answer.text
    assert "list the images with pleura images" in answer.text


def test_hostile_words_become_text(client: TestClient) -> None:
    sign_in(client)

    answer = client.get("/images/<script>alert(1)<script>")

    assert "<script>alert" not in answer.text


def receive(desk: Desk, folder: Path, number: int, patient: str) -> None:
    made = image(ramp(20, 20 + number))
    made.PatientID, made.StudyInstanceUID = patient, f"1.2.9.{number}"
    made.SOPInstanceUID = f"1.2.9.{number}.1"
    path = folder / f"{number}.dcm"
    path.write_bytes(part10(made))
    assert desk.house.arrivals.receive(path, actor="test").status == "stored"


def test_a_patient_is_found_by_id_and_the_id_is_in_no_address(
    client: TestClient, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, patient in enumerate(["SECRET-1", "SECRET-1", "SECRET-1", "SECRET-2"], start=10):
        receive(desk, tmp_path, number, patient)
    monkeypatch.setattr(studies, "PAGE", 2)
    sign_in(client)

    def find(patient_id: str) -> httpx.Response:
        form = {"patient_id": patient_id, "_csrf_token": token(client)}
        return client.post("/find", data=form, follow_redirects=False)

    unknown = find("SECRET-3")
    assert (unknown.status_code, "no patient with that ID" in unknown.text) == (200, True)
    found = find(" secret-1 ")
    where = found.headers["location"]
    assert (found.status_code, "secret" in where.lower()) == (302, False)
    page = client.get(where).text
    assert page.count('href="/images/img-') == 2
    older = re.search(r'href="(/studies\?before=[^"]+)"', page)
    assert older is not None
    rest = client.get(older[1].replace("&amp;", "&")).text
    assert rest.count('href="/images/img-') == 1
    assert "before=" not in rest


def test_the_page_of_a_copy_shows_what_it_changes_and_is_recorded(
    client: TestClient, desk: Desk, tmp_path: Path
) -> None:
    receive(desk, tmp_path, 40, "SECRET-4")
    name = desk.house.vault.page(1)[0].id
    desk.house.rules.set("unmarked-copies", "primary-diagnosis", actor="test")
    for reason in (None, "<b>first reading</b>"):
        request = CopyRequest(
            image=name, recipient="Dr Li", purpose="opinion", form="dicom", no_mark_reason=reason
        )
        desk.house.copies.issue(request, actor="test")
    sign_in(client)

    links = re.findall(rf'href="(/images/{name}/copies/cpy-[^"]+)"', client.get(f"/images/{name}").text)
    unmarked, marked = (client.get(link).text for link in links[1:])

    assert "NO mark: &lt;b&gt;first reading" in unmarked
    assert "nothing differs" in unmarked
    assert "of a stored value: " in marked
    assert "(at most 64)" in marked
    picture = re.search(r'<img src="(/pictures/[^"]+)"', marked)
    assert picture is not None
    assert client.get(picture[1]).content.startswith(b"\x89PNG")
    with desk.house.records.read() as unit:
        kinds = [decode(row.entry).kind for row in unit.ledger.rows()]
    assert kinds[-2:] == ["compare", "compare"]


def test_a_copy_that_is_not_of_the_image_is_not_found(client: TestClient, desk: Desk, tmp_path: Path) -> None:
    receive(desk, tmp_path, 41, "SECRET-5")
    name = desk.house.vault.page(1)[0].id
    sign_in(client)

    assert client.get(f"/images/{name}/copies/cpy-000000000000").status_code == 404


@pytest.mark.parametrize(
    ("synced", "tested", "waits_for"),
    [
        (None, None, ("sync", "test")),
        (timedelta(hours=23), timedelta(days=29), ()),
        (timedelta(days=1), timedelta(days=29), ("sync",)),
        (timedelta(hours=1), timedelta(days=30), ("test",)),
    ],
)
def test_a_depot_is_filled_each_day_and_tested_each_month(
    synced: timedelta | None, tested: timedelta | None, waits_for: tuple[str, ...]
) -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    depot = Depot(
        name="nas",
        kind="backup",
        sealed_place=b"",
        checklist="",
        synced_at=now - synced if synced else None,
        tested_at=now - tested if tested else None,
    )

    assert due(depot, now) == waits_for


def test_the_caretaker_does_what_is_due_and_goes_on_after_a_fault(settings: Settings, tmp_path: Path) -> None:
    with open_house(settings, lambda: PASSPHRASE) as house:
        for name in ("gone", "well"):
            (tmp_path / name).mkdir()
            house.depots.add(name, "backup", FolderPlace(folder=str(tmp_path / name)), None, actor="test")
        shutil.rmtree(tmp_path / "gone")
        (tmp_path / "gone").write_text("a file where a folder was")

        look_after(house)

        state = {depot.name: depot for depot in house.depots.all()}
    assert state["gone"].synced_at is None
    assert state["well"].synced_at is not None
    assert (state["well"].tested_at is not None, state["well"].test_result) == (True, "")


def test_a_browser_that_prefers_english_gets_english_and_the_rest_chinese(client: TestClient) -> None:
    english = client.get("/sign-in", headers={"accept-language": "en-GB,en;q=0.9"}).text
    chinese = client.get("/sign-in", headers={"accept-language": "fr"}).text

    assert '<html lang="en">' in english
    assert '<html lang="zh-CN">' in chinese
    assert "登录" in chinese


def test_the_language_is_remembered(client: TestClient) -> None:
    client.post("/language/zh", headers={"x-csrftoken": token(client)}, follow_redirects=False)

    assert '<html lang="zh-CN">' in client.get("/sign-in", headers={"accept-language": "en"}).text


def test_too_many_tries_are_held_back() -> None:
    brake = Brake()
    for _ in range(10):
        brake.press()

    with pytest.raises(Refused, match="too many tries"):
        brake.press()


def test_a_picture_is_for_its_owner_and_the_newest_are_kept() -> None:
    pictures = Pictures()
    first = pictures.keep(Picture(owner="a", media_type="image/png", content=b"1"))

    assert pictures.fetch(first, "b") is None
    assert pictures.fetch(first, "a") is not None
    for _ in range(30):
        pictures.keep(Picture(owner="a", media_type="image/png", content=b"2"))
    assert pictures.fetch(first, "a") is None


def test_a_home_is_made_only_with_the_code_from_the_terminal(tmp_path: Path) -> None:
    desk = Desk(Settings(home=tmp_path / "home"))
    with TestClient(build_app(desk, ["testserver.local"])) as client:
        client.get("/first-run")
        form = {
            "setup_code": "guess",
            "passphrase": PASSPHRASE,
            "passphrase_again": PASSPHRASE,
            "administrator": "admin",
            "password": PASSWORD,
            "password_again": PASSWORD,
            "_csrf_token": client.cookies["csrftoken"],
        }

        refused = client.post("/first-run", data=form)
        made = client.post("/first-run", data={**form, "setup_code": desk.setup_code})

    assert refused.status_code == 400
    assert PASSPHRASE not in refused.text
    assert made.status_code == 200
    assert (tmp_path / "home" / "root.json").is_file()


def test_an_address_that_others_can_reach_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="this machine only"):
        run_server(Desk(Settings(home=tmp_path)), "0.0.0.0", 0)  # noqa: S104 - the fault under test
