"""`refine`: renders in, refined renders with their labels out."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from refinezoo.cli.app import PARTLY, answer, check_model, load, say, verb


@verb(after_interrupt="Run the same command again to resume; finished images are kept.")
def refine(
    source: Annotated[str, typer.Argument(help="Dataset folder or URL; docs/datasets.md.")],
    out: Annotated[str, typer.Argument(help="Folder or URL of the refined dataset.")],
    model: Annotated[str, typer.Option(help="Zoo name or preset folder.")] = "",
    strength: Annotated[float, typer.Option(min=0.0, max=1.0, help="0: no change.")] = 1.0,
    foreground_strength: Annotated[
        float | None,
        typer.Option(metavar="<0..1>", min=0.0, max=1.0, help="Objects; --strength the rest."),
    ] = None,
    over: Annotated[Path | None, typer.Option(help="Refinement to paint over.")] = None,
    gate: Annotated[
        Literal["off", "keep", "blend", "drop"], typer.Option(help="Where labels may be wrong.")
    ] = "off",
    calibration: Annotated[
        Path | None, typer.Option(help="Thresholds that `refinezoo gate` wrote.")
    ] = None,
    teacher: Annotated[str, typer.Option(help="Own detector, ... that must see the same.")] = "",
    agreement: Annotated[float, typer.Option(min=0.01, max=1.0, help="Its least.")] = 0.5,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per pass.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Of the refiner's draws.")] = 0,
    images: Annotated[
        list[str] | None, typer.Option(help="What to repaint: 'rgb/**/*.png'; repeatable.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done; write nothing.")
    ] = False,
    on_error: Annotated[
        Literal["stop", "skip"], typer.Option(help="stop: end with 2; skip: 3.")
    ] = "stop",
    max_errors: Annotated[
        int | None, typer.Option(min=0, help="End at once if more images fail.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Refine again over a run with other settings.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete earlier outputs whose source is gone.")
    ] = False,
    resize_masks: Annotated[
        bool, typer.Option("--resize-masks", help="Bring masks of another size to the image's.")
    ] = False,
    sequence: Annotated[
        bool, typer.Option("--sequence", help="Clips: shared statistics, flicker measured.")
    ] = False,
    variants: Annotated[int, typer.Option(min=1, help="Of each: OUT/variant_0, ...")] = 1,
    manifest_name: Annotated[str, typer.Option(help="NAME or NAME.jsonl.")] = "manifest.json",
    shard: Annotated[str, typer.Option(help="3/8: the third of eight runs into OUT.")] = "",
    engine: Annotated[Literal["local", "ray"], typer.Option(help="ray: by a cluster.")] = "local",
    workers: Annotated[
        int | None, typer.Option(min=1, help="That read; with ray, that refine.")
    ] = None,
    stage: Annotated[Path | None, typer.Option(help="Local folder for s3://, gs://, ...")] = None,
    gpus_per_worker: Annotated[
        float, typer.Option(metavar="<float>", min=0.0, help="0.5: two share one.")
    ] = 0.0,
) -> None:
    """Refine a labelled dataset; annotations are carried over byte for byte.

    Exit codes: 0 all refined, 3 some skipped, 2 refused or failed.
    Example: refinezoo refine renders/ refined/ --model cyclegan_fgbg
    """
    from refinezoo.errors import RefinezooError
    from refinezoo.refinement.layout import find_renders
    from refinezoo.refinement.shard import Shard
    from refinezoo.refinement.staging import is_url, staged

    part = Shard.parse(shard) if shard else None
    if not dry_run:
        if not model:
            raise RefinezooError("expected --model, a zoo name or preset folder, received none.")
        check_model(model)
    for option, given in (("--calibration", calibration), ("--teacher", teacher)):
        if given and gate == "off":
            raise RefinezooError(f"expected --gate keep, blend or drop beside {option}.")
    with staged(source, out, stage) as (renders, refined):
        layout = find_renders(renders, images=images)
        say(layout.describe())
        if dry_run:
            answer({"layout": layout.describe(), "images": len(layout.renders)})
            return
        import refinezoo
        from refinezoo.refinement import Gate, Teacher, refine_variants

        refiner = load(model)
        known = _calibration(calibration, model, refiner) if gate != "off" else None
        judge = Teacher(load(teacher), agreement) if teacher else None
        options: dict[str, Any] = dict(
            strength=strength if foreground_strength is None else (foreground_strength, strength),
            over=over,
            gate=None if gate == "off" else Gate(action=gate, calibration=known, teacher=judge),
            batch_size=batch_size,
            seed=seed,
            on_error="skip" if on_error == "skip" else "raise",
            max_errors=max_errors,
            overwrite=overwrite,
            prune=prune,
            resize_masks=resize_masks,
            manifest_name=manifest_name,
            sequence=sequence,
            report=True,
            engine=engine,
            workers=workers,
            gpus_per_worker=gpus_per_worker,
            shard=part,
        )
        if variants == 1:
            summaries = [refinezoo.refine_dataset(layout, refined, refiner, **options)]
        else:
            summaries = refine_variants(layout, refined, refiner, variants, **options)
    if is_url(out):
        summaries = [summary.moved(refined, out) for summary in summaries]
    if variants == 1:
        answer(vars(summaries[0]), str(summaries[0]))
    else:
        told = "\n".join(f"variant_{k}: {summary}" for k, summary in enumerate(summaries))
        answer({"variants": [vars(summary) for summary in summaries]}, told)
    reasons = [reason for summary in summaries for reason in summary.failed.values()]
    for reason in reasons[:20]:
        say(f"refinezoo: {reason}", error=True)
    if reasons or layout.missing:
        raise typer.Exit(PARTLY)


def _calibration(given: Path | None, model: str, refiner: Any) -> Any:
    """What the gate judges by: the file given, what the zoo's entry brings, or nothing."""
    from refinezoo.refinement import Calibration, weights_sha256
    from refinezoo.zoo.catalogue import gate_file

    if given is not None:
        return Calibration.load(given)
    shipped = gate_file(model)
    known = None if shipped is None else Calibration.load(shipped)
    if known is None or known.weights_sha256 != weights_sha256(refiner):
        return None
    say(f"gate: as calibrated for {model}; for other renders: refinezoo gate, --calibration")
    return known
