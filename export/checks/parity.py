"""Does an exported model give the pixels of the Keras model, in the loader it is served with?"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.export.checks.photos import fitted
from refinezoo.export.runtimes.session import SavedModelSession
from refinezoo.export.serving.png import decode_png, encode_png
from refinezoo.refiners.kind import REFINER

PARITY_FRAMES = 8


@dataclass(frozen=True)
class ParityReport:
    """The largest difference seen, and how alike the images are.

    Attributes:
        max_abs_error: largest absolute difference, in levels of 255.
        psnr: peak signal-to-noise ratio over all pixels, in dB; infinite when equal.
        images: how many images were compared, on each signature.
        signatures: what was run.
    """

    max_abs_error: int
    psnr: float
    images: int
    signatures: tuple[str, ...]


def check_saved_model(
    folder: str | os.PathLike, model: Any, images: Sequence[np.ndarray], *, threads: int | None = 1
) -> ParityReport:
    """Runs a refiner's servable in TensorFlow's C++ session loader and compares with `refine`.

    Args:
        folder: the version folder.
        model: the refiner it was made from.
        images: uint8 `[H, W, 3]` each; sizes may differ. All go in one `serving_default` request
            as PNG, and one by one through `tensor`.
        threads: CPU threads of the session.

    Returns:
        The report over both signatures.

    Raises:
        RefinezooError: no images, no refiner, or an output of another size than its input.
        SessionError: the loader refused the model or a request.
    """
    images = [np.asarray(image) for image in images]
    if getattr(model, "kind", None) is not REFINER:
        raise RefinezooError(
            f"expected a refiner to compare with, received {type(model).__name__}. Compare a "
            "detector's predict with SavedModelSession(folder).run('tensor', images=images)."
        )
    if not images:
        raise RefinezooError("expected at least one image to compare, received none.")
    expected = [np.asarray(model.refine(image[None]))[0] for image in images]
    with SavedModelSession(folder, threads=threads) as session:
        replies = session.run(image_bytes=[encode_png(image) for image in images])["image_bytes"]
        received = [
            decode_png(reply, image.shape[:2]) for reply, image in zip(replies, images, strict=True)
        ]
        received += [session.run("tensor", images=image[None])["images"][0] for image in images]
    errors = []
    for wanted, given in zip(expected * 2, received, strict=True):
        if wanted.shape != given.shape:
            raise RefinezooError(f"expected an output of {wanted.shape}, received {given.shape}.")
        errors.append(np.abs(wanted.astype(np.int16) - given).ravel())
    error = np.concatenate(errors)
    mean_square = float(np.mean(np.square(error, dtype=np.float64)))
    return ParityReport(
        max_abs_error=int(error.max()),
        psnr=float("inf") if mean_square == 0 else 10 * float(np.log10(255**2 / mean_square)),
        images=len(images),
        signatures=("serving_default", "tensor"),
    )


def parity(
    model: Any, exported: Any, frames: Sequence[np.ndarray], labelled: Any, size: Any
) -> dict[str, float]:
    """Differences of an exported file's `predict` from its Keras model's on real frames.

    See `Kind.difference`; with labelled images also the file's own score, see `Kind.label_score`.
    """
    images: Any = np.stack([fitted(model, frame, size) for frame in frames[:PARITY_FRAMES]])
    if model.kind.saved_model_only:
        images = {"images": images, "depth_m": np.ones((*images.shape[:3], 1), np.float32)}
    found = model.kind.difference(model.predict(images, verbose=0), exported.predict(images))
    if labelled is not None:
        found[model.kind.label_score] = model.kind.score(exported, labelled)
    return found
