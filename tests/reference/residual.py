"""Residual and highway networks for small images in plain torch, from the papers' equations."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv(channels: int, out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)


class PaddedBlock(nn.Module):
    """y = F(x) + x, x padded with zero channels where F widens (He et al., 2016, eq. 1 and section 3.3, option A)."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.stride, self.more = stride, out - channels
        self.conv1, self.norm1 = conv(channels, out, 3, stride), nn.BatchNorm2d(out)
        self.conv2, self.norm2 = conv(out, out, 3), nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return F.relu(x + y)


class PreActivated(nn.Module):
    """y = F(x) + h(x), norm and ReLU before each convolution (He et al., 2016b, eq. 1 and figure 4e)."""

    def __init__(self, channels: int, widths: tuple[int, ...], kernels: tuple[int, ...], stride: int) -> None:
        super().__init__()
        into = (channels, *widths[:-1])
        strides = [stride if i == kernels.index(3) else 1 for i in range(len(kernels))]
        rows = zip(into, widths, kernels, strides, strict=True)
        self.layers = nn.ModuleList(nn.Sequential(nn.BatchNorm2d(row[0]), nn.ReLU(), conv(*row)) for row in rows)
        changes = stride != 1 or channels != widths[-1]
        self.project = conv(channels, widths[-1], 1, stride) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        norm, act, first = self.layers[0]  # type: ignore[misc]
        ready = act(norm(x))
        y: Tensor = first(ready)
        for layer in self.layers[1:]:
            y = layer(y)
        return y + (x if self.project is None else self.project(ready))


class CifarResNet(nn.Module):
    """6 n + 2 layers at 16, 32 and 64 channels, zero-padded shortcuts (He et al., 2016, section 4.2)."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv, self.norm = conv(3, 16, 3), nn.BatchNorm2d(16)
        rows = [(16, 16, 1)] * n + [(16, 32, 2)] + [(32, 32, 1)] * (n - 1) + [(32, 64, 2)] + [(64, 64, 1)] * (n - 1)
        self.blocks = nn.Sequential(*(PaddedBlock(*row) for row in rows))
        self.classify = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.blocks(F.relu(self.norm(self.conv(x))))
        return self.classify(y.mean((2, 3)))  # type: ignore[no-any-return]


class CifarPreActivated(nn.Module):
    """n blocks a stage: 9 n + 2 layers of bottlenecks (He et al., 2016b, section 4), or a Wide ResNet of 6 n + 4."""

    def __init__(self, n: int, wide: int = 0) -> None:
        super().__init__()
        self.conv = conv(3, 16, 3)
        blocks: list[nn.Module] = []
        channels = 16
        for stage, inner in enumerate((16, 32, 64)):
            widths = (inner * wide,) * 2 if wide else (inner, inner, 4 * inner)
            for i in range(n):
                kernels = (3, 3) if wide else (1, 3, 1)
                blocks.append(PreActivated(channels, widths, kernels, 2 if stage and not i else 1))
                channels = widths[-1]
        self.blocks = nn.Sequential(*blocks)
        self.norm, self.classify = nn.BatchNorm2d(channels), nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm(self.blocks(self.conv(x))))
        return self.classify(y.mean((2, 3)))  # type: ignore[no-any-return]


class HighwayConv(nn.Module):
    """y = H(x) T(x) + x (1 - T(x)) (Srivastava et al., 2015, eq. 3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.plain = nn.Conv2d(channels, channels, 3, padding=1)
        self.gate = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.gate(x))
        return F.relu(self.plain(x)) * gate + x * (1 - gate)


class HighwayNet(nn.Module):
    """A convolution and eight highway layers on digits, pooled after each third (Srivastava et al., 2015, table 1)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, width, 3, padding=1)
        self.layers = nn.ModuleList(HighwayConv(width) for _ in range(8))
        self.classify = nn.Linear(9 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.first(x))
        for i, layer in enumerate(self.layers):
            y = layer(y)
            if i in (1, 4, 7):
                y = F.max_pool2d(y, 2)
        return self.classify(y.flatten(1))  # type: ignore[no-any-return]
