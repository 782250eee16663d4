"""`render_street`: frames with mask, depth and boxes, written as a dataset."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as rle_tools

from refinezoo.config import read_json
from refinezoo.data.image_size import ImageSize, height_and_width
from refinezoo.data.images import encode_image
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.files import atomic_path, locked_folder, own_folder, remove_folder, write_json
from refinezoo.scenes.street.camera import Camera
from refinezoo.scenes.street.classes import CLASS_NAMES, INSTANCE_CLASSES
from refinezoo.scenes.street.forest import ForestWorld
from refinezoo.scenes.street.scene import Frame
from refinezoo.scenes.street.streets import StreetScene
from refinezoo.scenes.workers import over_processes
from refinezoo.workshop import is_mark

WRITTEN_BY = "frames rendered by refinezoo"
FARTHEST_M = 65.535  # what 16 bits of millimetres can say
RENDERER = 1  # raise it when a seed comes to give other frames: folders never mix two
LEAST_AREA = 0.0005  # share of the image below which an instance is marked iscrowd
_RECORDS = ".frames"


def _street_frame(seed: int, index: int, image_size: tuple[int, int]) -> Frame:
    scene = StreetScene((seed, index))
    return scene.render(scene.camera(image_size))


def _forest_frame(seed: int, index: int, image_size: tuple[int, int]) -> Frame:
    world = ForestWorld((seed, index))
    return world.render(world.random_camera(image_size))


MODES: dict[str, Callable[[int, int, tuple[int, int]], Frame]] = {
    "street": _street_frame,
    "forest": _forest_frame,
}


def render_street(
    out: str | os.PathLike,
    count: int,
    *,
    image_size: ImageSize = (240, 320),
    seed: int = 0,
    mode: str = "street",
    workers: int = 1,
    progress: bool = True,
) -> Path:
    """Renders labelled frames of streets, or of a forest to fly through.

    The same arguments give the same bytes, whatever the number of workers. Every frame is a scene
    of its own. Run again to resume: finished frames are kept.

    Args:
        out: the dataset's folder, new or begun with the same arguments.
        count: number of frames.
        image_size: height and width, or one side, pixels, each at least 32.
        seed: of everything random.
        mode: a driver's view of a "street", or "forest": trunks and walls.
        workers: processes.
        progress: show a progress bar.

    Returns:
        `out`, holding `images/` (RGB), `masks/` (class ids of `CLASS_NAMES`, 8-bit), `depth/`
        (16-bit millimetres along the optical axis; 0 = no surface, or one beyond 65.535 m) and
        `annotations.json` (COCO: boxes and masks of poles, signs, cars, pedestrians, bicyclists;
        `iscrowd: 1` marks those under 0.05 % of the image).

    Raises:
        RefinezooError: an impossible argument, or `out` holds other things.
    """
    image_size = _checked(count, image_size, seed, mode, workers)
    parameters = {"count": count, "image_size": list(image_size), "seed": seed, "mode": mode}
    parameters["renderer"] = RENDERER
    out = Path(out)
    if _finished(out, parameters):
        return out
    busy = f"expected to render into {out} alone, but another process is rendering there."
    with locked_folder(out, busy):
        records = out / _RECORDS
        for name in ("images", "masks", "depth"):
            (out / name).mkdir(exist_ok=True)
        own_folder(records)
        write_json(records / "parameters.json", parameters)
        missing = [k for k in range(count) if not (records / f"{k:06d}.json").is_file()]
        done: Iterable = _rendered(missing, (out, image_size, seed, mode), workers)
        if progress:
            from rich.progress import track

            done = track(done, "rendering frames", total=len(missing))
        for _ in done:
            pass
        document: dict = {
            "info": {"description": WRITTEN_BY, "parameters": parameters},
            "images": [],
            "annotations": [],
            "categories": [{"id": k, "name": CLASS_NAMES[k]} for k in INSTANCE_CLASSES],
        }
        for index in range(count):
            record = read_json(records / f"{index:06d}.json")
            document["images"].append(record["image"])
            for row in record["annotations"]:
                document["annotations"].append({"id": len(document["annotations"]) + 1, **row})
        with atomic_path(out / "annotations.json") as temporary:
            text = json.dumps(document, separators=(",", ":"))
            temporary.write_text(text + "\n", encoding="utf-8")
        remove_folder(records)
    return out


def _rendered(missing: list[int], task: tuple, workers: int) -> Iterator[int]:
    if workers == 1:
        for index in missing:
            yield _write(task, index)
        return
    yield from over_processes(
        _work, missing, workers=workers, start=_start, arguments=(task,), chunk=4
    )


_worker: dict = {}


def _start(task: tuple) -> None:
    cv2.setNumThreads(1)
    _worker["task"] = task


def _work(index: int) -> int:
    return _write(_worker["task"], index)


def _write(task: tuple, index: int) -> int:
    """Renders and writes frame `index`; its record comes last and says that it is there."""
    out, image_size, seed, mode = task
    frame = MODES[mode](seed, index, image_size)
    name = f"{index:06d}.png"
    metres = np.where(frame.depth_m <= FARTHEST_M, frame.depth_m, 0)
    for folder, pixels in (
        ("images", frame.image),
        ("masks", frame.mask),
        ("depth", np.round(metres * 1000).astype(np.uint16)),
    ):
        with atomic_path(out / folder / name) as temporary:
            temporary.write_bytes(encode_image(pixels))
    height, width = image_size
    record = {
        "image": {"id": index + 1, "file_name": name, "width": width, "height": height},
        "annotations": annotations(frame, index + 1),
    }
    write_json(out / _RECORDS / f"{index:06d}.json", record)
    return index


def annotations(frame: Frame, image_id: int) -> list[dict]:
    """COCO annotations, without ids, of what is seen of every instance of a frame."""
    numbers = np.unique(frame.instance)
    numbers = numbers[numbers > 0]
    rows = []
    for number in numbers:
        seen = frame.instance == number
        code = rle_tools.encode(np.asfortranarray(seen, np.uint8))
        area = int(seen.sum())
        rows.append(
            {
                "image_id": image_id,
                "category_id": int(frame.mask[seen][0]),
                "bbox": [int(value) for value in rle_tools.toBbox(code)],
                "area": area,
                "iscrowd": int(area < LEAST_AREA * seen.size),
                "segmentation": {
                    "size": [int(n) for n in code["size"]],
                    "counts": code["counts"].decode("ascii"),
                },
            }
        )
    return rows


def _checked(count, image_size, seed, mode, workers) -> tuple[int, int]:
    for name, value, low in (("count", count, 1), ("seed", seed, 0), ("workers", workers, 1)):
        if int(value) != value or value < low:
            raise RefinezooError(
                f"expected {name} to be a whole number >= {low}, received {value}."
            )
    if mode not in MODES:
        raise RefinezooError(
            f"expected mode to be one of {', '.join(MODES)}, received {mode!r}."
            + did_you_mean(mode, MODES)
        )
    # Camera refuses what is too small.
    return Camera(height_and_width(image_size), 1.0).image_size


def _finished(out: Path, parameters: dict) -> bool:
    """Whether `out` is complete; refuses one that holds anything but these frames."""
    if out.exists() and not out.is_dir():
        raise RefinezooError(f"expected a folder to render into, received the file {out}.")
    complete, begun = out / "annotations.json", out / _RECORDS / "parameters.json"
    found = None
    try:
        if complete.is_file():
            info = read_json(complete, 1 << 30)["info"]
            found = info["parameters"] if info["description"] == WRITTEN_BY else None
        elif begun.is_file():
            found = read_json(begun)
        elif not any(p.is_file() and not is_mark(p.name) for p in out.rglob("*")):
            return False
    except (KeyError, TypeError, ValueError):
        pass
    if found != parameters:
        what = "other files" if found is None else f"frames rendered with {found}"
        raise RefinezooError(
            f"expected a new folder, or one begun with {parameters}, received {out}, which holds "
            f"{what}. Choose another folder or delete it."
        )
    return complete.is_file()
