"""What a process that this one starts must know of models and kinds outside the package.

The names of their modules are handed on by the command line: no file decides what is imported.
"""

import importlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from refinezoo.errors import RefinezooError
from refinezoo.models.registry import PACKAGE, registered


def own_modules(*, kinds_alone: bool = False) -> list[str]:
    """The modules outside the package that registered a model's class or a kind.

    Args:
        kinds_alone: without those of classes, which a process that opens exported files needs not.

    Raises:
        RefinezooError: one of them is the script that runs, which no other process can import.
    """
    names = sorted({each.__module__ for each in registered(kinds_alone=kinds_alone)})
    names = [name for name in names if not name.startswith(f"{PACKAGE}.")]
    if "__main__" in names:
        raise RefinezooError(
            "expected models and kinds of your own in a module that other processes can import, "
            "received some of the script that runs. Move them into a file beside it, and import it."
        )
    return names


def import_modules(names: Iterable[str]) -> None:
    """Imports what `own_modules` named in the process that started this one."""
    for name in names:
        importlib.import_module(name)


def environment(modules: Iterable[str], **changes: str) -> dict[str, str]:
    """The environment of a process that is to find those modules."""
    roots = dict.fromkeys(_root(name) for name in modules)
    path = [*roots, *filter(None, [os.environ.get("PYTHONPATH")])]
    found = {"PYTHONPATH": os.pathsep.join(path)} if roots else {}
    return {**os.environ, **found, **changes}


def _root(module: str) -> str:
    """The folder from which an imported module is found."""
    file = Path(str(sys.modules[module].__file__)).absolute()
    depth = module.count(".") + (file.name == "__init__.py")
    return str(file.parents[depth])
