"""The export formats: each is one file of `export/formats/`, which registers its writer here.

Command line, `refinezoo.load`, report, checks and tests learn from this registry what there is.
"""

import functools
import importlib
import inspect
import os
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from refinezoo.errors import RefinezooError, did_you_mean

FULL = "float32"  # the precision that every format has, and that no file is named after
_registered: dict[str, "Format"] = {}
_written: set[str] = set()  # what this process exported


@dataclass(frozen=True)
class Format:
    """One export format.

    Attributes:
        name: as `refinezoo export --format` and `refinezoo.export` call it.
        write: `write(model, path, **options)` makes the file; of the options of
            `export_formats` it takes those that it names.
        open: `open(path, threads)` gives what runs the file: `run(images)` and `info`.
        suffix: of the file; empty where `marker` names the file that marks a version folder.
        runtime: what runs it.
        verified: where the tests compare its answers with those of Keras.
        packages: modules that writer and runtime import, beyond what refinezoo needs anyway.
        extra: the pip extra that brings them.
        precisions: what `write` takes as `precision`.
        sizes: whether a file takes images of any size, of one, or of several.
        beside: suffixes of the files that belong to one.
    """

    name: str
    write: Callable[..., Path]
    open: Callable[[Path, int | None], Any]
    suffix: str
    runtime: str
    verified: str
    packages: tuple[str, ...] = ()
    extra: str = ""
    precisions: tuple[str, ...] = (FULL,)
    sizes: Literal["any", "one", "several"] = "one"
    beside: tuple[str, ...] = ()
    marker: str = ""

    def options(self, given: dict[str, Any]) -> dict[str, Any]:
        """Those of the given options that the writer takes."""
        taken = inspect.signature(self.write).parameters
        options = {key: value for key, value in given.items() if key in taken}
        if self.sizes == "one" and isinstance(options.get("image_size"), list):
            options["image_size"] = options["image_size"][0]
        return options

    def path(self, folder: Path, name: str, precision: str) -> Path:
        """Where `export_formats` puts it: `NAME_PRECISION` and suffix, or version folder `1`."""
        if self.marker:
            return folder / "1"
        return folder / f"{name if precision == FULL else f'{name}_{precision}'}{self.suffix}"

    def files(self, path: Path) -> list[Path]:
        """All files of one export."""
        if self.marker:
            return [file for file in path.rglob("*") if file.is_file()]
        return [path, *(path.with_suffix(suffix) for suffix in self.beside)]

    def fits(self, path: Path) -> bool:
        """Whether `path` looks like one of its files. A preset folder is no version folder."""
        if self.marker:
            return (path / self.marker).is_file() and not (path / "config.json").exists()
        return path.suffix == self.suffix


def export_format(
    suffix: str = "", *, opens: Callable[[Path, int | None], Any], **about: Any
) -> Callable[[Callable[..., Path]], Callable[..., Path]]:
    """Registers the decorated writer; its name is the format's.

    Args:
        suffix: of its files.
        opens: `open` of the `Format`.
        **about: the other attributes of the `Format`.
    """

    def register(write: Callable[..., Path]) -> Callable[..., Path]:
        @functools.wraps(write)
        def noted(*args: Any, **options: Any) -> Path:
            path = write(*args, **options)
            _written.add(os.path.realpath(path))
            return path

        _registered[noted.__name__] = Format(noted.__name__, noted, opens, suffix, **about)
        return noted

    return register


def formats() -> dict[str, Format]:
    """All registered formats by name, those of refinezoo and those registered elsewhere."""
    _import_all()
    return dict(sorted(_registered.items()))


def chosen_formats(names: Iterable[str]) -> list[Format]:
    """The formats of these names; "all" names all.

    Raises:
        RefinezooError: there is none of a name.
    """
    known = formats()
    chosen: list[Format] = []
    for name in names:
        if name != "all" and name not in known:
            raise RefinezooError(
                f"expected a format of {', '.join(known)} or all, received {name!r}."
                + did_you_mean(name, known)
            )
        chosen += known.values() if name == "all" else [known[name]]
    return chosen


def format_of(path: str | os.PathLike) -> Format | None:
    """The format of an exported file or version folder; None of anything else."""
    return next((each for each in formats().values() if each.fits(Path(path))), None)


def is_exported(path: str | os.PathLike) -> bool:
    """Whether `path` looks like a file or folder that an export wrote."""
    return format_of(path) is not None


def is_own(path: str | os.PathLike) -> bool:
    """Whether this process wrote the exported file."""
    return os.path.realpath(path) in _written


def format_rows() -> list[tuple[str, ...]]:
    """The titles and a row a format; `refinezoo export --help-formats` shows them."""
    rows: list[tuple[str, ...]] = [
        ("format", "sizes", "precisions", "suffix", "pip extra", "runtime", "verified in")
    ]
    for row in formats().values():
        suffix = " + ".join((row.suffix, *row.beside)) if row.suffix else "/1/ (folder)"
        precisions = ", ".join(row.precisions)
        extra = row.extra or "-"
        rows.append((row.name, row.sizes, precisions, suffix, extra, row.runtime, row.verified))
    return rows


def format_table() -> str:
    """The table as Markdown, as docs/export.md shows it."""
    titles, *rows = format_rows()
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@functools.cache
def _import_all() -> None:
    folder = importlib.import_module("refinezoo.export.formats")
    for module in pkgutil.iter_modules(folder.__path__):
        importlib.import_module(f"{folder.__name__}.{module.name}")
