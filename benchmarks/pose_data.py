"""The data of `benchmarks/pose.yaml`: renders, the same objects in photos, and unseen views.

    python benchmarks/pose_data.py runs/pose/data

Source: renders on black. Target, a stand-in for photos that do not exist: the same objects set
into shop photos under other light. 72 views of each object are for training, 18 for the test, and
the photos behind them differ too. `--validation` measures on a seventh of the training views
instead, to choose a recipe without a look at the test.
"""

import argparse
from pathlib import Path

from refinezoo.data import list_images
from refinezoo.data.pose import load_pose_views, photographed, split_views
from refinezoo.data.pose_files import write_pose_folder

HERE = Path(__file__).parent
VIEWS = HERE / "data" / "pose" / "grocery_pose_synth_64.npz"
PHOTOS = HERE / "data" / "fridge" / "unlabelled"


def main() -> None:
    """Writes `synthetic/`, `real/train/` and `real/test/`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--image-size", type=int, default=32, help="of the study; 64 in the paper")
    parser.add_argument("--validation", action="store_true")
    options = parser.parse_args()
    views, names = load_pose_views(VIEWS, options.image_size)
    train, test = split_views(views["label"], 0.2, seed=0)
    if options.validation:
        kept, held_out = split_views(views["label"][train], 1 / 7, seed=3)
        train, test = train[kept], train[held_out]
    photos = list_images(PHOTOS)
    parts = [{key: value[rows] for key, value in views.items()} for rows in (train, test)]
    renders, _ = load_pose_views(VIEWS)  # at their own size: the study scales masks with them
    write_pose_folder(
        options.out / "synthetic", {key: value[train] for key, value in renders.items()}, names
    )
    for name, part, picked, copies, seed in (
        ("train", parts[0], photos[::2], 4, 1),
        ("test", parts[1], photos[1::2], 3, 2),
    ):
        made = photographed(part, picked, copies=copies, seed=seed)
        write_pose_folder(options.out / "real" / name, made, names)


if __name__ == "__main__":
    main()
