"""The data of `benchmarks/depth_indoor.yaml`: a synthetic room, and a real one split in two.

    python benchmarks/depth_indoor_data.py FOLDER/rgbd_indoor runs/depth_indoor/data

Copies the frames that `meta.json` names for training and for the test into folders of their own.
`--validation` measures on the last 40 labelled frames of the train split, to choose a recipe. The
photos (7-Scenes) are for non-commercial research.
"""

import argparse
import shutil
from collections.abc import Iterable
from pathlib import Path

from refinezoo.config import read_json
from refinezoo.data.formats import recognise
from refinezoo.errors import RefinezooError


def main() -> None:
    """Writes `synthetic/`, `real/train/` and `real/test/`, each with `images/` and `depth/`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="folder rgbd_indoor")
    parser.add_argument("out", type=Path)
    parser.add_argument("--validation", action="store_true")
    options = parser.parse_args()
    meta = read_json(options.source / "meta.json")
    if meta["depth_unit_m"] != 0.001:
        raise RefinezooError(f"expected depth in millimetres, received {meta['depth_unit_m']} m.")
    measured = meta["real_train"][-40:] if options.validation else meta["real_test"]
    copy_frames(options.source / "synthetic", None, options.out / "synthetic")
    copy_frames(options.source / "real", meta["real_train"], options.out / "real/train")
    copy_frames(options.source / "real", measured, options.out / "real/test")


def copy_frames(source: Path, stems: Iterable[str] | None, out: Path) -> None:
    """Copies images of these names (None: all) and their depth to `images/` and `depth/`."""
    layout, wanted = recognise(source), None if stems is None else set(stems)
    for image in layout.images():
        if wanted is not None and image.stem not in wanted:
            continue
        depth = layout.label("depth", image.relative_to(layout.root).as_posix())
        for folder, file in (("images", image), ("depth", depth)):
            (out / folder).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, out / folder / file.name)


if __name__ == "__main__":
    main()
