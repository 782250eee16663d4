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

    def decorate(function: _Function) -> _Function:
        is_constructor = function.__name__ == "__init__"

        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            for old in names.keys() & options.keys():
                owner = type(args[0]).__name__ if is_constructor else function.__name__
                old_name_used(f"{owner}({old}=)", f"{names[old]}=")
                options[names[old]] = options.pop(old)
            return function(*args, **options)

        call.old_names = names  # type: ignore[attr-defined]
        return call  # type: ignore[return-value]

    return decorate


def old_name_used(old: str, new: str) -> None:
    """Warns the caller's caller that `old` is called `new` now."""
    warnings.warn(
        f"{old} is called {new} now; the old name goes with the next version.",
        FutureWarning,
        stacklevel=3,
    )
