"""What cannot be a study is refused before anything runs, each with its message."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import study_toys as toys

from nasengine.errors import BudgetError, NasError, SpaceError, StoreError, StudyError, TaskError
from nasengine.search import SuccessiveHalving, at_least, at_most, maximize
from nasengine.space import choice
from nasengine.study import Front, Ledger, open_store
from nasengine.study.lock import locked
from nasengine.train import Recipe

CASES: list[tuple[dict[str, Any], type[NasError], str]] = [
    ({"objectives": (maximize("f1"),)}, StudyError, "objective 'f1': nothing reports it; the task reports accuracy"),
    ({"objectives": ("accuracy",)}, StudyError, """Study: objectives is maximize("accuracy"); got 'accuracy'"""),
    ({"objectives": ()}, StudyError, "objectives: a study needs at least one; got none"),
    ({"budgets": (3,)}, StudyError, """Study: budgets is at_most("params", 500_000); got 3"""),
    ({"seed": "a"}, StudyError, "seed: a whole number; got 'a'"),
    ({"task": "digits"}, StudyError, "Study: task is a task such as tasks.Digits(); got 'digits'"),
    ({"recipe": 3}, StudyError, "Study: recipe is Recipe(...); got 3"),
    (
        {"rungs": 3},
        StudyError,
        "Study: rungs is SuccessiveHalving(), Hyperband(), CurveStopping(), FixedRungs((5,",
    ),
    ({"device": "cpu"}, StudyError, "Study: device is Device(\"cpu\"); got 'cpu'"),
    ({"trials": 0}, StudyError, "run: trials is a whole number from 1 on; got 0"),
    (
        {"recipe": Recipe(epochs=choice(3, 9))},
        StudyError,
        "recipe.epochs: candidates are compared at rungs, so they train for the same number of epochs",
    ),
    (
        {"space": toys.space(classes=7)},
        TaskError,
        "space 'toy': no network of it fits the task; Digits",
    ),
]


@pytest.mark.parametrize(("changes", "error", "message"), CASES)
def test_what_makes_no_study_is_refused_when_it_is_defined(
    tmp_path: Path, changes: dict[str, Any], error: type[NasError], message: str
) -> None:
    with pytest.raises(error) as caught:
        toys.study(tmp_path / "s", **changes)
    assert message in str(caught.value)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trials": 0}, "run: trials is a whole number from 1 on; got 0"),
        ({"trials": 2.5}, "run: trials is a whole number from 1 on; got 2.5"),
        ({"workers": 0}, "run: workers is a whole number from 1 on; got 0"),
        ({"timeout": -1}, "run: timeout is a number of seconds above 0; got -1"),
    ],
)
def test_arguments_of_run(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError) as caught:
        toys.study(tmp_path / "s").run(**arguments)
    assert str(caught.value) == message
    assert not (tmp_path / "s").exists()


def test_an_unknown_sampler_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="sampler 'nsga4': there is no sampler of this name"):
        toys.study(tmp_path / "s", sampler="nsga4").run(trials=1, progress=False)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (
            at_most("params", 100),
            "budget params <= 100: no member of the space 'toy' was found to meet it; the least found in ",
        ),
        (
            at_least("macs", 10**9),
            "budget macs >= 1,000,000,000: no member of the space 'toy' was found to meet it; the most found in ",
        ),
        (
            at_most("latency_ms", 1e-6),
            "budget latency_ms <= 1e-06: no member of the space 'toy' was found to meet it; the least found in ",
        ),
    ],
)
def test_a_budget_no_member_can_meet_ends_at_once(tmp_path: Path, budget: Any, message: str) -> None:
    started = time.monotonic()
    with pytest.raises(BudgetError) as caught:
        toys.study(tmp_path / "s", budgets=(budget,)).run(trials=5, progress=False)
    assert time.monotonic() - started < 10
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith("or widen the space")
    assert Ledger(tmp_path / "s").trials() == []


def test_the_least_that_the_message_names_is_the_least(tmp_path: Path) -> None:
    least = min(a.cost().params for a in toys.space())
    with pytest.raises(BudgetError, match=f" is {least}; raise the budget"):
        toys.study(tmp_path / "s", budgets=(at_most("params", 100),)).run(trials=5, progress=False)


# --- stores ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("study") / "s"
    toys.study(store, epochs=1).run(trials=1, progress=False)
    return store


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widths": (5, 6)}, "space differs; recorded toy ("),
        ({"epochs": 2}, "recipe differs; recorded {'type': 'recipe', 'epochs': 1,"),
        (
            {"objectives": (toys.ACCURACY,)},
            "objectives differs; recorded (accuracy maximize, params minimize), given (accuracy maximize)",
        ),
        ({"budgets": (at_most("params", 2_000),)}, "budgets differs; recorded (), given (params 2000 at_most)"),
        ({"seed": 1}, "seed differs; recorded 0, given 1"),
        ({"task": toys.Silent()}, "task differs; recorded digits ("),
        ({"rungs": SuccessiveHalving(eta=4)}, "rungs differs; recorded {'type': 'successive_halving', 'eta': 3"),
    ],
)
def test_a_store_of_another_study_is_refused(recorded: Path, changes: dict[str, Any], message: str) -> None:
    before = Ledger(recorded).events()
    with pytest.raises(StoreError) as caught:
        toys.study(recorded, **{"epochs": 1, **changes}).run(trials=2, progress=False)
    assert f"{recorded}: it holds another study: {message}" in str(caught.value)
    assert str(caught.value).endswith("choose another store=, or define the study as it was recorded")
    assert Ledger(recorded).events() == before


def test_a_store_that_another_process_runs_is_refused(recorded: Path) -> None:
    with locked(recorded), pytest.raises(StoreError) as caught:
        toys.study(recorded, epochs=1).run(trials=2, progress=False)
    assert str(caught.value) == (
        f"{recorded}: process {os.getpid()} runs this study now; wait for it, stop it, or choose another store="
    )


def test_an_unwritable_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        toys.study(tmp_path / "file" / "s").run(trials=1, progress=False)


def test_a_folder_without_a_study_is_refused(tmp_path: Path) -> None:
    for read in (open_store, toys.study(tmp_path / "s").open):
        with pytest.raises(StoreError, match="there is no study here"):
            read(tmp_path / "s")


def test_readings_of_a_front_that_cannot_be(recorded: Path, tmp_path: Path) -> None:
    front = open_store(recorded).front()
    with pytest.raises(StudyError, match=r"best\('speed'\): there is no such value; the values are accuracy"):
        front.best("speed")
    with pytest.raises(StudyError, match=r"the name ends in \.html \(interactive\) or \.png; got '\.pdf'"):
        front.plot(tmp_path / "front.pdf")
    empty = Front(type(front.record)(front.record.meta), recorded, {}, {})
    for read in (empty.knee, lambda: empty.best("accuracy")):
        with pytest.raises(StudyError, match="the front of 'toy' is empty: no trial is complete"):
            read()
    assert list(empty.table().columns) == ["trial"]


def test_the_network_of_a_refused_trial(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"budgets": (at_most("params", 700),), "sampler": toys.Blind(toys.space())}
    toys.study(tmp_path / "s", epochs=1, **settings).run(trials=2, progress=False)
    rows = Ledger(tmp_path / "s").trials()
    refused = next(row.number for row in rows if row.status == "infeasible")
    trained = next(row.number for row in rows if row.status == "complete")
    assert open_store(tmp_path / "s").architecture(trained).cost().params <= 700
    with pytest.raises(StoreError, match=f"the network of trial {refused} is not recorded"):
        open_store(tmp_path / "s").architecture(refused)


# --- classes that workers cannot import ------------------------------------------------------------------------------

MAIN = """
from nasengine.space import tagged
from nasengine.tasks import Digits
import study_toys as toys

@tagged("mine")
class Mine(Digits):
    pass

toys.study("s", task=Mine())
"""


def test_a_task_in_the_main_program_is_refused(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])}
    (tmp_path / "program.py").write_text(MAIN)
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "task Mine: worker processes import a task by name; it is defined in __main__" in done.stderr
    assert "move it to a module" in done.stderr
    assert not (tmp_path / "s").exists()


BLOCK_IN_MAIN = """
from nasengine import Composite, Image, Space, block, choice
from nasengine.blocks import ConvNormAct, GlobalPool, Linear, Sequential
import study_toys as toys

@block("mine_too")
class Mine(Composite):
    def wire(self, net, x):
        return net(ConvNormAct(4), x, name="conv")

body = Sequential(choice(ConvNormAct(4), Mine()), GlobalPool(), Linear(10))
toys.study("s", space=Space("mine", inputs=Image(1, 8), network=body))
"""


def test_a_block_in_the_main_program_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])}
    (tmp_path / "program.py").write_text(BLOCK_IN_MAIN)
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "block Mine: worker processes import a block by name; it is defined in __main__" in done.stderr
    assert not (tmp_path / "s").exists()


def test_a_recipe_in_the_space_and_another_beside_it(tmp_path: Path) -> None:
    joined = toys.space().with_recipe(Recipe(batch_size=choice(32, 64)))
    with pytest.raises(SpaceError, match="it already holds a recipe"):
        toys.study(tmp_path / "s", space=joined, recipe=Recipe(epochs=2))
