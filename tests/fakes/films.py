"""Synthetic film-like pictures for the tests of mark and match: quick, and different for every seed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pleura.imaging.mark.layout import PLAN_BYTES, STREAM_BYTES, Mark
from pleura.imaging.mark.polar import PAYLOAD_BYTES


def film(seed: int, rows: int = 640, columns: int = 520) -> NDArray[np.uint8]:
    """Smooth shadows, branching detail and fine noise, 8 bits."""
    dice = np.random.default_rng(seed)
    total = np.zeros((rows, columns), dtype=np.float32)
    for width, weight in ((60, 40.0), (20, 18.0), (7, 9.0), (2.5, 5.0)):
        layer = dice.standard_normal((rows, columns)).astype(np.float32)
        smooth = cv2.GaussianBlur(layer, (0, 0), width)
        total += smooth * np.float32(weight / smooth.std())
    return np.clip(total + 120 + dice.standard_normal((rows, columns)) * 1.5, 0, 255).astype(np.uint8)


def written(folder: Path, seed: int) -> Path:
    """A PNG file of one such picture in *folder*."""
    path = folder / f"film-{seed}.png"
    Image.fromarray(film(seed, 520, 430)).save(path)
    return path


def marks_of_one_image(seed: int, count: int) -> list[Mark]:
    """Marks of *count* copies of one image."""
    dice = np.random.default_rng(seed)
    plan = dice.bytes(PLAN_BYTES)
    return [
        Mark(own=dice.bytes(STREAM_BYTES), plan=plan, payload=dice.bytes(PAYLOAD_BYTES)) for _ in range(count)
    ]
