"""A grammar of residual networks: blocks made of blocks, made of blocks.

Generalises hierarchical architecture spaces: a stage's body is an expression, and an expression is an operation, or two
or three smaller expressions in a row, or a shortcut around one, or two side by side. Its depth is bounded, so the space
is finite, but it is far larger than what can be listed. Three stages of 16, 32 and 64 channels follow a stem; between
them a block halves the resolution. All expressions keep size and channels, so every sentence of the grammar is a
network. The residual networks of He et al. for CIFAR-10 are short sentences of it (`resnet20` says: three times a
shortcut around two convolutions), and so are their plain counterparts (`plain20`).

Papers: Liu et al. (2018), "Hierarchical representations for efficient architecture search"; Schrodi et al. (2023),
"Construction of hierarchical neural architecture search spaces based on context-free grammars"; He et al. (2016), "Deep
residual learning for image recognition", section 4.2.
Input: images of 3 x 32 x 32.
Task: classification into 10 classes.
Counts: derived. A k x k convolution from m to n channels with its norm has n (k^2 m + 2) parameters. A basic block of
n channels has 2 n (9 n + 2); one that enters a stage 2 n (7 n + 3), its projecting shortcut included. With n = 16, 32,
64, a stem of 464 and a classifier of 650, `resnet20` has 3 * 4,672 + 14,528 + 2 * 18,560 + 57,728 + 2 * 73,984 + 1,114
= 272,474. `plain20` has no shortcuts to project, 2,752 fewer: 269,722.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, Image, Space, choice
from nasengine.blocks import (
    AvgPool,
    BasicBlock,
    Branches,
    ConvNorm,
    ConvNormAct,
    GlobalPool,
    Identity,
    Linear,
    MaxPool,
    ReLU,
    Residual,
    SeparableConv,
    Sequential,
    SqueezeExcite,
)
from nasengine.space import Label, lazy

Expression = str | tuple["str | Expression", ...]
"""A sentence: an operation's label, or a form's label and its parts."""


def operation(channels: int) -> Block:
    """What an expression is made of in the end; all keep size and channels."""
    options: dict[str, Block] = {
        "conv_3x3_act": ConvNormAct(channels, 3),
        "conv_3x3": ConvNorm(channels, 3),
        "conv_1x1_act": ConvNormAct(channels, 1),
        "sep_conv_3x3_act": SeparableConv(channels, 3),
        "sep_conv_5x5_act": SeparableConv(channels, 5),
        "squeeze_excite": SqueezeExcite(),
        "max_pool_3x3": MaxPool(3, 1, 1),
        "avg_pool_3x3": AvgPool(3, 1, 1, count_padding=False),
        "skip": Identity(),
    }
    return choice(*options.values(), labels=tuple(options))


def expression(depth: int, channels: int) -> Block:
    """An operation, or a form of smaller expressions where ``depth`` allows it."""
    if depth == 0:
        return operation(channels)
    part = [lazy(expression, depth - 1, channels) for _ in range(3)]
    forms: dict[str, Block] = {
        "operation": operation(channels),
        "row2": Sequential(*part[:2]),
        "row3": Sequential(*part),
        "shortcut": Residual(part[0], activation=ReLU()),
        "sum": Branches(*part[:2], merge="add"),
    }
    return choice(*forms.values(), labels=tuple(forms))


def down(channels: int) -> Block:
    """What enters a stage: it halves the resolution and sets the channels."""
    options = {
        "basic_block": BasicBlock(channels, 2),
        "conv": ConvNormAct(channels, 3, 2),
        "pool": Sequential(pool=MaxPool(2), project=ConvNormAct(channels, 1)),
    }
    return choice(*options.values(), labels=tuple(options))


def grammar(
    outputs: int = 10,
    *,
    size: int = 16,
    channels: tuple[int, ...] = (4, 8, 12),
    depth: int = 2,
    name: str = "grammar-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for a number of outputs; channels of each stage, most depth of an expression."""
    stages: dict[str, Block] = {"stage1": expression(depth, channels[0])}
    for i, width in enumerate(channels[1:], start=2):
        stages |= {f"down{i}": down(width), f"stage{i}": expression(depth, width)}
    head = Sequential(pool=GlobalPool(), classify=Linear(outputs))
    network = Sequential(stem=ConvNormAct(channels[0], 3), **stages, head=head)
    return Space(name, inputs=Image(3, size), network=network, references=references)


def decisions(path: str, sentence: Expression, depth: int = 4) -> dict[str, Label]:
    """Decisions of a sentence that stands at a path, where an expression may have this depth."""
    if isinstance(sentence, str):
        return {path: "operation", f"{path}.operation": sentence} if depth else {path: sentence}
    form, *parts = sentence
    assert isinstance(form, str)
    places = ["inner"] if form == "shortcut" else [str(i) for i in range(len(parts))]
    found: dict[str, Label] = {path: form}
    for place, part in zip(places, parts, strict=True):
        found |= decisions(f"{path}.{form}.{place}", part, depth - 1)
    return found


def in_row(part: Expression, times: int) -> Expression:
    """The same part up to nine times, in rows of at most three."""
    if times <= 1:
        return part if times else "skip"
    if times <= 3:
        return (f"row{times}", *(part,) * times)
    rest = [min(3, times - start) for start in range(0, times, 3)]
    return (f"row{len(rest)}", *(in_row(part, n) for n in rest))


BASIC: Expression = ("shortcut", ("row2", "conv_3x3_act", "conv_3x3"))


def residual_network(blocks: int) -> dict[str, Label]:
    """Decisions of the residual network with this many basic blocks a stage."""
    first, rest = decisions("stage1", in_row(BASIC, blocks)), in_row(BASIC, blocks - 1)
    entered: dict[str, Label] = {"down2": "basic_block", "down3": "basic_block"}
    return {**first, **entered, **decisions("stage2", rest), **decisions("stage3", rest)}


def plain_network(blocks: int) -> dict[str, Label]:
    """Decisions of its plain counterpart: as many convolutions, no shortcut."""
    first, rest = in_row("conv_3x3_act", 2 * blocks), in_row("conv_3x3_act", 2 * blocks - 1)
    entered: dict[str, Label] = {"down2": "conv", "down3": "conv"}
    return {**decisions("stage1", first), **entered, **decisions("stage2", rest), **decisions("stage3", rest)}


REFERENCES = {f"resnet{6 * n + 2}": residual_network(n) for n in (1, 2, 3, 5, 7, 9)} | {
    f"plain{6 * n + 2}": plain_network(n) for n in (1, 2, 3)
}
space = grammar(size=32, channels=(16, 32, 64), depth=4, name="grammar", references=REFERENCES)
small = grammar()
