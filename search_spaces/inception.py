"""GoogLeNet: convolutions of several windows side by side.

Generalises GoogLeNet: nine Inception modules on three grids. Of each module the width (over the paper's) and the
larger window are open, and those that no classifier and no pooling wait for may be skipped; for the whole network the
kind of pooling in the modules and the resolution. The two classifiers that stand on the way during training are a
decision, `aux`: `googlenet` is the deployed network, `googlenet_aux` the one that is trained.

Papers: Szegedy et al. (2015), "Going deeper with convolutions", table 1; Ioffe and Szegedy (2015), "Batch
normalization".
Input: images of 3 x 224 x 224 (also 192).
Task: classification into 1,000 classes.
Counts: those of the published code: batch norm in place of local response normalisation, and a 3 x 3 window in the
third branch, where the paper has 5 x 5 (`googlenet_5x5`).
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, Image, Space, choice
from nasengine.blocks import (
    MLP,
    AdaptivePool,
    AuxiliaryHeads,
    BatchNorm,
    ConvNormAct,
    Dropout,
    Flatten,
    GlobalPool,
    Identity,
    InceptionModule,
    Linear,
    MaxPool,
    Sequential,
)
from nasengine.space import Label

NORM = BatchNorm(eps=1e-3)
Row = tuple[int, int, int, int, int, int]
TABLE: dict[str, Row] = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""Table 1 of the paper: 1 × 1, 3 × 3 reduce, 3 × 3, 5 × 5 reduce, 5 × 5, pool projection."""

GOOGLENET: dict[str, Label] = {
    "*.module*": "inception",
    "*.width": 1.0,
    "*.kernel": 3,
    "pooling": "max",
    "resolution": 224,
    "aux": False,
}
REFERENCES: dict[str, dict[str, Label]] = {
    "googlenet": GOOGLENET,
    "googlenet_aux": {**GOOGLENET, "aux": True},
    "googlenet_5x5": {**GOOGLENET, "*.kernel": 5},
}


def scaled(channels: int, scale: float) -> int:
    """Channels times a scale, a multiple of 4."""
    return max(4, 4 * round(channels * scale / 4))


def inception(
    outputs: int = 10,
    *,
    image: tuple[int, tuple[int, ...]] = (1, (24, 32)),
    scale: float = 0.125,
    aux: tuple[bool, ...] = (False,),
    name: str = "inception-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for a number of outputs.

    Args:
        image: channels, and resolutions to choose from; below 64 pixels the first pooling and strides are left out.
        scale: of all channels.
        aux: whether the classifiers for training are there.
    """
    large = min(image[1]) >= 64

    def conv(channels: int, kernel: int, stride: int = 1) -> Block:
        return ConvNormAct(scaled(channels, scale), kernel, stride, norm=NORM)

    def module(key: str, *, skip: bool = False) -> Block:
        point, reduce3, conv3, reduce5, conv5, pooled = (scaled(channels, scale) for channels in TABLE[key])
        kernel, width, pooling = choice(3, 5, 7), choice(0.5, 0.75, 1.0, 1.25), choice("max", "average", name="pooling")
        made = InceptionModule(point, reduce3, conv3, reduce5, conv5, pooled, kernel, width, pooling, NORM)
        return choice(made, Identity(), labels=("inception", "skip")) if skip else made

    def head() -> Block:
        hidden = MLP((scaled(1024, scale),), outputs, dropout=0.7)
        return Sequential(pool=AdaptivePool(4), conv=conv(128, 1), flatten=Flatten(), classify=hidden)

    half = MaxPool(3, 2, ceil=True)
    stem = Sequential(
        first=conv(64, 7 if large else 3, 2 if large else 1),
        pool1=half if large else Identity(),
        reduce=conv(64, 1),
        second=conv(192, 3),
        pool2=half,
    )
    parts = (
        Sequential(
            stem=stem,
            module3a=module("3a", skip=True),
            module3b=module("3b"),
            pool=half,
            module4a=module("4a"),
        ),
        Sequential(**{f"module{key}": module(key, skip=True) for key in ("4b", "4c", "4d")}),
        Sequential(
            module4e=module("4e"),
            pool=MaxPool(2, ceil=True),
            module5a=module("5a", skip=True),
            module5b=module("5b"),
            head=Sequential(pool=GlobalPool(), drop=Dropout(0.2), classify=Linear(outputs)),
        ),
    )
    network = AuxiliaryHeads(parts, (head(), head()), choice(*aux, name="aux"))
    inputs = Image(image[0], choice(*image[1], name="resolution"))
    return Space(name, inputs=inputs, network=network, references=references)


space = inception(1000, image=(3, (192, 224)), scale=1.0, aux=(False, True), name="inception", references=REFERENCES)
small = inception()
