"""StyleGAN, StyleGAN2 and AdaIN style transfer in plain torch, from the papers' equations and figures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def adain(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Huang and Belongie (2017), eq. 8; Karras et al. (2019), eq. 1. ``scale`` and ``shift`` are (B, C)."""
    mean = x.mean((2, 3), keepdim=True)
    deviation = (x.var((2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
    return scale[:, :, None, None] * (x - mean) / deviation + shift[:, :, None, None]


class Dense(nn.Module):
    """A layer with equalised learning rate (Karras et al., 2018, section 4.1): (w · rate / √in) x + rate · b."""

    def __init__(self, m: int, n: int, rate: float = 1.0) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(n, m)), nn.Parameter(torch.zeros(n))
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        return (x @ self.weight.T) * (self.rate / x.shape[1] ** 0.5) + self.rate * self.bias


class Mapping(nn.Module):
    """Karras et al. (2019), fig. 1: the code scaled to length √F, then eight layers."""

    def __init__(self, features: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Dense(features, features, 0.01) for _ in range(depth))

    def forward(self, z: Tensor) -> Tensor:
        z = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt()
        for layer in self.layers:
            z = F.leaky_relu(layer(z), 0.2)
        return z


class Noise(nn.Module):
    """One image of noise times learned strengths."""

    def __init__(self, strengths: int, side: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(strengths))
        self.noise: Tensor
        self.register_buffer("noise", torch.randn(side, side))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.noise * self.weight[:, None, None]


class Epilogue(nn.Module):
    """Noise, activation, AdaIN (Karras et al., 2019, fig. 1, B and A)."""

    def __init__(self, width: int, side: int, features: int) -> None:
        super().__init__()
        self.noise, self.affine = Noise(width, side), Dense(features, 2 * width)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        scale, shift = self.affine(w).chunk(2, 1)
        return adain(F.leaky_relu(self.noise(x), 0.2), scale + 1, shift)


class Equalised(nn.Module):
    """A convolution with equalised learning rate."""

    def __init__(self, m: int, n: int, kernel: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(n, m, kernel, kernel)), nn.Parameter(torch.zeros(n))

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.weight.shape[-1]
        scale = (1 / (self.weight.shape[1] * kernel**2)) ** 0.5
        return F.conv2d(x, self.weight * scale, self.bias, padding=kernel // 2)


def double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class StyleGAN(nn.Module):
    """The synthesis network of 2019 after its mapping network: constant, AdaIN, convolution, AdaIN, and so on."""

    def __init__(self, features: int, depth: int, widths: Sequence[int], channels: int = 3) -> None:
        super().__init__()
        self.mapping = Mapping(features, depth)
        self.constant, self.shift = nn.Parameter(torch.randn(widths[0], 4, 4)), nn.Parameter(torch.zeros(widths[0]))
        self.first = Epilogue(widths[0], 4, features)
        pairs = [(widths[0], widths[0], 4)]
        for i, (m, n) in enumerate(pairwise(widths)):
            pairs += [(m, n, 8 << i), (n, n, 8 << i)]
        self.layers = nn.ModuleList(
            nn.ModuleList((Equalised(m, n, 3), Epilogue(n, side, features))) for m, n, side in pairs
        )
        self.image = Equalised(widths[-1], channels, 1)

    def forward(self, z: Tensor) -> Tensor:
        w = self.mapping(z)
        x = (self.constant + self.shift[:, None, None]).repeat(len(z), 1, 1, 1)
        x = self.first(x, w)
        for i, pair in enumerate(self.layers):
            conv, epilogue = list(pair)
            x = epilogue(conv(double(x) if i % 2 else x), w)
        made: Tensor = self.image(x)
        return made


class Modulated(nn.Module):
    """Karras et al. (2020), eq. 1 to 3, with a weight tensor for each sample, applied as groups."""

    def __init__(self, m: int, n: int, kernel: int, features: int, *, demodulate: bool = True) -> None:
        super().__init__()
        self.affine = Dense(features, m)
        self.weight, self.bias = nn.Parameter(torch.randn(n, m, kernel, kernel)), nn.Parameter(torch.zeros(n))
        self.demodulate = demodulate

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        batch, m, height, width = x.shape
        n, _, kernel, _ = self.weight.shape
        style = self.affine(w)
        weights = self.weight * (m * kernel**2) ** -0.5 * style[:, None, :, None, None]
        if self.demodulate:
            weights = weights / (weights.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
        y = F.conv2d(
            x.reshape(1, batch * m, height, width), weights.reshape(-1, m, kernel, kernel), groups=batch,
            padding=kernel // 2,
        )  # fmt: skip
        return y.reshape(batch, n, height, width) + self.bias[:, None, None]


class StyleGAN2(nn.Module):
    """The network of 2020, fig. 2c and 7b: modulated convolutions, noise, leaky ReLU; images of each size added up."""

    def __init__(self, features: int, depth: int, widths: Sequence[int], channels: int = 3) -> None:
        super().__init__()
        self.mapping, self.constant = Mapping(features, depth), nn.Parameter(torch.randn(widths[0], 4, 4))
        self.layers, self.images = nn.ModuleList(), nn.ModuleList()
        for i, width in enumerate(widths):
            for m in (widths[0],) if i == 0 else (widths[i - 1], width):
                self.layers.append(nn.ModuleList((Modulated(m, width, 3, features), Noise(1, 4 << i))))
            self.images.append(Modulated(width, channels, 1, features, demodulate=False))

    def forward(self, z: Tensor) -> Tensor:
        w = self.mapping(z)
        x = self.constant.repeat(len(z), 1, 1, 1)
        x = self.layer(0, x, w)
        image: Tensor = self.images[0](x, w)
        for i in range(1, len(self.images)):
            x = self.layer(2 * i, self.layer(2 * i - 1, double(x), w), w)
            image = double(image) + self.images[i](x, w)
        return image

    def layer(self, i: int, x: Tensor, w: Tensor) -> Tensor:
        conv, noise = self.layers[i].children()
        return F.leaky_relu(noise(conv(x, w)), 0.2)


class AdaINTransfer(nn.Module):
    """Huang and Belongie (2017), section 6.1: VGG-19 to its first layer of 512, AdaIN, and all in reverse."""

    def __init__(self, widths: Sequence[int] = (64, 128, 256, 512), depths: Sequence[int] = (2, 2, 4)) -> None:
        super().__init__()
        encoder: list[nn.Module] = []
        last = 3
        for width, depth in zip(widths[:-1], depths, strict=True):
            for _ in range(depth):
                encoder += [self.conv(last, width), nn.ReLU()]
                last = width
            encoder += [nn.MaxPool2d(2)]
        encoder += [self.conv(last, widths[-1]), nn.ReLU()]
        decoder: list[nn.Module] = []
        for m, width, depth in reversed(list(zip(widths[1:], widths[:-1], depths, strict=True))):
            decoder += [self.conv(m, width), nn.ReLU(), nn.UpsamplingNearest2d(scale_factor=2)]
            for _ in range(depth - 1):
                decoder += [self.conv(width, width), nn.ReLU()]
        self.encoder = nn.Sequential(*encoder)
        self.decoder = nn.Sequential(*decoder, self.conv(widths[0], 3))

    @staticmethod
    def conv(m: int, n: int) -> nn.Conv2d:
        return nn.Conv2d(m, n, 3, padding=1, padding_mode="reflect")

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        x, y = self.encoder(content), self.encoder(style)
        variance = y.var((2, 3), unbiased=False)
        made: Tensor = self.decoder(adain(x, (variance + 1e-5).sqrt(), y.mean((2, 3))))
        return made
