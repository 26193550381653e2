"""Residual networks.

Generalises ResNet: stages of basic blocks or bottlenecks, with norm and activation after each convolution as first
published or before it (pre-activation). Stage by stage the block, its width, depth, window, groups, squeeze-excite and
the way that shortcut and branch meet (a sum, or a highway's gate) are open; for the whole network the stem, the
shortcut that changes the type and the activation. `resnet(drop_path=...)` adds stochastic depth. Names are
torchvision's and timm's: `resnext` has groups, `wide` twice the inner width, `seresnet` squeeze-excite, a final `d` a
stem of three convolutions and pooled shortcuts, `resnetv2` pre-activation.

`cifar` is the same tree for images of 3 x 32 x 32, with the networks of 20 to 110 layers of the first paper
(zero-padded shortcuts, its option A), the 164 and 1,001 layers of the second and Wide ResNets. `highway` holds highway
networks on 1 x 28 x 28.

Papers: He, Zhang, Ren and Sun (2016), "Deep residual learning for image recognition"; the same (2016), "Identity
mappings in deep residual networks"; Srivastava, Greff and Schmidhuber (2015), "Training very deep networks"; Xie et al.
(2017), "Aggregated residual transformations"; Zagoruyko and Komodakis (2016), "Wide residual networks"; Hu et al.
(2018), "Squeeze-and-excitation networks"; He et al. (2019), "Bag of tricks for image classification".
Input: images of 3 x 224 x 224 (also 160 and 192).
Task: classification into 1,000 classes.
Counts: those of the packages. A CIFAR network with n blocks a stage and zero-padded shortcuts has 97,216 n - 21,926
parameters: 18 c² + 4 c a block of width c, 9 c² / 2 less for the first of the stages of 32 and 64, 464 in the first
convolution and norm, 650 in the classifier. Of the 10,327,706 of `preresnet1001`, 10,178,480 are weights, the 10.2 M of
the paper, the rest are in norms. A highway network of ten layers and width w has 10 w in its first layer, 2 (9 w² + w)
in each of the eight that follow, and 90 w + 10 in a classifier that reads 3 x 3 positions: 38,730 and 151,178, the 39 K
and 151 K of the paper's table 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nasengine import Block, Image, Space, choice, repeat
from nasengine.blocks import (
    Add,
    BasicBlock,
    BatchNorm,
    Bottleneck,
    Conv,
    ConvNormAct,
    Flatten,
    GlobalPool,
    Highway,
    HighwayGate,
    Identity,
    Linear,
    MaxPool,
    PreActBasic,
    PreActBottleneck,
    ReLU,
    Sequential,
    SiLU,
    SqueezeExcite,
    Stage,
    Stages,
)
from nasengine.space import Label

DEPTHS = {
    "18": ("basic", (2, 2, 2, 2)),
    "34": ("basic", (3, 4, 6, 3)),
    "50": ("bottleneck", (3, 4, 6, 3)),
    "101": ("bottleneck", (3, 4, 23, 3)),
    "152": ("bottleneck", (3, 8, 36, 3)),
}
"""Block and blocks of each stage (He et al., 2016, table 1)."""
GROUPED = {
    "resnext50_32x4d": ("50", 2, 32),
    "resnext101_32x4d": ("101", 2, 32),
    "resnext101_32x8d": ("101", 1, 32),
    "resnext101_64x4d": ("101", 1, 64),
    "wide_resnet50_2": ("50", 2, 1),
    "wide_resnet101_2": ("101", 2, 1),
}
"""Depth, expansion from inner to outer channels, and groups."""


def published(
    depth: str,
    *,
    order: str = "original",
    expansion: int = 4,
    groups: int = 1,
    attention: str = "none",
    d: bool = False,
) -> dict[str, Label]:
    """Decisions of a network of the papers.

    Args:
        depth: its number of layers, a key of ``DEPTHS``.
        d: with the stem and the shortcuts of ResNet-D.
    """
    unit, depths = DEPTHS[depth]
    found: dict[str, Label] = {}
    for i, times in enumerate(depths):
        found[f"depth{i + 1}"] = times
        found[f"*.stage{i + 1}.*.channels"] = (64 if unit == "basic" else 256) << i
    if unit == "bottleneck":
        found |= {"*.expansion": expansion, "*.groups": groups}
    found |= {"*.block": unit, "attention*": attention, "kernel*": 3, "merge*": "add"}
    found |= {"body": order, "*.convs": "deep" if d else "conv", "width": 64, "activation": "relu", "resolution": 224}
    return {**found, "shortcut": "pool" if d else "projection"}


REFERENCES = (
    {f"resnet{depth}": published(depth) for depth in DEPTHS}
    | {name: published(d, expansion=e, groups=g) for name, (d, e, g) in GROUPED.items()}
    | {f"seresnet{depth}": published(depth, attention="squeeze_excite") for depth in DEPTHS}
    | {
        f"se{name}": published(d, expansion=e, groups=g, attention="squeeze_excite")
        for name, (d, e, g) in GROUPED.items()
        if name in ("resnext50_32x4d", "resnext101_32x8d")
    }
    | {f"resnet{depth}d": published(depth, d=True) for depth in DEPTHS}
    | {f"resnetv2_{depth}": published(depth, order="preactivated") for depth in DEPTHS}
    | {f"resnetv2_{depth}d": published(depth, order="preactivated", d=True) for depth in DEPTHS}
)


def cifar_published(
    unit: str, times: int, *, order: str = "original", wide: int = 1, shortcut: str = "projection"
) -> dict[str, Label]:
    """Decisions of a network for CIFAR-10: ``times`` blocks in each of three stages, ``wide`` times as wide."""
    channels = [(16 if unit == "basic" else 64) * wide << i for i in range(3)]
    found: dict[str, Label] = {f"*.stage{i + 1}.*.channels": c for i, c in enumerate(channels)}
    if unit == "bottleneck":
        found |= {"*.expansion": 4, "*.groups": 1}
    found |= {"depth*": times, "*.block": unit, "attention*": "none", "kernel*": 3, "merge*": "add"}
    found |= {"body": order, "*.convs": "conv", "width": 16, "activation": "relu"}
    return {**found, "shortcut": shortcut}


CIFAR = (
    {f"resnet{6 * n + 2}": cifar_published("basic", n, shortcut="pad") for n in (3, 5, 7, 9, 18)}
    | {f"preresnet{9 * n + 2}": cifar_published("bottleneck", n, order="preactivated") for n in (18, 111)}
    | {
        f"wide_resnet{6 * n + 4}_{k}": cifar_published("basic", n, order="preactivated", wide=k)
        for n, k in ((2, 8), (4, 10), (6, 4))
    }
)


def resnet(
    outputs: int = 10,
    *,
    image: tuple[int, tuple[int, ...]] = (1, (16, 20)),
    large: bool = False,
    stem: tuple[int, ...] = (8, 12),
    widths: tuple[tuple[int, ...], ...] = ((8, 12), (12, 16), (16, 24)),
    wide: tuple[tuple[int, ...], ...] = ((16, 24), (24, 32), (32, 48)),
    depths: tuple[tuple[int, ...], ...] = ((1, 2), (1, 2), (1, 2)),
    expansions: tuple[int, ...] = (2, 4),
    groups: tuple[int, ...] = (1, 2),
    shortcuts: tuple[str, ...] = ("projection", "pool", "pad"),
    drop_path: float = 0.0,
    name: str = "resnet-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for a number of outputs.

    Args:
        image: channels, and resolutions to choose from.
        large: the stem begins with a stride of 2, with a window of 7 or three of 3, and pools; off, neither.
        stem: its channels, options.
        widths, wide: output channels of basic blocks and of bottlenecks, options for each stage; the latter are
            multiples of the product of the largest expansion and each of ``groups``.
        depths: blocks of each stage, options.
        expansions, groups: of bottlenecks, options.
        shortcuts: kinds of :class:`Shortcut`, options.
        drop_path: as of :class:`Stages`.
    """
    activation, shortcut = choice(ReLU(), SiLU(), name="activation"), choice(*shortcuts, name="shortcut")

    def stage(i: int, basic: type[BasicBlock | PreActBasic], bottleneck: type[Bottleneck | PreActBottleneck]) -> Block:
        squeeze = SqueezeExcite(1 / 16, divisor=8)
        shared: dict[str, Any] = {
            "activation": activation,
            "attention": choice(Identity(), squeeze, labels=("none", "squeeze_excite"), name=f"attention{i + 1}"),
            "kernel": choice(3, 5, name=f"kernel{i + 1}"),
            "shortcut": shortcut,
            "merge": choice(Add(), HighwayGate(1), name=f"merge{i + 1}"),
        }
        narrow = basic(choice(*widths[i]), **shared)
        deep = bottleneck(choice(*wide[i]), 1, choice(*expansions), choice(*groups), **shared)
        unit = choice(narrow, deep, labels=("basic", "bottleneck"))
        return Stage(unit, choice(*depths[i], name=f"depth{i + 1}"), 2 if i else 1)

    def body(order: str) -> Block:
        kinds = (BasicBlock, Bottleneck) if order == "original" else (PreActBasic, PreActBottleneck)
        stages: dict[str, Any] = {f"stage{i + 1}": stage(i, *kinds) for i in range(len(depths))}
        last: dict[str, Any] = {} if order == "original" else {"last": Sequential(norm=BatchNorm(), act=activation)}
        first = stem_of(order, choice(*stem, name="width"), activation, large=large)
        return Stages(stem=first, **stages, **last, drop_path=drop_path)

    network = Sequential(
        body=choice(body("original"), body("preactivated"), labels=("original", "preactivated")),
        head=Sequential(pool=GlobalPool(), classify=Linear(outputs)),
    )
    inputs = Image(image[0], choice(*image[1], name="resolution"))
    return Space(name, inputs=inputs, network=network, references=references)


def stem_of(order: str, width: int, activation: Block, *, large: bool) -> Block:
    """One convolution, or three of a window of 3; with pre-activation the last has neither norm nor activation."""

    def last(kernel: int, stride: int) -> Block:
        if order == "preactivated":
            return Conv(width, kernel, stride, bias=False)
        return ConvNormAct(width, kernel, stride, activation=activation)

    two = (ConvNormAct(32, 3, 2 if large else 1, activation=activation), ConvNormAct(32, 3, activation=activation))
    conv = last(7, 2) if large else last(3, 1)
    made = choice(Sequential(conv=conv), Sequential(*two, conv=last(3, 1)), labels=("conv", "deep"))
    return Sequential(convs=made, pool=MaxPool(3, 2, 1) if large else Identity())


def highway_space(outputs: int = 10, *, name: str = "highway") -> Space:
    """Highway networks on images of 1 x 28 x 28: a convolution, then highway layers, pooled after each third."""
    width = choice(8, 16, 32, name="width")
    activation = choice(ReLU(), SiLU(), name="activation")

    def stage() -> Block:
        layer = Highway(Sequential(conv=Conv(width, choice(3, 5)), act=activation), HighwayGate(choice(1, 3)))
        return Sequential(layers=repeat(layer, choice(1, 2, 3, 5)), pool=MaxPool(2))

    network = Sequential(
        first=Sequential(conv=Conv(width, 3), act=activation),
        **{f"stage{i}": stage() for i in (1, 2, 3)},
        head=Sequential(flatten=Flatten(), classify=Linear(outputs)),
    )
    layers: dict[str, Label] = {"stage1.layers.times": 2, "stage2.layers.times": 3, "stage3.layers.times": 3}
    kernels: dict[str, Label] = {"*.kernel": 3, "activation": "relu"}
    references = {f"highway10_{w}": {**layers, **kernels, "width": w} for w in (16, 32)}
    return Space(name, inputs=Image(1, 28), network=network, references=references)


space = resnet(
    1000,
    image=(3, (160, 192, 224)),
    large=True,
    stem=(32, 64, 96),
    widths=((48, 64), (96, 128), (192, 256, 384), (384, 512)),
    wide=((256, 512), (512, 768), (768, 1024), (1536, 2048)),
    depths=((2, 3, 4), (2, 3, 4, 6, 8), (2, 4, 6, 9, 12, 23, 36), (2, 3, 4)),
    expansions=(1, 2, 4),
    groups=(1, 32, 64),
    shortcuts=("projection", "pool"),
    name="resnet",
    references=REFERENCES,
)
cifar = resnet(
    image=(3, (32,)),
    stem=(16, 32),
    widths=((16, 64, 128, 160), (32, 128, 256, 320), (64, 256, 512, 640)),
    wide=((64, 128), (128, 256), (256, 512)),
    depths=((2, 3, 4, 5, 6, 7, 9, 18, 111),) * 3,
    expansions=(2, 4),
    groups=(1, 8),
    shortcuts=("projection", "pad"),
    name="resnet-cifar",
    references=CIFAR,
)
highway = highway_space()
small = resnet()
