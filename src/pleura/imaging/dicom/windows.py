"""How the stored values of an image are shown by default: PS3.3 C.11.1, C.11.2 and C.7.6.3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi

from pleura.domain.rasters import Raster, StoredPixels
from pleura.imaging.dicom.frames import decoded_frame, first_frame, in_range
from pleura.imaging.dicom.guard import only_refusals
from pleura.imaging.dicom.reading import GREY, PALETTE, number, open_instance, text
from pleura.imaging.dicom.refusals import refuse
from pleura.imaging.dicom.structure import Content
from pleura.imaging.rasters import to_raster

_FUNCTIONS: Final = frozenset({"LINEAR", "LINEAR_EXACT", "SIGMOID"})


@dataclass(frozen=True, kw_only=True)
class Window:
    """A window over modality values; *black* and *white* are the ends of its ramp."""

    function: str
    centre: float
    width: float

    @property
    def black(self) -> float:
        """The modality value at the foot of the ramp (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
        return self.centre - 0.5 - (self.width - 1) / 2 if self._is_linear else self.centre - self.width / 2

    @property
    def white(self) -> float:
        """The modality value at the head of the ramp."""
        return self.centre - 0.5 + (self.width - 1) / 2 if self._is_linear else self.centre + self.width / 2

    @property
    def _is_linear(self) -> bool:
        return self.function == "LINEAR"

    def grey(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """The share of white, 0..1, that each modality value is shown with."""
        values = values.astype(np.float64)
        if self.function == "SIGMOID":
            exponent = np.clip(-4 * (values - self.centre) / self.width, -700, 700)
            return np.asarray(1 / (1 + np.exp(exponent)), np.float64)
        if self.white <= self.black:
            return (values > self.black).astype(np.float64)
        return np.clip((values - self.black) / (self.white - self.black), 0, 1)


def display(original: Content) -> Raster:
    """The first frame of a DICOM instance in its default window: 8 bits, white is high.

    The first window is taken, else the VOI LUT, else the range of values that are not padding.
    Raises BadInput.
    """
    with only_refusals():
        return shown(open_instance(original))


def stored(original: Content) -> StoredPixels:
    """The stored values of the first frame of a DICOM instance and the ends of its default window.

    Colour comes as 8-bit RGB, also from a palette. Raises BadInput.
    """
    with only_refusals():
        dataset = open_instance(original)
        frame = first_frame(dataset)
        if text(dataset, "PhotometricInterpretation") not in GREY:
            rgb = _rgb(frame, dataset)
            return StoredPixels(raster=to_raster(rgb), bits_stored=8, black=0.0, white=255.0)
        black, white = _ends(frame, dataset)
        if _is_inverted(dataset):
            black, white = white, black
        bits = number(dataset, "BitsStored")
        return StoredPixels(raster=to_raster(frame), bits_stored=bits, black=black, white=white)


def shown(dataset: Dataset) -> Raster:
    """The first frame of a checked data set as `display` gives it."""
    frame = first_frame(dataset)
    if text(dataset, "PhotometricInterpretation") not in GREY:
        return to_raster(_rgb(frame, dataset))
    return to_raster(_table(frame, dataset)[frame.view(f"u{frame.dtype.itemsize}")])


def check_shown(dataset: Dataset) -> None:
    """Return when `shown` would show the first frame of a checked data set; raises as it does.

    The whole frame is decoded; one row of it stands for all in what comes after.
    """
    frame = in_range(decoded_frame(dataset)[:1], dataset)
    if text(dataset, "PhotometricInterpretation") in GREY:
        _table(frame, dataset)
    else:
        _rgb(frame, dataset)


def _table(frame: NDArray[Any], dataset: Dataset) -> NDArray[np.uint8]:
    """The 8-bit grey of every value that *frame* can hold, indexed by its bits taken as unsigned."""
    grey = _grey_of(frame, _domain(frame), dataset)
    if _is_inverted(dataset):
        grey = 1 - grey
    table = np.floor(grey * 255 + 0.5).astype(np.uint8)
    # The domain is ascending; the bits of a signed value index it after a roll.
    return np.roll(table, len(table) // 2) if frame.dtype.kind == "i" else table


def _domain(frame: NDArray[Any]) -> NDArray[Any]:
    """Every value that the type of *frame* can hold, ascending: at most 65,536."""
    limits = np.iinfo(frame.dtype)
    return np.arange(limits.min, limits.max + 1).astype(frame.dtype)


def _modality(values: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    """Stored *values* through the modality LUT or the rescale (PS3.3 C.11.1)."""
    return apply_modality_lut(values, _group(dataset, "PixelValueTransformationSequence"))


def _group(dataset: Dataset, keyword: str) -> Dataset:
    """The functional group of the first frame named *keyword*, else the data set (PS3.3 C.7.6.16)."""
    for groups in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        items = dataset.get(groups)
        if items and items[0].get(keyword):
            group: Dataset = items[0].get(keyword)[0]
            return group
    return dataset


def _window(dataset: Dataset) -> Window | None:
    """The first window of the image, where it has a usable one (PS3.3 C.11.2.1.2)."""
    group = _group(dataset, "FrameVOILUTSequence")
    centre, width = text(group, "WindowCenter"), text(group, "WindowWidth")
    if not centre or not width:
        return None
    function = text(group, "VOILUTFunction") or "LINEAR"
    window = Window(
        function=function if function in _FUNCTIONS else "LINEAR", centre=float(centre), width=float(width)
    )
    least = 1 if window.function == "LINEAR" else 0
    usable = np.isfinite([window.centre, window.width]).all() and window.width >= max(least, 1e-9)
    return window if usable else None


def _range_window(frame: NDArray[Any], dataset: Dataset) -> Window:
    """A window from the lowest to the highest value of *frame* that is not padding (C.7.5.1.1.2)."""
    present = _present(frame)
    picture = present[_is_picture(present, dataset)]
    values = _modality(picture if picture.size else present, dataset)
    low, high = float(values.min()), float(values.max())
    return Window(function="LINEAR_EXACT", centre=(low + high) / 2, width=high - low)


def _present(frame: NDArray[Any]) -> NDArray[Any]:
    """Every stored value that occurs in *frame*, once."""
    unsigned = frame.view(f"u{frame.dtype.itemsize}")
    seen = np.zeros(1 << frame.dtype.itemsize * 8, np.bool_)
    seen[unsigned] = True
    return np.flatnonzero(seen).astype(unsigned.dtype).view(frame.dtype)


def _is_picture(values: NDArray[Any], dataset: Dataset) -> NDArray[np.bool_]:
    """Which stored values are not padding (PS3.3 C.7.5.1.1.2)."""
    if "PixelPaddingValue" not in dataset:
        return np.ones(values.shape, np.bool_)
    first = number(dataset, "PixelPaddingValue")
    last = number(dataset, "PixelPaddingRangeLimit", first)
    return (values < min(first, last)) | (values > max(first, last))


def _grey_of(frame: NDArray[Any], values: NDArray[Any], dataset: Dataset) -> NDArray[np.float64]:
    """The share of white of each stored value, before any inversion."""
    modality = _modality(values, dataset)
    window = _window(dataset)
    if window is not None:
        return window.grey(modality)
    if dataset.get("VOILUTSequence"):
        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        table = apply_voi(modality.astype(np.int64), dataset).astype(np.float64)
        return np.clip(table / max(2.0**bits - 1, float(table.max())), 0, 1)
    return _range_window(frame, dataset).grey(modality)


def _ends(frame: NDArray[Any], dataset: Dataset) -> tuple[float, float]:
    """The stored values at the foot and the head of the default window, before any inversion."""
    window = _window(dataset)
    has_table = bool(dataset.get("ModalityLUTSequence"))
    if (window is None and dataset.get("VOILUTSequence")) or has_table:
        return _ends_of_table(frame, dataset)
    window = window or _range_window(frame, dataset)
    group = _group(dataset, "PixelValueTransformationSequence")
    slope = float(text(group, "RescaleSlope") or 1)
    intercept = float(text(group, "RescaleIntercept") or 0)
    if slope == 0 or not np.isfinite([slope, intercept]).all():
        raise refuse("pixel-format-unsupported")
    return (window.black - intercept) / slope, (window.white - intercept) / slope


def _ends_of_table(frame: NDArray[Any], dataset: Dataset) -> tuple[float, float]:
    """The ends of the rising part of a look-up table, read off the values that the frame can hold."""
    values = _domain(frame)
    grey = _grey_of(frame, values, dataset)
    low, high = float(grey.min()), float(grey.max())
    rising = grey[0] <= grey[-1]
    floor, ceiling = np.flatnonzero(grey <= low), np.flatnonzero(grey >= high)
    black = floor[-1] if rising else floor[0]
    white = ceiling[0] if rising else ceiling[-1]
    return float(values[black]), float(values[white])


def _is_inverted(dataset: Dataset) -> bool:
    """Whether low values are shown white (PS3.3 C.7.6.3.1.2 and C.11.6.1.2)."""
    is_monochrome1 = text(dataset, "PhotometricInterpretation") == "MONOCHROME1"
    return is_monochrome1 or text(dataset, "PresentationLUTShape") == "INVERSE"


def _rgb(frame: NDArray[Any], dataset: Dataset) -> NDArray[np.uint8]:
    """A colour frame as 8-bit RGB; `first_frame` has already turned YBR into RGB."""
    bits = number(dataset, "BitsStored")
    if text(dataset, "PhotometricInterpretation") == PALETTE:
        frame = apply_color_lut(frame, dataset)
        bits = frame.dtype.itemsize * 8
    if frame.ndim != 3 or frame.shape[2] < 3:
        raise refuse("pixel-data-differs")
    return np.ascontiguousarray((frame[:, :, :3] >> max(0, bits - 8)).astype(np.uint8))
