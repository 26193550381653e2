"""Cost as a function of the input's size: length, image, graph; and what a router leaves unused."""

from __future__ import annotations

import pytest

import search_spaces.graph
import search_spaces.moe
import search_spaces.resnet
import search_spaces.ssm
from nasengine import Architecture, EdgeIndex, Image, Nodes, Space, Tokens
from search_spaces.transformer import llama_space


def published(space: Space, name: str) -> Architecture:
    return space.decode(space.references[name])


def at(member: Architecture, length: int) -> int:
    (inputs,) = (net.inputs for net in member.networks.values())
    ((name, tokens),) = inputs
    return member.with_inputs(**{name: Tokens(length, tokens.vocabulary)}).cost().macs


def test_attention_grows_with_the_square_of_the_length() -> None:
    """Llama-3-8B: 32 layers of 32 heads of 128 features, two products of T x T each; everything else is linear in T."""
    member = published(llama_space, "llama3_8b")
    square = 32 * 32 * 2 * 128
    for length in (1_000, 4_000):
        once, twice = at(member, length), at(member, 2 * length)
        assert twice - 2 * once == square * 2 * length**2
    assert member.cost().params == 8_030_261_248


def test_a_scan_grows_with_the_length() -> None:
    member = published(search_spaces.ssm.space, "mamba_130m")
    assert at(member, 4_096) == pytest.approx(4 * at(member, 1_024), rel=1e-9)


def test_convolutions_grow_with_the_area_of_the_image() -> None:
    member = published(search_spaces.resnet.space, "resnet50")
    small, large = (member.with_inputs(input=Image(3, side)).cost() for side in (224, 448))
    assert small.params == large.params
    assert large.macs - 4 * small.macs == -3 * 2048 * 1000  # the classifier does not grow


def test_graph_networks_grow_with_the_nodes() -> None:
    member = published(search_spaces.graph.space, "gcn_cora")
    names = [name for net in member.networks.values() for name, _ in net.inputs]
    sizes = [
        member.with_inputs(**dict(zip(names, (Nodes(n, 1433), EdgeIndex(4 * n)), strict=True))).cost()
        for n in (1_000, 3_000)
    ]
    assert sizes[1].macs == 3 * sizes[0].macs
    assert sizes[0].params == sizes[1].params == 23_063


def test_a_token_of_mixtral_uses_two_of_eight_experts() -> None:
    cost = published(search_spaces.moe.space, "mixtral_8x7b").cost()
    each = 3 * 4096 * 14_336
    assert cost.params == 46_702_792_704
    assert cost.active_params == cost.params - 32 * 6 * each == 12_879_925_248
    assert cost.active_macs == cost.macs - 2048 * 32 * 6 * each
