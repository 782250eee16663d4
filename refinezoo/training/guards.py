"""Callbacks that recognise how GANs fail, name it and end the training with advice."""

import keras
import numpy as np

from refinezoo.errors import RefinezooError


class Guard(keras.callbacks.Callback):
    """Stops when a sign of failure shows at the end of `patience` epochs running.

    A subclass says what it sees in `sign(logs)`: None if all is well, or words for the message.

    Args:
        patience: epochs.
        checkpoint: the last good checkpoint, named in the message.
    """

    failure = "failure"
    advice = ""

    def __init__(self, patience=5, checkpoint=None):
        super().__init__()
        self.patience, self.checkpoint = patience, checkpoint
        self.seen = 0

    def sign(self, logs):
        """What shows the failure, in words, or None."""
        raise NotImplementedError(f"{type(self).__name__} looks for no sign.")

    def on_train_begin(self, logs=None):
        """Forgets what an earlier training showed."""
        self.seen = 0

    def on_epoch_end(self, epoch, logs=None):
        """Looks for the sign.

        Raises:
            RefinezooError: it showed at `patience` epochs running.
        """
        sign = self.sign(logs or {})
        self.seen = self.seen + 1 if sign else 0
        if self.seen >= self.patience:
            raise RefinezooError(
                f"{self.failure}: {sign}, now for {self.seen} epochs (epoch {epoch + 1}). "
                f"{self.advice} Last checkpoint: "
                f"{self.checkpoint or 'none was kept (add BackupAndRestore)'}."
            )


class StopOnCollapse(Guard):
    """Ends training when the refined images hardly differ although the renders do.

    Args:
        images: uint8 `[N, H, W, 3]`, N >= 2 different renders.
        least_variation: the standard deviation between refined images, mean over pixels, as a
            share of that between the renders.
        patience: epochs; generators that start from noise need some until they draw.
        checkpoint: named in the message.
    """

    failure = "mode collapse"
    advice = (
        "Weigh the terms that tie the refined image to its render more (cycle, identity, "
        "self-regularisation, task in G), give the discriminator a lower learning rate, or batch "
        "more images."
    )

    def __init__(self, images, least_variation=0.05, patience=5, checkpoint=None):
        super().__init__(patience, checkpoint)
        self.images, self.least_variation = np.asarray(images), least_variation

    def sign(self, logs):
        """How little the refined images vary."""
        before = _variation(self.images)
        share = _variation(self.model.refine(self.images, seed=0)) / max(before, 1e-9)
        if before < 1.0 or share >= self.least_variation:  # renders that are alike show nothing
            return None
        return (
            f"expected refined images that differ as their renders do, received {share:.1%} of "
            "their variation: nearly one image for all"
        )


class StopOnColourFlip(Guard):
    """Ends training when refining turns light into dark, or colours into their opposites.

    Unpaired losses cannot tell a photo from its negative where both fit the real images; a
    generator that has flipped seldom comes back.

    Args:
        images: uint8 `[N, H, W, 3]` renders.
        below: agreement of renders and refined images, -1 (negative) to 1 (unchanged): the
            correlation of their luminance, and the cosine of their colours.
        patience: epochs.
        checkpoint: named in the message.
    """

    failure = "colour flip"
    advice = (
        "Start again with another seed, or with a stronger identity or self-regularisation term; "
        "residual=True starts CycleGAN from the unchanged render."
    )

    def __init__(self, images, below=-0.5, patience=2, checkpoint=None):
        super().__init__(patience, checkpoint)
        self.images, self.below = np.asarray(images), below

    def sign(self, logs):
        """Which of luminance and hue is inverted."""
        refined = self.model.refine(self.images, seed=0)
        before, after = (_luminance_and_colour(images) for images in (self.images, refined))
        for name, old, new in zip(("luminance", "hue"), before, after, strict=True):
            agreement = _cosine(old, new)
            if agreement < self.below:
                return (
                    f"expected refined images of the renders' {name}, received the inverse "
                    f"(agreement {agreement:+.2f} of -1 to 1)"
                )
        return None


class StopOnIdleDiscriminator(Guard):
    """Ends training when a discriminator's loss stays at zero: it then teaches nothing.

    Args:
        losses: names of the losses; None takes the model's `discriminator_losses`.
        below: of the mean loss of an epoch.
        patience: epochs.
        checkpoint: named in the message.
    """

    failure = "discriminator at zero loss"
    advice = (
        "The generator gets no gradient from a discriminator that is always right. Lower the "
        "discriminator's learning rate or width, let the generator move more often, or check "
        "that both domains are read alike (size, colour range, borders)."
    )

    def __init__(self, losses=None, below=0.005, patience=5, checkpoint=None):
        super().__init__(patience, checkpoint)
        self.losses, self.below = losses, below

    def sign(self, logs):
        """Which discriminator has nothing left to learn."""
        names = self.losses or getattr(self.model, "discriminator_losses", ())
        idle = [name for name in names if name in logs and 0 <= float(logs[name]) < self.below]
        if not idle:
            return None
        shown = ", ".join(f"{name} = {float(logs[name]):.2g}" for name in idle)
        return f"expected losses of at least {self.below}, received {shown}"


def _variation(images):
    return float(np.std(images.astype(np.float32), axis=0).mean()) if len(images) > 1 else 0.0


def _luminance_and_colour(images):
    """Luminance about its mean, and the plane of hue and chroma, as flat float32 vectors."""
    red, green, blue = np.moveaxis(images.astype(np.float32), -1, 0)
    luminance = 0.299 * red + 0.587 * green + 0.114 * blue
    plane = np.stack([red - (green + blue) / 2, np.sqrt(3) / 2 * (green - blue)])
    return (luminance - luminance.mean()).ravel(), plane.ravel()


def _cosine(first, second, least=5.0):
    """The cosine of two vectors of pixel values; 1 where either is flat or grey."""
    if min(np.sqrt(np.mean(first**2)), np.sqrt(np.mean(second**2))) < least:
        return 1.0
    return float(np.dot(first, second) / np.sqrt(np.dot(first, first) * np.dot(second, second)))
