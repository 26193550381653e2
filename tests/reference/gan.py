"""Generators and discriminators in plain torch, from the papers' figures, tables and appendices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def dcgan_generator(code: int, widths: Sequence[int], channels: int = 3) -> nn.Sequential:
    """Radford et al. (2016), fig. 1: transposed convolutions of 4 × 4, batch norm and ReLU, tanh last; no biases."""
    made: list[nn.Module] = [nn.Unflatten(1, (code, 1, 1))]
    for i, (m, n) in enumerate(pairwise((code, *widths))):
        made += [nn.ConvTranspose2d(m, n, 4, 1 if i == 0 else 2, 0 if i == 0 else 1, bias=False)]
        made += [nn.BatchNorm2d(n), nn.ReLU()]
    return nn.Sequential(*made, nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=False), nn.Tanh())


def dcgan_discriminator(
    widths: Sequence[int],
    channels: int = 3,
    norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    output: type[nn.Module] = nn.Sigmoid,
) -> nn.Sequential:
    """The same in reverse, leaky ReLU and no norm at the image; the critics have another norm and no sigmoid."""
    made: list[nn.Module] = [nn.Conv2d(channels, widths[0], 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for m, n in pairwise(widths):
        made += [nn.Conv2d(m, n, 4, 2, 1, bias=False), norm(n), nn.LeakyReLU(0.2)]
    return nn.Sequential(*made, nn.Conv2d(widths[-1], 1, 4, bias=False), nn.Flatten(), output())


class UpBlock(nn.Module):
    """Residual block of a generator (Gulrajani et al., 2017, appendix F)."""

    def __init__(self, m: int, n: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(m), nn.Conv2d(m, n, 3, padding=1)
        self.norm2, self.conv2 = nn.BatchNorm2d(n), nn.Conv2d(n, n, 3, padding=1)
        self.shortcut = nn.Conv2d(m, n, 1)

    def forward(self, x: Tensor) -> Tensor:
        def double(y: Tensor) -> Tensor:
            return y.repeat_interleave(2, 2).repeat_interleave(2, 3)

        y = self.conv1(double(self.norm1(x).relu()))
        made: Tensor = self.conv2(self.norm2(y).relu()) + self.shortcut(double(x))
        return made


def resnet_generator_32(width: int, code: int = 128) -> nn.Sequential:
    """Gulrajani et al. (2017), appendix F, generator for CIFAR-10."""
    blocks = [UpBlock(width, width) for _ in range(3)]
    last = [nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, 3, 3, padding=1), nn.Tanh()]
    return nn.Sequential(nn.Linear(code, 16 * width), nn.Unflatten(1, (width, 4, 4)), *blocks, *last)


class CriticBlock(nn.Module):
    """Residual block of a critic; ``first`` reads the image, ``down`` halves the sides."""

    def __init__(self, m: int, n: int, *, first: bool = False, down: bool = True) -> None:
        super().__init__()
        hidden = n if first else m
        self.conv1, self.conv2 = nn.Conv2d(m, hidden, 3, padding=1), nn.Conv2d(hidden, n, 3, padding=1)
        self.shortcut = nn.Conv2d(m, n, 1) if first or down else nn.Identity()
        self.first, self.down = first, down

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.conv1(x if self.first else x.relu()).relu())
        if self.down:
            y = F.avg_pool2d(y, 2)
        skip = self.shortcut(F.avg_pool2d(x, 2)) if self.first else self.shortcut(x)
        if self.down and not self.first:
            skip = F.avg_pool2d(skip, 2)
        made: Tensor = y + skip
        return made


class ResnetCritic32(nn.Module):
    """Gulrajani et al. (2017), appendix F, critic for CIFAR-10."""

    def __init__(self, width: int) -> None:
        super().__init__()
        same = [CriticBlock(width, width, down=False) for _ in range(2)]
        self.blocks = nn.Sequential(CriticBlock(3, width, first=True), CriticBlock(width, width), *same)
        self.score = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.score(self.blocks(x).relu().mean((2, 3)))
        return made


class Pix2PixUNet(nn.Module):
    """Isola et al. (2017), appendix 6.1.1: C64-C128-C256-C512-... down and up again, each map beside its like."""

    def __init__(self, widths: Sequence[int], channels: int = 3) -> None:
        super().__init__()
        last = len(widths) - 1
        downs = [nn.Conv2d(m, n, 4, 2, 1, bias=False) for m, n in pairwise((channels, *widths))]
        self.down = nn.ModuleList()
        for i, conv in enumerate(downs):
            norm = [nn.BatchNorm2d(widths[i])] if 0 < i < last else []
            self.down.append(nn.Sequential(conv, *norm))
        self.up = nn.ModuleList()
        for i in range(last, 0, -1):
            into = widths[i] if i == last else 2 * widths[i]
            conv_up = nn.ConvTranspose2d(into, widths[i - 1], 4, 2, 1, bias=False)
            self.up.append(nn.Sequential(conv_up, nn.BatchNorm2d(widths[i - 1])))
        self.up.append(nn.ConvTranspose2d(2 * widths[0], channels, 4, 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        maps: list[Tensor] = []
        for i, part in enumerate(self.down):
            x = part(x if i == 0 else F.leaky_relu(x, 0.2))
            maps.append(x)
        for i, part in enumerate(self.up):
            x = part(x.relu() if i == 0 else torch.cat((maps[-1 - i], x), 1).relu())
        return x.tanh()


class CycleBlock(nn.Module):
    """Zhu et al. (2017), appendix 7.2: Rk, two 3 × 3 convolutions beside a shortcut, borders reflected."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect")
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        y = F.instance_norm(self.conv1(x)).relu()
        return x + F.instance_norm(self.conv2(y))


def cyclegan_generator(width: int, blocks: int, channels: int = 3) -> nn.Sequential:
    """c7s1-64, d128, d256, R256 × blocks, u128, u64, c7s1-3 (Zhu et al., 2017, appendix 7.2)."""

    def after(n: int) -> list[nn.Module]:
        return [nn.InstanceNorm2d(n), nn.ReLU()]

    made: list[nn.Module] = [nn.Conv2d(channels, width, 7, padding=3, padding_mode="reflect"), *after(width)]
    for m in (width, 2 * width):
        made += [nn.Conv2d(m, 2 * m, 3, 2, 1), *after(2 * m)]
    made += [CycleBlock(4 * width) for _ in range(blocks)]
    for m in (4 * width, 2 * width):
        made += [nn.ConvTranspose2d(m, m // 2, 3, 2, 1, output_padding=1), *after(m // 2)]
    return nn.Sequential(*made, nn.Conv2d(width, channels, 7, padding=3, padding_mode="reflect"), nn.Tanh())


def patch_discriminator(widths: Sequence[int], channels: int, *, instance: bool) -> nn.Sequential:
    """C64-C128-C256-C512 (Isola et al., 2017, appendix 6.1.2): all of stride 2 but the last, then one to a number."""
    made: list[nn.Module] = [nn.Conv2d(channels, widths[0], 4, 2, 1), nn.LeakyReLU(0.2)]
    for i, (m, n) in enumerate(pairwise(widths), start=1):
        stride = 2 if i < len(widths) - 1 else 1
        norm: nn.Module = nn.InstanceNorm2d(n) if instance else nn.BatchNorm2d(n)
        made += [nn.Conv2d(m, n, 4, stride, 1, bias=instance), norm, nn.LeakyReLU(0.2)]
    return nn.Sequential(*made, nn.Conv2d(widths[-1], 1, 4, 1, 1))
