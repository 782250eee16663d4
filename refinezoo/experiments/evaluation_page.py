"""The page of an evaluation: each image with what is true and what the model says of it."""

import heapq
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from refinezoo.data.drawing import shown_at
from refinezoo.models.answers import answer_to
from refinezoo.report import Page, Pair
from refinezoo.tasks.study import Task

# Images of a page; the longer side of each, pixels; images a pass.
MOST, SIDE, BATCH = 400, 320, 8


def write_evaluation_page(
    path: str | os.PathLike, task: Task, model: Any, data: Any, found: Mapping[str, Any]
) -> None:
    """Writes the images of a labelled set, those that a model says least right of first.

    Args:
        path: of the page, `.html`.
        task: of the model's kind.
        model: or an exported file.
        data: the set, as `task.read_test` gives it.
        found: `metrics`, `rule`, `images` and `predictions`, as `evaluate` gives them.
    """
    by = task.kind.agreement_by
    kept = task.kept_answers(model, data, found["predictions"])
    judged = _pairs(task, model, data, kept)
    name = getattr(model, "preset_name", None) or type(model).__name__
    page = Page(f"{name} on {found['images']} labelled images", f"By {found['rule']}.")
    page.table(["metric", "value"], list(found["metrics"].items()))
    if found["by_class"]:
        page.table(["class", found["class_metric"]], list(found["by_class"].items()))
    if by:
        pairs = heapq.nsmallest(MOST, judged, key=lambda pair: pair.score or 0.0)
        page.text(f"The worst first, {len(pairs)} of {found['images']}; the number is the {by}.")
    else:
        pairs = list(itertools.islice(judged, MOST))
    page.before_after(pairs, ("truth", "answer"), side=SIDE)
    page.facts({"model": name, "weights_sha256": getattr(model, "weights_sha256", None) or "-"})
    page.write(path)


def _pairs(task: Task, model: Any, data: Any, kept: Sequence[Any] | None) -> Iterator[Pair]:
    """Truth and answer of each image; what the metrics did not keep is predicted again."""
    kind, count = task.kind, task.count(data)
    for start in range(0, count, BATCH):
        examples = [task.example(data, row) for row in range(start, min(start + BATCH, count))]
        answers = kept or task.answers(model, [example.image for example in examples])
        for row, example in enumerate(examples, start if kept else 0):
            answer, truth = answer_to(answers, row), example.truth
            true = shown_at(kind.draw(model, example.image, None, truth), SIDE)
            said = shown_at(kind.draw(model, example.image, answer, truth), SIDE)
            score = kind.agreement(model, answer, truth) if kind.agreement_by else None
            caption = f"{example.name}: {kind.words(model, answer)}"
            yield Pair(true, said, caption, kind.classes_in(model, truth), score)
