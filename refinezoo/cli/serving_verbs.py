"""`export`, `serve-config` and `request`: models that run elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from refinezoo.cli.app import PARTLY, answer, load, parse_size, say, start, verb
from refinezoo.cli.tables import fitted


def _show_formats(asked: bool) -> None:
    if asked:
        from refinezoo.export.registry import format_rows

        titles, *rows = format_rows()
        print(fitted(titles, rows, needed=3, more="A wider terminal"))
        raise typer.Exit()


@verb()
def export(
    model: Annotated[str, typer.Argument(help="Zoo name or preset folder.")],
    out: Annotated[Path, typer.Option(help="Folder; files go to OUT/NAME/, a SavedModel to 1/.")],
    name: Annotated[
        str | None, typer.Option(help="NAME of the export; that of MODEL by default.")
    ] = None,
    format: Annotated[str, typer.Option(help="One of --help-formats, or all.")] = "saved_model",
    precision: Annotated[
        list[str] | None,
        typer.Option(
            "--precision",
            "--variant",
            help="float32, float16, dynamic, int8 or bf16, several times; else all.",
        ),
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
    max_pixels: Annotated[
        int | None,
        typer.Option(min=1, help="Height x width that a SavedModel takes in a request; 2,097,152."),
    ] = None,
    force: Annotated[bool, typer.Option(help="Write what falls below the quality gate.")] = False,
    overwrite: Annotated[
        bool, typer.Option(help="Replace files of another model in OUT/NAME/.")
    ] = False,
    help_formats: Annotated[
        bool,
        typer.Option("--help-formats", callback=_show_formats, is_eager=True, help="The table."),
    ] = False,
) -> None:
    """Export a model; EXPORT.md says what each file lost and how fast it is.

    Exit codes: 0 all written, 3 some refused (quality gate), 2 none.
    Example: refinezoo export pvanet_fridge --out servable --format litert --precision int8
    """
    import refinezoo
    from refinezoo.data.formats import list_images
    from refinezoo.data.images import read_image
    from refinezoo.export.registry import chosen_formats
    from refinezoo.models.presets import preset_name

    chosen_formats([format])  # a wrong name is told before Keras starts
    if format == "saved_model" and out.name.isdigit():  # the version folder itself
        limit = {} if max_pixels is None else {"max_image_pixels": max_pixels}
        refinezoo.export.saved_model(load(model), out, name=name, overwrite=overwrite, **limit)
        answer([{"title": "saved_model", "path": out}], f"saved_model: {out}")
        return
    sizes = [parse_size(text) for text in image_size or []]
    name = name or preset_name(model)
    rows = refinezoo.export.export_formats(
        load(model),
        name,
        out,
        [format],
        precisions=precision,
        image_size=sizes or None,
        calibration=[read_image(p) for p in list_images(calibration)] if calibration else None,
        evaluation=evaluation,
        force=force,
        overwrite=overwrite,
        max_image_pixels=max_pixels,
        runs=runs,
    )
    lines = [f"{row.title}: {row.path}" for row in rows if not row.refused]
    lines.append(f"report: {out / name / 'EXPORT.md'}")
    answer([row.as_json() for row in rows], "\n".join(lines))
    refused = [row for row in rows if row.refused]
    for row in refused:
        say(f"refinezoo: {row.title} not written: {row.refused}", error=True)
    if refused:
        raise typer.Exit(PARTLY)


@verb("serve-config")
def serve_config(
    models: Annotated[Path, typer.Argument(help="Folder of NAME/VERSION/, as export writes it.")],
    out: Annotated[Path, typer.Option(help="Folder of the configuration.")] = Path("deploy"),
    latest: Annotated[int, typer.Option(min=1, help="Newest versions served of a model.")] = 1,
    label: Annotated[
        list[str] | None,
        typer.Option(help="NAME:LABEL=VERSION, several times; then these versions are served."),
    ] = None,
) -> None:
    """Write TF Serving's configuration for a folder of models, compose file and manifests.

    Example: refinezoo serve-config servable --out deploy --label cyclegan_fgbg:stable=1
    """
    from refinezoo.export.serving.config import parse_labels, serve_config

    paths = list(serve_config(models, out, latest=latest, labels=parse_labels(label or [])))
    answer({"files": paths}, "\n".join(map(str, paths)))


@verb(after_interrupt="Run the same command again to resume; replies that are there are kept.")
def request(
    source: Annotated[Path, typer.Argument(help="Folder of images.")],
    out: Annotated[Path, typer.Argument(help="Folder of the replies: PNG, or JSON of boxes.")],
    model: Annotated[str, typer.Option(help="The model's name on the server.")],
    server: Annotated[
        str, typer.Option(help="grpc://HOST:PORT, grpcs://, http:// or https://")
    ] = "grpc://localhost:8500",
    label: Annotated[str | None, typer.Option(help="The version's label.")] = None,
    depth: Annotated[
        Path | None, typer.Option(help="Folder of depth maps, for refiners of images and depth.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests at a time.")] = 4,
    timeout: Annotated[float, typer.Option(help="Seconds for one request and its retries.")] = 30.0,
) -> None:
    """Send a folder of images to a served model; run again to resume.

    Exit codes: 0 all answered, 3 some refused, 2 no server or wrong arguments.
    Example: refinezoo request photos/ refined/ --model cyclegan_fgbg --server grpc://host:8500
    """
    from refinezoo.export import ServingClient, send_folder

    if server.startswith("grpc"):
        start()  # the official API package imports TensorFlow, which prints notes
    with ServingClient(server, model, label=label, timeout=timeout) as client:
        sent = send_folder(client, source, out, depth=depth, concurrency=concurrency)
    words = f"{sent.received} replies in {sent.out}, {sent.resumed} were there already"
    answer(vars(sent), words)
    for name, reason in sent.failed.items():
        say(f"refinezoo: {name}: {reason}", error=True)
    if sent.failed:
        raise typer.Exit(PARTLY)
