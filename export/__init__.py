"""Models that run without Keras: SavedModel, LiteRT, ONNX, OpenVINO; checks and a client."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refinezoo.export.client import ServingClient, ServingError
    from refinezoo.export.exported import load_exported
    from refinezoo.export.folder import send_folder
    from refinezoo.export.parity import ParityReport, check_saved_model
    from refinezoo.export.report import export_formats
    from refinezoo.export.servable import saved_model
    from refinezoo.export.serving_config import serve_config
    from refinezoo.export.session_loader import SavedModelSession, SessionError
    from refinezoo.export.to_litert import litert
    from refinezoo.export.to_onnx import onnx
    from refinezoo.export.to_openvino import openvino

__all__ = [
    "ParityReport",
    "SavedModelSession",
    "ServingClient",
    "ServingError",
    "SessionError",
    "check_saved_model",
    "export_formats",
    "litert",
    "load_exported",
    "onnx",
    "openvino",
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
    "export_formats": "report",
    "litert": "to_litert",
    "load_exported": "exported",
    "onnx": "to_onnx",
    "openvino": "to_openvino",
    "saved_model": "servable",
    "send_folder": "folder",
    "serve_config": "serving_config",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'refinezoo.export' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"refinezoo.export.{_HOMES[name]}"), name)
