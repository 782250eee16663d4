"""What one refinement of a render costs a training that refines online.

    python benchmarks/online_speed.py reinhard fda cyclegan_fgbg

An image at a time, as `refinezoo.tasks.online` asks for it: processor seconds, 30 images after
three that warm up.
"""

import sys
import time

import numpy as np

from refinezoo import load
from refinezoo.tasks.online import OnlineRefiner

SIDE, COUNT = 160, 30


def main() -> None:
    """Prints a line for each name."""
    render = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    for name in sys.argv[1:] or ["reinhard", "fda", "cyclegan_fgbg"]:
        online = OnlineRefiner(load(name), seed=0)
        for number in range(3):
            online(render, number)
        before = time.process_time()
        for number in range(COUNT):
            online(render, number)
        print(name, round((time.process_time() - before) / COUNT, 4), flush=True)


if __name__ == "__main__":
    main()
