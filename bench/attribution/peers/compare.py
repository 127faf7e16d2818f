"""Ours and others in one run: the same films, the same attacks, what is read and what is matched."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from bench.attribution import attacks as ours
from bench.attribution.peers.markers import BITS, Absent, Bits, Marker, markers
from bench.attribution.peers.matchers import Matcher, matchers
from bench.attribution.rates.cases import Case
from bench.attribution.stage import Picture, Shelf, marks, spread

from pleura.imaging.mark.embed import embed, psnr
from pleura.imaging.mark.polar import PAYLOAD_BYTES
from pleura.imaging.match.register import find_geometry
from pleura.imaging.match.sketch import Sketch
from pleura.imaging.match.suspect import views
from pleura.imaging.simulate.edits import as_rgb
from pleura.imaging.simulate.leaks import ATTACKS
from pleura.imaging.work import luma
from pleura.monitor.overlay import TRIED_INLIERS

PLEURA = "pleura"


@dataclass(frozen=True, kw_only=True)
class Options:
    seed: int
    jobs: int
    slow: bool
    """Whether a peer that takes minutes for each picture runs too."""

    @classmethod
    def of(cls, given: argparse.Namespace) -> Options:
        return cls(seed=given.seed, jobs=given.jobs, slow=given.rivagan)


@dataclass(frozen=True)
class Heard:
    """What one mark said after one attack: shares of its bits that are right."""

    marker: str
    attack: str
    blind: float
    registered: float
    """After our registration to the original, where not all bits were read without; else the same."""
    seconds: float


@dataclass(frozen=True)
class Made:
    """What one mark did to one film."""

    marker: str
    psnr: float
    seconds: float


@dataclass(frozen=True)
class Seen:
    """How alike a film after one attack is to its original, and to the likeliest other film."""

    matcher: str
    attack: str
    own: float
    other: float


@dataclass(frozen=True)
class Found:
    """All that one film gave."""

    cases: Sequence[Case]
    made: Sequence[Made]
    heard: Sequence[Heard]
    seen: Sequence[Seen]


@dataclass(frozen=True)
class _Task:
    pictures: Sequence[Picture]
    shelf: Shelf
    attacks: Sequence[str]
    options: Options
    described: Mapping[str, Sequence[Any]]
    """Of every original, by matcher."""


def _attacked(task: _Task, copy: Picture, attack: str, film: int) -> Picture:
    """The same attack with the same chance for every peer."""
    return ATTACKS[attack](copy, np.random.default_rng((task.options.seed, film)))


def _film(task: _Task, film: int) -> Found:
    seed = task.options.seed
    made = {number: marks(number, ours.COPIES, seed) for number in range(len(task.pictures))}
    started = time.process_time()
    copy = embed(task.pictures[film], made[film][ours.TRUE])
    level = psnr(task.pictures[film], copy)
    own = Made(PLEURA, level, time.process_time() - started)
    matching, _ = matchers()
    cases, seen = [], []
    for attack in task.attacks:
        suspect = _attacked(task, copy, attack, film)
        truth = ours.Truth(film=film, copy=ours.TRUE)
        cases.append(ours.traced(attack, suspect, truth, task.shelf, made))
        seen += [_seen(task, matcher, attack, suspect, film) for matcher in matching]
    theirs = [_marked(task, marker, film) for marker in markers(slow=task.options.slow)[0]]
    return Found(
        cases=cases,
        made=[own, *(each for each, _ in theirs)],
        heard=[heard for _, each in theirs for heard in each],
        seen=seen,
    )


def _seen(task: _Task, matcher: Matcher, attack: str, suspect: Picture, film: int) -> Seen:
    description = matcher.describe(np.ascontiguousarray(luma(suspect)))
    alike = [matcher.likeness(description, each) for each in task.described[matcher.name]]
    others = [value for number, value in enumerate(alike) if number != film]
    return Seen(matcher.name, attack, alike[film], max(others, default=0.0))


def _marked(task: _Task, marker: Marker, film: int) -> tuple[Made, list[Heard]]:
    bits = np.random.default_rng((task.options.seed, film)).integers(0, 2, BITS).astype(np.uint8)
    original = as_rgb(task.pictures[film])
    started = time.process_time()
    copy = marker.embed(original, bits)
    made = Made(marker.name, psnr(original, copy), time.process_time() - started)
    return made, [_heard(task, marker, attack, copy, bits, film) for attack in task.attacks]


def _heard(task: _Task, marker: Marker, attack: str, copy: Picture, bits: Bits, film: int) -> Heard:
    suspect = as_rgb(_attacked(task, copy, attack, film))
    started = time.process_time()
    blind = _right(marker, suspect, bits)
    seconds = time.process_time() - started
    registered = blind
    if blind < 1:
        straight = laid_back(suspect, task.shelf.sketches[film])
        registered = max(blind, _right(marker, straight, bits)) if straight is not None else blind
    return Heard(marker.name, attack, blind, registered, seconds)


def _right(marker: Marker, picture: Picture, bits: Bits) -> float:
    """The share of the bits that are read as they were written."""
    return float((marker.read(picture) == bits).mean())


def laid_back(suspect: Picture, original: Sketch) -> Picture | None:
    """The RGB suspect brought back to the frame of its original by our registration; None where it fails."""
    work = original.work
    for view in views(suspect):
        geometry = find_geometry(view.features, original.features)
        if geometry is not None and geometry.inliers >= TRIED_INLIERS:
            # Colour stays, some of the marks lie in it.
            shown = 255 - suspect if view.negative else suspect
            shrunk = np.diag([work.grey.shape[1] / work.columns, work.grey.shape[0] / work.rows, 1.0])
            size, flags = (work.columns, work.rows), cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
            straight = cv2.warpPerspective(
                shown, view.to_suspect @ geometry.homography @ shrunk, size, flags=flags
            )
            return np.asarray(straight, dtype=np.uint8)
    return None


def run(pictures: Sequence[Picture], shelf: Shelf, names: Sequence[str], options: Options) -> None:
    """Print what the marks cost, what each says after each attack, and what each matcher finds."""
    chosen = [*(names or ATTACKS)]
    (there, gone), (matching, blind) = markers(slow=options.slow), matchers()
    originals = [sketch.work.grey for sketch in shelf.sketches]
    described = {matcher.name: [matcher.describe(each) for each in originals] for matcher in matching}
    task = _Task(pictures, shelf, chosen, options, described)
    found = spread(_film, task, len(pictures), options.jobs)
    print(f"{len(pictures)} films among {len(originals)} originals, seed {options.seed}\n")
    _print_made(found, there, gone)
    _print_heard(found, chosen, there)
    _print_seen(found, chosen, matching, blind)


def _print_made(found: Sequence[Found], there: Sequence[Marker], gone: Sequence[Absent]) -> None:
    print("| mark | bits | PSNR of the copies: least, dB | mean | CPU s to embed | to read |")
    print("|---|---|---|---|---|---|")
    for name in [PLEURA, *(marker.name for marker in there)]:
        made = [each for film in found for each in film.made if each.marker == name]
        read = [each.seconds for film in found for each in film.heard if each.marker == name]
        if name == PLEURA:
            read = [case.seconds for film in found for case in film.cases]
        levels = [each.psnr for each in made]
        print(
            f"| {name} | {8 * PAYLOAD_BYTES if name == PLEURA else BITS} | {min(levels):.1f} "
            f"| {np.mean(levels):.1f} | {np.median([each.seconds for each in made]):.2f} "
            f"| {np.median(read):.2f} |"
        )
    for peer in gone:
        print(f"| {peer.name} | {peer.reason} | | | | |")


def _print_heard(found: Sequence[Found], chosen: Sequence[str], there: Sequence[Marker]) -> None:
    print(
        "\nFilms whose bits are all right (mean share of bits that are). The others read blind; *registered*:"
    )
    print("also after our registration to the original, which they do not have by themselves.\n")
    peers = " | ".join(f"{marker.name} | registered" for marker in there)
    print(f"| attack | pleura: right copy named | payload | {peers} |")
    print(f"|---|---|---|{'---|---|' * len(there)}")
    for attack in chosen:
        cases = [case for film in found for case in film.cases if case.attack == attack]
        right = sum(case.verdict() == "right" for case in cases)
        cells = [f"{right}/{len(cases)}", f"{sum(case.payload for case in cases)}/{len(cases)}"]
        for marker in there:
            said = [
                each
                for film in found
                for each in film.heard
                if (each.marker, each.attack) == (marker.name, attack)
            ]
            cells += [_whole([each.blind for each in said]), _whole([each.registered for each in said])]
        print(f"| {attack} | {' | '.join(cells)} |")


def _whole(shares: Sequence[float]) -> str:
    return f"{sum(share == 1 for share in shares)}/{len(shares)} ({np.mean(shares):.2f})"


def _print_seen(
    found: Sequence[Found], chosen: Sequence[str], there: Sequence[Matcher], gone: Sequence[Absent]
) -> None:
    """Films found at the loosest threshold at which no other film is matched in this very run."""
    seen = [each for film in found for each in film.seen]
    bars = {
        matcher.name: max(each.other for each in seen if each.matcher == matcher.name) for matcher in there
    }
    print(
        "\nFilms that match their original. A peer matches above the likeness of any other film in this very"
    )
    print("run, the kindest threshold without a false match; ours is fixed.\n")
    heads = [f"{matcher.name} (above {bars[matcher.name]:.0f} {matcher.unit})" for matcher in there]
    heads += [f"{peer.name}: {peer.reason}" for peer in gone]
    print(f"| attack | pleura | {' | '.join(heads)} |")
    print(f"|---|---|{'---|' * len(heads)}")
    for attack in chosen:
        cases = [case for film in found for case in film.cases if case.attack == attack]
        cells = [f"{sum(case.verdict() in {'right', 'matched'} for case in cases)}/{len(cases)}"]
        for matcher in there:
            mine = [each for each in seen if (each.matcher, each.attack) == (matcher.name, attack)]
            cells.append(f"{sum(each.own > bars[matcher.name] for each in mine)}/{len(mine)}")
        print(f"| {attack} | {' | '.join([*cells, *('' for _ in gone)])} |")
