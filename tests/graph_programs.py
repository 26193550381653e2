"""Random networks as data (programs), the block that wires one, and rewrites that must not change what it computes.

Every value has ``WIDTH`` features, so any operation fits anywhere. A step's ``module`` names its weights: steps of one
module share them.
"""

# ruff: noqa: E501 - tables of cases, a case a line

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

from nasengine import Features, Network, Value, Wiring, block
from nasengine.blocks import (
    Add,
    BatchNorm,
    Concat,
    Identity,
    LayerNorm,
    Linear,
    Multiply,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    Zero,
)
from nasengine.graph import Block, Composite, Graph, lower
from nasengine.space import Architecture

WIDTH = 4


@block("test_wired")
class Wired(Composite):
    """``steps`` of (block, argument numbers, name, module name or None); ``outs`` are value numbers, ``names`` theirs."""

    steps: tuple[Any, ...]
    outs: tuple[int, ...]
    names: tuple[str, ...] = ()

    @property
    def output_names(self) -> tuple[str, ...]:
        return self.names

    def wire(self, net: Wiring, *inputs: Value) -> Value | tuple[Value, ...]:
        values: list[Value] = list(inputs)
        shared: dict[str, Any] = {}
        for op, args, name, module in self.steps:
            given = [values[a] for a in args]
            if module is None:
                values.append(net(op, *given, name=name))
                continue
            if module not in shared:
                shared[module] = net.module(op, name=module)
            values.append(shared[module](*given))
        made = tuple(values[o] for o in self.outs)
        return made[0] if len(made) == 1 else made


@dataclass(frozen=True)
class Step:
    """One operation: ``op`` on earlier values, giving ``out``; ``module`` tells whose weights it uses."""

    op: Block
    args: tuple[int, ...]
    out: int
    module: int
    wraps: int = 0


@dataclass(frozen=True)
class Program:
    """Steps in a valid order over values ``0..inputs-1`` and the steps' outputs."""

    steps: tuple[Step, ...]
    outs: tuple[int, ...]
    inputs: int = 1


UNARY: tuple[Block, ...] = (
    Linear(WIDTH), Linear(WIDTH, bias=False), ReLU(), Tanh(), Sigmoid(), Softmax(), LayerNorm(), BatchNorm(), Identity(), Zero(),
)  # fmt: skip
PURE: tuple[Block, ...] = (ReLU(), Tanh(), Sigmoid(), Softmax())
FEW: tuple[Block, ...] = (Linear(WIDTH), ReLU(), Zero(), Linear(WIDTH, bias=False))


def draw_program(
    rng: random.Random,
    *,
    size: int,
    inputs: int = 1,
    outs: int = 1,
    ops: tuple[Block, ...] = UNARY,
    shared: float = 0.2,
) -> Program:
    """A random program of about ``size`` operations; some modules are applied twice, some branches are dead."""
    steps: list[Step] = []
    values = list(range(inputs))
    for _ in range(size):
        out = inputs + len(steps)
        joined = {s.out for s in steps if isinstance(s.op, Concat)}
        old = [s for s in steps if isinstance(s.op, (Linear, LayerNorm, BatchNorm)) and s.args[0] not in joined]
        pick = rng.random()
        if pick < shared and old:
            first = rng.choice(old)
            steps.append(replace(first, args=(rng.choice(values),), out=out))
        elif pick < 0.6:
            steps.append(Step(rng.choice(ops), (rng.choice(values),), out, out))
        elif pick < 0.7:
            steps.append(Step(Multiply(), tuple(rng.choices(values, k=2)), out, out))
        elif pick < 0.8:
            args = tuple(rng.choices(values, k=2))
            steps.append(Step(Concat(), args, out, out))
            values_out = inputs + len(steps)
            steps.append(Step(Linear(WIDTH), (out,), values_out, values_out))
            out = values_out
        else:
            steps.append(Step(Add(), tuple(rng.choices(values, k=rng.choice((2, 2, 3)))), out, out))
        values.append(out)
    return Program(tuple(steps), tuple(rng.choices(values[-3:], k=outs)), inputs)


@dataclass(frozen=True)
class Rendered:
    """A program as a graph, and where each module of the program is in it."""

    graph: Graph
    paths: dict[int, str] = field(hash=False)


def render(program: Program, rng: random.Random | None = None) -> Rendered:
    """The program's graph; with ``rng``, in another order, with other names and nested in other ways."""
    steps = list(program.steps) if rng is None else _another_order(program, rng)
    modules: dict[int, list[Step]] = {}
    for step in steps:
        modules.setdefault(step.module, []).append(step)
    position = {i: i for i in range(program.inputs)}
    rows: list[tuple[Any, ...]] = []
    paths: dict[int, str] = {}
    wraps = {m: 0 if rng is None else rng.choice((0, 0, 1, 2)) for m in modules}
    for k, step in enumerate(steps):
        name = f"s{step.module}" if rng is None else f"t{rng.randrange(10**6)}_{step.module}"
        first = modules[step.module][0]
        several = len(modules[step.module]) > 1
        if several and step is not first:
            name = paths[step.module].split(".")[0]
        op: Block = step.op
        for _ in range(wraps[step.module]):
            op = Sequential(Identity(), part=op)
        rows.append((op, tuple(position[a] for a in step.args), name, name if several else None))
        paths.setdefault(step.module, name + ".part" * wraps[step.module])
        position[step.out] = program.inputs + k
    outs = tuple(position[o] for o in program.outs)
    names = ("output",) if len(outs) == 1 else tuple(f"out{i}" for i in range(len(outs)))
    body: Block = Wired(tuple(rows), outs, names)
    if rng is not None and len(outs) == 1 and rng.random() < 0.3:
        body = Sequential(body, Identity(), Sequential()) if program.inputs == 1 else Sequential(body)
        paths = {m: f"0.{p}" for m, p in paths.items()}
    return Rendered(graph_of(body, program.inputs), paths)


def graph_of(body: Block, inputs: int = 1, width: int = WIDTH) -> Graph:
    """The declared graph of a block on ``inputs`` tables."""
    named = tuple((f"x{i}", Features(width)) for i in range(inputs))
    return lower(Architecture("test", {"network": Network(body, named)}))


def _another_order(program: Program, rng: random.Random) -> list[Step]:
    ready = set(range(program.inputs))
    todo = list(program.steps)
    made: list[Step] = []
    while todo:
        able = [s for s in todo if set(s.args) <= ready]
        step = rng.choice(able)
        todo.remove(step)
        made.append(step)
        ready.add(step.out)
    return made


# --- rewrites: what each gives computes the same as what it was given -------------------------------------------------


def commuted(program: Program, rng: random.Random) -> Program:
    """Arguments of sums and products in another order."""
    steps = [
        replace(s, args=tuple(rng.sample(s.args, len(s.args)))) if isinstance(s.op, (Add, Multiply)) else s
        for s in program.steps
    ]
    return replace(program, steps=tuple(steps))


def _insert(program: Program, make: Any, rng: random.Random) -> Program:
    """Steps put in front of a random step, one of whose arguments then reads their result."""
    at = rng.randrange(len(program.steps))
    step = program.steps[at]
    fresh = max([s.out for s in program.steps], default=program.inputs) + 1
    place = rng.randrange(len(step.args))
    new = make(step.args[place], fresh)
    args = tuple(new[-1].out if i == place else a for i, a in enumerate(step.args))
    return replace(program, steps=(*program.steps[:at], *new, replace(step, args=args), *program.steps[at + 1 :]))


def with_identity(program: Program, rng: random.Random) -> Program:
    """Nothing at all on one connection."""
    op = rng.choice([Identity(), Sequential(), Sequential(Identity(), Identity()), Add()])
    return _insert(program, lambda value, fresh: [Step(op, (value,), fresh, fresh)], rng)


def with_zero_term(program: Program, rng: random.Random) -> Program:
    """Zeros, or what keeps zeros zero, added on one connection."""

    def make(value: int, fresh: int) -> list[Step]:
        zeros = [Step(Zero(), (value,), fresh, fresh)]
        if rng.random() < 0.5:
            zeros.append(Step(Tanh(), (fresh,), fresh + 1, fresh + 1))
        last = zeros[-1].out
        return [*zeros, Step(Add(), (value, last), last + 1, last + 1)]

    return _insert(program, make, rng)


def with_dead_branch(program: Program, rng: random.Random) -> Program:
    """An operation that no output needs."""
    fresh = max([s.out for s in program.steps]) + 1
    source = rng.choice([s.out for s in program.steps])
    return replace(program, steps=(*program.steps, Step(rng.choice(UNARY), (source,), fresh, fresh)))


def with_pure_twin(program: Program, rng: random.Random) -> Program:
    """A pure operation done twice where it was done once."""
    pure = [s for s in program.steps if s.op in PURE]
    users = [(s, u) for s in pure for u in program.steps if s.out in u.args]
    if not users:
        return program
    source, user = rng.choice(users)
    fresh = max([s.out for s in program.steps]) + 1
    twin = replace(source, out=fresh, module=fresh)
    at = program.steps.index(user)
    args = list(user.args)
    args[args.index(source.out)] = fresh
    return replace(
        program, steps=(*program.steps[:at], twin, replace(user, args=tuple(args)), *program.steps[at + 1 :])
    )


def with_nested_sum(program: Program, rng: random.Random) -> Program:
    """A sum of three as a sum of two sums."""
    sums = [s for s in program.steps if isinstance(s.op, Add) and len(s.args) == 3]
    if not sums:
        return program
    step = rng.choice(sums)
    fresh = max([s.out for s in program.steps]) + 1
    inner = Step(Add(), step.args[:2], fresh, fresh)
    at = program.steps.index(step)
    outer = replace(step, args=(fresh, step.args[2]))
    return replace(program, steps=(*program.steps[:at], inner, outer, *program.steps[at + 1 :]))


REWRITES = (commuted, with_identity, with_zero_term, with_dead_branch, with_pure_twin, with_nested_sum)
