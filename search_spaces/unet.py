"""U-Nets for biomedical images.

Generalises the U-Net of 2015: at each resolution of both paths the number of convolutions, and on the way their kernel,
are open (with padding), as are the number of resolutions, the channels of the first one (doubled with each halving),
norm, activation, how maps are brought back to twice their size (transposed convolution or resampling) and how they are
merged with those handed over (concatenated, or added as in LinkNet). Without padding, as published, each convolution
takes a rim off the image, what is handed over is cropped, and 572 x 572 pixels give classes for the inner 388 x 388.

Papers: Ronneberger et al. (2015), "U-Net: convolutional networks for biomedical image segmentation"; Chaurasia and
Culurciello (2017), "LinkNet".

Input: images of 1 x 572 x 572 (also 1 x 512 x 512).

Task: one of 2 classes for each pixel (cell membranes).

Counts: derived from figure 1, a kernel and a bias for each convolution, m and n being input and output channels.
3 x 3 down, 9 m n + n over (1, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512),
(512, 1024), (1024, 1024): 18,842,048. Up-convolutions 2 x 2, 4 m n + n over (1024, 512), (512, 256), (256, 128), (128,
64): 2,786,240. 3 x 3 up, over (1024, 512), (512, 512), (512, 256), (256, 256), (256, 128), (128, 128), (128, 64), (64,
64): 9,402,240. 1 x 1, (64, 2): 130. Together `unet` has 31,030,658. With batch norm, each of the eighteen 3 x 3
convolutions has a scale and a shift for each channel in place of the bias, n more: 5,888 more, `unet_bn` 31,036,546.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from nasengine import Block, Image, Space, choice, repeat
from nasengine.blocks import (
    BatchNorm,
    Conv,
    ConvNormAct,
    Identity,
    InstanceNorm,
    LeakyReLU,
    ReLU,
    SeparableConv,
    SiLU,
    UNet,
)
from nasengine.space.spec import Label

WIDTHS = ((32, 48, 64), (64, 96, 128), (128, 192, 256), (256, 384, 512), (512, 768, 1024))
"""Channels at each resolution, as options; the published ones are the last of each."""


def references() -> dict[str, dict[str, Label]]:
    """The network of figure 1, and with padding and batch norm as it is mostly used."""
    common: dict[str, Label] = {"*.times": 2, "activation": "relu", "upsample": "transpose", "merge": "concat"}
    common |= {f"width{i}": widths[-1] for i, widths in enumerate(WIDTHS, start=1)}
    paper: dict[str, Label] = {"resolution": 572, "padding": "valid", "halvings_valid": 4, "norm": "identity"}
    padded: dict[str, Label] = {"resolution": 512, "padding": "same", "halvings_same": 4, "norm": "batch_norm"}
    return {
        "unet": {**common, **paper},
        "unet_bn": {**common, **padded, "*.blocks.*": "conv_norm_act", "*.kernel": 3},
    }


def unet(
    classes: int = 2,
    *,
    channels: int = 1,
    sizes: Sequence[int] = (512, 572),
    widths: Sequence[Sequence[int]] = WIDTHS,
    halvings: Sequence[int] = (2, 3, 4),
    most: int = 3,
    references: Mapping[str, Mapping[str, Label]] | None = None,
    name: str = "unet",
) -> Space:
    """The space for a number of classes and square images.

    Args:
        widths: channels to choose from, a resolution each.
        halvings: how often the resolution is halved, as options.
        most: convolutions at a resolution, with padding; without, at most two.
    """
    norm = choice(Identity(), BatchNorm(), InstanceNorm(affine=True), name="norm")
    activation = choice(ReLU(), LeakyReLU(), SiLU(), name="activation")
    width = tuple(choice(*options, name=f"width{i}") for i, options in enumerate(widths, start=1))

    def valid(features: int) -> Block:
        return repeat(ConvNormAct(features, 3, padding=0, norm=norm, activation=activation), choice(1, 2))

    def same(features: int) -> Block:
        plain = ConvNormAct(features, choice(3, 5), norm=norm, activation=activation)
        separable = SeparableConv(features, choice(3, 5), norm=norm, activation=activation)
        return repeat(choice(plain, separable), choice(*range(1, most + 1)))

    def network(level: Callable[[int], Block], depth: int, crop: bool) -> Block:
        down = tuple(level(features) for features in width[: depth + 1])
        up = tuple(level(features) for features in reversed(width[:depth]))
        upsample, merge = choice("transpose", "resize", name="upsample"), choice("concat", "add", name="merge")
        return UNet(down, up, Conv(classes, 1), upsample, merge, crop)

    def depths(level: Callable[[int], Block], label: str) -> Block:
        options = [network(level, depth, crop=label == "valid") for depth in halvings]
        return choice(*options, labels=tuple(halvings), name=f"halvings_{label}")

    body = choice(depths(valid, "valid"), depths(same, "same"), labels=("valid", "same"), name="padding")
    inputs = Image(channels, choice(*sizes, name="resolution"))
    return Space(name, inputs=inputs, network=body, references=references)


space = unet(references=references())
small = unet(3, sizes=(48, 64), widths=((4, 8), (8, 12), (12, 16)), halvings=(1, 2), most=2, name="unet-small")
