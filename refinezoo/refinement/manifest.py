"""What was done to each image, kept while the run goes on, so that a killed run resumes."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from refinezoo.config import parse_json, read_json
from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_path, is_filled, sha256, write_json
from refinezoo.paths import contained, no_link

FORMAT = "refinezoo.refinement/1"
JOURNAL = ".refinement.jsonl"
_MAX_BYTES = 1 << 30  # of a manifest; a row has some 500


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
        self.journal = no_link(out / JOURNAL)
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
        return output.is_file() and sha256(output) == row.get("output_sha256")

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
        document: Any = None
        if self.path.is_file():
            with suppress(RefinezooError):  # another program's manifest
                document = read_json(self.path, _MAX_BYTES)
        if isinstance(document, dict) and document.get("format") == FORMAT:
            settings = {key: document.get(key) for key in self.settings}
            rows = {row["file"]: row for row in _rows(document.get("images"))}
            carried = [row["file"] for row in _rows(document.get("carried"), "sha256")]
            self.written = {*rows, *carried, *map(str, document.get("orphans") or ())}
        for entry in self._entries():
            if "settings" in entry:
                if settings != entry["settings"]:
                    settings, rows = entry["settings"], {}
            else:
                rows |= {row["file"]: row for row in _rows([entry])}
        self.written |= set(rows)
        return (settings if isinstance(settings, dict) else None), rows

    def _entries(self) -> Iterator[dict[str, Any]]:
        if not self.journal.is_file():
            return
        with open(self.journal, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                # A line that was being written when the run was killed is none.
                with suppress(RefinezooError):
                    entry = parse_json(line, JOURNAL)
                    if isinstance(entry, dict):
                        yield entry

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
        with atomic_path(self.journal) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def _remove_outputs(self, rows: dict[str, dict[str, Any]]) -> None:
        """Deletes what an earlier run wrote and nobody has changed since."""
        outputs = {contained(name, self.out): row for name, row in rows.items()}
        for output, row in outputs.items():
            if output.is_file() and sha256(output) == row.get("output_sha256"):
                output.unlink()
        self.path.unlink(missing_ok=True)


def _rows(found: Any, *needed: str) -> list[dict[str, Any]]:
    """Those of some rows that have what the run looks at: a manifest may be anyone's."""
    needed = needed or ("action", "source_sha256")
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    rows = [row for row in rows if isinstance(row.get("gate", {}), dict)]
    return [row for row in rows if all(isinstance(row.get(key), str) for key in ("file", *needed))]


def _difference(earlier: dict[str, Any], now: dict[str, Any]) -> str:
    keys = [key for key in now if earlier.get(key) != now[key]]
    return "; ".join(f"{key} was {earlier.get(key)}, is {now[key]}" for key in keys)
