"""A stand-in for what a verb calls."""

import sys
import types

import pytest


@pytest.fixture
def calls(monkeypatch):
    """Replaces a function of the package and records how the command line calls it."""
    recorded = []

    def replace(module, name, result=None):
        stand_in = types.ModuleType(module)

        def function(*args, **kwargs):
            recorded.append((args, kwargs))
            if isinstance(result, BaseException):
                raise result
            return result

        setattr(stand_in, name, function)
        monkeypatch.setitem(sys.modules, module, stand_in)
        return recorded

    return replace
