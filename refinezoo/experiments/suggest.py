"""Which refiner to start with for two folders, from what the doctor measured and studies found."""

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from refinezoo.config import validate, yaml_text
from refinezoo.doctor import diagnose
from refinezoo.experiments.train.config import TrainingConfig
from refinezoo.files import atomic_path
from refinezoo.memory import peak_mb

FEW = 100  # images; adversarial training from fewer memorises them
TIMED = 3  # steps, after the one that compiles


@dataclass(frozen=True)
class Choice:
    """One row of the decision table.

    Attributes:
        when: in words.
        fits: whether it holds, of what `_seen` gives.
        refiner: the class to train.
        evidence: what was measured, and where.
        values: of its config.
        entry: of the zoo, whose arguments it takes.
        around: refine what lies around the objects alone, where masks tell it; objects keep the
            colours that `PopulationTransport` moves.
    """

    when: str
    fits: Callable[[dict[str, Any]], bool]
    refiner: str
    evidence: str
    values: dict[str, Any] = field(default_factory=dict)
    entry: str | None = None
    around: bool = False


CHOICES = (
    Choice(
        "the renders have one class each (labels.csv), and photos of the same classes are there",
        lambda seen: seen["classes"],
        "PixelDA",
        "accuracy on photos: digits 0.806 to 0.952 and 0.563 to 0.945, 11 groceries 0.221 to 0.806",
        {
            "arguments": {"image_size": 64, "tower": "pose_mini", "width": 16},
            "image_size": 64,
            "crop": "resize",
            "augment": False,
            "batch_size": 32,
            "steps": 3000,
        },
    ),
    Choice(
        "always: it learns nothing, takes seconds and keeps every edge",
        lambda seen: True,
        "PopulationTransport",
        "AP50 0.098 to 0.261 (SSD300 from nothing), 0.839 to 0.901 (PVANET on ImageNet features)",
    ),
    Choice(
        f"{FEW} renders and {FEW} photos, or more: it paints texture, judged by ImageNet features",
        lambda seen: seen["enough"],
        "CycleGAN",
        "AP50 0.915 where transport has 0.902 ± 0.013 (PVANET, 422 photos); around objects alone "
        "AP 0.424 where it has 0.407, three starts",
        {"image_size": 128, "batch_size": 1, "steps": 3000},
        "cyclegan_projected",
        around=True,
    ),
    Choice(
        f"{FEW} renders with foreground masks and {FEW} photos, or more: light and colour alone",
        lambda seen: seen["enough"] and seen["masks"],
        "CycleGANForegroundBackground",
        "AP50 0.266 where transport has 0.261 (SSD300), 0.910 where it has 0.901 (PVANET)",
        {"masks": "grabcut", "image_size": 128, "steps": 6000, "precision": "mixed_bfloat16"},
        "cyclegan_fgbg",
    ),
)


def decision_table() -> str:
    """The choices as Markdown, as docs/which_refiner.md shows them."""
    rows = [("what the folders hold", "refiner", "what it gained here")]
    rows += [("---",) * 3]
    rows += [(row.when, f"`{row.refiner}`", row.evidence) for row in CHOICES]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def suggest(
    synthetic: str | os.PathLike,
    real: str | os.PathLike,
    out: str | os.PathLike = "suggested",
    *,
    measure: bool = True,
) -> dict[str, Any]:
    """Chooses refiners for two folders, and writes a config for each.

    Args:
        synthetic: folder of renders, or of a dataset in any layout.
        real: folder of photos.
        out: folder of the configs, `1_PopulationTransport.yaml` and so on, in the order to try.
        measure: take a few steps of those that train, on this machine: their time and memory.

    Returns:
        `{"ok", "first", "choices": [{"refiner", "config", "when", "evidence", "steps",
        "seconds_per_step", "minutes", "memory_mb", "refine"}], "findings"}`: `findings` are the
        doctor's; with an error among them `ok` is False, and nothing is chosen. `memory_mb` is the
        peak of this process after the steps of the choice and of those before it; `refine` the
        commands that refine these renders once it is trained.

    Raises:
        RefinezooError: a folder is missing or holds no images.
    """
    report = diagnose(synthetic, real)
    told: dict[str, Any] = {"ok": report["ok"], "choices": [], "findings": report["findings"]}
    if not report["ok"]:
        return told
    from refinezoo.training.precision import half_precision_is_emulated

    seen = _seen(Path(synthetic), report)
    for number, choice in enumerate((row for row in CHOICES if row.fits(seen)), start=1):
        values: dict[str, Any] = {"refiner": choice.refiner}
        values |= {"synthetic": str(synthetic), "real": str(real)}
        if seen["classes"] and choice.refiner == "PixelDA":
            values["labels"] = str(Path(synthetic) / "labels.csv")
        if choice.entry is not None:
            values["arguments"] = _arguments(choice.entry, choice.refiner)
        if "precision" in choice.values and half_precision_is_emulated():
            values["precision"] = "float32"
        values = {**choice.values, **values, "out": f"runs/{choice.refiner.lower()}"}
        config = validate(TrainingConfig, values, choice.refiner)
        path = Path(out) / f"{number}_{choice.refiner}.yaml"
        with atomic_path(path) as temporary:
            temporary.write_text(yaml_text(values), encoding="utf-8")
        cost = _cost(config) if measure and config.steps else None
        told["choices"].append(
            {
                "refiner": choice.refiner,
                "config": str(path),
                "when": choice.when,
                "evidence": choice.evidence,
                "steps": config.steps,
                "seconds_per_step": cost,
                "minutes": cost and round(cost * (config.steps or 0) / 60, 1),
                "memory_mb": cost and round(peak_mb()),
                "refine": _commands(choice, str(synthetic), seen),
            }
        )
    return {**told, "first": told["choices"][0]["config"]}


def as_text(told: dict[str, Any]) -> str:
    """The suggestion for a terminal."""
    lines = []
    for number, row in enumerate(told["choices"], start=1):
        cost = "seconds; it learns nothing" if row["steps"] is None else f"{row['steps']} steps"
        if row["minutes"] is not None:
            cost += f" x {row['seconds_per_step']:.2f} s = {row['minutes']:.0f} minutes here"
            cost += f", {row['memory_mb']} MB of memory"
        lines += [f"{number}. {row['refiner']}: {row['config']}", f"   because: {row['when']}"]
        lines += [f"   measured: {row['evidence']}", f"   cost: {cost}"]
        lines += [f"   refinezoo train {shlex.quote(str(row['config']))}"]
        lines += [*(f"   {command}" for command in row["refine"]), ""]
    for found in told["findings"]:
        lines.append(f"{found['level'].upper()} {found['code']}: {found['message']}")
        lines.append(f"  -> {found['advice']}")
    if told["ok"]:
        lines += ["", "Whether it helped says refinezoo compare; images do not."]
    else:
        lines += ["", "Mend the errors first, then ask again: nothing was written."]
    return "\n".join(lines)


def _seen(synthetic: Path, report: dict[str, Any]) -> dict[str, Any]:
    """What the choices ask about."""
    from refinezoo.data.formats import recognise

    layout = recognise(synthetic)
    counts = [report[domain]["readable"] for domain in ("synthetic", "real")]
    return {
        "enough": min(counts) >= FEW,
        "masks": "foreground_mask" in layout.labels,
        "all_masks": all(layout.label("foreground_mask", name) for name in layout.renders),
        "classes": (synthetic / "labels.csv").is_file(),
    }


def _commands(choice: Choice, renders: str, seen: dict[str, Any]) -> list[str]:
    """Those that refine the renders with what was trained."""

    def command(refiner: str, out: str, *options: str) -> str:
        preset = f"runs/{refiner.lower()}/preset"
        return shlex.join(["refinezoo", "refine", renders, out, "--model", preset, *options])

    out = f"refined_{choice.refiner.lower()}"
    if not (choice.around and seen["all_masks"]):
        return [command(choice.refiner, out)]
    moved = "refined_populationtransport"
    return [command(choice.refiner, out, "--foreground-strength", "0", "--over", moved)]


def _arguments(entry: str, class_name: str) -> dict[str, Any]:
    """Those of an entry of the zoo that a class takes."""
    from refinezoo.models.arguments import parameters
    from refinezoo.models.registry import model_class
    from refinezoo.zoo import info

    known = parameters(model_class(class_name))
    return {key: value for key, value in info(entry)["config"].items() if key in known}


def _cost(config: TrainingConfig) -> float:
    """Seconds of a training step here: the fastest of a few, the one that compiles left out."""
    from refinezoo.experiments.train.run import timed_steps

    return round(min(timed_steps(config, TIMED + 1)[1:]), 4)
