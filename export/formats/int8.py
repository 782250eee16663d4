"""int8 of an ONNX graph by ONNX Runtime's quantiser, and which convolutions to leave in float.

Convolutions take integers, 99 % of the work; what comes out of them is float again, and so are
normalisation, residual sums and colour arithmetic. Weights have a scale per channel.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.export.runtimes.opening import needs

CALIBRATION_FRAMES = 64
_CONVOLUTIONS = ["Conv", "ConvTranspose"]


def float_ladder(graphs: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """Convolutions to leave in float, from none to the last half: attempts to pass the gate.

    Whatever comes late is seen most: a detector's heads, a refiner's colours.

    Args:
        graphs: names of the convolutions of each graph, in order.

    Raises:
        RefinezooError: there is none.
    """
    if not any(graphs):
        raise RefinezooError(
            "this model has no convolution, so int8 would change nothing. "
            "Export it without, or in float16 or bf16."
        )

    def last(share: float) -> list[str]:
        return [name for graph in graphs for name in graph[-max(1, round(share * len(graph))) :]]

    first = [name for graph in graphs for name in graph[:1]]
    yield from sorted([[], last(0), first + last(0), last(1 / 4), last(1 / 2)], key=len)


def prepared(source: Path, target: Path) -> list[str]:
    """Writes `source`, an ONNX file, as the quantiser wants it; names its convolutions in order."""
    onnx = needs("onnx", "openvino")
    # Symbolic shapes are for graphs of unknown size; ours are fixed.
    needs("onnxruntime.quantization.shape_inference", "openvino").quant_pre_process(
        source, target, skip_symbolic_shape=True
    )
    nodes = onnx.load(target).graph.node
    return [node.name for node in nodes if node.op_type in _CONVOLUTIONS]


def quantized(
    source: Path, target: Path, images: Sequence[np.ndarray], kept_float: Sequence[str]
) -> Path:
    """Writes an ONNX file with input `images` as one with int8 convolutions.

    Args:
        source: the file that `prepared` wrote.
        target: the file to write.
        images: uint8 `[H, W, 3]` each, of the file's size; their ranges fix the scales.
        kept_float: names of convolutions that stay float.
    """
    quantization = needs("onnxruntime.quantization", "openvino")

    class Reader(quantization.CalibrationDataReader):  # type: ignore[name-defined]
        def __init__(self) -> None:
            self.feeds = iter({"images": image[None]} for image in images[:CALIBRATION_FRAMES])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.feeds, None)

    quantization.quantize_static(
        source,
        target,
        Reader(),
        per_channel=True,
        nodes_to_exclude=list(kept_float),
        op_types_to_quantize=_CONVOLUTIONS,
        quant_format=quantization.QuantFormat.QDQ,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        # Rounding what leaves a convolution would cost 3 to 5 dB more.
        extra_options={"OpTypesToExcludeOutputQuantization": _CONVOLUTIONS},
    )
    return target
