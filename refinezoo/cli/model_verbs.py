"""`predict`, `label`, `evaluate`: what a model says of images, and how right it is."""

from pathlib import Path
from typing import Annotated, Any

import typer

from refinezoo.cli.app import answer, load, verb
from refinezoo.config import override
from refinezoo.files import write_json

Model = Annotated[str, typer.Argument(help="Zoo name, preset folder or exported file.")]


@verb()
def predict(
    model: Model,
    images: Annotated[str, typer.Argument(help="Folder, image or pattern: 'photos/**/*.jpg'.")],
    out: Annotated[Path, typer.Option(help="Folder of predictions.json, maps and drawn images.")],
    drawn: Annotated[
        bool, typer.Option("--drawn/--not-drawn", help="Answers drawn into the images.")
    ] = True,
) -> None:
    """Write what a model says of each image: boxes, classes, masks, metres or refined images.

    Example: refinezoo predict pvanet_fridge photos/ --out found
    """
    from refinezoo.data.formats import list_images
    from refinezoo.experiments.predict import predict_folder

    list_images(images)  # a wrong folder is told before TensorFlow starts
    said = predict_folder(load(model), images, out, drawn=drawn, progress=True)
    lines = [f"{Path(row['file']).name}: {row['words']}" for row in said["images"][:10]]
    lines.append(f"{len(said['images'])} images: {out / 'predictions.json'}")
    answer(said, "\n".join(lines))


@verb()
def label(
    model: Annotated[
        str, typer.Argument(help="Detector, segmenter or tower: zoo name, preset or export.")
    ],
    photos: Annotated[Path, typer.Argument(help="Folder of photos that nobody labelled.")],
    out: Annotated[Path, typer.Option(help="Folder to write; of boxes also a .json file alone.")],
    score_threshold: Annotated[
        float | None,
        typer.Option(
            help="Least score, above 0 up to 1; by default 0.7 of boxes, 0.9 of pixels and classes."
        ),
    ] = None,
) -> None:
    """Label photos with what a model is sure of, to train the next one on them.

    What it is not sure of is left out of the training: ignore_regions, void pixels, whole images. A
    study does the same by `pseudo_labels` in its file.

    Example: refinezoo label my_detector photos/ --out named
    """
    from refinezoo.data.formats import list_images

    list_images(photos)
    teacher = load(model)
    from refinezoo.experiments.pseudo_labels import pseudo_labels

    said = pseudo_labels(teacher, photos, out, score_threshold=score_threshold, progress=True)
    counted = next(value for value in said.values() if isinstance(value, dict))
    rows = sorted(counted.items(), key=lambda item: -item[1])
    lines = [f"{count:8d}  {name}" for name, count in rows]
    answer(said, "\n".join([*lines, f"{said['kept']} of {said['photos']} photos: {out}"]))


@verb()
def evaluate(
    model: Model,
    dataset: Annotated[Path, typer.Argument(help="Labelled photos: folder or COCO file.")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="Of the task: image_size=[96,128] of a depth network of any size ..."),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of a COCO file's images, if not beside it.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="JSON file for the detections, as COCO results.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="HTML file: truth and answers, the worst images first.")
    ] = None,
) -> None:
    """Measure a model on labelled photos, by the metrics that studies use.

    Example: refinezoo evaluate pvanet_fridge benchmarks/data/fridge/test.json
    """
    from refinezoo.experiments.evaluate import evaluate as measured

    said: dict[str, Any] = {}
    for text in settings or ():
        override(said, text, "image_size=[96,128]")
    found = measured(load(model), dataset, images, settings=said, page=page)
    if predictions:
        write_json(predictions, found.pop("predictions"))
    found.pop("predictions", None)
    lines = [
        f"{name}  {value:.4g}{' (lower is better)' if name in found['lower_is_better'] else ''}"
        for name, value in found["metrics"].items()
    ]
    lines.append(f"{found['images']} photos; {found['rule']}")
    if found["by_class"]:
        lines.append(f"{found['class_metric']} of each class, the worst first:")
        lines += [f"{value:6.3f}  {name}" for name, value in found["by_class"].items()]
    answer(found, "\n".join(lines))
