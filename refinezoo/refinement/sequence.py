"""Renders that are frames of clips: one mapping for all of a clip, and the flicker that is left."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

import cv2
import numpy as np

from refinezoo.data.formats import Layout
from refinezoo.files import sha256

_REFERENCES = 8  # frames whose statistics stand for a clip
_CONSISTENT = 1.0  # pixels that forward and backward flow may differ


class Clips:
    """The clips of a dataset: images of one folder whose names differ in their numbers only.

    Args:
        layout: the dataset.
        read: an image's pixels, uint8 `[H, W, 3]`.
    """

    def __init__(self, layout: Layout, read: Callable[[str], np.ndarray]) -> None:
        self.layout, self.read = layout, read
        self.frames: dict[str, list[str]] = defaultdict(list)
        for name in sorted(layout.renders, key=_numbers):
            self.frames[clip_of(name)].append(name)
        # One clip after the other is refined; readers may be at the next one.
        self.reference = lru_cache(2)(self._reference)
        self.fingerprint = lru_cache(None)(self._fingerprint)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Each frame but the first of a clip with the one before it."""
        for names in self.frames.values():
            yield from zip(names, names[1:], strict=False)

    def _reference(self, clip: str) -> np.ndarray:
        """A few frames, evenly from first to last, of the first one's size: `[K, H, W, 3]`."""
        found = [self.read(name) for name in self._some(clip)]
        return np.stack([frame for frame in found if frame.shape == found[0].shape])

    def _fingerprint(self, clip: str) -> str:
        """Of the frames that the outputs of a clip depend on."""
        parts = [sha256(self.layout.root / name) for name in self._some(clip)]
        return hashlib.sha256("".join(parts).encode()).hexdigest()

    def _some(self, clip: str) -> list[str]:
        names = self.frames[clip]
        indices = np.linspace(0, len(names) - 1, min(_REFERENCES, len(names))).round().astype(int)
        return [names[index] for index in indices]


def clip_of(name: str) -> str:
    """An image's folder and its name without numbers."""
    path = PurePosixPath(name)
    return f"{path.parent}/{re.sub('[0-9]+', '*', path.name)}"


def _numbers(name: str) -> tuple[str, list[int]]:
    """For an order in which frame 10 comes after frame 9."""
    return clip_of(name), [int(number) for number in re.findall("[0-9]+", PurePosixPath(name).name)]


def flicker(
    earlier: np.ndarray, later: np.ndarray, pairs: Sequence[tuple[np.ndarray, np.ndarray]]
) -> list[float] | None:
    """How much consecutive images differ once the motion between them is taken out.

    The motion is that of the renders: dense inverse search flow, where it agrees with the flow
    back. Reference: Lai et al. 2018, Learning Blind Video Temporal Consistency (there the warping
    error, squared and on [0, 1]).

    Args:
        earlier: a render, uint8 `[H, W, 3]`.
        later: the next one.
        pairs: images of these two moments, uint8 `[H, W, 3]`.

    Returns:
        For each pair the mean absolute difference of the later image to the earlier one, moved
        along, in grey levels; None where nothing is seen twice.
    """
    first, second = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (earlier, later))
    if first.shape != second.shape:
        return None
    search: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    back, forth = search.calc(second, first, None), search.calc(first, second, None)
    height, width = first.shape
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    x, y = (columns + back[..., 0]).astype(np.float32), (rows + back[..., 1]).astype(np.float32)
    returned = cv2.remap(forth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen = np.linalg.norm(back + returned, axis=-1) < _CONSISTENT
    seen &= (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    if not seen.any():
        return None
    moved = [cv2.remap(before, x, y, cv2.INTER_LINEAR) for before, _ in pairs]
    return [
        float(np.abs(image[seen].astype(np.float32) - before[seen]).mean())
        for before, (_, image) in zip(moved, pairs, strict=True)
    ]


def measure(
    clips: Clips, refined: Callable[[str], np.ndarray], done: set[str], pool: Executor
) -> dict[str, dict[str, float]]:
    """Per frame its flicker against the one before: `{"refined", "render"}`, grey levels.

    Args:
        clips: of the renders.
        refined: reads a refined image, uint8 `[H, W, 3]`.
        done: the renders that have one.
        pool: measures several at once.
    """

    def one(pair: tuple[str, str]) -> tuple[str, list[float] | None]:
        renders, outputs = map(clips.read, pair), map(refined, pair)
        earlier, later = renders
        first, second = outputs
        return pair[1], flicker(earlier, later, [(first, second), (earlier, later)])

    pairs = [pair for pair in clips.pairs() if {*pair} <= done]
    return {
        name: {"refined": round(values[0], 3), "render": round(values[1], 3)}
        for name, values in pool.map(one, pairs)
        if values is not None
    }
