"""The demo's report: one HTML page with every picture beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, select_autoescape

from pleura.entrypoints.demo.story import Act
from pleura.entrypoints.language import Texts

ATTACK_NAMES: Final = {
    "messenger": "messenger",
    "screenshot-crop": "screenshot, cropped",
    "rotated-crop": "rotated and cropped",
    "phone-photo": "phone photo of a screen (simulated)",
    "print-scan": "print and scan (simulated)",
    "original": "control: unmarked original",
    "stranger": "control: not one of ours",
}


def write_report(folder: Path, acts: Sequence[Act], pictures: dict[str, str], say: Texts) -> Path:
    """The page ``index.html`` in *folder*; *pictures* maps an attack to the file name of its picture."""
    environment = Environment(
        loader=PackageLoader("pleura.entrypoints.demo"),
        autoescape=select_autoescape(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = folder / "index.html"
    template = environment.get_template("report.html")
    page.write_text(
        template.render(acts=acts, pictures=pictures, say=say, names=ATTACK_NAMES), encoding="utf-8"
    )
    return page
