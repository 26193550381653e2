"""Every shipped family: members lower, small members build, train and export with equal outputs."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import search_spaces
from nasengine import Architecture, Graph, Space, screen
from nasengine.export import export
from nasengine.graph.module import build, example_inputs

every_family = pytest.mark.parametrize("family", search_spaces.names())


def spaces_of(family: str) -> list[Space]:
    """Every space of a family's module, each once."""
    found = vars(importlib.import_module(f"search_spaces.{family}")).values()
    return list({id(v): v for v in found if isinstance(v, Space)}.values())


def small_of(family: str) -> list[Space]:
    """Its variants for a laptop: every space whose name says so."""
    module = search_spaces.load(family)
    return [s for s in spaces_of(family) if s is module.small or s.name.endswith("small")]


def members(space: Space, count: int, seed: int) -> Iterator[Architecture]:
    rng = random.Random(f"{space.name}:{seed}")
    for _ in range(count):
        yield space.sample(rng)


def networks(member: Architecture) -> Iterator[tuple[str, Graph]]:
    """Each network's simplified graph, those for training too."""
    for name in member.networks:
        yield name, member.graph(name).simplify()


class NearError(AssertionError):
    """Some decision is always near."""


def steady_inputs(graph: Graph, module: nn.Module, batch: int) -> tuple[Tensor, ...]:
    """Inputs at which no router and no threshold of the network is closer than 1e-4 to its decision."""
    margins: list[float] = []
    hooks = [
        m.register_forward_hook(lambda m, args, out: margins.append(float(m.margin(*args))))
        for m in module.modules()
        if hasattr(m, "margin")
    ]
    try:
        for size, seed in itertools.product((batch, 2, 1), range(100)):  # fewer samples hold fewer near decisions
            inputs = example_inputs(graph, size, seed=seed)
            margins.clear()
            with torch.no_grad():
                module(*inputs)
            if all(margin > 1e-4 for margin in margins):
                return inputs
    finally:
        for hook in hooks:
            hook.remove()
    raise NearError("no inputs with margins above 1e-4 in 300 draws")


@every_family
def test_a_thousand_members_of_every_space_lower(family: str) -> None:
    for space in spaces_of(family):
        size = space.size
        wanted = 1_000 if isinstance(size, float) or size > 1_000 else size
        every = members(space, 1_000, 0) if wanted == 1_000 else iter(space)
        costs = [screen(member).cost for member in every]
        assert len(costs) == wanted
        assert all(cost.params >= cost.active_params >= 0 and cost.macs >= cost.active_macs >= 0 for cost in costs)


def check_built(member: Architecture) -> None:
    """Parameters, MACs and shapes of what is built are those of the closed form; it runs forward and backward."""
    for name, graph in networks(member):
        module = build(graph)
        assert sum(p.numel() for p in module.parameters() if p.requires_grad) == graph.cost.params, name
        batch = 2 if any(graph.types[i].batched for i in graph.inputs.values()) else 1
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            build(graph).to("meta").eval()(*(t.to("meta") for t in example_inputs(graph, batch)))
        assert counter.get_total_flops() == 2 * batch * graph.cost.macs, name
        out = module.train()(*example_inputs(graph, 2, seed=1))
        made = out if isinstance(out, dict) else {"output": out}
        for key, value in graph.outputs.items():
            kind = graph.types[value]
            assert tuple(made[key].shape) == ((2, *kind.shape) if kind.batched else kind.shape), name
            assert torch.isfinite(made[key]).all() or not made[key].is_floating_point(), name
        sum(t.square().sum() for t in made.values() if t.requires_grad).backward()  # type: ignore[union-attr]
        missing = [key for key, p in module.named_parameters() if p.requires_grad and p.grad is None]
        assert not missing, (name, missing)


@every_family
def test_small_members_build_and_train(family: str) -> None:
    for space in small_of(family):
        for member in members(space, 5, 1):
            check_built(member)


@pytest.mark.slow
@every_family
def test_thirty_small_members_build_and_train(family: str) -> None:
    for space in small_of(family):
        for member in members(space, 30, 2):
            check_built(member)


@every_family
def test_a_step_of_a_small_member_takes_a_moment(family: str) -> None:
    """A training step on 32 samples: some milliseconds, so that a small study is seconds; the bound is generous."""
    for space in small_of(family):
        for name, graph in networks(space.largest()):
            module = build(graph).train()
            inputs = example_inputs(graph, 32)
            start = time.process_time()
            out = module(*inputs)
            made = list(out.values()) if isinstance(out, dict) else [out]
            sum(t.square().mean() for t in made if t.requires_grad).backward()  # type: ignore[union-attr]
            assert time.process_time() - start < 5.0, name


def telling_inputs(graph: Graph, module: nn.Module, batch: int) -> tuple[Tensor, ...]:
    """Steady inputs; an untrained memory uses its slots nearly alike, and larger weights tell them apart."""
    for factor in (1.0, 4.0, 2.0, 2.0, 2.0):  # no larger than needed: the larger, the further rounding is carried
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.mul_(factor)
        with contextlib.suppress(NearError):
            return steady_inputs(graph, module, batch)
    raise NearError("no inputs with margins above 1e-4, at 32 times the weights either")


def check_export(member: Architecture, folder: Path) -> None:
    """ONNX and torch.export agree with the module; deployed networks only. Other suites hold weights and source."""
    for name, net in member.networks.items():
        if not net.deployed:
            continue
        torch.manual_seed(0)
        graph = member.graph(name).simplify()
        module = build(graph).eval()
        inputs = telling_inputs(graph, module, 5)
        made = export(member, module, folder / name, formats=("onnx", "pt2"), inputs=inputs, network=name)
        assert all(parity.agrees for parity in made.parity.values())


@every_family
def test_two_small_members_export(family: str, tmp_path: Path) -> None:
    for space in small_of(family):
        for i, member in enumerate(members(space, 2, 3)):
            check_export(member, tmp_path / f"{space.name}-{i}")


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@every_family
def test_thirty_small_members_export(family: str, tmp_path: Path) -> None:
    for space in small_of(family):
        for i, member in enumerate(members(space, 30, 4)):
            check_export(member, tmp_path / f"{space.name}-{i}")
