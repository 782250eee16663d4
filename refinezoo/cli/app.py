"""The application, and what its verbs share."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

# Before anything imports TensorFlow, which reads them once and else prints its start-up notes.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

import typer

from refinezoo import __version__
from refinezoo.errors import RefinezooError, printable

app = typer.Typer(
    name="refinezoo",
    help="Make renders look real without making their labels false, and measure the gain.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
_settings = {"debug": False}
WIDE = 110  # columns of a terminal on which summaries of models can be read

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def main() -> None:
    """Runs the command line."""
    shown = logging.StreamHandler()
    shown.setFormatter(_Escaped("%(message)s"))
    notes = logging.getLogger("refinezoo")
    notes.addHandler(shown)
    notes.propagate = False
    app()


class _Escaped(logging.Formatter):
    """What the package notes, with control characters of file names escaped."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def _show_version(asked: bool) -> None:
    if asked:
        print(f"refinezoo {__version__}")
        raise typer.Exit()


@app.callback()
def _common(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    _settings["debug"] = debug or os.environ.get("REFINEZOO_DEBUG", "") not in ("", "0")


@contextmanager
def worded(after_interrupt: str = "Nothing half-written is left.") -> Iterator[None]:
    """A user's mistake becomes one message and exit code 2; an interrupt says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"\nrefinezoo: interrupted. {after_interrupt}", error=True)
        raise typer.Exit(130) from None
    except (RefinezooError, OSError) as error:
        if _settings["debug"]:
            raise
        say(f"refinezoo: {error}", error=True)
        raise typer.Exit(2) from None


def start() -> None:
    """Starts Keras and its backend, without their start-up notes unless `--debug` was given."""
    from refinezoo.quiet import start_backend

    start_backend(show_notes=_settings["debug"])


def load(name: str) -> Any:
    """The model of a zoo name, a preset folder or an exported file."""
    import refinezoo

    if not check_model(name):
        start()
    return refinezoo.load(name)


def check_model(name: str) -> bool:
    """Tells a wrong name before Keras starts; whether it is of an exported file."""
    import refinezoo
    from refinezoo.export.registry import is_exported

    exported = is_exported(name)
    if not exported:
        refinezoo.zoo.find(name)
    return exported


def say(text: object, *, error: bool = False) -> None:
    """Prints a line; names of files in it may hold anything, so control characters are escaped."""
    print(printable(str(text)), file=sys.stderr if error else sys.stdout, flush=True)


def print_json(value: Any) -> None:
    """Prints a value as JSON, in ASCII: names may hold what the terminal cannot print."""
    print(json.dumps(value, indent=1, default=str))


def parse_size(text: str, option: str = "--image-size") -> tuple[int, int]:
    """(height, width) of `256` or `256x128`."""
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() for part in parts):
        raise RefinezooError(
            f"expected {option} as 256 or 256x128 (height x width), received {text!r}."
        )
    return int(parts[0]), int(parts[-1])
