"""The losses of SimGAN (Shrivastava et al. 2017, arXiv 1612.07828), as means.

The paper and its ports sum over patches and pixels; a mean L1 of weight w equals a summed L1 of
weight w / (H W C), a mean over h x w patches their sum over h w.
"""

from typing import Literal, get_args

from keras import ops

from refinezoo.errors import RefinezooError

REAL, REFINED = 0, 1
Psi = Literal["identity", "channel_mean", "feature"]


def local_adversarial_loss(patch_logits, verdict):
    """Mean over patches and batch of -log softmax(logits)[verdict].

    Args:
        patch_logits: `[B, h, w, 2]`, the discriminator's logits for real and refined.
        verdict: `REAL` or `REFINED`, for the whole batch.

    Returns:
        Scalar. l_real of the refiner is that of refined images called REAL; the discriminator's
        loss adds that of refined images called REFINED and of real ones called REAL.
    """
    log_probability = ops.log_softmax(ops.cast(patch_logits, "float32"), axis=-1)
    return -ops.mean(log_probability[..., verdict])


def self_regularisation_loss(refined, images, psi="identity", features=None):
    """mean |psi(R(x)) - psi(x)|: what refining may not change.

    Args:
        refined: `[B, H, W, C]` in [-1, 1].
        images: the same before refining.
        psi: `"identity"`, `"channel_mean"` (the mean of the channels: colour may change, light may
            not) or `"feature"`.
        features: for `"feature"`, a function of images to a feature map.

    Returns:
        Scalar.
    """
    if psi not in get_args(Psi):
        known = ", ".join(get_args(Psi))
        raise RefinezooError(f"expected psi to be one of {known}, received {psi!r}.")
    refined, images = ops.cast(refined, "float32"), ops.cast(images, "float32")
    if psi == "channel_mean":
        refined, images = ops.mean(refined, axis=-1), ops.mean(images, axis=-1)
    elif psi == "feature":
        refined, images = features(refined), features(images)
    difference = ops.cast(refined, "float32") - ops.cast(images, "float32")
    return ops.mean(ops.abs(difference))
