"""Generators by style.

Generalises StyleGAN and StyleGAN2 (`space` at 1024 x 1024, `style_256`): a mapping network from latent codes to a style
vector, which shapes a learned constant resolution by resolution, by adaptive instance norm (AdaIN) or by modulating the
weights of convolutions; open are its depth and width, channels and kernels at each resolution, noise inputs, output
skips, equalised learning rate, and the discriminator, a convolutional one that is there in training only. `adain`
generalises AdaIN's first use: an image takes the statistics that another one's features have; open are depths, widths
and borders of encoder and decoder. Noise is drawn anew in training and fixed in evaluation. The published networks blur
after doubling; here linear interpolation does both.

Papers: Huang and Belongie (2017), "Arbitrary style transfer in real-time with adaptive instance normalization"; Karras
et al. (2018), "Progressive growing of GANs"; Karras et al. (2019), "A style-based generator architecture for generative
adversarial networks"; Karras et al. (2020), "Analyzing and improving the image quality of StyleGAN".

Input: codes of 512 features; images of 3 x 1024 x 1024 or 3 x 256 x 256 for the discriminator; a content and a style of
3 x 256 x 256 for `adain`.

Task: images like those of a data set; the content of one image in the style of another.

Counts: derived, m and n being the channels into and out of a layer, at 512 features of the style. The mapping network
of both has 8 * 512 * 513 = 2,101,248. `stylegan_1024`: constant and its bias, 8,704; seventeen convolutions, 9 m n + n
each, 18,876,640; maps to styles for them and for the constant, 513 * 2 n, 5,220,288; strengths of noise, n, 5,088; the
image, 3 * 16 + 3; together 26,212,019, the paper's 26.2 million. (The published code counts 26,219,627: it keeps the
layers to images of the eight coarser resolutions, 7,608 more, that training by growth leaves behind.) `stylegan2_1024`:
constant, 8,192; convolutions 23,589,312; maps to styles, 513 m, 3,102,624; seventeen strengths of noise; nine images
with their maps, 516 n + 3, 1,568,667; together 30,370,060. At 256 pixels the last two resolutions are left out:
26,078,915 and 30,034,338. `adain`: the first nine convolutions of VGG-19, 9 m n + n, 3,505,728, and their reverse,
3,505,219; together 7,010,947.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nasengine import Block, Features, Image, Network, Space, choice, repeat
from nasengine.blocks import (
    ELU,
    BorderPad,
    Conv,
    LeakyReLU,
    MappingNetwork,
    MaxPool,
    ReLU,
    Sequential,
    SiLU,
    StyleGenerator,
    StyleTransfer,
    Upsample,
)
from nasengine.space.spec import Label
from search_spaces.gan import discriminator

COARSE = ((256, 384, 512),) * 4
WIDTHS = (*COARSE, (128, 256, 512), (64, 128, 256), (32, 64, 128), (16, 32, 64), (8, 16, 32))
"""Channels at 4 × 4, 8 × 8, ..., 1024 × 1024, as options. StyleGAN's are the second of the last five, StyleGAN2's the
third."""


def style(
    widths: Sequence[Sequence[int]] = WIDTHS,
    *,
    features: Sequence[int] = (128, 256, 512),
    depths: Sequence[int] = (2, 4, 6, 8),
    channels: int = 3,
    name: str = "style",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for images of 2 · 2ⁿ a side, n the number of widths.

    Args:
        widths: channels at 4 × 4, 8 × 8, ..., as options; in reverse those of the discriminator.
        features: of the latent code and of the style vector, as options.
        depths: of the mapping network, as options.
        channels: of the images.
    """
    size, equalised = choice(*features, name="features"), choice(True, False, name="equalised")
    # no ReLU: a channel that it silences has next to no variance, and AdaIN would enlarge rounding errors
    act = choice(LeakyReLU(0.2), ELU(), SiLU(), name="activation")
    generator = StyleGenerator(
        widths=tuple(choice(*options, name=f"generator_{4 << i}") for i, options in enumerate(widths)),
        channels=channels,
        mapping=MappingNetwork(size, choice(*depths), act, equalised=equalised, rate=choice(0.01, 0.1, 1.0)),
        kernels=tuple(choice(1, 3, 5) for _ in widths),
        modulation=choice("adain", "weight"),
        noise=choice(True, False),
        activation=act,
        equalised=equalised,
        upsample=choice("linear", "nearest"),
        skips=choice(False, True),
    )
    image = Image(channels, 2 << len(widths))
    networks = {
        "generator": Network(generator, (("code", Features(size)),)),
        "discriminator": Network(discriminator(widths[-2::-1]), (("image", image),), deployed=False),
    }
    return Space(name, networks=networks, references=references)


def stylegan(steps: int, second: bool) -> dict[str, Label]:
    """Decisions of StyleGAN's or StyleGAN2's generator with so many resolutions, and of a residual discriminator."""
    widths = [options[2 if second or i < 4 else 1] for i, options in enumerate(WIDTHS[:steps])]
    found: dict[str, Label] = {f"generator_{4 << i}": width for i, width in enumerate(widths)}
    found |= {f"discriminator_{i}": width for i, width in enumerate(widths[-2::-1])}
    found |= {"features": 512, "equalised": True, "activation": "leaky_relu", "*.depth": 8, "*.rate": 0.01}
    found |= {"*.kernels.*": 3, "*.modulation": "weight" if second else "adain", "*.noise": True, "*.skips": second}
    found |= {"*.upsample": "linear", "discriminator.*": "residual", "discriminator.*.kernel": 3, "output": "critic"}
    found |= {"discriminator.more.times": 0, "discriminator.last": "mean", "discriminator_norm": "none"}
    return found | {"discriminator_activation": "leaky_relu"}


def padded(channels: int) -> Block:
    """A convolution of 3 × 3 on an image whose border is padded, and its activation."""
    pad = BorderPad(1, choice("reflect", "replicate", name="padding"))
    return Sequential(pad=pad, conv=Conv(channels, 3, padding=0), act=choice(ReLU(), SiLU(), name="activation"))


def transfer(
    side: int = 256,
    *,
    widths: Sequence[Sequence[int]] = ((32, 48, 64), (64, 96, 128), (128, 192, 256), (256, 384, 512)),
    most: int = 4,
    name: str = "transfer",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for contents and styles of a side: VGG down to its first layer of the last width, and back up.

    Args:
        widths: channels at the full resolution, a half, ..., as options.
        most: convolutions at a resolution.
    """
    *fine, coarse = (choice(*options, name=f"width_{i}") for i, options in enumerate(widths))
    down: dict[str, Block] = {}
    up: dict[str, Block] = {}
    for i, width in enumerate(fine):
        down[f"level{i}"] = Sequential(
            convs=repeat(padded(width), choice(*range(1, most + 1))),
            pool=MaxPool(2),
        )
    for i in range(len(fine) - 1, -1, -1):
        # the first convolution of a level narrows the level below it; its doubling follows at once
        up[f"level{i}"] = Sequential(
            narrow=padded(fine[i]), up=Upsample(2), convs=repeat(padded(fine[i]), choice(*range(most)))
        )
    encoder = Sequential(**down, last=padded(coarse))
    decoder = Sequential(**up, image=Sequential(pad=BorderPad(1), conv=Conv(3, 3, padding=0)))
    images = {"content": Image(3, side), "style": Image(3, side)}
    return Space(name, inputs=images, network=StyleTransfer(encoder, decoder), references=references)


ADAIN = {
    "padding": "reflect",
    "activation": "relu",
    **{f"width_{i}": 64 * 2**i for i in range(4)},
    **{f"encoder.level{i}.convs.times": depth for i, depth in enumerate((2, 2, 4))},
    **{f"decoder.level{i}.convs.times": depth for i, depth in enumerate((1, 1, 3))},
}

space = style(references={"stylegan_1024": stylegan(9, False), "stylegan2_1024": stylegan(9, True)})
style_256 = style(
    WIDTHS[:7], name="style-256", references={"stylegan_256": stylegan(7, False), "stylegan2_256": stylegan(7, True)}
)
adain = transfer(references={"adain": ADAIN})
small = style(((8, 12, 16), (8, 12), (4, 8)), features=(8, 16), depths=(1, 2, 3), channels=1, name="style-small")
transfer_small = transfer(16, widths=((4, 8), (8, 12), (12, 16)), most=2, name="transfer-small")
