"""Ids are sound: equal id, equal networks; and they join what the stated rule says."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest
import torch
from graph_programs import FEW, REWRITES, Program, Rendered, draw_program, render
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nasengine.graph import Graph
from nasengine.graph.canonical import module_order
from nasengine.graph.module import build, example_inputs

SEEDS = st.integers(0, 2**32)


def outputs(module: nn.Module, inputs: tuple[Tensor, ...], train: bool) -> list[Tensor]:
    module.train(train)
    with torch.no_grad():
        made = module(*inputs)
    return list(made.values()) if isinstance(made, dict) else [made]


def state_under(module: nn.Module, path: str) -> dict[str, Tensor]:
    return {k[len(path) + 1 :]: v for k, v in module.state_dict().items() if k.startswith(path + ".")}


def copy_weights(source: nn.Module, target: nn.Module, pairs: list[tuple[str, str]]) -> None:
    """Copies module by module; every tensor of the target must be covered."""
    state = {}
    for theirs, ours in pairs:
        state.update({f"{ours}.{k}": v.clone() for k, v in state_under(source, theirs).items()})
    wanted = target.state_dict()
    assert wanted.keys() <= state.keys(), sorted(wanted.keys() - state.keys())
    target.load_state_dict({k: state[k] for k in wanted})


def randomise(module: nn.Module, seed: int) -> nn.Module:
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=rng) + 0.25)
    return module


def assert_alike(a: Graph, b: Graph, pairs: list[tuple[str, str]], seed: int) -> None:
    first, second = randomise(build(a), seed), build(b)
    copy_weights(first, second, pairs)
    inputs = example_inputs(a, batch=3, seed=seed % 1_000)
    for train in (False, True):
        for x, y in zip(outputs(first, inputs, train), outputs(second, inputs, train), strict=True):
            assert torch.allclose(x, y, rtol=1e-4, atol=1e-5), (x - y).abs().max()


def used(one: Rendered, other: Rendered) -> list[tuple[str, str]]:
    return [(path, other.paths[m]) for m, path in one.paths.items() if m in other.paths]


def program_of(seed: int, **more: object) -> Program:
    rng = random.Random(seed)
    return draw_program(rng, size=rng.randint(2, 9), **more)  # type: ignore[arg-type]


@settings(max_examples=120)
@given(SEEDS, st.integers(1, 2), st.integers(1, 2))
def test_simplified_graphs_compute_what_declared_ones_do(seed: int, inputs: int, outs: int) -> None:
    made = render(program_of(seed, inputs=inputs, outs=outs))
    simple = made.graph.simplify()
    assert simple.simplify().id == simple.id == made.graph.id
    assert_alike(made.graph, simple, [(p, p) for p in made.paths.values()], seed)
    assert simple.cost.params <= made.graph.cost.params


@settings(max_examples=150)
@given(SEEDS, st.integers(1, 2), st.integers(1, 2))
def test_ids_do_not_depend_on_names_order_and_nesting(seed: int, inputs: int, outs: int) -> None:
    program = program_of(seed, inputs=inputs, outs=outs)
    one, other = render(program), render(program, random.Random(seed + 1))
    assert one.graph.id == other.graph.id
    assert_alike(one.graph.simplify(), other.graph.simplify(), used(one, other), seed)


@pytest.mark.parametrize("rewrite", REWRITES, ids=lambda f: f.__name__)
def test_ids_join_what_the_rule_says(rewrite) -> None:  # type: ignore[no-untyped-def]
    for seed in range(60):
        rng = random.Random(seed)
        program = draw_program(rng, size=rng.randint(2, 8), inputs=rng.randint(1, 2), outs=rng.randint(1, 2))
        twin = rewrite(program, rng)
        one, other = render(program), render(twin, rng)
        assert one.graph.id == other.graph.id, (seed, program, twin)
        if seed < 25:
            assert_alike(one.graph.simplify(), other.graph.simplify(), used(one, other), seed)


def test_networks_of_equal_id_are_equal_networks() -> None:
    """Small random networks from few operations, so that unrelated ones meet; weights copied by canonical order."""
    groups: dict[str, list[Rendered]] = defaultdict(list)
    for seed in range(1_500):
        rng = random.Random(seed)
        made = render(draw_program(rng, size=rng.randint(1, 5), ops=FEW, shared=0.3), rng)
        groups[made.graph.id].append(made)
    met = 0
    for group in groups.values():
        for other in group[1:4]:
            a, b = group[0].graph.simplify(), other.graph.simplify()
            if a.nodes == b.nodes:
                continue
            met += 1
            ours, theirs = module_order(a.fragment), module_order(b.fragment)
            assert len(ours) == len(theirs)
            assert_alike(a, b, list(zip(ours, theirs, strict=True)), met)
            assert a.cost.params == b.cost.params
    assert met > 100


def test_random_networks_do_not_collapse_to_few_ids() -> None:
    assert len({render(program_of(seed)).graph.id for seed in range(300)}) > 150
