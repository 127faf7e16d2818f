"""A set of photos is made, taken (here: simulated) and scored, and every photo goes to its own shot."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from bench.attribution.photos import __main__ as door
from bench.attribution.photos.prepare import prepare
from bench.attribution.photos.score import score
from bench.attribution.photos.sheet import code_png, printed
from bench.attribution.photos.shots import CONDITIONS, KEY, PRINTS, SHEET, SHOW, Answers, PhotoSet, Shot
from bench.attribution.photos.slates import returned
from bench.attribution.stage import Picture
from tests.fakes.films import film

from pleura.imaging.mark.layout import MARK_VERSION
from pleura.imaging.simulate import camera
from pleura.imaging.simulate.leaks import phone_photo

FILMS = [film(seed, 900, 760) for seed in (1, 2, 3)]
SOME = ("screen-office", "glare", "print-paper", "control-unmarked", "control-stranger")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answers]:
    folder = tmp_path_factory.mktemp("photos") / "set"
    return folder, prepare(folder, FILMS, SOME, 2, seed=0xABC123)


def slate(photo_set: PhotoSet, shot: Shot) -> Picture:
    """The code of a shot on white paper."""
    code = cv2.imdecode(np.frombuffer(code_png(photo_set, shot, 6), np.uint8), cv2.IMREAD_GRAYSCALE)
    return np.asarray(
        cv2.copyMakeBorder(np.asarray(code), 200, 200, 150, 150, cv2.BORDER_CONSTANT, value=235)
    )


def photographed(picture: Picture, seed: int) -> Picture:
    photo = camera.photographed(picture, np.random.default_rng(seed), camera.HARD)
    return np.ascontiguousarray(photo[..., ::-1])


def shown(folder: Path, shot: Shot) -> Picture:
    return np.asarray(cv2.imread(str(folder / SHOW / f"{shot.picture}.png"), cv2.IMREAD_GRAYSCALE), np.uint8)


def by_condition(photo_set: PhotoSet, code: str) -> list[Shot]:
    return [shot for shot in photo_set.shots if shot.condition == code]


def test_a_set_holds_what_is_shown_and_printed_and_keeps_the_answers_apart(
    made: tuple[Path, Answers],
) -> None:
    folder, answers = made

    assert sorted(path.name for path in folder.iterdir()) == [KEY, PRINTS, SHEET, SHOW]
    assert sorted(path.stem for path in (folder / SHOW).iterdir()) == ["p01", "p02", "p03", "p04"]
    assert (folder / SHEET).read_bytes().startswith(b"%PDF")
    assert (folder / PRINTS).read_bytes().startswith(b"%PDF")
    assert [shot.name for shot in answers.photo_set.shots] == [f"S{number:03d}" for number in range(1, 11)]


def test_the_controls_show_an_unmarked_film_and_one_of_no_archive(made: tuple[Path, Answers]) -> None:
    folder, answers = made
    photo_set = answers.photo_set
    (unmarked, *_), (stranger, *_) = (
        by_condition(photo_set, code) for code in ("control-unmarked", "control-stranger")
    )

    assert photo_set.shown(unmarked).expected == "matched"
    assert (shown(folder, unmarked) == FILMS[0]).all()
    assert photo_set.shown(stranger).expected == "unknown"
    assert (shown(folder, stranger) == FILMS[-1]).all()


def test_only_pictures_of_print_shots_are_printed(made: tuple[Path, Answers]) -> None:
    photo_set = made[1].photo_set

    assert set(printed(photo_set)) == {shot.picture for shot in by_condition(photo_set, "print-paper")}


def test_the_answers_are_read_as_they_were_written(made: tuple[Path, Answers]) -> None:
    folder, answers = made

    again = Answers.read(folder / KEY)

    assert again.photo_set == answers.photo_set
    assert again.marks == answers.marks
    assert all((a == b).all() for a, b in zip(again.originals, answers.originals, strict=True))


def test_a_set_of_another_version_of_the_mark_is_refused(made: tuple[Path, Answers], tmp_path: Path) -> None:
    page = (made[0] / KEY / "set.json").read_text()
    (tmp_path / "set.json").write_text(page.replace(f'"mark_version": {MARK_VERSION}', '"mark_version": 99'))

    with pytest.raises(SystemExit, match="version 99"):
        Answers.read(tmp_path)


def test_a_folder_that_holds_something_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(SystemExit, match="not empty"):
        prepare(tmp_path, FILMS, SOME, 1, seed=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_condition_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="moonlight"):
        prepare(tmp_path / "set", FILMS, ["moonlight"], 1, seed=1)


def test_a_set_taken_with_its_codes_is_scored_by_condition(
    made: tuple[Path, Answers], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """IMG_9 comes before IMG_10: every photo follows the code of its own shot."""
    folder, answers = made
    photo_set = answers.photo_set
    one, two = by_condition(photo_set, "screen-office")
    assert photo_set.shown(one) != photo_set.shown(two)
    pictures = [slate(photo_set, one), shown(folder, one), slate(photo_set, two), shown(folder, two)]
    for number, picture in enumerate(pictures, start=8):
        cv2.imwrite(str(tmp_path / f"IMG_{number}.jpg"), photographed(picture, number))
    for code in ("control-unmarked", "control-stranger"):
        shot, _ = by_condition(photo_set, code)
        photo = phone_photo(shown(folder, shot), np.random.default_rng(1))
        cv2.imwrite(str(tmp_path / f"{shot.name}.jpg"), photo[..., ::-1])
    (tmp_path / "about.txt").write_text("phone: simulated")

    scored = score(Answers.read(folder / KEY), [tmp_path], [])

    told = capsys.readouterr().out
    assert [each.photo.shot for each in scored[:2]] == [one, two]
    assert [each.is_as_it_should_be for each in scored] == [True] * 4
    assert "Set ABC123: 4 photos of 4 of 10 shots" in told
    assert "2 photos of codes" in told
    assert "phone: simulated" in told
    assert re.search(r"\| Office monitor \| 2 \| 2/2 \| 34\.2 to 100\.0 % \| 0 \| 0 \| 0 \|", told)
    assert "| **all: control** | 2 | 2/2 |" in told


def test_a_photo_under_the_wrong_name_is_wrong_and_is_told_by_its_name(
    made: tuple[Path, Answers], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, answers = made
    one, two = by_condition(answers.photo_set, "screen-office")
    cv2.imwrite(str(tmp_path / f"{one.name}.png"), shown(folder, two))

    (only,) = score(answers, [tmp_path], [])

    assert only.case.verdict() == "wrong"
    assert f"- {one.name}.png ({one.name}, {one.picture}, screen-office): wrong" in capsys.readouterr().out


def blank(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((60, 80), 128, np.uint8))


def test_a_name_or_a_folder_may_say_the_shot(made: tuple[Path, Answers], tmp_path: Path) -> None:
    for name in ("s003 again.png", "S004/any.png", "S999.png", "S0031.png"):
        blank(tmp_path / name)

    back = returned([tmp_path], made[1].photo_set)

    assert {photo.path.name: photo.shot.name for photo in back.photos} == {
        "s003 again.png": "S003",
        "any.png": "S004",
    }
    assert [line.split(":")[0] for line in back.lost] == ["S0031.png", "S999.png"]


def test_the_code_of_another_set_ends_the_shot_before_it(made: tuple[Path, Answers], tmp_path: Path) -> None:
    photo_set = made[1].photo_set
    other = PhotoSet(name="0000FF", shots=photo_set.shots, pictures=photo_set.pictures)
    cv2.imwrite(str(tmp_path / "1.png"), slate(photo_set, photo_set.shots[0]))
    blank(tmp_path / "2.png")
    cv2.imwrite(str(tmp_path / "3.png"), slate(other, photo_set.shots[1]))
    blank(tmp_path / "4.png")

    back = returned([tmp_path], photo_set)

    assert [(photo.path.name, photo.shot.name) for photo in back.photos] == [("2.png", "S001")]
    assert [line.split(":")[0] for line in back.lost] == ["4.png"]


def test_of_two_codes_in_one_photo_the_one_in_the_middle_counts(
    made: tuple[Path, Answers], tmp_path: Path
) -> None:
    photo_set = made[1].photo_set
    first, second = (slate(photo_set, photo_set.shots[number]) for number in (0, 1))
    edge = np.full((first.shape[0], 300), 235, np.uint8)
    cv2.imwrite(str(tmp_path / "1.png"), np.hstack([edge, first, second]))
    blank(tmp_path / "2.png")

    back = returned([tmp_path], photo_set)

    assert [photo.shot.name for photo in back.photos] == ["S001"]


def test_a_format_that_cannot_be_read_is_named(made: tuple[Path, Answers], tmp_path: Path) -> None:
    (tmp_path / "S001.heic").write_bytes(b"from a phone")

    assert returned([tmp_path], made[1].photo_set).lost == ["S001.heic: cannot be read; save it as JPEG"]


def test_the_door_makes_a_set_and_says_what_stays_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    films = tmp_path / "films"
    films.mkdir()
    for number, picture in enumerate(FILMS):
        cv2.imwrite(str(films / f"{number}.png"), picture)

    door.main(
        [
            "prepare",
            str(tmp_path / "set"),
            "--images",
            str(films),
            "--films",
            "2",
            "--only",
            "glare",
            "--each",
            "1",
        ]
    )

    assert "1 shots" in capsys.readouterr().out
    assert (tmp_path / "set" / KEY / "set.json").is_file()


def test_the_protocol_tells_every_condition_in_both_languages() -> None:
    docs = Path(__file__).parents[3] / "docs"
    pages = [(docs / name).read_text() for name in ("photo-protocol.md", "photo-protocol.zh-CN.md")]

    assert [(code, page[:20]) for page in pages for code in codes() if f"`{code}`" not in page] == []


def codes() -> list[str]:
    return [condition.code for condition in CONDITIONS]
