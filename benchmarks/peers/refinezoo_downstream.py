"""A training step of SSD300 or DeepLab-v2 by refinezoo, as `fit` takes it (`train_speed.py`)."""

import json
import os
import sys

settings = json.loads(sys.argv[1])
for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ[name] = str(settings["threads"])
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from refinezoo_cyclegan import peak  # noqa: E402
from worker import serve  # noqa: E402

from refinezoo.tasks.detection.ssd import SSD300  # noqa: E402
from refinezoo.tasks.segmentation.deeplab_v2 import DeepLabV2  # noqa: E402

CLASSES = [str(number) for number in range(20)]
OBJECTS = 5


class Batches(keras.utils.PyDataset):
    """Sixteen batches of noise in memory; the boxes of SSD become targets as they are taken."""

    def __init__(self, model: keras.Model, size: int, batch: int):
        super().__init__()
        random = np.random.default_rng(0)
        self.model = model
        self.images = random.integers(0, 256, (16, batch, size, size, 3), np.uint8)
        self.masks = random.integers(0, len(CLASSES), (16, batch, size, size), np.uint8)
        corners = random.uniform(0, 0.5, (16, batch, OBJECTS, 2))
        self.boxes = np.concatenate([corners, corners + 0.3], -1)
        self.labels = random.integers(0, len(CLASSES), (16, batch, OBJECTS))

    def __len__(self) -> int:
        return 4096

    def __getitem__(self, index: int) -> tuple:
        index %= 16
        if isinstance(self.model, DeepLabV2):
            return self.images[index], self.masks[index]
        crowd = np.zeros(OBJECTS, bool)
        objects = zip(self.boxes[index], self.labels[index], strict=True)
        targets = [self.model.encode(boxes, labels, crowd) for boxes, labels in objects]
        return self.images[index], np.stack(targets)


def operations(network: keras.Model, size: int) -> float:
    """Of a step: the network's convolutions, forwards and both gradients, one image."""
    clone = keras.models.clone_model(network, keras.Input((size, size, 3)))
    kernels = [layer for layer in clone.layers if isinstance(layer, keras.layers.Conv2D)]
    return 3 * sum(
        2.0 * np.prod(layer.kernel.shape) * np.prod(layer.output.shape[1:3]) for layer in kernels
    )


if __name__ == "__main__":
    if settings["precision"] == "bfloat16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    size, batch = settings["image_size"], settings["batch_size"]
    if settings["model"] == "ssd300":
        model = SSD300(CLASSES, image_size=size)
    else:
        model = DeepLabV2(CLASSES, scales=(1,))
    model.compile()
    data = Batches(model, size, batch)
    told = {
        "matmul_gflops": peak(settings["precision"]),
        "step_gflop": operations(model.network, size) * batch / 1e9,
        "parameters": model.network.count_params(),
    }
    serve(lambda count: model.fit(data, verbose=0, steps_per_epoch=count), None, **told)
