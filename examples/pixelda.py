"""Trains PixelDA: a refiner and a classifier of photos, learnt together from labelled renders.

`renders/labels.csv` has the header `file,class`; the photos need no labels.

python examples/pixelda.py renders/ photos/ pixelda/
"""

import sys
from pathlib import Path

import cv2
import numpy as np

import refinezoo
from refinezoo.data import list_images, read_image
from refinezoo.data.labels import read_labels


def main(renders, photos, out="pixelda", size=64, epochs=15, steps=200, **network):
    """Returns the class of each photo by its name."""
    labels = read_labels(Path(renders) / "labels.csv")
    network = network or {"tower": "pose_mini", "width": 16, "lambda_task_in_g": 0.05}
    model = refinezoo.refiners.PixelDA(
        class_names=labels.class_names, image_size=size, seed=0, **network
    )
    model.compile()
    settings = {"image_size": size, "crop": "resize", "augment": False}
    batches = refinezoo.data.unpaired(
        renders, photos, labels=labels, batch_size=32, steps=steps, **settings
    )
    model.fit(batches, epochs=epochs)
    model.save_to_preset(out)

    names = list_images(photos)
    shape = {"dsize": (size, size), "interpolation": cv2.INTER_AREA}
    images = [cv2.resize(read_image(path), **shape) for path in names]
    found = model.predict_labels(np.stack(images))
    return {path.name: labels.class_names[k] for path, k in zip(names, found, strict=True)}


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
