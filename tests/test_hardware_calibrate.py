"""Calibration measures each member once, keeps what it measured, and never mixes devices or spaces."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from nasengine import Device, Image, Space, choice
from nasengine.blocks import Conv, Flatten, GlobalPool, Linear, ReLU, Sequential
from nasengine.errors import PredictorError
from nasengine.hardware import Limits
from nasengine.hardware.predictor import LatencyPredictor
from nasengine.hardware.predictor.calibration import Step, calibrate

QUICK = Limits(ci=0.2, limit_s=1.0, warmup_limit_s=0.2, retries=0)
WIDTHS = (4, 8, 16, 32, 64, 128)


def dense(name: str = "dense") -> Space:
    """36 networks."""
    body = Sequential(Flatten(), Linear(choice(*WIDTHS)), ReLU(), Linear(choice(*WIDTHS)), ReLU(), Linear(10))
    return Space(name, inputs=Image(1, 8), network=body)


def some_convolve() -> Space:
    """Half of them hold no linear layer, which int8 in eager PyTorch is for."""
    convolve = Sequential(Conv(choice(2, 3, 4, 5, 6, 7), 3), Conv(10, 3), GlobalPool())
    multiply = Sequential(Flatten(), Linear(choice(*WIDTHS)), ReLU(), Linear(10))
    body = choice(convolve, multiply, labels=("convolve", "multiply"))
    return Space("some-convolve", inputs=Image(1, 8), network=body)


def run(out: Path, *, wide: float = math.inf, **changes: Any) -> Any:
    """However busy the machine is, nothing is measured a second time, unless ``wide`` says so."""
    settings: dict[str, Any] = {"samples": 8, "held_out": 3, "limits": QUICK} | changes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nasengine.hardware.predictor.calibration.WIDE", wide)
        return calibrate(settings.pop("space", None) or dense(), settings.pop("device", None), out=out, **settings)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[Step]]:
    """Eight members measured and fitted, three to judge by."""
    steps: list[Step] = []
    found = run(tmp_path_factory.mktemp("calibrate") / "dense.json", watch=steps.append)
    return found, steps


def test_members_are_measured_kept_fitted_and_judged(done: tuple[Any, list[Step]]) -> None:
    found, steps = done
    assert (found.measured, found.reused, found.skipped, found.failed) == (11, 0, {}, {})
    head, *rows = lines(found.profiles)
    assert head["space_fingerprint"] == dense().fingerprint
    assert head["device_key"] == Device().key()
    assert [row["split"] for row in rows] == ["fit"] * 8 + ["held"] * 3
    assert len({row["id"] for row in rows}) == 11
    assert all(row["profile"]["median_ms"] > 0 and row["elapsed_s"] > 0 for row in rows)
    assert found.fresh is not None
    assert found.fresh.n == 3
    assert [step.done for step in steps] == list(range(12))
    assert steps[-1] == Step(11, 11, 11, 0, 0)


def test_the_saved_predictor_is_the_fitted_one(done: tuple[Any, list[Step]]) -> None:
    found, _ = done
    read = LatencyPredictor.load(found.path)
    assert read.to_json() == found.predictor.to_json()
    read.check(device_key=Device().key(), space=dense())
    graph = dense().largest().graph().simplify()
    assert read.predict([graph]) == found.predictor.predict([graph])


def test_the_same_call_measures_nothing_again(done: tuple[Any, list[Step]]) -> None:
    found, _ = done
    before, steps = found.profiles.read_bytes(), []
    again = run(found.path, watch=steps.append)
    assert (again.measured, again.reused) == (0, 11)
    assert found.profiles.read_bytes() == before
    assert again.predictor.to_json() == found.predictor.to_json()
    assert again.measuring_s == found.measuring_s
    assert steps == [Step(11, 11, 0, 11, 0)]


def test_a_calibration_that_was_killed_goes_on_where_it_was(done: tuple[Any, list[Step]], tmp_path: Path) -> None:
    """The last line was cut short by the kill."""
    whole = done[0].profiles.read_text().splitlines(keepends=True)
    kept = tmp_path / "dense.json.profiles.jsonl"
    kept.write_text("".join(whole[:6]) + whole[6][:100])
    again = run(tmp_path / "dense.json")
    assert (again.measured, again.reused) == (6, 5)
    assert kept.read_text().startswith("".join(whole[:6]))
    assert [row["id"] for row in lines(kept)[1:]] == [row["id"] for row in lines(done[0].profiles)[1:]]


def test_what_came_out_wide_is_measured_once_more_and_the_narrower_counts(tmp_path: Path) -> None:
    steps: list[Step] = []
    found = run(tmp_path / "p.json", wide=0.0, samples=5, held_out=0, watch=steps.append)
    assert (found.measured, found.again) == (5, 5)
    assert (steps[-1].done, steps[-1].total) == (10, 10)
    rows = lines(found.profiles)[1:]
    assert sorted(row["id"] for row in rows[:5]) == sorted(row["id"] for row in rows[5:])
    assert found.measuring_s == pytest.approx(sum(row["elapsed_s"] for row in rows))
    narrow: dict[str, tuple[float, float]] = {}
    for row in rows:
        profile = row["profile"]
        width = (profile["ci_high_ms"] - profile["ci_low_ms"]) / profile["median_ms"]
        narrow[row["id"]] = min(narrow.get(row["id"], (math.inf, 0.0)), (width, profile["median_ms"]))
    assert sorted(found.predictor.to_json()["latency_ms"]) == sorted(median for _, median in narrow.values())
    again = run(tmp_path / "p.json", wide=0.0, samples=5, held_out=0)
    assert (again.measured, again.reused, again.again) == (0, 5, 0)
    assert again.predictor.to_json() == found.predictor.to_json()


def test_a_file_whose_first_line_was_cut_short_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "p.json.profiles.jsonl").write_text('{"format": "nasengine.cal')
    assert run(tmp_path / "p.json", samples=5, held_out=0).measured == 5


def test_profiles_of_another_device_are_refused(done: tuple[Any, list[Step]]) -> None:
    found, _ = done
    before = found.profiles.read_bytes()
    with pytest.raises(PredictorError) as caught:
        run(found.path, device=Device(batch=2))
    assert str(caught.value) == (
        f"{found.profiles}: a profile made on one device is never used for another; it holds profiles of another "
        "device: batch was 1 and is 2; name another --out, or measure where it was begun"
    )
    assert found.profiles.read_bytes() == before


def test_profiles_of_another_space_are_refused(done: tuple[Any, list[Step]]) -> None:
    found, _ = done
    other = dense("other")
    with pytest.raises(PredictorError) as caught:
        run(found.path, space=other)
    assert str(caught.value) == (
        f"{found.profiles}: it holds profiles of the space 'dense' ({dense().fingerprint[:12]}); got 'other' "
        f"({other.fingerprint[:12]}); name another --out"
    )


@pytest.mark.parametrize("text", ["hello\n", "{}\n", "[1]\n", '{"format": "other/1"}\n'])
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.json.profiles.jsonl"
    path.write_text(text)
    with pytest.raises(PredictorError) as caught:
        run(tmp_path / "p.json")
    assert str(caught.value).startswith(
        f"{path}: a file of measured profiles in the format 'nasengine.calibration/1' was expected; got something else "
    )
    assert path.read_text() == text


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PredictorError, match=r"it cannot be written \(.*\); name an --out in a folder that you may"):
        run(tmp_path / "file" / "p.json")


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"samples": 3}, "calibrate: samples is a whole number from 5 on; got 3"),
        ({"samples": 8.5}, "calibrate: samples is a whole number from 5 on; got 8.5"),
        ({"held_out": -1}, "calibrate: held_out is a whole number from 0 on; got -1"),
    ],
)
def test_counts_that_cannot_be(tmp_path: Path, counts: dict[str, Any], message: str) -> None:
    with pytest.raises(PredictorError) as caught:
        run(tmp_path / "p.json", **counts)
    assert str(caught.value) == message
    assert list(tmp_path.iterdir()) == []


def test_members_that_the_runtime_cannot_take_are_counted_and_not_tried_again(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"space": some_convolve(), "device": Device(dtype="int8"), "samples": 12, "held_out": 0}
    found = run(tmp_path / "p.json", **settings)
    assert found.skipped
    assert found.measured + len(found.skipped) == 12
    assert all("2 Conv2d" in reason and "int8" in reason for reason in found.skipped.values())
    again = run(tmp_path / "p.json", **settings)
    assert (again.measured, again.reused) == (0, 12)
    assert again.skipped == found.skipped


def test_too_few_members_to_fit_on_say_why(tmp_path: Path) -> None:
    body = Sequential(Conv(choice(2, 3, 4, 5), 3), Conv(10, 3), GlobalPool())
    convolves = Space("convolves", inputs=Image(1, 8), network=body)
    with pytest.raises(PredictorError) as caught:
        run(tmp_path / "p.json", space=convolves, device=Device(dtype="int8"), samples=5, held_out=0)
    text = str(caught.value)
    assert "a predictor is fitted on at least 5 members; 0 could be measured (runtime eager, int8 on cpu:" in text
    assert text.endswith("ask for more samples, or choose a runtime that takes the space's operations")


def test_a_small_space_gives_as_many_members_as_it_has(tmp_path: Path) -> None:
    body = Sequential(Flatten(), Linear(choice(4, 8, 16, 32, 64)), ReLU(), Linear(10))
    found = run(tmp_path / "p.json", space=Space("five", inputs=Image(1, 8), network=body), samples=8, held_out=2)
    assert found.measured == 5
    assert found.fresh is None
