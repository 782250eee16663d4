"""The table of formats: what can be exported, with which options, and how it was verified."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """One export format.

    Attributes:
        name: as `refinezoo export --format` and `refinezoo.export` call it.
        options: arguments of the function of that name.
        suffix: of the file.
        runtime: what runs it, and the pip extra with it.
        extra: that extra, or empty.
        verified: where the tests compare its answers with those of Keras.
        variants: options that `--format all` writes, name of the variant -> arguments.
    """

    name: str
    options: str
    suffix: str
    runtime: str
    extra: str
    verified: str
    variants: dict[str, dict[str, str]]


FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format(
            "saved_model",
            "max_image_pixels",
            "/1/ (folder)",
            "TensorFlow Serving",
            "",
            "TensorFlow's C++ session loader, which TF Serving uses; not in TF Serving itself",
            {"": {}},
        ),
        Format(
            "litert",
            "image_size (several), quantize=float16, dynamic, int8",
            ".tflite",
            "ai-edge-litert",
            "litert",
            "ai-edge-litert, built-in operators only",
            {
                "": {},
                "float16": {"quantize": "float16"},
                "dynamic": {"quantize": "dynamic"},
                "int8": {"quantize": "int8"},
            },
        ),
        Format("onnx", "image_size", ".onnx", "onnxruntime", "onnx", "onnxruntime, CPU", {"": {}}),
        Format(
            "openvino",
            "image_size, precision=f32, bf16, int8",
            ".xml + .bin",
            "openvino",
            "openvino",
            "openvino, CPU",
            {"": {}, "bf16": {"precision": "bf16"}, "int8": {"precision": "int8"}},
        ),
    )
}

_TITLES = ("format", "options", "suffix", "runtime", "pip extra", "verified in")


def format_table() -> str:
    """The table as Markdown; `refinezoo export --help-formats` and docs/export.md show it."""
    rows = [_TITLES, tuple("---" for _ in _TITLES)]
    for row in FORMATS.values():
        rows.append(
            (row.name, row.options, row.suffix, row.runtime, row.extra or "-", row.verified)
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
