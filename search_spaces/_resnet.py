"""An open ResNet backbone, shared by the spaces of segmentation and detection."""

from __future__ import annotations

from collections.abc import Sequence

from nasengine import Block, choice
from nasengine.blocks import (
    BasicBlock,
    BatchNorm,
    Bottleneck,
    ConvNormAct,
    FrozenBatchNorm,
    GroupNorm,
    Identity,
    MaxPool,
    ReLU,
    ResNetBackbone,
    Sequential,
    SiLU,
    SqueezeExcite,
)
from nasengine.space.spec import Label

DEPTHS = ((2, 3, 4), (2, 3, 4, 6, 8), (2, 4, 6, 9, 12, 23, 36), (2, 3, 4))
"""Blocks of each stage, as options: ResNet-18 to ResNet-152 are among them."""
SIZES: dict[str, tuple[str, tuple[int, ...]]] = {
    "resnet18": ("basic", (2, 2, 2, 2)),
    "resnet34": ("basic", (3, 4, 6, 3)),
    "resnet50": ("bottleneck", (3, 4, 6, 3)),
    "resnet101": ("bottleneck", (3, 4, 23, 3)),
    "resnet152": ("bottleneck", (3, 8, 36, 3)),
}
"""Kind of block and blocks of each stage (He et al., 2016, table 1)."""
VARIANTS: dict[str, tuple[str, str, int]] = {
    "wide_resnet50_2": ("resnet50", "bottleneck", 2),
    "resnext50_32x4d": ("resnet50", "grouped", 2),
    "resnext101_32x8d": ("resnet101", "grouped", 1),
}
"""The ResNet it is made from, kind of block, expansion from inner to outer channels."""


def backbone(
    *,
    taps: tuple[int, ...],
    dilated: int = 0,
    depths: Sequence[Sequence[int]] = DEPTHS,
    widths: Sequence[int] = (32, 64, 96),
    kernels: Sequence[int] = (3, 5),
    groups: int = 32,
    grouped: Sequence[int] = (1, 2, 4),
    norm_groups: int = 32,
    large: bool = True,
) -> Block:
    """ResNet of basic blocks, bottlenecks or grouped ones, open in all but its shape.

    Args:
        taps, dilated: as of :class:`ResNetBackbone`.
        depths, widths, kernels: options; a bottleneck's channels are four times the width.
        groups, grouped: of grouped bottlenecks (ResNeXt): their number, which divides every width; expansions, options.
        norm_groups: of group norm; it divides every width.
        large: the stem halves the image twice; off, once.
    """
    norm = choice(BatchNorm(), FrozenBatchNorm(), GroupNorm(norm_groups), name="norm")
    activation = choice(ReLU(), SiLU(), name="activation")
    squeeze = SqueezeExcite(1 / 16)
    attention = choice(Identity(), squeeze, labels=("none", "squeeze_excite"), name="attention")
    ends = (norm, activation, attention)

    def bottleneck(expansions: Sequence[int], parts: int) -> Block:
        channels = choice(*(4 * w for w in widths))
        return Bottleneck(channels, 1, choice(*expansions), parts, 1, *ends, kernel=choice(*kernels))

    unit = choice(
        BasicBlock(choice(*widths), 1, *ends, kernel=choice(*kernels)),
        bottleneck((2, 4), 1),
        bottleneck(grouped, groups),
        labels=("basic", "bottleneck", "grouped"),
    )

    def conv(kernel: int, stride: int) -> Block:
        return ConvNormAct(choice(*widths), kernel, stride, norm=norm, activation=activation)

    pool = {"pool": MaxPool(3, 2, 1)} if large else {}
    stem = choice(
        Sequential(conv=conv(7, 2), **pool),
        Sequential(conv=conv(3, 2), second=conv(3, 1), **pool),
        labels=("one_conv", "two_convs"),
    )
    depth = tuple(choice(*options) for options in depths)
    return ResNetBackbone(depth, unit, taps, dilated, stem)


def resnet_decisions(name: str, norm: str = "batch_norm") -> dict[str, Label]:
    """Decisions of a published ResNet, Wide ResNet or ResNeXt."""
    base, unit, expansion = VARIANTS.get(name) or (name, SIZES[name][0], 4)
    found: dict[str, Label] = {f"backbone.depths.{i}": depth for i, depth in enumerate(SIZES[base][1])}
    found |= {"backbone.unit": unit, "backbone.unit.*.kernel": 3}
    found |= {"backbone.stem": "one_conv", "backbone.stem.*.channels": 64}
    found |= {"norm": norm, "activation": "relu", "attention": "none"}
    if unit == "basic":
        return found | {"backbone.unit.*.channels": 64}
    return found | {"backbone.unit.*.channels": 256, "backbone.unit.*.expansion": expansion}
