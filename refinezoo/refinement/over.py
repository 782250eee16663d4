"""What a refinement is painted over in place of its renders: an earlier refinement of them."""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.formats import Layout
from refinezoo.data.images import read_image_file
from refinezoo.errors import RefinezooError
from refinezoo.paths import check_apart
from refinezoo.refinement.manifest import document_of, journals_in
from refinezoo.refinement.rows import checked

_log = logging.getLogger(__name__)


def checked_over(
    over: Any, out: Path, strength: float | tuple[float, float]
) -> tuple[Path | None, dict[str, str]]:
    """The folder of what is painted over, and the SHA-256 of the render of each of its images.

    Raises:
        RefinezooError: no folder, one inside `out`, one whose run has not ended, or a strength at
            which nothing of it is seen.
    """
    if over is None:
        return None, {}
    if not Path(over).is_dir():
        raise RefinezooError(
            "expected over to be the folder, on this machine, of an earlier refinement, received "
            f"{str(over)!r}, which is none. Refine the same dataset into it first."
        )
    if strength in (1.0, (1.0, 1.0)):
        raise RefinezooError(
            f"expected a strength below 1 beside over, received {strength}: nothing of "
            f"{str(over)!r} would be seen. Give --foreground-strength 0 (strength=(0, 1) in "
            "Python) to refine all around the objects."
        )
    folder = Path(over)
    check_apart(folder, out)
    if journals_in(folder):
        raise RefinezooError(
            f"expected over to be a finished refinement, received {str(over)!r}, whose run has not "
            "ended. Run it again to its end first (without --shard where it was one)."
        )
    renders = _renders_of(folder)
    if not renders:
        _log.warning(
            "%s has no manifest that says of which renders it was made: painted over by file names",
            folder,
        )
    return folder, renders


def _renders_of(folder: Path) -> dict[str, str]:
    """Of each image the SHA-256 of its render, as the folder's manifest says."""
    others = sorted(path for path in folder.glob("*.json*") if path.suffix in (".json", ".jsonl"))
    for path in (folder / "manifest.json", *others):
        if path.is_file() and (document := document_of(path)) is not None:
            rows = checked(document.get("images"))
            return {row["file"]: row["source_sha256"] for row in rows}
    return {}


def read_over(over: Path, layout: Layout, name: str, width: int, height: int) -> np.ndarray:
    """The image of a render's name in another refinement of its dataset, uint8 `[H, W, 3]`.

    Raises:
        RefinezooError: there is none, or one of another size.
    """
    where = f"{name}: expected {width} x {height} pixels in {str(over)!r} too, to paint over"
    if not (over / name).is_file():
        raise RefinezooError(
            f"{where}, received no file. Refine the same dataset into that folder first."
        )
    rgb = read_image_file(over / name, layout.size(name)).rgb
    if rgb.shape[:2] != (height, width):
        raise RefinezooError(
            f"{where}, received {rgb.shape[1]} x {rgb.shape[0]}. Refine the same dataset into that "
            "folder."
        )
    return rgb
