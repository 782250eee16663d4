"""The data of `benchmarks/rooms.yaml`: rendered rooms, and NYUv2 by its official split.

    python benchmarks/rooms_data.py FOLDER/blender_rooms FOLDER/nyuv2_labelled runs/rooms/data

Renders and photos of the train parts, photos of the test part, each into a folder of its own.
`--validation` measures on every fifth training photo, to choose a recipe. NYUv2 is used for
research only.
"""

import argparse
from pathlib import Path

from depth_indoor_data import copy_frames

from refinezoo.config import read_json


def main() -> None:
    """Writes `synthetic/`, `real/train/` and `real/test/`, each with `images/` and `depth/`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("renders", type=Path, help="folder blender_rooms")
    parser.add_argument("photos", type=Path, help="folder nyuv2_labelled")
    parser.add_argument("out", type=Path)
    parser.add_argument("--validation", action="store_true")
    options = parser.parse_args()
    renders = read_json(options.renders / "meta.json")["splits"]["train"]
    split = read_json(options.photos / "splits.json")
    train, test = split["train"], split["test"]
    if options.validation:
        train, test = [stem for k, stem in enumerate(train) if k % 5], train[::5]
    copy_frames(options.renders, renders, options.out / "synthetic")
    copy_frames(options.photos, train, options.out / "real/train")
    copy_frames(options.photos, test, options.out / "real/test")


if __name__ == "__main__":
    main()
