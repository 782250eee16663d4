"""Starting a model from what another one has learnt."""

import os
from collections.abc import Callable
from typing import Any

import keras

from refinezoo.errors import RefinezooError
from refinezoo.networks.efficientnet_lite0 import PREFIX, WEIGHTS
from refinezoo.training.layerwise import LayerwiseAdam


def start_backbone(network: keras.Model, source: Any) -> int:
    """Copies a trained EfficientNet-Lite0 into `network`.

    A model that is built, also from a preset's config, never asks for these weights: starting from
    them is a step of its own, before `fit`.

    Args:
        network: has the backbone inside.
        source: a model with the same backbone, a preset folder of one, or a name of the zoo, above
            all `"efficientnet_lite0_imagenet"`.

    Returns:
        The number of layers copied.

    Raises:
        RefinezooError: there is no such backbone in the one or the other.
    """
    if not any(layer.name.startswith(PREFIX) for layer in named_layers(network).values()):
        raise RefinezooError(
            "expected a model with the backbone efficientnet_lite0 to start from its weights, "
            f"received {network.name} without one. Build it with backbone='efficientnet_lite0' "
            "(a Classifier with tower='efficientnet_lite0')."
        )
    return copy_layers(network, source, lambda name: name.startswith(PREFIX))


def copy_layers(network: keras.Model, source: Any, takes: Callable[[str], bool]) -> int:
    """Copies the layers of `source` that have the same name and shapes in `network`.

    Args:
        network: the target; networks inside it count.
        source: a model, a preset folder or a name of the zoo.
        takes: which names to copy.

    Returns:
        The number of layers copied.

    Raises:
        RefinezooError: none fits.
    """
    theirs = named_layers(_network_of(opened(source)))
    copied = 0
    for name, layer in named_layers(network).items():
        other = theirs.get(name)
        if other is None or not takes(name):
            continue
        if [tuple(w.shape) for w in layer.weights] == [tuple(w.shape) for w in other.weights]:
            layer.set_weights(other.get_weights())
            copied += 1
    if not copied:
        raise RefinezooError(
            "expected a model of the same architecture and width to start from, received "
            f"{type(source).__name__} without a layer of fitting name and shape. ImageNet features "
            f"for backbone='efficientnet_lite0' are in {WEIGHTS!r}."
        )
    return copied


def opened(source: Any) -> Any:
    """A model as it is; of a preset folder or a name of the zoo, the model there."""
    if isinstance(source, str | os.PathLike):
        import refinezoo

        return refinezoo.load(source)
    return source


def slow_backbone(learning_rate: Any = 1e-3, share: float = 0.1, **options) -> LayerwiseAdam:
    """Adam for a pretrained backbone: it moves at a share of the rate of what is new.

    Args:
        learning_rate: of the new layers, a number or schedule.
        share: of that rate for the backbone; 0 holds it fast.
        **options: of `keras.optimizers.Adam`.
    """
    return LayerwiseAdam(learning_rate, rules=[(f"^{PREFIX}", share)], **options)


def named_layers(network: keras.Model) -> dict[str, keras.layers.Layer]:
    """The layers with weights by their name, those of networks inside it as well."""
    found: dict[str, keras.layers.Layer] = {}
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            found |= named_layers(layer)
        elif layer.weights:
            found[layer.name] = layer
    return found


def _network_of(source: Any) -> keras.Model:
    network = getattr(source, "preset_network", None) or getattr(
        source, "inference_network", source
    )
    if not isinstance(network, keras.Model):
        raise RefinezooError(
            f"expected a Keras model to start from, received {type(source).__name__}. Exported "
            "files cannot be trained on."
        )
    return network
