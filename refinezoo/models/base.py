"""What every model of refinezoo is: a `keras.Model` that knows its arguments, kind and preset."""

import os
from collections.abc import Callable
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from refinezoo.data.epochs import EpochBatches, FollowEpoch
from refinezoo.errors import RefinezooError
from refinezoo.memory import keep_freed_memory
from refinezoo.models.answers import joined
from refinezoo.models.arguments import bound_arguments
from refinezoo.models.draws import drawn_cheaply
from refinezoo.models.images import ImageBatches
from refinezoo.models.kind import Kind


class _Made(type):
    """On JAX has NumPy draw what a model starts from; see `refinezoo.models.draws`."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        with drawn_cheaply():
            return super().__call__(*args, **kwargs)


class Model(keras.Model, metaclass=_Made):
    """Base class of all refiners and downstream models.

    A subclass names its constructor's arguments by keyword and passes `**kwargs` on; what it was
    built with is recorded in `arguments` and is its config. It sets `kind`, says in
    `inference_network` which functional model a preset ships, and in `prepare`, `run` and `answer`
    how images become what `predict` gives.

    Attributes:
        kind: what the model predicts, see `refinezoo.models.kind`.
        arguments: its constructor's arguments, defaults included, as JSON can say them.
        not_saved: names of arguments that a config leaves out.
        mixed_sizes: whether one batch of `predict` may hold images of different sizes.
        preset_name: the name of the zoo entry or preset folder it was loaded from, or None.
        weights_sha256: of the weights file it was loaded from, or None.
        training_files: what only training needs of that preset, until `compile` has read it.
    """

    kind: ClassVar[Kind]
    arguments: dict[str, Any]
    not_saved: tuple[str, ...] = ()
    mixed_sizes = False
    preset_name: str | None = None
    weights_sha256: str | None = None
    training_files: Any = None
    inference_network: keras.Model

    def __new__(cls, *args: Any, **kwargs: Any) -> "Model":
        """Records the arguments; unknown ones are worded."""
        if keras.config.image_data_format() != "channels_last":
            raise RefinezooError(
                "expected Keras' image_data_format channels_last, received channels_first. Call "
                "keras.config.set_image_data_format('channels_last'), or correct keras.json."
            )
        arguments = bound_arguments(cls, args, kwargs)
        keep_freed_memory()
        model = super().__new__(cls, *args, **kwargs)
        object.__setattr__(model, "arguments", arguments)
        return model

    # ---- predicting

    def to_batch(self, images: list[np.ndarray], **options: Any) -> Any:
        """uint8 images `[H, W, 3]`, of one size unless `mixed_sizes`, to a batch for `run`."""
        raise NotImplementedError(f"{type(self).__name__} says not how it takes images.")

    def run(self, batch: Any) -> Any:
        """A batch to the network's outputs."""
        return self.predict_on_batch(batch)

    def to_answer(self, outputs: Any, images: list[np.ndarray]) -> Any:
        """The network's outputs to what `predict` gives of `images`: arrays of `[B, ...]`."""
        raise NotImplementedError(f"{type(self).__name__} says not what its outputs mean.")

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
        **options: Any,
    ) -> Any:
        """The decoded answer to images, the same as an exported file gives.

        Args:
            x: uint8 RGB images `[B, H, W, 3]` or one `[H, W, 3]`, a list of images of any sizes,
                or a `keras.utils.PyDataset`, `tf.data.Dataset` or iterable of batches, whose
                targets, if any, are left out. Floats must be whole images in 0..255.
            batch_size: images per step, 8 by default; not for data sets.
            verbose: as in `keras.Model.predict`.
            steps: batches to take of a data set.
            callbacks: as in `keras.Model.predict`.
            **options: of the kind, see its named convenience (`refine`'s `seed`).

        Returns:
            What the model's `kind` says, with a leading axis of images; a list of one answer per
            image where the images differ in size and the answers with them.

        Raises:
            RefinezooError: no images, or none that are RGB in 0..255.
        """
        steps_of = (partial(self.to_batch, **options), self.run, self.to_answer)
        return self.predict_in_steps(x, *steps_of, batch_size, verbose, steps, callbacks)

    def predict_in_steps(
        self,
        x: Any,
        to_batch: Callable,
        run: Callable,
        to_answer: Callable,
        batch_size: int | None = None,
        verbose: Any = 0,
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The loop of `predict`, for models that answer more than one question."""
        batches = ImageBatches(x, batch_size, steps, mixed=self.mixed_sizes)
        watch = callbacks
        if not isinstance(callbacks, keras.callbacks.CallbackList):
            watch = keras.callbacks.CallbackList(
                callbacks,
                add_progbar=verbose != 0,
                verbose=1 if verbose == "auto" else verbose,
                epochs=1,
                steps=batches.steps,
                model=self,
            )
        self.stop_predicting = False
        watch.on_predict_begin()
        answers = []
        for step, images in enumerate(batches):
            watch.on_predict_batch_begin(step)
            filled = batches.filled(images)
            outputs = keras.tree.map_structure(keras.ops.convert_to_numpy, run(to_batch(filled)))
            answer = to_answer(outputs, filled)
            answers.append(keras.tree.map_structure(itemgetter(slice(len(images))), answer))
            watch.on_predict_batch_end(step, {"outputs": answers[-1]})
            if self.stop_predicting:
                break
        watch.on_predict_end()
        return joined(answers)

    # ---- training

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """As `keras.Model.fit`, and says to an `EpochBatches` which epoch it is."""
        if isinstance(x, EpochBatches) and not isinstance(callbacks, keras.callbacks.CallbackList):
            follow = FollowEpoch(x, start=x.epoch or None)
            callbacks = [follow, *keras.tree.flatten(callbacks or [])]
        return super().fit(x, y, batch_size, epochs, verbose, callbacks, **kwargs)

    def make_train_function(self, force: bool = False) -> Any:
        """As Keras; from here on the weights are no longer those of the preset."""
        self.weights_sha256 = None
        self._build_optimizer()  # TensorFlow traces a step that makes its variables twice
        return super().make_train_function(force)

    # ---- saving

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, as JSON can say them."""
        kept = {key: v for key, v in self.arguments.items() if key not in self.not_saved}
        return {**super().get_config(), **kept}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Model":
        """The model of a `get_config`."""
        return cls(**config)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles from `get_compile_config()`; Keras asks for it where `compile` is overridden."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self._build_optimizer()

    def _build_optimizer(self) -> None:
        """Makes what the optimizer keeps of each variable."""
        if self.built and self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)

    @property
    def preset_network(self) -> keras.Model:
        """The functional model whose weights a preset holds."""
        return self.inference_network

    def training_part(self) -> tuple[int, dict[str, keras.Model]]:
        """Steps trained, and the networks that training needs beside `preset_network`, by name."""
        return 0, {}

    def start_from_inference(self) -> tuple[str, ...]:
        """Fills what a preset's inference weights can of the other networks; their names."""
        return ()

    def save_to_preset(
        self, folder: str | os.PathLike, *, half: bool = True, training: bool = True
    ) -> Path:
        """Writes config, weights and checksums to `folder`; `refinezoo.load(folder)` reads it.

        See `refinezoo.models.presets.save_to_preset`.
        """
        from refinezoo.models.presets import save_to_preset

        return save_to_preset(self, folder, half=half, training=training)

    def export(self, filepath: str | os.PathLike, format: str = "tf_saved_model", **kwargs: Any):
        """Keras' export, of `inference_network`: raw maps of float images, trained or loaded.

        What takes uint8 or encoded images and gives what `predict` gives is made by
        `refinezoo.export`. Args: see `keras.Model.export`.
        """
        return self.inference_network.export(filepath, format, **kwargs)

    @classmethod
    def from_preset(
        cls,
        folder: str | os.PathLike,
        weights: str | None = "pretrained",
        arguments: dict[str, Any] | None = None,
    ) -> "Model":
        """The model of a preset folder, which must be of this class; as `refinezoo.load`."""
        from refinezoo.models.presets import load_preset

        model = load_preset(folder, weights, arguments)
        if not isinstance(model, cls):
            raise RefinezooError(
                f"expected a preset of {cls.__name__}, received one of {type(model).__name__} in "
                f"{str(folder)!r}. Call {type(model).__name__}.from_preset, or refinezoo.load."
            )
        return model
