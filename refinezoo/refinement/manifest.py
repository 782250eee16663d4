"""What was done to each image, kept while the run goes on, so that a killed run resumes."""

import json
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from refinezoo.config import read_json
from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_path, is_filled, sha256, write_json
from refinezoo.paths import contained, no_link
from refinezoo.refinement.rows import Rows, checked, names_in, read_lines

FORMAT = "refinezoo.refinement/1"
JOURNAL = ".refinement.jsonl"
LINES = ".jsonl"  # a manifest of that name has a line for itself, then one per image
_WHERE_ASKED = ("sequence", "over")  # settings that only runs with them have
_MAX_BYTES = 1 << 30  # of a manifest that is one JSON; a row has some 500


class Manifest:
    """The rows of a refined dataset, one per image; each row is on disk before the next batch.

    Args:
        out: the refined dataset's folder.
        name: file name of the manifest in it; one that ends in `.jsonl` is written as JSON lines.
        settings: what decides the outputs; a run with other settings is another run.
        overwrite: start again where `out` holds a run with other settings, or other files.
        part: of several runs into this folder: the name of this one; its journal stays when it
            ends, for the run that finishes the manifest.
        names: the images of that part.

    Raises:
        RefinezooError: `out` holds such a run or files, and `overwrite` is False.
    """

    def __init__(
        self,
        out: Path,
        name: str,
        settings: dict[str, Any],
        *,
        overwrite: bool = False,
        part: str = "",
        names: Collection[str] | None = None,
    ):
        self.out, self.path, self.settings = out, out / name, settings
        self.journal = no_link(
            out / (JOURNAL.replace(LINES, f"-{part}{LINES}") if part else JOURNAL)
        )
        self.rows = Rows()
        self.written: set[str] = set()  # by earlier runs with these settings
        # Looked at first: other parts may be about to write, each its journal before all else.
        filled = out.is_dir() and is_filled(out)
        found = list(self._read())
        others = [earlier for _, earlier, _, _ in found if earlier != settings]
        if filled and not found and not overwrite:
            raise RefinezooError(
                f"expected a new or empty folder for the refined dataset, {str(out)!r} holds files "
                "that no earlier run put there. Name another folder, or give --overwrite "
                "(overwrite=True in Python)."
            )
        if others and not overwrite:
            raise RefinezooError(
                f"{str(out)!r} was refined with other settings: "
                f"{_difference(others[0], settings)}. Name another folder, or give "
                "--overwrite (overwrite=True in Python) to refine it again."
            )
        kept: set[str] = set()  # of files that no other file than the new journal will name
        for file, earlier, rows, written in found:
            if earlier == settings:
                self.rows.take(rows)
                self.written |= written
                kept |= written if file == self.journal else set()
            else:
                self._remove_outputs(rows)
                file.unlink(missing_ok=True)
                self.written |= (copied := written - set(rows))
                kept |= copied
        if names is not None:
            found_rows, self.rows = self.rows, Rows()
            self.rows.take(found_rows, set(names))
        self._start_journal(kept - set(self.rows))

    def announce(self, names: Iterable[str]) -> None:
        """Notes files that are about to be copied: their sources may be gone when it resumes."""
        new = [name for name in names if name not in self.written]
        with open(self.journal, "a", encoding="utf-8") as file:
            file.writelines(_written(name) for name in new)
        self.written.update(new)

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Notes finished images."""
        with open(self.journal, "a", encoding="utf-8") as file:
            for row in rows:
                self.rows[row["file"]] = row
                file.write(self.rows.line(row["file"]) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def finish(self, names: list[str], **sections: Any) -> None:
        """Writes the manifest, rows in the order of `names`, and removes the journals.

        Raises:
            RefinezooError: it would be too large to be read again as one JSON.
        """
        head = {"format": FORMAT, **self.settings, **sections}
        names = [name for name in names if name in self.rows]
        if self.path.suffix == LINES:
            with (
                atomic_path(self.path) as temporary,
                open(temporary, "w", encoding="utf-8") as file,
            ):
                file.write(json.dumps(head) + "\n")
                file.writelines(self.rows.line(name) + "\n" for name in names)
        else:
            size = sum(len(self.rows.line(name)) for name in names)
            if 2 * size > _MAX_BYTES:
                raise RefinezooError(
                    f"expected a manifest of {len(names)} images as JSON lines. Give "
                    "--manifest-name manifest.jsonl (manifest_name= in Python); run it again, "
                    "finished images are kept."
                )
            write_json(self.path, {**head, "images": [self.rows[name] for name in names]})
        for journal in journals_in(self.out):
            journal.unlink()

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

    def _read(self) -> Iterator[tuple[Path, dict[str, Any], Rows, set[str]]]:
        """Of earlier runs, as the manifest, then journals say: settings, rows, all they wrote."""
        if self.path.is_file() and (document := document_of(self.path)) is not None:
            asked = [key for key in _WHERE_ASKED if key in document]
            settings = {key: document.get(key) for key in (*self.settings, *asked)}
            rows = Rows(checked(document.get("images")))
            carried = {row["file"] for row in checked(document.get("carried"), "sha256")}
            yield self.path, settings, rows, {*rows, *carried, *names_in(document.get("orphans"))}
        for journal in journals_in(self.out):
            settings, rows, written = {}, Rows(), set[str]()
            with suppress(FileNotFoundError):  # another part that overwrites has deleted it
                for entry in read_lines(journal):
                    if isinstance(entry.get("settings"), dict):
                        settings = entry["settings"]
                    written |= names_in([entry.get("written")])
                    for row in checked([entry]):
                        rows[row["file"]] = row
            if settings:
                yield journal, settings, rows, {*rows, *written}

    def _start_journal(self, written: Iterable[str]) -> None:
        with atomic_path(self.journal) as temporary, open(temporary, "w") as file:
            file.write(json.dumps({"settings": self.settings}) + "\n")
            file.writelines(map(_written, sorted(written)))
            file.writelines(self.rows.line(name) + "\n" for name in self.rows)

    def _remove_outputs(self, rows: Rows) -> None:
        """Deletes what another run wrote and nobody has changed since."""
        outputs = {contained(name, self.out): row for name, row in rows.items()}
        for output, row in outputs.items():
            with suppress(FileNotFoundError):  # other parts may be at it
                if output.is_file() and sha256(output) == row.get("output_sha256"):
                    output.unlink()


def document_of(path: Path) -> dict[str, Any] | None:
    """A manifest, its `images` to be looked through once; None where it is another program's."""
    document: Any = None
    if path.suffix == LINES:
        with suppress(FileNotFoundError):  # another part that overwrites has deleted it
            lines = read_lines(path)
            document = next(lines, {}) | {"images": lines}
    else:
        with suppress(RefinezooError):
            document = read_json(path, _MAX_BYTES)
    ours = isinstance(document, dict) and document.get("format") == FORMAT
    return document if ours else None


def journals_in(folder: Path) -> list[Path]:
    """Those of runs that have not ended."""
    found = folder.glob(JOURNAL.replace(LINES, f"*{LINES}"))
    return sorted(path for path in found if path.is_file())


def is_done(
    row: dict[str, Any] | None, output: Path, source_sha256: str, labels_sha256: str | None = None
) -> bool:
    """Whether an earlier run with the same settings left this very image refined.

    Args:
        row: that it wrote, or None.
        output: the refined file.
        source_sha256: of the render as it is now.
        labels_sha256: of the labels that the output depends on.
    """
    if row is None or row["action"] == "failed" or row["source_sha256"] != source_sha256:
        return False
    if row.get("labels_sha256") != labels_sha256:
        return False
    return output.is_file() and sha256(output) == row.get("output_sha256")


def _difference(earlier: dict[str, Any], now: dict[str, Any]) -> str:
    keys = [key for key in {**now, **earlier} if earlier.get(key) != now.get(key)]
    return "; ".join(f"{key} was {earlier.get(key)}, is {now.get(key)}" for key in keys)


def _written(name: str) -> str:
    """The line of a journal for a file that is no image."""
    return json.dumps({"written": name}) + "\n"
