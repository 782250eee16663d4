"""T2Net's depth network T: from which model it is made, on what it learns, and what it says."""

import keras

from refinezoo.errors import RefinezooError
from refinezoo.models.arguments import bound_arguments
from refinezoo.models.registry import model_class, task_of
from refinezoo.networks.depth_unet import depth_unet
from refinezoo.tasks.depth.checks import check_metres, check_sizes
from refinezoo.tasks.depth.depth_unet import DepthPredictor, DepthUNet, in_metres
from refinezoo.tasks.depth.kind import DEPTH
from refinezoo.training.checks import check_image_size
from refinezoo.training.start import start_backbone


class DepthInside(DepthPredictor):
    """Mixin, first of T2Net's bases."""

    task_kind = DEPTH

    @classmethod
    def with_task(cls, name, arguments, **settings):
        """T2Net whose T is the network that a `DepthUNet` of these arguments would have.

        Args:
            name: of the task model's class, `"DepthUNet"`.
            arguments: its constructor's.
            **settings: of T2Net itself.
        """
        if task_of(name) != "depth":
            raise RefinezooError(f"expected a DepthUNet, received a {name}.")
        depth = bound_arguments(model_class(name), (), arguments)
        same = ("width", "max_depth", "smoothness_order", "decay_steps")
        shared = {key: depth[key] for key in same}
        shared |= {f"depth_{key}": depth[key] for key in ("width", "backbone", "batch_norm")}
        shared |= {"depth_learning_rate": depth["learning_rate"]}
        return cls(**{**shared, **settings})

    def declare_depth(self, max_depth, smoothness_order, **network):
        """Makes T, which says so many metres; `network` are arguments of `depth_unet`."""
        self.max_depth, self.smoothness_order = max_depth, smoothness_order
        self.depth_network = depth_unet(**network)

    def keep_with_depth(self, images):
        """Makes what says the depth of photos, alone and beside the refiner of these images."""
        self.depth_inference = in_metres(self.depth_network, self.max_depth)
        self.refiner_and_depth = keras.Model(
            images, [self.inference_network(images), self.depth_inference(images)], name="t2net"
        )

    @property
    def preset_network(self):
        """What refines renders, and what says the depth of photos."""
        return self.refiner_and_depth

    def predict_task(self, images):
        """T on photos, as `predict_depth`."""
        return self.predict_depth(images)

    def depth_model(self):
        """The depth network by itself, a `DepthUNet` with a copy of its weights."""
        model = DepthUNet(
            width=self.arguments["depth_width"] or self.arguments["width"],
            backbone=self.arguments["depth_backbone"],
            batch_norm=self.arguments["depth_batch_norm"],
            max_depth=self.max_depth,
        )
        model.depth_network.set_weights(self.depth_network.get_weights())
        return model

    def start_from(self, source):
        """Gives T a trained efficientnet_lite0; see `training.start.start_backbone`."""
        return start_backbone(self.depth_network, source)

    def more_signatures(self, max_image_pixels):
        """`depth` and `depth_tensor`: what a depth model signs."""
        from refinezoo.tasks.depth.signatures import depth_signatures

        signed = depth_signatures(self, max_image_pixels)
        return {"depth": signed["serving_default"], "depth_tensor": signed["tensor"]}

    def check_batch(self, data):
        """As the base class; also the sizes."""
        batch = super().check_batch(data)
        check_image_size(batch, self.image_size, type(self).__name__)
        check_sizes(batch["synthetic"])
        return batch

    def check_values(self, batch):
        """Refuses depth that is not in metres or missing altogether."""
        batch, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
        synthetic = batch.get("synthetic") if isinstance(batch, dict) else None
        if isinstance(synthetic, dict) and "depth_m" in synthetic:
            check_metres(synthetic["depth_m"], self.max_depth)
