"""`predict` and `evaluate`: what a model says of pictures, and how right it is."""

from pathlib import Path
from typing import Annotated

import typer

from refinezoo.cli.app import JsonFlag, app, load, print_json, worded
from refinezoo.files import write_json

Model = Annotated[str, typer.Argument(help="Zoo name, preset folder or exported file.")]


@app.command()
def predict(
    model: Model,
    images: Annotated[str, typer.Argument(help="Folder, picture or pattern: 'photos/**/*.jpg'.")],
    out: Annotated[Path, typer.Option(help="Folder of predictions.json, maps and drawn pictures.")],
    drawn: Annotated[
        bool, typer.Option("--drawn/--not-drawn", help="Answers drawn into the pictures.")
    ] = True,
    as_json: JsonFlag = False,
) -> None:
    """Write what a model says of each picture: boxes, classes, masks, metres or refined images.

    Example: refinezoo predict pvanet_fridge photos/ --out found
    """
    with worded():
        from refinezoo.data.formats import list_images
        from refinezoo.experiments.predict import predict_folder

        list_images(images)  # a wrong folder is told before TensorFlow starts
        said = predict_folder(load(model), images, out, drawn=drawn, progress=not as_json)
        if as_json:
            print_json(said)
            return
        for row in said["images"][:10]:
            print(f"{Path(row['file']).name}: {row['words']}")
        print(f"{len(said['images'])} pictures: {out / 'predictions.json'}")


@app.command()
def evaluate(
    model: Model,
    dataset: Annotated[Path, typer.Argument(help="Labelled photos: folder or COCO file.")],
    images: Annotated[
        Path | None, typer.Option(help="Folder of a COCO file's pictures, if not beside it.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="JSON file for the detections, as COCO results.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Measure a model on labelled photos, by the metrics that studies use.

    Example: refinezoo evaluate pvanet_fridge benchmarks/data/fridge/test.json
    """
    with worded():
        from refinezoo.experiments.evaluate import evaluate as measured

        found = measured(load(model), dataset, images)
        if predictions:
            write_json(predictions, found.pop("predictions"))
        found.pop("predictions", None)
        if as_json:
            print_json(found)
            return
        for name, value in found["metrics"].items():
            lower = " (lower is better)" if name in found["lower_is_better"] else ""
            print(f"{name}  {value:.4g}{lower}")
        print(f"{found['images']} photos; {found['rule']}")
