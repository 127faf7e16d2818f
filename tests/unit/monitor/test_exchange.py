"""Hash lists: signed, strict, and about exactly the same file only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.fakes.house import FakeHouse

from pleura.crypto.signing import Signer
from pleura.domain.errors import BadInput
from pleura.domain.tracing import Verdict
from pleura.domain.watching.sightings import Context, Sighting
from pleura.domain.watching.sources import WatchPlace
from pleura.monitor.watch.exchange import read_list, write_list

SIGNER = Signer.from_bytes(bytes(range(32)))
AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
FIRST, SECOND = "0" * 63 + "1", "f" * 64
VECTORS = Path(__file__).parents[2] / "vectors" / "hash-list"
LIST = write_list("pleura.ledger/other", AT, [SECOND, FIRST], SIGNER)
ISSUER = "list:pleura.ledger/other"


@pytest.fixture
def house() -> FakeHouse:
    """Two sightings, of one file each; the first one is labelled as true."""
    house = FakeHouse()
    for name, digest in (("sgt-1", FIRST), ("sgt-2", "a" * 64)):
        with house.records.begin() as unit:
            unit.catalogue.sealed_images["img-1"] = None  # type: ignore[assignment]
            unit.watch.add_sighting(
                Sighting(
                    name=name,
                    digest=digest.encode(),
                    source="src-1",
                    verdict=Verdict.MATCHED,
                    image="img-1",
                    copy=None,
                    score=0,
                    false_match_probability=1,
                    first_seen=AT,
                    last_seen=AT,
                )
            )
            house.sightings.seen(name, "src-1", Context(page="p", picture="q", sha256=digest), unit)
    house.sightings.label("sgt-1", "true", "it is ours", actor="test")
    return house


def test_a_list_comes_back_and_its_order_says_nothing() -> None:
    found = read_list(LIST.encode(), SIGNER.public)

    assert (found.issuer, found.made_at, found.digests) == ("pleura.ledger/other", AT, {FIRST, SECOND})
    assert write_list("pleura.ledger/other", AT, [FIRST, SECOND], SIGNER) == LIST
    assert read_list(write_list("x", AT, [], SIGNER).encode(), SIGNER.public).digests == frozenset()


def test_every_changed_byte_is_noticed() -> None:
    content = LIST.encode()
    for at in range(len(content)):
        changed = bytes([*content[:at], content[at] ^ 1, *content[at + 1 :]])
        with pytest.raises(BadInput):
            read_list(changed, SIGNER.public)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        LIST.encode()[:-1],
        LIST.encode() + b"\n",
        LIST.encode() * 2,
        LIST.replace("\n\n", "\n").encode(),
        LIST.replace("\n", "\r\n").encode(),
        LIST.replace(FIRST, FIRST.upper() + "A").encode(),
        b"\xff" + LIST.encode(),
    ],
)
def test_another_form_is_refused(content: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        read_list(content, SIGNER.public)

    assert caught.value.code == "bad-hash-list"


@pytest.mark.parametrize("file", sorted(VECTORS.glob("*.txt")), ids=lambda file: file.stem)
def test_the_vectors_are_read_as_their_names_say(file: Path) -> None:
    if file.stem.startswith("fault-"):
        with pytest.raises(BadInput):
            read_list(file.read_bytes(), SIGNER.public)
    else:
        assert len(read_list(file.read_bytes(), SIGNER.public).digests) == {"right": 2, "empty": 0}[file.stem]


def test_there_are_vectors() -> None:
    assert len(list(VECTORS.glob("fault-*.txt"))) == 12


def test_the_list_of_another_key_is_refused() -> None:
    other = Signer.from_bytes(bytes(32))

    with pytest.raises(BadInput):
        read_list(LIST.encode(), other.public)
    with pytest.raises(BadInput):
        read_list(write_list("pleura.ledger/other", AT, [FIRST], other).encode(), SIGNER.public)


def test_only_what_a_person_has_called_true_is_given_away_and_the_ledger_says_so(house: FakeHouse) -> None:
    given = read_list(house.patrol.exchange.own(actor="test").encode(), house.keyring.signer.public)

    assert given.digests == {FIRST}
    assert (house.kinds()[-1], house.facts()[-1]) == ("hash-list", {"objects": 1})
    house.sightings.label("sgt-1", "false-alarm", "it is not", actor="test")
    again = read_list(house.patrol.exchange.own(actor="test").encode(), house.keyring.signer.public)
    assert again.digests == frozenset()


def test_a_file_that_others_list_is_a_place_of_our_sighting(house: FakeHouse, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text(LIST)
    place = WatchPlace(kind="list", address=str(file), query=SIGNER.public.hex())
    source = house.watchlist.add(place, every=timedelta(days=1), actor="test")

    first = house.patrol.run(source.name, actor="test")
    second = house.patrol.run(source.name, actor="test")

    assert (first.spread, first.again, first.result) == (1, 0, "")
    assert (second.spread, second.again) == (0, 1)
    places = [each.context for each in house.sightings.show("sgt-1").places]
    assert {(each.page, each.picture) for each in places} == {("p", "q"), (ISSUER, f"sha256:{FIRST}")}
    assert len(house.sightings.show("sgt-2").places) == 1


def test_a_list_that_is_missing_or_wrong_fails_the_look_and_is_said(house: FakeHouse, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    place = WatchPlace(kind="list", address=str(file), query=SIGNER.public.hex())
    source = house.watchlist.add(place, every=timedelta(days=1), actor="test")

    for content in (None, "nonsense"):
        if content:
            file.write_text(content)
        assert house.patrol.run(source.name, actor="test").result == "bad-hash-list"
    assert house.watchlist.all()[0][0].result == "bad-hash-list"


@pytest.mark.parametrize("key", ["", "00", "g" * 64, "0" * 63 + "A"])
def test_a_list_needs_a_public_key(key: str) -> None:
    with pytest.raises(BadInput) as caught:
        WatchPlace(kind="list", address="/somewhere/list.txt", query=key)

    assert caught.value.code == "bad-list-key"
