"""What a space can offer is found before anything is trained, in bounded time."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import pytest
import study_toys as toys
from rich.console import Console

from nasengine.blocks import Flatten, Linear, Sequential
from nasengine.errors import BudgetError, ShapeError, TaskError
from nasengine.graph import Image
from nasengine.search import at_least, at_most
from nasengine.space import Space, choice, repeat
from nasengine.study import gates
from nasengine.study.front import column
from nasengine.study.parts import Importable, specs_in
from nasengine.study.progress import Watch


def test_ranges_of_a_small_space_are_exact() -> None:
    space = toys.space()
    params = [architecture.cost().params for architecture in space]
    found = gates.find_ranges(space, (at_most("params", 5_000),), seed=0).to_json()
    assert found["params"] == [min(params), max(params)]


def test_local_search_finds_what_random_members_miss() -> None:
    """The least is one member in 4^12: 200 random members hit it with odds of about 1e-5."""
    widths = tuple(choice(64, 32, 16, 8, name=f"w{i}") for i in range(12))
    space = Space("deep", inputs=Image(1, 8), network=Sequential(Flatten(), *(Linear(w) for w in widths), Linear(10)))
    least = space.decode({f"w{i}": 8 for i in range(12)} if "w0" in space.sample(0).decisions else _least(space))
    found = gates.find_ranges(space, (at_most("params", 10**9),), seed=0)
    assert found.to_json()["params"][0] == least.cost().params
    assert found.seen < 20_000


def test_a_quantity_bounded_from_both_sides_is_looked_for_at_both_ends() -> None:
    widths = tuple(choice(64, 32, 16, 8, name=f"w{i}", labels=("a", "b", "c", "d")) for i in range(12))
    space = Space("deep", inputs=Image(1, 8), network=Sequential(Flatten(), *(Linear(w) for w in widths), Linear(10)))
    least = space.decode(dict.fromkeys(space.sample(0).decisions, "d")).cost().macs
    budgets = (at_most("macs", least), at_least("macs", 100))
    assert gates.find_ranges(space, budgets, seed=0).to_json()["macs"][0] == least


def _least(space: Space) -> dict[str, int]:
    return dict.fromkeys(space.sample(0).decisions, 8)


def test_ranges_of_a_huge_space_are_found_in_bounded_time() -> None:
    layers = repeat(Linear(choice(*range(8, 264, 8))), choice(*range(1, 30)))
    space = Space("huge", inputs=Image(1, 8), network=Sequential(Flatten(), layers, Linear(10)))
    started = time.monotonic()
    found = gates.find_ranges(space, (at_most("params", 10_000_000), at_least("macs", 10)), seed=0).to_json()
    assert time.monotonic() - started < 10
    assert found["params"][0] < 2_000 < 100_000 < found["params"][1]


def test_a_space_without_a_well_formed_member_says_why() -> None:
    broken = Sequential(Linear(choice(4, 8)), Flatten(), toys.space(classes=10).networks["network"].body)
    space = Space("broken", inputs=Image(1, 8), network=Sequential(broken, _never()))
    with pytest.raises(ShapeError):
        gates.find_ranges(space, (), seed=0)


def _never() -> Any:
    from nasengine.blocks import Conv

    return Conv(4, kernel=3)  # on features: a convolution needs an image


def test_broken_budgets_are_told_in_one_sentence() -> None:
    budgets = (at_most("params", 100), at_least("macs", 1_000), at_most("latency_ms", 1.0))
    violations, reason = gates.broken(budgets, {"params": 150.0, "macs": 500.0})
    assert violations == {"params": 0.5, "macs": 0.5}
    assert reason == "params is 150; the budget is params <= 100; macs is 500; the budget is macs >= 1,000"
    assert gates.broken(budgets, {"params": 100.0}) == ({}, "")


def test_the_closest_member_is_named() -> None:
    message = (
        "budget macs >= 5,000: no member of the space 'x' was found to meet it; the most found in 7 members is 4,000; "
        "lower"
    )
    with pytest.raises(BudgetError, match=message):
        gates.check_budgets((at_least("macs", 5_000),), {"macs": [10, 4_000]}, "x", "7 members")


def test_specs_are_found_behind_choices_and_repeats() -> None:
    tree = Sequential(choice(Linear(3), Flatten(), labels=("a", "b")), repeat(Linear(choice(1, 2)), choice(0, 1)))
    assert {spec.tag for spec in specs_in(tree)} >= {Linear.tag, Flatten.tag, Sequential.tag}


def test_modules_are_named_once_and_unimportable_classes_refused() -> None:
    importable = Importable()
    assert importable.modules([("block", Sequential(Flatten(), Flatten()))]) == sorted(
        {Sequential.__module__, Flatten.__module__}
    )

    class Local(Linear):
        pass

    with pytest.raises(TaskError, match=r"block .*Local: worker processes import a block by name"):
        importable.modules([("block", object.__new__(Local))])


def test_columns_carry_units() -> None:
    units = {"mae": "kWh", "accuracy": "fraction", "latency_ms": "ms"}
    names = [column(name, units) for name in ("mae", "accuracy", "latency_ms", "receptive_field", "params")]
    assert names == ["mae_kWh", "accuracy", "latency_ms", "receptive_field_px", "params"]
    assert column("test_mae", units, "mae") == "test_mae_kWh"


def test_what_is_said_of_a_space(capsys: pytest.CaptureFixture[str]) -> None:
    with Watch(True) as watch:
        watch.ranges({"params": [1200, 34000], "latency_ms": [0.5, 2.25]}, (at_most("params", 5_000),))
        watch.ranges({"latency_ms": [0.5, 2.25]}, (), {"latency_ms": "measured on 6 members"})
    with Watch(False) as silent:
        silent.say("nothing")
    assert capsys.readouterr().out.splitlines() == [
        "  params: 1,200 to 34,000  (budget params <= 5,000)",
        "  latency_ms: 0.5 to 2.25, measured on 6 members",
    ]


def test_a_terminal_gets_a_moving_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Console(force_terminal=True, file=io.StringIO(), width=160)
    monkeypatch.setattr("nasengine.study.progress.Console", lambda **_: screen)
    toys.study(tmp_path / "s", epochs=1, widths=(4, 8)).run(trials=2)
    assert isinstance(screen.file, io.StringIO)
    shown = screen.file.getvalue()
    assert "best accuracy" in shown
    assert "front " in shown
    assert "2/2" in shown
