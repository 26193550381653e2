"""VGG: plain stacks of 3 x 3 convolutions.

Generalises the VGG networks: five stages of convolutions, each ended by max pooling that halves the resolution, then
two wide hidden layers. Depth, width and window are open stage by stage; batch normalisation, activation, the hidden
layers' width and the resolution for the whole network. Names are torchvision's: `vgg11`, `vgg13`, `vgg16` and `vgg19`
are configurations A, B, D and E of the paper's table 1; `_bn` has batch normalisation after each convolution, which
keeps its bias.

Papers: Simonyan and Zisserman (2015), "Very deep convolutional networks for large-scale image recognition", table 1;
Ioffe and Szegedy (2015), "Batch normalization".
Input: images of 3 x 224 x 224 (also 160 and 192).
Task: classification into 1,000 classes.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, Image, Space, choice, repeat
from nasengine.blocks import (
    GELU,
    MLP,
    AdaptivePool,
    BatchNorm,
    ConvNormAct,
    Flatten,
    Identity,
    MaxPool,
    ReLU,
    Sequential,
    SiLU,
)
from nasengine.space import Label

DEPTHS = {"vgg11": (1, 1, 2, 2, 2), "vgg13": (2, 2, 2, 2, 2), "vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""Convolutions of each stage."""
WIDTHS = (64, 128, 256, 512, 512)


def published(name: str, norm: str) -> dict[str, Label]:
    """Decisions of a network of the paper, without or with batch norm."""
    stages: dict[str, Label] = {}
    for i, (depth, width) in enumerate(zip(DEPTHS[name], WIDTHS, strict=True)):
        stages |= {f"stage{i + 1}.times": depth, f"width{i + 1}": width, f"kernel{i + 1}": 3}
    return {**stages, "norm": norm, "activation": "relu", "hidden": 4096, "resolution": 224}


REFERENCES = {name: published(name, "identity") for name in DEPTHS} | {
    f"{name}_bn": published(name, "batch_norm") for name in DEPTHS
}


def vgg(
    outputs: int = 10,
    *,
    image: tuple[int, tuple[int, ...]] = (1, (16, 32)),
    widths: tuple[tuple[int, ...], ...] = ((8, 12), (12, 16), (16, 24)),
    depths: tuple[int, ...] = (1, 2),
    hidden: tuple[int, ...] = (32, 64),
    pooled: int = 2,
    name: str = "vgg-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for a number of outputs.

    Args:
        image: channels, and resolutions to choose from.
        widths: channels to choose from, a stage each.
        depths: numbers of convolutions a stage.
        hidden: widths of the two hidden layers.
        pooled: side of the map that the first hidden layer reads.
    """
    activation = choice(ReLU(), SiLU(), GELU(), name="activation")
    norm = choice(Identity(), BatchNorm(), name="norm")

    body: dict[str, Block] = {}
    for i, channels in enumerate(widths, start=1):
        width, kernel = choice(*channels, name=f"width{i}"), choice(3, 5, name=f"kernel{i}")
        layer = ConvNormAct(width, kernel, norm=norm, activation=activation, bias=True)
        body |= {f"stage{i}": repeat(layer, choice(*depths)), f"pool{i}": MaxPool(2)}
    wide = choice(*hidden, name="hidden")
    network = Sequential(
        **body,
        adapt=AdaptivePool(pooled),
        flatten=Flatten(),
        classify=MLP((wide, wide), outputs, activation=activation, dropout=0.5),
    )
    inputs = Image(image[0], choice(*image[1], name="resolution"))
    return Space(name, inputs=inputs, network=network, references=references)


space = vgg(
    1000,
    image=(3, (160, 192, 224)),
    widths=((32, 64, 96), (64, 128, 192), (128, 256, 384), (256, 512), (256, 512)),
    depths=(1, 2, 3, 4),
    hidden=(1024, 2048, 4096),
    pooled=7,
    name="vgg",
    references=REFERENCES,
)
small = vgg()
