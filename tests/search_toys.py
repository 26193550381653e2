"""Conditional spaces of real networks and a cheap evaluation, for tests of samplers."""

from __future__ import annotations

import json
from collections.abc import Callable

from nasengine import Composite, Features, Value, Wiring
from nasengine.blocks import Dropout, Linear
from nasengine.search import Problem, Proposal, Sampler, TrialView, View, maximize, minimize
from nasengine.space import Space, Spec, choice, integer, repeat, tagged, uniform

OBJECTIVES = (maximize("accuracy"), minimize("params"), minimize("latency_ms"))


@tagged("search_toys.item")
class Item(Composite):
    width: int = 1
    kernel: int = 3

    def wire(self, net: Wiring, *inputs: Value) -> Value:
        return net(Linear(self.kernel), net(Linear(self.width), *inputs))  # type: ignore[no-any-return]


@tagged("search_toys.nothing")
class Nothing(Composite):
    """An option without decisions."""

    def wire(self, net: Wiring, *inputs: Value) -> Value:
        return inputs[0]


def Input() -> Features:  # noqa: N802 - it stands for a spec
    return Features(4)


@tagged("search_toys.net")
class Net(Composite):
    inline = "blocks"
    blocks: tuple[Spec, ...] = ()
    rate: float = 0.1
    heads: int = 1
    bias: bool = True

    def wire(self, net: Wiring, *inputs: Value) -> Value:
        (x,) = inputs
        for i, block in enumerate(self.blocks):
            x = net(block, x, name=str(i))
        return net(Linear(self.heads, bias=self.bias), net(Dropout(self.rate / 2), x))  # type: ignore[no-any-return]


def stage() -> Spec:
    return repeat(choice(Item(choice(8, 16, 32, 64), choice(3, 5, 7)), Nothing()), choice(1, 2, 3))


def conditional_space() -> Space:
    net = Net(
        (stage(), stage()),
        rate=uniform(1e-4, 1e-1, log=True),
        heads=integer(1, 8),
        bias=choice(True, False),
    )
    return Space("toy", inputs=Input(), network=net)


def finite_space() -> Space:
    return Space(
        "finite", inputs=Input(), network=Net((stage(), stage()), heads=integer(1, 8), bias=choice(True, False))
    )


def small_space() -> Space:
    return Space("small", inputs=Input(), network=Net((Item(choice(8, 16), choice(3, 5)), Nothing()), heads=1))


def numeric_space() -> Space:
    return Space("numeric", inputs=Input(), network=Net((), rate=uniform(0.0, 1.0), heads=integer(1, 64)))


def evaluate(decisions: dict[str, object]) -> dict[str, float]:
    """Accuracy grows with width and kernel with diminishing returns; costs grow linearly."""
    width = sum(float(v) for k, v in decisions.items() if k.endswith("width"))  # type: ignore[arg-type]
    kernel = sum(float(v) for k, v in decisions.items() if k.endswith("kernel"))  # type: ignore[arg-type]
    rate, heads = float(decisions.get("rate", 0.01)), float(decisions.get("heads", 1))  # type: ignore[arg-type]
    accuracy = 1 - 1 / (1 + width * kernel / 100) - abs(rate - 0.01)
    return {"accuracy": accuracy, "params": 9 * width + 1, "latency_ms": kernel + 0.1 * width + heads}


def outcome(number: int, proposal: Proposal) -> TrialView:
    """Every status a study tells, in turn."""
    values = evaluate(dict(proposal.decisions))
    view = TrialView(number, proposal.decisions, "complete", values, epochs=27, attrs=proposal.attrs)
    if number % 11 == 7:
        return TrialView(number, proposal.decisions, "failed", attrs=proposal.attrs)
    if number % 5 == 3:
        return TrialView(number, proposal.decisions, "pruned", values, epochs=9, attrs=proposal.attrs)
    if values["latency_ms"] > 25:
        broken = {"latency_ms": values["latency_ms"] / 25 - 1}
        return TrialView(number, proposal.decisions, "infeasible", values, broken, attrs=proposal.attrs)
    return view


def drive(sampler: Sampler, trials: dict[int, TrialView], upto: int, *, workers: int = 3) -> None:
    """A study with ``workers`` at a time, of which the oldest but one finishes first; fills ``trials``."""
    while True:
        running = sorted(n for n, t in trials.items() if not t.finished)
        if len(running) < workers and len(trials) < upto:
            number = len(trials)
            (proposal,) = sampler.ask(1, View(number, trials))
            trials[number] = TrialView(number, proposal.decisions, "running", attrs=proposal.attrs)
            sampler.tell(trials[number])
            continue
        if len(trials) >= upto:
            return
        number = running[min(1, len(running) - 1)]
        told = trials[number]
        trials[number] = outcome(number, Proposal(told.decisions, told.attrs))
        sampler.tell(trials[number])


def dump(trials: dict[int, TrialView]) -> str:
    """Trials as JSON lines, as a ledger keeps them."""
    rows = [
        {
            "number": t.number, "decisions": dict(t.decisions), "status": t.status, "values": dict(t.values),
            "violations": dict(t.violations), "epochs": t.epochs, "attrs": dict(t.attrs),
        }
        for t in trials.values()
    ]  # fmt: skip
    return "\n".join(json.dumps(row) for row in rows)


def load(text: str) -> dict[int, TrialView]:
    """Trials that :func:`dump` wrote."""
    found = [TrialView(**json.loads(line)) for line in text.splitlines()]
    return {t.number: t for t in found}


def problem(make_space: Callable[[], Space] = conditional_space, count: int = 3, seed: int = 0) -> Problem:
    return Problem(make_space(), OBJECTIVES[:count], seed)


def measured(space: Space, proposal: Proposal) -> dict[str, float]:
    """As :func:`evaluate`, with the true number of parameters."""
    cost = space.decode(proposal.decisions).cost()
    return {**evaluate(dict(proposal.decisions)), "params": float(cost.params), "macs": float(cost.macs)}
