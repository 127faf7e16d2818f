"""Packs are a cache: whatever happens to them, the next search is right."""

from __future__ import annotations

import pytest
from tests.fakes.objects import FakeObjects

from pleura.domain.errors import NotFound
from pleura.prevent.finding.packs import Packs

PARTS = {"img-1": b"one", "img-2": b"two", "img-3": b"three"}
KEYS = {image: bytes([number]) * 32 for number, image in enumerate(PARTS)}


def key_of(image: str) -> bytes:
    if image not in KEYS:
        raise NotFound("image-unknown", "there is no image {image}", "list them", image=image)
    return KEYS[image]


@pytest.fixture
def files() -> FakeObjects:
    files = FakeObjects()
    Packs(files).write("form", PARTS.items(), key_of)
    return files


def test_what_is_written_is_read_again(files: FakeObjects) -> None:
    assert dict(Packs(files).read("form", key_of)) == PARTS


def test_nothing_of_an_image_can_be_read_in_a_pack_without_its_key(files: FakeObjects) -> None:
    (content,) = files.stored.values()

    assert not any(clear in content for clear in PARTS.values())


def test_what_is_sealed_for_one_image_does_not_open_for_another(files: FakeObjects) -> None:
    other = {"img-1": "img-2", "img-2": "img-3", "img-3": "img-1"}

    assert not dict(Packs(files).read("form", lambda image: key_of(other[image])))


def test_an_erased_image_is_not_read_even_before_it_is_forgotten(files: FakeObjects) -> None:
    def erased(image: str) -> bytes:
        return key_of("img-gone" if image == "img-2" else image)

    assert dict(Packs(files).read("form", erased)).keys() == {"img-1", "img-3"}


def test_forgetting_leaves_nothing_of_the_image_on_the_disk(files: FakeObjects) -> None:
    before = set(files.stored)

    Packs(files).forget(["img-2"])

    assert Packs(files).images() == {"img-1", "img-3"}
    assert not before & set(files.stored)
    assert not any(b"img-2" in content for content in files.stored.values())


def test_forgetting_all_of_a_pack_leaves_no_pack(files: FakeObjects) -> None:
    Packs(files).forget(PARTS)

    assert not files.stored


@pytest.mark.parametrize("cut", [0, 1, 20, -1])
def test_a_truncated_pack_is_removed_and_gives_nothing(files: FakeObjects, cut: int) -> None:
    (name,) = files.stored
    files.stored[name] = files.stored[name][:cut]

    assert not dict(Packs(files).read("form", key_of))
    assert not files.stored


def test_a_flipped_bit_loses_one_image_or_the_pack_and_never_gives_a_wrong_part(files: FakeObjects) -> None:
    (name,) = files.stored
    sound = files.stored[name]
    for place in range(len(sound)):
        files.stored = {name: sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :]}

        read = dict(Packs(files).read("form", key_of))

        assert read.items() <= PARTS.items()


def test_packs_of_another_form_are_removed(files: FakeObjects) -> None:
    assert not dict(Packs(files).read("another form", key_of))
    assert not files.stored


def test_many_small_packs_become_one(files: FakeObjects) -> None:
    packs = Packs(files)
    for _ in range(20):
        packs.write("form", [("img-1", b"one")], key_of)

    assert len(files.stored) < 8
    assert dict(packs.read("form", key_of)) == PARTS
