"""The chest of an invented patient as maps of X-ray attenuation.

Lengths are in units of half the picture's shorter side (about 20 cm on a 43 cm detector): x runs from
the patient's right (-1, left in the picture) to the left (+1), y downwards from the upper edge, z
from front (-) to back (+). Each map is float32 and holds optical thickness (-ln of the transmission);
what adds up along the ray adds up in the maps, so that a rib in front crosses a rib behind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pleura.imaging.simulate.drawing import Canvas, Map, Points, blurred, curve, ramp

_CAGE = (0.46, 0.65, 0.78, 0.87, 0.93, 0.975, 1.0, 1.0, 0.98, 0.93)  # half-widths of ribs 1 to 10, shares
_COLLAR = (
    (0, 0.12, 0.5, 0.85, 1),
    (0.036, 0.026, 0.021, 0.027, 0.01),
)  # clavicle: place, half-height


@dataclass(frozen=True, kw_only=True)
class Build:
    """What differs from patient to patient."""

    cage: float  # half-width of the rib cage at its widest, units
    top: float  # y of the first rib at the spine
    spacing: float  # between neighbouring ribs at the spine
    drop: float  # how far the ribs fall towards the front, units
    heart: float  # size of the heart, 1 is average
    knob: float  # size of the aortic knob, 1 is average
    breath: float  # y of the right dome of the diaphragm
    flesh: float  # optical thickness of the soft tissue in the middle
    breasts: float  # optical thickness of the breast shadows
    lucency: float  # optical thickness that the lungs lack
    turn: float  # rotation about the long axis, radians
    bend: float  # sideways curve of the spine, units
    calcium: float  # optical thickness of bone, 1 is average

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Build:
        """Give back a patient drawn by chance."""
        top, spacing = rng.uniform(0.27, 0.36), rng.uniform(0.116, 0.136)
        return cls(
            cage=rng.uniform(0.68, 0.80),
            top=top,
            spacing=spacing,
            drop=rng.uniform(0.42, 0.58),
            heart=rng.uniform(0.86, 1.22),
            knob=rng.uniform(0.8, 1.35),
            breath=top + spacing * rng.uniform(7.6, 9.2),
            flesh=rng.uniform(2.9, 3.7),
            breasts=rng.uniform(0.25, 0.55) if rng.random() < 0.5 else 0.0,
            lucency=rng.uniform(2.0, 2.5),
            turn=math.radians(rng.uniform(-5, 5)),
            bend=rng.uniform(-0.03, 0.03),
            calcium=rng.uniform(0.75, 1.2),
        )


def _mirrored(half: Points) -> Points:
    """Give back the closed outline whose right half (x > 0) goes from top to bottom."""
    return np.concatenate([half, half[::-1] * (-1, 1)])


def _rib(build: Build, index: int, theta: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Give back x, y and z of a left rib at angles from the spine (0) over the side (pi/2) to the front."""
    half = build.cage * _CAGE[index]
    drop = build.drop * (0.62 + 0.065 * index)
    x = half * np.sin(theta) ** 0.82
    y = build.top + build.spacing * index + drop * (1 - np.cos(theta)) / 2 - 0.014 * np.sin(2 * theta)
    return x, y, 0.55 * half * np.cos(theta)


def body(canvas: Canvas, build: Build) -> Map:
    """Give back the soft tissue: neck, shoulders, arms, chest wall, abdomen and breasts."""
    wall = build.cage + 0.05 + 0.04 * (build.flesh - 2.9)
    half = curve(
        [
            (0.24, -0.2),
            (0.25, build.top - 0.22),
            (0.42, build.top - 0.10),
            (0.8, build.top - 0.04),
            (1.02, build.top + 0.10),
            (1.25, build.top + 0.5),
            (1.3, build.top + 0.9),
            (wall + 0.16, build.top + 0.62),
            (wall + 0.02, build.top + 0.66),
            (wall + 0.01, build.top + 0.95),
            (wall - 0.01, build.top + 1.4),
            (wall + 0.03, build.top + 2.6),
            (0.0, 3.4),
        ]
    )
    drawing = canvas.blank()
    canvas.fill(drawing, _mirrored(half), 255)
    x, y = canvas.axes()
    belly = 1 + np.float32(0.16) * ramp(y, build.breath - 0.1, build.breath + 0.6)
    thick = canvas.depth(drawing, 0.34) * belly * (1 - np.float32(0.22) * ramp(np.abs(x), 0.45, 1.0))
    tissue = np.float32(build.flesh) * (
        np.float32(0.1) * canvas.soft(drawing, 0.002) + np.float32(0.9) * thick
    )
    return np.asarray(tissue + _breasts(canvas, build), dtype=np.float32)


def _breasts(canvas: Canvas, build: Build) -> Map:
    drawing = canvas.blank()
    for side in (-1, 1):
        middle = (side * build.cage * 0.62, build.breath - 0.07 + 0.02 * side)
        axes = canvas.place((build.cage * 0.4 - 1, 0.27)) + 8
        place = canvas.place(middle)
        cv2.ellipse(drawing, tuple(place.tolist()), tuple(axes.tolist()), side * -8, 0, 360, 255, -1, 16, 4)
    y = canvas.axes()[1]
    hanging = ramp(y, build.breath - 0.34, build.breath + 0.16)
    return np.float32(build.breasts) * canvas.soft(drawing, 0.025) * hanging * canvas.depth(drawing, 0.26)


def air(canvas: Canvas, build: Build) -> tuple[Map, Map]:
    """Give back how full of lung each ray is (0..1), and the optical thickness of heart and liver."""
    side = np.array([_rib(build, index, np.array([math.pi / 2]))[:2] for index in range(10)])[..., 0]
    apex = [(0.05, build.top), (0.14, build.top - 0.05), (0.25, build.top - 0.03)]
    half = curve(
        [*apex, *(side * (0.985, 1.0)), (side[-1, 0] * 0.9, side[-1, 1] + 0.2), (0.0, side[-1, 1] + 0.3)]
    )
    cage = canvas.blank()
    canvas.fill(cage, _mirrored(half), 255)
    full = canvas.depth(cage, 0.19) * canvas.soft(cage, 0.003)
    silhouette = canvas.blank()
    canvas.fill(silhouette, _heart(build), 255)
    edge = canvas.soft(silhouette, 0.0045)
    inner = canvas.depth(silhouette, 0.2)
    x, y = canvas.axes()
    below = y - _dome(x, build)
    liver = np.float32(0.84) * ramp(below, -0.004, 0.006) + np.float32(0.16) * ramp(below, 0, 0.22)
    lung = full * (1 - edge * (np.float32(0.5) + np.float32(0.42) * inner)) * (1 - liver)
    return lung, np.float32(0.28) * edge * inner * (1 - ramp(below, -0.02, 0.03))


def _heart(build: Build) -> Points:
    """Give back the outline of heart and great vessels; front parts move with the patient's turn."""
    size, base = build.heart, build.breath
    shift = -0.25 * math.sin(build.turn)
    top, knob = build.top, build.knob
    hilum = top + 0.36 * (base - top)
    right = [
        (-0.09, top - 0.1),
        (-0.11, hilum - 0.18),
        (-0.125, hilum - 0.05),
        (-0.15, hilum + 0.03),
        (-0.155, hilum + 0.14),
        (-0.215 * size, base - 0.24),
        (-0.205 * size, base - 0.06),
        (-0.17, base + 0.1),
        (-0.1, base + 0.4),
    ]
    left = [
        (0.3, base + 0.4),
        (0.46 * size, base + 0.14),
        (0.485 * size, base + 0.02),
        (0.43 * size, base - 0.15),
        (0.31 * size, base - 0.32),
        (0.19 * size, hilum + 0.16),
        (0.155, hilum + 0.06),
        (0.135, hilum - 0.02),
        (0.115 + 0.07 * knob, hilum - 0.08),
        (0.10 + 0.05 * knob, hilum - 0.17),
        (0.105, hilum - 0.24),
        (0.09, top - 0.1),
    ]
    return curve(np.array(right + left) + np.array([shift, 0.0]), closed=True)


def _dome(x: Map, build: Build) -> Map:
    """Give back y of the diaphragm at each x: two domes, the left one lower, steep towards the ribs."""
    right = np.float32(build.breath) + np.float32(1.1) * (x + np.float32(0.42 * build.cage)) ** 2
    left = np.float32(build.breath + 0.055) + np.float32(1.15) * (x - np.float32(0.45 * build.cage)) ** 2
    steep = np.float32(14) * np.maximum(np.abs(x) - np.float32(build.cage - 0.2), 0) ** 3
    return np.asarray(np.where(x < 0, right, left) + steep, dtype=np.float32)


def gas(canvas: Canvas, build: Build, rng: np.random.Generator) -> Map:
    """Give back what the air of trachea, main bronchi and stomach takes away, as optical thickness."""
    hilum = build.top + 0.36 * (build.breath - build.top)
    carina = hilum + 0.02
    lean = 0.3 * math.sin(build.turn)
    pipe = canvas.blank()
    canvas.stroke(pipe, curve([(lean, -0.1), (0.0, build.top), (0.012, carina)]), 255, 0.075)
    canvas.stroke(pipe, curve([(0.012, carina), (-0.09, carina + 0.10), (-0.16, carina + 0.17)]), 170, 0.05)
    canvas.stroke(pipe, curve([(0.012, carina), (0.10, carina + 0.11), (0.2, carina + 0.16)]), 150, 0.045)
    bubble = canvas.blank()
    middle = np.array([0.40 * build.cage + rng.uniform(-0.05, 0.08), build.breath + 0.14])
    angle = np.linspace(0, 2 * math.pi, 9)[:-1]
    radii = np.array([rng.uniform(0.13, 0.2), rng.uniform(0.05, 0.085)])
    wobble = rng.uniform(0.85, 1.15, (8, 1))
    canvas.fill(
        bubble,
        curve(middle + np.column_stack([np.cos(angle), np.sin(angle)]) * radii * wobble, closed=True),
        255,
    )
    stomach = canvas.soft(bubble, 0.008) * canvas.depth(bubble, 0.08)
    return np.float32(0.6) * canvas.soft(pipe, 0.009) + np.float32(rng.uniform(0.4, 0.9)) * stomach


def bones(canvas: Canvas, build: Build, rng: np.random.Generator) -> Map:
    """Give back ribs, clavicles, shoulder blades, upper arms and spine."""
    grain = blurred(rng.standard_normal((canvas.rows, canvas.columns), dtype=np.float32), 1.2)
    behind = _tubes(canvas, [_band(build, i, s, 0.03, 1.62) for i in range(10) for s in (-1, 1)])
    front = _tubes(
        canvas, [_band(build, i, s, 1.5, rng.uniform(2.35, 2.6)) for i in range(8) for s in (-1, 1)]
    )
    collar = _tubes(canvas, [_clavicle(build, side, rng) for side in (-1, 1)])
    ribs = np.float32(0.36) * behind + np.float32(0.25) * front + np.float32(0.40) * collar
    skeleton = ribs + _shoulders(canvas, build, rng) + _spine(canvas, build)
    return np.asarray(build.calcium * skeleton * (1 + np.float32(0.35) * grain), dtype=np.float32)


def _band(build: Build, index: int, side: int, start: float, end: float) -> tuple[Points, Points]:
    """Give back upper and lower edge of a stretch of rib: a ribbon as high as a rib, seen from behind."""
    theta = np.linspace(start, end, 28)
    x, y, z = _rib(build, index, theta)
    across = side * x * math.cos(build.turn) + z * math.sin(build.turn)
    height = (0.021 + 0.0012 * min(index, 5)) * (1 + 0.18 * np.maximum(0, theta - 1.8))
    height = height * np.sqrt(np.clip((end - theta) / 0.07, 0.02, 1))
    path = np.column_stack([across, y])
    slope = np.gradient(path, axis=0)
    normal = (
        np.column_stack([-slope[:, 1], slope[:, 0]])
        / np.hypot(*slope.T)[:, None]
        * np.sign(slope[:, :1] + 1e-9)
    )
    offset = np.column_stack([np.zeros_like(height), height * 0.75]) + normal * 0.008
    return path - offset, path + offset


def _clavicle(build: Build, side: int, rng: np.random.Generator) -> tuple[Points, Points]:
    lift = rng.uniform(-0.03, 0.03)
    y = build.top
    points = [
        (0.085, y + 0.13),
        (0.25, y + 0.085),
        (0.45, y + 0.02 + lift),
        (0.62, y - 0.005 + lift),
        (0.80, y + 0.0 + lift),
        (0.93, y + 0.04 + lift),
    ]
    path = curve(np.array(points) * (side, 1) + (-0.5 * math.sin(build.turn), 0))
    thick = np.interp(np.linspace(0, 1, len(path)), *_COLLAR)
    offset = np.column_stack([np.zeros_like(thick), thick])
    return path - offset, path + offset


def _tubes(canvas: Canvas, bands: list[tuple[Points, Points]]) -> Map:
    """Give back bones that are dense at their edges (cortex) and lighter inside (marrow), 0..1."""
    drawing = canvas.blank()
    for upper, lower in bands:
        canvas.fill(drawing, np.concatenate([upper, lower[::-1]]), 215)
        rim = np.clip(0.011 / np.maximum(np.hypot(*(lower - upper).T), 1e-6), 0, 0.4)[:, None]
        inner = upper + (lower - upper) * rim * 0.8, lower - (lower - upper) * rim
        canvas.fill(drawing, np.concatenate([inner[0], inner[1][::-1]]), 145)
        canvas.stroke(drawing, lower, 255, 0.004)
    return canvas.soft(drawing, 0.0035)


def _shoulders(canvas: Canvas, build: Build, rng: np.random.Generator) -> Map:
    blade, edge = canvas.blank(), canvas.blank()
    for side in (-1, 1):
        out, y = build.cage + rng.uniform(-0.03, 0.04), build.top
        outline = np.array(
            [
                (out + 0.12, y + 0.08),
                (out - 0.02, y + 0.10),
                (out - 0.11, y + 0.2),
                (out - 0.09, y + 0.5),
                (out - 0.01, y + 0.72),
                (out + 0.04, y + 0.6),
                (out + 0.1, y + 0.3),
            ]
        ) * (side, 1)
        path = curve(outline, closed=True)
        canvas.fill(blade, path, 130)
        canvas.stroke(edge, path, 255, 0.008)
        arm = np.array(
            [(out + 0.21, y + 0.15), (out + 0.26, y + 0.3), (out + 0.36, y + 0.62), (out + 0.44, y + 1.0)]
        ) * (side, 1)
        canvas.stroke(blade, curve(arm), 220, 0.09)
        canvas.fill(blade, _ring(arm[0], 0.085, 0.095), 240)
        spine = np.array([(out - 0.09, y + 0.16), (out + 0.06, y + 0.06), (out + 0.18, y + 0.01)]) * (side, 1)
        canvas.stroke(edge, curve(spine), 190, 0.022)
    return np.float32(0.34) * canvas.soft(blade, 0.005) + np.float32(0.16) * canvas.soft(edge, 0.005)


def _ring(middle: ArrayLike, across: float, down: float) -> Points:
    angle = np.linspace(0, 2 * math.pi, 40)
    return np.asarray(middle) + np.column_stack([across * np.cos(angle), down * np.sin(angle)])


def _spine(canvas: Canvas, build: Build) -> Map:
    column, detail = canvas.blank(), canvas.blank()
    shift = 0.2 * math.sin(build.turn)
    for level in range(-4, 15):
        y = build.top + build.spacing * (level + 0.15)
        x = shift + build.bend * math.sin(2.2 * (y - 0.4))
        half = np.array([0.062 + 0.0022 * level, build.spacing * 0.43])
        box = np.array([(-1, -1), (0, -0.94), (1, -1), (0.9, 0), (1, 1), (0, 0.94), (-1, 1), (-0.9, 0)])
        body_outline = curve(box * half + (x, y), closed=True)
        canvas.fill(column, body_outline, 190)
        canvas.stroke(column, body_outline[: len(body_outline) // 4], 255, 0.007)
        for side in (-1, 1):
            canvas.fill(detail, _ring((x + side * half[0] * 0.66, y - half[1] * 0.25), 0.014, 0.02), 150)
            wing = [(x + side * half[0] * 0.9, y - 0.01), (x + side * (half[0] + 0.055), y - 0.03)]
            canvas.stroke(detail, wing, 130, 0.026)
        canvas.fill(detail, _ring((x - shift * 0.3, y + half[1] * 0.7), 0.011, 0.032), 200)
    return np.float32(0.36) * canvas.soft(column, 0.005) + np.float32(0.2) * canvas.soft(detail, 0.005)


def vessels(canvas: Canvas, build: Build, rng: np.random.Generator) -> Map:
    """Give back the branching vessels of both lungs and the hila (0..1), also where no lung is."""
    hilum = build.top + 0.42 * (build.breath - build.top)
    total = np.zeros((canvas.rows, canvas.columns), dtype=np.float32)
    for _ in range(3):
        drawing = canvas.blank()
        for side in (-1, 1):
            root = np.array([side * 0.15, hilum + (0.04 if side < 0 else 0.0)])
            for heading in rng.uniform(-1.3, 1.45, 6):
                _grow(canvas, drawing, root + rng.normal(0, 0.04, 2), (side, heading), rng)
        total += canvas.soft(drawing, 0.0028)
    return total + np.float32(0.7) * _hila(canvas, hilum, rng)


def _hila(canvas: Canvas, hilum: float, rng: np.random.Generator) -> Map:
    """Give back the soft knots of vessels and bronchi beside the mediastinum, 0..1."""
    drawing = canvas.blank()
    for side in (-1, 1):
        for _ in range(5):
            middle = np.array([side * 0.165, hilum + 0.05]) + rng.normal(0, (0.02, 0.045))
            canvas.fill(drawing, _ring(middle, *rng.uniform(0.02, 0.05, 2)), int(rng.integers(120, 255)))
    return canvas.soft(drawing, 0.014)


def _grow(
    canvas: Canvas,
    drawing: NDArray[np.uint8],
    root: Points,
    way: tuple[int, float],
    rng: np.random.Generator,
) -> None:
    """Draw one tree that forks into thinner branches: three daughters' cubes make the mother's (Murray)."""
    side, heading = way
    stack = [(root, heading, rng.uniform(0.016, 0.026))]
    while stack:
        start, angle, width = stack.pop()
        length = 0.025 + 4.2 * width * rng.uniform(0.7, 1.3)
        angles = angle + np.cumsum(rng.normal(0, 0.1, 3))
        steps = np.column_stack([side * np.cos(angles), np.sin(angles)]) * length / 3
        path = np.concatenate([start[None], start + np.cumsum(steps, axis=0)])
        canvas.stroke(drawing, path, int(min(255, 20 + 8500 * width)), width)
        share = rng.uniform(0.35, 0.65)
        for part, sign in ((share, 1), (1 - share, -1)):
            thinner = width * part ** (1 / 2.7)
            if thinner > 0.0045:
                stack.append((path[-1], angles[-1] + sign * rng.uniform(0.2, 0.6) * (1.2 - part), thinner))
