"""Adversarial losses: least squares (Mao et al. 2017), cross-entropy (Goodfellow et al. 2014),
hinge (Lim & Ye 2017, arXiv 1705.02894).
"""

from keras import ops


def lsgan_generator_loss(fake_logits):
    """mean (D(G(x)) - 1)^2 over patches and batch; `fake_logits` any shape."""
    return ops.mean(ops.square(ops.cast(fake_logits, "float32") - 1.0))


def lsgan_discriminator_loss(real_logits, fake_logits):
    """0.5 [ mean (D(y) - 1)^2 + mean D(G(x))^2 ]; halved as in the official PyTorch CycleGAN."""
    real = ops.mean(ops.square(ops.cast(real_logits, "float32") - 1.0))
    fake = ops.mean(ops.square(ops.cast(fake_logits, "float32")))
    return 0.5 * (real + fake)


def gan_discriminator_loss(real_logits, fake_logits):
    """-mean log D(y) - mean log(1 - D(G(x))), D = sigmoid(logits): L_d of PixelDA, minimised."""
    real = ops.mean(ops.softplus(-ops.cast(real_logits, "float32")))
    return real + ops.mean(ops.softplus(ops.cast(fake_logits, "float32")))


def gan_generator_loss(fake_logits):
    """-mean log D(G(x)), the non-saturating form; `fake_logits` any shape."""
    return ops.mean(ops.softplus(-ops.cast(fake_logits, "float32")))


def hinge_discriminator_loss(real_logits, fake_logits, real_weights=None, fake_weights=None):
    """mean relu(1 - D(y)) + mean relu(1 + D(G(x))): 2 for a discriminator that knows nothing.

    Args:
        real_logits: of photos, any shape.
        fake_logits: of generated images.
        real_weights: what the mean weighs the logits with, of their shape; None is 1. Where
            one of the two weights is all zero, nothing can be compared and the loss is 0.
        fake_weights: the same of the generated images.

    Returns:
        Scalar.
    """
    real = weighted_mean(ops.relu(1.0 - ops.cast(real_logits, "float32")), real_weights)
    fake = weighted_mean(ops.relu(1.0 + ops.cast(fake_logits, "float32")), fake_weights)
    if real_weights is None:
        return real + fake
    both = ops.minimum(ops.sum(real_weights), ops.sum(fake_weights)) > 0.0
    return ops.where(both, real + fake, 0.0)


def hinge_generator_loss(fake_logits, weights=None):
    """-mean D(G(x)), weighted as in `hinge_discriminator_loss`."""
    return -weighted_mean(ops.cast(fake_logits, "float32"), weights)


def weighted_mean(values, weights=None):
    """sum w v / sum w over everything, 0 where all w are; `weights` of the shape of `values`."""
    if weights is None:
        return ops.mean(values)
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1e-6)
