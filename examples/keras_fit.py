"""Trains a refiner with Keras' `fit` on your own folders; neither needs labels.

python examples/keras_fit.py renders/ photos/ my_refiner/
"""

import sys

import keras

import refinezoo


def main(renders, photos, out="my_refiner", size=128, epochs=20, steps=200, **network):
    """Renders and photos in, a preset out; `network` are further arguments of the refiner."""
    keras.utils.set_random_seed(0)
    network = network or {"width": 24, "blocks": 4, "upsampling": "resize", "residual": True}
    refiner = refinezoo.refiners.CycleGAN(image_size=size, **network)
    refiner.compile()
    data = refinezoo.data.unpaired(renders, photos, image_size=size, batch_size=4, steps=steps)
    refiner.fit(
        data,
        epochs=epochs,
        callbacks=[keras.callbacks.CSVLogger("log.csv"), keras.callbacks.TerminateOnNaN()],
    )
    return refiner.save_to_preset(out)


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
