"""Generative adversarial networks.

Generalises DCGAN, WGAN and WGAN-GP as two networks in one space: a generator from latent codes to images, deployed, and
a discriminator, there in training only. Open are the size of the code; at each resolution of both the channels and the
operation (a strided convolution and its kernel, resizing or pooling and a convolution, or a residual block); norms and
activations. A discriminator that ends without a sigmoid is the critic of a Wasserstein GAN; with a gradient penalty it
has no batch norm, since the penalty is taken for each sample: layer norm (over channels and positions) or instance norm
stand in its place. Clipping and the penalty itself belong to the loss, not to the network.

Papers: Radford et al. (2016), "Unsupervised representation learning with deep convolutional generative adversarial
networks"; Arjovsky et al. (2017), "Wasserstein GAN"; Gulrajani et al. (2017), "Improved training of Wasserstein GANs".

Input: codes of 100 features for the generator (or images of 100 x 1 x 1, the same numbers); images of 3 x 64 x 64
(`space`) or 3 x 32 x 32 (`gan_32`) for the discriminator.

Task: images like those of a data set.

Counts: of the published code for DCGAN with 64 channels at its finest resolution (generator 3,576,704, discriminator
2,765,568). Derived, k x k convolutions from m channels to n without bias having k k m n, a norm 2 n: `dcgan_128`, the
network of the paper's figure 1, has 16 (100 * 1024 + 1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3) + 2 (1024 + 512 +
256 + 128) = 12,658,432, and `dcgan_32`, of one step fewer, 16 (100 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + 2 (256 +
128 + 64) = 1,068,928. `wgan_gp_resnet_32` (Gulrajani et al., 2017, appendix F), with biases: 129 * 2048 for the linear
layer, 2 (256 + 147,584) + 16,512 = 312,192 for each of three blocks, 256 for the last norm, 3,459 for the last
convolution, together 1,204,483.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nasengine import Block, Features, Image, Network, Space, choice, repeat
from nasengine.blocks import (
    AvgPool,
    BatchNorm,
    Conv,
    ConvNormAct,
    ConvTranspose,
    GlobalPool,
    GroupNorm,
    Identity,
    InstanceNorm,
    LeakyReLU,
    Linear,
    ReLU,
    ResampledResidual,
    Reshape,
    Sequential,
    Sigmoid,
    SiLU,
    Tanh,
    Upsample,
)
from nasengine.space.spec import Label

CODES = (64, 100, 128)
WIDTHS = ((256, 512, 1024), (128, 256, 512), (64, 128, 256), (32, 64, 128))
"""Channels at 4 × 4, 8 × 8, ..., as options: of both networks, the discriminator's from the last one on."""
UP = ("transpose_4", "transpose_6", "resize", "residual")
FIRST = ("conv", "residual")
DOWN = ("conv", "pool", "residual", "same")


def transposed(channels: int, kernel: int, *after: Block) -> Block:
    """A transposed convolution that doubles the sides, without bias, and what comes after."""
    return Sequential(ConvTranspose(channels, kernel, 2, kernel // 2 - 1, bias=False), *after)


def generator(widths: Sequence[Sequence[int]], channels: int = 3) -> Block:
    """Code to image: one map of 4 × 4, then as many doublings as there are widths.

    Args:
        widths: channels at 4 × 4, 8 × 8, ..., each as options.
        channels: of the image.
    """
    norm = choice(BatchNorm(), InstanceNorm(affine=True), Identity(), name="generator_norm")
    act = choice(ReLU(), LeakyReLU(0.2), SiLU(), name="generator_activation")
    first = widths[0]
    project = ConvTranspose(choice(*first), 4, 1, bias=False)
    conv = Sequential(reshape=Reshape((-1, 1, 1), "CHW"), project=project, norm=norm, act=act)
    features = choice(*(16 * width for width in first), labels=tuple(first))
    dense = Sequential(project=Linear(features), reshape=Reshape((-1, 4, 4), "CHW"))
    steps = {f"to{8 << i}": doubling(options, f"generator_{8 << i}", norm, act) for i, options in enumerate(widths[1:])}
    residual = ResampledResidual(choice(*widths[-1]), "up", 3, norm, act)
    last = choice(
        transposed(channels, 4),
        transposed(channels, 6),
        Sequential(up=Upsample(2), image=Conv(channels, choice(3, 5))),
        Sequential(body=residual, norm=norm, act=act, image=Conv(channels, 3)),
        labels=UP,
    )
    start = choice(conv, dense, labels=("conv", "dense"))
    return Sequential(start=start, **steps, last=last, output=Tanh())


def doubling(widths: Sequence[int], name: str, norm: Block, act: Block) -> Block:
    """One step of a generator to twice the sides."""
    width = choice(*widths, name=name)
    resize = Sequential(up=Upsample(2), body=ConvNormAct(width, choice(3, 5), norm=norm, activation=act))
    residual = ResampledResidual(width, "up", choice(3, 5), norm, act)
    return choice(transposed(width, 4, norm, act), transposed(width, 6, norm, act), resize, residual, labels=UP)


def discriminator(widths: Sequence[Sequence[int]]) -> Block:
    """Image to one number: as many halvings at most as there are widths, the coarsest last.

    Args:
        widths: channels at half the sides, a quarter, ..., each as options.
    """
    norm = choice(
        BatchNorm(),
        GroupNorm(1),
        InstanceNorm(affine=True),
        Identity(),
        labels=("batch_norm", "layer_norm", "instance_norm", "none"),
        name="discriminator_norm",
    )
    act = choice(LeakyReLU(0.2), ReLU(), SiLU(), name="discriminator_activation")
    first, *rest = (choice(*options, name=f"discriminator_{i}") for i, options in enumerate(widths))
    conv = Sequential(conv=Conv(first, choice(3, 4, 5), 2, bias=False), act=act)
    start = choice(conv, ResampledResidual(first, "down", 3, activation=act, first=True), labels=FIRST)
    steps = {f"step{i}": halving(width, norm, act) for i, width in enumerate(rest, start=1)}
    more = repeat(
        ResampledResidual(choice(*widths[-1], name="discriminator_more"), "none", 3, norm, act), choice(0, 1, 2)
    )
    last = choice(
        Sequential(score=Conv(1, 4, 1, 0, bias=False), mean=GlobalPool()),
        Sequential(act=act, mean=GlobalPool(), score=Linear(1)),
        labels=("conv", "mean"),
    )
    output = choice(Sigmoid(), Identity(), labels=("probability", "critic"), name="output")
    return Sequential(start=start, **steps, more=more, last=last, output=output)


def halving(width: int, norm: Block, act: Block) -> Block:
    """One step of a discriminator to half the sides, or a residual block that keeps them."""
    conv = ConvNormAct(width, choice(3, 4, 5), 2, norm=norm, activation=act)
    pool = Sequential(body=ConvNormAct(width, choice(3, 5), norm=norm, activation=act), pool=AvgPool(2))
    down, same = (ResampledResidual(width, how, choice(3, 5), norm, act) for how in ("down", "none"))
    return choice(conv, pool, down, same, labels=DOWN)


def gan(
    widths: Sequence[Sequence[int]] = WIDTHS,
    *,
    codes: Sequence[int] = CODES,
    channels: int = 3,
    name: str = "gan",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for images of 4 · 2ⁿ a side, n the number of widths: a map of 4 × 4 is doubled n times.

    Args:
        widths: channels at 4 × 4, 8 × 8, ... of the generator as options, and, in reverse, of the discriminator.
        codes: features of the latent code, as options.
        channels: of the images.
    """
    side = 4 * 2 ** len(widths)
    networks = {
        "generator": Network(generator(widths, channels), (("code", Features(choice(*codes))),)),
        "discriminator": Network(discriminator(widths[::-1]), (("image", Image(channels, side)),), deployed=False),
    }
    return Space(name, networks=networks, references=references)


def dcgan(base: int, steps: int, norm: str = "batch_norm", output: str = "probability") -> dict[str, Label]:
    """Decisions of the published generator and discriminator, of ``base`` channels at the finest resolution."""
    widths = [base * 2**i for i in range(steps)]
    found: dict[str, Label] = {
        "generator.inputs.features": 100,
        "generator.*": "transpose_4",
        "generator.start": "conv",
        "generator.start.*.channels": widths[-1],
        "generator_norm": "batch_norm",
        "generator_activation": "relu",
        "discriminator.*": "conv",
        "discriminator.*.kernel": 4,
        "discriminator.more.times": 0,
        "discriminator_norm": norm,
        "discriminator_activation": "leaky_relu",
        "output": output,
    }
    found |= {f"discriminator_{i}": width for i, width in enumerate(widths)}
    return found | {f"generator_{8 << i}": width for i, width in enumerate(reversed(widths[:-1]))}


def resnet(width: int, steps: int, same: int) -> dict[str, Label]:
    """Decisions of residual networks with one width, ``same`` blocks of the critic at its coarsest resolution."""
    down = ["residual" if i < steps - same else "same" for i in range(1, steps)]
    return {
        "generator.inputs.features": 128,
        "generator.*": "residual",
        "generator.start": "dense",
        "generator.start.*.features": width,
        "generator.*.channels": width,
        "generator_norm": "batch_norm",
        "generator_activation": "relu",
        "discriminator.start": "residual",
        **{f"discriminator.step{i}": how for i, how in enumerate(down, start=1)},
        "discriminator.more.times": 1,
        "discriminator.last": "mean",
        "generator_*": width,
        "discriminator_*": width,
        "*.kernel": 3,
        "discriminator_norm": "none",
        "discriminator_activation": "relu",
        "output": "critic",
    }


REFERENCES = {
    "dcgan": dcgan(64, 4),
    "dcgan_128": dcgan(128, 4),
    "wgan": dcgan(64, 4, output="critic"),
    "wgan_gp": dcgan(64, 4, "layer_norm", "critic"),
}
REFERENCES_32 = {"dcgan_32": dcgan(64, 3), "wgan_gp_resnet_32": resnet(128, 3, 1)}

space = gan(references=REFERENCES)
gan_32 = gan(((128, 256, 512), (64, 128, 256), (64, 128)), name="gan-32", references=REFERENCES_32)
small = gan(((8, 16, 24), (8, 12, 16)), codes=(8, 16), channels=1, name="gan-small")
