"""The smallest adversarial refiner and its data, for the tests of what `train` does."""

import keras
import numpy as np

from refinezoo.experiments.train.config import TrainingConfig
from refinezoo.losses.adversarial import lsgan_discriminator_loss, lsgan_generator_loss
from refinezoo.losses.cycle import l1_loss
from refinezoo.models.presets import load_preset
from refinezoo.refiners.refiner import Refiner, unpack
from refinezoo.training import AlternatingModel, Objective, Player, Turn

VALUES = {
    "refiner": "PixelGAN",
    "arguments": {"width": 2},
    "synthetic": "renders",
    "real": "photos",
    "image_size": 16,
    "steps": 6,
    "steps_per_epoch": 2,
    "samples": 2,
    "seed": 3,
}


class PixelGAN(Refiner, AlternatingModel):
    """The smallest adversarial refiner: a colour transform against a judge of pixels."""

    def __init__(self, *, width=2, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        images = keras.Input((None, None, 3))
        hidden = keras.layers.Conv2D(width, 1, activation="tanh")(images)
        self.generator = keras.Model(images, keras.layers.Conv2D(3, 1)(hidden))
        self.inference_network = self.generator
        judged = keras.Input((None, None, 3))
        self.discriminator = keras.Model(judged, keras.layers.Conv2D(1, 1)(judged))
        self.track_losses({"adversarial": 1.0, "content": 1.0, "discriminator": 1.0})
        self.built = True

    def call(self, inputs, training=False):
        return self.generator(unpack(inputs)[0])

    def players(self):
        return {
            "generator": Player((self.generator,)),
            "discriminator": Player((self.discriminator,)),
        }

    def turns(self):
        return [
            Turn((Objective(self.generator_loss, (self.generator,)),)),
            Turn((Objective(self.discriminator_loss, (self.discriminator,)),)),
        ]

    def default_optimizers(self):
        return {player: keras.optimizers.Adam(1e-2) for player in self.players()}

    def generator_loss(self, batch, outputs):
        images = batch["synthetic"]["image"]
        refined = self.generator(images)
        adversarial = lsgan_generator_loss(self.discriminator(refined))
        return {"adversarial": adversarial, "content": l1_loss(refined, images)}, {"fake": refined}

    def discriminator_loss(self, batch, outputs):
        true = self.discriminator(batch["real"]["image"])
        fake = self.discriminator(outputs["fake"])
        return {"discriminator": lsgan_discriminator_loss(true, fake)}, {}

    def get_config(self):
        return {**super().get_config(), "width": self.width}


class Noise(keras.utils.PyDataset):
    """Seeded batches of two domains, other ones in every epoch."""

    def __init__(self, steps):
        super().__init__()
        self.steps, self.epoch = steps, 0

    def on_epoch_end(self):
        self.epoch += 1

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        rng = np.random.default_rng([self.epoch, index])
        halves = {"synthetic": (100, 200), "real": (20, 120)}
        return {
            half: {"image": rng.integers(low, high, (1, 8, 8, 3), dtype=np.uint8)}
            for half, (low, high) in halves.items()
        }


def config(out, **changes):
    return TrainingConfig(**{**VALUES, "out": str(out), **changes})


def weights(preset):
    return load_preset(preset).inference_network.get_weights()
