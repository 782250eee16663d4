"""A Keras model zoo of synthetic-to-real image refiners.

`load` and `list_models` open the zoo, `refine_dataset` refines a labelled dataset,
`compare_downstream` measures what it gained on real photos, and `refinezoo.export` ships it.
Everything is imported on first use, so that `import refinezoo` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

from refinezoo.errors import RefinezooError

if TYPE_CHECKING:
    import refinezoo.export as export
    from refinezoo import data, refiners, tasks
    from refinezoo.experiments.compare import compare_downstream
    from refinezoo.refinement import refine_dataset
    from refinezoo.zoo import info, list_models, load

__version__ = "0.1.0"

__all__ = [
    "RefinezooError",
    "compare_downstream",
    "data",
    "export",
    "info",
    "list_models",
    "load",
    "refine_dataset",
    "refiners",
    "tasks",
]

_FUNCTIONS = {
    "compare_downstream": "refinezoo.experiments.compare",
    "info": "refinezoo.zoo",
    "list_models": "refinezoo.zoo",
    "load": "refinezoo.zoo",
    "refine_dataset": "refinezoo.refinement",
}
_MODULES = ("data", "export", "losses", "metrics", "models", "refiners", "scenes", "tasks", "zoo")


def __getattr__(name: str) -> Any:
    if name in _FUNCTIONS:
        value = getattr(importlib.import_module(_FUNCTIONS[name]), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"refinezoo.{name}")
    raise AttributeError(f"module 'refinezoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
