"""Every quantity that can be a budget: what it counts, what a space offers of it, and what is no budget."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
import study_toys as toys

import search_spaces
from nasengine import Device, Space, choice, screen
from nasengine.blocks import ConvNormAct, Flatten, GlobalPool, Linear, Sequential
from nasengine.errors import BudgetError, DeviceError, StudyError
from nasengine.export.weights import write_weights
from nasengine.graph import Image
from nasengine.graph.module import build
from nasengine.search import MEASURED, Budget, at_least, at_most, maximize, minimize
from nasengine.space import Architecture
from nasengine.study import Ledger, gates, open_store
from nasengine.study.offer import find_offer, informative, values_of
from nasengine.study.rows import INFEASIBLE

NAMES = ("latency_ms", "params", "macs", "peak_activation_bytes", "peak_memory_bytes", "model_bytes", "energy_mj")


def file_bytes(path: Path) -> int:
    """Bytes of the tensors of a safetensors file, as its own header says."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    ends = [entry["data_offsets"] for name, entry in header.items() if name != "__metadata__"]
    assert len(data) == 8 + size + max(end for _, end in ends)
    return sum(end - start for start, end in ends)


@pytest.mark.parametrize("family", ["resnet", "rnn", "vit", "graph", "nb201", "moe"])
def test_model_bytes_are_those_of_the_written_file(tmp_path: Path, family: str) -> None:
    """Running statistics and other buffers are in it, each at its own element type."""
    architecture = search_spaces.load(family).small.sample(random.Random(0))
    path = tmp_path / "network.safetensors"
    write_weights(path, build(architecture.graph().simplify()).state_dict())
    assert screen(architecture).cost.model_bytes == file_bytes(path)


def test_a_study_keeps_to_model_bytes_and_its_final_file_has_as_many(tmp_path: Path) -> None:
    sizes = sorted({screen(a).cost.model_bytes for a in toys.space(4, 8, 16)})
    study = toys.study(
        tmp_path / "s",
        widths=(4, 8, 16),
        epochs=1,
        objectives=(toys.ACCURACY, minimize("model_bytes")),
        budgets=(at_most("model_bytes", sizes[1]),),
        sampler=toys.InOrder(toys.space(4, 8, 16)),
    )
    front = study.run(trials=9, progress=False)
    refused = [row for row in Ledger(study.store).trials() if row.status == INFEASIBLE]
    assert len(refused) == 9 - sum(row.known["model_bytes"] <= sizes[1] for row in Ledger(study.store).trials())
    assert refused[0].reason.startswith("model_bytes is ")
    for member in front:
        assert member.costs["model_bytes"] == file_bytes(member.folder / "final.safetensors")
    assert "model_bytes" in front.table().columns


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("limit", [0, -1, -0.5, math.nan, math.inf])
@pytest.mark.parametrize("make", [at_most, at_least])
def test_no_budget_is_zero_negative_or_no_number(name: str, limit: float, make: Any) -> None:
    with pytest.raises(StudyError) as caught:
        make(name, limit)
    assert str(caught.value) == (
        f"budget {name!r}: the limit is a finite number above zero; got {limit!r}; "
        f"write {make.__name__}({name!r}, limit)"
    )


def test_each_can_be_budget_and_objective() -> None:
    for name in NAMES:
        assert minimize(name).known
        assert Budget.from_json(at_most(name, 3).to_json()) == at_most(name, 3)
    assert str(at_most("energy_mj", 2.5)) == "energy_mj <= 2.5 mJ"
    assert str(at_most("peak_memory_bytes", 1_000)) == "peak_memory_bytes <= 1,000"
    assert str(at_most("model_bytes", 1_000)) == "model_bytes <= 1,000"
    assert set(MEASURED) == {"latency_ms", "peak_memory_bytes", "energy_mj"}


# --- what a space offers ---------------------------------------------------------------------------------------------


def figures(architecture: Architecture) -> dict[str, Any]:
    """A profile whose figures follow from the network's cost, for what is decided from profiles."""
    cost = screen(architecture).cost
    found = {"median_ms": cost.macs / 1e3, "peak_memory_bytes": 10 * cost.peak_activation_bytes, "energy_mj": None}
    return found | {"device": {"cpu": "A chip"}}


def test_informative_members_are_the_smallest_the_largest_and_those_of_fewest_operations() -> None:
    body = Sequential(
        choice(ConvNormAct(64, 5), Sequential(*(ConvNormAct(2) for _ in range(6))), labels=("wide", "deep")),
        GlobalPool(),
        Linear(10),
    )
    space = Space("two", inputs=Image(1, 8), network=body)
    found = informative(gates.find_ranges(space, (), 0))
    assert {next(iter(member.decisions.values())) for member in found} == {"wide", "deep"}
    wide = [member for member in found if "wide" in member.decisions.values()]
    assert found[0].id == wide[0].id  # fewest operations, though most work


def test_an_offer_says_how_it_was_found() -> None:
    space = toys.space(4, 8, 16)
    ranges = gates.find_ranges(space, (), 0)
    wanted = ("latency_ms", "peak_memory_bytes")
    offer = find_offer(space, (), wanted, ranges=ranges, measure=figures, foresight=None, seed=0)
    macs = [screen(a).cost.macs for a in space]
    assert offer.ranges["latency_ms"] == [min(macs) / 1e3, max(macs) / 1e3]
    assert offer.how == {name: f"measured on {len(informative(ranges))} members" for name in wanted}


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (at_most("latency_ms", 1e-3), "the least found in {n} members, measured, is 0.312; raise the budget"),
        (at_least("latency_ms", 1e3), "the most found in {n} members, measured, is 1.44; lower the budget"),
        (at_most("peak_memory_bytes", 9), "the least found in {n} members, measured, is "),
    ],
)
def test_a_measured_budget_that_none_meets_is_refused(budget: Budget, message: str) -> None:
    space = toys.space(4, 8, 16)
    ranges = gates.find_ranges(space, (), 0)
    with pytest.raises(BudgetError) as caught:
        find_offer(space, (budget,), (budget.name,), ranges=ranges, measure=figures, foresight=None, seed=0)
    text = str(caught.value)
    assert text.startswith(f"budget {budget}: no member of the space 'toy' was found to meet it; ")
    assert message.format(n=len(informative(ranges))) in text


def test_measuring_a_space_ends_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nasengine.study.offer.PROBES_S", 0.0)
    space = toys.space(4, 8, 16)
    ranges = gates.find_ranges(space, (), 0)
    offer = find_offer(space, (), ("latency_ms",), ranges=ranges, measure=figures, foresight=None, seed=0)
    assert offer.how == {"latency_ms": "measured on 2 members"}


def test_members_that_cannot_be_measured_are_left_out_and_all_of_them_are_an_error() -> None:
    space = toys.space(4, 8, 16)
    ranges = gates.find_ranges(space, (), 0)
    first = informative(ranges)[0].id

    def measure(architecture: Architecture) -> dict[str, Any] | str:
        return "no such operation" if architecture.id == first else figures(architecture)

    offer = find_offer(space, (), ("latency_ms",), ranges=ranges, measure=measure, foresight=None, seed=0)
    assert offer.how == {"latency_ms": f"measured on {len(informative(ranges)) - 1} members"}
    with pytest.raises(BudgetError, match=r"none of the extreme members of 'toy' could be measured \(it is on fire\)"):
        find_offer(space, (), ("latency_ms",), ranges=ranges, measure=lambda _: "it is on fire", foresight=None, seed=0)


def test_a_device_without_a_meter_says_so() -> None:
    profile = figures(toys.space().smallest())
    with pytest.raises(DeviceError) as caught:
        values_of(profile, ("latency_ms", "energy_mj"))
    assert str(caught.value) == (
        "energy_mj: the study measures it on the device; A chip has no meter for it that can be read; got none; drop "
        "energy_mj from objectives and budgets, or use a device with a meter (energy: NVML on a GPU, RAPL where it is "
        "readable)"
    )


# --- in a study ------------------------------------------------------------------------------------------------------


def test_measured_peak_memory_is_budget_and_objective_of_a_study(tmp_path: Path) -> None:
    """Maps of one and of 256 channels, so that what a call needs differs by more than the allocator's grain."""
    body = Sequential(ConvNormAct(choice(1, 256, name="wide")), GlobalPool(), Flatten(), Linear(10))
    space = Space("memory", inputs=Image(1, 8), network=body)
    goals = (maximize("accuracy"), minimize("peak_memory_bytes"))
    study = toys.study(tmp_path / "s", space=space, epochs=1, objectives=goals, sampler="exhaustive")
    front = study.run(trials=2, progress=False)
    found = {row.decisions["wide"]: row.known for row in Ledger(study.store).trials()}
    assert found[1]["peak_memory_bytes"] < found[256]["peak_memory_bytes"]
    assert all("latency_ms" not in known for known in found.values())
    assert {"peak_memory_bytes"} <= set(front.table().columns)
    assert all(member.final_profile and member.final_profile.peak_memory_bytes is not None for member in front)
    ranges = open_store(study.store).meta
    assert ranges["ranges"]["peak_memory_bytes"][0] < ranges["ranges"]["peak_memory_bytes"][1]
    assert ranges["ranges_how"] == {"peak_memory_bytes": "measured on 2 members"}


def test_energy_without_a_meter_is_refused_at_the_start(tmp_path: Path) -> None:
    """Where the machine has a readable meter, the study runs, and every network has its energy."""
    goals = (toys.ACCURACY, minimize("energy_mj"))
    study = toys.study(tmp_path / "s", widths=(4, 8), epochs=1, objectives=goals)
    member = toys.space(4).smallest()
    if Device().measure(member).energy_mj is not None:
        study.run(trials=2, progress=False)
        assert all(row.known["energy_mj"] > 0 for row in Ledger(study.store).trials())
        return
    with pytest.raises(DeviceError, match=r"energy_mj: the study measures it on the device; .* has no meter for it"):
        study.run(trials=2, progress=False)
    assert Ledger(study.store).trials() == []
