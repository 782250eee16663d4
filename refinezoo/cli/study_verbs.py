"""`suggest`, `train` and `compare`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from refinezoo.cli.app import FOUND, answer, start, verb
from refinezoo.errors import RefinezooError


@verb()
def suggest(
    synthetic: Annotated[Path, typer.Argument(help="Folder of renders, or of a dataset.")],
    real: Annotated[Path, typer.Argument(help="Folder of real photos.")],
    out: Annotated[Path, typer.Option(help="Folder of the configs.")] = Path("suggested"),
    measure: Annotated[
        bool, typer.Option("--measure/--no-measure", help="Time a few training steps here.")
    ] = True,
) -> None:
    """Say which refiner to start with, why and what it costs here; write its config.

    Exit code 1: the data have errors. Example: refinezoo suggest renders/ photos/
    """
    from refinezoo.experiments.suggest import as_text
    from refinezoo.experiments.suggest import suggest as suggested

    start()
    told = suggested(synthetic, real, out, measure=measure)
    answer(told, as_text(told))
    if not told["ok"]:
        raise typer.Exit(FOUND)


@verb(after_interrupt="Run the same command again to resume from the last checkpoint.")
def train(
    config: Annotated[Path, typer.Argument(help="YAML; see docs/train_your_own.md.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value ...")] = None,
    select: Annotated[
        Path | None,
        typer.Option(help="Study (YAML): rank the kept steps by its metric on real.val."),
    ] = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Say memory and time here; train nothing.")
    ] = False,
    memory: Annotated[
        int | None, typer.Option(min=1, help="MB for --estimate; what is free by default.")
    ] = None,
) -> None:
    """Train a refiner on renders and photos, or a task's model on labels; run again to resume.

    Example: refinezoo train fridge.yaml steps=8000 arguments.width=32
    """
    from refinezoo.config import read_json
    from refinezoo.experiments.train import TrainingConfig, read_config
    from refinezoo.experiments.train import train as run

    checked = read_config(config, overrides or [])
    start()
    if estimate or memory is not None:
        from refinezoo.experiments.train.estimate import as_text
        from refinezoo.experiments.train.estimate import estimate as estimated

        told = estimated(checked, memory_mb=memory)
        answer(told, as_text(told, str(config), *(overrides or [])))
        return
    if select is not None and not getattr(checked, "keep_every", None):
        raise RefinezooError(
            "--select: expected presets of several steps to choose from. Add keep_every=1000, say."
        )
    preset = run(checked)
    if select is not None:
        from refinezoo.experiments.select import select as selected

        chosen = selected(preset.parent, select)
        rows = [f"{arm:12} {score['mean']:.3f}" for arm, score in chosen["scores"].items()]
        answer(chosen, "\n".join([chosen["metric"], *rows, f"selected: {chosen['selected']}"]))
        return
    typed = shlex.quote(str(preset))
    use = f"predict {typed} PHOTOS --out OUT"
    if isinstance(checked, TrainingConfig):
        use = f"refine SOURCE OUT --model {typed}"
    told = {"preset": preset, **read_json(preset.parent / "summary.json")}
    answer(told, f"preset: {preset}   (refinezoo {use})")


@verb(after_interrupt="Run the same command again to resume; finished trainings are kept.")
def compare(
    study: Annotated[Path, typer.Argument(help="YAML of the study.")],
    jobs: Annotated[int, typer.Option(min=1, help="Trainings at a time.")] = 1,
    data: Annotated[Path | None, typer.Option(help="Root of the study's data paths.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
) -> None:
    """Measure the downstream gain: arms x seeds, table, plots and page; run again to resume.

    Example: refinezoo compare study.yaml --jobs 2
    """
    from refinezoo.experiments.compare import compare_downstream

    start()
    answer(compare_downstream(study, jobs=jobs, data=data, out=out))
