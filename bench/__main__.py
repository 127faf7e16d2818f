"""All benches in turn, or those named: ``python -m bench [seal vault catalogue marking attribution]``."""

from __future__ import annotations

import os
import subprocess
import sys
import time

BENCHES = ("seal", "vault", "catalogue", "marking", "attribution")

for name in sys.argv[1:] or BENCHES:
    print(f"\n## {name}: `python -m bench.{name}`\n", flush=True)
    started = time.monotonic()
    # One thread for each library, so that CPU seconds are seconds of one core.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", f"bench.{name}"], env=environment, check=True)
    print(f"\n({time.monotonic() - started:.0f} s)", flush=True)
