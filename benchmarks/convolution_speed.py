"""What `refinezoo.layers.Conv2D` saves: its rearranged forms beside those of Keras, in turns.

    python benchmarks/convolution_speed.py
    KERAS_BACKEND=jax python benchmarks/convolution_speed.py --out jax.json

Layers of a generator, 128 px at full size, forwards and both gradients, least processor
milliseconds of all turns; the largest difference of answer and gradients, of their largest value.
"""

import argparse
import json
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import keras
import numpy as np

from refinezoo.experiments.compare.recipe import hardware, versions
from refinezoo.files import write_json
from refinezoo.layers import Conv2D, NearestUpsampling2D, ReflectionPadding2D

HERE = Path(__file__).parent
# Maps read and made, side of what is read, and how.
LAYERS = [
    (width, made, side, options)
    for width in (24, 64)
    for made, side, options in (
        (3, 134, {"kernel_size": 7}),
        (width, 64, {"kernel_size": 3, "enlarge": True}),
    )
]


def main() -> None:
    """Measures and writes results/convolution_speed.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--out", type=Path, default=HERE / "results/convolution_speed.json")
    asked = parser.parse_args()
    rows = []
    for width, made, side, options in LAYERS:
        read = 2 * width if options.get("enlarge") else width
        maps = np.random.default_rng(0).normal(size=(1, side, side, read)).astype("float32")
        ours = Conv2D(made, **options)
        ours.build(maps.shape)
        forms = {"plain": plain_form(ours), "ours": lambda x, layer=ours: layer(x, training=True)}
        steps = {name: gradients(form, ours, maps) for name, form in forms.items()}
        answers = [[np.asarray(part) for part in step()] for step in steps.values()]
        least = dict.fromkeys(steps, float("inf"))
        for _ in range(asked.turns):
            for name, step in steps.items():
                least[name] = min(least[name], cpu_ms(step))
        differences = [np.abs(a - b).max() / np.abs(a).max() for a, b in zip(*answers, strict=True)]
        row = {"maps": [read, made], "side": side, **options, **least}
        row |= {"ratio": least["ours"] / least["plain"], "difference": float(max(differences))}
        rows.append({key: round(v, 9) if isinstance(v, float) else v for key, v in row.items()})
        print(json.dumps(rows[-1]), flush=True)
    found = {"turns": asked.turns, "backend": keras.backend.backend(), "rows": rows}
    found |= {"hardware": hardware(), "versions": versions(), "date": date.today().isoformat()}
    write_json(asked.out, found)


def plain_form(ours: Conv2D) -> Callable:
    """What `ours` computes, by the operations of Keras and its own kernel."""

    def form(maps):
        if ours.enlarge:
            maps = ReflectionPadding2D(1)(NearestUpsampling2D()(maps))
        return keras.ops.conv(maps, ours.kernel) + ours.bias

    return form


def gradients(form: Callable, layer: Conv2D, maps: np.ndarray) -> Callable[[], Any]:
    """A compiled call that gives the answer and its gradients by input and kernel."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        inputs = tf.constant(maps)

        def step():
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                answer = form(inputs)
                loss = tf.reduce_sum(answer * answer)
            return answer, *tape.gradient(loss, [inputs, layer.kernel.value])

        return tf.function(step).get_concrete_function()
    import jax

    def loss(inputs, kernel):
        with keras.StatelessScope(state_mapping=[(layer._kernel, kernel)]):
            answer = form(inputs)
        return (answer * answer).sum(), answer

    compiled = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))

    def step():
        (_, answer), slopes = jax.block_until_ready(compiled(maps, layer.kernel.value))
        return answer, *slopes

    return step


def cpu_ms(call: Callable[[], Any]) -> float:
    """Processor milliseconds of a call."""
    begun = time.process_time()
    call()
    return 1e3 * (time.process_time() - begun)


if __name__ == "__main__":
    main()
