"""The published members: parameters to the last one, against the literature and against independent implementations.

``TABLE`` holds the counts that the literature gives for the published code. Peers (other packages, or the plain torch
of ``reference/``) are held beside them in more sizes than the table names; twins give equal outputs on equal weights.
"""

from __future__ import annotations

import importlib
import pkgutil
import time
from functools import cache

import pytest
import torch
from peers import Peer, Twin, families, quiet, randomise

import search_spaces
from nasengine import Architecture, Space
from nasengine.graph.module import build
from nasengine.graph.wiring import clear_cache

TABLE: dict[str, dict[str, int]] = {
    "mixer": {"mixer_b16": 59_880_472},
    "lenet": {"lenet5": 61_706},
    "alexnet": {"alexnet": 61_100_840},
    "vgg": {"vgg11": 132_863_336, "vgg16": 138_357_544},
    "inception": {"googlenet": 6_624_904},
    "xception": {"xception": 22_855_952},
    "resnet": {"resnet18": 11_689_512, "resnet50": 25_557_032, "resnet152": 60_192_808},
    "densenet": {"densenet121": 7_978_856},
    "mobile": {
        "mobilenet_v2": 3_504_872,
        "mobilenet_v3_large": 5_483_032,
        "mnasnet1_0": 4_383_312,
        "efficientnet_b0": 5_288_548,
        "efficientnet_b7": 66_347_960,
    },
    "convnext": {"convnext_tiny": 28_589_128},
    "deeplab": {"deeplabv3_resnet50": 39_638_869, "deeplabv3_resnet50_aux": 42_004_074},
    "transformer": {"bert_base": 109_482_240, "gpt2": 124_439_808, "t5_small": 60_506_624, "llama3_8b": 8_030_261_248},
    "rnn": {"zaremba_medium": 19_780_400},
    "vit": {"vit_b_16": 86_567_656, "deit_s": 22_050_664},
    "swin": {"swin_t": 28_288_354},
    "moe": {"mixtral_8x7b": 46_702_792_704},
    "ssm": {"mamba_130m": 129_135_360},
    "graph": {"gcn_cora": 23_063, "gat_cora": 92_373},
    "detection": {"retinanet_r50_fpn": 34_014_999},
    "segformer": {"segformer_b0": 3_752_694},
    "mae": {"mae_base": 111_907_840},
    "speech": {"whisper_tiny": 37_760_640},
    "gan": {"dcgan": 3_576_704},
    "diffusion": {"ddpm_cifar10": 35_746_307},
    "multimodal": {"clip_vit_b32": 151_277_313},
}
"""Space → reference → parameters, as the literature gives them for the published code."""

MODULES = sorted(name for _, name, _ in pkgutil.iter_modules(search_spaces.__path__))
PEERS: list[Peer] = [peer for family in families() for peer in family.PEERS]
TWINS: list[Twin] = [twin for family in families() for twin in family.TWINS]


@cache
def spaces_of(module: str) -> tuple[Space, ...]:
    """Every space a module holds."""
    return tuple(
        {
            id(v): v for v in vars(importlib.import_module(f"search_spaces.{module}")).values() if isinstance(v, Space)
        }.values()
    )


def all_references() -> list[tuple[str, str, str]]:
    return [(m, s.name, name) for m in MODULES for s in spaces_of(m) for name in s._references]


def member(module: str, space: str, reference: str) -> Architecture:
    (found,) = (s for s in spaces_of(module) if s.name == space)
    return found.decode(found.references[reference])


@pytest.mark.parametrize(("module", "reference"), [(m, r) for m, rows in TABLE.items() for r in rows])
def test_published_member_has_the_published_parameters(module: str, reference: str) -> None:
    (space,) = (s for s in spaces_of(module) if reference in s._references)
    found = space.decode(space.references[reference])
    assert found.cost().params == TABLE[module][reference]


@pytest.mark.parametrize(("module", "space", "reference"), all_references(), ids=str)
def test_reference_lowers_whole(module: str, space: str, reference: str) -> None:
    """It lowers in milliseconds, whatever its size, and nothing of it is dead: declared and simplified cost agree."""
    found = member(module, space, reference)
    clear_cache()
    start = time.process_time()
    cost = found.cost()
    assert time.process_time() - start < 2.0  # some 10 ms alone; the bound is for busy machines
    for name, net in found.networks.items():
        if net.deployed:
            declared = found.graph(name)
            assert declared.cost.params == declared.simplify().cost.params
    assert cost.active_params <= cost.params
    assert cost.active_macs <= cost.macs


@pytest.mark.parametrize("module", MODULES)
def test_source_of_every_reference_is_readable(module: str) -> None:
    """Repeated blocks become classes: 80 layers or a thousand take a few hundred lines, not ten thousand."""
    for space in spaces_of(module):
        for reference in space._references:
            found = space.decode(space.references[reference])
            for network in found.networks:
                text = found.source(network)
                assert text.count("\n") < 1_000, reference
                assert max(map(len, text.splitlines())) <= 160, reference


@pytest.mark.parametrize("peer", PEERS, ids=lambda p: f"{p.space}-{p.reference}")
def test_parameters_are_those_of_an_independent_implementation(peer: Peer) -> None:
    with quiet(), torch.device("meta"):
        theirs = peer.make()
    found = peer.architecture()
    assert found.cost().params == sum(p.numel() for p in theirs.parameters())


@pytest.mark.parametrize("twin", TWINS, ids=lambda t: t.name)
def test_outputs_are_those_of_an_independent_implementation(twin: Twin) -> None:
    torch.manual_seed(0)
    graph = twin.ours()
    ours = build(graph)
    with quiet():
        theirs = twin.theirs()
        randomise(theirs)
        shapes = {name: t.shape for name, t in ours.state_dict().items()}
        ours.load_state_dict(twin.rename(shapes, theirs.state_dict()), strict=True)
        inputs = twin.inputs(graph)
        with torch.no_grad():
            found = ours.eval()(*inputs)
            wanted = twin.call(theirs.eval(), inputs)
    mine = list(found.values()) if isinstance(found, dict) else [found]
    others = list(wanted) if isinstance(wanted, (tuple, list)) else [wanted]
    assert len(mine) == len(others)
    for a, b in zip(mine, others, strict=True):
        assert a.shape == b.shape
        assert b.std() > 1e-6  # an output that does not vary could not tell
        assert (a - b).abs().max() <= 1e-5 * max(1.0, b.abs().max().item())
