"""`refinezoo VERB ...`: each verb calls one function of the package."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

# Before anything imports TensorFlow, which reads them once and else prints its start-up notes.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

import typer

from refinezoo import __version__
from refinezoo.errors import RefinezooError

app = typer.Typer(
    name="refinezoo",
    help="Make renders look real without making their labels false, and measure the gain.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
_settings = {"debug": False}
_WIDE = 110  # columns of a terminal on which summaries of models can be read

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def main() -> None:
    """Runs the command line."""
    app()


def _show_version(asked: bool) -> None:
    if asked:
        print(f"refinezoo {__version__}")
        raise typer.Exit()


@app.callback()
def _common(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    _settings["debug"] = debug or os.environ.get("REFINEZOO_DEBUG", "") not in ("", "0")


@contextmanager
def _worded(after_interrupt: str = "Nothing half-written is left.") -> Iterator[None]:
    """A user's mistake becomes one message and exit code 2; an interrupt says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"\nrefinezoo: interrupted. {after_interrupt}", file=sys.stderr)
        raise typer.Exit(130) from None
    except (RefinezooError, OSError) as error:
        if _settings["debug"]:
            raise
        print(f"refinezoo: {error}", file=sys.stderr)
        raise typer.Exit(2) from None


def _start() -> None:
    from refinezoo.quiet import start_backend

    start_backend(show_notes=_settings["debug"])


def _load(name: str) -> Any:
    import refinezoo
    from refinezoo.export.runtimes import is_exported

    if not is_exported(name):
        refinezoo.zoo.find(name)  # a wrong name is told before Keras starts
        _start()
    return refinezoo.load(name)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, ensure_ascii=False, default=str))


@app.command("list")
def list_(
    pattern: Annotated[str, typer.Argument(help="Shell pattern, quoted: 'cyclegan*'.")] = "*",
    kind: Annotated[str | None, typer.Option(help="refiner, detector, ...")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the models of the zoo."""
    with _worded():
        from refinezoo import zoo

        rows = zoo.list_models(pattern, kind)
        if as_json:
            _print_json(rows)
            return
        from rich.console import Console
        from rich.table import Table

        console, table = Console(), Table(box=None)
        titles = ["name", "kind", "MB", "measured (baseline)", "licence", "summary"]
        cells = [
            (
                row["name"], row["kind"], f"{row['weights_bytes'] / 1e6:.1f}",
                _measured(row["results"]), row["licence"].split(":")[0], row["summary"],
            )
            for row in rows
        ]  # fmt: skip
        shown = len(titles) - (console.width < _WIDE)
        left = console.width - 1
        for place, title in enumerate(titles[:shown]):
            # Names and numbers are for copying: only the last column gives way.
            widest = max([len(title), *(len(row[place]) for row in cells)])
            room = widest if place < shown - 1 else max(8, min(widest, left - 2))
            table.add_column(
                title, no_wrap=True, overflow="ellipsis", min_width=room, max_width=room
            )
            left -= room + 2
        for row in cells:
            table.add_row(*row[:shown])
        console.print(table)


@app.command()
def info(
    name: Annotated[str, typer.Argument(help="Zoo name (refinezoo list) or preset folder.")],
    as_json: JsonFlag = False,
) -> None:
    """Show what a model is: config, training data, recipe, measured numbers, limits."""
    with _worded():
        from refinezoo import zoo

        entry = zoo.info(name)
        if as_json:
            _print_json(entry)
            return
        import yaml

        print(yaml.safe_dump(entry, sort_keys=False, allow_unicode=True, width=100), end="")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("runs/demo"),
    count: Annotated[int, typer.Option(min=1, help="Scenes to compose and refine.")] = 48,
    seed: Annotated[int, typer.Option(min=0, help="Of scenes and random draws.")] = 0,
) -> None:
    """Run the main job, small and offline: compose, refine, evaluate, export, report."""
    with _worded("Run `refinezoo demo` again."):
        from refinezoo import demo as demo_

        _start()
        demo_.run(out=out, count=count, seed=seed)


@app.command()
def doctor(
    synthetic: Annotated[Path, typer.Argument(help="Folder of renders, or of a COCO dataset.")],
    real: Annotated[Path, typer.Argument(help="Folder of real photos.")],
    as_json: JsonFlag = False,
) -> None:
    """Look for what spoils training, in a folder of renders and one of real photos."""
    with _worded():
        from refinezoo import doctor as doctor_

        report = doctor_.diagnose(synthetic, real)
        if as_json:
            _print_json(report)
        else:
            print(doctor_.as_text(report))
        if not report["ok"]:
            raise typer.Exit(1)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="YAML; see docs/train_your_own.md.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value ...")] = None,
) -> None:
    """Train a refiner on your renders and photos; run again to resume."""
    with _worded("Run the same command again to resume from the last checkpoint."):
        from refinezoo import trainer, training_config

        checked = training_config.read(config, overrides or [])
        _start()
        preset = trainer.train(checked)
        print(f"preset: {preset}   (refinezoo refine SOURCE OUT --model {preset})")


@app.command()
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
    image_size: Annotated[int, typer.Option(min=16, help="Side of the scenes, pixels.")] = 128,
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
    """Compose synthetic scenes with exact boxes and masks from product cut-outs."""
    with _worded():
        from refinezoo.data.compose import compose_scenes

        assets = Path(__file__).parent / "assets"
        folder = compose_scenes(
            products or assets / "products",
            out,
            count,
            distractors=distractors or (None if products else assets / "distractors"),
            image_size=image_size,
            layout=layout,
            camera=camera,
            seed=seed,
        )
        print(f"{count} scenes: {folder}")


@app.command()
def street(
    out: Annotated[Path, typer.Argument(help="Folder of the dataset.")],
    count: Annotated[int, typer.Option(min=1, help="Frames.")] = 100,
    size: Annotated[str, typer.Option(help="240x320 (height x width) or 256.")] = "240x320",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same frames.")] = 0,
    mode: Annotated[str, typer.Option(help="street or forest.")] = "street",
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Render streets, or a forest, with exact masks, depth and boxes; run again to resume."""
    with _worded("Run the same command again to resume; finished frames are kept."):
        from refinezoo.data.street import render_street

        folder = render_street(
            out, count, image_size=_size(size, "--size"), seed=seed, mode=mode, workers=workers
        )
        print(f"{count} frames: {folder}")


@app.command()
def refine(
    source: Annotated[Path, typer.Argument(help="Dataset folder: COCO, VOC, YOLO, masks, images.")],
    out: Annotated[Path, typer.Argument(help="Folder of the refined dataset.")],
    model: Annotated[str, typer.Option(help="Zoo name or preset folder.")],
    strength: Annotated[float, typer.Option(min=0.0, max=1.0, help="0 changes nothing.")] = 1.0,
    gate: Annotated[
        Literal["off", "keep", "blend", "drop"],
        typer.Option(help="What to do with images whose labels may no longer be true."),
    ] = "off",
    batch_size: Annotated[int, typer.Option(min=1, help="Images per pass.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Of what the refiner draws.")] = 0,
) -> None:
    """Refine a labelled dataset; annotations are carried over byte for byte."""
    with _worded("Run the same command again to resume; finished images are kept."):
        import refinezoo
        from refinezoo.refinement import Gate

        refiner = _load(model)
        summary = refinezoo.refine_dataset(
            source,
            out,
            refiner,
            strength=strength,
            gate=None if gate == "off" else Gate(action=gate),
            batch_size=batch_size,
            seed=seed,
        )
        print(summary)


@app.command()
def compare(
    study: Annotated[Path, typer.Argument(help="YAML of the study.")],
    jobs: Annotated[int, typer.Option(min=1, help="Trainings at a time.")] = 1,
    data: Annotated[Path | None, typer.Option(help="Root of the study's data paths.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
) -> None:
    """Measure the downstream gain: arms x seeds, table, plots and page; run again to resume."""
    with _worded("Run the same command again to resume; finished trainings are kept."):
        from refinezoo.studies import compare_downstream

        _start()
        compare_downstream(study, jobs=jobs, data=data, out=out)


def _show_formats(asked: bool) -> None:
    if asked:
        from refinezoo.export.formats import format_table

        print(format_table())
        raise typer.Exit()


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="Zoo name or preset folder.")],
    out: Annotated[Path, typer.Option(help="Folder; files go to OUT/NAME/, a SavedModel to 1/.")],
    format: Annotated[
        Literal["saved_model", "litert", "onnx", "openvino", "all"], typer.Option()
    ] = "saved_model",
    variant: Annotated[
        list[str] | None,
        typer.Option(help="float32, float16, dynamic, int8 or bf16, several times; else all."),
    ] = None,
    image_size: Annotated[
        list[str] | None,
        typer.Option(help="256 or 256x128 (height x width), several times for LiteRT."),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="Folder of photos; the packaged ones by default.")
    ] = None,
    evaluation: Annotated[
        Path | None, typer.Option(help="COCO dataset for a detector's AP50; packaged photos.")
    ] = None,
    runs: Annotated[int, typer.Option(min=0, help="Timed runs a file; 0 times nothing.")] = 20,
    force: Annotated[bool, typer.Option(help="Write what falls below the quality gate.")] = False,
    help_formats: Annotated[
        bool,
        typer.Option("--help-formats", callback=_show_formats, is_eager=True, help="The table."),
    ] = False,
) -> None:
    """Export a model; EXPORT.md says what each file lost and how fast it is."""
    with _worded():
        import refinezoo
        from refinezoo.data.images import list_images, read_image

        if format == "saved_model" and out.name.isdigit():  # the version folder itself
            refinezoo.export.saved_model(_load(name), out)
            print(f"saved_model: {out}")
            return
        sizes = [_size(text) for text in image_size or []]
        rows = refinezoo.export.export_formats(
            _load(name),
            Path(name).name,
            out,
            ["saved_model", "litert", "onnx", "openvino"] if format == "all" else [format],
            variants=variant,
            image_size=sizes or None,
            calibration=[read_image(p) for p in list_images(calibration)] if calibration else None,
            evaluation=evaluation,
            force=force,
            runs=runs,
        )
        for row in rows:
            print(f"{row.title}: {row.refused or row.path}")
        print(f"report: {out / Path(name).name / 'EXPORT.md'}")


def _size(text: str, option: str = "--image-size") -> tuple[int, int]:
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() for part in parts):
        raise RefinezooError(
            f"expected {option} as 256 or 256x128 (height x width), received {text!r}."
        )
    return int(parts[0]), int(parts[-1])


@app.command("serve-config")
def serve_config(
    models: Annotated[Path, typer.Argument(help="Folder of NAME/VERSION/, as export writes it.")],
    out: Annotated[Path, typer.Option(help="Folder of the configuration.")] = Path("deploy"),
    latest: Annotated[int, typer.Option(min=1, help="Newest versions served of a model.")] = 1,
    label: Annotated[
        list[str] | None,
        typer.Option(help="NAME:LABEL=VERSION, several times; then these versions are served."),
    ] = None,
) -> None:
    """Write TF Serving's configuration for a folder of models, compose file and manifests."""
    with _worded():
        from refinezoo.export.serving_config import parse_labels, serve_config

        for path in serve_config(models, out, latest=latest, labels=parse_labels(label or [])):
            print(path)


@app.command()
def request(
    source: Annotated[Path, typer.Argument(help="Folder of images.")],
    out: Annotated[Path, typer.Argument(help="Folder of the replies: PNG, or JSON of boxes.")],
    model: Annotated[str, typer.Option(help="The model's name on the server.")],
    server: Annotated[
        str, typer.Option(help="grpc://HOST:PORT, grpcs://, http:// or https://")
    ] = "grpc://localhost:8500",
    label: Annotated[str | None, typer.Option(help="The version's label.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests at a time.")] = 4,
    timeout: Annotated[float, typer.Option(help="Seconds for one request and its retries.")] = 30.0,
) -> None:
    """Send a folder of images to a served model."""
    with _worded("Run the same command again to resume; replies that are there are kept."):
        from refinezoo.export import ServingClient, send_folder

        if server.startswith("grpc"):
            _start()  # the official API package imports TensorFlow, which prints notes
        with ServingClient(server, model, label=label, timeout=timeout) as client:
            sent = send_folder(client, source, out, concurrency=concurrency)
        print(f"{sent.received} replies in {sent.out}, {sent.resumed} were there already")
        for name, reason in sent.failed.items():
            print(f"refinezoo: {name}: {reason}", file=sys.stderr)
        if sent.failed:
            raise typer.Exit(1)


def _measured(results: list[dict[str, Any]]) -> str:
    """The first measured number of an entry, and the baseline's."""
    if not results:
        return "-"
    first = results[0]
    baseline = first.get("baseline_value")
    beside = "" if baseline is None else f" ({baseline:.3f})"
    return f"{first['metric']} {first['value']:.3f}{beside}"
