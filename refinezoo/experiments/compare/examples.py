"""Test photos with the answers of each arm: drawn by the arm's own training, shown on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refinezoo.config import read_json
from refinezoo.files import own_folder, write_json
from refinezoo.report.page import Page, Panel

if TYPE_CHECKING:
    from refinezoo.tasks.study import Example, Task

COUNT = 6
ROWS = "examples.json"


def answer_panels(task: Task, model: Any, examples: Sequence[Example]) -> list[Panel]:
    """What a model says of examples, drawn and in words."""
    from refinezoo.models.answers import answer_to

    found = task.answers(model, [example.image for example in examples])
    answers = [answer_to(found, row) for row in range(len(examples))]
    return [
        Panel(
            task.kind.draw(model, example.image, answer, example.truth),
            task.kind.words(model, answer),
        )
        for example, answer in zip(examples, answers, strict=True)
    ]


def truth_panels(task: Task, model: Any, examples: Sequence[Example]) -> list[Panel]:
    """What is to be said of examples, drawn and in words."""
    return [
        Panel(
            task.kind.draw(model, example.image, None, example.truth),
            f"{example.name}: {task.kind.words(model, example.truth)}",
        )
        for example in examples
    ]


def write_examples(task: Task, model: Any, data: Any, folder: Path) -> None:
    """Draws a few test photos, evenly spaced, into a folder: the truth, and what the model says."""
    from refinezoo.data import write_image

    examples = task.examples(data, COUNT)
    own_folder(folder)
    rows = []
    for number, pair in enumerate(
        zip(truth_panels(task, model, examples), answer_panels(task, model, examples), strict=True)
    ):
        names = (f"{number}_truth.jpg", f"{number}.jpg")
        for name, panel in zip(names, pair, strict=True):
            write_image(folder / name, panel.image)
        rows.append([pair[0].caption, pair[1].caption])
    write_json(folder / ROWS, rows)


def show_examples(page: Page, arms: Mapping[str, Path]) -> None:
    """Adds what the arms drew, a row a photo; `arms` are their folders, by name."""
    from refinezoo.data import read_image

    drawn = {
        arm: (folder, read_json(folder / ROWS))
        for arm, folder in arms.items()
        if (folder / ROWS).is_file()
    }
    if not drawn:
        return
    page.heading("Answers on real photos")
    page.text(
        "Photos evenly spaced through the test set, not chosen by result; the first seed of each "
        "arm. The first column is the truth."
    )
    first, captions = next(iter(drawn.values()))
    rows = []
    for number, (truth, _) in enumerate(captions):
        row = [Panel(read_image(first / f"{number}_truth.jpg"), truth)]
        row += [
            Panel(read_image(folder / f"{number}.jpg"), said[number][1])
            for folder, said in drawn.values()
        ]
        rows.append(row)
    page.panels(rows, ["truth", *drawn])
