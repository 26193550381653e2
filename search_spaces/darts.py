"""DARTS: normal and reduction cells of four nodes, two operations a node.

Generalises the networks that DARTS and its successors publish as "genotypes": a normal and a reduction cell, each node
of which adds two of seven operations on two different earlier values; the network stacks the cells around them. The
cells are searched, and so are the number of cells, the width, the auxiliary classifier and the drop path. `space` is
CIFAR-10's; `imagenet`, in the same module, the mobile setting of ImageNet with its stem of three strided convolutions.
References end in the size of their cells where the authors searched several.

Papers: Liu, Simonyan and Yang (2019), "DARTS: differentiable architecture search"; Zoph et al. (2018), "Learning
transferable architectures"; Dong and Yang (2019), "Searching for a robust neural architecture in four GPU hours"
(GDAS); Chen et al. (2019), "Progressive differentiable architecture search" (P-DARTS); Xu et al. (2020), "PC-DARTS".
Input: images of 3 x 32 x 32; of 3 x 224 x 224 in `imagenet`.
Task: classification into 10 classes; into 1,000 in `imagenet`.
Counts: those of the published code without the auxiliary classifier: affine batch norms after every convolution, none
after a pooling. `darts_v2` has 3,349,342, published as 3.3 M; `darts_v2_aux` is the network that is trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from nasengine import Block, Image, Space, choice
from nasengine.blocks import (
    AvgPool,
    BatchNorm,
    CellNetwork,
    Conv,
    ConvNormAct,
    Flatten,
    GlobalPool,
    Identity,
    Linear,
    MaxPool,
    PairCell,
    ReLU,
    SeparableStack,
    Sequential,
    SkipConnect,
)
from nasengine.space import Label

OPERATIONS: dict[str, Block] = {
    "max_pool_3x3": MaxPool(3, 1, 1),
    "avg_pool_3x3": AvgPool(3, 1, 1, count_padding=False),
    "skip_connect": SkipConnect(),
    "sep_conv_3x3": SeparableStack(3),
    "sep_conv_5x5": SeparableStack(5),
    "dil_conv_3x3": SeparableStack(3, dilation=2, depth=1),
    "dil_conv_5x5": SeparableStack(5, dilation=2, depth=1),
}
"""The published operations but ``none``, which no genotype holds; their names are the labels of decisions."""

Genotype = tuple[str, str]
GENOTYPES: dict[str, Genotype] = {
    "darts_v1": (
        "sep_conv_3x3~1 sep_conv_3x3~0 skip_connect~0 sep_conv_3x3~1 "
        "skip_connect~0 sep_conv_3x3~1 sep_conv_3x3~0 skip_connect~2",
        "max_pool_3x3~0 max_pool_3x3~1 skip_connect~2 max_pool_3x3~0 "
        "max_pool_3x3~0 skip_connect~2 skip_connect~2 avg_pool_3x3~0",
    ),
    "darts_v2": (
        "sep_conv_3x3~0 sep_conv_3x3~1 sep_conv_3x3~0 sep_conv_3x3~1 "
        "sep_conv_3x3~1 skip_connect~0 skip_connect~0 dil_conv_3x3~2",
        "max_pool_3x3~0 max_pool_3x3~1 skip_connect~2 max_pool_3x3~1 "
        "max_pool_3x3~0 skip_connect~2 skip_connect~2 max_pool_3x3~1",
    ),
    "gdas_v1": (
        "skip_connect~0 skip_connect~1 skip_connect~0 sep_conv_5x5~2 "
        "sep_conv_3x3~3 skip_connect~0 sep_conv_5x5~4 sep_conv_3x3~3",
        "sep_conv_5x5~0 sep_conv_3x3~1 sep_conv_5x5~2 sep_conv_5x5~1 "
        "dil_conv_5x5~2 sep_conv_3x3~1 sep_conv_5x5~0 sep_conv_5x5~1",
    ),
    "p_darts": (
        "skip_connect~0 dil_conv_3x3~1 skip_connect~0 sep_conv_3x3~1 "
        "sep_conv_3x3~1 sep_conv_3x3~3 sep_conv_3x3~0 dil_conv_5x5~4",
        "avg_pool_3x3~0 sep_conv_5x5~1 sep_conv_3x3~0 dil_conv_5x5~2 "
        "max_pool_3x3~0 dil_conv_3x3~1 dil_conv_3x3~1 dil_conv_5x5~3",
    ),
    "pc_darts_cifar": (
        "sep_conv_3x3~1 skip_connect~0 sep_conv_3x3~0 dil_conv_3x3~1 "
        "sep_conv_5x5~0 sep_conv_3x3~1 avg_pool_3x3~0 dil_conv_3x3~1",
        "sep_conv_5x5~1 max_pool_3x3~0 sep_conv_5x5~1 sep_conv_5x5~2 "
        "sep_conv_3x3~0 sep_conv_3x3~3 sep_conv_3x3~1 sep_conv_3x3~2",
    ),
    "pc_darts_imagenet": (
        "skip_connect~1 sep_conv_3x3~0 sep_conv_3x3~0 skip_connect~1 "
        "sep_conv_3x3~1 sep_conv_3x3~3 sep_conv_3x3~1 dil_conv_5x5~4",
        "sep_conv_3x3~0 skip_connect~1 dil_conv_5x5~2 max_pool_3x3~1 "
        "sep_conv_3x3~2 sep_conv_3x3~1 sep_conv_5x5~0 sep_conv_3x3~3",
    ),
}
"""Published cells, normal and reduction: for each node two times operation~source."""


def decisions(genotype: Genotype) -> dict[str, Label]:
    """Decisions of both cells of a genotype."""
    found: dict[str, Label] = {}
    for cell, text in zip(("normal", "reduction"), genotype, strict=True):
        items = [tuple(item.split("~")) for item in text.split()]
        for node, pair in enumerate(zip(items[::2], items[1::2], strict=True)):
            (first, a), (second, b) = sorted(pair, key=lambda item: item[1])  # a sum has no order
            found[f"{cell}.sources.{node}"] = f"{a}, {b}"
            found |= {f"{cell}.node{node}.first": first, f"{cell}.node{node}.second": second}
    return found


CIFAR: dict[str, Label] = {"cells": 20, "channels": 36, "aux": False, "drop_path": 0.2}
MOBILE: dict[str, Label] = {"cells": 14, "channels": 48, "aux": False, "drop_path": 0.0}
REFERENCES = {
    name: {**decisions(GENOTYPES[name]), **CIFAR}
    for name in ("darts_v1", "darts_v2", "gdas_v1", "p_darts", "pc_darts_cifar")
} | {"darts_v2_aux": {**decisions(GENOTYPES["darts_v2"]), **CIFAR, "aux": True}}
IMAGENET = {
    "darts_v2_imagenet": {**decisions(GENOTYPES["darts_v2"]), **MOBILE},
    "p_darts_imagenet": {**decisions(GENOTYPES["p_darts"]), **MOBILE},
    "pc_darts_imagenet": {**decisions(GENOTYPES["pc_darts_imagenet"]), **MOBILE},
    "pc_darts_imagenet_aux": {**decisions(GENOTYPES["pc_darts_imagenet"]), **MOBILE, "aux": True},
}


def cell(stride: int, drop_path: float, nodes: int = 4) -> Block:
    """A cell, all of it open."""
    pairs = [tuple(combinations(range(node + 2), 2)) for node in range(nodes)]
    sources = tuple(choice(*options, labels=[f"{a}, {b}" for a, b in options]) for options in pairs)
    operations = tuple(choice(*OPERATIONS.values(), labels=tuple(OPERATIONS)) for _ in range(2 * nodes))
    return PairCell(operations, sources, stride, drop_path=drop_path)


def aux_head(outputs: int, *, stride: int, norm: Block) -> Block:
    """The classifier for training (Liu et al., 2019, section 3.2): on an 8 × 8 or 7 × 7 map pooled to 2 × 2."""
    return Sequential(
        act=ReLU(),
        pool=AvgPool(5, stride, count_padding=False),
        project=ConvNormAct(128, 1),
        conv=Conv(768, 2, bias=False),
        norm=norm,
        last=ReLU(),
        flatten=Flatten(),
        classify=Linear(outputs),
    )


def darts(
    outputs: int = 10,
    *,
    size: int = 16,
    stem: str = "single",
    channels: tuple[int, ...] = (4, 6, 8),
    cells: tuple[int, ...] = (3, 4, 5),
    aux: Block | None = None,
    name: str = "darts-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for a number of outputs.

    Args:
        size: side of the images.
        stem: as of :class:`CellNetwork`.
        channels, cells: widths and lengths to choose from.
        aux: the classifier for training; None leaves it out.
    """
    drop_path = choice(0.0, 0.1, 0.2, 0.3, name="drop_path")
    network = CellNetwork(
        normal=cell(1, drop_path),
        reduction=cell(2, drop_path),
        head=Sequential(pool=GlobalPool(), classify=Linear(outputs)),
        stem=stem,
        cells=choice(*cells),
        channels=choice(*channels),
        aux_head=aux or Identity(),
        aux=choice(False, True) if aux else False,
    )
    return Space(name, inputs=Image(3, size), network=network, references=references)


space = darts(
    size=32,
    channels=(16, 24, 36, 48),
    cells=(8, 11, 14, 17, 20),
    aux=aux_head(10, stride=3, norm=BatchNorm()),
    name="darts",
    references=REFERENCES,
)
imagenet = darts(
    1000,
    size=224,
    stem="strided",
    channels=(32, 40, 48, 56),
    cells=(8, 11, 14, 17),
    aux=aux_head(1000, stride=2, norm=Identity()),
    name="darts-imagenet",
    references=IMAGENET,
)
small = darts()
