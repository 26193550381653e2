"""Networks of dense prediction in plain torch, written from the papers' figures."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def pair(channels: int, out: int, padded: bool) -> nn.Sequential:
    """Two 3 x 3 convolutions with ReLU: of the paper, or padded and with batch norm."""
    if not padded:
        return nn.Sequential(nn.Conv2d(channels, out, 3), nn.ReLU(), nn.Conv2d(out, out, 3), nn.ReLU())
    first, second = nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.Conv2d(out, out, 3, padding=1, bias=False)
    return nn.Sequential(first, nn.BatchNorm2d(out), nn.ReLU(), second, nn.BatchNorm2d(out), nn.ReLU())


class UNet(nn.Module):
    """Ronneberger et al. (2015), figure 1."""

    def __init__(self, channels: int, classes: int, widths: tuple[int, ...], padded: bool = False) -> None:
        super().__init__()
        before = (channels, *widths)
        self.down = nn.ModuleList(pair(a, b, padded) for a, b in zip(before, widths, strict=False))
        steps = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.widen = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in steps)
        self.up = nn.ModuleList(pair(a, b, padded) for a, b in steps)
        self.classify = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else F.max_pool2d(x, 2))
            kept.append(x)
        for copy, widen, block in zip(kept[-2::-1], self.widen, self.up, strict=True):
            x = widen(x)
            top, left = (copy.shape[-2] - x.shape[-2]) // 2, (copy.shape[-1] - x.shape[-1]) // 2
            copy = copy[..., top : top + x.shape[-2], left : left + x.shape[-1]]
            x = block(torch.cat((copy, x), 1))
        return self.classify(x)


class SegNet(nn.Module):
    """Badrinarayanan et al. (2017), figures 2 and 3, on the convolutions of VGG-16."""

    def __init__(self, classes: int, widths: tuple[int, ...], convs: tuple[int, ...]) -> None:
        super().__init__()
        before = (3, *widths)
        self.encoder = nn.ModuleList(
            nn.Sequential(*(self.layer(a if k == 0 else b, b) for k in range(n)))
            for a, b, n in zip(before, widths, convs, strict=False)
        )
        back = [
            [self.layer(b, b if k < n - 1 else a) for k in range(n)]
            for a, b, n in zip(before, widths, convs, strict=False)
        ]
        back[0][-1] = nn.Conv2d(widths[0], classes, 3, padding=1)
        self.decoder = nn.ModuleList(nn.Sequential(*part) for part in reversed(back))

    @staticmethod
    def layer(channels: int, out: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(channels, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        places = []
        for block in self.encoder:
            y = block(x)
            x, where = F.max_pool2d(y, 2, return_indices=True)
            places.append((where, y.shape))
        for block, (where, shape) in zip(self.decoder, reversed(places), strict=True):
            whole = x.new_zeros(*shape[:2], shape[2] * shape[3])
            x = block(whole.scatter(2, where.flatten(2), x.flatten(2)).reshape(shape))
        return x


class SemanticFPN(nn.Module):
    """Lin et al. (2017), figure 3, and the semantic branch of Kirillov et al. (2019), figure 3, on any backbone.

    Args:
        body: gives four maps, at strides 4, 8, 16 and 32.
        channels: of its maps.
    """

    def __init__(
        self, body: nn.Module, channels: tuple[int, ...], classes: int, width: int, inner: int, groups: int
    ) -> None:
        super().__init__()
        self.body = body
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in channels)
        self.levels = nn.ModuleList(
            nn.ModuleList(
                nn.Sequential(
                    nn.Conv2d(inner if k else width, inner, 3, padding=1, bias=False),
                    nn.GroupNorm(groups, inner),
                    nn.ReLU(),
                )
                for k in range(max(1, level))
            )
            for level in range(len(channels))
        )
        self.classify = nn.Conv2d(inner, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        sums = [lateral(c) for lateral, c in zip(self.lateral, self.body(x).values(), strict=True)]
        for i in (2, 1, 0):
            sums[i] = sums[i] + F.interpolate(sums[i + 1], size=sums[i].shape[-2:], mode="nearest")
        total: Tensor | None = None
        for level, (y, smooth, steps) in enumerate(zip(sums, self.smooth, self.levels, strict=True)):
            y = smooth(y)
            for step in steps:
                y = step(y)
                if level:
                    y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
            total = y if total is None else total + y
        return F.interpolate(self.classify(total), size=x.shape[-2:], mode="bilinear", align_corners=False)
