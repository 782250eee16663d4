"""Several refinements of one dataset, each a dataset of its own."""

import os
from pathlib import Path
from typing import Any

from refinezoo.errors import RefinezooError
from refinezoo.refinement.dataset import refine_dataset
from refinezoo.refinement.summary import Summary


def refine_variants(
    source: Any,
    out: str | os.PathLike,
    refiner: Any,
    variants: int,
    *,
    seed: int = 0,
    **options: Any,
) -> list[Summary]:
    """Refines a dataset `variants` times: `out/variant_0`, `out/variant_1` and so on.

    Each is whole, with its labels, and its manifest says the seed: variant k has `seed` + k. A
    killed run goes on when it is started again.

    Args:
        source: as for `refine_dataset`.
        out: the folder of the variants.
        refiner: one that draws; of another all variants are alike.
        variants: how many, at least 1.
        seed: of the first.
        **options: of `refine_dataset`.

    Returns:
        What was done for each.

    Raises:
        RefinezooError: no variants, or what `refine_dataset` raises.
    """
    if variants < 1:
        raise RefinezooError(f"expected variants of at least 1, received {variants}.")
    return [
        refine_dataset(source, Path(out) / f"variant_{k}", refiner, seed=seed + k, **options)
        for k in range(variants)
    ]
