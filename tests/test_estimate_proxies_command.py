"""``nasengine proxies``: what it prints of a study that has been run, and what bad input says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from study_toys import study
from typer.testing import CliRunner

from nasengine.commands.proxies import proxies
from nasengine.errors import NasError, StoreError, StudyError
from nasengine.estimate import PROXIES

APP = typer.Typer()
APP.command()(proxies)

FILE = """
from study_toys import study
study = study({store!r})
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small study that has been run."""
    folder = tmp_path_factory.mktemp("proxies") / "store"
    study(folder).run(trials=8, progress=False)
    return folder


def ask(*arguments: Any) -> str:
    done = CliRunner().invoke(APP, [str(one) for one in arguments], env={"COLUMNS": "160", "NO_COLOR": "1"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_it_ranks_the_networks_that_the_study_trained(store: Path) -> None:
    found = json.loads(ask(store, "--json", "--batch", 16))
    assert found["networks"] == 8
    assert found["data"] == "16 training examples of Digits"
    whole, first = found["rankings"]
    assert (whole["metric"], whole["stage"]) == ("accuracy", "trained to the end")
    assert (first["metric"], first["stage"]) == ("accuracy", "after the first rung, 1 epoch")
    rows = {row["name"]: row for row in first["agreements"]}
    assert set(PROXIES) <= set(rows)
    assert rows["params"]["count"] == 8 > next(row["count"] for row in whole["agreements"] if row["name"] == "params")
    assert -1 <= rows["params"]["spearman"]["low"] <= rows["params"]["spearman"]["high"] <= 1
    assert rows["expressivity"]["spearman"]["value"] is None
    assert "fewer than two blocks" in found["reasons"]["expressivity"]
    values = [row["spearman"]["value"] for row in first["agreements"]]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=True)
    assert values[len(known) :] == [None] * (len(values) - len(known))


def test_a_person_reads_a_table_with_intervals(store: Path) -> None:
    text = ask(store, "--proxy", "params", "--proxy", "nwot", "--proxy", "expressivity", "--batch", 8)
    assert "How proxies rank accuracy, trained to the end; 95 % intervals" in text
    assert "params" in text
    assert " to " in text
    assert "snip" not in text
    assert "expressivity is not defined for every network: it has fewer than two blocks" in text
    assert "training examples of Digits" in text


def test_fewer_networks_when_asked_and_the_study_s_file(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "toy_study_file.py"
    file.write_text(FILE.format(store=str(store)))
    text = ask(file, "--most", 3, "--proxy", "macs", "--batch", 8)
    assert "Read 3 networks of " in text
    assert "training examples of Digits" in text


def test_bad_input_says_what_to_do(store: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    study(few).run(trials=2, progress=False)
    cases: list[tuple[tuple[Any, ...], type[NasError], str]] = [
        ((few,), StudyError, "at least 3 trained networks; got 2; run the study on"),
        ((store, "--proxy", "snap"), StudyError, "'snap' is not a proxy; expected some of params"),
        ((tmp_path / "nowhere",), StoreError, "nowhere"),
        ((store, "--device", "cuda:99"), StudyError, "cuda:99 is not on this machine"),
        ((store, "--import", "no_such_module"), StudyError, "--import no_such_module: it cannot be imported"),
    ]
    for arguments, kind, message in cases:
        with pytest.raises(kind, match=message):
            ask(*arguments)
