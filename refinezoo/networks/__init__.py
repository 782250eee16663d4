"""Networks: functions that return functional `keras.Model`s."""

from refinezoo.networks.affine_generator import affine_generator
from refinezoo.networks.discriminators import patch_discriminator
from refinezoo.networks.generators import resnet_generator
from refinezoo.networks.pixelda_discriminator import pixelda_discriminator
from refinezoo.networks.pixelda_generators import pixelda_generator
from refinezoo.networks.task_towers import task_tower

__all__ = [
    "affine_generator",
    "patch_discriminator",
    "pixelda_discriminator",
    "pixelda_generator",
    "resnet_generator",
    "task_tower",
]
