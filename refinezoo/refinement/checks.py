"""What `refine_dataset` looks at before it begins."""

import json
import logging
from pathlib import Path
from typing import Any

from refinezoo import __version__
from refinezoo.data.formats import Layout
from refinezoo.data.images import JPEG_QUALITY
from refinezoo.errors import RefinezooError
from refinezoo.paths import check_apart, contained, plain_name
from refinezoo.refinement.carry import check_names, some
from refinezoo.refinement.fingerprint import inference_network
from refinezoo.refinement.finish import GATE_SHEET, PAGE
from refinezoo.refinement.gate import Gate
from refinezoo.refinement.labels import check_boxes
from refinezoo.refinement.manifest import JOURNAL
from refinezoo.refinement.run import Strength

_log = logging.getLogger(__name__)


def check_source(
    layout: Layout, out: Path, manifest_name: str, gate: Gate | None, refiner: Any, on_error: str
) -> None:
    """Refuses what would go wrong later, and says what was assumed of the dataset."""
    check_apart(layout.root, out)
    for folder in layout.tree.folders:  # a link in `out` may lead to the dataset
        contained(folder, out)
    if plain_name(manifest_name, "manifest_name") in (PAGE, GATE_SHEET):
        raise RefinezooError(
            f"expected a name for the manifest, received {manifest_name!r}, which refine writes "
            "itself. Give another --manifest-name (manifest_name= in Python)."
        )
    check_names(layout, [manifest_name, JOURNAL] + ([GATE_SHEET] if gate else []))
    if layout.missing and on_error == "raise":
        raise RefinezooError(
            f"the COCO files name {len(layout.missing)} images that are not there: "
            f"{some(layout.missing)}. Restore them, or leave them out: --on-error skip "
            "(on_error='skip' in Python)."
        )
    for note in (*layout.tree.notes, *layout.notes):
        _log.warning("%s", note)
    if not layout.renders:
        raise RefinezooError(
            f"expected renders in {str(layout.root)!r}, but none that annotations name is there: "
            f"{some(layout.missing)}. Correct file_name, or give the folder that they are in."
        )
    if gate is not None:
        check_boxes(layout)
        if gate.calibration is not None:
            gate.calibration.check_model(refiner)


def run_settings(
    model: dict[str, Any],
    strength: Strength,
    seed: int,
    gate: Gate | None,
    resize_masks: bool,
    sequence: bool,
    *,
    over: bool = False,
) -> dict[str, Any]:
    """What an image's refinement depends on, as a manifest keeps it."""
    settings = {
        "model": {key: value for key, value in model.items() if key != "name"},
        "strength": strength,
        "seed": seed,
        "gate": None if gate is None else gate.settings(),
        "jpeg_quality": JPEG_QUALITY,
        "resize_masks": resize_masks,
        "version": __version__,
    }
    settings |= {name: True for name, asked in (("sequence", sequence), ("over", over)) if asked}
    return json.loads(json.dumps(settings))  # as it will be read back


def says_what_it_is(refiner: Any) -> bool:
    """Whether a manifest can tell one refiner of this class from another."""
    return hasattr(refiner, "get_config") or bool(
        getattr(inference_network(refiner), "weights", ())
        or isinstance(getattr(refiner, "weights_sha256", None), str)
    )


def checked_strength(strength: Any) -> Strength:
    """One strength, or (foreground, background), as floats in [0, 1]."""
    values = tuple(strength) if isinstance(strength, (tuple, list)) else (strength,)
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    fit = len(values) in (1, 2) and len(numbers) == len(values)
    if not fit or not all(0 <= number <= 1 for number in numbers):
        raise RefinezooError(
            f"expected strength in [0, 1], or (foreground, background), received {strength!r}."
        )
    return float(values[0]) if len(values) == 1 else (float(values[0]), float(values[1]))
