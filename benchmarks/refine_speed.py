"""CPU seconds of refining an image: in the model, and in `refine_dataset` from file to file.

    python benchmarks/refine_speed.py reinhard cyclegan_fgbg

Renders are composed, as JPEG files; no gate. With OMP_NUM_THREADS=1 and TF_NUM_INTRAOP_THREADS=1,
CPU seconds hardly change when other programs share the core.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import refinezoo
from refinezoo.data.images import read_image, write_image
from refinezoo.files import ASSETS
from refinezoo.scenes.compose import compose_scenes

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", help="refiners of the zoo, or preset folders")
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--out", type=Path, default=HERE / "results/refine_speed.json")
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        renders = Path(folder) / "renders"
        scenes = Path(folder) / "scenes"
        compose_scenes(
            ASSETS / "products", scenes, asked.count, image_size=asked.image_size, progress=False
        )
        for path in sorted((scenes / "images").iterdir()):
            write_image(renders / f"{path.stem}.jpg", read_image(path))
        size = sum(path.stat().st_size for path in renders.iterdir()) / asked.count
        for name in asked.names:
            rows.append({"name": name, **measured(name, renders, Path(folder), asked)})
            print(json.dumps(rows[-1]), flush=True)
    settings = {key: getattr(asked, key) for key in ("image_size", "count", "batch_size")}
    found = {**settings, "jpeg_bytes": round(size), "rows": rows}
    asked.out.write_text(json.dumps(found, indent=1) + "\n")


def measured(name: str, renders: Path, folder: Path, asked: argparse.Namespace) -> dict:
    """CPU seconds an image in the model and from file to file, both without the first batch."""
    refiner = refinezoo.load(name)
    images = np.stack([read_image(path) for path in sorted(renders.iterdir())])
    refiner.refine(images[: asked.batch_size])
    inside = cpu_seconds(lambda: refiner.refine(images, batch_size=asked.batch_size))
    whole = cpu_seconds(
        lambda: refinezoo.refine_dataset(
            renders,
            folder / f"refined_{Path(name).name}",
            refiner,
            batch_size=asked.batch_size,
            workers=1,
            progress=False,
        )
    )
    return {
        "model_s": round(inside / asked.count, 5),
        "file_to_file_s": round(whole / asked.count, 5),
        "outside": round(max(0.0, 1 - inside / whole), 3),
        "images_per_cpu_hour": round(3600 * asked.count / whole),
    }


def cpu_seconds(work: Callable[[], object]) -> float:
    """Of all threads of this process."""
    before = time.process_time()
    work()
    return time.process_time() - before


if __name__ == "__main__":
    main()
