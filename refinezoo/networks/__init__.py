"""Networks: functions that return functional `keras.Model`s."""

from refinezoo.networks.discriminators import patch_discriminator
from refinezoo.networks.generators import resnet_generator

__all__ = ["patch_discriminator", "resnet_generator"]
