"""SegNet: encoder and decoder that share the places of pooling's maxima.

Generalises SegNet: at each of the resolutions of encoder and decoder the number of convolutions and the kernel of each
are open, as are the channels of each resolution, the decoder's activation (the paper's SegNet-Basic has none) and the
kernel of the classifier. Nothing but the places of the maxima is handed from encoder to decoder.

Papers: Badrinarayanan et al. (2017), "SegNet: a deep convolutional encoder-decoder architecture for image
segmentation"; Simonyan and Zisserman (2015) for the encoder's thirteen convolutions.

Input: images of 3 x 360 x 480.

Task: one of 11 classes for each pixel (CamVid).

Counts: derived from figures 2 and 4; m and n are input and output channels. A convolution 3 x 3 with bias and the scale
and shift of its batch norm has 9 m n + 3 n. Encoder, (3, 64), (64, 64), (64, 128), (128, 128), (128, 256), 2 x (256,
256), (256, 512), 5 x (512, 512): 14,710,464 + 3 x 4,224 = 14,723,136. Decoder, 5 x (512, 512), (512, 256), 2 x (256,
256), (256, 128), (128, 128), (128, 64), (64, 64): 14,708,736 + 3 x 3,712 = 14,719,872. The classifier, a convolution
3 x 3 with bias from 64 to 11: 6,347. Together 29,449,355; the paper's table 6 says 29.45 M.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nasengine import Block, Image, Space, choice, repeat
from nasengine.blocks import Conv, ConvNormAct, Identity, LeakyReLU, ReLU, SegNet, Sequential
from nasengine.space.spec import Label

WIDTHS = ((32, 64), (64, 128), (128, 256), (256, 512), (256, 512))
"""Channels at each resolution, as options; the published ones are the last of each."""
CONVS = (2, 2, 3, 3, 3)
"""Convolutions at each resolution of the published encoder, and of the decoder, the classifier among them."""


def references() -> dict[str, dict[str, Label]]:
    """The published network."""
    found: dict[str, Label] = {"*kernel": 3, "activation": "relu", "decoder_activation": "same"}
    for i, (convs, widths) in enumerate(zip(CONVS, WIDTHS, strict=True)):
        found[f"width{i + 1}"] = widths[-1]
        found[f"encoder.{i}.times"] = convs
        found[f"decoder.{len(CONVS) - 1 - i}.keep.times"] = convs - 1
    return {"segnet": found}


def segnet(
    classes: int = 11,
    *,
    image: tuple[int, int] = (360, 480),
    widths: Sequence[Sequence[int]] = WIDTHS,
    most: int = 4,
    kernels: Sequence[int] = (3, 5, 7),
    references: Mapping[str, Mapping[str, Label]] | None = None,
    name: str = "segnet",
) -> Space:
    """The space for a number of classes.

    Args:
        image: height and width.
        widths: channels to choose from, a resolution each.
        most: convolutions at a resolution.
        kernels: options.
    """
    activation = choice(ReLU(), LeakyReLU(), name="activation")
    after = choice(activation, Identity(), labels=("same", "none"), name="decoder_activation")
    width = [choice(*options, name=f"width{i}") for i, options in enumerate(widths, start=1)]

    def layer(channels: int, act: Block) -> Block:
        return ConvNormAct(channels, choice(*kernels), activation=act, bias=True)

    def back(level: int) -> Block:
        keep = repeat(layer(width[level], after), choice(*range(most)))
        return Sequential(keep=keep, reduce=layer(width[level - 1], after)) if level else Sequential(keep=keep)

    encoder = tuple(repeat(layer(channels, activation), choice(*range(1, most + 1))) for channels in width)
    decoder = tuple(back(level) for level in reversed(range(len(width))))
    network = SegNet(encoder, decoder, Conv(classes, choice(1, 3)))
    return Space(name, inputs=Image(3, *image), network=network, references=references)


space = segnet(references=references())
small = segnet(4, image=(20, 26), widths=((8, 12), (12, 16), (16, 24)), most=2, kernels=(3, 5), name="segnet-small")
