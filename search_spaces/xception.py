"""Xception: separable convolutions around shortcuts.

Generalises Xception and its "aligned" successors: an entry flow of three stages that halve the resolution, a middle
flow of modules that keep it, an exit flow. Widths, windows and numbers of convolutions are open module by module, the
length of the middle flow too; for the whole network the form of the modules (`aligned`: strided convolutions in place
of max pooling, and a norm after each depthwise convolution), the padding of the stem and the resolution. `xception` is
the paper's; `xception41`, `xception65` and `xception71` are the aligned ones of DeepLabV3+.

Papers: Chollet (2017), "Xception: deep learning with depthwise separable convolutions", fig. 5; Chen et al. (2018),
"Encoder-decoder with atrous separable convolution for semantic image segmentation", fig. 4.
Input: images of 3 x 299 x 299 (also 224).
Task: classification into 1,000 classes.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, Image, Space, choice, repeat
from nasengine.blocks import (
    BatchNorm,
    ConvNormAct,
    GlobalPool,
    Linear,
    SeparableConv,
    Sequential,
    XceptionModule,
)
from nasengine.space import Label

NORM = BatchNorm(eps=1e-3)
"""As in the published code."""

XCEPTION: dict[str, Label] = {
    "resolution": 299,
    "*.kernel": 3,
    "width1": 128,
    "width2": 256,
    "width3": 728,
    "entry2.more.times": 0,
    "entry3.more.times": 0,
    "entry*.depth": 2,
    "middle.times": 8,
    "middle.*.depth": 3,
    "exit.down.channels": 1024,
    "exit.down.depth": 2,
    "exit.convs.times": 1,
    "exit.convs.*.channels": 1536,
    "exit.last.channels": 2048,
    "aligned": False,
    "stem_padding": 0,
}
ALIGNED: dict[str, Label] = {
    **XCEPTION,
    "*.depth": 3,
    "entry*.depth": 3,
    "exit.down.depth": 3,
    "exit.convs.times": 2,
    "aligned": True,
    "stem_padding": "same",
}
REFERENCES = {
    "xception": XCEPTION,
    "xception41": ALIGNED,
    "xception65": {**ALIGNED, "middle.times": 16},
    "xception71": {**ALIGNED, "middle.times": 16, "entry2.more.times": 1, "entry3.more.times": 1},
}


def xception(
    outputs: int = 10,
    *,
    image: tuple[int, tuple[int, ...]] = (1, (24, 32)),
    stem: tuple[int, int] = (8, 12),
    entry: tuple[tuple[int, ...], ...] = ((12, 16), (16, 24)),
    middle: tuple[int, ...] = (0, 1, 2),
    ends: tuple[tuple[int, ...], ...] = ((24, 32), (32, 48), (48, 64)),
    name: str = "xception-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for a number of outputs.

    Args:
        image: channels, and resolutions to choose from.
        stem: channels of the two convolutions at the start.
        entry: channels to choose from, a stage of the entry flow each; the middle flow has those of the last.
        middle: numbers of modules of the middle flow.
        ends: channels to choose from, of the exit flow's module and of its convolutions.
    """
    aligned = choice(False, True, name="aligned")
    paddings: tuple[int | str, ...] = (0, "same")
    padding = choice(*paddings, name="stem_padding")
    widths = [choice(*options, name=f"width{i}") for i, options in enumerate(entry, start=1)]

    def module(channels: int, stride: int = 1, *, first: int = 0, act_first: bool = True) -> Block:
        depth, kernel = choice(2, 3), choice(3, 5, 7)
        return XceptionModule(channels, stride, depth, first, kernel, act_first, aligned, NORM)

    def separable(options: tuple[int, ...]) -> Block:
        return SeparableConv(choice(*options), choice(3, 5), norm=NORM, middle=aligned)

    def stage(width: int) -> Block:
        return Sequential(more=repeat(module(width), choice(0, 1)), down=module(width, 2))

    more = {f"entry{i}": stage(width) for i, width in enumerate(widths[1:], start=2)}
    network = Sequential(
        stem=Sequential(
            ConvNormAct(stem[0], 3, 2, padding, norm=NORM),
            ConvNormAct(stem[1], 3, 1, padding, norm=NORM),
        ),
        entry1=module(widths[0], 2, act_first=False),
        **more,
        middle=repeat(module(widths[-1]), choice(*middle)),
        exit=Sequential(
            down=module(choice(*ends[0]), 2, first=widths[-1]),
            convs=repeat(separable(ends[1]), choice(1, 2)),
            last=separable(ends[2]),
        ),
        head=Sequential(pool=GlobalPool(), classify=Linear(outputs)),
    )
    inputs = Image(image[0], choice(*image[1], name="resolution"))
    return Space(name, inputs=inputs, network=network, references=references)


space = xception(
    1000,
    image=(3, (224, 299)),
    stem=(32, 64),
    entry=((64, 128, 192), (128, 256, 384), (512, 728, 1024)),
    middle=(4, 8, 12, 16),
    ends=((1024, 1536), (1024, 1536, 2048), (1536, 2048)),
    name="xception",
    references=REFERENCES,
)
small = xception()
