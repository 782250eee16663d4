"""Old names of arguments, which work for one version with a warning."""

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


def renamed(**names: str) -> Callable[[_Function], _Function]:
    """Decorates a function whose arguments had other names: `@renamed(old="new")`."""

    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            for old in names.keys() & options.keys():
                old_name_used(f"{function.__name__}({old}=)", f"{names[old]}=")
                options[names[old]] = options.pop(old)
            return function(*args, **options)

        return call  # type: ignore[return-value]

    return decorate


def old_name_used(old: str, new: str) -> None:
    """Warns the caller's caller that `old` is called `new` now."""
    warnings.warn(
        f"{old} is called {new} now; the old name goes with the next version.",
        FutureWarning,
        stacklevel=3,
    )
