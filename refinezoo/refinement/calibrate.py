"""`calibrate_gate`: refines a dataset whose labels stay true, and learns what is usual."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from refinezoo.data.drawing import at_most
from refinezoo.data.formats import Layout
from refinezoo.data.images import encode_image
from refinezoo.errors import RefinezooError
from refinezoo.refinement.batching import batches
from refinezoo.refinement.calibration import Calibration
from refinezoo.refinement.fingerprint import model_name, weights_sha256
from refinezoo.refinement.gate import Gate
from refinezoo.refinement.labels import check_boxes, read_boxes
from refinezoo.refinement.layout import find_renders
from refinezoo.refinement.page import MOST, SIDE, write_gate_page
from refinezoo.refinement.run import Run, Strength
from refinezoo.refinement.score import Scorer


def calibrate_gate(
    source: str | os.PathLike | Layout,
    refiner: Any,
    *,
    strength: Strength = 1.0,
    false_alarms: float = 0.05,
    batch_size: int = 8,
    seed: int = 0,
    images: str | Sequence[str] | None = None,
    page: str | os.PathLike | None = None,
) -> Calibration:
    """Refines a labelled dataset in memory and learns what this refiner does to true labels.

    Args:
        source: renders like those that will be refined, a few hundred; see `refine_dataset`.
        refiner: the model whose refinements are known to keep the labels.
        strength: as it will be refined.
        false_alarms: share of good refinements that the gate may refuse.
        batch_size: images of equal size refined at once.
        seed: of refiners that draw.
        images: patterns that decide which files are renders.
        page: HTML file to write, of the refinements from the rarest on, the 1,000 rarest at most.

    Raises:
        RefinezooError: too few images, or one that cannot be read or refined.
    """
    layout = source if isinstance(source, Layout) else find_renders(source, images=images)
    check_boxes(layout)
    run = Run(layout, refiner, strength, seed, Gate())
    scores, seen = [], []
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for batch in batches(run, layout.renders, pool, batch_size, ahead=2 * batch_size):
            for job, refined in zip(batch, run.refine_each(batch), strict=True):
                if refined is None:
                    raise RefinezooError(job.error)
                height, width = refined.shape[:2]
                boxes = read_boxes(layout, job.name, width, height)
                scores.append(Scorer(job.rgb, boxes, job.mask).score(refined))
                if page is not None:
                    seen.append((job.name, *(_small(image) for image in (job.rgb, refined))))
    found = Calibration.of(
        scores, false_alarms, model=model_name(refiner), weights_sha256=weights_sha256(refiner)
    )
    if page is not None:
        rarities = np.array([found.rarity(score) for score in scores])
        order = np.argsort(rarities, kind="stable")[:MOST]
        pairs = ((float(rarities[k]), seen[k][0], *map(_decoded, seen[k][1:])) for k in order)
        lead = (
            f"{len(scores)} renders refined by {found.model}, the rarest first; the gate refuses "
            f"what is rarer than {found.threshold:.2f}."
        )
        write_gate_page(Path(page), pairs, layout, lead)
    return found


def _small(image: np.ndarray) -> bytes:
    """As the page will show it; images of a few thousand renders fit no memory."""
    return encode_image(at_most(image, SIDE), ".jpg")


def _decoded(content: bytes) -> np.ndarray:
    with Image.open(BytesIO(content)) as image:
        return np.array(image.convert("RGB"))
