"""Pixel losses between images `[B, H, W, C]` in [-1, 1]."""

from keras import ops


def l1_loss(images, reference):
    """mean |images - reference|: the cycle-consistency and the identity loss of CycleGAN."""
    return ops.mean(ops.abs(ops.cast(images, "float32") - ops.cast(reference, "float32")))


def masked_l1_loss(images, reference, mask):
    """mean |images - reference| over the pixels of `mask` `[B, H, W, 1]` in [0, 1].

    The sum over masked pixels is divided by their area (times C), so it does not depend on the
    size of the region; an all-one mask gives `l1_loss`, an empty one 0.
    """
    difference = ops.abs(ops.cast(images, "float32") - ops.cast(reference, "float32"))
    mask = ops.broadcast_to(ops.cast(mask, "float32"), ops.shape(difference))
    return ops.sum(difference * mask) / ops.maximum(ops.sum(mask), 1e-6)
