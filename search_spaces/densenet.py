"""DenseNet: every layer reads what all layers before it gave.

Generalises DenseNet-BC: dense blocks of layers that each add `growth` channels, with transitions between them that
compress the channels and halve the resolution. Growth and bottleneck are open for the whole network, the number of
layers and the window in each dense block, the channels after the stem and after each transition, the resolution too.

Papers: Huang, Liu, van der Maaten and Weinberger (2017), "Densely connected convolutional networks", table 1; the same
(2019), "Convolutional networks with dense connectivity", for DenseNet-264.
Input: images of 3 x 224 x 224 (also 192 and 256).
Task: classification into 1,000 classes.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, Image, Space, choice
from nasengine.blocks import (
    BatchNorm,
    ConvNormAct,
    DenseBlock,
    DenseTransition,
    GlobalPool,
    Identity,
    Linear,
    MaxPool,
    ReLU,
    Sequential,
)
from nasengine.space import Label

LAYERS = {
    "densenet121": (6, 12, 24, 16),
    "densenet169": (6, 12, 32, 32),
    "densenet201": (6, 12, 48, 32),
    "densenet264": (6, 12, 64, 48),
    "densenet161": (6, 12, 36, 24),
}
"""Layers of each dense block; `densenet161` grows by 48 channels from a stem of 96, the others by 32 from 64."""


def published(name: str) -> dict[str, Label]:
    """Decisions of a network of the paper: each transition keeps half of the channels."""
    channels, growth = (96, 48) if name == "densenet161" else (64, 32)
    made: dict[str, Label] = {"stem.channels": channels, "growth": growth, "bottleneck": 4, "*.kernel": 3}
    for i, layers in enumerate(LAYERS[name], start=1):
        made[f"dense{i}.layers"] = layers
        channels = (channels + layers * growth) // 2
        if i < len(LAYERS[name]):
            made[f"transition{i}.channels"] = channels
    return {**made, "resolution": 224}


def densenet(
    outputs: int = 10,
    *,
    image: tuple[int, tuple[int, ...]] = (1, (16, 24)),
    stem: tuple[int, Block] = (3, Identity()),
    channels: tuple[tuple[int, ...], ...] = ((8, 12), (12, 16), (16, 24)),
    layers: tuple[tuple[int, ...], ...] = ((2, 3), (2, 4), (2, 3)),
    growth: tuple[int, ...] = (4, 6, 8),
    name: str = "densenet-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for a number of outputs.

    Args:
        image: channels, and resolutions to choose from.
        stem: window of the first convolution, with stride 2 where it is above 3, and what pools after it.
        channels: channels that each dense block starts from, to choose from.
        layers: numbers of layers to choose from, a dense block each.
        growth: channels that a layer adds.
    """
    grow, bottleneck = choice(*growth, name="growth"), choice(2, 4, name="bottleneck")
    body: dict[str, Block] = {}
    for i, (start, counts) in enumerate(zip(channels, layers, strict=True)):
        if i:
            body[f"transition{i}"] = DenseTransition(channels=choice(*start))
        body[f"dense{i + 1}"] = DenseBlock(choice(*counts), grow, bottleneck, choice(3, 5))
    kernel, pool = stem
    network = Sequential(
        stem=ConvNormAct(choice(*channels[0]), kernel, 2 if kernel > 3 else 1),
        pool=pool,
        **body,
        head=Sequential(norm=BatchNorm(), act=ReLU(), pool=GlobalPool(), classify=Linear(outputs)),
    )
    inputs = Image(image[0], choice(*image[1], name="resolution"))
    return Space(name, inputs=inputs, network=network, references=references)


space = densenet(
    1000,
    image=(3, (192, 224, 256)),
    stem=(7, MaxPool(3, 2, 1)),
    channels=((64, 96), (128, 192), (256, 384), (512, 640, 896, 1056, 1152)),
    layers=((4, 6, 8), (8, 12, 16), (16, 24, 32, 36, 48, 64), (16, 24, 32, 48)),
    growth=(24, 32, 48),
    name="densenet",
    references={name: published(name) for name in LAYERS},
)
small = densenet()
