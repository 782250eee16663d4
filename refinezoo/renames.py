"""Old names, which work for one version with a warning."""

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from refinezoo.errors import RefinezooError

_Function = TypeVar("_Function", bound=Callable[..., Any])


def renamed(**names: str) -> Callable[[_Function], _Function]:
    """Decorates a function whose arguments had other names: `@renamed(old="new")`.

    Above the constructor of a model it also holds for presets, configs and `.keras` files.
    """

    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            of_class = function.__name__ == "__init__"
            owner = type(args[0]).__name__ if of_class else function.__name__
            for old in names.keys() & options.keys():
                if names[old] in options:
                    raise RefinezooError(
                        f"{owner}: received {names[old]} and its old name {old}. Leave {old} out."
                    )
                old_name_used(f"{owner}({old}=)", f"{names[old]}=")
                options[names[old]] = options.pop(old)
            return function(*args, **options)

        call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]  # of Keras
        call.old_names = names  # type: ignore[attr-defined]
        return call  # type: ignore[return-value]

    return decorate


def old_names(cls: type) -> dict[str, str]:
    """The old names of a class' constructor arguments, with the new ones."""
    found: dict[str, str] = {}
    for base in cls.__mro__:
        found |= getattr(base.__dict__.get("__init__"), "old_names", {})
    return found


def former_name(name: str, function: _Function) -> _Function:
    """What a module or class keeps a function's old name for: it warns and calls it."""

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        old_name_used(name, function.__name__)
        return function(*args, **options)

    return call  # type: ignore[return-value]


def renamed_keys(content: Any, section: str, **names: str) -> Any:
    """A section of a config with the present names of its keys; what is no mapping stays."""
    if not isinstance(content, dict):
        return content
    for old in names.keys() & content.keys():
        if names[old] in content:
            raise ValueError(f"received {names[old]} and its old name {old}: leave {old} out")
        old_name_used(f"{section}: {old}", names[old])
    return {names.get(key, key): value for key, value in content.items()}


def old_name_used(old: str, new: str, stacklevel: int = 3) -> None:
    """Warns the caller's caller that `old` is called `new` now."""
    _warn(f"{old} is called {new} now", stacklevel)


def replaced_name_used(old: str, new: str, stacklevel: int = 3) -> None:
    """Warns the caller's caller that the better `new` stands in the place of `old`."""
    _warn(f"{old} is replaced by the better {new}", stacklevel)


def _warn(what: str, stacklevel: int) -> None:
    warning = f"{what}; the old name goes with the next version."
    warnings.warn(warning, FutureWarning, stacklevel=stacklevel + 1)
