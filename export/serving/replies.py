"""What a server answered about one image: checked, written, and noted as done.

A reply is a file only after it was decoded and found to be of its image's size. The journal beside
the files says which image, which model and which version gave them, and so what a resumed run may
keep.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.disk import worded
from refinezoo.errors import RefinezooError
from refinezoo.export.serving.png import decode_png
from refinezoo.files import atomic_path, sha256
from refinezoo.paths import no_link

JOURNAL = "request.jsonl"
_IMAGES = {"image_bytes": "RGB", "depth_mm_bytes": "16-bit grey", "mask_bytes": "8-bit grey"}


def check_reply(reply: dict[str, np.ndarray], size: tuple[int, int]) -> None:
    """Refuses an answer about one image of `size` (height, width) that cannot be one.

    Raises:
        RefinezooError: images that cannot be decoded or have another size, numbers that are
            not finite, another count of answers than one, or none.
    """
    if not reply:
        raise RefinezooError("expected an answer, received none.")
    for name, values in reply.items():
        if values.ndim < 1 or len(values) != 1:
            raise RefinezooError(
                f"expected one answer {name} to one image, received {list(values.shape)}."
            )
        if name in _IMAGES:
            decode_png(values.flat[0] if values.size else b"", size, _IMAGES[name])
        elif values.dtype.kind not in "iuf" or not np.isfinite(values).all():
            raise RefinezooError(f"expected numbers as {name}, received others.")
    if "count" in reply:
        boxes, count = reply.get("boxes"), int(reply["count"].flat[0])
        if boxes is None or boxes.shape[2:] != (4,) or not 0 <= count <= boxes.shape[1]:
            raise RefinezooError(f"expected boxes of {count} objects, received others.")


def reply_files(reply: dict[str, np.ndarray], stem: str) -> dict[str, bytes]:
    """A checked answer as the files that hold it: PNG, or JSON of numbers; by name in `out`."""
    images = sorted(name for name in reply if name in _IMAGES)
    if not images:
        count = int(reply["count"].flat[0]) if "count" in reply else None
        found = {
            key: (values[0] if count is None else values[0][:count]).tolist()
            for key, values in reply.items()
            if key != "count"
        }
        return {f"{stem}.json": json.dumps(found, indent=1).encode() + b"\n"}
    both = len(images) > 1
    return {
        f"{'depth/' if both and name == 'depth_mm_bytes' else ''}{stem}.png": reply[name].flat[0]
        for name in images
    }


class Journal:
    """Which replies in a folder are finished; one line each in `request.jsonl`.

    Args:
        out: the folder of the replies.
        model: who answers: name, version and weights hash, as the server says them.

    Raises:
        RefinezooError: `out` holds replies of another model.
    """

    def __init__(self, out: Path, model: dict[str, Any]):
        self.out, self.model = out, model
        self._path, self._lock = no_link(out / JOURNAL), threading.Lock()
        self._rows = {row["image"]: row for row in self._read()}
        others = [row["model"] for row in self._rows.values() if row["model"] != model]
        if others:
            raise RefinezooError(
                f"{str(out)!r} holds replies of {_said(others[0])}; {_said(model)} answers now. "
                "Give another folder for its replies."
            )

    def done(self, image: str, source_sha256: str) -> bool:
        """Whether this very image was answered, and the reply is still there."""
        row = self._rows.get(image)
        return (
            row is not None
            and row["source_sha256"] == source_sha256
            and all(
                (self.out / name).is_file() and sha256(self.out / name) == digest
                for name, digest in row["replies"].items()
            )
        )

    def check_free(self, image: str, names: Iterable[str]) -> None:
        """Refuses to replace files that no earlier run wrote for this image."""
        own = self._rows.get(image, {}).get("replies", {})
        for name in names:
            if name not in own and (self.out / name).exists():
                raise RefinezooError(
                    f"{str(self.out / name)!r} is no reply of an earlier run and would be "
                    "replaced. Give another folder."
                )

    def store(self, image: str, source_sha256: str, files: dict[str, bytes]) -> None:
        """Writes the replies to one image, noted first: a file that is not noted is not ours."""
        replies = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        row = {"image": image, "source_sha256": source_sha256, "model": self.model}
        row["replies"] = replies
        with self._lock, worded(self._path), open(self._path, "a", encoding="utf-8") as file:
            whole = os.fstat(file.fileno()).st_size
            try:
                file.write(json.dumps(row) + "\n")
                file.flush()
                os.fsync(file.fileno())
            except OSError:  # half of a line would be joined with the next one
                os.ftruncate(file.fileno(), whole)
                raise
            self._rows[image] = row
        for name, content in files.items():
            with atomic_path(self.out / name) as temporary:
                temporary.write_bytes(content)

    def _read(self) -> list[dict[str, Any]]:
        """The rows of earlier runs; the line that a killed run was writing is taken out."""
        if not self._path.is_file():
            return []
        lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        kept = [(line, row) for line in lines if (row := _row(line)) is not None]
        if len(kept) < len(lines):
            with atomic_path(self._path) as temporary:
                temporary.write_text("".join(line for line, _ in kept), encoding="utf-8")
        return [row for _, row in kept]


def _row(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
        row["image"], row["source_sha256"], row["model"], row["replies"].items()
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return row if line.endswith("\n") else None


def _said(model: dict[str, Any]) -> str:
    version, weights = model.get("version"), str(model.get("weights_sha256"))[:8]
    return f"{model.get('name')} version {version} (weights {weights})"
