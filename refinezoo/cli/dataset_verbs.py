"""`check`, `gate`, `merge` and `convert`: labelled datasets as they are."""

from pathlib import Path
from typing import Annotated

import typer

from refinezoo.cli.app import FOUND, answer, check_model, load, verb
from refinezoo.errors import RefinezooError


@verb()
def check(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder; docs/datasets.md has layouts.")],
    images: Annotated[
        list[str] | None, typer.Option(help="Pattern below DATASET of its images; repeatable.")
    ] = None,
) -> None:
    """Hold every annotation, mask and depth map against its image.

    Exit code 1: an error was found. Example: refinezoo check renders/
    """
    from refinezoo.data.check import as_text, check_dataset

    report = check_dataset(dataset, images=images)
    answer(report, as_text(report))
    if not report["ok"]:
        raise typer.Exit(FOUND)


@verb()
def gate(
    dataset: Annotated[Path, typer.Argument(help="Labelled renders like those to refine.")],
    out: Annotated[Path, typer.Argument(help="JSON file, for refine --calibration.")],
    model: Annotated[str, typer.Option(help="Zoo name or preset folder.")],
    false_alarms: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="Share of good images that may be refused.")
    ] = 0.05,
    strength: Annotated[float, typer.Option(min=0.0, max=1.0, help="As of refine.")] = 1.0,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per pass.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Of what the refiner draws.")] = 0,
    images: Annotated[
        list[str] | None, typer.Option(help="Pattern below DATASET of its renders; repeatable.")
    ] = None,
) -> None:
    """Calibrate the label gate: what does this refiner do to labels that stay true?

    Refines DATASET in memory. Take a few hundred renders, and look at what becomes of them.
    Example: refinezoo gate renders/ gate.json --model cyclegan_fgbg
    """
    from refinezoo.refinement.layout import find_renders

    check_model(model)
    layout = find_renders(dataset, images=images)
    from refinezoo.refinement import calibrate_gate

    page = out.with_suffix(".html")
    found = calibrate_gate(
        layout,
        load(model),
        strength=strength,
        false_alarms=false_alarms,
        batch_size=batch_size,
        seed=seed,
        page=page,
    )
    found.save(out)
    words = f"{found.images} images, threshold {found.threshold} -> {out}, shown in {page}"
    facts = {"images": found.images, "threshold": found.threshold}
    answer({**facts, "file": str(out), "page": str(page)}, words)


@verb()
def merge(
    out: Annotated[Path, typer.Argument(help="Folder of the merged COCO dataset.")],
    sources: Annotated[
        list[str],
        typer.Argument(help="NAME=DATASET ..., as real=photos/ refined=out/; boxes are needed."),
    ],
    ratio: Annotated[
        str, typer.Option(help="Images of each source: 1:2 takes twice as many of the second.")
    ] = "",
    count: Annotated[int | None, typer.Option(min=1, help="Images at most.")] = None,
    renamed: Annotated[
        list[str] | None,
        typer.Option("--map", help="OLD=NEW renames a class, OLD= leaves it out; repeatable."),
    ] = None,
    union: Annotated[
        bool, typer.Option("--union", help="Allow classes that not all datasets know.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the images that are drawn.")] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done; write nothing.")
    ] = False,
) -> None:
    """Merge real, refined and synthetic datasets into one, in a ratio, each image by its source.

    Equal names never collide: images lie in images/NAME/. All or nothing is written.
    Example: refinezoo merge hybrid real=photos/ refined=refined/ --ratio 1:2
    """
    from refinezoo.data.merge import merge_datasets

    report = merge_datasets(
        out,
        _pairs(sources, "NAME=DATASET", once=True),
        ratio=_numbers(ratio) if ratio else None,
        count=count,
        classes={old: new or None for old, new in _pairs(renamed or [], "OLD=NEW").items()},
        union=union,
        seed=seed,
        dry_run=dry_run,
    )
    lines = []
    for row in report["sources"]:
        words = f"{row['taken']} of {row['available']} images, {row['annotations']} boxes"
        lines.append(f"{row['name']}: {words} ({row['path']})")
    classes = len(report["classes"])
    lines.append(f"{report['images']} images, {report['annotations']} boxes of {classes} classes")
    lines += [f"{kind} of {count} images" for kind, count in report["maps"].items()]
    lines.append("nothing written" if dry_run else f"-> {out}")
    answer(report, "\n".join(lines))


@verb()
def convert(
    dataset: Annotated[Path, typer.Argument(help="COCO, VOC or YOLO: folder or COCO file.")],
    out: Annotated[Path, typer.Argument(help="Folder of the converted dataset.")],
    to: Annotated[str, typer.Option(help="coco, voc or yolo.")] = "coco",
) -> None:
    """Write a dataset with boxes as COCO, VOC or YOLO.

    Polygons, masks and depth go along where the format has a place for them; what has none is
    counted. All or nothing is written. Example: refinezoo convert refined/ yolo/ --to yolo
    """
    from refinezoo.data.convert import convert_dataset

    report = convert_dataset(dataset, out, to)
    lines = [
        f"{report['format']}: {report['images']} images, {report['annotations']} objects of "
        f"{len(report['classes'])} classes -> {out}"
    ]
    lines += [f"{kind} of {count} images" for kind, count in report["maps"].items()]
    lines += [f"left out: {count} {what}" for what, count in report["left_out"].items()]
    answer(report, "\n".join(lines))


def _pairs(texts: list[str], form: str, *, once: bool = False) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not name or not sign or (once and not value):
            raise RefinezooError(f"expected {form}, received {text!r}.")
        if name in found:
            raise RefinezooError(f"expected different names, received {name!r} twice.")
        found[name] = value
    return found


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(":")]
    except ValueError:
        raise RefinezooError(f"expected --ratio as 1:2, received {text!r}.") from None
