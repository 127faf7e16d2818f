"""The ways in which a picture leaks, as tables of pure functions.

``LEAKS`` holds the five of the demo, ``ATTACKS`` everything the bench measures. Each entry takes a
grey (height x width) or RGB uint8 picture and a random generator, and gives back a uint8 picture
as somebody outside would hold it. The same generator state gives the same result. Simulated photos
and scans follow the optics and the electronics, but they are no substitute for real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import cv2
import numpy as np

from pleura.imaging.simulate import camera, desk, edits
from pleura.imaging.simulate.edits import Picture

Leak: TypeAlias = Callable[[Picture, np.random.Generator], Picture]


def jpeg(quality: int) -> Leak:
    """Give back the leak that compresses once as JPEG with the quality (1..100)."""
    return lambda picture, _rng: edits.through_jpeg(picture, quality)


def resized(long_side: int, quality: int) -> Leak:
    """Give back the leak that shrinks to the long side in pixels, then compresses as JPEG."""
    return lambda picture, _rng: edits.through_jpeg(edits.long_side_at_most(picture, long_side), quality)


def crop(area: float) -> Leak:
    """Give back the leak that keeps a window with the share (0..1) of the area, placed by chance."""
    return lambda picture, rng: edits.cropped(picture, area, rng)


def rotate(degrees: float) -> Leak:
    """Give back the leak that turns by the angle either way and cuts the empty corners off."""
    return lambda picture, rng: edits.rotated(picture, degrees * float(rng.choice((-1, 1))))


def tone(*, gain: float = 1.0, shift: float = 0.0, gamma: float = 1.0) -> Leak:
    """Give back the leak that changes brightness, contrast or gamma."""
    return lambda picture, _rng: edits.toned(picture, gain=gain, shift=shift, gamma=gamma)


def chain(*leaks: Leak) -> Leak:
    """Give back the leak that does the given ones in turn."""

    def run(picture: Picture, rng: np.random.Generator) -> Picture:
        for leak in leaks:
            picture = leak(picture, rng)
        return picture

    return run


def messenger(picture: Picture, _rng: np.random.Generator) -> Picture:
    """Give back what a messenger makes of it: RGB, long side 1280, JPEG 70 with 4:2:0 chroma."""
    return edits.through_jpeg(edits.long_side_at_most(edits.as_rgb(picture), 1280), 70)


def messenger_hard(picture: Picture, _rng: np.random.Generator) -> Picture:
    """Give back what a thriftier messenger makes of it: RGB, long side 1080, JPEG 60 with 4:2:0 chroma."""
    return edits.through_jpeg(edits.long_side_at_most(edits.as_rgb(picture), 1080), 60)


def rotated_crop(picture: Picture, rng: np.random.Generator) -> Picture:
    """Give back the picture turned by 5 degrees, cut to 70 % of its area, as JPEG 80."""
    turned = edits.rotated(picture, 5.0 * float(rng.choice((-1, 1))))
    share = (
        0.7 * picture[..., 0].size / turned[..., 0].size
        if picture.ndim == 3
        else 0.7 * picture.size / turned.size
    )
    return edits.through_jpeg(edits.cropped(turned, min(1.0, share), rng), 80)


def phone_photo(picture: Picture, rng: np.random.Generator) -> Picture:
    """Give back a phone photo (RGB, 1920 x 2560) of a monitor that shows it."""
    return camera.photographed(picture, rng, camera.EASY)


def phone_photo_hard(picture: Picture, rng: np.random.Generator) -> Picture:
    """Give back a worse photo: more tilt, less light, out of focus, more glare, 1512 x 2016, JPEG 70."""
    return camera.photographed(picture, rng, camera.HARD)


LEAKS: Mapping[str, Leak] = MappingProxyType(
    {
        "messenger": messenger,
        "screenshot-crop": desk.screenshot_cut,
        "rotated-crop": rotated_crop,
        "phone-photo": phone_photo,
        "print-scan": desk.printed_and_scanned,
    }
)
"""The five leaks of the demo."""

ATTACKS: Mapping[str, Leak] = MappingProxyType(
    {
        "none": lambda picture, _rng: picture.copy(),
        "jpeg-90": jpeg(90),
        "jpeg-75": jpeg(75),
        "jpeg-50": jpeg(50),
        "jpeg-30": jpeg(30),
        "jpeg-10": jpeg(10),
        "webp-50": lambda picture, _rng: edits.through_webp(picture, 50),
        "webp-20": lambda picture, _rng: edits.through_webp(picture, 20),
        "resize-half": lambda picture, _rng: edits.scaled(picture, 0.5),
        "resize-quarter": lambda picture, _rng: edits.scaled(picture, 0.25),
        "resize-1280-q70": resized(1280, 70),
        "aspect-1.2": lambda picture, _rng: edits.stretched(picture, 1.2),
        "thumbnail-640": resized(640, 75),
        "thumbnail-320": resized(320, 50),
        "crop-75": crop(0.75),
        "crop-50": crop(0.5),
        "crop-25": crop(0.25),
        "crop-10": crop(0.1),
        "rotate-2-crop": rotate(2),
        "rotate-5-crop": rotate(5),
        "rotate-15-crop": rotate(15),
        "rotate-90": lambda picture, _rng: np.ascontiguousarray(np.rot90(picture)),
        "rotate-180": lambda picture, _rng: np.ascontiguousarray(picture[::-1, ::-1]),
        "mirror": lambda picture, _rng: np.ascontiguousarray(picture[:, ::-1]),
        "negative": lambda picture, _rng: 255 - picture,
        "perspective": edits.tilted,
        "brighter": tone(shift=30),
        "contrast": tone(gain=1.3, shift=-30),
        "darker": tone(shift=-30),
        "flat": tone(gain=0.6, shift=50),
        "gamma": tone(gamma=1.5),
        "gamma-0.67": tone(gamma=0.67),
        "narrow-window": tone(gain=2.2, shift=-150),
        "histogram": lambda picture, _rng: edits.flattened(picture),
        "posterise-32": lambda picture, _rng: edits.posterised(picture, 32),
        "equalise": lambda picture, _rng: edits.equalised(picture),
        "noise-5": lambda picture, rng: edits.noisy(picture, 5, rng),
        "noise-15": lambda picture, rng: edits.noisy(picture, 15, rng),
        "blur-2": lambda picture, _rng: edits.blurred(picture, 2),
        "blur-5": lambda picture, _rng: edits.blurred(picture, 5),
        "denoise": lambda picture, _rng: edits.denoised(picture),
        "median-9": lambda picture, _rng: np.asarray(cv2.medianBlur(picture, 9), dtype=np.uint8),
        "median-5": lambda picture, _rng: np.asarray(cv2.medianBlur(picture, 5), dtype=np.uint8),
        "sharpen": lambda picture, _rng: edits.sharpened(picture),
        "caption-mosaic": edits.scribbled,
        "mosaic-30": lambda picture, rng: edits.blotted(picture, 0.3, rng),
        "screenshot": desk.screenshot,
        "report-page": desk.report_page,
        "messenger-hard": messenger_hard,
        "phone-photo-hard": phone_photo_hard,
        **LEAKS,
        "crop-50+rotate-5+jpeg-50": chain(crop(0.5), rotate(5), jpeg(50)),
        "screenshot-crop+messenger": chain(desk.screenshot_cut, messenger),
        "phone-photo+messenger": chain(phone_photo, messenger),
        "phone-photo+crop-50+messenger": chain(phone_photo, crop(0.5), messenger),
        "phone-photo-hard+messenger": chain(phone_photo_hard, messenger),
        "caption+mirror+crop-25+jpeg-50": chain(
            edits.scribbled,
            lambda picture, _rng: np.ascontiguousarray(picture[:, ::-1]),
            crop(0.25),
            jpeg(50),
        ),
        "print-scan+phone-photo": chain(desk.printed_and_scanned, phone_photo),
    }
)
"""Every attack of the bench, from the mildest to the hardest kinds."""
