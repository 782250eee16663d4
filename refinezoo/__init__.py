"""A Keras model zoo of synthetic-to-real image refiners.

`load` and `list_models` open the zoo, `refine_dataset` refines a labelled dataset,
`compare_downstream` measures what it gained on real photos, and `refinezoo.export` ships it.
Everything is imported on first use, so that `import refinezoo` costs nothing.
"""

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from refinezoo.errors import RefinezooError
from refinezoo.lazy import lazy_names
from refinezoo.models.serialization import know_registered_classes

if TYPE_CHECKING:
    import refinezoo.export as export
    from refinezoo import data, refiners, tasks
    from refinezoo.experiments.compare import compare_downstream
    from refinezoo.refinement import refine_dataset
    from refinezoo.zoo import info, list_models, load

# ONNX Runtime reads this when it is imported, and else reports its use to its maker: an event
# database in the cache folder, and connections. Child processes inherit it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# Keras takes TensorFlow unless it is told otherwise; where JAX alone is installed, JAX it is.
if "KERAS_BACKEND" not in os.environ and not find_spec("tensorflow") and find_spec("jax"):
    os.environ["KERAS_BACKEND"] = "jax"

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

_HOMES = {
    "compare_downstream": "refinezoo.experiments.compare",
    "info": "refinezoo.zoo",
    "list_models": "refinezoo.zoo",
    "load": "refinezoo.zoo",
    "refine_dataset": "refinezoo.refinement",
}
_MODULES = ("data", "export", "losses", "metrics", "models", "refiners", "scenes", "tasks", "zoo")
_HOMES |= {name: f"refinezoo.{name}" for name in _MODULES}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
know_registered_classes()
