"""NAS-Bench-Macro: eight layers, each one of three operations, all 6,561 members.

A network of inverted residuals for small images whose layers are chosen one by one: nothing, an inverted residual of
window 3 and expansion 3, or one of window 5 and expansion 6. Around it all is fixed: the stem's 32 channels double on
entering each of three stages of two, three and three layers, which halves the resolution. A layer of "identity" that
enters a stage is a 1 x 1 convolution with a norm. `best` has the highest mean accuracy in the published table, 93.13 %.

Papers: Su et al. (2021), "Prioritized architecture sampling with Monte-Carlo tree search", section 4.1.
Input: images of 3 x 32 x 32.
Task: classification into 10 classes (CIFAR-10).
Counts: the published `params` and `flops` of all 6,561 rows, where a published FLOP is our multiply-accumulate.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, Image, Space, choice
from nasengine.blocks import ConvNorm, ConvNormAct, GlobalPool, Identity, InvertedResidual, Linear, ReLU, Sequential
from nasengine.errors import SpaceError
from nasengine.space import Label

LABELS = ("identity", "mb3_k3", "mb6_k5")
"""The operations, in the order of the published numbers 0, 1 and 2."""


def decisions(arch: str) -> dict[str, str]:
    """Decisions of a published string such as ``"02012100"``.

    Raises:
        SpaceError: not such a string.
    """
    if len(arch) != 8 or not set(arch) <= set("012"):
        raise SpaceError(f"{arch!r}: a network is written as eight digits 0, 1 or 2, one a layer")
    return {f"layer{i}": LABELS[int(digit)] for i, digit in enumerate(arch)}


def layer(channels: int, *, enters: bool) -> Block:
    """One layer, open; ``enters`` a stage: it halves the resolution."""
    stride = 2 if enters else 1
    first = ConvNorm(channels, 1, stride) if enters else Identity()
    small = InvertedResidual(channels, 3, 3, stride, activation=ReLU())
    large = InvertedResidual(channels, 5, 6, stride, activation=ReLU())
    return choice(first, small, large, labels=LABELS)


def nasbench_macro(
    outputs: int = 10,
    *,
    size: int = 16,
    channels: int = 4,
    stages: tuple[int, ...] = (1, 2, 2),
    last: int = 32,
    name: str = "nasbench-macro-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for a number of outputs: channels of the stem, layers of each stage, width of the last convolution."""
    layers: dict[str, Block] = {}
    for stage, count in enumerate(stages):
        for i in range(count):
            layers[f"layer{len(layers)}"] = layer(channels * 2 ** (stage + 1), enters=i == 0)
    network = Sequential(
        stem=ConvNormAct(channels, 3),
        **layers,
        last=ConvNormAct(last, 1),
        head=Sequential(pool=GlobalPool(), classify=Linear(outputs)),
    )
    return Space(name, inputs=Image(3, size), network=network, references=references)


REFERENCES: dict[str, dict[str, Label]] = {
    "all_identity": {**decisions("00000000")},
    "all_mb3_k3": {**decisions("11111111")},
    "all_mb6_k5": {**decisions("22222222")},
    "best": {**decisions("22212220")},
}
space = nasbench_macro(size=32, channels=32, stages=(2, 3, 3), last=1280, name="nasbench-macro", references=REFERENCES)
small = nasbench_macro()
