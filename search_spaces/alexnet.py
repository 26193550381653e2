"""AlexNet: five convolutions and three linear layers.

Generalises AlexNet: a strided stem and a second convolution, each with max pooling, two to four convolutions after
them and one or two wide hidden layers behind dropout. Windows and widths are open layer by layer; groups (the two
halves that lived on two GPUs in 2012), local response normalisation, activation and resolution for the whole network.
`alexnet` is the later one-column form (Krizhevsky, 2014, without groups and local response), `alexnet_2012` the
network of the paper.

Papers: Krizhevsky, Sutskever and Hinton (2012), "ImageNet classification with deep convolutional neural networks",
fig. 2; Krizhevsky (2014), "One weird trick for parallelizing convolutional neural networks".
Input: images of 3 x 224 x 224 (also 160 and 192).
Task: classification into 1,000 classes.
Counts: of `alexnet_2012`, layer by layer: 34,944 + 307,456 + 885,120 + 663,936 + 442,624 in convolutions (those of two
groups read half the channels), 37,752,832 + 16,781,312 + 4,097,000 in linear layers: 60,965,224.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, Image, Space, choice, repeat
from nasengine.blocks import (
    GELU,
    AdaptivePool,
    Conv,
    Dropout,
    Flatten,
    Identity,
    Linear,
    LocalResponseNorm,
    MaxPool,
    ReLU,
    Sequential,
    SiLU,
)
from nasengine.space import Label

COMMON: dict[str, Label] = {
    "resolution": 224,
    "activation": "relu",
    "stem.conv.kernel": 11,
    "second.conv.kernel": 5,
    "*.kernel": 3,
    "third.conv.channels": 384,
    "more.times": 2,
    "more.blocks.1.conv.channels": 256,
    "hidden.times": 2,
    "hidden.*.features": 4096,
}
REFERENCES: dict[str, dict[str, Label]] = {
    "alexnet": {
        **COMMON,
        "groups": 1,
        "local_response": "identity",
        "stem.conv.channels": 64,
        "second.conv.channels": 192,
        "more.blocks.0.conv.channels": 256,
    },
    "alexnet_2012": {
        **COMMON,
        "groups": 2,
        "local_response": "local_response_norm",
        "stem.conv.channels": 96,
        "second.conv.channels": 256,
        "more.blocks.0.conv.channels": 384,
    },
}


def alexnet(
    outputs: int = 10,
    *,
    image: tuple[int, tuple[int, ...]] = (1, (16, 24)),
    stem: tuple[tuple[int, ...], tuple[int, ...], int] = ((8, 12), (3, 5), 1),
    widths: tuple[int, ...] = (16, 24),
    hidden: tuple[int, ...] = (32, 64),
    pooled: int = 1,
    name: str = "alexnet-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for a number of outputs.

    Args:
        image: channels, and resolutions to choose from.
        stem: channels, windows and stride of the first convolution.
        widths: channels of the others.
        hidden: widths of the hidden layers.
        pooled: side of the map that the first hidden layer reads.
    """
    activation = choice(ReLU(), SiLU(), GELU(), name="activation")
    response = choice(Identity(), LocalResponseNorm(5, alpha=5e-4, k=2), name="local_response")
    groups = choice(1, 2, name="groups")
    first = Conv(choice(*stem[0]), choice(*stem[1]), stem[2], padding=2)

    def conv(groups: int = 1) -> Block:
        return Conv(choice(*widths), choice(3, 5), groups=groups)

    layer = Sequential(drop=Dropout(0.5), linear=Linear(choice(*hidden)), act=activation)
    network = Sequential(
        stem=Sequential(conv=first, act=activation, response=response, pool=MaxPool(3, 2)),
        second=Sequential(conv=conv(groups), act=activation, response=response, pool=MaxPool(3, 2)),
        third=Sequential(conv=conv(), act=activation),
        more=repeat(Sequential(conv=conv(groups), act=activation), choice(1, 2, 3)),
        pool=Sequential(max=MaxPool(3, 2), adapt=AdaptivePool(pooled), flatten=Flatten()),
        hidden=repeat(layer, choice(1, 2)),
        classify=Linear(outputs),
    )
    inputs = Image(image[0], choice(*image[1], name="resolution"))
    return Space(name, inputs=inputs, network=network, references=references)


space = alexnet(
    1000,
    image=(3, (160, 192, 224)),
    stem=((48, 64, 96, 128), (7, 9, 11), 4),
    widths=(128, 192, 256, 384, 512),
    hidden=(1024, 2048, 4096),
    pooled=6,
    name="alexnet",
    references=REFERENCES,
)
small = alexnet()
