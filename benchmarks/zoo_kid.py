"""How far each refiner of the zoo brings its renders towards its photos: KID, before and after.

    python benchmarks/zoo_kid.py --shared FOLDER

100 renders and as many photos of each pair of sets, in the pooled features of EfficientNet-Lite0
from ImageNet at 224 px, unbiased, cubic kernel (`refinezoo.metrics.kid`). Beside it the mean change
of a render and of a photo, which needs none, in levels of 255. FOLDER holds digits/,
bsds500_photos/ and rgbd_indoor/, which are not part of this repository; without it the fridge and
the poses alone are measured. Looks are no gain: docs/research.md. `--write` puts the figures into
zoo_configs/.
"""

import argparse
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from refinezoo import load
from refinezoo.config import yaml_text
from refinezoo.data import images_and_masks, list_images, load_digits, read_image
from refinezoo.data.pose import load_pose_views, photographed, split_views
from refinezoo.experiments.compare.recipe import hardware, versions
from refinezoo.experiments.photo_masks import mask_function
from refinezoo.files import write_json
from refinezoo.metrics.kid import kid, pooled_features
from refinezoo.refiners import CameraModel, RegionTransport
from refinezoo.scenes.compose import compose_scenes

HERE = Path(__file__).parent
COUNT, SIZE = 100, 224
Pair = tuple[np.ndarray, np.ndarray]
FRIDGE = (
    "colour_transport",
    "cyclegan",
    "cyclegan_fgbg",
    "cyclegan_projected",
    "fda",
    "reinhard",
    "simgan_fridge",
)
SETS = {
    "fridge": "100 composed scenes (seed 8, 160 px); 100 of the 864 photos of "
    "benchmarks/data/fridge/unlabelled, which the statistics and the training have seen",
    "digits_usps": "100 MNIST and 100 USPS test digits, 28 px",
    "digits_mnistm": "100 MNIST and 100 MNIST-M test digits (photos: BSDS500 val), 28 px",
    "pose": "100 test views on black and 100 other test views in photos (pose_data.py), 32 px",
    "rooms": "100 frames of rgbd_indoor's synthetic and 100 of its real room, 192 x 256",
}


def main() -> None:
    """Measures all and writes results/zoo_kid.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, help="folder of the data that are not here")
    parser.add_argument("--results", type=Path, default=HERE / "results/zoo_kid.json")
    parser.add_argument("--write", action="store_true", help="put the figures into zoo_configs/")
    asked = parser.parse_args()
    measured = Measured()
    fridge(measured)
    measured.refiner("pose", pose(), "pixelda_pose")
    if asked.shared is not None:
        digits = asked.shared / "digits"
        mnist = drawn(load_digits(digits / "mnist.npz", "test")[0], 0)
        usps = drawn(load_digits(digits / "usps.npz", "test")[0], 1)
        measured.refiner("digits_usps", (mnist, usps), "pixelda_mnist_usps")
        val = asked.shared / "bsds500_photos" / "val"
        target = drawn(load_digits(digits / "mnist.npz", "test", photos=val)[0], 1)
        measured.refiner("digits_mnistm", (mnist, target), "pixelda_mnist_mnistm")
        measured.refiner("rooms", rooms(asked.shared / "rgbd_indoor"), "t2net_indoor")
    found = {
        "command": "python benchmarks/zoo_kid.py --shared FOLDER",
        "rule": f"KID in pooled EfficientNet-Lite0 features (ImageNet, {SIZE} px), unbiased, cubic "
        f"kernel; {COUNT} images of each set",
        "sets": SETS,
        "hardware": hardware(),
        "versions": versions(),
        "date": date.today().isoformat(),
        "rows": measured.rows,
    }
    write_json(asked.results, found)
    if asked.write:
        for row in measured.rows:
            if "entry" in row:
                write_into_entry(row)


class Measured:
    """The rows so far."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.backbone = load("efficientnet_lite0_imagenet").backbone(taps=(32,))

    def refiner(self, sets: str, pair: Pair, name: str) -> None:
        """A zoo entry."""
        model = load(name)
        self.row(sets, pair, name, lambda images: model.refine(images), entry=True)

    def row(
        self,
        sets: str,
        pair: Pair,
        name: str,
        refine: Callable[[np.ndarray], np.ndarray],
        refine_photos: Callable[[np.ndarray], np.ndarray] | None = None,
        *,
        entry: bool = False,
    ) -> None:
        """One refiner, on renders and photos uint8 `[N, H, W, 3]`."""
        renders, photos = pair
        refined, left = refine(renders), (refine_photos or refine)(photos)
        known, before, after = (
            pooled_features(self.backbone, images, size=SIZE)
            for images in (photos, renders, refined)
        )
        row: dict[str, Any] = {"entry" if entry else "refiner": name, "sets": sets}
        row |= {"kid": kid(after, known)["kid"], "kid_of_renders": kid(before, known)["kid"]}
        row |= {"change_levels": change(refined, renders), "photos_levels": change(left, photos)}
        self.rows.append({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()})
        print(self.rows[-1], flush=True)


def change(one: np.ndarray, other: np.ndarray) -> float:
    """The mean absolute difference."""
    return float(np.abs(one.astype("float32") - other).mean())


def drawn(images: np.ndarray, seed: int) -> np.ndarray:
    """So many of them."""
    return images[np.random.default_rng(seed).permutation(len(images))[:COUNT]]


def evenly(paths: list[Path]) -> list[Path]:
    """So many of them, evenly."""
    return [paths[k] for k in np.linspace(0, len(paths) - 1, COUNT).round().astype(int)]


def fridge(measured: Measured) -> None:
    """The fridge's refiners, and two that learn nothing and are no entries."""
    import cv2

    unlabelled = list_images(HERE / "data/fridge/unlabelled")
    files = evenly(unlabelled)
    with tempfile.TemporaryDirectory() as folder:
        assets = HERE.parent / "refinezoo/assets"
        places = {"products": assets / "products", "distractors": assets / "distractors"}
        out = compose_scenes(
            places["products"],
            Path(folder) / "renders",
            COUNT,
            distractors=places["distractors"],
            image_size=160,
            seed=8,
            progress=False,
        )
        pairs = [*images_and_masks(list_images(out))]
    side = (160, 160)
    photos = np.stack(
        [cv2.resize(read_image(path), side, interpolation=cv2.INTER_AREA) for path in files]
    )
    renders, masks = map(np.stack, zip(*pairs, strict=True))
    for name in FRIDGE:
        measured.refiner("fridge", (renders, photos), name)
    own = [read_image(path) for path in unlabelled]  # as they were saved: their JPEG shows
    lens, saved = {"vignetting": True}, {"jpeg": True}
    for settings in ({}, lens, saved, lens | saved):
        camera = CameraModel(**settings).adapt(own, renders=renders)
        name = f"CameraModel({', '.join(f'{key}={value}' for key, value in settings.items())})"
        measured.row("fridge", (renders, photos), name, camera.refine)
    found = [*images_and_masks(files, mask_function("pvanet_fridge_synthetic"), size=side)]
    region = RegionTransport().adapt(found, renders=pairs)
    known = np.stack([mask for _, mask in found])
    measured.row(
        "fridge",
        (renders, photos),
        "RegionTransport, masks of photos by pvanet_fridge_synthetic",
        lambda images: region.refine(images, foreground_mask=masks),
        lambda images: region.refine(images, foreground_mask=known),
    )


def pose() -> Pair:
    """Views that nothing was trained on, on black and in photos."""
    views, _ = load_pose_views(HERE / "data/pose/grocery_pose_synth_64.npz", 32)
    _, test = split_views(views["label"], 0.2, seed=0)
    order = np.random.default_rng(0).permutation(test)[: 2 * COUNT]
    # No view is in both sets, or the distance would see the same object twice.
    first, second = order[: len(order) // 2], order[len(order) // 2 :]
    parts = {key: value[second] for key, value in views.items()}
    photos = list_images(HERE / "data/fridge/unlabelled")
    return views["image"][first], photographed(parts, photos, copies=1, seed=1)["image"]


def rooms(folder: Path) -> Pair:
    """Frames of both rooms."""
    import cv2

    halves = []
    for half in ("synthetic", "real"):
        files = evenly(list_images(folder / half / "images"))
        shrunk = [
            cv2.resize(read_image(path), (256, 192), interpolation=cv2.INTER_AREA) for path in files
        ]
        halves.append(np.stack(shrunk))
    return halves[0], halves[1]


def write_into_entry(row: dict[str, Any]) -> None:
    """The figure as a result of the entry, in place of an earlier one of this script."""
    path = HERE.parent / "zoo_configs" / f"{row['entry']}.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    rule = (
        f"pooled EfficientNet-Lite0 features (ImageNet, {SIZE} px), unbiased, cubic kernel; "
        "python benchmarks/zoo_kid.py"
    )
    result = {
        "dataset": SETS[row["sets"]],
        "split": f"{COUNT} refined renders, {COUNT} photos",
        "metric": "KID",
        "rule": rule,
        "value": row["kid"],
        "n": 1,
        "baseline": "the renders as they are",
        "baseline_value": row["kid_of_renders"],
        "notes": f"Mean change of a render {row['change_levels']:.1f} levels of 255, of a photo, "
        f"which needs none, {row['photos_levels']:.1f}. {date.today().isoformat()}.",
    }
    kept = [each for each in content["results"] if not each["rule"].endswith("zoo_kid.py")]
    content["results"] = [*kept, result]
    path.write_text(yaml_text(content), encoding="utf-8")


if __name__ == "__main__":
    main()
