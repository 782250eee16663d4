"""A segmenter's pseudo-labels: masks of the pixels it is sure of, beside their images."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.images import read_sized, write_image
from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_folder
from refinezoo.tasks.pseudo_labels import check_kept

MOST_LOOKED_AT = 500  # photos of which the median scores are taken
_BINS = 1000


def sure_pixels(
    segmenter: Any, files: Sequence[Path], out: Path, score_threshold: float
) -> dict[str, Any]:
    """Writes `images/` and `masks/` of the photos in which a segmenter is sure of a pixel.

    Args:
        segmenter: a model with `predict_probability`.
        files: photos.
        out: the folder to write, at the segmenter's `image_size`, if it has one.
        score_threshold: least probability of a pixel's class, in (0, 1]; of a class whose median
            is lower, the median.

    Returns:
        `photos` (how many were looked at), `kept`, and `pixels`: {class name: how many}.

    Raises:
        RefinezooError: a model that says no probabilities, or nothing that is sure.
    """
    if not hasattr(segmenter, "predict_probability"):
        raise RefinezooError(
            "expected a segmenter that says probabilities, received an exported one, which says "
            "classes alone. Give the preset from which it was exported."
        )
    least = np.minimum(score_threshold, _median_scores(segmenter, files))
    counts, kept = np.zeros(len(segmenter.class_names), np.int64), 0
    with atomic_folder(out) as folder:
        for row, image, ids, scores in _answers(segmenter, files):
            ids[scores < least[ids]] = segmenter.ignore_id
            known = np.bincount(ids.ravel(), minlength=256)[: len(counts)]
            if not known.any():
                continue
            for kind, pixels in (("images", image), ("masks", ids)):
                path = folder / kind / f"{row:06d}.png"  # no word that may mean labels
                path.parent.mkdir(exist_ok=True)
                write_image(path, pixels)
            counts, kept = counts + known, kept + 1
        check_kept(kept, len(files), "segmenter", score_threshold)
    named = dict(zip(segmenter.class_names, counts.tolist(), strict=True))
    return {"photos": len(files), "kept": kept, "pixels": named}


def _median_scores(segmenter: Any, files: Sequence[Path]) -> np.ndarray:
    """The median score of the pixels of each class, float `[K]`; 1 of a class that none has."""
    table = np.zeros((len(segmenter.class_names), _BINS), np.int64)
    for _, _, ids, scores in _answers(segmenter, files[:: -(-len(files) // MOST_LOOKED_AT)]):
        bins = np.minimum((scores * _BINS).astype(int), _BINS - 1)
        np.add.at(table, (ids.ravel(), bins.ravel()), 1)
    below = np.cumsum(table, axis=1)
    middle = (below < below[:, -1:] / 2).sum(axis=1) / _BINS
    return np.where(below[:, -1] > 0, middle, 1.0)


def _answers(
    segmenter: Any, files: Sequence[Path]
) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Number, image, class ids and their scores of each photo."""
    for row, file in enumerate(files):
        image = read_sized(file, segmenter.image_size)
        found = segmenter.predict_probability(image[None])[0]
        yield row, image, found.argmax(-1).astype("uint8"), found.max(-1)
