"""Renders are read ahead and go to the refiner in batches of one size."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

from refinezoo.refinement.job import Job
from refinezoo.refinement.run import Run
from refinezoo.refinement.sequence import clip_of


def batches(
    run: Run, names: Iterable[str], pool: Executor, batch_size: int, ahead: int
) -> Iterator[list[Job]]:
    """Jobs in batches of equal size, read `ahead` by the pool; a failed one comes alone.

    Images that an earlier run finished are left out.
    """
    waiting: dict[tuple[Any, ...], list[Job]] = {}
    for job in _read_ahead(run, names, pool, ahead):
        if job.done:
            continue
        if job.error:
            yield [job]
        else:
            key = job.rgb.shape, run.clips and clip_of(job.name)
            bucket = waiting.setdefault(key, [])
            bucket.append(job)
            if len(bucket) == batch_size:
                yield waiting.pop(key)
            elif sum(map(len, waiting.values())) >= 4 * batch_size:
                yield waiting.pop(max(waiting, key=lambda key: len(waiting[key])))
    yield from waiting.values()


def _read_ahead(run: Run, names: Iterable[str], pool: Executor, ahead: int) -> Iterator[Job]:
    pending: deque[Future[Job]] = deque()
    for name in names:
        pending.append(pool.submit(run.read, name))
        if len(pending) > ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
