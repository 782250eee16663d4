"""Processes that render, each frame on its own."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from refinezoo.errors import RefinezooError


def over_processes(
    work: Callable[[int], Any],
    frames: Iterable[int],
    *,
    workers: int,
    start: Callable[..., None],
    arguments: tuple,
    chunk: int,
) -> Iterator[Any]:
    """What `work` makes of each frame, in their order.

    Args:
        work: a function of a module.
        frames: numbers.
        workers: processes.
        start: is called in each process with the arguments.
        arguments: of `start`.
        chunk: frames that a process takes at once.

    Raises:
        RefinezooError: a process ended: the script that started them is not guarded, or it was
            killed.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy TensorFlow's locks
    try:
        with ProcessPoolExecutor(workers, context, start, arguments) as pool:
            yield from pool.map(work, frames, chunksize=chunk)
    except BrokenProcessPool:
        raise RefinezooError(
            f"expected {workers} processes to render, but one of them ended. In a script put what "
            "it does under `if __name__ == '__main__':`, since each process imports the script; "
            "or give workers=1. Else look whether memory ran out."
        ) from None
