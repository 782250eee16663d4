"""`train` and `compare`."""

from pathlib import Path
from typing import Annotated

import typer

from refinezoo.cli.app import app, say, start, worded


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="YAML; see docs/train_your_own.md.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value ...")] = None,
) -> None:
    """Train a refiner on your renders and photos; run again to resume."""
    with worded("Run the same command again to resume from the last checkpoint."):
        from refinezoo.experiments.train import read_config
        from refinezoo.experiments.train import train as run

        checked = read_config(config, overrides or [])
        start()
        preset = run(checked)
        say(f"preset: {preset}   (refinezoo refine SOURCE OUT --model {preset})")


@app.command()
def compare(
    study: Annotated[Path, typer.Argument(help="YAML of the study.")],
    jobs: Annotated[int, typer.Option(min=1, help="Trainings at a time.")] = 1,
    data: Annotated[Path | None, typer.Option(help="Root of the study's data paths.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
) -> None:
    """Measure the downstream gain: arms x seeds, table, plots and page; run again to resume."""
    with worded("Run the same command again to resume; finished trainings are kept."):
        from refinezoo.experiments.compare import compare_downstream

        start()
        compare_downstream(study, jobs=jobs, data=data, out=out)
