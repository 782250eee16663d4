"""What a kind of model predicts: the one place that export, studies, report and CLI ask.

A kind is declared beside its task (`refinezoo/tasks/*/kind.py`, `refinezoo/refiners/kind.py`).
Neither Keras nor TensorFlow is imported to know one, nor NumPy to name it.
"""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from refinezoo.errors import RefinezooError


@dataclass(frozen=True)
class Output:
    """One array that a model of a kind predicts.

    Attributes:
        dtype: of the array.
        shape: per image; `"H"` and `"W"` are the image's own, other words are the model's:
            `"classes"` how many it knows, `"keep"` its attribute of that name, `"N"` any.
        unit: of the values.
        order: of the values along the last axis, in words.
        limits: least and greatest value, where they are known.
        padding: the value of rows that hold nothing, where there is one.
    """

    dtype: str
    shape: tuple[str | int, ...]
    unit: str = ""
    order: str = ""
    limits: tuple[float, float] | None = None
    padding: int | None = None

    def described(self, model: Any) -> dict[str, Any]:
        """As an exported file says it of one image."""
        names = getattr(model, "class_names", ())
        words: dict[Any, Any] = {"classes": len(names), "keep": getattr(model, "keep", "keep")}
        shape = [1, *(words.get(side, side) for side in self.shape)]
        found: dict[str, Any] = {"dtype": self.dtype, "shape": shape}
        found |= {"range": list(self.limits)} if self.limits else {}
        for key in ("unit", "order", "padding"):
            value = getattr(self, key)
            found |= {key: value} if value not in ("", None) else {}
        return found


@dataclass(frozen=True)
class Quality:
    """What a compressed file kept: metric, value, limit, on what, and whether that is enough."""

    metric: str
    value: float
    limit: float
    on: str
    passed: bool

    def as_dict(self) -> dict[str, Any]:
        """As the file's metadata holds it."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.metric} {self.value:.4g} on {self.on} (limit {self.limit:g})"


class Plain:
    """The conveniences of a kind that has none."""


class Kind:
    """A kind of model; a task declares one in a subclass.

    Attributes:
        name: one word, as `refinezoo list --kind` takes it.
        task: what its models do, as a study's `model.task` takes it: the name of the kind's folder
            in `refinezoo/tasks`; nothing for what is not studied by itself.
        study: where the class of `refinezoo.tasks.study.Task` is that says how a study trains and
            measures its models, `"package.module.Class"`; it is imported when a study asks.
        outputs: what `predict` gives, name -> `Output`; a single one comes as a bare array.
        file_outputs: what an exported file gives beside or instead, where it differs.
        error_unit: what `difference`'s `max_abs_error` is measured in.
        own_size: whether the network sees images of the model's `image_size` alone.
        saved_model_only: why no edge format can hold it, or nothing.
        not_exported: what it is that no format can hold, or nothing.
        loops: whether its graph has loops, which not every converter takes.
        told: attributes of a model that its exported file says too, for who measures it.
        label_score: the metric that labelled images give, or nothing.
        most_lost: how much of it a compressed file may lose.
        gate: metric and limit of a compressed file without labels, see `lost`.
        agreement_by: what `agreement` measures, in words.
        finds_objects: whether an answer says where objects are, see `object_mask`.
        training_labels: what the labels of renders are called in a batch that trains a refiner with
            `task_loss` in its loss, or nothing where there is no such loss.
        hub_task: what the Hugging Face hub calls what its models do, or nothing.
        conveniences: a class of the methods that the field knows it by, built on `predict`;
            models inherit it, and exported files get it.
    """

    name: ClassVar[str]
    task: ClassVar[str] = ""
    study: ClassVar[str] = ""
    outputs: ClassVar[dict[str, Output]]
    file_outputs: ClassVar[dict[str, Output]] = {}
    error_unit: ClassVar[str]
    own_size: ClassVar[bool] = False
    saved_model_only: ClassVar[str] = ""
    not_exported: ClassVar[str] = ""
    loops: ClassVar[bool] = False
    told: ClassVar[tuple[str, ...]] = ()
    label_score: ClassVar[str] = ""
    most_lost: ClassVar[float] = 0.01
    gate: ClassVar[tuple[str, float]]
    agreement_by: ClassVar[str] = ""
    finds_objects: ClassVar[bool] = False
    training_labels: ClassVar[str] = ""
    hub_task: ClassVar[str] = ""
    conveniences: ClassVar[type] = Plain

    def __repr__(self) -> str:
        return f"<kind {self.name}>"

    # ---- serving and edge formats

    def signatures(self, model: Any, max_image_pixels: int) -> dict[str, Any]:
        """The entry points of a SavedModel, name -> `tf.function`."""
        raise NotImplementedError(f"kind {self.name} has no signatures.")

    def graph(self, model: Any) -> Any:
        """A function of TensorFlow from uint8 `[1, H, W, 3]` to `file_outputs`."""
        raise NotImplementedError(f"kind {self.name} has no graph.")

    def described(self, model: Any) -> dict[str, Any]:
        """What an exported file says of its outputs."""
        named = self.file_outputs or self.outputs
        return {name: output.described(model) for name, output in named.items()}

    def run(self, exported: Any, image: Any) -> dict[str, Any]:
        """An exported file's answer to one image, as `predict` names it, with a leading axis.

        Where the network sees one size alone, the image is scaled to the file's.
        """
        if self.own_size and exported.sizes[0] != (None, None):
            from refinezoo.models.images import resized

            image = resized(image, *exported.sizes[0])
        if image.shape[:2] not in exported.sizes and (None, None) not in exported.sizes:
            listed = ", ".join(f"{height} x {width}" for height, width in exported.sizes)
            size = tuple(image.shape[:2])
            raise RefinezooError(
                f"this file takes images of {listed} pixels (height x width), received "
                f"{size[0]} x {size[1]}. Export it with image_size={size}, or use the SavedModel, "
                "which takes any size."
            )
        return exported.run(image)

    # ---- for the eye

    def draw(self, model: Any, image: Any, answer: Any, truth: Any = None) -> Any:
        """An answer as an image.

        Args:
            model: that gave it, for its names and units.
            image: uint8 `[H, W, 3]`, RGB.
            answer: what `predict` gives of the image, without the axis of images; None draws the
                truth alone.
            truth: the answer that would be right, if it is known.

        Returns:
            uint8 `[H', W', 3]`, RGB, of any size.
        """
        raise NotImplementedError(f"kind {self.name} draws nothing.")

    def words(self, model: Any, answer: Any) -> str:
        """An answer in a few words, as a caption."""
        raise NotImplementedError(f"kind {self.name} has no words.")

    # ---- one answer against the truth

    def agreement(self, model: Any, answer: Any, truth: Any) -> float:
        """How right the answer to one image is, from 0 to 1: it tells the worst from the best."""
        raise NotImplementedError(f"kind {self.name} is not held against a truth.")

    def kept(self, model: Any, before: Any, after: Any, boxes_xyxy: Any = None) -> float:
        """How much of an answer to a render is answered to its refinement, too, from 0 to 1.

        `boxes_xyxy`, `[N, 4]` in pixels or None, are labelled: an object found there is not new.
        """
        return self.agreement(model, after, before)

    def classes_in(self, model: Any, truth: Any) -> tuple[str, ...]:
        """Names of the classes that are in an image; none where the kind has no classes."""
        return ()

    def object_mask(self, model: Any, image: Any, answer: Any) -> Any:
        """Where an answer says that objects are, float32 `[H, W, 1]`; of `finds_objects`."""
        raise NotImplementedError(f"kind {self.name} finds no objects.")

    # ---- in a refiner's loss

    def label_settings(self, model: Any) -> dict[str, Any]:
        """What `refinezoo.data.unpaired` is told, so that renders come with `training_labels`."""
        return {}

    def task_loss(self, model: Any, images: Any, labels: Any) -> Any:
        """L(T(images), labels), a scalar that has a gradient to the images.

        Args:
            model: T, compiled.
            images: refined renders, `[B, S, S, 3]` in [-1, 1]; scaled where T sees one size alone.
            labels: of the renders, `training_labels` of a batch.
        """
        from keras import ops

        from refinezoo.layers.resizing import resize_bilinear

        pixels, size = (images + 1.0) * 127.5, getattr(model, "image_size", None)
        if isinstance(size, int) and (size, size) != tuple(images.shape[1:3]):
            pixels = resize_bilinear(pixels, (size, size))
        found = model(pixels, training=False)
        loss = model.compute_loss(x=pixels, y=labels, y_pred=found, training=False)
        return ops.cast(loss, "float32")

    # ---- what two models of the kind differ in

    def difference(self, wanted: Any, given: Any) -> dict[str, float]:
        """How far one `predict` is from another: `max_abs_error` in `error_unit`, and more."""
        return {"max_abs_error": float(abs(wanted - given).max())}

    def lost(self, wanted: Any, given: Any) -> tuple[float, bool]:
        """The metric of `gate` between two `predict`s, and whether it passes."""
        raise NotImplementedError(f"kind {self.name} has no gate.")

    def labelled(self, model: Any, evaluation: Any) -> Any:
        """The labelled images to measure `label_score` on, or None."""
        return None

    def score(self, model: Any, labelled: Any) -> float:
        """`label_score` of a model or exported file."""
        raise NotImplementedError(f"kind {self.name} has no score.")

    def quality(self, model: Any, exported: Any, images: Any) -> Quality:
        """What an exported file kept of its model on images `[N, H, W, 3]` of a size it takes."""
        value, passed = self.lost(model.predict(images, verbose=0), exported.predict(images))
        return Quality(self.gate[0], value, self.gate[1], f"{len(images)} frames", passed)

    def quality_by_labels(self, own_score: float, exported: Any, labelled: Any) -> Quality:
        """The same by `label_score`, on what `labelled` gave."""
        lost = own_score - self.score(exported, labelled)
        on, passed = f"{len(labelled)} labelled images", lost <= self.most_lost
        return Quality(f"{self.label_score} lost", lost, self.most_lost, on, passed)


def answering_kind(model: Any) -> Kind | None:
    """The kind of a model, or of the task model that a refiner trained inside; None of others."""
    return getattr(model, "task_kind", None) or getattr(model, "kind", None)
