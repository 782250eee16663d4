"""`demo`, `doctor`, `compose`, `street` and `refine`: pictures in and out."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from refinezoo.cli.app import FOUND, PARTLY, answer, check_model, load, parse_size, say, start, verb


@verb(after_interrupt="Run `refinezoo demo` again.")
def demo(
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("runs/demo"),
    count: Annotated[int, typer.Option(min=1, help="Scenes to compose and refine.")] = 48,
    seed: Annotated[int, typer.Option(min=0, help="Of scenes and random draws.")] = 0,
) -> None:
    """Run the main job, small and offline: compose, refine, evaluate, export, report.

    Example: refinezoo demo --out runs/demo --count 12
    """
    from refinezoo import demo as demo_

    start()
    answer(demo_.run(out=out, count=count, seed=seed))


@verb()
def doctor(
    synthetic: Annotated[Path, typer.Argument(help="Folder of renders, or of a COCO dataset.")],
    real: Annotated[Path, typer.Argument(help="Folder of real photos.")],
    training: Annotated[
        Path | None, typer.Option(help="YAML of `train`: say its memory and time here, too.")
    ] = None,
) -> None:
    """Look for what spoils training, in a folder of renders and one of real photos.

    Exit code 1: an error was found. Example: refinezoo doctor renders/ photos/
    """
    from refinezoo import doctor as doctor_

    report = doctor_.diagnose(synthetic, real)
    text = doctor_.as_text(report)
    if training is not None:
        from refinezoo.experiments.train import estimate, read_config

        start()
        report["training"] = told = estimate.estimate(read_config(training))
        text += f"\n\n{estimate.as_text(told, str(training))}"
    answer(report, text)
    if not report["ok"]:
        raise typer.Exit(FOUND)


@verb()
def compose(
    out: Annotated[Path, typer.Argument(help="Folder of the COCO dataset.")],
    count: Annotated[int, typer.Option(min=1, help="Scenes.")] = 100,
    products: Annotated[
        Path | None,
        typer.Option(help="Folder of RGBA cut-outs; the packaged 31 products by default."),
    ] = None,
    distractors: Annotated[
        Path | None,
        typer.Option(
            help="Folder of RGBA cut-outs without labels; the packaged ones beside packaged "
            "products, else none."
        ),
    ] = None,
    image_size: Annotated[str, typer.Option(help="Side of the square scenes, pixels.")] = "128",
    layout: Annotated[
        Literal["shelf", "hand_held", "tray", "mixed"],
        typer.Option(help="Where goods stand; mixed: mostly hand_held."),
    ] = "mixed",
    camera: Annotated[
        Literal["pinhole", "wide_angle", "mixed"],
        typer.Option(help="wide_angle is a fisheye; mixed: trays and a tenth of the others."),
    ] = "mixed",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same scenes.")] = 0,
) -> None:
    """Compose synthetic scenes with exact boxes and masks from product cut-outs.

    Example: refinezoo compose renders --count 500 --products cutouts/ --image-size 256
    """
    from refinezoo.files import ASSETS
    from refinezoo.scenes.compose import compose_scenes

    folder = compose_scenes(
        products or ASSETS / "products",
        out,
        count,
        distractors=distractors or (None if products else ASSETS / "distractors"),
        image_size=parse_size(image_size),
        layout=layout,
        camera=camera,
        seed=seed,
    )
    answer({"folder": folder, "scenes": count}, f"{count} scenes: {folder}")


@verb(after_interrupt="Run the same command again to resume; finished frames are kept.")
def street(
    out: Annotated[Path, typer.Argument(help="Folder of the dataset.")],
    count: Annotated[int, typer.Option(min=1, help="Frames.")] = 100,
    size: Annotated[str, typer.Option(help="240x320 (height x width) or 256.")] = "240x320",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same frames.")] = 0,
    mode: Annotated[str, typer.Option(help="street or forest.")] = "street",
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Render streets, or a forest, with exact masks, depth and boxes; run again to resume.

    Example: refinezoo street runs/street --count 200 --size 240x320 --workers 2
    """
    from refinezoo.scenes.street import render_street

    folder = render_street(
        out, count, image_size=parse_size(size, "--size"), seed=seed, mode=mode, workers=workers
    )
    answer({"folder": folder, "frames": count}, f"{count} frames: {folder}")


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
    variants: Annotated[int, typer.Option(min=1, help="Of each image: OUT/variant_0, ...")] = 1,
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
