"""Autoencoders, adversarial networks, styles and image translation against plain torch."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping

import torch
from reference import autoencoder as ae
from reference import gan, style
from torch import nn

from nasengine import Graph, Space
from nasengine.space.spec import Label
from peers import Peer, State, Twin, in_order
from search_spaces import style as styles
from search_spaces import translation as translations

FULL = (512, 512, 512, 512)
V1, V2 = (*FULL, 256, 128, 64, 32, 16), (*FULL, 512, 256, 128, 64, 32)
DEEP, WIDE, SHAPES = (784, 1000, 500, 250, 30), (784, 1000), (4096, 1200, 1200)
WIDTHS = (64, 128, 256, 512)
UNET = (64, 128, 256, 512, 512, 512, 512, 512)

PEERS = [
    Peer("autoencoder", "hinton_30", lambda: ae.DenseAutoencoder(DEEP, DEEP[::-1], nn.Sigmoid)),
    Peer("autoencoder", "denoising_1000", lambda: ae.DenseAutoencoder(WIDE, WIDE[::-1], nn.Sigmoid, nn.Sigmoid)),
    *[
        Peer("autoencoder", f"vae_{n}", lambda n=n: ae.DenseVAE((784, 500), n, (500, 784)))  # type: ignore[misc]
        for n in (3, 5, 10, 20, 200)
    ],
    Peer("autoencoder", "beta_vae_shapes", lambda: ae.DenseVAE(SHAPES, 10, (1200, *SHAPES[::-1])), "shapes"),
    Peer("autoencoder", "burgess_shapes", lambda: ae.ConvVAE(64, (1, 32, 32, 32, 32), (256, 256), 10), "shapes"),
    Peer("autoencoder", "beta_vae_faces", lambda: ae.ConvVAE(64, (3, 32, 32, 64, 64), (256,), 32), "faces"),
    *[Peer("gan", name, lambda: gan.dcgan_generator(100, WIDTHS[::-1])) for name in ("dcgan", "wgan", "wgan_gp")],
    Peer("gan", "dcgan_128", lambda: gan.dcgan_generator(100, (1024, 512, 256, 128))),
    Peer("gan", "dcgan_32", lambda: gan.dcgan_generator(100, (256, 128, 64)), "gan_32"),
    Peer("gan", "wgan_gp_resnet_32", lambda: gan.resnet_generator_32(128), "gan_32"),
    Peer("translation", "pix2pix_unet_256", lambda: gan.Pix2PixUNet(UNET)),
    Peer("translation", "pix2pix_unet_128", lambda: gan.Pix2PixUNet(UNET[:7])),
    Peer("translation", "cyclegan_resnet_9", lambda: gan.cyclegan_generator(64, 9)),
    Peer("translation", "cyclegan_resnet_6", lambda: gan.cyclegan_generator(64, 6)),
    Peer("style", "stylegan_1024", lambda: style.StyleGAN(512, 8, V1)),
    Peer("style", "stylegan2_1024", lambda: style.StyleGAN2(512, 8, V2)),
    Peer("style", "stylegan_256", lambda: style.StyleGAN(512, 8, V1[:7]), "style_256"),
    Peer("style", "stylegan2_256", lambda: style.StyleGAN2(512, 8, V2[:7]), "style_256"),
    Peer("style", "adain", style.AdaINTransfer, "adain"),
]  # fmt: skip


def published(module: str, reference: str, network: str | None = None, attribute: str = "space") -> Callable[[], Graph]:
    """A network of a published member."""

    def make() -> Graph:
        space: Space = getattr(importlib.import_module(f"search_spaces.{module}"), attribute)
        return space.decode(space.references[reference]).graph(network)

    return make


def small(space: Space, decisions: Mapping[str, Label], network: str | None = None) -> Callable[[], Graph]:
    """A network of a member of a small space."""
    return lambda: space.select(decisions).graph(network)


def after_mapping(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """Mapping network, constant, layers, maps for images' styles, images; an affine map before what it modulates."""

    def place(name: str) -> tuple[int, int, int, bool]:
        layer = re.match(r"layers\.(\d+)\.(\d+)\.", name)
        if layer:
            return 2, int(layer[1]), int(layer[2]), not (layer[2] == "0" and "affine" in name)
        if name.startswith("images"):
            return 3 if "affine" in name else 4, 0, 0, True
        part = {"mapping": 0, "constant": 1, "shift": 1, "first": 2}.get(name.partition(".")[0], 5)
        return part, -1, 0, True

    return in_order(ours, {name: theirs[name] for name in sorted(theirs, key=place)})


def layer_norm(channels: int) -> nn.Module:
    return nn.GroupNorm(1, channels)


IMAGES: dict[str, Label] = {"activation": "relu", "biases": False, "norm": "batch_norm", "judges": "pair", "patch": 34}
IMAGES |= {"width_0": 4, "width_1": 8, "width_2": 16, "patch_0": 8, "patch_1": 12, "patch_2": 16}
IMAGES |= {"patch_activation": "leaky_relu", "*.up": "transpose"}
INSTANCE = IMAGES | {"biases": True, "norm": "instance_norm", "judges": "image"}
HALVED: dict[str, Label] = {"generator": "unet", "generator.unet": 4, "down_activation": "leaky_relu", "width_3": 16}
BLOCKS: dict[str, Label] = {"generator": "resnet", "dropout": "identity", "padding": "reflect", "*.times": 2}
BLOCKS |= {"*.blocks.*": "conv_3"}
STYLE = {name: label for name, label in styles.stylegan(3, False).items() if not name.startswith("generator_")}
STYLE |= {"features": 16, "*.depth": 2, "generator_4": 16, "generator_8": 12, "generator_16": 8}
STYLE |= {"discriminator_0": 8, "discriminator_1": 12}
TRANSFER: dict[str, Label] = {"padding": "reflect", "activation": "relu", "width_0": 8, "width_1": 12, "width_2": 16}
TRANSFER |= {"encoder.level0.*": 2, "encoder.level1.*": 1, "decoder.level0.*": 1, "decoder.level1.*": 0}
TWINS = [
    Twin("autoencoder of 2006", published("autoencoder", "hinton_30"), PEERS[0].make, in_order),
    Twin("denoising autoencoder", published("autoencoder", "denoising_1000"), PEERS[1].make, in_order),
    Twin("vae", published("autoencoder", "vae_20"), lambda: ae.DenseVAE((784, 500), 20, (500, 784)), in_order),
    Twin(
        "beta-vae, dense",
        published("autoencoder", "beta_vae_shapes", attribute="shapes"),
        lambda: ae.DenseVAE(SHAPES, 10, (1200, *SHAPES[::-1]), (nn.ReLU, nn.Tanh)),
        in_order,
    ),
    Twin(
        "beta-vae, convolutions",
        published("autoencoder", "burgess_shapes", attribute="shapes"),
        lambda: ae.ConvVAE(64, (1, 32, 32, 32, 32), (256, 256), 10),
        in_order,
    ),
    Twin(
        "dcgan, generator",
        published("gan", "dcgan"),
        lambda: gan.dcgan_generator(100, WIDTHS[::-1]),
        in_order,
    ),
    Twin(
        "dcgan, discriminator",
        published("gan", "dcgan", "discriminator"),
        lambda: gan.dcgan_discriminator(WIDTHS),
        in_order,
    ),
    Twin(
        "wgan, critic",
        published("gan", "wgan", "discriminator"),
        lambda: gan.dcgan_discriminator(WIDTHS, output=nn.Identity),
        in_order,
    ),
    Twin(
        "wgan-gp, critic",
        published("gan", "wgan_gp", "discriminator"),
        lambda: gan.dcgan_discriminator(WIDTHS, norm=layer_norm, output=nn.Identity),
        in_order,
    ),
    Twin(
        "wgan-gp, residual generator",
        published("gan", "wgan_gp_resnet_32", attribute="gan_32"),
        lambda: gan.resnet_generator_32(128),
        in_order,
    ),
    Twin(
        "wgan-gp, residual critic",
        published("gan", "wgan_gp_resnet_32", "discriminator", "gan_32"),
        lambda: gan.ResnetCritic32(128),
        in_order,
    ),
    Twin(
        "pix2pix, four halvings",
        small(translations.small, IMAGES | HALVED),
        lambda: gan.Pix2PixUNet((4, 8, 16, 16)),
        in_order,
    ),
    Twin(
        "pix2pix, patches of 34",
        small(translations.small, IMAGES | HALVED, "discriminator"),
        lambda: gan.patch_discriminator((8, 12, 16), 6, instance=False),
        in_order,
    ),
    Twin(
        "cyclegan, two blocks",
        small(translations.small, INSTANCE | BLOCKS),
        lambda: gan.cyclegan_generator(4, 2),
        in_order,
    ),
    Twin(
        "cyclegan, patches of 34",
        small(translations.small, INSTANCE | BLOCKS, "discriminator"),
        lambda: gan.patch_discriminator((8, 12, 16), 3, instance=True),
        in_order,
    ),
    Twin(
        "stylegan, 16 pixels",
        small(styles.small, STYLE),
        lambda: style.StyleGAN(16, 2, (16, 12, 8), 1),
        after_mapping,
    ),
    Twin(
        "stylegan2, 16 pixels",
        small(styles.small, STYLE | {"*.modulation": "weight", "*.skips": True}),
        lambda: style.StyleGAN2(16, 2, (16, 12, 8), 1),
        after_mapping,
    ),
    Twin(
        "adain style transfer, 16 pixels",
        small(styles.transfer_small, TRANSFER),
        lambda: style.AdaINTransfer((8, 12, 16), (2, 1)),
        in_order,
    ),
]
