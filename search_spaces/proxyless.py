"""MobileNet-size networks of inverted residuals, block by block.

Generalises MobileNetV2 the way ProxylessNAS and Once-for-All do: in each of six stages the depth, and in each block the
kernel and the expansion, are open; so are the resolution, the width of the stem and of the last convolution. Its widths
are those of EfficientNet-B0; `efficientnet_lite0` is B0 without squeeze-excite and with ReLU6. The space is called
`mobile` in records, its small variant `mobile-tiny`.

Papers: Sandler et al. (2018), "MobileNetV2", table 2; Cai, Zhu and Han (2019), "ProxylessNAS"; Cai et al. (2020),
"Once-for-all"; Tan and Le (2019), "EfficientNet", table 1.
Input: images of 3 x 224 x 224 (also 160 and 192).
Task: classification into 1,000 classes.
"""

from __future__ import annotations

from nasengine import Block, Image, Space, choice, repeat
from nasengine.blocks import (
    ConvNormAct,
    Dropout,
    GlobalPool,
    InvertedResidual,
    Linear,
    ReLU6,
    Sequential,
)
from nasengine.space import Label

STAGES = ((24, 2, 4), (40, 2, 4), (80, 2, 4), (112, 1, 4), (192, 2, 4), (320, 1, 2))
"""(channels, stride of the first block, most blocks) of each stage."""
LITE = ((2, 3), (2, 5), (3, 3), (3, 5), (4, 5), (1, 3))
"""Blocks and kernel of each stage of EfficientNet-B0."""
REFERENCES: dict[str, dict[str, Label]] = {
    "efficientnet_lite0": {
        **{f"body.{i}.more.times": depth - 1 for i, (depth, _) in enumerate(LITE)},
        **{f"body.{i}.*.kernel": kernel for i, (_, kernel) in enumerate(LITE)},
        **{"*.expand": 6, "stem.channels": 32, "last.channels": 1280, "resolution": 224},
    }
}


def stage(channels: int, stride: int, most: int) -> Block:
    """One block that sets width and resolution, then up to ``most - 1`` that keep both."""
    first = InvertedResidual(channels, stride=stride, kernel=choice(3, 5, 7), expand=choice(3, 4, 6))
    more = InvertedResidual(channels, kernel=choice(3, 5, 7), expand=choice(3, 4, 6))
    return Sequential(first=first, more=repeat(more, choice(*range(most))))


def mobile(outputs: int = 1000, *, name: str = "mobile") -> Space:
    """The space for a number of outputs; the published count is that of 1,000."""
    network = Sequential(
        stem=ConvNormAct(choice(16, 24, 32), kernel=3, stride=2, activation=ReLU6()),
        thin=InvertedResidual(16, expand=1),
        body=Sequential(*(stage(*row) for row in STAGES)),
        last=ConvNormAct(choice(960, 1280), kernel=1, activation=ReLU6()),
        head=Sequential(pool=GlobalPool(), drop=Dropout(0.2), classify=Linear(outputs)),
    )
    inputs = Image(3, choice(160, 192, 224, name="resolution"))
    return Space(name, inputs=inputs, network=network, references=REFERENCES)


def mobile_tiny(outputs: int = 10, *, name: str = "mobile-tiny") -> Space:
    """A small variant that trains in seconds: images of 3 x 24 x 24 or 3 x 32 x 32, two stages."""
    network = Sequential(
        stem=ConvNormAct(choice(8, 16), kernel=3, activation=ReLU6()),
        body=Sequential(stage(16, 2, 3), stage(24, 2, 3)),
        head=Sequential(pool=GlobalPool(), classify=Linear(outputs)),
    )
    return Space(name, inputs=Image(3, choice(24, 32, name="resolution")), network=network)


space = mobile()
small = mobile_tiny()
