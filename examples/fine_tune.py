"""Trains a refiner of the zoo, or a preset of your own, on with other images.

python examples/fine_tune.py cyclegan renders/ photos/ tuned/
"""

import sys

import refinezoo


def main(start, renders, photos, out="tuned", epochs=5, steps=200):
    """The zoo holds no discriminators: a small rate keeps them from misleading G at first."""
    refiner = refinezoo.load(start, arguments={"learning_rate": 5e-5})
    size = refiner.arguments["image_size"]
    refiner.compile()  # of your own preset it also reads the discriminators
    data = refinezoo.data.unpaired(renders, photos, image_size=size, batch_size=4, steps=steps)
    history = refiner.fit(data, epochs=epochs)
    refiner.save_to_preset(out)
    return history.history


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
