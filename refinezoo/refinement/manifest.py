"""What was done to each image, kept while the run goes on, so that a killed run resumes."""

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from refinezoo.errors import RefinezooError
from refinezoo.files import contained, is_filled, sha256, write_json

FORMAT = "refinezoo.refinement/1"
JOURNAL = ".refinement.jsonl"
# What `files.atomic_path` leaves behind when its process is killed.
_STALE = re.compile(r"^\..+\.tmp(\.\w+)?$")


class Manifest:
    """The rows of a refined dataset, one per image; each row is on disk before the next batch.

    Args:
        out: the refined dataset's folder.
        name: file name of the manifest in it.
        settings: what decides the outputs; a run with other settings is another run.
        overwrite: start again where `out` holds a run with other settings, or other files.

    Raises:
        RefinezooError: `out` holds such a run or files, and `overwrite` is False.
    """

    def __init__(self, out: Path, name: str, settings: dict[str, Any], *, overwrite: bool = False):
        self.out, self.path, self.settings = out, out / name, settings
        self.journal = out / JOURNAL
        self.rows: dict[str, dict[str, Any]] = {}
        self.written: set[str] = set()  # by earlier runs with these settings
        earlier, rows = self._read()
        if earlier is None and not overwrite and out.is_dir() and is_filled(out):
            raise RefinezooError(
                f"expected a new or empty folder for the refined dataset, {str(out)!r} holds files "
                "that no earlier run put there. Name another folder, or give --overwrite "
                "(overwrite=True in Python)."
            )
        if earlier is not None and earlier != settings:
            if not overwrite:
                raise RefinezooError(
                    f"{str(out)!r} was refined with other settings: "
                    f"{_difference(earlier, settings)}. Name another folder, or give "
                    "--overwrite (overwrite=True in Python) to refine it again."
                )
            self._remove_outputs(rows)
        elif earlier is not None:
            self.rows = rows
        out.mkdir(parents=True, exist_ok=True)
        self._start_journal()

    def done(self, name: str, source_sha256: str, labels_sha256: str | None = None) -> bool:
        """Whether an earlier run with these settings left this very image refined.

        `labels_sha256` is of the labels that the output depends on.
        """
        row = self.rows.get(name)
        if row is None or row["action"] == "failed" or row["source_sha256"] != source_sha256:
            return False
        if row.get("labels_sha256") != labels_sha256:
            return False
        output = self.out / name
        return output.is_file() and sha256(output) == row["output_sha256"]

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Notes finished images."""
        with open(self.journal, "a", encoding="utf-8") as file:
            for row in rows:
                self.rows[row["file"]] = row
                file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def finish(self, names: list[str], **sections: Any) -> None:
        """Writes the manifest, rows in the order of `names`, and removes the journal."""
        rows = [self.rows[name] for name in names if name in self.rows]
        document = {"format": FORMAT, **self.settings, **sections, "images": rows}
        write_json(self.path, document)
        self.journal.unlink(missing_ok=True)

    def _read(self) -> tuple[dict[str, Any] | None, dict[str, dict[str, Any]]]:
        """Settings and rows of an earlier run: its manifest, then its journal on top."""
        settings: dict[str, Any] | None = None
        rows: dict[str, dict[str, Any]] = {}
        if self.path.is_file():
            try:
                document = json.loads(self.path.read_text(encoding="utf-8"))
            except ValueError:
                document = {}
            if isinstance(document, dict) and document.get("format") == FORMAT:
                settings = {key: document.get(key) for key in self.settings}
                rows = {row["file"]: row for row in document["images"]}
                carried = [row["file"] for row in document.get("carried", ())]
                self.written = {*rows, *carried, *document.get("orphans", ())}
        if self.journal.is_file():
            lines = self.journal.read_text(encoding="utf-8", errors="replace").splitlines()
            for line in lines:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue  # the line that was being written when the run was killed
                if "settings" in entry:
                    if settings != entry["settings"]:
                        settings, rows = entry["settings"], {}
                else:
                    rows[entry["file"]] = entry
        self.written |= set(rows)
        return settings, rows

    def orphans(self, names: Iterable[str], *, prune: bool) -> list[str]:
        """Files of earlier runs whose source is gone; `prune` deletes them.

        Args:
            names: files that the source has.
            prune: delete them.

        Raises:
            RefinezooError: the manifest names files out of the folder.
        """
        gone = sorted(self.written - set(names))
        gone = [name for name in gone if contained(name, self.out).is_file()]
        if prune:
            for name in gone:
                (self.out / name).unlink()
        return gone

    def _start_journal(self) -> None:
        lines = [{"settings": self.settings}, *self.rows.values()]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        temporary = self.journal.with_suffix(".new")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, self.journal)

    def _remove_outputs(self, rows: dict[str, dict[str, Any]]) -> None:
        for name in rows:
            contained(name, self.out).unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


def sweep(out: Path, carried: set[str]) -> int:
    """Deletes the half-written files of a killed run; returns how many."""
    count = 0
    for path in out.rglob(".*"):
        name = path.relative_to(out).as_posix()
        if path.is_file() and _STALE.match(path.name) and name not in carried:
            path.unlink()
            count += 1
    return count


def _difference(earlier: dict[str, Any], now: dict[str, Any]) -> str:
    keys = [key for key in now if earlier.get(key) != now[key]]
    return "; ".join(f"{key} was {earlier.get(key)}, is {now[key]}" for key in keys)
