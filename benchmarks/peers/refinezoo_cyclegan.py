"""The same step by refinezoo, as `fit` takes it: the other program of `train_speed.py`."""

import json
import os
import sys
from functools import partial

settings = json.loads(sys.argv[1])
threads = str(settings.pop("threads"))
for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ[name] = threads
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from worker import matmul_gflops, serve  # noqa: E402

from refinezoo.refiners import CycleGAN  # noqa: E402


class Batches(keras.utils.PyDataset):
    """Uint8 batches in memory, drawn at random: sixteen of noise, or the images of a file."""

    def __init__(self, size: int, batch: int, data: str | None = None, seed: int = 0):
        super().__init__()
        self.rng = np.random.default_rng(seed)
        shape = (16, batch, size, size, 3)
        self.halves = [self.rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(2)]
        if data:
            self.halves = [np.load(data)[name][:, None] for name in ("synthetic", "real")]

    def __len__(self) -> int:
        return 4096

    def __getitem__(self, index: int) -> dict:
        x, y = (self.rng.choice(half) for half in self.halves)
        return {"synthetic": {"image": x}, "real": {"image": y}}


def operations(model: CycleGAN, size: int) -> float:
    """Of a step: multiplications and additions of the convolutions, batch 1.

    Six passes of a generator with both gradients; of the PatchGANs two with the gradient of the
    input alone, in the generators' turn, and four with both.
    """

    def forward(network: keras.Model) -> float:
        counted = 0.0
        clone = keras.models.clone_model(network, keras.Input((size, size, 3)))
        for layer in clone.layers:
            kernel = getattr(layer, "kernel", None)
            if kernel is not None:
                side = (
                    layer.input if isinstance(layer, keras.layers.Conv2DTranspose) else layer.output
                )
                counted += 2 * side.shape[1] * side.shape[2] * float(np.prod(kernel.shape))
        return counted

    both = forward(model.generator_s2r), forward(model.discriminator_real)
    return 18 * both[0] + 16 * both[1]


def peak(precision: str, side: int = 2048) -> float:
    """GFLOP/s of a matrix product in the precision."""
    values = keras.ops.cast(np.random.default_rng(0).random((side, side)), precision)
    return matmul_gflops(lambda: float(keras.ops.matmul(values, values)[0, 0]), side)


def device_mb():
    """A function that says the peak of a GPU's memory, MB; None on a processor."""
    if keras.backend.backend() != "jax":
        return None
    import jax

    (device, *_) = jax.devices()
    if device.memory_stats() is None:
        return None
    return lambda: device.memory_stats()["peak_bytes_in_use"] / 1e6


if __name__ == "__main__":
    if settings["precision"] == "bfloat16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    size = settings["image_size"]
    shape = {key: settings[key] for key in ("image_size", "width", "blocks")}
    data = Batches(size, settings["batch_size"], settings.get("data"), settings.get("seed", 0))
    keras.utils.set_random_seed(settings.get("seed", 0))
    model = CycleGAN(**shape, **settings.get("arguments", {}))
    told = {"matmul_gflops": peak(settings["precision"])} if settings.get("peak", True) else {}
    told["step_gflop"] = operations(model, size) * settings["batch_size"] / 1e9
    model.compile()
    steps = partial(model.fit, data, verbose=0)

    def refine(path: str) -> None:
        """Saves what the generator makes of the synthetic images: uint8 `[N, H, W, 3]`."""
        np.save(path, model.refine(data.halves[0][:, 0]))

    serve(lambda count: steps(steps_per_epoch=count), device_mb(), refine, **told)
