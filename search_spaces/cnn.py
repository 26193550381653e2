"""Convolutional networks for small images, plain and residual.

Three stages that halve the resolution, each a choice of plain convolutions, residual pairs (He et al., 2016, fig. 5
left) or separable ones (Chollet, 2017), with kernel, width, depth and activation open.

Input: images of 1 x 8 x 8 or 1 x 16 x 16. Task: classification into 10 classes.
"""

from __future__ import annotations

from nasengine import Block, Image, Space, choice, repeat
from nasengine.blocks import (
    ConvNorm,
    ConvNormAct,
    Dropout,
    GlobalPool,
    Identity,
    Linear,
    ReLU,
    Residual,
    SeparableConv,
    Sequential,
    SiLU,
    SqueezeExcite,
)


def stage(channels: int, *, stride: int) -> Block:
    """A convolution that sets width and resolution, then up to two blocks that keep both."""
    kernel = choice(3, 5)
    activation = choice(ReLU(), SiLU(), name="activation")
    plain = ConvNormAct(channels, kernel=choice(3, 5), activation=activation)
    separable = SeparableConv(channels, kernel=choice(3, 5), activation=activation)
    residual = Residual(
        Sequential(
            first=ConvNormAct(channels, kernel=3, activation=activation),
            second=ConvNorm(channels, kernel=3),
            excite=choice(Identity(), SqueezeExcite(4)),
        ),
        activation=activation,
    )
    body = choice(plain, separable, residual)
    return Sequential(
        down=ConvNormAct(channels, kernel=kernel, stride=stride, activation=activation),
        body=repeat(body, choice(0, 1, 2)),
    )


def cnn(channels: int = 1, size: int = 8, outputs: int = 10, *, name: str = "cnn") -> Space:
    """The space for square images of a size, and a number of outputs."""
    widths = [choice(8, 12, 16, 24, 32, name=f"width{i}") for i in (1, 2, 3)]
    network = Sequential(
        stem=stage(widths[0], stride=1),
        middle=stage(widths[1], stride=2),
        deep=stage(widths[2], stride=2),
        head=Sequential(pool=GlobalPool(), drop=choice(Identity(), Dropout(0.2)), classify=Linear(outputs)),
    )
    return Space(name, inputs=Image(channels, size), network=network)


space = cnn()
