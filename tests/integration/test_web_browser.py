"""A person with a browser: first run, sign-in, import, copy, leak, trace; both languages; a phone.

With PLEURA_SCREENSHOTS=FOLDER the pictures of the documentation are taken on the way.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from pleura.bootstrap import Founding, found_house, open_house
from pleura.crypto.roots.recovery import spelled
from pleura.domain.custody.places import FolderPlace
from pleura.imaging.simulate.phantom import PATIENTS, make_film
from pleura.imaging.simulate.stage import leak
from pleura.settings import Settings

CHROMIUM = Path("/usr/bin/chromium")
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSPHRASE = "a long walk by the river"
PASSWORD = "twelve quiet herons wade"

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is missing: apt-get install chromium")


@dataclass(frozen=True)
class Site:
    address: str
    setup_code: str
    home: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A real ``pleura serve`` over a home that is not there yet."""
    with served(tmp_path_factory.mktemp("web") / "home", tmp_path_factory.mktemp("person")) as site:
        yield site


@contextlib.contextmanager
def served(home: Path, person: Path) -> Iterator[Site]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(person),
        "PLEURA_HOME": str(home),
        "PLEURA_LANGUAGE": "en",
    }
    command = [sys.executable, "-m", "pleura", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            said = server.stdout.readline() + server.stdout.readline()
            code = re.search(r"set-up code: (\w+)", said)
            assert code, said
            wait_until_it_listens(port)
            yield Site(f"http://127.0.0.1:{port}", code[1], home)
        finally:
            server.terminate()
            assert server.wait(10) == 0


def wait_until_it_listens(port: int) -> None:
    """The address is printed before the server listens: a person is slower than that, a test is not."""
    for _ in range(300):
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.1)
    pytest.fail("the server did not listen within 30 s")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """One person's browser, Chinese, whose every console error fails the test."""
    context = browser.new_context(
        viewport={"width": 1100, "height": 760}, locale="zh-CN", base_url=site.address
    )
    page = context.new_page()
    page.set_default_timeout(30_000)
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    yield page
    assert broken == []
    context.close()


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("PLEURA_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def overflowing(page: Page) -> list[str]:
    """Every element that runs over the right edge, or hides a part of its content to the right."""
    found: list[str] = page.evaluate(
        "() => [...document.querySelectorAll('body *')].filter((e) => {"
        " const box = e.getBoundingClientRect();"
        " const hides = e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display != 'inline';"
        " return box.width && e.tagName != 'INPUT' && (box.right > innerWidth + 0.5 || hides);"
        "}).map((e) => `${e.tagName} ${e.className} ${e.textContent.slice(0, 30)}`)"
    )
    return found


def lines_of(page: Page, selector: str) -> list[int]:
    """How many lines the text of each element takes, by its height."""
    found: list[int] = page.evaluate(
        "(selector) => [...document.querySelectorAll(selector)].map((e) =>"
        " Math.round((e.clientHeight - 8) / parseFloat(getComputedStyle(e).lineHeight)))",
        selector,
    )
    return found


def switch_language(page: Page) -> None:
    page.locator("header .aside form").first.locator("button").click()


def test_a_home_is_made_in_the_browser(page: Page, site: Site) -> None:
    page.goto("/")
    page.goto("/first-run")
    picture(page, "web-first-run-zh")
    page.fill("#setup_code", site.setup_code)
    page.fill("#administrator", "admin")
    for field in ("#passphrase", "#passphrase_again"):
        page.fill(field, PASSPHRASE)
    for field in ("#password", "#password_again"):
        page.fill(field, PASSWORD)

    page.click("main button")

    assert re.fullmatch(r"([0-9A-Z]{7}-){7}[0-9A-Z]{7}", page.inner_text(".recovery"))


def test_the_administrator_signs_in_and_a_wrong_password_does_not(page: Page) -> None:
    page.goto("/sign-in")
    page.fill("#name", "admin")
    page.fill("#password", "not the right one")
    page.click("main button")
    assert "名称或密码有误" in page.inner_text("[role=alert]")

    page.fill("#name", "admin")
    page.fill("#password", PASSWORD)
    page.click("main button")

    assert page.url.endswith("/studies")


def test_films_are_imported_and_a_letter_is_refused(page: Page, tmp_path: Path) -> None:
    films = []
    for number in range(3):
        films.append(tmp_path / f"film-{number}.dcm")
        films[-1].write_bytes(make_film(number, PATIENTS[number]))
    (tmp_path / "letter.dcm").write_text("Dear colleague,")

    page.goto("/import")
    page.set_input_files("#files", [*films, tmp_path / "letter.dcm"])
    page.click("main button")
    page.wait_for_selector("table")

    assert page.locator("td.stored").count() == 3
    assert page.locator("td.refused").count() == 1


def test_a_leaked_copy_is_traced_to_its_recipient(page: Page, tmp_path: Path) -> None:
    page.goto("/studies")
    page.locator(".images a").first.click()
    page.wait_for_function("document.querySelector('.film img').naturalWidth > 0")
    page.fill("#recipient", "王医生")
    page.fill("#purpose", "会诊")
    with page.expect_download() as download:
        page.click("section.card form button")
    copy = tmp_path / "copy.jpg"
    download.value.save_as(copy)
    found = tmp_path / "found.png"
    found.write_bytes(leak("phone-photo", copy.read_bytes(), 3))
    page.reload()
    picture(page, "web-image-zh")

    page.goto("/trace")
    page.set_input_files("#picture", found)
    page.click("main button")
    page.wait_for_selector(".verdict.traced")
    page.wait_for_function("document.querySelector('.sheet img').naturalWidth > 0")
    picture(page, "web-trace-zh")

    assert page.inner_text(".verdict h2") == "已溯源：王医生"
    assert re.fullmatch(r"cpy-\w{12}\.jpg", download.value.suggested_filename)


def test_the_same_is_there_in_english(page: Page, tmp_path: Path) -> None:
    page.goto("/studies")
    switch_language(page)
    page.locator(".images a").first.click()
    page.wait_for_function("document.querySelector('.film img').naturalWidth > 0")
    picture(page, "web-image-en")
    stranger = tmp_path / "stranger.dcm"
    stranger.write_bytes(make_film(77, PATIENTS[1]))

    page.goto("/trace")
    page.set_input_files("#picture", stranger)
    page.click("main button")
    page.wait_for_selector(".verdict.unknown")
    picture(page, "web-trace-en")

    assert page.inner_text(".verdict h2") == "UNKNOWN: no original in this vault matches"
    assert page.get_attribute("html", "lang") == "en"


@pytest.mark.parametrize("path", ["/studies", "/import", "/trace", "/sightings", "/vault"])
def test_nothing_runs_over_the_edge_of_a_phone(page: Page, path: str) -> None:
    page.set_viewport_size({"width": 360, "height": 720})
    page.goto(path)

    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
    assert overflowing(page) == []


def test_a_patient_is_found_by_id(page: Page) -> None:
    page.set_viewport_size({"width": 1100, "height": 760})
    page.goto("/studies")
    page.fill("#patient_id", PATIENTS[0].patient_id)
    page.get_by_role("button", name="find").click()
    page.wait_for_url("**/studies?patient=pat-*")

    assert page.locator(".images a").count() >= 1
    assert PATIENTS[0].patient_id not in page.url


def test_the_vault_page_shows_a_backup_and_its_restore_test(page: Page, site: Site, tmp_path: Path) -> None:
    """The backup is made at a terminal while the server runs."""
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    (tmp_path / "nas").mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "PLEURA_HOME": str(site.home),
        "PLEURA_PASSPHRASE_FILE": str(tmp_path / "passphrase"),
    }
    command = [sys.executable, "-m", "pleura", "backup", "create", str(tmp_path / "nas")]
    subprocess.run(command, env=environment, check=True, capture_output=True)

    page.goto("/vault")
    page.get_by_role("button", name="test a restore").click()
    page.wait_for_function("document.body.textContent.includes('the snapshot restores')")
    switch_language(page)
    page.goto("/vault")
    page.locator("form[action='/vault/check'] button").click()
    page.wait_for_selector(".checks")
    picture(page, "web-vault-zh")

    assert "通过" in page.inner_text(".depots")
    page.set_viewport_size({"width": 360, "height": 720})
    assert overflowing(page) == []
    assert set(lines_of(page, ".acts button")) == {1}
    picture(page, "web-vault-phone-zh")
    switch_language(page)


def test_the_image_page_fits_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 720})
    page.goto("/studies")
    page.locator(".images a").first.click()
    page.wait_for_load_state("networkidle")
    picture(page, "web-phone-en")

    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360


def test_the_keyboard_reaches_the_trace_form(page: Page) -> None:
    page.set_viewport_size({"width": 1100, "height": 760})
    page.goto("/trace")
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()")
        )

    assert reached[0] == "skip to the content"
    assert "picture" in reached
    assert reached.index("picture") < reached.index("trace")


def test_a_file_can_be_dropped(page: Page) -> None:
    page.goto("/trace")
    data = page.evaluate_handle(
        "() => { const data = new DataTransfer();"
        " data.items.add(new File(['no picture'], 'x.txt')); return data; }"
    )

    page.dispatch_event("form[data-drop]", "drop", {"dataTransfer": data})
    page.wait_for_selector("[role=alert]")

    assert "not-an-image" in page.inner_text(".code")


@dataclass(frozen=True)
class Backup:
    folder: Path
    code: str


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Backup:
    folder = tmp_path_factory.mktemp("backup")
    settings = Settings(home=folder / "home")
    facts = Founding(passphrase=PASSPHRASE, administrator="admin", password=PASSWORD)
    code = spelled(found_house(settings, facts))
    (folder / "nas").mkdir()
    (folder / "film.dcm").write_bytes(make_film(5, PATIENTS[0]))
    with open_house(settings, lambda: PASSPHRASE) as house:
        name = "usb-disk-of-the-radiology-ward"
        house.depots.add(name, "backup", FolderPlace(folder=str(folder / "nas")), None, actor="test")
        assert house.arrivals.receive(folder / "film.dcm", actor="test").status == "stored"
        house.depots.sync(name, actor="test")
    return Backup(folder / "nas", code)


@pytest.mark.parametrize(("locale", "back"), [("zh-CN", "已恢复 1 张图像"), ("en-GB", "1 images are back")])
def test_a_home_comes_back_on_a_phone(
    browser: Browser, backup: Backup, tmp_path: Path, locale: str, back: str
) -> None:
    with served(tmp_path / "again", tmp_path) as site:
        context = browser.new_context(
            viewport={"width": 360, "height": 720}, locale=locale, base_url=site.address
        )
        page = context.new_page()
        page.goto("/restore")
        page.click("summary")
        page.fill("#setup_code", site.setup_code)
        page.fill("#folder", str(backup.folder))
        page.fill("#recovery_code", backup.code)
        picture(page, f"web-restore-phone-{locale[:2]}")
        assert overflowing(page) == []
        assert page.evaluate("recovery_code.scrollHeight <= recovery_code.clientHeight")
        assert page.evaluate("recovery_code.offsetWidth == folder.offsetWidth")

        page.click("form[action='/restore'] button")
        page.wait_for_selector("[name=snapshot]")
        assert overflowing(page) == []
        page.fill("#passphrase", PASSPHRASE)
        page.fill("#passphrase_again", PASSPHRASE)
        page.click("form[action='/restore/begin'] button")
        page.wait_for_selector(".steps")
        picture(page, f"web-restored-phone-{locale[:2]}")

        assert back in page.inner_text("[role=status]")
        assert overflowing(page) == []
        context.close()
