"""What a training batch must hold; a compiled step can no longer say it in words."""

import keras
import numpy as np

from refinezoo.errors import RefinezooError


def check_halves(data, required, owner):
    """A batch of a refiner has what its method needs.

    Args:
        data: what `fit` yields.
        required: half of the batch (`"synthetic"`, `"real"`) -> its keys.
        owner: the class that needs them.

    Raises:
        RefinezooError: names the key that is missing.
    """
    batch, _, _ = keras.utils.unpack_x_y_sample_weight(data)
    for half, keys in required.items():
        received = batch.get(half) if isinstance(batch, dict) else None
        for key in keys:
            if not isinstance(received, dict) or key not in received:
                raise RefinezooError(
                    f"expected {key!r} in the {half} half of the batch ({owner} needs it); "
                    "received keys: "
                    f"{sorted(received) if isinstance(received, dict) else type(batch)}. "
                    "refinezoo.data.unpaired makes such batches (labels and quaternions: "
                    "with labels=FILE.csv; depth: from depth/ beside images/)."
                )


def check_image_size(batch, size, owner, channels=3):
    """Both halves of a refiner's batch are of the size that it trains at.

    Args:
        batch: `{"synthetic": {"image"}, "real": {"image"}}`, tensors `[B, H, W, channels]`.
        size: (height, width).
        owner: the class that trains.
        channels: of the images.

    Raises:
        RefinezooError: images of another shape.
    """
    for half in ("synthetic", "real"):
        shape = list(batch[half]["image"].shape)
        if shape[1:] != [*size, channels]:
            expected = ", ".join(map(str, ["B", *size, channels]))
            raise RefinezooError(
                f"expected {half} images [{expected}], received {shape}. Set image_size of the "
                f"data or of {owner}(image_size=...)."
            )


def check_images(batch):
    """Images of a batch are uint8 0..255, or float in [-1, 1].

    Args:
        batch: dicts of arrays, in which images are called `image`; or `(images, ...)`.

    Raises:
        RefinezooError: values of another range, e.g. float 0..255 as
            `keras.utils.image_dataset_from_directory` gives, or that are not finite.
    """
    if isinstance(batch, dict):
        for key, value in batch.items():
            if key == "image" or isinstance(value, dict):
                check_images(value if isinstance(value, dict) else (value,))
        return
    images = batch[0] if isinstance(batch, (tuple, list)) and len(batch) else None
    if isinstance(images, dict):
        check_images(images)
        return
    images = np.asarray(images)
    if images.dtype == np.uint8 or images.dtype.kind not in "iufb" or not images.size:
        return
    low, high = float(images.min()), float(images.max())
    if not (low >= -1.01 and high <= 1.01):
        raise RefinezooError(
            f"expected images as uint8 0 to 255 or as float -1 to 1, received {images.dtype} "
            f"{low:.4g} to {high:.4g}. Cast 0..255 to uint8: images.astype('uint8'), or "
            "data.map(lambda x: tf.cast(x, tf.uint8))."
        )


def check_labels(labels, classes):
    """Whole numbers in 0..classes-1.

    Raises:
        RefinezooError: other values, or fractions.
    """
    labels = np.asarray(labels)
    whole = labels.dtype.kind in "iu" or bool(np.all(labels == np.round(labels)))
    within = not labels.size or (labels.min() >= 0 and labels.max() < classes)
    if not whole or labels.ndim != 1 or not within:
        received = (
            f"{labels.dtype} {list(labels.shape)} from {labels.min()} to {labels.max()}"
            if labels.size
            else "none"
        )
        raise RefinezooError(
            f"expected labels [B], whole numbers from 0 to {classes - 1}, received {received}. "
            "Give every class its index; one-hot labels need argmax(axis=-1)."
        )


def check_quaternions(quaternions):
    """Float `[B, 4]`, each of length 1.

    Raises:
        RefinezooError: another shape, or a length off by more than 0.001.
    """
    quaternions = np.asarray(quaternions, "float64")
    shaped = quaternions.ndim == 2 and quaternions.shape[1] == 4
    lengths = np.linalg.norm(quaternions, axis=-1) if shaped else np.zeros(1)
    if not shaped or not np.all(np.abs(lengths - 1.0) < 1e-3):
        received = (
            f"lengths from {lengths.min():.4g} to {lengths.max():.4g}"
            if shaped
            else f"shape {list(quaternions.shape)}"
        )
        raise RefinezooError(
            f"expected unit quaternions [B, 4] (w, x, y, z), received {received}. Divide each by "
            "its length: q / np.linalg.norm(q, axis=-1, keepdims=True)."
        )


def check_depth(depth_m, max_depth):
    """Metres, 0 = no surface.

    Raises:
        RefinezooError: negative or not finite values, or most beyond `max_depth` (millimetres?).
    """
    depth = np.asarray(depth_m, "float64")
    if not np.all(np.isfinite(depth)) or depth.min(initial=0.0) < 0.0:
        raise RefinezooError(
            "expected depth_m in metres, finite and at least 0 (0 = no surface), received "
            f"{np.sum(~np.isfinite(depth))} values that are not finite and "
            f"{np.sum(depth < 0)} below 0. Set them to 0."
        )
    seen = depth[depth > 0.0]
    if seen.size and np.median(seen) > max_depth:
        raise RefinezooError(
            f"expected depth_m in metres up to max_depth={max_depth}, received a median of "
            f"{np.median(seen):.4g}. Divide millimetres by 1000, or raise max_depth."
        )


def check_mask_polarity(images, masks, depth_m=None):
    """1 = object, 0 = background: the plain part of an image is not the object.

    Told where it can be: by depth, where the masked part has none and the rest has; else by
    images of which the masked part is one flat colour and the rest is not.

    Args:
        images: uint8 or float `[B, H, W, C]`.
        masks: `[B, H, W, 1]`.
        depth_m: `[B, H, W, 1]`, 0 = no surface, or None.

    Raises:
        RefinezooError: values outside [0, 1], or most of the batch is inverted.
    """
    masks = np.asarray(masks, "float32")
    if masks.min(initial=0.0) < 0.0 or masks.max(initial=0.0) > 1.0:
        raise RefinezooError(
            "expected foreground_mask from 0 (background) to 1 (object), received values from "
            f"{masks.min():.4g} to {masks.max():.4g}. Divide 0..255 masks by 255."
        )
    inverted = told = 0
    for row, (image, mask) in enumerate(zip(np.asarray(images), masks, strict=True)):
        inside = mask[..., 0] > 0.5
        if inside.all() or not inside.any():
            continue
        if depth_m is not None:
            surface = np.asarray(depth_m[row])[..., 0] > 0.0
            object_like, other = surface[inside].mean(), surface[~inside].mean()
        else:
            # The share of pixels that differ from the part's commonest brightness.
            grey = image[..., :3].mean(axis=-1)
            object_like, other = _variety(grey[inside]), _variety(grey[~inside])
        if max(object_like, other) > 0.5 and min(object_like, other) < 0.02:
            told += 1
            inverted += other > object_like
    if told and inverted > told / 2:
        raise RefinezooError(
            "expected foreground_mask with 1 = object and 0 = background, received masks that are "
            f"inverted ({inverted} of {told} images: what they mark is empty and the rest is "
            "not). Pass 1 - foreground_mask."
        )


def _variety(values):
    _, counts = np.unique(np.round(values.astype("float64"), 3), return_counts=True)
    return 1.0 - counts.max() / counts.sum()
