"""Inception v3: factorised windows side by side.

Generalises Inception v3: modules of stacked 3 x 3 windows, then of 1 x n and n x 1, then of both side by side, on
three grids with pooling beside strided convolutions between them. Open are the number of modules on each grid, and of
each module its width (over the paper's) and its window; the resolution for the whole network. The classifier that
stands on the way during training is a decision, `aux`: `inception_v3` is the deployed network, `inception_v3_aux` the
one that is trained.

Papers: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna (2016), "Rethinking the Inception architecture for computer
vision", table 1.
Input: images of 3 x 299 x 299 (also 331).
Task: classification into 1,000 classes.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, Image, Space, choice, repeat
from nasengine.blocks import (
    AuxiliaryHeads,
    AvgPool,
    BatchNorm,
    ConvNormAct,
    Dropout,
    GlobalPool,
    InceptionExpanded,
    InceptionFactorised,
    InceptionReduction,
    InceptionStacked,
    Linear,
    MaxPool,
    Sequential,
)
from nasengine.space import Label

NORM = BatchNorm(eps=1e-3)
INCEPTION_V3: dict[str, Label] = {
    "resolution": 299,
    "aux": False,
    "*.width": 1.0,
    "*.stacked.times": 3,
    "*.stacked.*.kernel": 5,
    "*.stacked.*.pool": 64,
    "parts.0.stacked.blocks.0.pool": 32,
    "*.factorised.times": 4,
    "*.factorised.*.kernel": 7,
    "*.factorised.*.inner": 160,
    "parts.0.factorised.blocks.0.inner": 128,
    "parts.0.factorised.blocks.3.inner": 192,
    "*.reduce.kernel": 7,
    "*.expanded.times": 2,
    "*.expanded.*.kernel": 3,
}
REFERENCES: dict[str, dict[str, Label]] = {
    "inception_v3": INCEPTION_V3,
    "inception_v3_aux": {**INCEPTION_V3, "aux": True},
}


def inception_v3(
    outputs: int = 10,
    *,
    image: tuple[int, tuple[int, ...]] = (1, (24, 32)),
    scale: float = 0.0625,
    depths: tuple[tuple[int, ...], ...] = ((1, 2), (0, 1, 2), (0, 1)),
    aux: tuple[bool, ...] = (False,),
    name: str = "inception-v3-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for a number of outputs.

    Args:
        image: channels, and resolutions to choose from; below 64 pixels the stem keeps the resolution.
        scale: of all channels.
        depths: numbers of modules to choose from, a grid each.
        aux: whether the classifier for training is there.
    """
    large = min(image[1]) >= 64

    def c(channels: int) -> int:
        return max(2, round(channels * scale))

    def width() -> float:
        return choice(0.5, 0.75, 1.0, 1.25)

    def conv(channels: int, kernel: int, stride: int = 1, padding: int = 0) -> Block:
        return ConvNormAct(c(channels), kernel, stride, padding, norm=NORM)

    stem = Sequential(
        conv(32, 3, 2), conv(32, 3), conv(64, 3, padding=1), MaxPool(3, 2), conv(80, 1), conv(192, 3), MaxPool(3, 2)
    )
    stacked = InceptionStacked(choice(c(32), c(64)), c(64), c(48), c(64), c(64), c(96), choice(3, 5, 7), width(), NORM)
    factorised = InceptionFactorised(choice(c(128), c(160), c(192)), c(192), choice(3, 5, 7), width(), NORM)
    expanded = InceptionExpanded(c(320), c(448), c(384), c(192), choice(3, 5), width(), NORM)
    head = Sequential(
        pool=AvgPool(5, 3), reduce=conv(128, 1), conv=conv(768, 5), mean=GlobalPool(), classify=Linear(outputs)
    )
    first = Sequential(
        stem=stem if large else conv(64, 3, padding=1),
        stacked=repeat(stacked, choice(*depths[0])),
        reduce=InceptionReduction(c(384), c(96), inner=c(64), kernel=3, width=width(), norm=NORM),
        factorised=repeat(factorised, choice(*depths[1])),
    )
    last = Sequential(
        reduce=InceptionReduction(c(320), c(192), c(192), c(192), choice(3, 5, 7), width(), NORM),
        expanded=repeat(expanded, choice(*depths[2])),
        head=Sequential(pool=GlobalPool(), drop=Dropout(0.5), classify=Linear(outputs)),
    )
    network = AuxiliaryHeads((first, last), (head,), choice(*aux, name="aux"))
    inputs = Image(image[0], choice(*image[1], name="resolution"))
    return Space(name, inputs=inputs, network=network, references=references)


space = inception_v3(
    1000,
    image=(3, (299, 331)),
    scale=1.0,
    depths=((1, 2, 3, 4), (2, 3, 4, 5, 6), (1, 2, 3)),
    aux=(False, True),
    name="inception_v3",
    references=REFERENCES,
)
small = inception_v3()
