"""What an id tells apart, what it joins, and ids that must never change."""

# ruff: noqa: E501 - tables of cases, a case a line

from __future__ import annotations

import ast
import json
import subprocess
import sys
from typing import Any

import pytest
from graph_programs import Wired, graph_of

from nasengine import Features, Image, Network, Scalar, Sequence, Space, Tokens, choice, screen
from nasengine.blocks import (
    Add,
    BatchNorm,
    Branches,
    Concat,
    Conv,
    Dropout,
    Flatten,
    GlobalPool,
    Identity,
    LayerNorm,
    Linear,
    Multiply,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
    Zero,
)
from nasengine.graph import Block, lower
from nasengine.space import Architecture

BIASLESS = Linear(4, bias=False)


def wired(*steps: tuple[Any, ...], outs: tuple[int, ...] | None = None, inputs: int = 1) -> Wired:
    """Steps of (block, arguments) or (block, arguments, module); the last value is the output."""
    rows = tuple(
        (s[0], s[1], f"s{i}" if len(s) < 3 else s[2], None if len(s) < 3 else s[2]) for i, s in enumerate(steps)
    )
    return Wired(rows, outs or (inputs + len(steps) - 1,))


def id_of(body: Block, inputs: int = 1) -> str:
    return graph_of(body, inputs).id


DIFFERENT: dict[str, tuple[Block, ...]] = {
    "shared and twin modules": (
        wired((Linear(4), (0,), "m"), (Linear(4), (1,), "m")),
        wired((Linear(4), (0,)), (Linear(4), (1,))),
    ),
    "which of two modules is applied again": (
        wired((Linear(4), (0,), "m"), (Linear(4), (1,), "n"), (Linear(4), (2,), "m"), (Linear(4), (3,), "n")),
        wired((Linear(4), (0,), "m"), (Linear(4), (1,), "n"), (Linear(4), (2,), "n"), (Linear(4), (3,), "m")),
        wired((Linear(4), (0,), "m"), (Linear(4), (1,), "m"), (Linear(4), (2,), "n"), (Linear(4), (3,), "n")),
        wired((Linear(4), (0,), "m"), (Linear(4), (1,), "m"), (Linear(4), (2,), "m"), (Linear(4), (3,), "n")),
    ),
    "order of a concatenation": (
        wired((ReLU(), (0,)), (Tanh(), (0,)), (Concat(), (1, 2)), (Linear(2), (3,))),
        wired((ReLU(), (0,)), (Tanh(), (0,)), (Concat(), (2, 1)), (Linear(2), (3,))),
    ),
    "order of operations": (Sequential(ReLU(), Tanh()), Sequential(Tanh(), ReLU())),
    "one and twice": (Sequential(Linear(4)), Sequential(Linear(4), Linear(4))),
    "a term once and twice": (wired((ReLU(), (0,)), (Add(), (0, 1))), wired((ReLU(), (0,)), (Add(), (0, 0, 1)))),
    "sum and product": (wired((ReLU(), (0,)), (Add(), (0, 1))), wired((ReLU(), (0,)), (Multiply(), (0, 1)))),
    "bias and none": (Sequential(Linear(4)), Sequential(BIASLESS)),
    "widths": (Sequential(Linear(4), Linear(2)), Sequential(Linear(5), Linear(2))),
    "dropout, its rate, its place": (
        Sequential(Linear(4)), Sequential(Linear(4), Dropout(0.5)), Sequential(Linear(4), Dropout(0.4)),
        Sequential(Dropout(0.5), Linear(4)),
    ),
    "one random mask and two": (
        wired((Dropout(0.5), (0,)), (Add(), (1, 1))), wired((Dropout(0.5), (0,)), (Dropout(0.5), (0,)), (Add(), (1, 2))),
    ),
    "one stateful branch and two": (
        wired((Linear(4), (0,)), (Add(), (1, 1))), wired((Linear(4), (0,)), (Linear(4), (0,)), (Add(), (1, 2))),
    ),
    "zeros with a bias and nothing": (
        wired((Zero(), (0,)), (Linear(4), (1,)), (Add(), (0, 2))), Sequential(Identity()),
        wired((Zero(), (0,)), (BatchNorm(), (1,)), (Add(), (0, 2))), wired((Zero(), (0,)), (Sigmoid(), (1,)), (Add(), (0, 2))),
    ),
    "zeros as the answer": (Sequential(Zero()), Sequential(Identity()), Sequential(Zero(), Sigmoid())),
    "settings of a norm": (
        Sequential(LayerNorm()), Sequential(LayerNorm(eps=1e-3)), Sequential(LayerNorm(affine=False)), Sequential(LayerNorm(bias=False)),
        Sequential(BatchNorm()), Sequential(BatchNorm(momentum=0.2)),
    ),
    "outputs and their order": (
        wired((ReLU(), (0,)), (Tanh(), (0,)), outs=(1, 2)), wired((ReLU(), (0,)), (Tanh(), (0,)), outs=(2, 1)),
        wired((ReLU(), (0,)), (Tanh(), (0,)), outs=(1,)), wired((ReLU(), (0,)), (Tanh(), (0,)), outs=(1, 1)),
    ),
    "the same colours, another wiring": (
        wired((Linear(4), (0,)), (Linear(4), (0,)), (Tanh(), (1,)), (ReLU(), (1,)), (Multiply(), (3, 4)), (Add(), (2, 5))),
        wired((Linear(4), (0,)), (Linear(4), (0,)), (Tanh(), (1,)), (ReLU(), (2,)), (Multiply(), (3, 4)), (Add(), (2, 5))),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENT)
def test_different_networks_have_different_ids(name: str) -> None:
    found = [id_of(body) for body in DIFFERENT[name]]
    assert len(set(found)) == len(found)


def test_inputs_tell_networks_apart() -> None:
    two = [wired((Linear(4), (0,)), (Add(), (1, 2)), inputs=2), wired((Linear(4), (1,)), (Add(), (0, 2)), inputs=2)]
    assert len({id_of(body, 2) for body in two}) == 2
    first = wired((ReLU(), (0,)), inputs=1)
    assert id_of(first, 1) != id_of(Wired(first.steps, (2,)), 2), "an input that nothing reads is still an input"


def test_types_of_inputs_tell_networks_apart() -> None:
    kinds = [
        Features(6),
        Image(6, 1),
        Image(3, 1, 2),
        Sequence(1, 6),
        Sequence(6, 1),
        Tokens(6, 10),
        Scalar(),
        Scalar("int64"),
    ]
    found = [lower(Architecture("t", {"network": Network(Sequential(), (("x", kind),))})).id for kind in kinds]
    assert len(set(found)) == len(found)


def test_resolution_and_convolutions_tell_networks_apart() -> None:
    space = Space(
        "s",
        inputs=Image(3, choice(8, 16)),
        network=Sequential(
            Conv(6, choice(1, 3, 5), stride=choice(1, 2), groups=choice(1, 3), bias=choice(True, False)),
            GlobalPool(choice("average", "max")),
            Linear(2),
        ),
    )
    assert len({screen(member).id for member in space}) == space.size == 96


EQUAL: dict[str, tuple[Block, ...]] = {
    "nesting": (
        Sequential(Linear(3), ReLU(), Linear(2), Tanh()),
        Sequential(Sequential(Linear(3), ReLU()), Sequential(Sequential(Linear(2)), Tanh())),
        Sequential(a=Linear(3), b=Sequential(c=ReLU(), d=Sequential(Linear(2), Tanh()))),
        wired((Linear(3), (0,)), (ReLU(), (1,)), (Linear(2), (2,)), (Tanh(), (3,))),
    ),
    "identities": (
        Sequential(Linear(4)), Linear(4), Sequential(Identity(), Linear(4), Sequential(), Dropout(0.0)), Sequential(Add(), Linear(4), Concat()),
        Sequential(Linear(4), Flatten(), GlobalPool()), Branches(Linear(4), merge="add"), Residual(Zero(), Linear(4)),
    ),
    "nothing at all": (Sequential(), Identity(), Sequential(Identity(), Sequential()), Residual(Zero()), Branches(Identity())),
    "order of terms": (
        wired((Linear(4), (0,)), (ReLU(), (0,)), (Add(), (0, 1, 2))), wired((ReLU(), (0,)), (Linear(4), (0,)), (Add(), (2, 0, 1))),
    ),
    "nested sums": (
        wired((Linear(4), (0,)), (ReLU(), (0,)), (Add(), (0, 1, 2))),
        wired((Linear(4), (0,)), (ReLU(), (0,)), (Add(), (0, 1)), (Add(), (3, 2))),
        wired((Linear(4), (0,)), (ReLU(), (0,)), (Add(), (1, 2)), (Add(), (0, 3))),
        Branches(Identity(), Branches(Linear(4), ReLU(), merge="add"), merge="add"),
    ),
    "equal pure uses": (
        wired((ReLU(), (0,)), (Linear(4), (1,)), (Add(), (1, 2))),
        wired((ReLU(), (0,)), (Linear(4), (1,)), (ReLU(), (0,)), (Add(), (3, 2))),
    ),
    "a module that is used once is no shared one": (
        wired((Linear(4), (0,), "m"), (ReLU(), (1,))), Sequential(Linear(4), ReLU()),
        wired((Linear(4), (0,), "m"), (Linear(4), (1,), "m"), (ReLU(), (1,))),
    ),
    "what keeps zeros": (
        Sequential(Zero()), Sequential(Zero(), ReLU(), BIASLESS, Dropout(0.3), Tanh()), Sequential(Linear(3), ReLU(), Zero(channels=4)),
        wired((Zero(), (0,)), (Multiply(), (0, 1))), wired((Zero(), (0,)), (Add(), (1, 1, 1))),
    ),
    "a learned constant": (
        wired((Linear(4), (0,)), (Zero(), (0,)), (BatchNorm(), (2,)), (Add(), (1, 3))),
        wired((Zero(), (0,)), (BatchNorm(), (1,)), (Linear(4), (0,)), (Add(), (2, 3))),
        wired((Linear(4), (0,)), (Zero(), (1,)), (ReLU(), (2,)), (BatchNorm(), (3,)), (Add(), (1, 4))),
    ),
    "learned constants in a row, however nested": (
        Sequential(
            wired((Linear(4), (0,)), (Zero(), (0,)), (BatchNorm(), (2,)), (Add(), (1, 3))),
            wired((Linear(4), (0,)), (Zero(), (0,)), (BatchNorm(), (2,)), (Add(), (1, 3))),
        ),
        wired(
            (Linear(4), (0,)), (Zero(), (0,)), (BatchNorm(), (2,)), (Add(), (1, 3)),
            (Linear(4), (4,)), (Zero(), (4,)), (BatchNorm(), (6,)), (Add(), (5, 7)),
        ),
        wired(
            (Zero(), (0,)), (BatchNorm(), (1,)), (BatchNorm(), (1,)),
            (Linear(4), (0,)), (Add(), (4, 2)), (Linear(4), (5,)), (Add(), (6, 3)),
        ),
    ),
    "sums of constants": (
        wired((Zero(), (0,)), (Sigmoid(), (1,)), (Add(), (2, 2)), (Add(), (0, 3))),
        wired((Zero(), (0,)), (Sigmoid(), (1,)), (Sigmoid(), (1,)), (Add(), (2, 0, 3))),
    ),
    "pure constants in a row, however nested": (
        Sequential(
            wired((Zero(), (0,)), (Sigmoid(), (1,)), (Add(), (0, 2)), (Linear(4), (3,))),
            wired((Zero(), (0,)), (Sigmoid(), (1,)), (Add(), (0, 2)), (Linear(4), (3,))),
        ),
        wired(
            (Zero(), (0,)), (Sigmoid(), (1,)), (Add(), (0, 2)), (Linear(4), (3,)), (Add(), (4, 2)), (Linear(4), (5,)),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EQUAL)
def test_equal_networks_have_one_id(name: str) -> None:
    assert len({id_of(body) for body in EQUAL[name]}) == 1


def twin_stems(depth: int, first: int) -> Block:
    """Two equal stems and their sum; only ``depth`` layers later do what they lead to differ."""
    rows: list[tuple[Any, ...]] = [(Linear(4), (0,)), (Linear(4), (0,)), (Add(), (1, 2))]
    ends = [first, 3 - first]
    for _ in range(depth):
        for k in (0, 1):
            rows.append((Linear(4), (ends[k],)))
            ends[k] = len(rows)
    return wired(*rows, (ReLU(), (ends[0],)), (Tanh(), (ends[1],)), (Concat(), (3, len(rows) + 1, len(rows) + 2)))


@pytest.mark.parametrize("depth", [0, 1, 3, 8, 20])
def test_branches_that_differ_late_are_told_apart(depth: int) -> None:
    assert id_of(twin_stems(depth, 1)) == id_of(twin_stems(depth, 2))


def test_names_of_inputs_are_no_part_of_the_id() -> None:
    nets = [Network(Sequential(Linear(2)), ((name, Features(3)),)) for name in ("a", "b")]
    assert len({lower(Architecture("s", {"network": net})).id for net in nets}) == 1


def test_ids_of_several_networks() -> None:
    def made(first: int, second: int, *, deployed: bool = True, names: tuple[str, str] = ("g", "d")) -> Architecture:
        x = (("x", Features(4)),)
        nets = [Network(Linear(first), x), Network(Linear(second), x, deployed)]
        return Architecture("s", dict(zip(names, nets, strict=True)))

    found = [
        made(2, 3).id,
        made(3, 2).id,
        made(2, 3, deployed=False).id,
        made(2, 2).id,
        made(2, 3, names=("a", "b")).id,
    ]
    assert len(set(found)) == len(found)
    turned = made(2, 3)
    turned = Architecture("s", dict(reversed(turned.networks.items())))
    assert turned == made(2, 3)
    assert turned.id == made(2, 3).id, "a record's keys have no order"
    assert made(2, 3, deployed=False).cost() == made(2, 2, deployed=False).cost()
    assert made(2, 3).cost().params == 5 * 2 + 5 * 3


def test_ids_do_not_depend_on_what_a_process_met_before() -> None:
    """Records read in fresh interpreters, in two orders: 1 and 1.0 are equal in Python and two texts in a torch call."""
    space = Space(
        "s", inputs=Features(4), network=Sequential(Linear(choice(4, 8)), LayerNorm(eps=choice(1, 2)), Dropout(choice(0.25, 0.5)))
    )  # fmt: skip
    other = Space("s", inputs=Features(4), network=Sequential(Linear(choice(4, 8)), LayerNorm(eps=1.0), Dropout(0.25)))
    members = [*space, *other]
    program = (
        "import json, sys\n"
        "from nasengine import Architecture\n"
        "print([Architecture.from_json(json.loads(line)).id for line in sys.stdin])\n"
        "assert 'torch' not in sys.modules\n"
    )
    for order in (1, -1):
        lines = "\n".join(json.dumps(m.to_json()) for m in members[::order])
        out = subprocess.run(
            [sys.executable, "-c", program], input=lines, capture_output=True, text=True, check=True, timeout=60
        )
        assert ast.literal_eval(out.stdout) == [m.id for m in members[::order]]


GOLDEN: dict[str, tuple[Block, str]] = {
    "mlp": (Sequential(Linear(8), ReLU(), Linear(2)), "79ca6d18e3f7717aab0b5cbdc7f2b7c4"),
    "residual": (Residual(Sequential(Linear(4), ReLU(), BIASLESS)), "c12fd0fb22f7abf8e71f5a9e36095b71"),
    "shared": (wired((Linear(4), (0,), "m"), (Linear(4), (1,), "m")), "fc4cf36d36334e6299994dcd8f148379"),
    "zeros": (
        wired((Zero(), (0,)), (BatchNorm(), (1,)), (Linear(4), (0,)), (Add(), (2, 3))),
        "ceee7cb5f9feba35cc1a16b8a2a198cb",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_ids_are_for_ever(name: str) -> None:
    """A change here parts new records from old ones: it needs a new format tag and a line in the changelog."""
    body, golden = GOLDEN[name]
    assert id_of(body) == golden
