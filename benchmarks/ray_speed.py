"""Images a second by workers of Ray, beside one process on one core.

    python benchmarks/ray_speed.py cyclegan_fgbg --workers 2 --count 400

Run it on a machine that does nothing else. Each worker has one thread. What is compared is the
steady rate, from the first answer of each worker to the last; how long a cluster and the models in
its workers take to start is told beside it. Efficiency is the workers' rate over that of as many
processes alone.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ[variable] = "1"  # of this process and of the workers, which inherit it

import refinezoo  # noqa: E402
from refinezoo.data.images import read_image, write_image  # noqa: E402
from refinezoo.files import ASSETS  # noqa: E402
from refinezoo.refinement import find_renders  # noqa: E402
from refinezoo.refinement.engines import refine_here, refine_on_ray  # noqa: E402
from refinezoo.refinement.run import Run  # noqa: E402
from refinezoo.scenes.compose import compose_scenes  # noqa: E402

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", help="refiners of the zoo, or preset folders")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--out", type=Path, default=HERE / "results/ray_speed.json")
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        renders = Path(folder) / "renders"
        _compose(Path(folder) / "scenes", renders, asked.count, asked.image_size)
        layout = find_renders(renders)
        for name in asked.names:
            refiner = refinezoo.load(name)
            run = Run(layout, refiner, out=Path(folder) / f"one_{len(rows)}")
            run.out.mkdir()
            processors = os.sched_getaffinity(0)
            os.sched_setaffinity(0, {min(processors)})
            one, _ = _rate(refine_here(run, layout.renders, batch_size=8, threads=1), 1)
            os.sched_setaffinity(0, processors)
            run = Run(layout, refiner, out=Path(folder) / f"many_{len(rows)}")
            run.out.mkdir()
            options = {"batch_size": 8, "workers": asked.workers, "gpus_per_worker": 0.0}
            many, start = _rate(refine_on_ray(run, layout.renders, **options), asked.workers)
            rows.append(
                {
                    "name": name,
                    "workers": asked.workers,
                    "images_per_s_alone": round(one, 2),
                    "images_per_s": round(many, 2),
                    "efficiency": round(many / one / asked.workers, 3),
                    "start_s": round(start, 1),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    document = {"image_size": asked.image_size, "count": asked.count, "rows": rows}
    asked.out.write_text(json.dumps(document, indent=1) + "\n")


def _compose(scenes: Path, renders: Path, count: int, image_size: int) -> None:
    """Composed scenes as JPEG files."""
    compose_scenes(ASSETS / "products", scenes, 32, image_size=image_size, progress=False)
    images = [read_image(path) for path in sorted((scenes / "images").glob("*.png"))]
    (renders / "images").mkdir(parents=True)
    for number in range(count):
        write_image(renders / f"images/{number:05}.jpg", images[number % len(images)])


def _rate(answers: Iterable[list], workers: int) -> tuple[float, float]:
    """Images a second after the first answer of each worker, and the seconds until then."""
    begun, counts, times = time.monotonic(), [], []
    for rows in answers:
        counts.append(len(rows))
        times.append(time.monotonic())
    return sum(counts[workers:]) / (times[-1] - times[workers - 1]), times[workers - 1] - begun


if __name__ == "__main__":
    main()
