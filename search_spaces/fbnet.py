"""FBNet: 22 layers, each one of nine operations.

Generalises FBNet: the widths and strides of seven stages are fixed, each of their 22 layers is one of eight blocks
(window 3 or 5; expansion 1, 3 or 6; at expansion 1 also with two groups) or is left out. Where a left-out layer would
change the size or the channels, a 1 x 1 convolution stands in. `space` is ImageNet's, its stem's and last layer's width
and resolution open too; `cifar`, in the same module, is the fixed variant for CIFAR-100 that HW-NAS-Bench measures and
that public tables of latencies list (`decisions` reads their rows).

Papers: Wu et al. (2019), "FBNet: hardware-aware efficient ConvNet design via differentiable neural architecture
search", tables 1 and 2, fig. 4; Li et al. (2021), "HW-NAS-Bench".
Input: images of 3 x 224 x 224 (also 192 and 160); of 3 x 32 x 32 in `cifar`.
Task: classification into 1,000 classes; into 100 in `cifar`.
Counts: every network of the public table of 5,000 has here the parameters that it lists (`zc_params`). Its `zc_flops`
are our multiply-accumulates plus 2 for each number that leaves a norm, and 1 for each that leaves an activation or
enters the final pooling; of a block's two activations it counts the second, because both are one module.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, Image, Space, choice
from nasengine.blocks import (
    ConvNormAct,
    FBNetBlock,
    GlobalPool,
    Identity,
    Linear,
    Sequential,
)
from nasengine.errors import SpaceError
from nasengine.space import Label

Stage = tuple[int, int, int]
STAGES: tuple[Stage, ...] = ((16, 1, 1), (24, 4, 2), (32, 4, 2), (64, 4, 2), (112, 4, 1), (184, 4, 2), (352, 1, 1))
"""(channels, layers, stride of the first) of each stage (table 1)."""
CIFAR_STAGES = tuple((c, n, 1 if c == 24 else s) for c, n, s in STAGES)

FORMS: dict[str, tuple[int, int, int]] = {
    "k3_e1": (3, 1, 1),
    "k3_e1_g2": (3, 1, 2),
    "k3_e3": (3, 3, 1),
    "k3_e6": (3, 6, 1),
    "k5_e1": (5, 1, 1),
    "k5_e1_g2": (5, 1, 2),
    "k5_e3": (5, 3, 1),
    "k5_e6": (5, 6, 1),
}
"""(window, expansion, groups) of each operation (table 2) in the order of public tables; ``skip`` is the ninth."""
LABELS = (*FORMS, "skip")


def decisions(ops: str) -> dict[str, str]:
    """Decisions of a row of a public table: numbers ``"7_8_1_..."`` or names ``"k5_e6|skip|k3_e1_g2|..."``.

    Raises:
        SpaceError: not such a row.
    """
    parts = ops.split("|") if "|" in ops else ops.split("_")
    names = [LABELS[int(p)] if p.isdigit() and int(p) < len(LABELS) else p for p in parts]
    if len(names) != 22 or not set(names) <= set(LABELS):
        raise SpaceError(f"{ops!r}: a row names 22 operations, by number from 0 to 8 or by name: {', '.join(LABELS)}")
    return {f"layer{i}": name for i, name in enumerate(names)}


def layer(before: int, channels: int, stride: int) -> Block:
    """One layer, open."""
    blocks: list[Block] = [FBNetBlock(channels, k, stride, e, g) for k, e, g in FORMS.values()]
    kept = before == channels and stride == 1
    blocks.append(Identity() if kept else ConvNormAct(channels, 1, stride))
    return choice(*blocks, labels=LABELS)


def any_of(options: tuple[int, ...], name: str) -> int:
    """A choice; no decision where there is one option."""
    return choice(*options, name=name) if len(options) > 1 else options[0]


def fbnet(
    outputs: int = 10,
    *,
    sizes: tuple[int, ...] = (16, 24),
    stages: tuple[Stage, ...] = ((8, 2, 1), (12, 2, 2), (16, 2, 2)),
    stem: tuple[int, int] = (8, 1),
    last: tuple[int, ...] = (32, 48),
    name: str = "fbnet-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for a number of outputs.

    Args:
        sizes: sides of the images to choose from.
        stages: as :data:`STAGES`.
        stem: channels and stride of the first convolution.
        last: widths of the last convolution to choose from.
    """
    layers: dict[str, Block] = {}
    channels = stem[0]
    for width, count, stride in stages:
        for i in range(count):
            layers[f"layer{len(layers)}"] = layer(channels, width, stride if i == 0 else 1)
            channels = width
    network = Sequential(
        stem=ConvNormAct(stem[0], 3, stem[1]),
        **layers,
        last=ConvNormAct(any_of(last, "last_channels"), 1),
        head=Sequential(pool=GlobalPool(), classify=Linear(outputs)),
    )
    return Space(name, inputs=Image(3, any_of(sizes, "resolution")), network=network, references=references)


FBNET_C = (
    "k3_e1|k3_e6|skip|k3_e1|k3_e1|k5_e6|k5_e3|k5_e6|k3_e6|k5_e6|k5_e3|"
    "k5_e6|k5_e6|k5_e6|k5_e6|k5_e6|k5_e3|k5_e6|k5_e6|k5_e6|k5_e6|k3_e6"
)
space = fbnet(
    1000,
    sizes=(160, 192, 224),
    stages=STAGES,
    stem=(16, 2),
    last=(1504, 1984),
    name="fbnet",
    references={"fbnet_c": {**decisions(FBNET_C), "last_channels": 1984, "resolution": 224}},
)
cifar = fbnet(
    100,
    sizes=(32,),
    stages=CIFAR_STAGES,
    stem=(16, 1),
    last=(1504,),
    name="fbnet-cifar",
    references={
        "all_k3_e1": dict.fromkeys((f"layer{i}" for i in range(22)), "k3_e1"),
        "all_k5_e6": dict.fromkeys((f"layer{i}" for i in range(22)), "k5_e6"),
        "all_skip": dict.fromkeys((f"layer{i}" for i in range(22)), "skip"),
    },
)
small = fbnet()
