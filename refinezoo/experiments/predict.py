"""The answers of a model to a folder of images, as files that other programs read."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.formats import image_sizes
from refinezoo.data.images import read_image, write_image
from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_folder, write_json
from refinezoo.models.answers import answer_to
from refinezoo.paths import check_apart

WRITTEN_BY = "refinezoo predict"
BATCH = 8


def predict_folder(
    model: Any,
    images: str | os.PathLike,
    out: str | os.PathLike,
    *,
    drawn: bool = True,
    progress: bool = False,
) -> dict[str, Any]:
    """Writes what a model says of each image.

    `predictions.json` has a row an image. Arrays of a few values stand in it; maps are files
    beside it, in a folder of their name: images and class ids as PNG, metres as float32 `.npy`.
    Either all of it is written or nothing.

    Args:
        model: of any kind, or an exported file.
        images: a folder, an image or a pattern such as `photos/**/*.jpg`. Images with labels
            are seen the way up that these are for.
        out: the folder to write; an earlier one of this function is replaced.
        drawn: also write each answer drawn into its image, in `drawn/`.
        progress: show a progress bar.

    Returns:
        What `predictions.json` holds: `model`, `kind`, `outputs`, and `images`, a list of `file`,
        `words` and the answer's arrays.

    Raises:
        RefinezooError: no images, unreadable ones, equal names, images inside of `out`, or
            `out` holds other things.
    """
    sizes = image_sizes(images)
    paths = list(sizes)
    names = _names(paths)
    if Path(images).is_dir():
        check_apart(images, out)
    own = Path(out).resolve()
    if inside := [path for path in paths if path.resolve().is_relative_to(own)]:
        raise RefinezooError(
            f"expected images outside of {out}, which is replaced, received {inside[0]}. Give "
            "another out, or a pattern that leaves it out."
        )
    kind = model.kind
    rows: list[dict[str, Any]] = []
    with atomic_folder(out) as folder:
        numbered: Iterable[int] = range(0, len(paths), BATCH)
        if progress:
            from rich.progress import track

            numbered = track(numbered, "predicting", total=len(numbered))  # type: ignore[arg-type]
        for start in numbered:
            chosen = slice(start, start + BATCH)
            batch = [read_image(path, sizes[path]) for path in paths[chosen]]
            answers = model.predict(batch, verbose=0)
            for row, (name, image) in enumerate(zip(names[chosen], batch, strict=True)):
                answer = answer_to(answers, row)
                found = {"file": str(paths[start + row]), "words": kind.words(model, answer)}
                found |= dict(_written(kind, answer, folder, name))
                rows.append(found)
                if drawn:
                    _write_image(folder / "drawn" / name, kind.draw(model, image, answer))
        said = {
            "written_by": WRITTEN_BY,
            "model": getattr(model, "preset_name", None) or type(model).__name__,
            "weights_sha256": getattr(model, "weights_sha256", None),
            "kind": kind.name,
            "outputs": {name: output.described(model) for name, output in kind.outputs.items()},
            "class_names": list(getattr(model, "class_names", ())) or None,
            "images": rows,
        }
        write_json(folder / "predictions.json", said)
    return said


def _written(kind: Any, answer: Any, folder: Path, name: str) -> Iterator[tuple[str, Any]]:
    """Arrays of one answer, as JSON or as the name of the file that holds them."""
    named = answer if isinstance(answer, dict) else dict.fromkeys(kind.outputs, answer)
    count = int(named["count"]) if "count" in named else None
    for key, values in named.items():
        array = np.asarray(values)
        shape = kind.outputs[key].shape
        if "H" not in shape:  # rows beyond the count are padding
            yield key, (array[:count] if shape[:1] == ("keep",) else array).tolist()
        elif array.dtype == np.uint8:
            _write_image(folder / key / name, array)
            yield key, f"{key}/{name}.png"
        else:
            path = folder / key / f"{name}.npy"
            path.parent.mkdir(exist_ok=True, parents=True)
            np.save(path, array)
            yield key, f"{key}/{name}.npy"


def _write_image(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    write_image(path.with_name(path.name + ".png"), image)


def _names(paths: list[Path]) -> list[str]:
    """A name for each image's answer: its path below the folder that all share."""
    root = Path(os.path.commonpath([path.parent for path in paths]))
    names = [path.relative_to(root).with_suffix("").as_posix() for path in paths]
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise RefinezooError(
            f"expected images of different names, received {times} called {name}, whose endings "
            "differ. Give them one after the other, by a pattern: 'photos/*.jpg'."
        )
    return names
