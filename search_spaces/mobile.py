"""Mobile networks: separable convolutions and inverted residuals, made larger and smaller as a whole.

Generalises MobileNet V1, V2 and V3, MnasNet and EfficientNet: seven stages, of which each may be one of separable
convolutions or of inverted residuals, or be left out. Width, window, activation, squeeze-excite and depth are open
stage by stage, the expansion block by block; so are stem, last convolution and a hidden layer before the classifier.

The whole network is then scaled, by one decision: either by MobileNet's multipliers, of the width and (independently)
of the resolution; or by EfficientNet's compound scaling, where depth, width and resolution follow from one φ. The
constants of the scaling and how they follow from the published networks stand at `nasengine.blocks.CompoundScaling`.

Names are torchvision's and timm's: a suffix such as `_050` is the width multiplier in hundredths, `semnasnet` is
MnasNet-A1, with squeeze-excite, and `mnasnet` is B1, without.

Papers: Howard et al. (2017), "MobileNets"; Sandler et al. (2018), "MobileNetV2"; Tan et al. (2019), "MnasNet"; Howard
et al. (2019), "Searching for MobileNetV3"; Tan and Le (2019), "EfficientNet".
Input: images of 3 x 224 x 224 (also 160 and 192), or from 3 x 224 x 224 to 3 x 600 x 600 as φ says.
Task: classification into 1,000 classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from nasengine import Block, Space, choice, repeat
from nasengine.blocks import (
    BatchNorm,
    CompoundScaling,
    ConvNormAct,
    Dropout,
    GlobalPool,
    Hardsigmoid,
    Hardswish,
    Identity,
    InvertedResidual,
    InvertedStage,
    Linear,
    Multipliers,
    ReLU,
    ReLU6,
    ScaledImage,
    SeparableConv,
    Sequential,
    SiLU,
    SqueezeExcite,
    Stage,
    Stages,
)
from nasengine.space import Label
from search_spaces._mobile import PHI, REFERENCES


class Row(NamedTuple):
    """A stage: its stride; options for inverted residuals; widths and depths of separable convolutions."""

    stride: int
    widths: tuple[int, ...]
    depths: tuple[int, ...]
    expand: tuple[float, ...]
    separable: tuple[int, ...]
    layers: tuple[int, ...]


ROWS = (
    Row(1, (16, 24), (1, 2), (1, 3), (32, 64), (1, 2)),
    Row(2, (16, 24, 32), (1, 2, 3), (1, 3, 4, 6), (64, 128), (1, 2)),
    Row(2, (24, 32, 40), (2, 3, 4), (3, 3.67, 4.5, 6), (128, 256), (1, 2)),
    Row(2, (40, 64, 80), (2, 3, 4), (2.3, 2.5, 4, 6), (256, 512), (1, 2)),
    Row(1, (48, 96, 112), (2, 3), (3, 6), (256, 512), (2, 5)),
    Row(2, (96, 160, 192), (2, 3, 4), (3, 6), (512, 1024), (1, 2)),
    Row(1, (192, 320), (1, 2), (3, 6), (512, 1024), (1, 2)),
)
SMALL = (
    Row(1, (8, 16), (1, 2), (1, 2.5), (8, 16), (1, 2)),
    Row(2, (16, 24), (1, 2), (2.5, 4), (16, 24), (1, 2)),
    Row(2, (24, 32), (1, 2), (2.5, 4), (24, 32), (1, 2)),
)
NORM = BatchNorm(eps=1e-3)
"""As the authors of all these networks have it in their code."""


def activation(place: int | str) -> Block:
    """One decision a stage."""
    return choice(ReLU(), ReLU6(), Hardswish(), SiLU(), name=f"activation{place}")


def stage(number: int, row: Row) -> Block:
    """Inverted residuals, separable convolutions, or nothing."""
    act = activation(number)
    attention = choice(
        Identity(),
        SqueezeExcite(0.25, activation=act, of_block=True),
        SqueezeExcite(0.25, gate=Hardsigmoid(), divisor=8),
        labels=("none", "squeeze_block", "squeeze_hard"),
    )
    residual = InvertedResidual(
        choice(*row.widths), choice(3, 5), norm=NORM, activation=act, attention=attention, divisor=8
    )
    separable = SeparableConv(choice(*row.separable), choice(3, 5), norm=NORM, activation=act)
    return choice(
        InvertedStage(residual, repeat(choice(*row.expand), choice(*row.depths)), row.stride),
        Stage(separable, choice(*row.layers), row.stride),
        Identity(),
        labels=("inverted", "separable", "none"),
    )


def mobile(
    outputs: int = 10,
    *,
    channels: int = 1,
    stem: tuple[int, tuple[int, ...]] = (1, (8, 16)),
    rows: tuple[Row, ...] = SMALL,
    last: tuple[int, ...] = (32, 64),
    hidden: tuple[int, ...] = (16, 32),
    widths: tuple[float, ...] = (0.5, 1.0),
    resolutions: tuple[int, ...] = (16, 24),
    phi: tuple[float, ...] = (0.0, 1.07),
    drop_path: float = 0.0,
    name: str = "mobilenets-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for a number of outputs.

    Args:
        channels: of the image.
        stem: stride of the first convolution, and its widths.
        rows: one a stage.
        last, hidden: widths of the last convolution, and of a hidden layer after it.
        widths, resolutions: for the multipliers.
        phi: for compound scaling; its base network is given the largest of ``resolutions``.
        drop_path: as of :class:`Stages`; EfficientNet takes 0.2.
    """
    scaling = choice(
        Multipliers(choice(*widths, name="multiplier"), choice(*resolutions, name="resolution")),
        CompoundScaling(choice(*phi, name="phi"), resolution=max(resolutions)),
        name="scaling",
    )
    first = ConvNormAct(choice(*stem[1]), 3, stem[0], norm=NORM, activation=activation("_stem"))
    stages = {f"stage{i}": stage(i, row) for i, row in enumerate(rows, start=1)}
    end = ConvNormAct(choice(*last, name="last_channels"), 1, norm=NORM, activation=activation("_last"))
    wide = Sequential(linear=Linear(choice(*hidden)), act=Hardswish())
    network = Sequential(
        body=Stages(stem=first, **stages, scaling=scaling, drop_path=drop_path),
        last=choice(Identity(), end, Stages(conv=end, scaling=scaling), labels=("none", "fixed", "scaled")),
        pool=GlobalPool(),
        hidden=choice(Identity(), wide, labels=("none", "linear")),
        head=Sequential(drop=Dropout(0.2), classify=Linear(outputs)),
    )
    return Space(name, inputs=ScaledImage(channels, scaling), network=network, references=references)


space = mobile(
    1000,
    channels=3,
    stem=(2, (16, 24, 32)),
    rows=ROWS,
    last=(576, 960, 1280),
    hidden=(1024, 1280),
    widths=(0.25, 0.5, 0.75, 1.0, 1.3, 1.4),
    resolutions=(160, 192, 224),
    phi=PHI,
    name="mobilenets",
    references=REFERENCES,
)
small = mobile()
