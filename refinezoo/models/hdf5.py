"""Arrays in HDF5 files, read without trust in the file.

HDF5 can name other files, unfold a few bytes to gigabytes and call filters by number. Here a file
holds only what the caller expects of it: names, shapes, types and sizes are compared before any
value is read, and every chunk is unpacked by us, into the room it may take.
"""

import io
import math
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_path

Expected = dict[str, tuple[tuple[int, ...], np.dtype]]  # shape and dtype by name

_DEFLATE, _SHUFFLE = 1, 2  # HDF5's numbers of the filters that we undo
_FLOATS = (np.dtype("float16"), np.dtype("float32"))
_DEEPEST = 32


class InMemory(io.BytesIO):
    """A file for Keras that touches no disk: Keras tells the format by the end of the name."""

    def __str__(self) -> str:
        return "in_memory.weights.h5"


def write_weights(
    path: str | os.PathLike, values: dict[str, np.ndarray], *, half: bool = True
) -> None:
    """Writes arrays by name; float32 as float16 where `half` is set and that loses no range.

    Raises:
        RefinezooError: a value is NaN or infinite, or `path` cannot be written.
    """
    import h5py

    content = InMemory()
    with h5py.File(content, "w") as file:
        for name, array in values.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise RefinezooError(
                    f"weight {name} holds NaN or infinite values; a preset of a diverged model is "
                    "not written. Go back to its last good checkpoint."
                )
            # Amplitudes and moving variances can leave the range of float16.
            if half and array.dtype == np.float32 and np.abs(array).max(initial=0) < 6e4:
                array = array.astype(np.float16)
            packing: dict[str, Any] = {}
            if array.size > 256:
                packing = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
            file.create_dataset(name, data=array, **packing)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def read_weights(path: str | os.PathLike, expected: Expected) -> dict[str, np.ndarray]:
    """The arrays of a file that holds exactly the expected ones; float16 comes as float32.

    Args:
        path: the file.
        expected: shape and dtype by name; where float32 is expected, float16 may be stored.

    Raises:
        RefinezooError: the file is no HDF5, holds anything but plain arrays of the expected names,
            shapes and types, or takes more room than they need. No value was read then, unless a
            packed one turned out to be other than it should be.
    """
    import h5py

    path = Path(path)
    try:
        room = sum(math.prod(shape) * dtype.itemsize for shape, dtype in expected.values())
        most = 2 * room + 16_384 * len(expected) + 1_000_000
        if path.stat().st_size > most:
            raise RefinezooError(
                f"expected a weights file of at most {most:,} bytes for this network at {path}, "
                f"received {path.stat().st_size:,}. It is of another model, or holds more than it."
            )
        with h5py.File(path, "r") as file:
            found = datasets(file, 20 * len(expected) + 1000)
            _compare(expected, found, path)
            for name, dataset in found.items():
                _check_storage(name, dataset, path)
            return {
                name: _values(dataset).astype(dtype, copy=False)
                for name, dataset in found.items()
                for _, dtype in [expected[name]]
            }
    except RefinezooError:
        raise
    except Exception as error:  # h5py passes on whatever the C library meets in a broken file
        raise RefinezooError(
            f"expected a weights file (HDF5) at {path}, received one that cannot be read: {error}. "
            "Copy or install it again."
        ) from None


def datasets(group: Any, most: int = 1_000_000) -> dict[str, Any]:
    """The arrays below a group, `h5py.Dataset` by name: what lies in this very file, unread.

    Raises:
        RefinezooError: there are links to other places, other things than groups and arrays, or
            more than `most` of them, as in a group that holds itself.
    """
    import h5py

    found: dict[str, Any] = {}
    waiting, count = [("", group, 0)], 0
    while waiting:
        prefix, group, depth = waiting.pop()
        for name in group:
            count += 1
            if count > most or depth > _DEEPEST:
                raise RefinezooError(_refused(group, prefix + name, "more than a network has"))
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise RefinezooError(_refused(group, prefix + name, "a link to another place"))
            kind = group.get(name, getclass=True)
            if kind is h5py.Group:
                waiting.append((f"{prefix}{name}/", group[name], depth + 1))
            elif kind is h5py.Dataset:
                found[prefix + name] = group[name]
            else:
                raise RefinezooError(_refused(group, prefix + name, "no array"))
    return found


def _refused(group: Any, name: str, what: str) -> str:
    return (
        f"{group.file.filename}: expected plain arrays as refinezoo and Keras write them, received "
        f"{what} at {name!r}. Load presets only of a source that you trust; it has not been read."
    )


def _compare(expected: Expected, found: dict[str, Any], path: Path) -> None:
    problems = [f"{name}: expected, missing" for name in expected if name not in found]
    problems += [f"{name}: not in the network" for name in found if name not in expected]
    for name, (shape, dtype) in expected.items():
        if name in found and found[name].shape != shape:
            problems.append(f"{name}: expected shape {shape}, received {found[name].shape}")
        elif name in found and found[name].dtype not in (_FLOATS if dtype in _FLOATS else (dtype,)):
            problems.append(f"{name}: expected {dtype}, received {found[name].dtype}")
    if problems:
        more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
        raise RefinezooError(
            f"the weights in {path} do not fit this network: {'; '.join(problems[:3])}{more}. "
            "Build the model with the config that was saved beside the weights."
        )


def _check_storage(name: str, dataset: Any, path: Path) -> None:
    """Refuses arrays whose values lie in other files, or are packed in a way we do not unpack."""
    import h5py

    plan = dataset.id.get_create_plist()
    plain = (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED)
    filters = [plan.get_filter(number)[0] for number in range(plan.get_nfilters())]
    if plan.get_layout() not in plain or plan.get_external_count():
        raise RefinezooError(_refused(dataset, name, "values that lie in other files"))
    fits = dataset.chunks is None or np.all(np.less_equal(dataset.chunks, dataset.shape))
    if not fits or filters not in ([], [_DEFLATE], [_SHUFFLE, _DEFLATE], [_SHUFFLE]):
        raise RefinezooError(_refused(dataset, name, "values packed in another way"))
    stored = dataset.id.get_storage_size()
    if stored > 1.1 * dataset.nbytes + 4096 or (not dataset.chunks and stored < dataset.nbytes):
        raise RefinezooError(_refused(dataset, name, f"{stored:,} bytes for {dataset.nbytes:,}"))


def _values(dataset: Any) -> np.ndarray:
    if dataset.chunks is None:
        return dataset[()]
    plan, values = dataset.id.get_create_plist(), np.empty(dataset.shape, dataset.dtype)
    filters = [plan.get_filter(number)[0] for number in range(plan.get_nfilters())]
    room = math.prod(dataset.chunks) * dataset.dtype.itemsize
    for place in dataset.iter_chunks():
        start = tuple(part.start for part in place)
        if (size := dataset.id.get_chunk_info_by_coord(start).size) > 1.1 * room + 4096:
            raise RefinezooError(_refused(dataset, dataset.name, f"a chunk of {size:,} bytes"))
        skipped, content = dataset.id.read_direct_chunk(start)
        for number in reversed(range(len(filters))):
            if not skipped >> number & 1:
                undo = _inflated if filters[number] == _DEFLATE else _unshuffled
                content = undo(content, room if undo is _inflated else dataset.dtype.itemsize)
        if len(content) != room:
            raise RefinezooError(_refused(dataset, dataset.name, "a chunk of another size"))
        chunk = np.frombuffer(content, dataset.dtype).reshape(dataset.chunks)
        values[place] = chunk[tuple(slice(part.stop - part.start) for part in place)]
    return values


def _inflated(content: bytes, room: int) -> bytes:
    """Unpacks at most one byte more than there is room for."""
    return zlib.decompressobj().decompress(content, room + 1)


def _unshuffled(content: bytes, itemsize: int) -> bytes:
    """Undoes HDF5's shuffle filter: all first bytes, then all second bytes, and so on."""
    return np.frombuffer(content, np.uint8).reshape(itemsize, -1).T.tobytes()
