"""Image-to-image translation.

Generalises Pix2Pix and CycleGAN: a generator from images to images, deployed, and a discriminator of patches, there in
training only. The generator is a U-Net (open: how often it halves, channels at each resolution, how it doubles,
dropout) or a residual network (stem, number and kind of residual blocks, how borders are padded). The discriminator
looks at patches of 16, 34, 70 or 142 pixels, of a pair of images (Pix2Pix) or of one (CycleGAN, which trains two
generators and two discriminators of one architecture). Norm and biases are decided once for both networks.

Papers: Isola et al. (2017), "Image-to-image translation with conditional adversarial networks"; Zhu et al. (2017),
"Unpaired image-to-image translation using cycle-consistent adversarial networks"; Johnson et al. (2016), "Perceptual
losses for real-time style transfer and super-resolution".

Input: images of 3 x 256 x 256; for the discriminator 6 channels where it sees a pair.

Task: the image in another domain (maps for photographs, horses for zebras).

Counts: of the authors' PyTorch code, 64 channels at the finest resolution. Generators: U-Net of eight halvings with
batch norm 54,413,955, of seven 41,828,995; residual network with nine blocks and instance norm 11,378,179, with six
7,837,699. Discriminators of 70 x 70 patches: of pairs, with batch norm, 2,768,705; of images, with instance norm,
2,764,737. Convolutions have biases where the norm is instance norm, which has no shift of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nasengine import Block, Image, Network, Space, choice, repeat
from nasengine.blocks import (
    BatchNorm,
    BorderPad,
    Conv,
    ConvTranspose,
    Dropout,
    Identity,
    InstanceNorm,
    LeakyReLU,
    ReLU,
    Residual,
    Sequential,
    SiLU,
    SkipUNet,
    Tanh,
    Upsample,
)
from nasengine.space.spec import Label

WIDTHS = ((32, 48, 64), (64, 96, 128), (128, 192, 256), (256, 384, 512))
"""Channels at half the sides, a quarter, ...; the last options hold for all coarser ones. Published: the largest."""
PATCHES = {16: 1, 34: 2, 70: 3, 142: 4}
"""Side of the patch that one output sees → convolutions of stride 2."""
Options = Sequence[Sequence[int]]


def width(options: Options, name: str, place: int) -> int:
    """Channels at a place, as an open number of that name."""
    return choice(*options[min(place, len(options) - 1)], name=f"{name}_{place}")


def norm() -> Block:
    """The norm of both networks."""
    return choice(BatchNorm(), InstanceNorm(), name="norm")


def biases() -> bool:
    """Do convolutions before a norm have a bias?"""
    return choice(False, True, name="biases")


def activation() -> Block:
    """The activation of generators."""
    return choice(ReLU(), LeakyReLU(0.2), SiLU(), name="activation")


def dropout() -> Block:
    """Dropout within generators, or none."""
    return choice(Identity(), Dropout(0.5), name="dropout")


def doubling(channels: int, bias: bool, kernel: int) -> Block:
    """Twice the sides: a transposed convolution, or resizing and a convolution."""
    odd = kernel % 2
    transpose = ConvTranspose(channels, kernel, 2, 1, odd, bias=bias)
    resize = Sequential(up=Upsample(2), conv=Conv(channels, 3, bias=bias))
    return choice(transpose, resize, labels=("transpose", "resize"))


def unet(halvings: int, options: Options, channels: int = 3) -> Block:
    """U-Net of strided convolutions (Isola et al., 2017, appendix 6.1.1)."""
    leaky = choice(LeakyReLU(0.2), ReLU(), SiLU(), name="down_activation")
    widths = [width(options, "width", i) for i in range(halvings)]
    down: list[Block] = [Conv(widths[0], 4, 2, 1, bias=biases())]
    for i in range(1, halvings):
        after = {"norm": norm()} if i + 1 < halvings else {}
        down.append(Sequential(act=leaky, conv=Conv(widths[i], 4, 2, 1, bias=biases()), **after))
    up: list[Block] = []
    for i, features in enumerate(reversed(widths[:-1])):
        drop = {"drop": dropout()} if 0 < i < halvings - 4 else {}
        up.append(Sequential(act=activation(), up=doubling(features, biases(), 4), norm=norm(), **drop))
    up.append(Sequential(act=activation(), up=doubling(channels, True, 4), output=Tanh()))
    return SkipUNet(tuple(down), tuple(up))


def border(size: int) -> Block:
    """Padding of a residual network, of one kind everywhere."""
    return BorderPad(size, choice("reflect", "replicate", name="padding"))


def residual(channels: int, kernel: int, *, separable: bool = False) -> Block:
    """Two convolutions beside a shortcut (Johnson et al., 2016; Zhu et al., 2017, appendix 7.2)."""

    def conv() -> Block:
        plain = Conv(channels, kernel, padding=0, groups=0 if separable else 1, bias=biases())
        return Sequential(depthwise=plain, pointwise=Conv(channels, 1, bias=biases())) if separable else plain

    def pad() -> Block:
        return border(kernel // 2)

    return Residual(
        Sequential(
            pad1=pad(), conv1=conv(), norm1=norm(), act=activation(), drop=dropout(),
            pad2=pad(), conv2=conv(), norm2=norm(),
        )
    )  # fmt: skip


def resnet(blocks: Sequence[int], options: Options, channels: int = 3) -> Block:
    """Stem, two halvings, residual blocks, two doublings (Zhu et al., 2017, appendix 7.2)."""
    fine, middle, coarse = (width(options, "width", i) for i in range(3))

    def after() -> dict[str, Block]:
        return {"norm": norm(), "act": activation()}

    def down(features: int) -> Block:
        return Sequential(conv=Conv(features, 3, 2, 1, bias=biases()), **after())

    def up(features: int) -> Block:
        return Sequential(up=doubling(features, biases(), 3), **after())

    kinds = (residual(coarse, 3), residual(coarse, 5), residual(coarse, 3, separable=True))
    return Sequential(
        stem=Sequential(pad=border(3), conv=Conv(fine, 7, padding=0, bias=biases()), **after()),
        down=Sequential(down(middle), down(coarse)),
        body=repeat(choice(*kinds, labels=("conv_3", "conv_5", "separable_3")), choice(*blocks)),
        up=Sequential(up(middle), up(fine)),
        head=Sequential(pad=border(3), conv=Conv(channels, 7, padding=0), output=Tanh()),
    )


def patches(strided: int, options: Options) -> Block:
    """A discriminator of patches: that many convolutions of stride 2, then two (Isola et al., 2017, appendix 6.1.2)."""
    leaky = choice(LeakyReLU(0.2), ReLU(), name="patch_activation")
    parts: dict[str, Block] = {
        "conv0": Sequential(conv=Conv(width(options, "patch", 0), 4, 2, 1), act=leaky),
    }
    for i in range(1, strided + 1):
        conv = Conv(width(options, "patch", i), 4, 2 if i < strided else 1, 1, bias=biases())
        parts[f"conv{i}"] = Sequential(conv=conv, norm=norm(), act=leaky)
    return Sequential(**parts, score=Conv(1, 4, 1, 1))


def translation(
    side: int = 256,
    *,
    widths: Options = WIDTHS,
    halvings: Sequence[int] = (6, 7, 8),
    blocks: Sequence[int] = (3, 4, 5, 6, 7, 8, 9),
    patch_sides: Sequence[int] = tuple(PATCHES),
    name: str = "translation",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for images of a side, a multiple of 2 to the most halvings.

    Args:
        widths: channels at half the sides, a quarter, ..., each as options.
        halvings: of the U-Net, as options.
        blocks: numbers of residual blocks, as options.
        patch_sides: what one output of the discriminator sees, as options of :data:`PATCHES`.
    """
    depths = choice(*(unet(n, widths) for n in halvings), labels=tuple(halvings))
    generator = choice(depths, resnet(blocks, widths), labels=("unet", "resnet"), name="generator")
    discriminator = choice(*(patches(PATCHES[n], widths) for n in patch_sides), labels=tuple(patch_sides), name="patch")
    pair = Image(choice(6, 3, labels=("pair", "image"), name="judges"), side)
    networks = {
        "generator": Network(generator, (("image", Image(3, side)),)),
        "discriminator": Network(discriminator, (("judged", pair),), deployed=False),
    }
    return Space(name, networks=networks, references=references)


def published(norm: str, judges: str, **more: Label) -> dict[str, Label]:
    """Decisions of the authors' code, but for the generator's sizes."""
    found: dict[str, Label] = {"norm": norm, "judges": judges, "biases": norm == "instance_norm", "patch": 70}
    found |= {"activation": "relu", "patch_activation": "leaky_relu"}
    found |= {
        f"{kind}_{i}": WIDTHS[min(i, 3)][-1] for kind, count in (("width", 3), ("patch", 4)) for i in range(count)
    }
    return found | more


def pix2pix(halvings: int) -> dict[str, Label]:
    """Decisions of Pix2Pix' U-Nets."""
    paths: dict[str, Label] = {"generator.unet": halvings, "*.up": "transpose", "down_activation": "leaky_relu"}
    paths |= {f"width_{i}": 512 for i in range(3, halvings)}
    return published("batch_norm", "pair", generator="unet", dropout="dropout") | paths


def cyclegan(blocks: int) -> dict[str, Label]:
    """Decisions of CycleGAN's residual networks."""
    paths: dict[str, Label] = {"*.times": blocks, "*.blocks.*": "conv_3", "*.up": "transpose", "padding": "reflect"}
    return published("instance_norm", "image", generator="resnet", dropout="identity") | paths


REFERENCES = {
    "pix2pix_unet_256": pix2pix(8),
    "pix2pix_unet_128": pix2pix(7),
    "cyclegan_resnet_9": cyclegan(9),
    "cyclegan_resnet_6": cyclegan(6),
}

space = translation(references=REFERENCES)
small = translation(
    32, widths=((4, 8), (8, 12), (12, 16)), halvings=(2, 3, 4), blocks=(1, 2), patch_sides=(16, 34),
    name="translation-small",
)  # fmt: skip
