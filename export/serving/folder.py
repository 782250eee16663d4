"""Sends a folder of images to a served model: bounded concurrency, progress, resume."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.formats import list_images
from refinezoo.data.images import read_image
from refinezoo.errors import RefinezooError
from refinezoo.export.serving.client import ServingClient
from refinezoo.export.serving.png import encode_png
from refinezoo.export.serving.transport import ServingError
from refinezoo.files import atomic_path, write_json

# Refusals of one image; any other ends the run, since the next image would meet it too.
_OF_THE_IMAGE = ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE", "RESOURCE_EXHAUSTED")


@dataclass(frozen=True)
class Sent:
    """What a run did.

    Attributes:
        out: the folder of the replies.
        images: images found.
        received: replies written by this run.
        resumed: images whose reply was there already.
        failed: per image that was refused or could not be read, why.
    """

    out: Path
    images: int
    received: int
    resumed: int
    failed: dict[str, str]


def send_folder(
    client: ServingClient,
    source: str | os.PathLike,
    out: str | os.PathLike,
    *,
    depth: str | os.PathLike | None = None,
    concurrency: int = 4,
    progress: bool = True,
) -> Sent:
    """Sends each image of a folder to `serving_default` and writes the reply.

    A reply that is an image (of refiners, segmenters, depth models) becomes `STEM.png`; detections
    become `STEM.json`: `boxes` (x1, y1, x2, y2 in pixels), `scores`, `classes`, a list each. Images
    are read as everywhere in refinezoo (EXIF applied, grey to RGB) and sent as PNG. A refiner of
    images and depth also gets `depth/STEM.png`; its depth becomes `out/depth/STEM.png`. A run that
    was interrupted goes on where it stopped when it is started again.

    Args:
        client: of the model to call.
        source: folder of images (not of its sub-folders).
        out: folder of the replies.
        depth: folder of 16-bit grey PNG, millimetres, 0 = no surface, each of its image's size.
        concurrency: requests under way at a time.
        progress: show a progress bar.

    Returns:
        What was done.

    Raises:
        RefinezooError: no images, two of one stem, no folder of depth, or a server that cannot be
            reached or does not know the model (`ServingError`).
    """
    source, out = Path(source), Path(out)
    maps = None if depth is None else Path(depth)
    if maps is not None and not maps.is_dir():
        raise RefinezooError(f"expected a folder of depth maps, {str(maps)!r} is none.")
    if maps is not None and maps.resolve() == (out / "depth").resolve():
        raise RefinezooError(f"expected replies elsewhere: depth would replace {str(maps)!r}.")
    paths = list_images(source)
    _check(source, out, paths)
    waiting = [path for path in paths if not _done(out, path.stem)]
    failed: dict[str, str] = {}
    stop = threading.Event()

    def send(path: Path) -> None:
        if stop.is_set():
            return
        try:
            inputs = {"image_bytes": [encode_png(read_image(path))]}
            if maps is not None:
                inputs["depth_mm_bytes"] = [_depth(maps / f"{path.stem}.png")]
            _write(client.predict(**inputs), out, path.stem)
        except RefinezooError as error:
            if isinstance(error, ServingError) and error.code_name not in _OF_THE_IMAGE:
                stop.set()
                raise
            failed[path.name] = str(error)

    with ThreadPoolExecutor(concurrency) as pool:
        try:
            for _ in _tracked(pool.map(send, waiting), len(waiting), progress):
                pass
        finally:
            stop.set()
    received = len(waiting) - len(failed)
    return Sent(out, len(paths), received, len(paths) - len(waiting), dict(sorted(failed.items())))


def _check(source: Path, out: Path, paths: list[Path]) -> None:
    if out.resolve() == source.resolve():
        raise RefinezooError(f"expected another folder for the replies than {str(source)!r}.")
    stems = {}
    for path in paths:
        other = stems.setdefault(path.stem, path)
        if other is not path:
            raise RefinezooError(
                f"{other.name} and {path.name} would give replies of one name. Rename one of them."
            )


def _done(out: Path, stem: str) -> bool:
    return any((out / f"{stem}{suffix}").is_file() for suffix in (".png", ".json"))


def _depth(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RefinezooError(f"expected its depth map {path}: {error.strerror}.") from None


def _write(reply: dict[str, np.ndarray], out: Path, stem: str) -> None:
    pictures = [name for name in reply if name.endswith("_bytes")]
    # What `_done` looks for comes last.
    for name in sorted(pictures, key="image_bytes".__eq__):
        folder = out / "depth" if name == "depth_mm_bytes" and len(pictures) > 1 else out
        with atomic_path(folder / f"{stem}.png") as temporary:
            temporary.write_bytes(reply[name][0])
    if pictures:
        return
    count = int(reply.pop("count")[0])
    found = {name: values[0][:count].tolist() for name, values in reply.items()}
    write_json(out / f"{stem}.json", found)


def _tracked(results: Any, total: int, show: bool) -> Any:
    if not show:
        return results
    from rich.progress import track

    return track(results, "sending", total=total, transient=True)
