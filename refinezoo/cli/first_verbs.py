"""`demo`, `doctor`, `compose` and `street`: what comes before a refiner."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from refinezoo.cli.app import FOUND, answer, parse_size, start, verb
from refinezoo.renames import old_name_used


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
        typer.Option(help="Where products stand; mixed: mostly hand_held."),
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
    image_size: Annotated[str, typer.Option(help="240x320 (height x width) or 256.")] = "240x320",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same frames.")] = 0,
    mode: Annotated[str, typer.Option(help="street or forest.")] = "street",
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    size: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Render streets, or a forest, with exact masks, depth and boxes; run again to resume.

    Example: refinezoo street runs/street --count 200 --image-size 240x320 --workers 2
    """
    from refinezoo.scenes.street import render_street

    if size is not None:
        old_name_used("street --size", "--image-size")
    folder = render_street(
        out, count, image_size=parse_size(size or image_size), seed=seed, mode=mode, workers=workers
    )
    answer({"folder": folder, "frames": count}, f"{count} frames: {folder}")
