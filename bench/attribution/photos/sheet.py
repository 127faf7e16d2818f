"""The sheet of shots and the pages to print, as PDF, in English and Chinese."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import segno
import typst
from bench.attribution.photos.shots import CONDITION, Medium, PhotoSet, Shot

from pleura.adapters.fonts import find_font

_SHEET = """
#let facts = json(bytes(sys.inputs.facts))
#set page(paper: "a4", margin: (x: 14mm, y: 13mm),
  footer: context align(right, text(size: 8pt, fill: gray)[#facts.title · #counter(page).display()]))
#set text(font: ("Noto Sans CJK SC", "Libertinus Serif"), size: 9.5pt)
#text(size: 17pt, weight: "bold")[#facts.title]
#v(1mm)
#grid(columns: (auto, 1fr), column-gutter: 2mm, row-gutter: 1.6mm,
  ..facts.rules.enumerate().map(((n, rule)) => ([#(n + 1).], rule.join(linebreak()))).flatten())
#v(2mm)
#grid(columns: (1fr, 1fr), row-gutter: 4mm, column-gutter: 8mm,
  ..facts.fields.map(field => [#field #box(width: 1fr, line(length: 100%, stroke: 0.5pt + gray))]))
#v(3mm)
#for condition in facts.conditions {
  block(breakable: false, width: 100%, inset: (y: 2mm), stroke: (top: 0.5pt + gray),
    grid(columns: (1fr, ..condition.shots.map(_ => 36mm)), column-gutter: 3mm,
      [
        #text(weight: "bold")[#condition.english] \\
        #condition.chinese \\
        #text(size: 8pt, fill: gray)[#condition.code]
      ],
      ..condition.shots.map(shot => align(center)[
        #image(bytes(shot.qr), width: 22mm)
        #v(-2.5mm)
        #box(width: 3mm, height: 3mm, stroke: 0.5pt) *#shot.name* · #shot.picture
      ])))
}
"""

_PRINTS = """
#set page(paper: "a4", margin: 12mm)
#set text(font: "DejaVu Sans Mono", size: 9pt, fill: gray)
#let facts = json(bytes(sys.inputs.facts))
#for (n, name) in facts.pictures.enumerate() {
  if n > 0 { pagebreak() }
  align(center + horizon, image(name + ".png", width: 100%, height: 250mm, fit: "contain"))
  align(center)[#facts.set #name]
}
"""

_RULES = (
    (
        "For every shot: photograph its code on this sheet so that only this code is in the middle, then the "
        "picture as the line says. One shot after the other, in any order; nothing else in between.",
        "每一次拍摄：先拍本页上它的二维码（让它在画面正中），再按说明拍那张图。一次一次地拍，顺序不限，中间不要拍别的。",
    ),
    (
        "Unless the line says otherwise: office monitor at usual brightness, the picture alone on a black "
        "full screen; phone straight in front, the film fills the photo; room light, no reflection; the "
        "phone's own camera, no filter, saved as JPEG.",
        "除非另有说明：普通亮度的办公显示器，全屏黑底只显示这张图；手机正对屏幕，片子占满照片；室内光，无反光；"
        "用手机自带相机，不加滤镜，存为JPEG。",
    ),
    (
        "Keep every photo, also the bad ones, and do not edit them. Send them as files; name a photo by its "
        "shot (S017.jpg) where its code was not photographed.",
        "拍坏的也要保留，不要编辑。用文件方式发回；没有拍二维码的照片，请用编号命名（如 S017.jpg）。",
    ),
    (
        "No person, name or other patient's picture may be seen in a photo.",
        "照片里不要出现人、姓名或其他患者的图像。",
    ),
)
_FIELDS = ("Phone 手机", "Screens 显示器", "Printer, film 打印机、胶片", "Day, place 日期、地点")


def sheet_pdf(photo_set: PhotoSet) -> bytes:
    """The sheet: rules, fields to fill in, and for every condition its shots with their codes."""
    facts = {
        "title": f"pleura · photo set 照片集 {photo_set.name}",
        "rules": _RULES,
        "fields": _FIELDS,
        "conditions": [
            {
                "code": code,
                "english": CONDITION[code].english,
                "chinese": CONDITION[code].chinese,
                "shots": [_facts(photo_set, shot) for shot in photo_set.shots if shot.condition == code],
            }
            for code in dict.fromkeys(shot.condition for shot in photo_set.shots)
        ],
    }
    return _compiled(_SHEET, facts)


def prints_pdf(photo_set: PhotoSet, show: Path) -> bytes:
    """A page for each picture of *show* that is to be printed, its name below it."""
    return _compiled(_PRINTS, {"set": photo_set.name, "pictures": printed(photo_set)}, show)


def printed(photo_set: PhotoSet) -> Sequence[str]:
    """The pictures that are to be printed, by name."""
    return sorted(
        {shot.picture for shot in photo_set.shots if CONDITION[shot.condition].medium is Medium.PRINT}
    )


def code_png(photo_set: PhotoSet, shot: Shot, scale: int) -> bytes:
    """The code of a shot as PNG, *scale* pixels to a module."""
    drawn = io.BytesIO()
    _code(photo_set, shot).save(drawn, kind="png", border=4, scale=scale)
    return drawn.getvalue()


def _facts(photo_set: PhotoSet, shot: Shot) -> dict[str, str]:
    drawn = io.BytesIO()
    _code(photo_set, shot).save(drawn, kind="svg", border=4, scale=4)
    return {"name": shot.name, "picture": shot.picture, "qr": drawn.getvalue().decode()}


def _code(photo_set: PhotoSet, shot: Shot) -> segno.QRCode:
    return segno.make(photo_set.code(shot), error="q", micro=False)


def _compiled(template: str, facts: Mapping[str, object], root: Path | None = None) -> bytes:
    font = find_font()
    found: bytes = typst.compile(  # type: ignore[call-overload]  # its stubs want root to be bytes as well
        template.encode(),
        format="pdf",
        font_paths=typst.Fonts(font_paths=[font.parent] if font else []),
        sys_inputs={"facts": json.dumps(facts)},
        root=str(root) if root else None,
    )
    return found
