from __future__ import annotations

import json
import math

import pytest

from nasengine.errors import StudyError
from nasengine.search import (
    Budget,
    Objective,
    at_least,
    at_most,
    check_objectives,
    maximize,
    minimize,
    violations,
)


def test_objectives_and_budgets_survive_json() -> None:
    for made in (maximize("accuracy"), minimize("latency_ms")):
        assert Objective.from_json(json.loads(json.dumps(made.to_json()))) == made
    for bound in (at_most("params", 500_000), at_least("macs", 1.5)):
        assert Budget.from_json(json.loads(json.dumps(bound.to_json()))) == bound


def test_objectives_know_what_is_known_before_training() -> None:
    assert minimize("params").known
    assert not maximize("accuracy").known
    assert maximize("accuracy").loss(0.9) == -0.9


def test_a_violation_is_relative_and_zero_at_the_limit() -> None:
    assert at_most("params", 100).violation(100) == 0
    assert at_most("params", 100).violation(150) == pytest.approx(0.5)
    assert at_least("params", 100).violation(75) == pytest.approx(0.25)
    assert at_most("latency_ms", 2.0).violation(math.inf) == math.inf
    assert at_most("params", 100).met(99)
    assert not at_least("params", 100).met(99)


def test_violations_leave_out_what_is_not_known_yet() -> None:
    budgets = [at_most("params", 100), at_most("latency_ms", 2.0)]
    assert violations(budgets, {"params": 120}) == {"params": pytest.approx(0.2)}
    assert violations(budgets, {"params": 10, "latency_ms": 1.0}) == {}


def test_budgets_read_well() -> None:
    assert str(at_most("params", 500_000)) == "params <= 500,000"
    assert str(at_most("latency_ms", 2.0)) == "latency_ms <= 2.0"
    assert str(at_least("param_bytes", 8)) == "param_bytes >= 8"


@pytest.mark.parametrize("limit", [0, -1, math.nan, math.inf, True, "5"])
def test_a_limit_is_a_finite_number_above_zero(limit: object) -> None:
    with pytest.raises(StudyError, match=r"budget 'params': the limit is a finite number above zero; got .*; write"):
        at_most("params", limit)  # type: ignore[arg-type]


def test_a_budget_bounds_what_is_known_before_training() -> None:
    with pytest.raises(
        StudyError, match=r"'accuracy': a budget bounds a quantity known before training, one of params"
    ):
        at_least("accuracy", 0.9)


def test_a_violation_needs_a_number() -> None:
    with pytest.raises(StudyError, match=r"budget 'params': a number is needed to compare with 10; got nan"):
        at_most("params", 10).violation(math.nan)


def test_malformed_objectives_say_so() -> None:
    with pytest.raises(StudyError, match=r"objective 'x': the direction is 'maximize' or 'minimize'; got 'max'"):
        Objective("x", "max")  # type: ignore[arg-type]
    with pytest.raises(StudyError, match=r"objective: its name is a non-empty string; got ''"):
        maximize("")
    with pytest.raises(StudyError, match=r"budget 'params': the sense is 'at_most' or 'at_least'; got '<'"):
        Budget("params", 3, "<")  # type: ignore[arg-type]


def test_check_accepts_metrics_of_the_task_and_known_costs() -> None:
    check_objectives([maximize("accuracy"), minimize("params")], [at_most("params", 10)], ["accuracy"])


@pytest.mark.parametrize(
    ("objectives", "budgets", "message"),
    [
        ((), (), r"objectives: a study needs at least one; got none"),
        (
            (maximize("acc"),),
            (),
            r"objective 'acc': nothing reports it; the task reports accuracy, loss; known before training "
            r"are params, macs",
        ),
        (
            (maximize("loss"), minimize("loss")),
            (),
            r"objective loss: each quantity is named once; got it 2 times",
        ),
        (
            (maximize("loss"),),
            (at_most("macs", 2), at_most("macs", 3)),
            r"budget at_most\('macs'\): each quantity is named once",
        ),
        (
            (maximize("loss"),),
            (at_most("macs", 2), at_least("macs", 3)),
            r"budget 'macs': at least 3 and at most 2 exclude each other",
        ),
    ],
)
def test_check_refuses(objectives: tuple[Objective, ...], budgets: tuple[Budget, ...], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        check_objectives(objectives, budgets, ["accuracy", "loss"])
