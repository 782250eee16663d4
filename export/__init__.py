"""Models that run without Keras: SavedModel, LiteRT, ONNX, OpenVINO; checks and a client."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refinezoo.export.checks.parity import ParityReport, check_saved_model
    from refinezoo.export.formats.litert import litert
    from refinezoo.export.formats.onnx import onnx
    from refinezoo.export.formats.openvino import openvino
    from refinezoo.export.formats.saved_model import saved_model
    from refinezoo.export.report import export_formats
    from refinezoo.export.runtimes.exported import load_exported
    from refinezoo.export.runtimes.session import SavedModelSession
    from refinezoo.export.runtimes.tensorflow_c import SessionError
    from refinezoo.export.serving.client import ServingClient
    from refinezoo.export.serving.config import serve_config
    from refinezoo.export.serving.folder import send_folder
    from refinezoo.export.serving.transport import ServingError

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
    "ParityReport": "checks.parity",
    "SavedModelSession": "runtimes.session",
    "ServingClient": "serving.client",
    "ServingError": "serving.transport",
    "SessionError": "runtimes.tensorflow_c",
    "check_saved_model": "checks.parity",
    "export_formats": "report",
    "load_exported": "runtimes.exported",
    "send_folder": "serving.folder",
    "serve_config": "serving.config",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name in _HOMES:
        return getattr(importlib.import_module(f"refinezoo.export.{_HOMES[name]}"), name)
    from refinezoo.export.registry import formats

    if not name.startswith("_") and name in formats():
        return formats()[name].write
    raise AttributeError(f"module 'refinezoo.export' has no attribute {name!r}")
