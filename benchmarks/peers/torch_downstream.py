"""A training step of torchvision's SSD300, or of DeepLab-v2 on its ResNet-101 (`train_speed.py`).

DeepLab-v2 is the paper's (Chen et al. 2016): stride 8, batch normalisation frozen, four atrous
convolutions that score, summed; torchvision itself has version 3 alone.
"""

import json
import sys

import torch
from torch import nn
from torch.nn import functional as F
from torch_cyclegan import peak
from worker import serve

# torchvision's wheels on PyPI are for CUDA and do not load beside a PyTorch for processors; their
# compiled part is suppression, which no training step asks for.
suppression = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    suppression.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from torchvision.models import resnet101  # noqa: E402
from torchvision.models.detection import ssd300_vgg16  # noqa: E402
from torchvision.ops import FrozenBatchNorm2d  # noqa: E402

CLASSES, OBJECTS = 20, 5


class DeepLab(nn.Module):
    """Logits at an eighth of the size."""

    def __init__(self):
        super().__init__()
        dilated = [False, True, True]
        network = resnet101(
            norm_layer=FrozenBatchNorm2d, replace_stride_with_dilation=dilated, weights=None
        )
        self.backbone = nn.Sequential(*list(network.children())[:-2])
        self.scores = nn.ModuleList(
            nn.Conv2d(2048, CLASSES, 3, padding=rate, dilation=rate) for rate in (6, 12, 18, 24)
        )

    def forward(self, images):
        features = self.backbone(images)
        return sum(score(features) for score in self.scores)


class Step:
    """Network, optimizer, sixteen batches of noise, and one training step."""

    def __init__(self, model, image_size, batch_size, precision, compiled):
        torch.manual_seed(0)
        self.detects, self.half = model == "ssd300", precision == "bfloat16"
        made = DeepLab()
        if self.detects:
            made = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=CLASSES + 1)
        made = made.to(memory_format=torch.channels_last).train()
        rates = {"lr": 1e-3 if self.detects else 2.5e-4, "momentum": 0.9, "weight_decay": 5e-4}
        self.optimizer = torch.optim.SGD(made.parameters(), **rates)
        self.parameters = sum(weight.numel() for weight in made.parameters())
        self.network = torch.compile(made) if compiled else made
        side = image_size
        self.images = torch.randint(0, 256, (16, batch_size, 3, side, side), dtype=torch.uint8)
        self.masks = torch.randint(0, CLASSES, (16, batch_size, side, side))
        corners = torch.rand(16, batch_size, OBJECTS, 2) * 0.5
        self.boxes = torch.cat([corners, corners + 0.3], -1) * side
        self.labels = torch.randint(1, CLASSES + 1, (16, batch_size, OBJECTS))
        self.taken = 0

    def __call__(self, count: int) -> None:
        for _ in range(count):
            self.one(self.taken % 16)
            self.taken += 1

    def one(self, index: int) -> None:
        images = self.images[index].to(memory_format=torch.channels_last).float() / 255
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            if self.detects:
                objects = zip(self.boxes[index], self.labels[index], strict=True)
                wanted = [{"boxes": boxes, "labels": labels} for boxes, labels in objects]
                loss = sum(self.network(list(images), wanted).values())
            else:
                logits = self.network(images)
                size = images.shape[-2:]
                logits = F.interpolate(logits, size, mode="bilinear", align_corners=False)
                loss = F.cross_entropy(logits, self.masks[index])
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


if __name__ == "__main__":
    settings = json.loads(sys.argv[1])
    torch.set_num_threads(settings.pop("threads"))
    told = {"matmul_gflops": peak("cpu", settings["precision"])}
    step = Step(**settings)
    serve(step, None, parameters=step.parameters, **told)
