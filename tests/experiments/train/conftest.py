"""`noise`: PixelGAN is a registered class, and trains on noise."""

import pytest
from pixel_gan import Noise, PixelGAN

from refinezoo.experiments.train import run as trainer
from refinezoo.models import registry


@pytest.fixture
def noise(monkeypatch):
    monkeypatch.setitem(registry._REGISTERED, "PixelGAN", PixelGAN)
    monkeypatch.setattr(trainer, "training_data", lambda config, steps, refiner: Noise(steps))
