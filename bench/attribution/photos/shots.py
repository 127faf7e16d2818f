"""What is photographed, how, and which copy it shows: the set that `prepare` writes and `score` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from bench.attribution.stage import Picture

from pleura.imaging.mark.layout import MARK_VERSION, Mark

COPIES = 12
"""Copy records of each film; one of them is shown."""

SHOW, KEY, SHEET, PRINTS = "show", "key", "sheet.pdf", "prints.pdf"
_SET, _MARKS = "set.json", "marks.npz"


class Medium(StrEnum):
    SCREEN = "screen"
    PRINT = "print"
    CONTROL = "control"


@dataclass(frozen=True)
class Condition:
    """How a shot is taken, in both languages of the sheet."""

    code: str
    medium: Medium
    english: str
    chinese: str


CONDITIONS: Sequence[Condition] = (
    Condition("screen-office", Medium.SCREEN, "Office monitor", "办公显示器"),
    Condition("screen-radiology", Medium.SCREEN, "Diagnostic monitor", "医用诊断显示器"),
    Condition("screen-laptop", Medium.SCREEN, "Laptop", "笔记本电脑屏幕"),
    Condition("screen-handheld", Medium.SCREEN, "Tablet or another phone", "平板或另一部手机的屏幕"),
    Condition(
        "distance-far",
        Medium.SCREEN,
        "From further away: the film is a third as wide as the photo",
        "离远拍：片子约占照片宽度的三分之一",
    ),
    Condition(
        "distance-close", Medium.SCREEN, "Close: half of the film is in the photo", "靠近拍：照片里只有半张片"
    ),
    Condition("zoom", Medium.SCREEN, "From 2 m with 2x or 3x zoom", "站在2米外，用2倍或3倍变焦拍"),
    Condition("angle-20", Medium.SCREEN, "20 degrees from the side", "从侧面约20度拍"),
    Condition("angle-40", Medium.SCREEN, "40 degrees from the side", "从侧面约40度拍"),
    Condition("angle-above", Medium.SCREEN, "30 degrees from above", "从上方约30度拍"),
    Condition("turned", Medium.SCREEN, "Phone turned by about 15 degrees", "手机倾斜约15度拍"),
    Condition("dark", Medium.SCREEN, "Lights off", "关灯拍"),
    Condition("glare", Medium.SCREEN, "A lamp or window is reflected in the film", "片子上有灯或窗户的反光"),
    Condition("dim", Medium.SCREEN, "Screen at its lowest brightness", "屏幕亮度调到最低"),
    Condition("moving", Medium.SCREEN, "A quick shot while the hand moves", "手在移动时匆忙拍一张"),
    Condition(
        "viewer",
        Medium.SCREEN,
        "In a viewer with tool bars, on half of the screen",
        "在带工具栏的看图软件里，只占半个屏幕",
    ),
    Condition(
        "messenger",
        Medium.SCREEN,
        "Sent by a messenger as a photo (not original size), saved from the chat",
        "用微信等聊天软件发送（不选原图），再从聊天里保存",
    ),
    Condition(
        "messenger-twice",
        Medium.SCREEN,
        "Sent by a messenger, forwarded once more, then saved",
        "用聊天软件发送，再转发一次，然后保存",
    ),
    Condition(
        "album-screenshot",
        Medium.SCREEN,
        "The photo opened in the phone's album, a screenshot of that",
        "在手机相册里打开照片，再截屏",
    ),
    Condition(
        "video-frame",
        Medium.SCREEN,
        "A video of 5 seconds, a screenshot of one frame",
        "拍5秒视频，截取其中一帧",
    ),
    Condition(
        "scanner-app",
        Medium.SCREEN,
        "With a document scanner app, as it comes",
        "用文档扫描应用拍，用它默认的效果",
    ),
    Condition(
        "print-paper",
        Medium.PRINT,
        "Laser print on A4 on a table, from above",
        "激光打印在A4纸上，平放，从上方拍",
    ),
    Condition(
        "print-angle", Medium.PRINT, "Laser print, 30 degrees from the side", "激光打印件，从侧面约30度拍"
    ),
    Condition(
        "print-bent", Medium.PRINT, "Laser print, folded once and opened", "激光打印件，对折一次再展开"
    ),
    Condition(
        "print-scan",
        Medium.PRINT,
        "Laser print, scanned by an office device, 150 to 300 dpi",
        "激光打印件，用办公扫描仪或复印机扫描，150至300 dpi",
    ),
    Condition("film-lightbox", Medium.PRINT, "Printed on film, on a light box", "打印成胶片，放在观片灯上拍"),
    Condition(
        "film-window", Medium.PRINT, "Printed on film, held against a window", "打印成胶片，对着窗户拍"
    ),
    Condition(
        "control-unmarked",
        Medium.CONTROL,
        "Office monitor, a control",
        "办公显示器（对照）",
    ),
    Condition(
        "control-stranger",
        Medium.CONTROL,
        "Office monitor, another control",
        "办公显示器（另一对照）",
    ),
)
"""One thing is changed at a time; what is not said is as in ``screen-office``.

The controls show an unmarked film and one that is not in the archive, which the sheet does not say.
"""

CONDITION: Mapping[str, Condition] = {condition.code: condition for condition in CONDITIONS}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a picture really is."""

    name: str
    film: int | None
    """Number of its original; None for a film that is not in the archive."""
    copy: int | None
    """Number of the copy; None for an unmarked picture."""

    @property
    def expected(self) -> str:
        """The verdict that is right."""
        if self.film is None:
            return "unknown"
        return "matched" if self.copy is None else "right"


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One line of the sheet."""

    name: str
    condition: str
    picture: str


@dataclass(frozen=True, kw_only=True)
class PhotoSet:
    """All shots of one set, and what is true of them."""

    name: str
    shots: Sequence[Shot]
    pictures: Sequence[Shown]

    def shot(self, name: str) -> Shot | None:
        """The shot of that name."""
        return next((shot for shot in self.shots if shot.name == name), None)

    def shown(self, shot: Shot) -> Shown:
        """What the shot shows."""
        return next(picture for picture in self.pictures if picture.name == shot.picture)

    def code(self, shot: Shot) -> str:
        """What the QR code of the shot says."""
        return f"PLEURA-{self.name}-{shot.name}"


@dataclass(frozen=True)
class Answers:
    """What only who made the set has: the set, the originals and the marks of all their copies."""

    photo_set: PhotoSet
    originals: Sequence[Picture]
    marks: Sequence[Sequence[Mark]]

    def write(self, folder: Path) -> None:
        """Write them into *folder*, which is made; the marks themselves, so that no later release differs."""
        folder.mkdir()
        page = {"mark_version": MARK_VERSION, **asdict(self.photo_set)}
        (folder / _SET).write_text(json.dumps(page, indent=1))
        for number, picture in enumerate(self.originals):
            cv2.imwrite(str(folder / f"{number}.png"), picture)
            kept = [mark for copies in self.marks for mark in copies]
        streams = {
            "own": [mark.own for mark in kept],
            "plan": [copies[0].plan for copies in self.marks],
            "payload": [mark.payload for mark in kept],
        }
        arrays = {
            name: np.stack([np.frombuffer(each, np.uint8) for each in rows]) for name, rows in streams.items()
        }
        np.savez(folder / _MARKS, allow_pickle=False, **arrays)

    @classmethod
    def read(cls, folder: Path) -> Answers:
        """Those of *folder*; exits with the reason where there are none of this version."""
        if not (folder / _SET).is_file():
            raise SystemExit(f"{folder} holds no set of photos; make one: photos prepare DIR")
        page = json.loads((folder / _SET).read_text())
        if page["mark_version"] != MARK_VERSION:
            raise SystemExit(
                f"this set was made with version {page['mark_version']} of the mark, and this release reads "
                f"version {MARK_VERSION}: score it with the release that made it"
            )
        photo_set = PhotoSet(
            name=page["name"],
            shots=[Shot(**row) for row in page["shots"]],
            pictures=[Shown(**row) for row in page["pictures"]],
        )
        films = sorted({shown.film for shown in photo_set.pictures if shown.film is not None})
        originals = [cv2.imread(str(folder / f"{film}.png"), cv2.IMREAD_GRAYSCALE) for film in films]
        kept = np.load(folder / _MARKS, allow_pickle=False)
        marks = [
            [
                Mark(
                    own=kept["own"][film * COPIES + copy].tobytes(),
                    plan=kept["plan"][film].tobytes(),
                    payload=kept["payload"][film * COPIES + copy].tobytes(),
                )
                for copy in range(COPIES)
            ]
            for film in films
        ]
        return cls(photo_set, [np.asarray(each, np.uint8) for each in originals], marks)
