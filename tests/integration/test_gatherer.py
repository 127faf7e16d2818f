"""Gathering over real sockets, in real processes: polite to sites, and unharmed by hostile ones."""

from __future__ import annotations

import gzip
import io
import itertools
import os
import time
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from PIL import Image
from tests.fakes.films import film
from tests.servers.site import Site, drip, endless, page, site_server

from pleura.adapters.egress.addresses import Reach
from pleura.adapters.egress.door import clean_environment
from pleura.adapters.watching.gatherer import ProcessGatherer
from pleura.adapters.watching.protocol import Politeness
from pleura.domain.errors import EnvironmentFault
from pleura.domain.watching.gathering import Claim, Found, FoundPage, FoundPicture, Known, Trouble
from pleura.domain.watching.sources import SourceKind, WatchPlace

QUICK = Politeness(delay_seconds=0.01, answer_seconds=5, look_seconds=60)


def png(seed: int, side: int = 128) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(film(seed, side, side)).save(stream, "PNG")
    return stream.getvalue()


FILM, OTHER = png(1), png(2)


@pytest.fixture
def site() -> Iterator[Site]:
    with site_server() as site:
        yield site


class House:
    """Whoever asks for a look: it remembers what it was told, and answers as the watch list does."""

    def __init__(self, site: Site, folder: Path, politeness: Politeness = QUICK) -> None:
        self.site = site
        self.folder = folder
        self.politeness = politeness
        self.known: dict[str, Known] = {}
        self.asked: Counter[str] = Counter()
        self.closed: set[str] = set()
        self.bodies: dict[str, bytes] = {}
        self.hosts = ("forum.example.org",)

    def claim(self, url: str) -> Claim:
        self.asked[url] += 1
        return Claim(may_fetch=url not in self.closed, known=self.known.get(url))

    def look(self, kind: SourceKind = "page", path: str = "/", *, query: str = "") -> list[Found]:
        place = WatchPlace(kind=kind, address=self.site.address(path=path), query=query)
        return self.gather(place)

    def gather(self, place: WatchPlace, *, browser: str | None = None) -> list[Found]:
        self.asked.clear()
        reach = Reach(endpoints=self.site.endpoints(*self.hosts))
        gatherer = ProcessGatherer(browser, reach=reach, politeness=self.politeness)
        folder = self.folder / f"{time.monotonic_ns()}"
        folder.mkdir()
        found = []
        for each in gatherer.gather(
            place, folder, self.claim, browser=browser is not None, is_stopped=lambda: False
        ):
            found.append(each)
            self.remember(each)
        return found

    def remember(self, found: Found) -> None:
        if isinstance(found, FoundPage):
            self.known[found.url] = found.known
        elif isinstance(found, FoundPicture):
            if found.file is not None:
                self.bodies[found.url] = found.file.read_bytes()
            if not found.is_same:
                self.known[found.url] = Known(etag=found.etag, last_modified=found.last_modified)


@pytest.fixture
def house(site: Site, tmp_path: Path) -> House:
    return House(site, tmp_path)


def pages(found: list[Found]) -> list[FoundPage]:
    return [each for each in found if isinstance(each, FoundPage)]


def troubles(found: list[Found]) -> dict[str, str]:
    return {each.url: each.code for each in found if isinstance(each, Trouble)}


def test_a_page_is_read_with_its_words_and_its_pictures_fetched(site: Site, house: House) -> None:
    site.pages = {"/": page("/a.png", title="病人 的 胸片"), "/a.png": FILM}

    found = house.look()

    (seen,) = pages(found)
    url = site.address(path="/a.png")
    assert (seen.url, seen.known.title) == (site.address(), "病人 的 胸片")
    assert [(each.url, each.text) for each in seen.known.pictures] == [(url, "胸片")]
    assert house.bodies == {url: FILM}
    assert troubles(found) == {}


def test_pictures_are_found_wherever_a_page_puts_them(site: Site, house: House) -> None:
    inline = "data:image/png;base64," + __import__("base64").b64encode(OTHER).decode()
    site.pages["/"] = (
        "<html><head><base href='/b/'><meta property='og:image' content='og.png'></head><body>"
        "<img data-src='lazy.jpg'><img srcset='small.png 1x, large.png 2x'>"
        "<picture><source srcset='wide.webp 1200w, narrow.webp 300w'></picture>"
        "<a href='full.png'>full size</a><a href='study.dcm'>DICOM</a><video poster='still.png'></video>"
        f"<div style=\"background: url('behind.png')\"></div><img src='{inline}'>"
        "<img src='javascript:alert(1)'><img src='file:///etc/passwd'><img src='http://u:p@x.org/y.png'></body>"
    )

    found = house.look()

    shown = {each.url.removeprefix(site.address(path="/b/")) for each in pages(found)[0].known.pictures}
    named = {each for each in shown if not each.startswith("data:")}
    assert named == {
        "og.png", "lazy.jpg", "large.png", "wide.webp", "full.png", "study.dcm", "still.png", "behind.png"
    }  # fmt: skip
    assert list(house.bodies.values()) == [OTHER]


def test_what_the_robots_file_closes_is_not_asked_for(site: Site, house: House) -> None:
    site.pages = {
        "/robots.txt": "User-agent: *\nDisallow: /private\n\nUser-agent: pleura-watch\nDisallow: /closed",
        "/": page("/closed/a.png", "/b.png", links=("/closed/page",)),
        "/b.png": FILM,
        "/closed/a.png": FILM,
    }

    found = house.look("site")

    assert not any("/closed" in each.path for each in site.asked)
    assert troubles(found)[site.address(path="/closed/a.png")] == "robots"
    assert site.address(path="/closed/a.png") not in house.asked
    assert list(house.bodies.values()) == [FILM]


def test_a_second_look_asks_for_changes_only_and_goes_on_from_what_it_knows(site: Site, house: House) -> None:
    site.pages = {
        "/": page("/a.png", links=("/2",)), "/2": page("/b.png"), "/a.png": FILM, "/b.png": OTHER
    }  # fmt: skip
    house.look("site")
    site.asked.clear()
    site.pages["/b.png"] = png(3)

    found = house.look("site")

    again = {each.path: each.status for each in site.asked}
    assert again == {
        "/robots.txt": 200 if "/robots.txt" in site.pages else 404,
        "/": 304, "/sitemap.xml": 404, "/2": 304, "/a.png": 304, "/b.png": 200,
    }  # fmt: skip
    same = {each.url: each.is_same for each in found if isinstance(each, FoundPicture)}
    assert same == {site.address(path="/a.png"): True, site.address(path="/b.png"): False}
    assert len(pages(found)) == 2
    assert pages(found)[0].known.title == "a thread"


def test_an_address_with_letters_of_any_script_is_known_again(site: Site, house: House) -> None:
    site.pages = {"/": page("/胸片 1.png", links=("/第二页",)), "/%E8%83%B8%E7%89%87%201.png": FILM}
    site.pages["/%E7%AC%AC%E4%BA%8C%E9%A1%B5"] = page()
    house.look("site")
    site.asked.clear()

    house.look("site")

    statuses = {each.path: each.status for each in site.asked}
    assert {statuses[path] for path in site.pages} == {304}


def test_what_a_page_says_cannot_steer_a_terminal_or_break_the_look(site: Site, house: House) -> None:
    odd = "\x1b]0;owned\x07 \u202e \x00 \ud800".encode("utf-8", "surrogatepass")
    site.pages = {
        "/": b"<title>"
        + odd
        + b"</title><img src='/a\x1b.png' alt='"
        + odd
        + b"'><a href='/\xe2\x80\xae'>x</a>",
        "/a%1B.png": FILM,
    }
    site.headers["/"] = {"ETag": '"\x80\x9f"', "Content-Type": "text/html"}

    found = house.look("site")

    assert all(each.known.title.isprintable() for each in pages(found))
    assert all(shown.text.isprintable() for each in pages(found) for shown in each.known.pictures)
    assert "gathering-garbled" not in troubles(found).values()
    assert len(pages(found)) >= 1


def test_a_sitemap_that_multiplies_is_no_work(site: Site, house: House) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE u [<!ENTITY l0 "x">{laughs}]><urlset><loc>&l11;</loc></urlset>'
    site.pages = {"/": page("/a.png"), "/a.png": FILM, "/sitemap.xml": bomb}
    site.headers["/sitemap.xml"] = {"Content-Type": "application/xml"}
    started = time.monotonic()

    house.look("site")

    assert list(house.bodies.values()) == [FILM]
    assert time.monotonic() - started < 15


def test_last_modified_is_used_where_there_is_no_etag(site: Site, house: House) -> None:
    site.validators = False
    site.pages = {"/": page("/a.png"), "/a.png": FILM}
    site.headers["/a.png"] = {"Last-Modified": "Tue, 24 Nov 2026 09:30:00 GMT", "Content-Type": "image/png"}
    house.look()
    site.asked.clear()

    house.look()

    asked = {each.path: each.headers for each in site.asked}
    assert asked["/a.png"]["If-Modified-Since"] == "Tue, 24 Nov 2026 09:30:00 GMT"


def test_no_address_is_fetched_that_the_house_does_not_give_free(site: Site, house: House) -> None:
    site.pages = {"/": page("/a.png", "/b.png"), "/a.png": FILM, "/b.png": OTHER}
    house.closed = {site.address(path="/a.png")}

    found = house.look()

    assert "/a.png" not in {each.path for each in site.asked}
    assert troubles(found) == {site.address(path="/a.png"): "elsewhere"}


def test_the_crawler_says_who_it_is_and_brings_no_cookie_and_no_referrer(site: Site, house: House) -> None:
    site.pages = {"/": page("/a.png"), "/a.png": FILM}
    site.headers["/"] = {"Set-Cookie": "session=1", "Content-Type": "text/html"}

    house.look()

    for each in site.asked:
        assert each.headers["User-Agent"].startswith("pleura-watch/")
        assert {"Cookie", "Referer", "Proxy-Authorization", "Authorization"}.isdisjoint(each.headers)


def test_one_host_is_asked_one_after_the_other_with_a_pause(site: Site, house: House) -> None:
    site.pages = {"/": page(*(f"/{n}.png" for n in range(4)))} | {f"/{n}.png": png(n) for n in range(4)}
    house.politeness = Politeness(delay_seconds=0.6, answer_seconds=5, look_seconds=60)

    house.look()

    times = [each.at for each in site.asked]
    assert min(b - a for a, b in itertools.pairwise(times)) > 0.25  # Scrapy varies a pause by half


def test_a_site_is_followed_inside_its_host_by_links_sitemap_and_feed(site: Site, house: House) -> None:
    house.hosts = ("forum.example.org", "img.example.net", "other.example.org")
    image = site.address("img.example.net", "/x.png")
    site.pages = {
        "/": page(image, links=("/2", site.address("other.example.org", "/far")))
        .replace("<body>", '<link rel="alternate" type="application/rss+xml" href="/feed"><body>'),
        "/2": page(links=("/3",)),
        "/3": page(links=("/4",)),
        "/4": page(links=("/5",)),
        "/x.png": FILM,
        "/sitemap.xml": f"<urlset><url><loc>{site.address(path='/mapped')}</loc></url></urlset>",
        "/feed": f"<rss><channel><item><link>{site.address(path='/fed')}</link></item></channel></rss>",
        "/mapped": page(), "/fed": page(),
    }  # fmt: skip
    site.headers = {
        name: {"Content-Type": "application/xml"} for name in ("/sitemap.xml", "/feed")
    }  # fmt: skip

    house.look("site")

    fetched = {f"{each.host}{each.path}" for each in site.asked if each.path != "/robots.txt"}
    forum = {"/", "/2", "/3", "/4", "/sitemap.xml", "/feed", "/mapped", "/fed"}
    assert fetched == {f"forum.example.org{path}" for path in forum} | {"img.example.net/x.png"}


def test_a_saved_search_looks_at_its_results_and_no_further(site: Site, house: House) -> None:
    house.hosts = ("forum.example.org", "other.example.org")
    site.pages = {
        "/find?q=%E8%83%B8%E7%89%87": page(links=(site.address("other.example.org", "/result"),)),
        "/result": page("/a.png", links=("/further",)),
        "/a.png": FILM,
    }

    house.look("search", "/find?q={query}", query="胸片")

    assert {each.path for each in site.asked} - {"/robots.txt"} == {*site.pages}


def test_a_redirect_inside_is_refused_and_named(site: Site, house: House) -> None:
    for path, target in (("/a.png", "http://169.254.169.254/latest/"), ("/b.png", "http://127.0.0.1:22/")):
        site.pages[path] = "moved"
        site.headers[path] = {"status": "302", "Location": target}
    site.pages["/"] = page("/a.png", "/b.png", "http://10.0.0.1/c.png", "http://[::1]/d.png")

    found = house.look()

    assert sorted(troubles(found).values()) == ["address-not-public"] * 3 + ["port-closed"]
    assert house.bodies == {}


def test_a_tls_address_inside_is_refused_and_named_too(site: Site, house: House) -> None:
    site.pages["/"] = page(
        "https://10.0.0.1/a.png", "https://metadata.google.internal/b.png", "https://[::1]/"
    )

    found = house.look()

    assert troubles(found) == {
        "https://10.0.0.1/a.png": "address-not-public",
        "https://metadata.google.internal/b.png": "name-not-public",
        "https://[::1]/": "host-malformed",  # Scrapy leaves the brackets out
    }


def test_the_server_of_this_machine_is_not_reached_by_its_address(site: Site, house: House) -> None:
    """The name is allowed in this test; the address that it stands for is not."""
    site.pages["/"] = page(f"http://127.0.0.1:{site.port}/a.png", f"http://localhost:{site.port}/a.png")

    found = house.look()

    assert set(troubles(found).values()) <= {"port-closed", "name-not-public"}
    assert {each.path for each in site.asked} == {"/robots.txt", "/"}


@pytest.mark.parametrize(("body", "code"), [(endless, "too-large"), (drip(60), "too-slow")])
def test_a_page_without_an_end_is_given_up(site: Site, house: House, body: object, code: str) -> None:
    site.pages = {"/": page("/a.png", links=("/endless",)), "/endless": body, "/a.png": FILM}
    house.politeness = Politeness(
        delay_seconds=0.01, answer_seconds=3, look_seconds=60, page_bytes=1 << 20, picture_bytes=4 << 20
    )
    started = time.monotonic()

    found = house.look("site")

    assert troubles(found)[site.address(path="/endless")] == code
    assert list(house.bodies.values()) == [FILM]
    assert time.monotonic() - started < 30


def test_a_bomb_that_unpacks_to_gigabytes_is_given_up(site: Site, house: House) -> None:
    bomb = gzip.compress(gzip.compress(bytes(1 << 28)))
    site.pages = {"/": page(links=("/bomb",)), "/bomb": gzip.decompress(bomb)}
    site.headers["/bomb"] = {"Content-Encoding": "gzip", "Content-Type": "text/html"}

    found = house.look("site")

    assert troubles(found)[site.address(path="/bomb")] == "too-large"


def test_ten_thousand_links_and_pictures_are_cut(site: Site, house: House) -> None:
    many = tuple(f"/{number}" for number in range(10_000))
    site.pages = {"/": page(*(f"{each}.png" for each in many), links=many)}
    site.pages |= dict.fromkeys(many, page())
    house.politeness = Politeness(
        delay_seconds=0, answer_seconds=5, look_seconds=60, pages=10, links_of_page=50,
        pictures_of_page=8, pictures=5,
    )  # fmt: skip

    found = house.look("site")

    assert len(pages(found)[0].known.links) == 50
    assert len(pages(found)[0].known.pictures) == 8
    counts = site.counts()
    assert sum(counts.values()) == 10 + 5
    assert max(counts.values()) == 1


def test_icons_and_what_is_no_picture_are_left_and_not_fetched_again(site: Site, house: House) -> None:
    site.pages = {"/": page("/icon.png", "/page.png"), "/icon.png": png(1, 32), "/page.png": "<html></html>"}

    house.look()
    site.asked.clear()
    house.look()

    assert house.bodies == {}
    assert {each.path: each.status for each in site.asked if each.path.endswith("png")} == {
        "/icon.png": 304, "/page.png": 304
    }  # fmt: skip


def test_a_look_ends_in_time_whatever_a_site_does(site: Site, house: House) -> None:
    site.pages = {f"/{number}": drip(30) for number in range(50)}
    site.pages["/"] = page(links=tuple(f"/{number}" for number in range(50)))
    house.politeness = Politeness(delay_seconds=0.01, answer_seconds=4, look_seconds=6)
    started = time.monotonic()

    house.look("site")

    assert time.monotonic() - started < 40


def test_a_page_in_another_encoding_or_broken_markup_is_read(site: Site, house: House) -> None:
    site.pages = {
        "/": page("/a.png", title="胸片").encode("gb18030") + b"<img src=/b.png <div",
        "/a.png": FILM,
    }
    site.headers["/"] = {"Content-Type": "text/html; charset=gb18030"}

    found = house.look()

    assert pages(found)[0].known.title == "胸片"


def test_an_address_that_cannot_be_had_is_named_with_its_status(site: Site, house: House) -> None:
    found = house.look(path="/gone")

    assert troubles(found) == {site.address(path="/gone"): "status-404"}


def test_a_picture_that_is_itself_the_source_is_fetched(site: Site, house: House) -> None:
    site.pages = {"/a": FILM}
    site.headers["/a"] = {"Content-Type": "image/png"}

    found = house.look(path="/a")

    assert list(house.bodies.values()) == [FILM]
    assert [picture.url for each in pages(found) for picture in each.known.pictures] == [
        site.address(path="/a")
    ]


def test_the_process_that_crawls_inherits_no_environment(
    site: Site, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    monkeypatch.setenv("PLEURA_PASSPHRASE_FILE", "/nowhere")
    site.pages = {"/": page("/a.png"), "/a.png": FILM}

    house.look()

    assert list(house.bodies.values()) == [FILM]


def test_without_scrapy_the_extra_is_named(site: Site, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pleura.adapters.watching.gatherer.find_spec", lambda _: None)

    with pytest.raises(EnvironmentFault) as caught:
        house.look()

    assert (caught.value.code, "pleura[watch]" in caught.value.next_step) == ("watch-extra-missing", True)


def test_a_source_that_needs_a_browser_says_so_where_there_is_none(site: Site, house: House) -> None:
    gatherer = ProcessGatherer(None, politeness=QUICK)
    place = WatchPlace(kind="page", address=site.address())

    with pytest.raises(EnvironmentFault) as caught:
        list(gatherer.gather(place, house.folder, house.claim, browser=True, is_stopped=lambda: False))

    assert caught.value.code == "browser-missing"


# Folders and mail


def test_a_folder_is_looked_through_and_only_what_is_new_is_copied(site: Site, house: House) -> None:
    top = house.folder / "found"
    (top / "deep").mkdir(parents=True)
    (top / "deep" / "a.png").write_bytes(FILM)
    (top / ".hidden.png").write_bytes(FILM)
    (top / "empty.png").touch()
    (top / "link.png").symlink_to("/etc/passwd")
    os.mkfifo(top / "pipe.png")
    place = WatchPlace(kind="folder", address=str(top))
    house.gather(place)
    (top / "b.png").write_bytes(OTHER)

    found = house.gather(place)

    assert list(house.bodies.values()) == [FILM, OTHER]
    assert [each.is_same for each in found if isinstance(each, FoundPicture)] == [False, True]
    assert (top / "deep" / "a.png").exists()


def test_a_file_with_an_odd_name_is_looked_at_and_known_again(site: Site, house: House) -> None:
    top = house.folder / "found"
    top.mkdir()
    odd = os.fsencode(top) + b"/\xff\x1b]0;owned\x07"
    for name, content in ((odd + b".png", FILM), (odd + b".eml", bytes(message(OTHER)))):
        Path(os.fsdecode(name)).write_bytes(content)

    for kind in ("folder", "mail"):
        place = WatchPlace(kind=kind, address=str(top))  # type: ignore[arg-type]
        house.gather(place)
        again = house.gather(place)
        assert not troubles(again)

    assert {FILM, OTHER} <= set(house.bodies.values())
    assert all(url.isprintable() for url in house.bodies)


def test_a_folder_that_is_not_there_is_named(site: Site, house: House) -> None:
    missing = house.folder / "missing"
    for kind in ("folder", "mail"):
        found = house.gather(WatchPlace(kind=kind, address=str(missing)))  # type: ignore[arg-type]
        assert set(troubles(found).values()) == {"folder-missing"}


def message(*attached: bytes, subject: str = "举报：有人发了我的片子") -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = subject
    mail["From"] = "a person <person@example.org>"
    mail.set_content("see https://forum.example.org/1")
    for number, content in enumerate(attached):
        mail.add_attachment(content, maintype="image", subtype="png", filename=f"photo {number}.png")
    return mail


def test_a_mail_drop_gives_the_pictures_of_every_message_and_of_forwarded_ones(
    site: Site, house: House
) -> None:
    drop = house.folder / "drop"
    drop.mkdir()
    (drop / "1.eml").write_bytes(bytes(message(FILM, png(9, 16))))
    forwarded = EmailMessage()
    forwarded["Subject"] = "Fwd"
    forwarded.set_content("forwarded")
    forwarded.add_attachment(message(OTHER))
    (drop / "2.eml").write_bytes(bytes(forwarded))

    found = house.gather(WatchPlace(kind="mail", address=str(drop)))

    assert list(house.bodies.values()) == [FILM, OTHER]
    assert [each.known.title for each in pages(found)] == ["举报：有人发了我的片子", "Fwd"]
    assert [each.text for each in pages(found)[0].known.pictures] == ["photo 0.png"]
    assert house.gather(WatchPlace(kind="mail", address=str(drop))) == []


def test_a_maildir_is_read_in_both_its_folders_and_a_message_that_moves_is_the_same(
    site: Site, house: House
) -> None:
    drop = house.folder / "Maildir"
    for part in ("new", "cur", "tmp"):
        (drop / part).mkdir(parents=True)
    (drop / "new" / "17.host").write_bytes(bytes(message(FILM)))
    (drop / "tmp" / "18.host").write_bytes(bytes(message(OTHER)))
    place = WatchPlace(kind="mail", address=str(drop))
    house.gather(place)
    (drop / "new" / "17.host").rename(drop / "cur" / "17.host:2,S")

    assert house.gather(place) == []
    assert list(house.bodies.values()) == [FILM]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 5000,
        b"Subject: =?utf-8?b?////?=\r\nContent-Type: multipart/mixed; boundary=\r\n\r\n--\r\n",
        b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
        b"Content-Type: image/png; name*0*=x'y\r\nContent-Transfer-Encoding: x-unknown\r\n\r\nabc",
        b"Content-Type: message/rfc822\r\n\r\n" * 2000,
        bytes(message()) .replace(b"Subject:", b"Subject: " + b"a" * 100_000 + b"\r\nX:"),
    ],
)  # fmt: skip
def test_a_broken_message_stops_nothing(site: Site, house: House, content: bytes) -> None:
    drop = house.folder / "drop"
    drop.mkdir()
    (drop / "1.eml").write_bytes(content)
    (drop / "2.eml").write_bytes(bytes(message(FILM)))

    found = house.gather(WatchPlace(kind="mail", address=str(drop)))

    assert list(house.bodies.values()) == [FILM]
    assert not {"gathering-died", "gathering-garbled"} & set(troubles(found).values())


def test_a_process_that_dies_is_a_trouble_and_no_crash(
    site: Site, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    drop = house.folder / "drop"
    drop.mkdir()

    assert troubles(house.gather(WatchPlace(kind="mail", address=str(drop)))) == {"": "gathering-died"}


def test_a_crawler_that_cannot_begin_is_a_trouble_and_no_empty_look(
    site: Site, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scrapy keeps the cause to itself, and would end as if it had looked."""
    (house.folder / "sitecustomize.py").write_text(
        "import sys; sys.modules['scrapy.extensions.corestats'] = None"
    )
    broken = clean_environment()
    broken["PYTHONPATH"] = f"{house.folder}:{broken['PYTHONPATH']}"
    monkeypatch.setattr("pleura.adapters.watching.gatherer.clean_environment", lambda: broken)
    site.pages = {"/": page("/a.png"), "/a.png": FILM}

    assert troubles(house.look()) == {"": "gathering-died"}


def test_a_page_that_scripts_make_is_read_in_a_browser(site: Site, house: House) -> None:
    chromium = Path("/usr/bin/chromium")
    if not chromium.exists():
        pytest.skip("Chromium is missing: apt-get install chromium")
    script = "document.body.innerHTML = '<img src=/late.png>'; fetch('http://169.254.169.254/latest/')"
    site.pages = {
        "/": f"<html><title>made</title><body><script>{script}</script></body></html>", "/late.png": FILM
    }  # fmt: skip
    house.politeness = replace_politeness(answer_seconds=20)

    found = house.gather(WatchPlace(kind="page", address=site.address()), browser=str(chromium))

    assert list(house.bodies.values()) == [FILM]
    assert pages(found)[0].known.title == "made"


def replace_politeness(answer_seconds: float) -> Politeness:
    return Politeness(delay_seconds=0.01, answer_seconds=answer_seconds, look_seconds=60)
