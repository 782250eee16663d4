"""Makes `keras.models.load_model` know refinezoo's classes after `import refinezoo` alone.

Keras looks custom objects up in a dictionary that is filled when their modules are imported. Here
it gets stand-ins that import the module when a file names the class. Keras itself is not imported
for it: where it is not loaded yet, the stand-ins are put in right after its own import.
"""

import importlib
import importlib.abc
import importlib.util
import sys
from typing import Any


def know_registered_classes() -> None:
    """Puts the stand-ins in, now or as soon as Keras is imported."""
    if "keras" in sys.modules:
        _fill()
    else:
        sys.meta_path.insert(0, _AfterKeras())


def _fill() -> None:
    import keras

    from refinezoo.models.registry import PACKAGE, homes

    known = keras.saving.get_custom_objects()
    for name, module in homes().items():
        known.setdefault(f"{PACKAGE}>{name}", _stand_in(name, module))


def _stand_in(name: str, module: str) -> Any:
    def real() -> Any:
        return getattr(importlib.import_module(module), name)

    class StandIn:
        """Builds the real class from a config."""

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            return real()(*args, **kwargs)

        @classmethod
        def from_config(cls, config: dict[str, Any], **kwargs: Any) -> Any:
            """As the real class."""
            return real().from_config(config, **kwargs)

    StandIn.__name__ = StandIn.__qualname__ = name
    return StandIn


class _AfterKeras(importlib.abc.MetaPathFinder):
    """Lets `import keras` happen as ever, then puts the stand-ins in."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Keras' own spec, once."""
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_fill(module: Any) -> None:
                execute(module)
                _fill()

            spec.loader.exec_module = execute_and_fill  # type: ignore[method-assign]
        return spec
