"""Old names of arguments, which work for one version with a warning."""

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


def renamed(**names: str) -> Callable[[_Function], _Function]:
    """Decorates a function whose arguments had other names: `@renamed(old="new")`.

    Above the constructor of a model it also holds for presets, configs and `.keras` files.
    """

    def current(owner: str, options: dict[str, Any]) -> dict[str, Any]:
        for old in names.keys() & options.keys():
            old_name_used(f"{owner}({old}=)", f"{names[old]}=", stacklevel=4)
            options[names[old]] = options.pop(old)
        return options

    def decorate(function: _Function) -> _Function:
        if function.__name__ == "__init__":
            # Keras wants of a constructor `self`, `kwargs` and no `args`.
            def call(self: Any, **kwargs: Any) -> Any:
                return function(self, **current(type(self).__name__, kwargs))
        else:

            def call(*args: Any, **options: Any) -> Any:  # type: ignore[misc]
                return function(*args, **current(function.__name__, options))

        call = functools.wraps(function)(call)
        call.old_names = names  # type: ignore[attr-defined]
        return call  # type: ignore[return-value]

    return decorate


def old_name_used(old: str, new: str, stacklevel: int = 3) -> None:
    """Warns the caller's caller that `old` is called `new` now."""
    warnings.warn(
        f"{old} is called {new} now; the old name goes with the next version.",
        FutureWarning,
        stacklevel=stacklevel,
    )
