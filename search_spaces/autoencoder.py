"""Autoencoders.

Generalises the deep autoencoder, the denoising autoencoder and the variational autoencoder (VAE) as one tree: open are
the bottleneck (a code, or a normal distribution to sample from), its size, what corrupts the input in training (normal
noise, or masking), depth and widths of the encoder and, apart from it, of the decoder, their activations, and whether
they are dense or convolutional (kernel, norm, transposed convolution or resizing). A VAE gives its reconstruction, mean
and log variance; an autoencoder its reconstruction alone. Evaluation is deterministic: no corruption, the mean for the
sample. `decoder_of(member)` is the decoder as a network of its own, from codes to images; its weights are those under
`decoder.` of the whole.

The beta of a beta-VAE weighs the Kullback-Leibler divergence in the loss, and no part of the network depends on it, so
the `beta_vae_*` are VAEs here. It is a decision of training: a field of the task whose loss it weighs, or an open field
of a recipe that is searched with the space (`space.with_recipe(...)`).

Papers: Hinton and Salakhutdinov (2006), "Reducing the dimensionality of data with neural networks"; Vincent et al.
(2008), "Extracting and composing robust features with denoising autoencoders", and (2010), "Stacked denoising
autoencoders"; Kingma and Welling (2014), "Auto-encoding variational Bayes"; Higgins et al. (2017), "beta-VAE"; Burgess
et al. (2018), "Understanding disentangling in beta-VAE".

Input: images of 1 x 28 x 28 (`space`), 1 x 64 x 64 (`shapes`), 3 x 64 x 64 (`faces`).

Task: reconstruction of the images; for the variational ones their density, too.

Counts: a linear layer of m features onto n has n (m + 1) parameters. `hinton_30`, 784-1000-500-250-30 and back:
785,000 + 500,500 + 125,250 + 7,530 = 1,418,280 down, 7,750 + 125,500 + 501,000 + 784,784 = 1,419,034 up, together
2,837,314. `denoising_1000`: 1000 * 785 + 784 * 1001 = 1,569,784. `vae_20`, 784-500 to a mean and a log variance of 20,
20-500-784: 392,500 + 2 * 10,020 + 10,500 + 392,784 = 815,824. `beta_vae_shapes`, 4096-1200-1200 to 2 * 10,
10-1200-1200-1200-4096: 4,916,400 + 1,441,200 + 24,020 + 13,200 + 2 * 1,441,200 + 4,919,296 = 14,196,516.
Convolutions and transposed ones of 4 x 4 from m channels to n have 16 m n + n. `beta_vae_faces`: (3, 32), (32, 32),
(32, 64), (64, 64) down, 116,416; 1024-256, 262,400, to 2 * 32, 16,448; 32-256-1024, 271,616; (64, 64), (64, 32), (32,
32), (32, 3) up, 116,355; together 783,235. `burgess_shapes`: (1, 32) and three of (32, 32), 49,792; 512-256-256 to 2 *
10, 202,260; 10-256-256-512, 200,192; three of (32, 32) and (32, 1), 49,761; together 502,005.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from nasengine import Architecture, Block, Features, Image, Network, Space, choice, repeat
from nasengine.blocks import (
    ELU,
    MLP,
    Autoencoder,
    BatchNorm,
    ConvDecoder,
    ConvNormAct,
    Dropout,
    Flatten,
    GaussianNoise,
    Identity,
    LeakyReLU,
    ReLU,
    Reshape,
    Sequential,
    Sigmoid,
    Tanh,
    VariationalAutoencoder,
)
from nasengine.errors import SpaceError
from nasengine.space.spec import Label

LATENTS = (2, 3, 5, 10, 20, 30, 32, 64, 128, 200, 1000)
WIDTHS = (128, 250, 256, 400, 500, 512, 1000, 1200, 2000)
CHANNELS = (16, 32, 64, 128)


def activation(part: str) -> Block:
    """One activation for a part: the encoder or the decoder."""
    return choice(ReLU(), LeakyReLU(), ELU(), Tanh(), Sigmoid(), name=f"{part}_activation")


def encoder(widths: Sequence[int], depths: Sequence[int], channels: Sequence[int], halvings: Sequence[int]) -> Block:
    """Image to features: linear layers, or convolutions that halve its sides and then linear layers."""
    act = activation("encoder")
    conv = ConvNormAct(
        choice(*channels),
        choice(3, 4, 5, name="encoder_kernel"),
        stride=2,
        norm=choice(Identity(), BatchNorm(), name="encoder_norm"),
        activation=act,
    )

    def mlp(most: int) -> Block:
        return MLP(repeat(choice(*widths), choice(*(d for d in depths if d <= most))), activation=act)

    dense = Sequential(flatten=Flatten(), mlp=mlp(max(depths)))
    image = Sequential(convs=repeat(conv, choice(*halvings)), flatten=Flatten(), mlp=mlp(2))
    return choice(dense, image, labels=("dense", "conv"))


def decoder(
    shape: tuple[int, int, int],
    widths: Sequence[int],
    depths: Sequence[int],
    channels: Sequence[int],
    halvings: Sequence[int],
) -> Block:
    """Code to image: linear layers, or a linear layer and convolutions that double its sides."""
    act = activation("decoder")
    output = choice(Identity(), Sigmoid(), Tanh(), name="output")
    hidden = repeat(choice(*widths), choice(*depths))
    mlp = MLP(hidden, prod(shape), act)
    image = ConvDecoder(
        shape,
        widths=repeat(choice(*channels), choice(*halvings)),
        hidden=repeat(choice(*widths), choice(*(d for d in depths if d <= 2))),
        kernel=choice(3, 4, 5),
        upsample=choice("transpose", "resize"),
        norm=choice(Identity(), BatchNorm()),
        activation=act,
        output=output,
    )
    dense = Sequential(mlp=mlp, output=output, reshape=Reshape(shape, "CHW"))
    return choice(dense, image, labels=("dense", "conv"))


def autoencoder(
    shape: tuple[int, int, int] = (1, 28, 28),
    *,
    latents: Sequence[int] = LATENTS,
    widths: Sequence[int] = WIDTHS,
    depths: Sequence[int] = (0, 1, 2, 3),
    channels: Sequence[int] = CHANNELS,
    halvings: Sequence[int] = (1, 2, 3, 4),
    name: str = "autoencoder",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for square images of a shape.

    Args:
        latents: sizes of the code, as options.
        widths, depths: of linear layers, as options.
        channels, halvings: of convolutions, and how many there are, as options.
    """
    latent = choice(*latents, name="latent")
    labels = ("none", "noise_0.1", "noise_0.3", "masking_0.25", "masking_0.5")
    corruptions = (Identity(), GaussianNoise(0.1), GaussianNoise(0.3), Dropout(0.25), Dropout(0.5))
    corrupt = choice(*corruptions, labels=labels, name="corrupt")

    def coders() -> tuple[Block, Block]:
        return encoder(widths, depths, channels, halvings), decoder(shape, widths, depths, channels, halvings)

    code = choice(Identity(), ReLU(), Sigmoid(), name="latent_activation")
    network = choice(
        Autoencoder(*coders(), latent, code, corrupt),
        VariationalAutoencoder(*coders(), latent, corrupt),
        labels=("code", "variational"),
        name="bottleneck",
    )
    return Space(name, inputs=Image(*shape[:2]), network=network, references=references)


def decoder_of(member: Architecture) -> Architecture:
    """The decoder alone, from codes to images; its weights are the whole network's under ``decoder.``.

    Raises:
        SpaceError: not a member of these spaces.
    """
    body = member.networks["network"].body if "network" in member.networks else None
    if not isinstance(body, (Autoencoder, VariationalAutoencoder)):
        raise SpaceError(f"decoder_of: it takes an autoencoder; got a member of {member.space!r}")
    network = Network(body.decoder, (("latent", Features(body.latent)),))
    return Architecture(f"{member.space}-decoder", {"network": network})


def dense(down: Sequence[int], up: Sequence[int], latent: int) -> dict[str, Label]:
    """Decisions of linear layers on both sides."""
    found: dict[str, Label] = {"latent": latent, "*.encoder": "dense", "*.decoder": "dense", "corrupt": "none"}
    for part, widths in (("encoder", down), ("decoder", up)):
        found[f"*.{part}.dense.mlp.hidden.times"] = len(widths)
        found |= {f"*.{part}.dense.mlp.hidden.{i}": width for i, width in enumerate(widths)}
    return found


def acts(encoder: str, decoder: str, output: str, code: str = "") -> dict[str, Label]:
    """Decisions of activations."""
    found: dict[str, Label] = {"encoder_activation": encoder, "decoder_activation": decoder, "output": output}
    return found | ({"bottleneck": "code", "latent_activation": code} if code else {"bottleneck": "variational"})


def conv(down: Sequence[int], hidden: Sequence[int], up: Sequence[int], latent: int) -> dict[str, Label]:
    """Decisions of a convolutional VAE with kernels of 4 × 4: maps down, linear layers, maps from the coarsest up."""
    found: dict[str, Label] = {"*.encoder": "conv", "*.decoder": "conv", "corrupt": "none", "latent": latent}
    found |= {"encoder_kernel": 4, "*.kernel": 4, "encoder_norm": "identity", "*.norm": "identity"}
    found |= {"*.upsample": "transpose", "*.convs.times": len(down), "*.widths.times": len(up)}
    found |= {f"*.convs.blocks.{i}.channels": width for i, width in enumerate(down)}
    found |= {f"*.widths.{i}": width for i, width in enumerate(up)}
    found |= {"*.hidden.times": len(hidden)}
    found |= {f"*.encoder.conv.mlp.hidden.{i}": width for i, width in enumerate(hidden)}
    return found | {f"*.decoder.conv.hidden.{i}": width for i, width in enumerate(reversed(hidden))}


DIGITS = {
    "hinton_30": dense((1000, 500, 250), (250, 500, 1000), 30) | acts("sigmoid", "sigmoid", "sigmoid", "identity"),
    "denoising_1000": dense((), (), 1000)
    | acts("sigmoid", "sigmoid", "sigmoid", "sigmoid")
    | {"corrupt": "masking_0.25"},
    **{f"vae_{n}": dense((500,), (500,), n) | acts("tanh", "tanh", "sigmoid") for n in (3, 5, 10, 20, 200)},
}
SHAPES = {
    "beta_vae_shapes": dense((1200, 1200), (1200, 1200, 1200), 10) | acts("relu", "tanh", "sigmoid"),
    "burgess_shapes": conv((32, 32, 32, 32), (256, 256), (32, 32, 32, 32), 10) | acts("relu", "relu", "sigmoid"),
}
FACES = {"beta_vae_faces": conv((32, 32, 64, 64), (256,), (64, 64, 32, 32), 32) | acts("relu", "relu", "sigmoid")}

space = autoencoder(references=DIGITS)
shapes = autoencoder((1, 64, 64), name="autoencoder-shapes", references=SHAPES)
faces = autoencoder((3, 64, 64), name="autoencoder-faces", references=FACES)
small = autoencoder(
    (1, 8, 8), latents=(2, 4, 8, 16), widths=(16, 32, 64), depths=(0, 1, 2), channels=(4, 8, 16), halvings=(1, 2),
    name="autoencoder-small",
)  # fmt: skip
