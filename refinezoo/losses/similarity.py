"""Content-similarity losses L_c of PixelDA (Bousmalis et al. 2017, arXiv 1612.05424, equation 6).

Images are float `[B, H, W, C]` in [-1, 1]; every loss is a scalar, the mean over the batch.
"""

from keras import ops

from refinezoo.errors import RefinezooError, did_you_mean

MAX_DIFFERENCE = 0.4  # what the hinged losses forgive, in the official code


def masked_pairwise_mse(images, reference, mask=None, normalise_by="image"):
    """(1/k) sum d^2 - (1/k^2) (sum d)^2 with d = mask (images - reference), per image.

    Half the mean squared difference between the d of any two values, so a change of the whole
    image's brightness costs nothing but a change of contrast does. The released code has twice
    this, summed over the batch.

    Args:
        images: refined images.
        reference: the renders.
        mask: float `[B, H, W, 1]`, 1 = object; None is the whole image.
        normalise_by: what k counts: `"image"` all H W C values (paper), so that shifting an object
            that fills the fraction f by c costs c^2 (f - f^2); `"mask"` those under the mask, so
            that it costs nothing.
    """
    if normalise_by not in ("image", "mask"):
        raise RefinezooError(f"expected normalise_by 'image' or 'mask', received {normalise_by!r}.")
    difference = _difference(images, reference)
    weight = ops.ones_like(difference)
    if mask is not None:
        weight = weight * ops.cast(mask, "float32")
    difference = difference * weight
    axes = (1, 2, 3)
    counted = ops.ones_like(weight) if normalise_by == "image" else weight
    k = ops.maximum(ops.sum(counted, axis=axes), 1.0)
    squares = ops.sum(ops.square(difference), axis=axes) / k
    return ops.mean(squares - ops.square(ops.sum(difference, axis=axes) / k))


def mse_loss(images, reference):
    """mean (images - reference)^2."""
    return ops.mean(ops.square(_difference(images, reference)))


def hinged_mse_loss(images, reference, max_difference=MAX_DIFFERENCE):
    """mean max(0, (images - reference)^2 - max_difference)."""
    return ops.mean(ops.relu(ops.square(_difference(images, reference)) - max_difference))


def hinged_mae_loss(images, reference, max_difference=MAX_DIFFERENCE):
    """mean max(0, |images - reference| - max_difference)."""
    return ops.mean(ops.relu(ops.abs(_difference(images, reference)) - max_difference))


SIMILARITIES = {
    "mpse": masked_pairwise_mse,
    "masked_mpse": masked_pairwise_mse,
    "mse": mse_loss,
    "hinged_mse": hinged_mse_loss,
    "hinged_mae": hinged_mae_loss,
}


def check_similarity(name):
    """Returns `name` if it is one of `SIMILARITIES`.

    Raises:
        RefinezooError: it is not.
    """
    if name not in SIMILARITIES:
        raise RefinezooError(
            f"expected a similarity of {', '.join(SIMILARITIES)}, received {name!r}."
            f"{did_you_mean(name, SIMILARITIES)}"
        )
    return name


def content_similarity(name, images, reference, *, mask=None, normalise_by="image"):
    """L_c of a name of `SIMILARITIES`; the arguments are those of `masked_pairwise_mse`."""
    options = {"normalise_by": normalise_by} if name.endswith("mpse") else {}
    if name == "masked_mpse":
        options["mask"] = mask
    return SIMILARITIES[name](images, reference, **options)


def _difference(images, reference):
    return ops.cast(images, "float32") - ops.cast(reference, "float32")
