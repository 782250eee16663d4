"""The application, and what its verbs share."""

import functools
import inspect
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Annotated, Any, TypeVar

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
    rich_markup_mode=None,  # a line an option: the longest help fits a screen
)
_settings: dict[str, Any] = {"debug": False, "json": False, "quiet": False, "stdout": None}
Verb = TypeVar("Verb", bound=Callable[..., None])

FOUND, REFUSED, PARTLY, INTERRUPTED = 1, 2, 3, 130  # exit codes; docs/cli.md

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
QuietFlag = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors alone.")]


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


def verb(
    name: str | None = None, *, after_interrupt: str = "Nothing half-written is left."
) -> Callable[[Verb], Verb]:
    """Registers a function as a verb, with `--json` and `--quiet`; it says its result by `answer`.

    What the package prints meanwhile goes to stderr under `--json`, nowhere under `--quiet`.

    Args:
        name: of the verb; the function's by default.
        after_interrupt: what to do after Ctrl-C, in words.
    """

    def register(function: Verb) -> Verb:
        @functools.wraps(function)
        def run(*, as_json: bool, quiet: bool, **options: Any) -> None:
            _settings.update(json=as_json, quiet=quiet)
            with worded(after_interrupt), _progress():
                function(**options)

        shared = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=flag)
            for key, flag in (("as_json", JsonFlag), ("quiet", QuietFlag))
        ]
        own = inspect.signature(function).parameters.values()
        run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in (*own, *shared)}
        app.command(name)(run)
        return function

    return register


def answer(value: Any, text: str = "", *, brief: str = "") -> None:
    """Says what a verb found or wrote.

    Args:
        value: for `--json`, in ASCII: names may hold what the terminal cannot print.
        text: for readers.
        brief: what is left of it under `--quiet`.
    """
    if _settings["json"]:
        text = json.dumps(value, indent=1, default=str)
    elif _settings["quiet"]:
        text = brief
    if text:
        print(printable(text), file=_settings["stdout"], flush=True)


@contextmanager
def _progress() -> Iterator[None]:
    """Where prints of the package go: stderr beside JSON, nowhere when quiet."""
    _settings["stdout"] = sys.stdout
    with open(os.devnull, "w") as nowhere:
        quiet, beside = _settings["quiet"], _settings["json"]
        with redirect_stdout(nowhere if quiet else sys.stderr if beside else sys.stdout):
            yield


@contextmanager
def worded(after_interrupt: str) -> Iterator[None]:
    """A user's mistake becomes one message and exit code 2; an interrupt says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"\nrefinezoo: interrupted. {after_interrupt}", error=True)
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:  # `refinezoo list | head -1`: the reader has what it wants
        raise
    except (RefinezooError, OSError) as error:
        if _settings["debug"]:
            raise
        say(f"refinezoo: {error}", error=True)
        raise typer.Exit(REFUSED) from None


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


def parse_size(text: str) -> tuple[int, int]:
    """(height, width) of `256` or `256x128`."""
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() for part in parts):
        raise RefinezooError(
            f"expected --image-size as 256 or 256x128 (height x width), received {text!r}."
        )
    return int(parts[0]), int(parts[-1])
