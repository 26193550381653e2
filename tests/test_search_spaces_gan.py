"""Adversarial spaces: discriminators to the last parameter, who is deployed; the decoder of an autoencoder alone."""

from __future__ import annotations

import importlib

import pytest
import torch

from nasengine import Features, Image, Space, screen
from nasengine.errors import SpaceError
from nasengine.graph.module import build, example_inputs
from search_spaces import autoencoder, gan, style, translation


@pytest.mark.parametrize(
    ("module", "attribute", "reference", "params"),
    [
        ("gan", "space", "dcgan", 2_765_568),  # as published
        ("gan", "space", "wgan", 2_765_568),
        ("gan", "space", "wgan_gp", 2_765_568),  # layer norm has as many as batch norm
        ("gan", "gan_32", "wgan_gp_resnet_32", 1_053_825),  # derived in the critic's own test below
        ("translation", "space", "pix2pix_unet_256", 2_768_705),  # as published, on pairs of images
        ("translation", "space", "cyclegan_resnet_9", 2_764_737),  # as published, on one image
    ],
)
def test_a_discriminator_has_the_published_parameters(module: str, attribute: str, reference: str, params: int) -> None:
    space: Space = getattr(importlib.import_module(f"search_spaces.{module}"), attribute)
    member = space.decode(space.references[reference])
    assert member.graph("discriminator").cost.params == params
    assert member.cost().params == member.graph("generator").cost.params  # what is deployed
    assert [name for name, net in member.networks.items() if net.deployed] == ["generator"]


def test_the_residual_critic_of_32_pixels_has_the_counts_of_its_table() -> None:
    conv, wide = 9 * 128 * 128 + 128, 128 * 128 + 128
    first = (9 * 3 * 128 + 128) + conv + (3 * 128 + 128)
    assert first + (2 * conv + wide) + 2 * (2 * conv) + 129 == 1_053_825


def test_discriminators_and_generators_fit() -> None:
    for space in (gan.small, style.small):
        for seed in range(4):
            member = space.sample(seed)
            generator, judge = (build(member.graph(name).simplify()) for name in ("generator", "discriminator"))
            (code,) = example_inputs(member.graph("generator"), 3)
            assert judge(generator(code)).shape == (3, 1)


def test_a_code_is_a_row_or_an_image_of_one_pixel() -> None:
    member = gan.space.decode(gan.space.references["dcgan"])
    pixel = member.with_inputs(code=Image(100, 1))
    assert pixel.cost().params == member.cost().params
    assert pixel.graph("generator").types[0].shape == (100, 1, 1)
    assert member.with_inputs(code=Features(64)).cost().params == 3_576_704 - 36 * 512 * 16


def test_both_networks_are_part_of_an_id() -> None:
    dcgan, wgan = (gan.space.decode(gan.space.references[name]) for name in ("dcgan", "wgan"))
    assert screen(dcgan).id != screen(wgan).id
    assert screen(dcgan).cost == screen(wgan).cost


def test_a_discriminator_sees_the_patch_it_is_named_after() -> None:
    found = {}
    for seed in range(30):
        member = translation.space.sample(seed)
        found[member.decisions["patch"]] = member.graph("discriminator").cost.receptive_field
    assert found == {side: side for side in translation.PATCHES}


@pytest.mark.parametrize("bottleneck", ["code", "variational"])
def test_the_decoder_of_an_autoencoder_is_a_network_of_its_own(bottleneck: str) -> None:
    members = (autoencoder.small.sample(seed) for seed in range(100))
    for member in [m for m in members if m.decisions["bottleneck"] == bottleneck][:5]:
        alone = autoencoder.decoder_of(member)
        whole, decoder = member.build().eval(), alone.build().eval()
        state = {k.removeprefix("decoder."): v for k, v in whole.state_dict().items() if k.startswith("decoder.")}
        decoder.load_state_dict(state, strict=True)
        assert alone.cost().params < member.cost().params
        (x,) = example_inputs(member.graph(), 3)
        if bottleneck == "variational":
            made = whole(x)
            torch.testing.assert_close(decoder(made["mean"]), made["reconstruction"])
        else:
            (code,) = example_inputs(alone.graph(), 3)
            assert decoder(code).shape == x.shape


def test_the_decoder_of_something_else_is_refused() -> None:
    with pytest.raises(SpaceError, match="decoder_of: it takes an autoencoder; got a member of 'gan-small'"):
        autoencoder.decoder_of(gan.small.sample(0))
