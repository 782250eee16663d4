"""What a training step costs, told from its graph: it is traced, and not run."""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import keras
import numpy as np

# Share the memory of their first input, or hold none.
_VIEWS = frozenset(
    "Const ExpandDims Identity IdentityN NoOp Placeholder PreventGradient ReadVariableOp Reshape "
    "Shape ShapeN Squeeze StopGradient VarHandleOp".split()
)
# Write their result into an input of its size that nobody else needs.
_IN_PLACE = frozenset(
    "Abs Add AddN AddV2 BiasAdd Cast Div DivNoNan Exp LeakyRelu LeakyReluGrad Log Maximum Minimum "
    "Mul Neg RealDiv Relu Relu6 ReluGrad Relu6Grad Rsqrt RsqrtGrad Select SelectV2 Sigmoid "
    "SigmoidGrad Sign Softplus SoftplusGrad Sqrt SqrtGrad Square Sub Tanh TanhGrad".split()
)
_FUNCTIONS = ("then_branch", "else_branch", "body", "f")


@dataclass(frozen=True)
class StepCost:
    """Costs of one step.

    Attributes:
        live_mb: feature maps and gradients held at once, at most, MB.
        operations: of the graph.
        gflop: 10^9 multiplications and additions of convolutions and matrix products.
        moved_mb: what all other operations read and write, MB.
    """

    live_mb: float
    operations: int
    gflop: float
    moved_mb: float


def step_cost(model: keras.Model, batch: Any) -> StepCost:
    """The cost of `model.train_step` on a batch like this one.

    TensorFlow: its operations, taken in the order in which they become ready, as the executor
    does; a tensor is held until the last operation that reads it. JAX: what XLA says of the
    compiled step.

    Args:
        model: compiled, its optimizer built.
        batch: arrays, as `fit` gets them.
    """
    if keras.backend.backend() == "jax":
        return _told_by_xla(model, batch)
    import tensorflow as tf

    specs = keras.tree.map_structure(lambda array: tf.TensorSpec(array.shape, array.dtype), batch)
    graph = tf.function(model.train_step).get_concrete_function(specs).graph
    return graph_cost(graph)


def graph_cost(graph: Any) -> StepCost:
    """The cost of a `tf.Graph` whose shapes are known; of a branch or loop its largest turn."""
    from tensorflow.python.framework.function_def_to_graph import function_def_to_graph

    functions = {each.signature.name: each for each in graph.as_graph_def().library.function}

    def inside(op: Any) -> list[StepCost]:
        names = [op.node_def.attr[key].func.name for key in _FUNCTIONS]
        given = list(op.inputs)[1:] if op.type.endswith("If") else list(op.inputs)
        shapes = [tensor.shape for tensor in given]
        with graph.as_default():
            called = [functions[name] for name in names if name in functions]
            return [graph_cost(function_def_to_graph(each, input_shapes=shapes)) for each in called]

    memory, gflop, moved, count = _Memory(graph), 0.0, 0.0, 0
    for op in in_order(graph):
        inner = inside(op)
        memory.take(op, 1e6 * max([each.live_mb for each in inner], default=0.0))
        gflop += _flop(op) / 1e9 + max([each.gflop for each in inner], default=0.0)
        moved += max([each.moved_mb for each in inner], default=0.0)
        if not _flop(op) and op.type not in _VIEWS:
            moved += sum(map(_bytes, [*op.inputs, *op.outputs])) / 1e6
        count += 1 + sum(each.operations for each in inner)
    return StepCost(memory.top / 1e6, count, gflop, moved)


def in_order(graph: Any) -> list[Any]:
    """The operations of a graph, first ready first."""
    before = {op: {*(t.op for t in op.inputs), *op.control_inputs} for op in graph.get_operations()}
    users: dict[Any, list] = {op: [] for op in before}
    for op, needed in before.items():
        for other in needed:
            users[other].append(op)
    waiting = {op: len(needed) for op, needed in before.items()}
    ready, ordered = deque(op for op, count in waiting.items() if not count), []
    while ready:
        ordered.append(op := ready.popleft())
        for user in users[op]:
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)
    return ordered


class _Memory:
    """Bytes held while operations are taken in turn."""

    def __init__(self, graph: Any) -> None:
        self.readers = Counter(t.ref() for op in graph.get_operations() for t in op.inputs)
        self.place: dict[Any, Any] = {}  # tensor -> the one whose memory it shares
        self.needed: Counter = Counter()
        self.size: dict[Any, int] = {}
        self.live = self.top = 0.0

    def take(self, op: Any, workspace: float) -> None:
        """Gives each output memory, then lets go of what was read for the last time."""
        read = [self.place.get(tensor.ref()) for tensor in op.inputs]
        made = [self._made(op, index, read) for index in range(len(op.outputs))]
        self.top = max(self.top, self.live + workspace)
        for place in read:
            self.needed[place] -= 1
        for place in {*read, *made} - {None}:
            if self.needed[place] <= 0:
                self.live -= self.size.pop(place, 0)

    def _made(self, op: Any, index: int, read: list) -> Any:
        tensor = op.outputs[index]
        size, place = _bytes(tensor), None
        if op.type in _VIEWS:
            place = read[min(index, len(read) - 1)] if read else None
        else:
            alone = [p for p in read if self.needed[p] == 1 and self.size.get(p) == size]
            place = alone[0] if alone and op.type in _IN_PLACE else tensor.ref()
            if place not in self.size:
                self.size[place] = size
                self.live += size
        self.place[tensor.ref()] = place
        self.needed[place] += self.readers[tensor.ref()]
        return place


def _bytes(tensor: Any) -> int:
    count = tensor.shape.num_elements()
    return (count or 0) * (tensor.dtype.size or 0)


def _flop(op: Any) -> float:
    """Multiplications and additions of a convolution or matrix product; 0 of anything else."""
    shapes = [tuple(tensor.shape) for tensor in (*op.inputs, *op.outputs)]
    if op.type in ("MatMul", "BatchMatMulV2"):
        shared = shapes[0][-2] if op.node_def.attr["transpose_a"].b else shapes[0][-1]
        return 2.0 * prod(shapes[2]) * shared
    if "Conv2" not in op.type and "DepthwiseConv2" not in op.type:
        return 0.0
    if op.type.endswith("BackpropFilter"):
        pixels, kernel = shapes[2], shapes[3]
    else:  # forwards pixels are the output, for the input's gradient the third input
        pixels, kernel = shapes[2], shapes[1]
    each = prod(kernel[:2]) if "Depthwise" in op.type else prod(kernel[:3])
    return 2.0 * prod(pixels) * each


def _told_by_xla(model: keras.Model, batch: Any) -> StepCost:
    import jax

    model._symbolic_build(data_batch=batch)  # as `fit` does: makes the metrics' variables
    groups = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    state = tuple([variable.value for variable in group] for group in groups)
    # As `fit` does: the new state takes the place of the old one.
    lowered = jax.jit(model.train_step, donate_argnums=0).lower(state, batch)
    compiled = lowered.compile()
    told = compiled.cost_analysis()
    return StepCost(
        live_mb=compiled.memory_analysis().temp_size_in_bytes / 1e6,
        operations=0,
        gflop=told.get("flops", 0.0) / 1e9,
        moved_mb=told.get("bytes accessed", 0.0) / 1e6,
    )


def measured_rates() -> tuple[float, float]:
    """GFLOP/s of a 3 x 3 convolution of 64 maps, and MB/s of a sum of two maps, here and now."""
    rng = np.random.default_rng(0)
    maps = keras.ops.convert_to_tensor(rng.random((1, 64, 64, 64), "float32"))
    kernel = keras.ops.convert_to_tensor(rng.random((3, 3, 64, 64), "float32"))
    large = keras.ops.convert_to_tensor(rng.random((1, 256, 256, 64), "float32"))
    convolution = _fastest(lambda: keras.ops.conv(maps, kernel, padding="same"))
    added = _fastest(lambda: large + large)
    gflop, read_and_written_mb = (
        2 * 64 * 64 * prod(kernel.shape) / 1e9,
        3 * prod(large.shape) * 4e-6,
    )
    return gflop / convolution, read_and_written_mb / added


def _fastest(take: Callable[[], Any]) -> float:
    """Seconds of the fastest of twenty calls: others may hold the processor in between."""
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        keras.ops.convert_to_numpy(take()[0, 0, 0, 0])
        times.append(time.perf_counter() - begun)
    return min(times)
