"""A phone photo of a monitor, from the light of the sub-pixels to the JPEG of the phone.

The chain follows the light. A viewer shows the film on a two-megapixel panel; each panel pixel is
three vertical stripes of red, green and blue; the lens spreads each stripe (point spread), bends
the plane (perspective, radial distortion) and darkens the corners (the cosine-fourth law); every
photosite of the Bayer mosaic samples ONE colour, and between stripes and photosites the moire of
real photographs arises by itself; shot and read noise, an imperfect white balance, demosaicing, the
phone's sharpening, its tone curve and its JPEG follow. Light is linear until the tone curve.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from pleura.imaging.simulate.edits import Picture, as_rgb, scaled, through_jpeg

_Light: TypeAlias = NDArray[np.float32]

_PANEL = 1200, 1600  # rows and columns of a two-megapixel radiology display, or turned by 90 degrees
_STRIPES = 3  # sub-pixels across one panel pixel; also the oversampling down the column
_BEZEL = 34  # panel pixels
_SURROUND = 420  # panel pixels of room painted around the panel
_FULL = 65535.0


@dataclass(frozen=True, kw_only=True)
class Shot:
    """How a phone is held and how well it sees."""

    long_side: int  # of the photo, pixels
    tilt: tuple[float, float]  # degrees of yaw and of pitch, least and most
    spread: float  # point spread of the lens, standard deviation in photo pixels
    electrons: float  # full well that the exposure fills; fewer means more shot noise
    glare: float  # share of full scale that a lamp adds where it is reflected
    quality: int  # of the phone's JPEG


EASY = Shot(long_side=2560, tilt=(5, 10), spread=0.52, electrons=5000, glare=0.07, quality=85)
HARD = Shot(long_side=2016, tilt=(9, 15), spread=1.0, electrons=1200, glare=0.16, quality=70)


def photographed(film: Picture, rng: np.random.Generator, shot: Shot = EASY) -> Picture:
    """Give back the RGB photo of a monitor that shows the film, frame and some of the room included."""
    panel = _panel_showing(film)
    rows, columns = panel.shape[:2]
    height, width = _photo_size(rows, columns, shot)
    view = _View.held(rng, shot, (rows, columns), (height, width))
    stripes = _stripes(panel, shot.spread / view.magnification)
    room = _room(rows, columns, rng)
    white = np.array([rng.uniform(0.86, 0.97), 1.0, rng.uniform(0.94, 1.06)], dtype=np.float32)
    raw = np.empty((height, width), dtype=np.float32)
    for row, column, colour in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        across, down, falloff = view.seen_by(row, column)
        light = _sample(stripes[colour], across, down, _STRIPES, 1)
        light += _sample(room[colour], across, down, 1 / 4, _SURROUND / 4)
        light += _glare(across / columns, down / rows, shot, view.lamp)
        raw[row::2, column::2] = light * falloff * white[colour]
    return _developed(_exposed(raw, rng, shot), shot)


def _panel_showing(film: Picture) -> Picture:
    """Give back the panel's picture: the film fitted into a dark viewer with a thin tool bar."""
    short, long = _PANEL
    rows, columns = (long, short) if film.shape[0] > film.shape[1] else (short, long)
    panel = np.full((rows, columns, 3), 12, dtype=np.uint8)
    panel[:36] = (44, 46, 50)
    for place in range(16, columns - 200, 44):
        cv2.rectangle(panel, (place, 10), (place + 16, 26), (150, 154, 160), 1, cv2.LINE_AA)
    room = (rows - 36) * 0.98, columns * 0.98
    shown = as_rgb(scaled(film, min(room[0] / film.shape[0], room[1] / film.shape[1])))
    top, left = 36 + (rows - 36 - shown.shape[0]) // 2, (columns - shown.shape[1]) // 2
    panel[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    return panel


def _photo_size(rows: int, columns: int, shot: Shot) -> tuple[int, int]:
    """Give back rows and columns of the photo: 4 to 3, held like the panel."""
    short = shot.long_side * 3 // 8 * 2
    return (shot.long_side, short) if rows > columns else (short, shot.long_side)


@dataclass(frozen=True)
class _View:
    """Where each photosite looks: the geometry of one shot."""

    to_panel: NDArray[np.float64]  # homography from undistorted photo pixels to panel pixels
    photo: tuple[int, int]  # rows, columns
    bend: float  # first radial coefficient of the lens
    magnification: float  # photo pixels per panel sub-pixel
    lamp: tuple[float, float, float]  # place (panel shares) and width of the reflected lamp

    @classmethod
    def held(
        cls, rng: np.random.Generator, shot: Shot, panel: tuple[int, int], photo: tuple[int, int]
    ) -> _View:
        """Give back the view of a hand that frames the panel, slightly off in every way."""
        yaw, pitch = (math.radians(rng.uniform(*shot.tilt) * rng.choice((-1, 1))) for _ in range(2))
        roll = math.radians(rng.uniform(-2.5, 2.5))
        turn = _rotation(yaw, pitch, roll)
        focal = 0.78 * max(photo)  # a main camera of 26 mm, full-frame equivalent
        fill = rng.uniform(0.86, 0.93) * min(photo[0] / panel[0], photo[1] / panel[1])
        distance = focal / fill
        middle = np.array([[1, 0, -panel[1] / 2], [0, 1, -panel[0] / 2], [0, 0, 1.0]])
        plane = np.column_stack([turn[:, 0], turn[:, 1], [0, 0, distance]]) @ middle
        shift = rng.uniform(-0.015, 0.015, 2) * max(photo)
        lens = np.array([[focal, 0, photo[1] / 2 + shift[0]], [0, focal, photo[0] / 2 + shift[1]], [0, 0, 1]])
        return cls(
            np.linalg.inv(lens @ plane),
            photo,
            rng.uniform(-0.02, 0.03),
            fill / _STRIPES,
            (rng.uniform(0.1, 0.9), rng.uniform(0.05, 0.6), rng.uniform(0.12, 0.22)),
        )

    def seen_by(self, row: int, column: int) -> tuple[_Light, _Light, _Light]:
        """Give back panel columns, panel rows and fall-off for the photosites of one mosaic phase."""
        height, width = self.photo
        half = max(height, width) / 2
        x = ((np.arange(column, width, 2, dtype=np.float32) - width / 2) / half)[None, :]
        y = ((np.arange(row, height, 2, dtype=np.float32) - height / 2) / half)[:, None]
        radius = x * x + y * y
        bend = 1 + np.float32(self.bend) * radius
        u, v = x * bend * half + width / 2, y * bend * half + height / 2
        (a, b, c), (d, e, f), (g, h, i) = self.to_panel.astype(np.float32)
        depth = g * u + h * v + i
        falloff = 1 / (1 + radius * np.float32(0.41)) ** 2  # cosine to the fourth, half angle from the focal
        return (a * u + b * v + c) / depth, (d * u + e * v + f) / depth, falloff.astype(np.float32)


def _rotation(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    about_y = cv2.Rodrigues(np.array([0.0, yaw, 0.0]))[0]
    about_x = cv2.Rodrigues(np.array([pitch, 0.0, 0.0]))[0]
    about_z = cv2.Rodrigues(np.array([0.0, 0.0, roll]))[0]
    return np.asarray(about_y @ about_x @ about_z, dtype=np.float64)


def _stripes(panel: Picture, spread: float) -> list[NDArray[np.uint16]]:
    """Give back, for each colour, the light of its stripes after the lens's point spread."""
    light = np.rint((0.0015 + (np.arange(256) / 255) ** 2.2 * 0.9) * _FULL).astype(np.uint16)
    rows, columns = panel.shape[:2]
    planes = []
    for colour in range(3):
        plane = np.zeros((rows, _STRIPES, columns, _STRIPES), dtype=np.uint16)
        # The stripe is a third of the pixel wide; a black matrix keeps the last sub-row dark.
        plane[:, :2, :, colour] = light[panel[..., colour]][:, None, :]
        spreadable = plane.reshape(rows * _STRIPES, columns * _STRIPES)
        planes.append(np.asarray(cv2.GaussianBlur(spreadable, (7, 7), spread), dtype=np.uint16))
    return planes


def _room(rows: int, columns: int, rng: np.random.Generator) -> list[NDArray[np.uint16]]:
    """Give back the room around the panel (bezel, wall, desk), at a quarter of the panel's scale."""
    height, width = (rows + 2 * _SURROUND) // 4, (columns + 2 * _SURROUND) // 4
    wall = rng.uniform(0.03, 0.12) * np.array([1.0, 0.93, 0.82])
    ramp = np.linspace(1.15, 0.7, width)[None, :, None] * np.linspace(1.1, 0.8, height)[:, None, None]
    scene = (ramp * wall).astype(np.float32)
    desk = int(height - _SURROUND / 4 * rng.uniform(0.35, 0.7))
    scene[desk:] *= np.array([0.75, 0.55, 0.4], dtype=np.float32)
    for _ in range(6):
        place = int(rng.integers(0, width)), int(rng.integers(0, height))
        size = int(rng.integers(10, 60)), int(rng.integers(20, 90))
        colour = (rng.uniform(0.01, 0.15) * rng.uniform(0.7, 1.1, 3)).tolist()
        cv2.rectangle(scene, place, (place[0] + size[0], place[1] + size[1]), colour, -1)
    scene = np.asarray(cv2.GaussianBlur(scene, (0, 0), 5), dtype=np.float32)
    edge = (_SURROUND - _BEZEL) // 4
    cv2.rectangle(scene, (edge, edge), (width - edge - 1, height - edge - 1), (0.012, 0.012, 0.013), -1)
    cv2.rectangle(scene, (edge, edge), (width - edge - 1, height - edge - 1), (0.05, 0.05, 0.05), 1)
    inside = _SURROUND // 4
    scene[inside : height - inside, inside : width - inside] = 0.003  # glass: black, with a little veil
    lit = np.clip(scene, 0, 1) * _FULL
    return [np.ascontiguousarray(lit[..., colour], dtype=np.uint16) for colour in range(3)]


def _sample(plane: NDArray[np.uint16], across: _Light, down: _Light, scale: float, origin: float) -> _Light:
    """Give back the light (0..1) at panel coordinates, of a plane with its own scale and origin."""
    x, y = (np.asarray(axis * scale + origin, dtype=np.float32) for axis in (across, down))
    seen = cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(seen, dtype=np.float32) / np.float32(_FULL)


def _glare(across: _Light, down: _Light, shot: Shot, lamp: tuple[float, float, float]) -> _Light:
    """Give back the light of one soft lamp mirrored in the glass, zero outside the panel."""
    distance = ((across - lamp[0]) ** 2 + (down - lamp[1]) ** 2) / lamp[2] ** 2
    inside = (across > 0) & (across < 1) & (down > 0) & (down < 1)
    return np.asarray(shot.glare * np.exp(-2 * distance) * inside, dtype=np.float32)


def _exposed(raw: _Light, rng: np.random.Generator, shot: Shot) -> NDArray[np.uint16]:
    """Give back the sensor's numbers: exposure, shot noise, read noise, clipping."""
    exposed = raw * np.float32(0.9 / np.percentile(raw[::8, ::8], 99.5))
    noise = rng.standard_normal(raw.shape, dtype=np.float32)
    exposed += noise * np.sqrt(np.maximum(exposed, 0) / shot.electrons + (6 / shot.electrons) ** 2)
    return np.asarray(np.clip(exposed, 0, 1) * _FULL, dtype=np.uint16)


def _developed(raw: NDArray[np.uint16], shot: Shot) -> Picture:
    """Give back the phone's RGB picture: demosaicing, tone curve, mild sharpening, JPEG."""
    linear = cv2.cvtColor(raw, cv2.COLOR_BayerRGGB2RGB)
    grey = np.linspace(0, 1, 65536)
    curve = np.where(grey <= 0.0031308, 12.92 * grey, 1.055 * grey ** (1 / 2.4) - 0.055)
    display = np.rint(curve * 255).astype(np.uint8)[linear]
    soft = cv2.GaussianBlur(display, (0, 0), 1.2)
    crisp = cv2.addWeighted(display, 1.35, soft, -0.35, 0)
    return through_jpeg(np.asarray(crisp, dtype=np.uint8), shot.quality)
