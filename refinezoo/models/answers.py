"""What the batches of a `predict` make together."""

from typing import Any

import numpy as np


def joined(answers: list[Any]) -> Any:
    """The answers of all batches as one, or a list of one per image where their sizes differ."""
    first = answers[0]
    if isinstance(first, dict):
        return {key: joined([answer[key] for answer in answers]) for key in first}
    if len({answer.shape[1:] for answer in answers}) > 1:
        return [one for answer in answers for one in answer]
    return np.concatenate(answers)
