"""The street renderer measured: frames per second and core, bytes per frame, share of each class.

    python benchmarks/street.py --masks /path/to/camvid/train/masks

`--masks` names a folder of masks with CamVid's class ids to compare the shares with; only training
masks belong there. The floor of a frame is what must be written at least: RGB, class, depth and
instance of every pixel in memory.
"""

import argparse
import json
import shlex
import sys
import time
from datetime import date
from pathlib import Path

import cv2
import numpy as np

from refinezoo.data.formats import list_images
from refinezoo.data.images import encode_image
from refinezoo.data.mask_files import read_class_ids
from refinezoo.experiments.compare.recipe import hardware
from refinezoo.files import write_json
from refinezoo.scenes.street import CLASS_NAMES, StreetScene

FLOOR_BYTES = 3 + 1 + 4 + 4  # RGB, class, depth and instance of a pixel


def shares(masks) -> np.ndarray:
    """Mean share of each class over masks."""
    size = len(CLASS_NAMES)
    return np.mean([np.bincount(m.ravel(), minlength=size)[:size] / m.size for m in masks], axis=0)


def main() -> None:
    """Renders, measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--size", nargs=2, type=int, default=[240, 320], help="height width")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--masks", type=Path, help="real training masks to compare with")
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/street.json"))
    options = parser.parse_args()
    cv2.setNumThreads(1)
    size = tuple(options.size)
    scene = StreetScene((options.seed, 1 << 20))
    scene.render(scene.camera(size))  # what is drawn once per process is drawn now
    frames, cpu, wall = [], time.process_time(), time.monotonic()
    for index in range(options.count):
        scene = StreetScene((options.seed, index))
        frames.append(scene.render(scene.camera(size)))
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    written = np.mean(
        [
            sum(
                len(encode_image(p))
                for p in (f.image, f.mask, (f.depth_m.clip(max=65) * 1e3).astype("u2"))
            )
            for f in frames[:20]
        ]
    )
    result = {
        "command": shlex.join(["python", "benchmarks/street.py", *sys.argv[1:]]),
        "image_size": list(size),
        "frames": options.count,
        "frames_per_cpu_second": options.count / cpu,
        "frames_per_second": options.count / wall,
        "floor_bytes_per_frame": FLOOR_BYTES * size[0] * size[1],
        "written_bytes_per_frame": int(written),
        "class_share": dict(
            zip(CLASS_NAMES, shares(f.mask for f in frames).round(4).tolist(), strict=True)
        ),
        "hardware": hardware(),
        "date": date.today().isoformat(),
    }
    if options.masks:
        real = shares(read_class_ids(path) for path in list_images(options.masks))
        result["real_share"] = dict(zip(CLASS_NAMES, real.round(4).tolist(), strict=True))
        # The folder's place on this machine says nothing to others.
        result["command"] = "python benchmarks/street.py --masks camvid/train/masks"
    write_json(options.results, result)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
