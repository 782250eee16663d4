"""Trains T2Net: depth of real photos from renders with depth, and a translator of the renders.

`renders/` holds `images/` and `depth/` (16-bit PNG in millimetres), `photos/` images alone.

python examples/t2net.py renders/ photos/ rooms/
"""

import sys

import cv2
import numpy as np

import refinezoo
from refinezoo.data import (
    AugmentedBatches,
    UnpairedArrays,
    list_images,
    read_depth_folder,
    read_image,
)
from refinezoo.data.augmentation import Augmentation


def main(renders, photos, out="rooms", size=(192, 256), epochs=10, steps=500, **network):
    """Returns metres of each photo, float [N, H, W, 1]."""
    pairs = read_depth_folder(renders, size)
    images = [cv2.resize(read_image(path), size[::-1]) for path in list_images(photos)]
    model = refinezoo.refiners.T2Net.indoor(image_size=size, **(network or {"width": 16}))
    model.compile()
    batches = UnpairedArrays(pairs, {"image": np.stack(images)}, batch_size=6, steps=steps)
    model.fit(AugmentedBatches(batches, Augmentation(flip=0.5, rotate=5)), epochs=epochs)
    model.save_to_preset(out)
    return model.predict_depth(np.stack(images))


if __name__ == "__main__":
    print(main(*sys.argv[1:]).shape)
