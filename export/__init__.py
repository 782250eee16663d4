"""Servable models: SavedModel, the checks that they run where they are served, a client."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refinezoo.export.client import ServingClient, ServingError
    from refinezoo.export.folder import send_folder
    from refinezoo.export.parity import ParityReport, check_saved_model
    from refinezoo.export.servable import saved_model
    from refinezoo.export.serving_config import serve_config
    from refinezoo.export.session_loader import SavedModelSession, SessionError

__all__ = [
    "ParityReport",
    "SavedModelSession",
    "ServingClient",
    "ServingError",
    "SessionError",
    "check_saved_model",
    "saved_model",
    "send_folder",
    "serve_config",
]

_HOMES = {
    "ParityReport": "parity",
    "SavedModelSession": "session_loader",
    "ServingClient": "client",
    "ServingError": "client",
    "SessionError": "session_loader",
    "check_saved_model": "parity",
    "saved_model": "servable",
    "send_folder": "folder",
    "serve_config": "serving_config",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'refinezoo.export' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"refinezoo.export.{_HOMES[name]}"), name)
