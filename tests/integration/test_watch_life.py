"""The watch list as a person has it: a real home, real processes, a web server that plays the sites."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.films import written
from tests.servers.site import Site, page, site_server

from pleura.adapters.egress.addresses import Reach
from pleura.adapters.watching.gatherer import ProcessGatherer
from pleura.adapters.watching.protocol import Politeness
from pleura.bootstrap import Founding, House, found_house, open_house
from pleura.domain.errors import Refused
from pleura.domain.tracing import Verdict
from pleura.domain.watching.sources import WatchPlace
from pleura.imaging.simulate.stage import leak
from pleura.prevent.copies import CopyRequest
from pleura.settings import Settings

PASSPHRASE = "a long walk by the river"
SIX_HOURS = timedelta(hours=6)
QUICK = Politeness(delay_seconds=0.01, answer_seconds=10, look_seconds=120)


@dataclass
class Home:
    settings: Settings
    house: House
    copy: bytes
    copy_name: str

    def looking_at(self, *endpoints: dict[str, str]) -> House:
        """The house whose crawler may reach what a test serves."""
        allowed = {host: address for each in endpoints for host, address in each.items()}
        gatherer = ProcessGatherer(None, reach=Reach(endpoints=allowed), politeness=QUICK)
        return replace(self.house, patrol=replace(self.house.patrol, gatherer=lambda: gatherer))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with two films and a copy of the first."""
    folder = tmp_path_factory.mktemp("watch")
    passphrase_file = folder / "passphrase"
    passphrase_file.write_text(PASSPHRASE)
    settings = Settings(home=folder / "home", passphrase_file=passphrase_file, language="en")
    found_house(
        settings,
        Founding(passphrase=PASSPHRASE, administrator="chen", password="twelve quiet herons wade"),
    )
    with open_house(settings, lambda: PASSPHRASE) as house:
        images = [house.arrivals.receive(written(folder, seed), actor="test").image for seed in (1, 2)]
        assert images[0] is not None
        request = CopyRequest(image=images[0], recipient="Dr Li", purpose="treatment", form="png")
        issued = house.copies.issue(request, actor="test")
        yield Home(settings, house, issued.content, issued.record.copy)


@pytest.fixture
def site() -> Iterator[Site]:
    with site_server() as site:
        yield site


def run(home: Home, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """A command as a person gives it."""
    environment = {
        "PATH": os.environ["PATH"],
        "PLEURA_HOME": str(home.settings.home),
        "PLEURA_PASSPHRASE_FILE": str(home.settings.passphrase_file),
        "PLEURA_LANGUAGE": "en",
    }
    return subprocess.run(
        [sys.executable, "-m", "pleura", *arguments],
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_leaked_copy_on_a_page_is_traced_and_a_second_look_adds_nothing(home: Home, site: Site) -> None:
    jpeg = leak("jpeg-50", home.copy, 1)
    site.pages = {
        "/": page("/icon.png", links=("/thread",)), "/thread": page("/x.jpg", "/y.png"),
        "/x.jpg": jpeg, "/y.png": jpeg,
    }  # fmt: skip
    house = home.looking_at(site.endpoints())
    source = house.watchlist.add(
        WatchPlace(kind="site", address=site.address()), every=SIX_HOURS, actor="test"
    )

    first = house.patrol.run(source.name, actor="test")
    site.asked.clear()
    second = house.patrol.run(source.name, actor="test")

    (overview,) = [each for each in house.sightings.all() if each.sighting.source == source.name]
    assert (first.pictures, first.known, first.spread) == (1, 1, 2)
    assert (second.pictures, second.sightings, second.spread, second.again) == (0, (), 0, 2)
    assert (overview.sighting.verdict, overview.sighting.copy) == (Verdict.TRACED, home.copy_name)
    assert overview.places == 2
    statuses = {each.path: each.status for each in site.asked}
    assert {statuses[path] for path in ("/", "/thread", "/x.jpg", "/y.png")} == {304}


def test_a_mail_drop_and_a_folder_are_looked_through_from_the_terminal(home: Home, tmp_path: Path) -> None:
    drop = tmp_path / "found"
    drop.mkdir()
    (drop / "shot.png").write_bytes(leak("crop-50", home.copy, 1))

    added = json.loads(run(home, "watch", "add", str(drop), "--json").stdout)
    looked = run(home, "watch", "run", added["source"], "--json")
    listed = run(home, "sightings", "--json")

    facts = json.loads(looked.stdout)
    assert (looked.returncode, looked.stderr) == (0, "")
    assert (added["kind"], facts["pictures"], len(facts["sightings"])) == ("folder", 1, 1)
    rows = {row["sighting"]: row for row in map(json.loads, listed.stdout.splitlines())}
    row = rows[facts["sightings"][0]]
    assert {"sighting", "source", "image", "score", "case"} <= set(row)
    assert (row["case"], row["copy"], row["source"]) == (None, home.copy_name, added["source"])
    assert (row["severity"], row["places"], row["label"]) == ("high", 1, None)

    shown = run(home, "sightings", "show", row["sighting"])
    assert str(drop / "shot.png") in shown.stdout
    label = run(home, "sightings", "label", row["sighting"], "false-alarm", text="our own folder\n")
    assert (label.returncode, "labelled: false-alarm" in label.stdout) == (0, True)
    detail = json.loads(run(home, "sightings", "show", row["sighting"], "--json").stdout)
    assert (detail["severity"], detail["labels"][0]["reason"]) == ("none", "our own folder")
    assert run(home, "watch", "remove", added["source"]).returncode == 0
    assert run(home, "watch", "run", added["source"]).returncode == 1


def test_no_source_that_is_due_is_looked_at_outside(home: Home, site: Site) -> None:
    """The command itself lets nothing past the broker: a site on this machine is not reached."""
    site.pages = {"/": page("/x.png"), "/x.png": home.copy}
    added = json.loads(run(home, "watch", "add", f"http://127.0.0.1:{site.port}/", "--json").stdout)

    looked = run(home, "watch", "run", added["source"], "--json")

    assert looked.returncode == 1
    assert json.loads(looked.stdout)["result"] == "port-closed"
    assert site.asked == []
    assert run(home, "watch", "remove", added["source"]).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["watch", "add", "https://chen:secret@example.org/"], 1, "source-with-password"),
        (["watch", "add", "https://example.org/", "--every", "1s"], 1, "bad-interval"),
        (["watch", "add", "https://example.org/", "--kind", "nonsense"], 1, "bad-source-kind"),
        (["watch", "run", "src-000000000000"], 1, "source-unknown"),
        (["sightings", "show", "sgt-000000000000"], 1, "sighting-unknown"),
        (["sightings", "label", "sgt-000000000000", "maybe"], 1, "bad-label"),
    ],
)
def test_what_cannot_be_done_is_said(home: Home, arguments: list[str], code: int, said: str) -> None:
    done = run(home, *arguments)

    assert (done.returncode, f"[{said}]" in done.stderr) == (code, True), done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_the_address_may_come_from_the_standard_input(home: Home) -> None:
    """A command line is seen by everybody on the machine."""
    added = run(home, "watch", "add", "-", "--json", text="https://example.org/?name=x\n")

    source = json.loads(added.stdout)["source"]
    assert json.loads(added.stdout)["address"] == "https://example.org/?name=x"
    assert run(home, "watch", "remove", source).returncode == 0


def test_no_address_is_in_any_file_of_the_home(home: Home, site: Site) -> None:
    site.pages = {"/wang-xiaoming": page("/wang.png"), "/wang.png": leak("crop-50", home.copy, 2)}
    house = home.looking_at(site.endpoints())
    place = WatchPlace(kind="page", address=site.address(path="/wang-xiaoming"))
    source = house.watchlist.add(place, every=SIX_HOURS, actor="test")
    looked = house.patrol.run(source.name, actor="test")

    assert len(looked.sightings) == 1
    # In a process of its own: to close a file of SQLite's here would drop the locks it has (fcntl(2)).
    assert files_with("wang|forum[.]example", home) == ""
    assert "pleura.db" in files_with(source.name, home)
    assert not any((home.settings.home / "scratch").iterdir())


def files_with(pattern: str, home: Home) -> str:
    grep = ["grep", "-rlaE", pattern, str(home.settings.home)]
    return subprocess.run(grep, capture_output=True, text=True, check=False).stdout


WORKER = """
    import sys
    from dataclasses import replace
    from pathlib import Path
    from pleura.adapters.egress.addresses import Reach
    from pleura.adapters.watching.gatherer import ProcessGatherer
    from pleura.adapters.watching.protocol import Politeness
    from pleura.bootstrap import open_house
    from pleura.settings import Settings

    home, port, *hosts = sys.argv[1:]
    reach = Reach(endpoints={f"{host}:{port}": "127.0.0.1" for host in hosts})
    politeness = Politeness(delay_seconds=0.05, answer_seconds=10, look_seconds=120)
    with open_house(Settings(home=Path(home)), lambda: "a long walk by the river") as house:
        gatherer = ProcessGatherer(None, reach=reach, politeness=politeness)
        patrol = replace(house.patrol, gatherer=lambda: gatherer)
        print("ready", flush=True)
        sys.stdin.readline()
        for looked in patrol.run_due(actor="worker"):
            print(looked.source, looked.result or "done", flush=True)
"""


def test_two_workers_share_the_sources_and_fetch_no_address_twice(home: Home, site: Site) -> None:
    hosts = [f"forum{number}.example.org" for number in range(6)]
    shared = site.address("img.example.net", "/shared.png")
    shot = leak("jpeg-50", home.copy, 3)
    site.pages = {"/shared.png": shot}
    for number, host in enumerate(hosts):
        site.pages[f"{host}/"] = page(shared, links=tuple(f"/{each}" for each in range(4)))
        for each in range(4):
            site.pages[f"{host}/{each}"] = page(shared, f"/{each}.png", title=f"{number}")
            site.pages[f"{host}/{each}.png"] = shot
        home.house.watchlist.add(
            WatchPlace(kind="site", address=site.address(host)), every=SIX_HOURS, actor="test"
        )
    arguments = [str(home.settings.home), str(site.port), *hosts, "img.example.net"]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WORKER), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    told = [worker.communicate(timeout=300)[0].split("\n")[:-1] for worker in workers]

    assert [worker.returncode for worker in workers] == [0, 0]
    looked = [line.split() for lines in told for line in lines]
    assert Counter(result for _, result in looked) == {"done": 6}
    assert len({source for source, _ in looked}) == 6
    assert all(lines for lines in told)  # both worked
    counts = site.counts()
    assert {url: count for url, count in counts.items() if count > 1} == {}
    assert len(counts) == 6 * (1 + 4 + 4 + 1) + 1  # with each sitemap, and the shared picture once
    traced = [each for each in home.house.sightings.all() if each.places >= 24]
    assert len(traced) == 1


def test_a_worker_that_is_killed_is_relieved_and_what_it_has_fetched_is_not_fetched_again(
    home: Home, site: Site
) -> None:
    host = "slow.example.org"
    names = [f"/{each}" for each in range(10)]
    site.pages = {"/": page(links=tuple(names)), **{name: page(title=name) for name in names}}
    site.pages["/sitemap.xml"] = "<urlset></urlset>"
    source = home.house.watchlist.add(
        WatchPlace(kind="site", address=site.address(host)), every=SIX_HOURS, actor="test"
    )
    arguments = [str(home.settings.home), str(site.port), host]
    worker = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WORKER).replace("0.05", "0.4"), *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert worker.stdin is not None
    worker.stdin.write("go\n")
    worker.stdin.flush()
    while len(site.counts()) < 5:
        time.sleep(0.05)
    worker.kill()
    worker.communicate()
    house = home.looking_at(site.endpoints(host))
    with pytest.raises(Refused):
        house.patrol.run(source.name, actor="test")

    with house.records.begin() as unit:  # as if a quarter of an hour had gone by
        held = unit.watch.source(source.name)
        assert held.held_until is not None
        unit.watch.replace_source(replace(held, held_until=held.added_at))
    looks = [each for each in house.patrol.run_due(actor="test") if each.source == source.name]

    assert [look.result for look in looks] == [""]
    counts = site.counts()
    assert max(counts.values()) == 1
    # What it had claimed and not told of is left until its claims run out, and comes at the next look.
    assert set(looks[0].troubles) <= {"elsewhere"}
    assert len(counts) + looks[0].troubles["elsewhere"] >= len(names) + 2
    with home.house.records.read() as unit:
        home.house.ledger.verify(unit.ledger, home.house.ledger_key)
