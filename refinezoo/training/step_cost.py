"""What a training step costs, told from its graph: it is traced, and not run."""

from collections import Counter, deque
from dataclasses import dataclass
from math import prod
from typing import Any

import keras

from refinezoo.training.rates import Rates

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
NARROW = 32
OPERATION_S = 3e-6  # to start one; measured by benchmarks/estimate.py
# Operations that call functions, and where they name them.
_CALLS = frozenset(
    "If StatelessIf While StatelessWhile PartitionedCall StatefulPartitionedCall".split()
)
_FUNCTIONS = ("then_branch", "else_branch", "body", "f")


@dataclass(frozen=True)
class StepCost:
    """Costs of one step.

    Attributes:
        live_mb: feature maps and gradients held at once, at most, MB.
        operations: of the graph.
        gflop: 10^9 multiplications and additions of convolutions and matrix products.
        narrow_gflop: those of them from or to fewer than `NARROW` channels (TensorFlow alone).
        moved_mb: what all other operations read and write, MB.
    """

    live_mb: float
    operations: int
    gflop: float
    narrow_gflop: float
    moved_mb: float

    def seconds(self, rates: Rates) -> float:
        """Of a step, where each kind of work goes at its rate."""
        arithmetic = (self.gflop - self.narrow_gflop) / rates.gflop
        arithmetic += self.narrow_gflop / rates.narrow_gflop
        return arithmetic + self.moved_mb / rates.moved_mb + self.operations * OPERATION_S


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
    graph = tf.function(model.train_step, autograph=False).get_concrete_function(specs).graph
    return graph_cost(graph)


def graph_cost(graph: Any) -> StepCost:
    """The cost of a `tf.Graph` whose shapes are known; of a branch or loop its largest turn."""

    def inside(op: Any) -> list[StepCost]:
        if op.type not in _CALLS:
            return []
        names = [op.node_def.attr[key].func.name for key in _FUNCTIONS]
        # Private, as is every other way to the graph of a branch.
        called = [graph._get_function(name) for name in names if name]
        return [graph_cost(function.graph) for function in called if function]

    memory, moved, count = _Memory(graph), 0.0, 0
    gflop = {"wide": 0.0, "narrow": 0.0}
    for op in in_order(graph):
        inner = inside(op)
        memory.take(op, 1e6 * max([each.live_mb for each in inner], default=0.0))
        flop, kind = _flop(op)
        gflop[kind] += flop / 1e9
        if inner:
            most = max(inner, key=lambda each: each.gflop)
            gflop["wide"] += most.gflop - most.narrow_gflop
            gflop["narrow"] += most.narrow_gflop
            moved += most.moved_mb
        if not flop and op.type not in _VIEWS:
            moved += sum(map(_bytes, [*op.inputs, *op.outputs])) / 1e6
        count += 1 + sum(each.operations for each in inner)
    return StepCost(memory.top / 1e6, count, sum(gflop.values()), gflop["narrow"], moved)


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
        self.owner: dict[Any, Any] = {}  # tensor -> the one whose memory it shares
        self.needed: Counter = Counter()
        self.size: dict[Any, int] = {}
        self.live = self.top = 0.0

    def take(self, op: Any, workspace: float) -> None:
        """Gives each output memory, then lets go of what was read for the last time."""
        read = [self.owner.get(tensor.ref()) for tensor in op.inputs]
        made = [self._made(op, index, read) for index in range(len(op.outputs))]
        self.top = max(self.top, self.live + workspace)
        for owner in read:
            self.needed[owner] -= 1
        for owner in {*read, *made} - {None}:
            if self.needed[owner] <= 0:
                self.live -= self.size.pop(owner, 0)

    def _made(self, op: Any, index: int, read: list) -> Any:
        tensor = op.outputs[index]
        size, owner = _bytes(tensor), None
        if op.type in _VIEWS:
            owner = read[min(index, len(read) - 1)] if read else None
        else:
            alone = [p for p in read if self.needed[p] == 1 and self.size.get(p) == size]
            owner = alone[0] if alone and op.type in _IN_PLACE else tensor.ref()
            if owner not in self.size:
                self.size[owner] = size
                self.live += size
        self.owner[tensor.ref()] = owner
        self.needed[owner] += self.readers[tensor.ref()]
        return owner


def _bytes(tensor: Any) -> int:
    count = tensor.shape.num_elements()
    return (count or 0) * (tensor.dtype.size or 0)


def _flop(op: Any) -> tuple[float, str]:
    """Multiplications and additions of a convolution or matrix product, and which rate is its own.

    `(0.0, "wide")` of anything else.
    """
    product = op.type in ("MatMul", "BatchMatMulV2")
    if not product and not op.type.startswith(("Conv2D", "DepthwiseConv2d")):
        return 0.0, "wide"
    shapes = [[side or 1 for side in tensor.shape] for tensor in (*op.inputs, *op.outputs)]
    if product:
        turned = op.node_def.attr["transpose_a"].b or op.node_def.attr["adj_x"].b
        shared = shapes[0][-2] if turned else shapes[0][-1]
        fewest = min(shared, shapes[2][-1])
        return 2.0 * prod(shapes[2]) * shared, "narrow" if fewest < NARROW else "wide"
    # Forwards its pixels are the output, for both gradients the third input.
    pixels, kernel = shapes[2], shapes[3 if op.type.endswith("BackpropFilter") else 1]
    if op.type.startswith("Depthwise"):
        return 2.0 * prod(pixels) * prod(kernel[:2]), "narrow"
    flop = 2.0 * prod(pixels) * prod(kernel[:3])
    return flop, "narrow" if min(kernel[2:]) < NARROW else "wide"


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
    told, held = compiled.cost_analysis() or {}, compiled.memory_analysis()
    return StepCost(
        live_mb=held.temp_size_in_bytes / 1e6 if held else 0.0,
        operations=0,
        gflop=told.get("flops", 0.0) / 1e9,
        narrow_gflop=0.0,
        moved_mb=told.get("bytes accessed", 0.0) / 1e6,
    )
