"""The standard CycleGAN training step in PyTorch: the peer of `benchmarks/train_speed.py`.

Written from the paper and the published numbers alone (Zhu et al. 2017): ResNet generators,
70 x 70 PatchGANs, least squares, lambda 10, identity 0.5, pools of 50, Adam at 2e-4 with beta_1
0.5. `python torch_cyclegan.py '{"image_size": 128, "blocks": 9, "precision": "float32", ...}'`.
"""

import itertools
import json
import random
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from worker import matmul_gflops, serve


def norm(channels: int) -> nn.Module:
    """Instance norm without learnt scale, as the paper's code has it."""
    return nn.InstanceNorm2d(channels)


def drawn_as_in_the_paper(layer: nn.Module) -> None:
    """Kernels from a normal distribution of deviation .02, no bias."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
        nn.init.zeros_(layer.bias)


class Block(nn.Module):
    """Two 3 x 3 convolutions and a skip."""

    def __init__(self, width: int):
        super().__init__()
        parts = []
        for last in (False, True):
            parts += [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), norm(width)]
            parts += [] if last else [nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*parts)

    def forward(self, x):
        return x + self.body(x)


def generator(width: int, blocks: int) -> nn.Module:
    """c7s1-k, d2k, d4k, R4k x blocks, u2k, uk, c7s1-3."""
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), norm(width), nn.ReLU(True)]
    for k in (1, 2):
        layers += [nn.Conv2d(width * k, width * k * 2, 3, 2, 1), norm(width * k * 2), nn.ReLU(True)]
    layers += [Block(width * 4) for _ in range(blocks)]
    for k in (4, 2):
        up = nn.ConvTranspose2d(width * k, width * k // 2, 3, 2, 1, output_padding=1)
        layers += [up, norm(width * k // 2), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())


def discriminator(width: int) -> nn.Module:
    """C64-C128-C256-C512, judging patches of 70 px."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for k, stride in ((1, 2), (2, 2), (4, 1)):
        layers += [nn.Conv2d(width * k, width * k * 2, 4, stride, 1), norm(width * k * 2)]
        layers += [nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(width * 8, 1, 4, 1, 1))


class Pool:
    """Images made earlier, half of the time handed out in place of the new one."""

    def __init__(self, size: int = 50):
        self.size, self.images = size, []

    def __call__(self, images):
        given = []
        for image in images.detach():
            if len(self.images) < self.size:
                self.images.append(image)
            elif random.random() < 0.5:
                place = random.randrange(self.size)
                image, self.images[place] = self.images[place], image
            given.append(image)
        return torch.stack(given)


class Step:
    """Networks, optimizers and one training step."""

    def __init__(
        self, image_size, width, blocks, batch_size, precision, compiled, device, data=None, seed=0
    ):
        torch.manual_seed(seed)
        random.seed(seed)
        self.to = {"device": device, "memory_format": torch.channels_last}
        made = [generator(width, blocks) for _ in range(2)] + [discriminator(width) for _ in "xy"]
        made = [network.apply(drawn_as_in_the_paper).to(**self.to) for network in made]
        self.networks = [torch.compile(network) if compiled else network for network in made]
        rates = {"lr": 2e-4, "betas": (0.5, 0.999)}
        self.optimizers = [
            torch.optim.Adam(itertools.chain(a.parameters(), b.parameters()), **rates)
            for a, b in (made[:2], made[2:])
        ]
        self.judges = made[2:]
        self.pools = Pool(), Pool()
        self.kind, self.half = device, precision == "bfloat16"
        shape = (16, batch_size, 3, image_size, image_size)
        self.data = [torch.randint(0, 256, shape, dtype=torch.uint8) for _ in "xy"]
        if data:
            sets = (np.load(data)[name] for name in ("synthetic", "real"))
            self.data = [torch.from_numpy(s.transpose(0, 3, 1, 2).copy())[:, None] for s in sets]

    def __call__(self, count: int) -> None:
        for _ in range(count):
            self.one()
        if self.kind == "cuda":
            torch.cuda.synchronize()

    def one(self) -> None:
        """Generators, then discriminators."""
        g, f, d_y, d_x = self.networks
        drawn = (random.choice(set_) for set_ in self.data)
        x, y = (images.to(**self.to).float() / 127.5 - 1 for images in drawn)
        with torch.autocast(self.kind, torch.bfloat16, enabled=self.half):
            self.judges[0].requires_grad_(False), self.judges[1].requires_grad_(False)
            refined, fake_x = g(x), f(y)
            cycle = F.l1_loss(f(refined), x) + F.l1_loss(g(fake_x), y)
            identity = F.l1_loss(g(y), y) + F.l1_loss(f(x), x)
            fooled = sum(((d(fake) - 1) ** 2).mean() for d, fake in ((d_y, refined), (d_x, fake_x)))
            loss = fooled + 10 * cycle + 5 * identity
        self.optimizers[0].zero_grad()
        loss.backward()
        self.optimizers[0].step()
        with torch.autocast(self.kind, torch.bfloat16, enabled=self.half):
            self.judges[0].requires_grad_(True), self.judges[1].requires_grad_(True)
            fakes = self.pools[0](refined), self.pools[1](fake_x)
            loss = sum(
                0.5 * (((d(true) - 1) ** 2).mean() + (d(fake) ** 2).mean())
                for d, true, fake in ((d_y, y, fakes[0]), (d_x, x, fakes[1]))
            )
        self.optimizers[1].zero_grad()
        loss.backward()
        self.optimizers[1].step()

    @torch.no_grad()
    def refine(self, path: str) -> None:
        """Saves what the generator makes of the synthetic images: uint8 `[N, H, W, 3]`."""
        refined = [self.networks[0](x.to(**self.to).float() / 127.5 - 1) for x in self.data[0]]
        levels = torch.cat(refined).permute(0, 2, 3, 1).cpu() * 127.5 + 127.5
        np.save(path, levels.round().to(torch.uint8).numpy())


def peak(device: str, precision: str, side: int = 2048) -> float:
    """GFLOP/s of a matrix product in the precision."""
    values = torch.rand(side, side, dtype=getattr(torch, precision), device=device)

    def multiply() -> None:
        values @ values
        if device == "cuda":
            torch.cuda.synchronize()

    return matmul_gflops(multiply, side)


if __name__ == "__main__":
    settings = json.loads(sys.argv[1])
    torch.set_num_threads(settings.pop("threads"))
    settings.setdefault("device", "cuda" if torch.cuda.is_available() else "cpu")
    told, device_mb = {}, None
    if settings.pop("peak", True):
        told["matmul_gflops"] = peak(settings["device"], settings["precision"])
    if settings["device"] == "cuda":

        def device_mb() -> float:
            """The peak of the GPU's memory."""
            return torch.cuda.max_memory_allocated() / 1e6

    step = Step(**settings)
    serve(step, device_mb, refine=step.refine, **told)
