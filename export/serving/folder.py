"""Sends a folder of images to a served model: bounded concurrency, progress, resume."""

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refinezoo.data.formats import list_images
from refinezoo.data.images import read_image
from refinezoo.errors import RefinezooError
from refinezoo.export.serving.client import ServingClient
from refinezoo.export.serving.png import encode_png
from refinezoo.export.serving.replies import Journal, check_reply, reply_files
from refinezoo.export.serving.transport import ServingError
from refinezoo.files import locked_folder

# Refusals of one image; any other ends the run, since the next image would meet it too.
_OF_THE_IMAGE = (
    "INVALID_ARGUMENT FAILED_PRECONDITION OUT_OF_RANGE RESOURCE_EXHAUSTED DATA_LOSS".split()
)
_IDENTITY = ("name", "version", "model", "weights_sha256")  # of model_info


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
    images and depth also gets `depth/STEM.png`; its depth becomes `out/depth/STEM.png`. Replies are
    decoded and compared in size before they are written. `request.jsonl` notes of which image,
    model and version each one is: a run that is started again sends what changed or is missing.

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
        RefinezooError: no images, two of one stem, no folder of depth, replies of another model or
            other files in `out`, or a server that cannot be reached or does not know the model
            (`ServingError`); or the disk takes no more.
    """
    source, out = Path(source), Path(out)
    maps = None if depth is None else Path(depth)
    if maps is not None and not maps.is_dir():
        raise RefinezooError(f"expected a folder of depth maps, {str(maps)!r} is none.")
    if maps is not None and maps.resolve() == (out / "depth").resolve():
        raise RefinezooError(f"expected replies elsewhere: depth would replace {str(maps)!r}.")
    paths = list_images(source)
    _check(source, out, paths)
    model = client.info()
    with locked_folder(out, f"another run writes replies into {str(out)!r}. Wait for its end."):
        journal = Journal(out, {key: model.get(key) for key in _IDENTITY})
        for path in paths:
            stem = path.stem
            journal.check_free(path.name, (f"{stem}.png", f"{stem}.json", f"depth/{stem}.png"))
        run = _Run(client, journal, maps)
        with ThreadPoolExecutor(concurrency) as pool:
            try:
                for _ in _tracked(pool.map(run.send, paths), len(paths), progress):
                    pass
            finally:
                run.stop.set()
        if client.info() != model:
            raise RefinezooError(
                f"the server moved to another version of {model.get('name')} meanwhile; some of "
                f"the replies in {str(out)!r} are of either. Give another folder."
            )
    failed = dict(sorted(run.failed.items()))
    resumed = len(run.resumed)
    return Sent(out, len(paths), len(paths) - resumed - len(failed), resumed, failed)


class _Run:
    """What the threads of one run share."""

    def __init__(self, client: ServingClient, journal: Journal, maps: Path | None):
        self.client, self.journal, self.maps = client, journal, maps
        self.stop = threading.Event()
        self.resumed: list[str] = []
        self.failed: dict[str, str] = {}

    def send(self, path: Path) -> None:
        """Sends one image, unless its reply is there."""
        if self.stop.is_set():
            return
        try:
            content = _bytes(path)
            depth = None if self.maps is None else _bytes(self.maps / f"{path.stem}.png")
            digest = hashlib.sha256(content + (depth or b"")).hexdigest()
            if self.journal.done(path.name, digest):
                return self.resumed.append(path.name)
            image = read_image(path)
            inputs = {"image_bytes": [encode_png(image)]}
            if depth is not None:
                inputs["depth_mm_bytes"] = [depth]
            reply = self.client.predict(**inputs)
            check_reply(reply, image.shape[:2])
            files = reply_files(reply, path.stem)
        except RefinezooError as error:
            if isinstance(error, ServingError) and error.code_name not in _OF_THE_IMAGE:
                self.stop.set()
                raise
            self.failed[path.name] = str(error)
            return
        try:
            self.journal.store(path.name, digest, files)
        except RefinezooError:  # the disk, which takes no other reply either
            self.stop.set()
            raise


def _check(source: Path, out: Path, paths: list[Path]) -> None:
    if out.resolve() == source.resolve():
        raise RefinezooError(f"expected another folder for the replies than {str(source)!r}.")
    stems: dict[str, Path] = {}
    for path in paths:
        other = stems.setdefault(path.stem, path)
        if other is not path:
            raise RefinezooError(
                f"{other.name} and {path.name} would give replies of one name. Rename one of them."
            )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RefinezooError(f"cannot read {path}: {error.strerror}.") from None


def _tracked(results: Any, total: int, show: bool) -> Any:
    if not show:
        return results
    from rich.progress import track

    return track(results, "sending", total=total, transient=True)
