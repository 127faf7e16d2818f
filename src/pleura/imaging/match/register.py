"""The suspect is laid over the original: homography, then a smooth displacement to a fraction of a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pleura.domain.tracing import Corners
from pleura.imaging.match.features import Features, unit
from pleura.imaging.work import Grey

MIN_INLIERS: Final = 20
MIN_AGREEMENT: Final = 0.35
MIN_SUPPORT: Final = 35.0
"""Inliers times agreement. Most pairs of exposures of one patient stay below."""

SURE_AGREEMENT: Final = 0.8
"""Agreement that two exposures of one patient do not reach, whatever their support."""

SURE_SUPPORT: Final = 100.0
"""Support that two exposures of one patient do not reach."""

MIN_EVENNESS: Final = 0.35
"""Below it the overlay fits in places only: two exposures of one patient agree where the ribs happen to."""

_RATIO: Final = 0.85  # Lowe's ratio, loose: MAGSAC sorts out
_ENOUGH_PAIRS: Final = 8
_HORIZON: Final = 1e-3
_STEP: Final = 24  # work pixels between the points that are followed
_FEWEST: Final = 20  # points that a displacement is fitted to
_FLOW_WINDOW: Final = (41, 41)
_TILE: Final = 64  # work pixels
_COVERED: Final = 0.9  # of a tile that counts
_RASTER: Final = 128  # cells on a side that areas are counted in
_WEAK: Final = 0.1  # of the tiles are weaker than the weak one
_STAGES: Final = ((3, 12.0), (5, 4.0), (5, 4.0))
"""Degree of the displacement polynomial and greatest believable step, in work pixels."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """A homography from work pixels of an original to pixels of the suspect, and what supports it."""

    homography: NDArray[np.float64]
    inliers: int


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """The suspect on the original's work grid."""

    picture: Floats
    """Grey values of the suspect at the pixels of the work image."""
    valid: NDArray[np.bool_]
    """Where the suspect covers the work image."""
    inliers: int
    agreement: float
    """Correlation with the locally normalised original over the covered part, -1 to 1."""
    evenness: float
    """The agreement of a weak tile over that of the median one, at most 1."""

    @property
    def support(self) -> float:
        """Inliers times agreement."""
        return self.inliers * self.agreement

    @property
    def holds(self) -> bool:
        """Whether the suspect shows the patient of this original, by geometry and by what it shows."""
        if self.inliers < MIN_INLIERS or self.agreement < MIN_AGREEMENT:
            return False
        return self.support >= MIN_SUPPORT or self.agreement >= SURE_AGREEMENT

    @property
    def same_exposure(self) -> bool:
        """Whether an overlay that holds shows this very exposure, and not another one of the same patient."""
        return self.support >= SURE_SUPPORT or self.evenness >= MIN_EVENNESS


def find_geometry(suspect: Features, original: Features) -> Geometry | None:
    """The homography that most feature pairs agree on (MAGSAC++, Barath et al., CVPR 2020)."""
    if min(len(suspect.places), len(original.places)) < _ENOUGH_PAIRS:
        return None
    likeness = unit(suspect.descriptors) @ unit(original.descriptors).T
    best = likeness.argmax(axis=1)
    rows = np.arange(len(best))
    first = likeness[rows, best]
    likeness[rows, best] = -1
    second = likeness.max(axis=1)
    distinct = np.sqrt(np.maximum(2 - 2 * first, 0)) < _RATIO * np.sqrt(np.maximum(2 - 2 * second, 0))
    if distinct.sum() < _ENOUGH_PAIRS:
        return None
    ours = suspect.places[distinct, :2]
    theirs = original.places[best[distinct], :2]
    homography, inlying = cv2.findHomography(
        theirs, ours, cv2.USAC_MAGSAC, 4.0, maxIters=5000, confidence=0.9999
    )
    found = np.asarray(homography, dtype=np.float64)
    # Without agreement OpenCV gives no matrix, whatever its annotations say.
    if found.shape != (3, 3) or not _plausible(found):
        return None
    return Geometry(homography=found, inliers=int(inlying.sum()))


def align(suspect: Grey, geometry: Geometry, work: Grey) -> Alignment:
    """The suspect laid over *work*, refined by a robust polynomial displacement (bent paper, lenses)."""
    source = _softened(suspect, geometry.homography)
    target = _normalised(work.astype(np.float32))
    field = _Field(work.shape[0], work.shape[1])
    for degree, reach in _STAGES:
        picture, valid = field.sample(source, geometry.homography)
        if not _follow(field, target, picture, valid, degree=degree, reach=reach):
            break
    picture, valid = field.sample(source, geometry.homography)
    inner = cv2.erode(valid.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    shown = _normalised(np.where(valid, picture, 0).astype(np.float32))
    return Alignment(
        picture=picture,
        valid=inner,
        inliers=geometry.inliers,
        agreement=_correlation(target[inner], shown[inner]),
        evenness=_evenness(work, target, shown, inner),
    )


def corners_of(work: Grey, homography: NDArray[np.float64]) -> Corners:
    """Column and row of the corners of *work* after *homography*, clockwise from the top left one."""
    rows, columns = work.shape
    ends = np.array([[0, 0, 1], [columns - 1, 0, 1], [columns - 1, rows - 1, 1], [0, rows - 1, 1.0]])
    moved = ends @ homography.T
    # A corner beyond the horizon is shown far away on its side.
    moved[:, 2] = np.maximum(moved[:, 2], _HORIZON)
    first, second, third, fourth = ((float(x / depth), float(y / depth)) for x, y, depth in moved)
    return first, second, third, fourth


def share_of(box: tuple[int, int, int, int], areas: Sequence[Corners]) -> float:
    """The share, 0 to 1, of *box* (column, row, columns and rows) that lies within one of *areas* or more."""
    left, top, columns, rows = box
    seen = np.zeros((_RASTER, _RASTER), dtype=np.uint8)
    for corners in areas:
        inside = (np.array(corners) - (left, top)) * (_RASTER / columns, _RASTER / rows)
        reach = 16 * _RASTER
        cv2.fillPoly(seen, [np.rint(np.clip(inside, -reach, reach)).astype(np.int32)], 1)
    return float(seen.mean())


class _Field:
    """A displacement of every work pixel, added up over the stages."""

    def __init__(self, rows: int, columns: int) -> None:
        self.across = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
        self.down = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
        self._x = np.tile(np.arange(columns, dtype=np.float32), (rows, 1))
        self._y = np.tile(np.arange(rows, dtype=np.float32)[:, None], (1, columns))

    def move(self, degree: int, mix: NDArray[np.float64]) -> None:
        """Add the polynomial of *degree* whose coefficients for x and y are the columns of *mix*."""
        for (i, j), (x, y) in zip(_powers(degree), mix.astype(np.float32), strict=True):
            term = self.across**i * self.down**j
            self._x += x * term
            self._y += y * term

    def sample(self, source: Floats, homography: NDArray[np.float64]) -> tuple[Floats, NDArray[np.bool_]]:
        """The source at every work pixel, and where the source covers it."""
        (a, b, c), (d, e, f), (g, h, i) = homography.astype(np.float32)
        depth = g * self._x + h * self._y + i
        # What lies on or behind the horizon is not seen.
        ahead = depth > _HORIZON
        divisor = np.where(ahead, depth, 1).astype(np.float32)
        u = (a * self._x + b * self._y + c) / divisor
        v = (d * self._x + e * self._y + f) / divisor
        valid = ahead & (u >= 1) & (v >= 1) & (u < source.shape[1] - 2) & (v < source.shape[0] - 2)
        picture = cv2.remap(source, u, v, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(picture, dtype=np.float32), valid


def _follow(
    field: _Field, target: Floats, picture: Floats, valid: NDArray[np.bool_], *, degree: int, reach: float
) -> bool:
    """Move *field* by what optical flow sees, fitted robustly; False where too little can be followed."""
    rows, columns = target.shape
    y, x = np.mgrid[_STEP // 2 : rows : _STEP, _STEP // 2 : columns : _STEP].astype(np.float32)
    points = np.stack([x.ravel(), y.ravel()], axis=-1)
    if len(points) < _FEWEST:
        return False
    shown = _normalised(np.where(valid, picture, 0).astype(np.float32))
    flow, sure = _flow(_byte(target), _byte(shown), points, reach)
    inside = cv2.erode(valid.astype(np.uint8), np.ones((21, 21), np.uint8)) > 0
    sure &= inside[points[:, 1].astype(int), points[:, 0].astype(int)]
    count = int(sure.sum())
    if count < _FEWEST:
        return False
    degree = degree if count >= 120 else 2
    x, y = points[:, 0] / columns * 2 - 1, points[:, 1] / rows * 2 - 1
    terms = np.stack([x**i * y**j for i, j in _powers(degree)], axis=-1).astype(np.float64)
    field.move(degree, _robust_fit(terms, flow, sure))
    return True


def _flow(
    target: Grey, shown: Grey, points: NDArray[np.float32], reach: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Displacement of every point, and whether going there and back again ends where it began."""
    there, found = _tracked(target, shown, points[:, None])
    back, returned = _tracked(shown, target, there)
    flow = (there[:, 0] - points).astype(np.float64)
    round_trip = np.abs(back[:, 0] - points).max(axis=1)
    sure = (found[:, 0] > 0) & (returned[:, 0] > 0) & (round_trip < 0.5) & (np.abs(flow).max(axis=1) < reach)
    return flow, sure


def _tracked(first: Grey, second: Grey, points: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        first, second, points, np.empty_like(points), winSize=_FLOW_WINDOW, maxLevel=2, criteria=(3, 30, 0.01)
    )
    return there, found


def _robust_fit(
    terms: NDArray[np.float64], flow: NDArray[np.float64], sure: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Coefficients (terms x 2) of least squares with the outliers trimmed in four rounds."""
    used = sure
    mix = np.zeros((terms.shape[1], 2))
    for _ in range(4):
        ridge = 1e-5 * used.sum() * np.eye(terms.shape[1])
        mix = np.linalg.solve(terms[used].T @ terms[used] + ridge, terms[used].T @ flow[used])
        error = np.linalg.norm(terms @ mix - flow, axis=1)
        used = sure & (error < max(2.5 * float(np.median(error[used])), 0.15))
    return mix


def _powers(degree: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]


def _plausible(homography: NDArray[Any]) -> bool:
    """Whether the middle part neither flips nor collapses nor shoots to infinity."""
    area = float(np.linalg.det(homography[:2, :2]))
    return 1e-3 < area < 1e3 and float(np.abs(homography[2, :2]).max()) < 5e-3


def _softened(suspect: Grey, homography: NDArray[np.float64]) -> Floats:
    """The suspect without what the coarser work grid cannot hold."""
    grey = suspect.astype(np.float32)
    scale = float(np.sqrt(abs(np.linalg.det(homography[:2, :2]))))
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), 0.35 * scale), np.float32) if scale > 1.2 else grey


def _normalised(grey: Floats, width: float = 16.0) -> Floats:
    """Locally zero mean and unit deviation, so that light and tone no longer matter."""
    mean = _local_mean(grey, width)
    variance = _local_mean(grey * grey, width) - mean * mean
    return np.asarray((grey - mean) / np.sqrt(np.maximum(variance, 0) + 4), dtype=np.float32)


def _local_mean(values: Floats, width: float) -> Floats:
    """The mean under a Gaussian of *width* pixels, made at a quarter of the size: so wide a one is smooth."""
    size = values.shape[1], values.shape[0]
    small = cv2.resize(values, (max(1, size[0] // 4), max(1, size[1] // 4)), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), width / 4)
    return np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _byte(normal: Floats) -> Grey:
    soft = cv2.GaussianBlur(normal, (0, 0), 1.0)
    return np.clip(soft * 32 + 128, 0, 255).astype(np.uint8)


def _evenness(work: Grey, target: Floats, shown: Floats, valid: NDArray[np.bool_]) -> float:
    """How much a weak tile agrees, over how much the median one does; 1 where there are too few to tell.

    Of the tiles that the suspect covers, those with little in them are left out: they agree with nothing.
    """
    rows, columns = target.shape
    corners = [
        (slice(row, row + _TILE), slice(column, column + _TILE))
        for row in range(0, rows - _TILE + 1, _TILE)
        for column in range(0, columns - _TILE + 1, _TILE)
    ]
    covered = [tile for tile in corners if valid[tile].mean() >= _COVERED]
    if len(covered) < 2:
        return 1.0
    contrasts = np.array([float(work[tile].std()) for tile in covered])
    agreements = np.array([_correlation(target[tile], shown[tile]) for tile in covered])
    telling = agreements[contrasts >= np.median(contrasts) / 2]
    typical = float(np.median(telling))
    return float(np.quantile(telling, _WEAK)) / typical if typical > 0 else 0.0


def _correlation(first: Floats, second: Floats) -> float:
    power = float(np.vdot(first, first)) * float(np.vdot(second, second))
    return float(np.vdot(first, second)) / float(np.sqrt(power)) if power > 0 else 0.0
