"""Who leaked it: every published number of the mark, on any folder of radiographs.

    python -m bench.attribution [--images DIR] [--gallery DIR] [--films N] [--peers] [--plots DIR] [PART...]

Parts: safety, attacks, innocents, strangers, joined, windows, all where none is named; and peers.
Phantoms where films are missing. What --plots draws from is kept in DIR, so that parts may run one by one.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
from bench.attribution import attacks, innocents, joined, safety, strangers, windows
from bench.attribution.peers import compare
from bench.attribution.rates import calibration, naming, plots
from bench.attribution.rates.kept import Kept
from bench.attribution.stage import Shelf, films

from pleura.imaging.match.sketch import make_sketch


class Bench:
    """The films, what is asked for, and what has been measured so far."""

    def __init__(self, given: argparse.Namespace, kept: Kept) -> None:
        self._given = given
        self._pictures = films(given.images, given.films)
        self._others = films(given.gallery, given.distractors) if given.gallery else []
        everyone = [*self._pictures, *self._others]
        self._shelf = Shelf([make_sketch(picture) for picture in everyone])
        self._few = self._pictures[: given.joined_films]
        self._attacks = [name for name in given.attacks.split(",") if name]
        self.kept = kept

    def safety(self) -> None:
        safety.run(self._pictures, self._given.seed)

    def attacks(self) -> None:
        given = self._given
        self.kept.cases = attacks.run(self._pictures, self._shelf, self._attacks, given.seed, given.jobs)
        naming.print_naming(self.kept.cases, attacks.UNMARKED)

    def innocents(self) -> None:
        given = self._given
        self.kept.innocents = innocents.run(self._pictures, self._shelf, given.copies, given.seed)

    def strangers(self) -> None:
        given = self._given
        count = strangers.FOR_THE_RECORD if given.full else given.strangers
        everyone = [*self._pictures, *self._others]
        self.kept.strangers = strangers.run(everyone, self._shelf, count, given.seed, given.jobs)

    def joined(self) -> None:
        joined.run(self._few, self._shelf, self._given.seed)

    def windows(self) -> None:
        windows.run(self._few, self._given.seed)

    def peers(self) -> None:
        given = self._given
        pictures = self._pictures[: given.peer_films]
        compare.run(pictures, self._shelf, self._attacks, compare.Options.of(given))

    def curves(self) -> None:
        """What follows from the scores of several parts together."""
        if self.kept.cases and self.kept.innocents.size:
            print("\n### curves")
            calibration.print_roc(self.kept.cases, self.kept.innocents, attacks.UNMARKED)
        if self._given.plots:
            self.kept.keep(self._given.plots)
            drawn = plots.draw(self.kept, attacks.UNMARKED, self._given.plots)
            print(f"\ndrawn in {self._given.plots.name}: {', '.join(drawn) or 'nothing yet'}")


PARTS: Mapping[str, Callable[[Bench], None]] = {
    "safety": Bench.safety,
    "attacks": Bench.attacks,
    "innocents": Bench.innocents,
    "strangers": Bench.strangers,
    "joined": Bench.joined,
    "windows": Bench.windows,
}
PEERS = "peers"


def main(words: Sequence[str] | None = None) -> None:
    given = _arguments(words)
    cv2.setNumThreads(1)
    if given.plots:
        plots.pyplot()
    bench = Bench(given, Kept.of(given.plots))
    for part in given.parts:
        print(f"\n### {part}\n", flush=True)
        PARTS.get(part, Bench.peers)(bench)
    bench.curves()


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.attribution",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shared = Path(os.environ.get("PLEURA_CXR", "../shared/cxr"))
    full, gallery = shared / "full", shared / "gallery"
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}, {PEERS}")
    parser.add_argument("--images", type=Path, default=full if full.is_dir() else None)
    parser.add_argument(
        "--gallery",
        type=Path,
        default=gallery if gallery.is_dir() else None,
        help="films of others, among which an original has to be found",
    )
    parser.add_argument("--films", type=int, default=24)
    parser.add_argument("--joined-films", type=int, default=4, help="films of joined and windows")
    parser.add_argument("--distractors", type=int, default=76, help="films of the gallery")
    parser.add_argument("--copies", type=int, default=1_000_000, help="innocent copies")
    parser.add_argument("--strangers", type=int, default=200, help="unmarked and foreign pictures")
    parser.add_argument("--full", action="store_true", help=f"{strangers.FOR_THE_RECORD:,} of them")
    parser.add_argument("--attacks", default="", help="names, separated by commas")
    parser.add_argument("--peers", action="store_true", help="measure other marks and matchers beside ours")
    parser.add_argument("--peer-films", type=int, default=2)
    parser.add_argument("--rivagan", action="store_true", help="RivaGAN too: minutes for each large film")
    parser.add_argument("--plots", type=Path, help="a folder for the pictures and the scores they show")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(words)
    unknown = {*given.parts} - {*PARTS, PEERS}
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join([*PARTS, PEERS])}")
    # Peers alone where they alone are asked for by name, beside all parts where by option.
    given.parts = [*(given.parts or PARTS), *([PEERS] if given.peers and PEERS not in given.parts else [])]
    return given


if __name__ == "__main__":
    main()
