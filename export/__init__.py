"""Servable models: SavedModel, and the checks that they run where they are served."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refinezoo.export.parity import ParityReport, check_saved_model
    from refinezoo.export.servable import saved_model
    from refinezoo.export.session_loader import SavedModelSession, SessionError

__all__ = ["ParityReport", "SavedModelSession", "SessionError", "check_saved_model", "saved_model"]

_HOMES = {
    "ParityReport": "parity",
    "SavedModelSession": "session_loader",
    "SessionError": "session_loader",
    "check_saved_model": "parity",
    "saved_model": "servable",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'refinezoo.export' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"refinezoo.export.{_HOMES[name]}"), name)
