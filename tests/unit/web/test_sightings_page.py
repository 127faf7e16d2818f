"""The page of what was seen outside: most pressing first, no link that tells a site who looks."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from litestar.testing import TestClient
from tests.fakes.films import written

from pleura.bootstrap import Founding, House, found_house, open_house
from pleura.domain.watching.sources import WatchPlace
from pleura.entrypoints.web.app import build_app
from pleura.entrypoints.web.caretaker import look_outside
from pleura.entrypoints.web.desk import Desk
from pleura.prevent.copies import CopyRequest
from pleura.settings import Settings

PASSPHRASE = "a long walk by the river"
PASSWORD = "twelve quiet herons wade"
SIX_HOURS = timedelta(hours=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seen")


@pytest.fixture(scope="module")
def settings(folder: Path) -> Settings:
    settings = Settings(home=folder / "home")
    found_house(settings, Founding(passphrase=PASSPHRASE, administrator="admin", password=PASSWORD))
    return settings


@pytest.fixture(scope="module")
def house(settings: Settings, folder: Path) -> Iterator[House]:
    """A house with a film of which an unmarked picture and a copy lie in a folder that is watched."""
    with open_house(settings, lambda: PASSPHRASE) as house:
        film = written(folder, 1)
        image = house.arrivals.receive(film, actor="test").image
        assert image is not None
        request = CopyRequest(image=image, recipient="Dr Li", purpose="treatment", form="png")
        found = folder / "found"
        found.mkdir()
        (found / "<b>copy.png").write_bytes(house.copies.issue(request, actor="test").content)
        (found / "original.png").write_bytes(film.read_bytes())
        house.watchlist.add(WatchPlace(kind="folder", address=str(found)), every=SIX_HOURS, actor="test")
        look_outside(house)
        yield house


@pytest.fixture
def client(settings: Settings, house: House) -> Iterator[TestClient]:
    desk = Desk(settings, house)
    with TestClient(build_app(desk, ["testserver.local"])) as client:
        client.headers["accept-language"] = "en"
        client.get("/sign-in")
        form = {"name": "admin", "password": PASSWORD, "_csrf_token": client.cookies["csrftoken"]}
        assert client.post("/sign-in", data=form, follow_redirects=False).status_code == 302
        yield client
    desk.close()


def post(client: TestClient, path: str, **form: str) -> str:
    answer = client.post(path, data=form | {"_csrf_token": client.cookies["csrftoken"]})
    return f"{answer.status_code} {answer.text}"


def test_what_names_a_copy_stands_first_and_the_sources_below(client: TestClient, house: House) -> None:
    text = client.get("/sightings").text

    names = [each.sighting.name for each in house.sightings.all()]
    assert [re.findall(r"sgt-\w{12}", text).index(name) for name in names] == [0, 2]
    assert re.findall(r'class="severity (\w+)"', text) == ["high", "medium"]
    assert house.watchlist.all()[0][1].address in text
    assert "looked at" in text


def test_a_sighting_shows_where_it_was_seen_and_no_link_leads_there(client: TestClient, house: House) -> None:
    name = house.sightings.all()[0].sighting.name

    text = client.get(f"/sightings/{name}").text

    assert "&lt;b&gt;copy.png" in text
    assert "<b>copy" not in text
    links = re.findall(r'href="([^"]+)"', text)
    assert all(link.startswith(("/", "#")) for link in links)
    assert not any("case" in link for link in links)


def test_a_label_is_kept_with_the_name_of_who_gave_it(client: TestClient, house: House) -> None:
    name = house.sightings.all()[0].sighting.name

    text = post(client, f"/sightings/{name}/label", label="false-alarm", reason="our own <drill>")

    assert text.startswith("200")
    assert "our own &lt;drill&gt;" in text
    assert "web:admin" in text
    assert [each.severity for each in house.sightings.all()] == ["medium", "none"]
    post(client, f"/sightings/{name}/label", label="true", reason="no drill")
    assert house.sightings.all()[0].sighting.name == name


@pytest.mark.parametrize(
    ("label", "reason", "status"), [("maybe", "x", 400), ("true", " ", 400), ("", "", 400)]
)
def test_a_label_that_is_none_is_refused(
    client: TestClient, house: House, label: str, reason: str, status: int
) -> None:
    name = house.sightings.all()[0].sighting.name
    before = len(house.sightings.show(name).labels)

    assert post(client, f"/sightings/{name}/label", label=label, reason=reason).startswith(f"{status}")
    assert len(house.sightings.show(name).labels) == before


def test_a_sighting_that_is_not_there_is_said_to_be_none(client: TestClient) -> None:
    assert client.get("/sightings/sgt-000000000000").status_code == 404
    assert post(client, "/sightings/sgt-000000000000/label", label="true", reason="x").startswith("404")


def test_a_source_is_looked_at_from_the_page(client: TestClient, house: House) -> None:
    source, _ = house.watchlist.all()[0]

    text = post(client, f"/sources/{source.name}/look")

    assert text.startswith("200")
    for _ in range(100):
        again, _ = house.watchlist.all()[0]
        if not again.holder:
            break
        time.sleep(0.1)
    assert again.looked_at is not None
    assert source.looked_at is not None
    assert again.looked_at > source.looked_at


def test_a_source_that_cannot_be_looked_at_says_why(client: TestClient, house: House) -> None:
    text = post(client, "/sources/src-000000000000/look")
    assert text.startswith("200")
    source = house.watchlist.add(
        WatchPlace(kind="mail", address="/nowhere/at/all"), every=SIX_HOURS, actor="test"
    )
    post(client, f"/sources/{source.name}/look")

    assert "the folder is not there" in client.get("/sightings").text
    house.watchlist.remove(source.name, actor="test")


def test_the_pages_are_behind_the_sign_in_wall(settings: Settings, house: House) -> None:
    desk = Desk(settings, house)
    with TestClient(build_app(desk, ["testserver.local"])) as stranger:
        for path in ("/sightings", "/sightings/sgt-000000000000"):
            assert stranger.get(path, follow_redirects=False).headers["location"] == "/sign-in"
    desk.close()


def test_in_chinese_the_page_is_chinese(client: TestClient) -> None:
    text = client.get("/sightings", headers={"accept-language": "zh-CN"}).text

    assert "监测清单" in text
    assert "紧急程度" in text
