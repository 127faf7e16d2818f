"""What happens to a picture at a desk: a screenshot cut by hand, a print that is scanned again."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pleura.imaging.simulate.edits import Picture, as_rgb, scaled, through_jpeg

_DESKTOP = 1080, 1920  # rows and columns of an ordinary office screen
_BAR, _SIDE = 64, 180  # pixels of the tool bar and of the series list

_REPORT = 1754, 1240  # rows and columns of an A4 page at 150 dots an inch

_PRINTER_DPI = 600
_PAGE = 7.6, 10.2  # inches that the film may fill on an A4 page
_MARGIN = 0.35  # inches of white paper left around the film after the scan


def screenshot(picture: Picture, rng: np.random.Generator) -> Picture:
    """Give back the RGB screen of a viewer that shows the picture, tool bar and series list included."""
    rows, columns = _DESKTOP
    screen = np.full((rows, columns, 3), (17, 19, 23), dtype=np.uint8)
    room = rows - _BAR - 8, columns - _SIDE - 8
    factor = min(room[0] / picture.shape[0], room[1] / picture.shape[1]) * float(rng.uniform(0.93, 1.0))
    shown = as_rgb(scaled(picture, factor))
    top = _BAR + (rows - _BAR - shown.shape[0]) // 2
    left = _SIDE + (columns - _SIDE - shown.shape[1]) // 2
    screen[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    _draw_chrome(screen, shown, factor)
    return screen


def screenshot_cut(picture: Picture, rng: np.random.Generator) -> Picture:
    """Give back a hand-cut part of the screenshot as JPEG 85: some chrome stays, some of the film is lost.

    Two opposite sides of the cut go through the film (8 to 20 % of it each), the others lie outside.
    """
    screen = screenshot(picture, rng)
    rows, columns = _DESKTOP
    height = rows - _BAR
    width = min(columns - _SIDE, height * picture.shape[1] / picture.shape[0])
    left = _SIDE + (columns - _SIDE - width) / 2
    cut = rng.uniform(0.08, 0.2, 2)
    if rng.random() < 0.5:
        x0, x1 = left + cut[0] * width, left + width + rng.uniform(20, 120)
    else:
        x0, x1 = left - rng.uniform(20, 120), left + width * (1 - cut[0])
    y0, y1 = rng.uniform(0, _BAR), rows - cut[1] * height
    part = screen[int(y0) : int(y1), max(0, int(x0)) : min(columns, int(x1))]
    return through_jpeg(np.ascontiguousarray(part), 85)


def _draw_chrome(screen: Picture, shown: Picture, factor: float) -> None:
    """Paint tool bar, buttons, series list and corner texts over the screen."""
    rows, columns = screen.shape[:2]
    screen[:_BAR] = (38, 42, 49)
    screen[_BAR:, :_SIDE] = (27, 30, 36)
    for place in range(_SIDE, columns - 300, 52):
        cv2.rectangle(screen, (place, 16), (place + 32, 48), (58, 64, 74), -1)
        cv2.circle(screen, (place + 16, 32), 8, (168, 176, 188), 1, cv2.LINE_AA)
    thumb = cv2.resize(shown, (140, 140), interpolation=cv2.INTER_AREA)
    for place in range(_BAR + 20, rows - 160, 170):
        screen[place : place + 140, 20:160] = thumb // 2
    cv2.rectangle(screen, (19, _BAR + 19), (160, _BAR + 160), (70, 140, 220), 2)
    for line, text in enumerate((f"Zoom {factor * 100:.0f} %", "W 4096  L 2048", "Im 1/1  Se 1")):
        corner = _SIDE + 12, rows - 64 + 22 * line
        cv2.putText(screen, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (190, 196, 204), 1, cv2.LINE_AA)
    cv2.putText(screen, "Viewer", (20, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (200, 206, 214), 1, cv2.LINE_AA)


def report_page(picture: Picture, rng: np.random.Generator) -> Picture:
    """Give back an A4 report (150 dots an inch, JPEG 80) with the picture small among its lines of text."""
    page = np.full((*_REPORT, 3), 255, dtype=np.uint8)
    rows, columns = _REPORT
    for row in range(110, rows - 80, 29):
        letters = rng.integers(97, 123, 68)
        letters[rng.random(68) < 0.17] = 32
        words = "".join(map(chr, letters[: int(rng.integers(20, 68))]))
        cv2.putText(page, words, (90, row), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (25, 25, 25), 1, cv2.LINE_AA)
    side = int(rng.integers(380, 520))
    shown = as_rgb(scaled(picture, side / max(picture.shape[:2])))
    top = int(rng.integers(100, rows - side - 100))
    left = int(rng.integers(60, columns - side - 60))
    page[top - 10 : top + shown.shape[0] + 10, left - 10 : left + shown.shape[1] + 10] = 255
    page[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    return through_jpeg(page, 80)


def printed_and_scanned(picture: Picture, rng: np.random.Generator) -> Picture:
    """Give back the RGB scan: a 106-line halftone at 600 dpi, dot gain, paper, 150 to 200 dpi, JPEG 80."""
    dots = _halftone(_on_page(picture), rng)
    scan_dpi = float(rng.uniform(150, 200))
    reflected = _scan(dots, scan_dpi / _PRINTER_DPI, float(rng.uniform(-1.5, 1.5)))
    return through_jpeg(_as_scanned(reflected, rng), 80)


def _on_page(picture: Picture) -> Picture:
    """Give back the grey picture at printer resolution, portrait or landscape as it is."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture
    height, width = grey.shape
    page = _PAGE if width <= height else _PAGE[::-1]
    inches = min(page[0] / width, page[1] / height)
    size = max(1, round(width * inches * _PRINTER_DPI)), max(1, round(height * inches * _PRINTER_DPI))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _halftone(page: Picture, rng: np.random.Generator) -> Picture:
    """Give back black toner (0) or bare paper (255) for each printer dot.

    The clustered-dot screen stands at 45 degrees: 8 printer dots per diagonal period, which is
    600 / 5.66 = 106 lines an inch. Scattered toner is a little noise on the threshold.
    """
    y, x = np.mgrid[0:512, 0:512]
    wave = np.cos(np.pi * (x + y) / 4) + np.cos(np.pi * (x - y) / 4)
    rough = wave + rng.normal(0, 0.25, wave.shape)
    threshold = np.empty(wave.size)
    threshold[np.argsort(rough, axis=None)] = np.linspace(4, 251, wave.size)
    rows, columns = page.shape
    tile = threshold.reshape(wave.shape).astype(np.uint8)
    screen = np.tile(tile, (rows // 512 + 1, columns // 512 + 1))[:rows, :columns]
    dots = np.asarray(cv2.compare(page, screen, cv2.CMP_GT), dtype=np.uint8)
    edge = int(_MARGIN * _PRINTER_DPI)
    return np.asarray(
        cv2.copyMakeBorder(dots, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=255), np.uint8
    )


def _scan(dots: Picture, factor: float, degrees: float) -> NDArray[np.float32]:
    """Give back the light (0..1) a scanner reads: dot gain, a crooked sheet, the scanner's own pixels."""
    gained = cv2.GaussianBlur(dots, (5, 5), 1.1)
    half = cv2.resize(gained, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    factor *= 2
    soft = cv2.GaussianBlur(half, (0, 0), 0.5 / factor)
    size = round(half.shape[1] * factor), round(half.shape[0] * factor)
    turn = cv2.getRotationMatrix2D((half.shape[1] / 2, half.shape[0] / 2), degrees, factor)
    turn[:, 2] += (size[0] - half.shape[1]) / 2, (size[1] - half.shape[0]) / 2
    read = cv2.warpAffine(soft, turn, size, flags=cv2.INTER_LINEAR, borderValue=255)
    return np.asarray(read, dtype=np.float32) / np.float32(255)


def _as_scanned(paper: NDArray[np.float32], rng: np.random.Generator) -> Picture:
    """Give back the scanner's RGB picture: toner density, paper grain and tint, sensor noise, tone curve."""
    rows, columns = paper.shape
    fine = rng.standard_normal((rows, columns), dtype=np.float32) * np.float32(0.008)
    coarse = rng.standard_normal((rows // 6 + 1, columns // 6 + 1), dtype=np.float32) * np.float32(0.012)
    grain = fine + cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
    light = 0.045 + paper * np.float32(0.87) + grain
    banding = rng.normal(0, 0.003, (1, columns)).astype(np.float32)
    grey = np.clip(light + banding, 0, 1) ** np.float32(1 / rng.uniform(1.25, 1.5))
    tint = np.array([1.0, 0.99, 0.955], dtype=np.float32)
    return np.asarray(np.clip(np.rint(grey[..., None] * tint * 255), 0, 255), dtype=np.uint8)
