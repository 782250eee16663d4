"""The data of `benchmarks/obstacle_range.yaml`: frames of forests in two looks, with depth.

    python benchmarks/forest_data.py runs/obstacle_range/data

Source: `ForestWorld`s of the plain look. Target, a stand-in for photos that do not exist: other
worlds of the rich look (other textures and light, haze, noise), rendered too and called so.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from refinezoo.data import write_image
from refinezoo.scenes.street import ForestWorld

SETS = {"synthetic": (1000, "plain"), "real/train": (2000, "rich"), "real/test": (3000, "rich")}
FARTHEST_M = 65.535  # what 16 bits of millimetres can say


def main() -> None:
    """Writes `synthetic/`, `real/train/` and `real/test/`, each with `images/` and `depth/`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=1500, help="of each look to train on")
    parser.add_argument("--test-frames", type=int, default=400)
    parser.add_argument("--image-size", nargs=2, type=int, default=[96, 128])
    options = parser.parse_args()
    cv2.setNumThreads(1)
    for name, (seed, look) in SETS.items():
        for folder in ("images", "depth"):
            (options.out / name / folder).mkdir(parents=True, exist_ok=True)
        for index in range(options.test_frames if name == "real/test" else options.frames):
            world = ForestWorld((seed, index), look=look)
            frame = world.render(world.random_camera(tuple(options.image_size)))
            metres = np.where(frame.depth_m <= FARTHEST_M, frame.depth_m, 0)
            depth = np.round(metres * 1000).astype(np.uint16)
            write_image(options.out / name / "images" / f"{index:06d}.png", frame.image)
            cv2.imwrite(str(options.out / name / "depth" / f"{index:06d}.png"), depth)


if __name__ == "__main__":
    main()
