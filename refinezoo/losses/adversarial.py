"""Adversarial losses: least squares (Mao et al. 2017), cross-entropy (Goodfellow et al. 2014)."""

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
