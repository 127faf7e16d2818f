"""What it costs to mark one picture of 2000 x 2000: bar 0.5 s of CPU, render included.

    python -m bench.marking [--json]

CPU seconds of this process, median of the rounds. Encoding is shown beside and not counted.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

import cv2
import numpy as np

from pleura.imaging.dicom.windows import display, stored
from pleura.imaging.mark.embed import embed, embed_stored
from pleura.imaging.mark.layout import PLAN_BYTES, STREAM_BYTES, Mark
from pleura.imaging.mark.polar import PAYLOAD_BYTES
from pleura.imaging.rasters import encode_jpeg, encode_png, to_array, to_raster
from pleura.imaging.simulate.phantom import make_instance

BAR_SECONDS = 0.5
ROUNDS = 7


def median_seconds(step: Callable[[], object]) -> float:
    seconds = []
    for _ in range(ROUNDS + 1):
        started = time.process_time()
        step()
        seconds.append(time.process_time() - started)
    return float(np.median(seconds[1:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    film = make_instance(
        1,
        patient_name="Bench^Phantom",
        patient_id="BENCH",
        serial_number="BENCH",
        acquired=datetime(2026, 1, 1, tzinfo=UTC),
        size=(2000, 2000),
    )
    dice = np.random.default_rng(1)
    mark = Mark(own=dice.bytes(STREAM_BYTES), plan=dice.bytes(PLAN_BYTES), payload=dice.bytes(PAYLOAD_BYTES))
    picture = to_array(display(film))
    values = stored(film)
    marked = to_raster(embed(picture, mark))
    steps = {
        "render (DICOM to 8 bits)": median_seconds(lambda: display(film)),
        "mark, 8 bits": median_seconds(lambda: embed(picture, mark)),
        "mark, 12-bit stored values": median_seconds(lambda: embed_stored(values, mark)),
        "encode PNG (not counted)": median_seconds(lambda: encode_png(marked)),
        "encode JPEG 95 (not counted)": median_seconds(lambda: encode_jpeg(marked, 95)),
    }
    total = steps["render (DICOM to 8 bits)"] + steps["mark, 8 bits"]
    print("| step, one picture of 2000 x 2000 | CPU s |\n|---|---|")
    for name, seconds in {**steps, f"render and mark (bar {BAR_SECONDS})": total}.items():
        print(f"| {name} | {seconds:.3f} |")
    if arguments.json:
        print(json.dumps({"render_and_mark": total, "bar": BAR_SECONDS}))


if __name__ == "__main__":
    main()
