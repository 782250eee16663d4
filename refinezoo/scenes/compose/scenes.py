"""`compose_scenes`: from product cut-outs to a COCO dataset of synthetic scenes."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2

from refinezoo.data.image_size import ImageSize, side_of_square
from refinezoo.data.images import encode_image
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.files import atomic_folder
from refinezoo.scenes.compose.composer import Composer
from refinezoo.scenes.compose.layouts import LAYOUTS
from refinezoo.scenes.compose.statistics import LayoutStatistics
from refinezoo.scenes.workers import over_processes

CAMERAS = ("mixed", "pinhole", "wide_angle")
WRITTEN_BY = "synthetic scenes composed by refinezoo"


def compose_scenes(
    products: str | os.PathLike,
    out: str | os.PathLike,
    count: int,
    *,
    distractors: str | os.PathLike | None = None,
    image_size: ImageSize = 128,
    layout: str = "mixed",
    camera: str = "mixed",
    seed: int = 0,
    statistics: LayoutStatistics | dict | str | os.PathLike | None = None,
    backgrounds: bool = False,
    progress: bool = True,
    workers: int = 1,
) -> Path:
    """Composes synthetic scenes with exact boxes and masks, written as a COCO dataset.

    The same arguments give the same bytes. Every instance of a product is annotated with the box,
    mask, area and visible share of what is seen of it; those too small or too hidden to be learnt
    (`min_labelled_area`, `min_labelled_visibility`) carry `iscrowd: 1`. The foreground mask is the
    union of the others; a drawn hand belongs to the background.

    Args:
        products: folder of RGBA cut-outs, with `classes.json` or one category per file.
        out: the dataset's folder; an earlier composed dataset there is replaced.
        count: number of scenes.
        distractors: folder of RGBA cut-outs of objects without labels.
        image_size: side of the square images in pixels, 16 or more.
        layout: "hand_held", "shelf", "tray" or "mixed" (shares: `statistics.mixture`).
        camera: "pinhole", "wide_angle" (equidistant fisheye), or "mixed": every tray and a tenth
            of the others in wide angle.
        seed: of everything random.
        statistics: `LayoutStatistics`, a dict or JSON file of some of its fields; None = defaults.
        backgrounds: also write `backgrounds/`, each scene without its labelled products.
        progress: show a progress bar.
        workers: processes.

    Returns:
        `out`, holding annotations.json, images/, foreground_masks/ and perhaps backgrounds/.

    Raises:
        RefinezooError: unreadable cut-outs, an impossible argument, or `out` holds other things.
    """
    found = LayoutStatistics.read(statistics)
    image_size = side_of_square(image_size, "the composer")
    _check(count, image_size, layout, camera, seed, workers)
    out = Path(out)
    arguments = (products, distractors, image_size, layout, camera, seed, found, backgrounds)
    composer = Composer(*arguments)
    parameters = {
        "products": Path(products).name,
        "count": count,
        "distractors": Path(distractors).name if distractors is not None else None,
        "image_size": image_size,
        "layout": layout,
        "camera": camera,
        "seed": seed,
        "statistics": found.model_dump(mode="json"),
        "backgrounds": backgrounds,
    }
    document: dict = {
        "info": {"description": WRITTEN_BY, "parameters": parameters},
        "images": [],
        "annotations": [],
        "categories": composer.categories,
    }
    with atomic_folder(out) as folder:
        for name in ("images", "foreground_masks", *(["backgrounds"] if backgrounds else [])):
            (folder / name).mkdir()
        written: Iterable[tuple] = _written(composer, arguments, folder, count, workers)
        if progress:
            from rich.progress import track

            written = track(written, "composing scenes", total=count)
        for image, rows in written:
            document["images"].append(image)
            for row in rows:
                document["annotations"].append({**row, "id": len(document["annotations"]) + 1})
        text = json.dumps(document, separators=(",", ":"))
        (folder / "annotations.json").write_text(text + "\n", encoding="utf-8")
    return out


def _written(composer, arguments, folder: Path, count: int, workers: int) -> Iterator[tuple]:
    if workers == 1:
        yield from (_write(composer, folder, index) for index in range(count))
        return
    given = (arguments, folder)
    yield from over_processes(
        _work, range(count), workers=workers, start=_start, arguments=given, chunk=16
    )


_worker: dict = {}


def _start(arguments: tuple, folder: Path) -> None:
    cv2.setNumThreads(1)
    _worker.update(composer=Composer(*arguments), folder=folder)


def _work(index: int) -> tuple:
    return _write(_worker["composer"], _worker["folder"], index)


def _write(composer: Composer, folder: Path, index: int) -> tuple[dict, list[dict]]:
    scene = composer.scene(index)
    name = f"{index:06d}.png"
    (folder / "images" / name).write_bytes(encode_image(scene.image))
    (folder / "foreground_masks" / name).write_bytes(encode_image(scene.foreground_mask))
    if scene.background is not None:
        (folder / "backgrounds" / name).write_bytes(encode_image(scene.background))
    record = {
        "id": index + 1,
        "file_name": name,
        "width": composer.image_size,
        "height": composer.image_size,
        "layout": scene.layout,
        "half_angle": scene.half_angle,
    }
    rows = [{k: v for k, v in row.items() if k != "instance"} for row in scene.annotations]
    return record, rows


def _check(count, image_size, layout, camera, seed, workers) -> None:
    for name, value, low in (
        ("count", count, 1),
        ("image_size", image_size, 16),
        ("seed", seed, 0),
        ("workers", workers, 1),
    ):
        if int(value) != value or value < low:
            raise RefinezooError(
                f"expected {name} to be a whole number >= {low}, received {value}."
            )
    for name, value, known in (
        ("layout", layout, ("mixed", *LAYOUTS)),
        ("camera", camera, CAMERAS),
    ):
        if value not in known:
            raise RefinezooError(
                f"expected {name} to be one of {', '.join(known)}, received {value!r}."
                + did_you_mean(value, known)
            )
