"""Addressable memory, matching and neural modules: what their parts compute, what they cost, their messages."""

from __future__ import annotations

import pytest
import torch
from blocks_cases import FEATURES, IMAGE, SEQUENCE, graph_of
from torch.nn import functional as F

from nasengine import Sequence
from nasengine.blocks import (
    AttentiveLSTM,
    Combine,
    Conv,
    Describe,
    DifferentiableComputer,
    Find,
    Match,
    MatchingNetwork,
    Measure,
    Sequential,
    Transform,
    TuringMachine,
)
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph import Primitive, TensorType
from nasengine.graph.module import build
from nasengine.modules.differentiable_computer import DifferentiableComputer as Computer
from nasengine.modules.differentiable_computer import allocation
from nasengine.modules.matching import Match as Matcher
from nasengine.modules.turing_machine import TuringMachine as Machine
from search_spaces import memory

LABELS = TensorType((5,), "T", "int64")


def test_free_slots_are_those_of_the_sorted_list() -> None:
    """Graves et al. (2016), equation 1 of the methods, in order of use; ties go to the first slot."""
    usage = torch.rand(20, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    usage[:, 3] = usage[:, 7]
    usage[0] = 0.0
    for found, row in zip(allocation(usage), usage, strict=True):
        left = 1.0
        for place in row.sort(stable=True).indices.tolist():
            torch.testing.assert_close(found[place].item(), (1 - row[place].item()) * left)
            left *= row[place].item()


def test_a_memory_in_use_gives_no_slot_and_an_empty_one_its_first() -> None:
    assert allocation(torch.ones(1, 4)).tolist() == [[0.0] * 4]
    assert allocation(torch.zeros(1, 4)).tolist() == [[1.0, 0.0, 0.0, 0.0]]


def test_a_head_told_to_move_moves() -> None:
    """Told with force to stay with the old place, to shift by one and to be sharp, it points to the next slot."""
    machine = Machine(3, 4, 5, 2)
    told = torch.tensor([[[0.0, 0.0, 0.0, -50.0, -50.0, -50.0, 50.0, 9.0]]])  # key, strength, gate, shifts, sharpness
    place = F.one_hot(torch.tensor([[4]]), 5).float()
    moved = machine.point(told, torch.randn(1, 5, 2), place)
    torch.testing.assert_close(moved, F.one_hot(torch.tensor([[0]]), 5).float())
    told[..., 4:7] = torch.tensor([50.0, -50.0, -50.0])
    moved = machine.point(told, torch.randn(1, 5, 2), place)
    torch.testing.assert_close(moved, F.one_hot(torch.tensor([[3]]), 5).float())


def test_a_head_finds_what_it_asks_for() -> None:
    machine = Machine(3, 4, 5, 2)
    stored = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0], [0.7, 0.7]]])
    told = torch.tensor([[[0.0, -3.0, 60.0, 50.0, -50.0, 50.0, -50.0, 1.0]]])
    places = machine.point(told, stored, torch.full((1, 1, 5), 0.2))
    assert places.argmax().item() == 3
    assert places.max() > 0.99


def test_the_order_of_writing_can_be_read() -> None:
    """Written in turn, the slots are linked so that reading forward from the first gives the second."""
    torch.manual_seed(0)
    machine = Computer(3, 8, 4, 3, 1, "mlp")
    with torch.no_grad():
        machine.interface.weight.zero_()
        machine.interface.bias.zero_()
        cut = dict(zip(("keys", "beta", "key", "strength", "erase", "vector", "free", "allocate", "gate", "modes"),
                       machine.interface.bias.split(machine.sizes), strict=True))  # fmt: skip
        cut["allocate"].fill_(50.0)
        cut["gate"].fill_(50.0)
        cut["free"].fill_(-50.0)
        machine.interface.weight.split(machine.sizes)[5][:] = torch.randn(3, 8)  # what is written depends on the input
        out, used = machine.run(torch.randn(1, 3, 3))
    torch.testing.assert_close(used[0], torch.tensor([[0.0, 0, 0, 0], [1.0, 0, 0, 0], [1.0, 1.0, 0, 0]]))
    assert out.shape == (1, 3, 11)


def test_the_margin_of_slots_is_the_least_gap_but_of_those_alike() -> None:
    torch.manual_seed(0)
    machine = Computer(3, 8, 4, 3, 2)
    x = torch.randn(2, 4, 3)
    used = machine.run(x)[1]
    gaps = [abs(a - b) for row in used.reshape(-1, 4).tolist() for i, a in enumerate(row) for b in row[:i]]
    assert machine.margin(x).item() == pytest.approx(min(g for g in gaps if g > 1e-6))


def test_cost_grows_linearly_with_the_length() -> None:
    for name in memory.space.references:
        member = memory.space.decode(memory.space.references[name])
        features = {"dnc_repeat_copy": 6}.get(name, 10)
        costs = {n: member.with_inputs(input=Sequence(n, features)).cost() for n in (10, 1_000)}
        assert costs[1_000].macs == 100 * costs[10].macs
        assert costs[1_000].params == costs[10].params


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_label_is_that_of_the_examples_which_are_near(metric: str) -> None:
    known = torch.eye(4).unsqueeze(0) * 3
    labels = torch.tensor([[2, 0, 1, 0]])
    found = Matcher(3, metric, 20.0)(known, known, labels)
    assert found.argmax(-1).tolist() == labels.tolist()
    torch.testing.assert_close(found.exp().sum(-1), torch.ones(1, 4))


def test_a_class_without_examples_has_a_finite_score() -> None:
    found = Matcher(3)(torch.randn(1, 2, 4), torch.randn(1, 5, 4), torch.zeros(1, 5, dtype=torch.long))
    assert torch.isfinite(found).all()


def test_one_encoder_embeds_queries_and_examples() -> None:
    block = MatchingNetwork(3, Sequential(Conv(2, (1, 3, 3))))
    with pytest.raises(ShapeError, match=r"match: it takes a sequence"):
        graph_of(block, (TensorType((1, 4, 5, 5), "CDHW"), TensorType((1, 5, 5, 5), "CDHW"), LABELS))
    graph = graph_of(MatchingNetwork(3, steps=2), (SEQUENCE, SEQUENCE, LABELS))
    assert {name.split(".")[0] for name, _ in build(graph).named_parameters()} == {"context", "reader"}


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (lambda: TuringMachine(hidden=0), r"turing_machine: hidden, slots, width and reads >= 1; got .*'hidden': 0"),
        (lambda: TuringMachine(controller="gru"), r"turing_machine.controller: one of lstm, mlp; got 'gru'"),
        (lambda: TuringMachine(slots=4, shift=2), r"0 <= 2 shift < slots.*got writes=1, shift=2 and 4 slots"),
        (lambda: DifferentiableComputer(reads=0), r"differentiable_computer: hidden, slots, width and reads >= 1"),
        (lambda: Match(1), r"match: classes >= 2 and scale > 0; got 1 and 1.0"),
        (lambda: Match(3, "dot"), r"match.metric: one of cosine, euclidean; got 'dot'"),
        (lambda: AttentiveLSTM(0), r"attentive_lstm.steps: at least 1; got 0"),
        (lambda: Measure(2, hidden=0), r"measure: features and hidden >= 1; got 2 and 0"),
    ],
)
def test_fields_that_mean_nothing_are_refused(block: object, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        block()  # type: ignore[operator]


def test_types_that_do_not_fit_are_refused() -> None:
    other = TensorType((7, 8), "TF")
    with pytest.raises(ShapeError, match=r"turing_machine: it takes a sequence, \(T, F\); got"):
        graph_of(TuringMachine(), (FEATURES,))
    with pytest.raises(
        ShapeError, match=r"attentive_lstm: queries and examples have one size; got .*embed both by one"
    ):
        graph_of(AttentiveLSTM(), (SEQUENCE, other))
    with pytest.raises(ShapeError, match=r"match: one label an example, int64; got .*give Tokens\(5\)"):
        graph_of(Match(3), (SEQUENCE, SEQUENCE, TensorType((6,), "T", "int64")))
    for block in (Transform(Conv(2, 1)), Combine(Find(), Conv(2, 1)), Describe(2, Conv(2, 1)), Measure(2, Describe(3))):
        with pytest.raises(
            ShapeError, match=r"a module that gives an attention, \(1, H, W\); got .*use Find, Transform"
        ):
            graph_of(block, (IMAGE,))


def test_a_memory_without_an_interface_says_so() -> None:
    base = TuringMachine.__mro__[1]
    assert issubclass(base, Primitive)
    for method in (base.told, base.addressing):  # type: ignore[attr-defined]
        with pytest.raises(NotImplementedError, match=r"turing_machine: a memory states"):
            method(TuringMachine())
