"""What the batches of a `predict` make together."""

from typing import Any

import numpy as np


def single(images: Any, answer: Any) -> Any:
    """The answer to one image `[H, W, 3]` without the axis of images; others as they are."""
    return answer[0] if np.ndim(images) == 3 and not isinstance(images, list) else answer


def answer_to(answers: Any, row: int) -> Any:
    """What a `predict` says of one of its images."""
    if isinstance(answers, dict):
        return {name: values[row] for name, values in answers.items()}
    return answers[row]


def joined(answers: list[Any]) -> Any:
    """The answers of all batches as one, or a list of one per image where their sizes differ."""
    first = answers[0]
    if isinstance(first, dict):
        return {key: joined([answer[key] for answer in answers]) for key in first}
    if len({answer.shape[1:] for answer in answers}) > 1:
        return [one for answer in answers for one in answer]
    return np.concatenate(answers)
