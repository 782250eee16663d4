"""A classifier's pseudo-labels: a folder of photos for each class that it is sure of."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.images import read_sized
from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_folder
from refinezoo.tasks.pseudo_labels import check_kept

BATCH = 256


def sure_classes(
    classifier: Any,
    probabilities: Callable[[np.ndarray], np.ndarray],
    files: Sequence[Path],
    out: Path,
    score_threshold: float,
) -> dict[str, Any]:
    """Copies each photo whose class a classifier is sure of into the folder of that class.

    Args:
        classifier: with `class_names` and `image_size`.
        probabilities: what it says, `[N, K]`, of images `[N, S, S, 3]`.
        files: photos, of any size.
        out: the folder to write.
        score_threshold: least probability of the class, in (0, 1].

    Returns:
        `photos` (how many were looked at), `kept`, and `images`: {class name: how many}.

    Raises:
        RefinezooError: class names that cannot be folders, or nothing that is sure.
    """
    classes = [_folder_name(name) for name in classifier.class_names]
    counts: Counter[str] = Counter()
    with atomic_folder(out) as folder:
        for numbered in _batches(files):
            images = [read_sized(file, classifier.image_size) for _, file in numbered]
            labels, sure = most_probable(probabilities(np.stack(images)), score_threshold)
            for (number, file), label, kept in zip(numbered, labels, sure, strict=True):
                if kept:
                    place = folder / classes[label]
                    place.mkdir(exist_ok=True)
                    shutil.copyfile(file, place / f"{number:06d}{file.suffix}")
                    counts[place.name] += 1
        check_kept(counts.total(), len(files), "classifier", score_threshold)
    return {"photos": len(files), "kept": counts.total(), "images": dict(counts)}


def _batches(files: Sequence[Path]) -> Iterator[tuple[tuple[int, Path], ...]]:
    """Files with their numbers, some at a time."""
    numbered = enumerate(files)
    while batch := tuple(islice(numbered, BATCH)):
        yield batch


def _folder_name(name: str) -> str:
    if name.startswith(".") or any(sign in name for sign in "/\\\0"):
        raise RefinezooError(
            f"expected classes that folders can be called, received {name!r}. Rename the class, "
            "and train the model with that name."
        )
    return name


def most_probable(probability: np.ndarray, score_threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels, int `[N]`, of probabilities `[N, K]`, and bool `[N]`, whether they are sure."""
    return probability.argmax(-1), probability.max(-1) >= score_threshold
