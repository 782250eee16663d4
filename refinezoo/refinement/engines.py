"""What refines the images of a run: this process, or the workers of a Ray cluster."""

import hashlib
import itertools
import logging
import os
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_paths, sweep
from refinezoo.refinement.batching import batches
from refinezoo.refinement.job import Job
from refinezoo.refinement.run import Run

_TRIES = 4  # of a chunk whose worker dies


def refine_here(
    run: Run, names: Sequence[str], *, batch_size: int, threads: int
) -> Generator[list[dict[str, Any]]]:
    """Refines renders in this process and writes them; yields the rows of each batch.

    Those that an earlier run finished have none.
    """
    if run.out is None:
        raise RuntimeError("a run without a folder writes nothing")
    out = run.out
    with ThreadPoolExecutor(threads) as pool, atomic_paths(out) as path_of:

        def written(job: Job, refined: np.ndarray | None) -> dict[str, Any]:
            content, row = run.judge(job, refined)
            if content is None:
                (out / job.name).unlink(missing_ok=True)
                return row
            with path_of(out / job.name) as temporary:
                temporary.write_bytes(content)
            return {**row, "output_sha256": hashlib.sha256(content).hexdigest()}

        for batch in batches(run, names, pool, batch_size, ahead=batch_size + threads):
            refined = run.refine_each(batch)
            run.ask_teacher(batch, refined)
            yield [*pool.map(written, batch, refined)]


def refine_on_ray(
    run: Run, names: Sequence[str], *, batch_size: int, workers: int, gpus_per_worker: float
) -> Generator[list[dict[str, Any]]]:
    """As `refine_here`, by actors of Ray, each with a model of its own.

    The cluster is the one of `RAY_ADDRESS`, or one that is started for this run on this machine.
    What a dying worker had not finished it gets again once Ray has started it anew; an image may so
    be refined twice, into the same bytes.

    Args:
        run: of which each worker gets a copy; all must see its folders under their names.
        names: renders.
        batch_size: images refined at once by a worker.
        workers: actors.
        gpus_per_worker: whole GPUs, or the share of one.

    Raises:
        RefinezooError: no Ray, no room in the cluster, a worker that does not see the folders, or
            images over which workers die.
    """
    size = max(1, min(4 * batch_size, -(-len(names) // workers)))
    chunks = (names[start : start + size] for start in range(0, len(names), size))
    with _cluster(workers, gpus_per_worker) as ray:
        actor = ray.remote(_Worker).options(
            num_cpus=1, num_gpus=gpus_per_worker, max_restarts=-1, max_task_retries=_TRIES - 1
        )
        shared = ray.put(run)  # held here: a worker that is started again asks for it
        idle = [actor.remote([shared], batch_size) for _ in range(min(workers, len(names)))]
        busy: dict[Any, Any] = {}
        while True:
            for chunk in itertools.islice(chunks, len(idle)):
                worker = idle.pop()
                known = [run.known[name] for name in chunk if name in run.known]
                busy[worker.refine.remote(chunk, known)] = worker
            if not busy:
                if run.out is not None:
                    sweep(run.out)  # of what killed workers were writing
                return
            [done], _ = ray.wait([*busy], num_returns=1)
            idle.append(busy.pop(done))
            rows = ray.get(done)
            if isinstance(rows, str):
                raise RefinezooError(rows)
            yield rows


class _Worker:
    """An actor: refines the chunks that it is handed."""

    def __init__(self, shared: list[Any], batch_size: int) -> None:
        self.shared, self.batch_size = shared, batch_size

    @cached_property
    def run(self) -> Run:
        """This worker's own; a failure to get it is told as that of a chunk, not of the actor."""
        import ray

        run: Run = ray.get(self.shared[0])
        return run

    def refine(self, names: list[str], known: list[dict[str, Any]]) -> list[dict[str, Any]] | str:
        """The rows of a chunk, or in words what kept it from being refined."""
        try:
            return self._rows(names, known)
        except RefinezooError as error:
            return str(error)
        except Exception as error:  # which Ray would wrap into a page of its own
            last = str(error).strip().splitlines()[-1:] or [""]
            return (
                f"expected workers of Ray that refine, received {type(error).__name__}: {last[0]}. "
                "They import what this process does: install it on all machines, or name its "
                "folder in PYTHONPATH."
            )

    def _rows(self, names: list[str], known: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for folder in (self.run.layout.root, self.run.out):
            if folder is not None and not folder.is_dir():
                raise RefinezooError(
                    f"expected the folder {str(folder)!r} on all machines of the cluster, a worker "
                    f"on {os.uname().nodename} does not see it. Mount it there under this name."
                )
        self.run.known = {row["file"]: row for row in known}
        batches = refine_here(self.run, names, batch_size=self.batch_size, threads=2)
        return [row for rows in batches for row in rows]


@contextmanager
def _cluster(workers: int, gpus_per_worker: float) -> Iterator[Any]:
    """Ray, with room for the workers; one that was started here is stopped at the end."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves the machine
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # C++ notes on its own restarts
    try:
        import ray
        from ray.exceptions import RayError
    except ImportError:
        raise RefinezooError(
            "expected Ray for --engine ray (engine='ray'), which is not installed. Install it "
            "with: pip install 'refinezoo[ray]'"
        ) from None
    joined = ray.is_initialized()
    if not joined:
        _connect(ray)
    try:
        room = ray.cluster_resources()
        for resource, needed in (("CPU", workers), ("GPU", workers * gpus_per_worker)):
            if room.get(resource, 0) < needed:
                raise RefinezooError(
                    f"expected {needed:g} {resource}s in the Ray cluster for {workers} workers, it "
                    f"has {room.get(resource, 0):g}. Give fewer --workers or --gpus-per-worker."
                )
        yield ray
    except RayError as error:
        raise RefinezooError(
            f"workers of Ray died {_TRIES} times over the same images: "
            f"{str(error).strip().splitlines()[0]} What is refined is kept; give them more memory "
            "(fewer --workers), or run it again without --engine ray to see which image it is."
        ) from error
    finally:
        if not joined:
            ray.shutdown()


def _connect(ray: Any) -> None:
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    address = os.environ.get("RAY_ADDRESS")
    if address:
        backend = os.environ.get("KERAS_BACKEND")
        options["runtime_env"] = {"env_vars": {"KERAS_BACKEND": backend}} if backend else {}
    else:
        options |= {"num_cpus": os.cpu_count() or 1, "include_dashboard": False}
        options |= {"object_store_memory": 256 << 20}
    try:
        ray.init(address or "local", **options)
    except Exception as error:  # whatever keeps a cluster from being reached or started
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise RefinezooError(
            f"expected a Ray cluster at {address or 'this machine'}, received: {said[0]}. "
            "RAY_ADDRESS names a running one; without it one is started here."
        ) from error
