"""Convolutional networks for small images, plain and residual.

Three stages, two of which halve the resolution: a convolution that sets width, then plain convolutions, residual pairs
or separable ones. Open are kernel, width, depth, activation, squeeze-excite and dropout. It is the space of the digits
study; the families of published networks have files of their own.

Papers: He et al. (2016), "Deep residual learning", figure 5 left; Chollet (2017), "Xception"; Hu et al. (2018).
Input: images of 1 x 8 x 8 (``cnn(channels, size)`` makes others).
Task: classification into 10 classes.
Counts: with 24 channels in each stage and kernels of 3, a stage begins with 9 a c + 2 c parameters for a channels
before it; a plain convolution adds 9 c^2 + 2 c, a residual pair 18 c^2 + 4 c, a separable one 9 c + 2 c + c^2 + 2 c;
the head has 10 c + 10. ``plain``, one layer a stage: 264 + 2 x 5,232 + 3 x 5,232 + 250 = 26,674; ``residual``: 42,370;
``separable``: 13,642.
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
from nasengine.space.spec import Label


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
    return Space(name, inputs=Image(channels, size), network=network, references=references)


def alike(body: str, **more: Label) -> dict[str, Label]:
    """Decisions of a network with one layer of a kind in each stage, 24 channels wide."""
    common: dict[str, Label] = {"width*": 24, "*kernel": 3, "activation": "relu", "head.drop": "identity"}
    return common | {"*body.times": 1, "*body.blocks.0": body} | more


references: dict[str, dict[str, Label]] = {
    "plain": alike("conv_norm_act"),
    "residual": alike("residual", **{"*excite": "identity"}),
    "separable": alike("separable_conv"),
}
space = small = cnn()
