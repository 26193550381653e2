"""The latency predictor: its laws on simulated devices whose latency is a known function of the kernels.

The simulated devices carry 2 % of noise, and a factor of its own for each kind of kernel. What is asked of one fit was
set with room: over 12 seeds of the noise the least of any family was 0.99 within 10 %, a Spearman of 0.976, and a
coverage of 0.76 with a mean of 0.92 to 0.96 (a hundred predictions of one fit go wrong together).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest

import search_spaces.mlp
import search_spaces.mobile
import search_spaces.nb201
import search_spaces.rnn
import search_spaces.transformer
from nasengine import Graph, Space
from nasengine.errors import PredictorError
from nasengine.hardware.predictor import HeldOut, LatencyPredictor, Prediction, choose, informative
from nasengine.hardware.predictor.fusion import PRUNINGS, program
from nasengine.hardware.predictor.process import Process

FAMILIES: dict[str, Space] = {
    "cnn": search_spaces.mobile.small,
    "mlp": search_spaces.mlp.small,
    "rnn": search_spaces.rnn.small,
    "transformer": search_spaces.transformer.small,
}
DEVICE: dict[str, Any] = {"cpu": "simulated", "runtime": "eager"}
KEY = "0123456789abcdef"


def members(space: Space, count: int, seed: int = 0) -> list[Graph]:
    return [space.sample(10_000 * seed + i).graph().simplify() for i in range(count)]


def simulated_ms(graph: Graph, seed: int = 0, noise: float = 0.02) -> float:
    """Kernel by kernel: a launch, multiply-accumulates and bytes, each kind faster or slower than others."""
    found = program(graph, "live")
    times = [
        (0.002 * k.launches + k.macs / 2e6 + k.bytes / 2e7) * (0.6 + crc32(k.kind.encode()) % 100 / 80)
        for k in found.kernels
    ]
    rng = np.random.default_rng([seed, crc32(graph.id.encode())])
    return float((0.05 + sum(times)) * np.exp(noise * rng.standard_normal()))


def fitted(space: Space, graphs: list[Graph], seed: int = 0, **more: Any) -> LatencyPredictor:
    latency = [simulated_ms(graph, seed) for graph in graphs]
    return LatencyPredictor.fit(
        graphs, latency, device=DEVICE, device_key=KEY, space=space, **{"report": False, **more}
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_simulated_device_is_learned_in_every_family(family: str) -> None:
    space = FAMILIES[family]
    unseen = members(space, 100, seed=1)
    found = fitted(space, members(space, 40)).predict(unseen)
    judged = HeldOut.of(found, [simulated_ms(graph) for graph in unseen])
    assert judged.within_10_percent.value >= 0.9
    assert judged.spearman.value >= 0.9
    assert judged.coverage.value >= 0.85


def test_intervals_hold_as_often_as_they_say() -> None:
    """1,000 predictions of ten fits, nominal 95 %."""
    space, inside, wide = FAMILIES["cnn"], [], []
    unseen = members(space, 100, seed=1)
    for seed in range(10):
        found = fitted(space, members(space, 30, seed=seed + 2), seed).predict(unseen)
        real = [simulated_ms(graph, seed) for graph in unseen]
        inside += [p.low_ms <= y <= p.high_ms for p, y in zip(found, real, strict=True)]
        wide += [p.spread for p in found]
    assert 0.9 <= np.mean(inside) <= 1.0
    assert np.median(wide) < 0.2


def test_uncertainty_grows_for_graphs_unlike_those_measured() -> None:
    predictor = fitted(FAMILIES["mlp"], members(FAMILIES["mlp"], 30))
    alike = [p.spread for p in predictor.predict(members(FAMILIES["mlp"], 30, seed=1))]
    for family in ("cnn", "rnn", "transformer"):
        unlike = [p.spread for p in predictor.predict(members(FAMILIES[family], 30))]
        assert np.median(unlike) > 3 * np.median(alike)


def test_order_of_measurements_and_of_questions_does_not_matter() -> None:
    space = FAMILIES["cnn"]
    graphs, unseen = members(space, 20), members(space, 10, seed=1)
    one, other = fitted(space, graphs), fitted(space, graphs[::-1])
    assert one.to_json() == other.to_json()
    forth, back = one.predict(unseen), one.predict(unseen[::-1])[::-1]
    assert [p.median_ms for p in forth] == pytest.approx([p.median_ms for p in back], rel=1e-9)


def test_equal_graphs_get_equal_predictions() -> None:
    space = FAMILIES["cnn"]
    predictor, member = fitted(space, members(space, 20)), space.sample(77)
    again = space.decode(dict(member.decisions))
    one, other = predictor.predict([member.graph().simplify()]), predictor.predict([again.graph().simplify()])
    assert one == other
    assert predictor.predict([]) == []


def test_more_measurements_predict_better() -> None:
    space = FAMILIES["cnn"]
    unseen = members(space, 100, seed=1)
    real = np.log([simulated_ms(graph) for graph in unseen])

    def error(count: int) -> float:
        found = fitted(space, members(space, count, seed=2)).predict(unseen)
        return float(np.abs(np.log([p.median_ms for p in found]) - real).mean())

    assert error(100) < 0.7 * error(6)


@pytest.mark.parametrize("pruning", PRUNINGS)
def test_what_a_runtime_leaves_out_is_found_out(pruning: str) -> None:
    """Declared cells with dead edges, on devices that run them, and on devices that do not."""
    space = search_spaces.nb201.small
    graphs, unseen = ([space.sample(s + i).graph() for i in range(60)] for s in (0, 1_000))

    def latency(graph: Graph) -> float:
        return 0.05 + sum(0.01 + k.macs / 2e6 for k in program(graph, pruning).kernels)

    predictor = LatencyPredictor.fit(
        graphs, [latency(g) for g in graphs], device=DEVICE, device_key=KEY, space=space, report=False
    )
    found = predictor.predict(unseen)
    within = [abs(p.median_ms / latency(g) - 1) <= 0.1 for p, g in zip(found, unseen, strict=True)]
    assert np.mean(within) >= 0.9


def test_an_outlier_does_not_spoil_the_rest() -> None:
    space = FAMILIES["cnn"]
    graphs, unseen = members(space, 30), members(space, 60, seed=1)
    latency = [simulated_ms(graph) for graph in graphs]
    latency[4] *= 5
    predictor = LatencyPredictor.fit(graphs, latency, device=DEVICE, device_key=KEY, space=space, report=False)
    found = predictor.predict(unseen)
    assert np.mean([abs(p.median_ms / simulated_ms(g) - 1) <= 0.1 for p, g in zip(found, unseen, strict=True)]) >= 0.85


def test_slopes_of_the_physics_are_those_of_its_total() -> None:
    from nasengine.hardware.predictor.features import readings

    graphs = members(FAMILIES["cnn"], 8)
    process = Process([readings(g)["live"] for g in graphs], np.array([simulated_ms(g) for g in graphs]))
    theta = process.fitted.theta + 0.1
    total, slopes = process.physics.slopes(theta, process.counts)
    assert total == pytest.approx(process.physics.total(theta, process.counts))
    for i in range(0, len(theta), 7):
        step = np.zeros(len(theta))
        step[i] = 1e-5
        ends = [process.physics.total(theta + s * step, process.counts) for s in (1, -1)]
        assert slopes[:, i] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-6)


# --- records and bad input -------------------------------------------------------------------------------------------


def test_a_saved_predictor_predicts_the_same(tmp_path: Path) -> None:
    space = FAMILIES["rnn"]
    predictor, unseen = fitted(space, members(space, 12), report=True), members(space, 10, seed=1)
    predictor.save(tmp_path / "it.json")
    again = LatencyPredictor.load(tmp_path / "it.json")
    assert again.predict(unseen) == predictor.predict(unseen)
    assert again.to_json() == predictor.to_json()
    assert again.report == predictor.report
    assert (again.device, again.device_key, again.space_name) == (DEVICE, KEY, space.name)
    assert predictor.report is not None
    assert predictor.report.n == predictor.measured == 12
    assert "12 held-out members: within 10 %" in str(predictor.report)
    assert repr(again) == "LatencyPredictor('rnn-small', 12 measurements)"


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    space = FAMILIES["mlp"]
    data = fitted(space, members(space, 6)).to_json()
    with pytest.raises(PredictorError, match=r"expected the format 'nasengine.predictor/1', got 'other'; calibrate"):
        LatencyPredictor.from_json({**data, "format": "other"})
    with pytest.raises(PredictorError, match=r"expected the format 'nasengine.predictor/1', got 'list'"):
        LatencyPredictor.from_json([])  # type: ignore[arg-type]
    with pytest.raises(PredictorError, match=r"the record is not whole \(KeyError: 'latency_ms'\); calibrate again"):
        LatencyPredictor.from_json({k: v for k, v in data.items() if k != "latency_ms"})
    with pytest.raises(PredictorError, match=r"the record is not whole \("):
        LatencyPredictor.from_json({**data, "latency_ms": data["latency_ms"][:-1]})
    with pytest.raises(PredictorError, match=r"none.json cannot be read \(No such file or directory\); calibrate"):
        LatencyPredictor.load(tmp_path / "none.json")
    (tmp_path / "torn.json").write_text(json.dumps(data)[:-10])
    with pytest.raises(PredictorError, match=r"torn.json is not JSON; calibrate again"):
        LatencyPredictor.load(tmp_path / "torn.json")


def test_another_device_or_space_is_refused() -> None:
    space = FAMILIES["mlp"]
    predictor = fitted(space, members(space, 6))
    predictor.check(device_key=KEY, space=space)
    with pytest.raises(
        PredictorError, match=r"made on the device 0123456789ab \(simulated, eager\), and this one is oth"
    ):
        predictor.check(device_key="other", space=space)
    with pytest.raises(
        PredictorError, match=r"made for the space 'mlp-small' \(\w{12}\), and this one is 'rnn-small' \("
    ):
        predictor.check(device_key=KEY, space=FAMILIES["rnn"])
    graphs = members(space, 6)
    free = LatencyPredictor.fit(graphs, [1.0] * 6, device={}, device_key=KEY, space=None, report=False)
    free.check(device_key=KEY, space=FAMILIES["rnn"])
    with pytest.raises(PredictorError, match=r"\(not described\)"):
        free.check(device_key="other", space=space)


@pytest.mark.parametrize(
    ("latency", "message"),
    [
        ([1.0, 2.0, 3.0], "at least 4 measured networks; got 3; measure more members"),
        ([1.0] * 7, "one latency for each network; got 8 networks and 7 latencies"),
        ([1.0] * 7 + [float("nan")], "a latency is a positive number of ms; got nan for network 7; leave out"),
        ([1.0, -2.0] + [1.0] * 6, "a latency is a positive number of ms; got -2.0 for network 1"),
        ([0.0] + [1.0] * 7, "a latency is a positive number of ms; got 0.0 for network 0"),
        ([float("inf")] + [1.0] * 7, "a latency is a positive number of ms; got inf for network 0"),
    ],
)
def test_measurements_that_cannot_be_are_refused(latency: list[float], message: str) -> None:
    graphs = members(FAMILIES["mlp"], 3 if len(latency) == 3 else 8)
    with pytest.raises(PredictorError, match=message):
        LatencyPredictor.fit(graphs, latency, device=DEVICE, device_key=KEY, space=None)


def test_equal_latencies_and_equal_networks_are_taken() -> None:
    graphs = members(FAMILIES["mlp"], 1) * 5
    flat = LatencyPredictor.fit(graphs, [2.0] * 5, device=DEVICE, device_key=KEY, space=None)
    (found,) = flat.predict(graphs[:1])
    assert found.median_ms == pytest.approx(2.0, rel=0.01)
    assert found.low_ms < 2.0 < found.high_ms


def test_figures_on_held_out_members() -> None:
    made = [Prediction(m, 0.9 * m, 1.1 * m) for m in (1.0, 2.0, 3.0, 4.0)]
    judged = HeldOut.of(made, [1.05, 2.0, 3.9, 4.0])
    assert judged.n == 4
    assert judged.within_10_percent.value == judged.coverage.value == 0.75
    assert judged.spearman.value == pytest.approx(1.0)
    assert judged.mape.value == pytest.approx((0.05 / 1.05 + 0.9 / 3.9) / 4)
    assert judged.within_10_percent.low < 0.75 < judged.within_10_percent.high
    assert HeldOut.from_json(json.loads(json.dumps(judged.to_json()))) == judged == HeldOut.of(made, [1.05, 2, 3.9, 4])
    with pytest.raises(
        PredictorError, match="one measurement for each of at least one prediction; got 4 predictions and 1"
    ):
        HeldOut.of(made, [1.0])


# --- which members to measure ----------------------------------------------------------------------------------------


def test_chosen_members_are_distinct_and_the_same_again() -> None:
    space = FAMILIES["mlp"]
    found = choose(space, 12, seed=3)
    assert len({member.id for member in found}) == 12
    assert [member.id for member in choose(space, 12, seed=3)] == [member.id for member in found]
    assert [member.id for member in choose(space, 6, seed=3)] == [member.id for member in found][:6]
    assert [member.id for member in choose(space, 12, seed=4)] != [member.id for member in found]


def test_a_small_space_gives_all_it_has() -> None:
    from nasengine import Features, choice
    from nasengine.blocks import Linear, Sequential

    space = Space("tiny", inputs=Features(4), network=Sequential(Linear(choice(8, 16, 24)), Linear(2)))
    assert len(choose(space, 10)) == 3
    for count in (0, -1, 1.5, True):
        with pytest.raises(PredictorError, match=r"choose: count is a whole number from 1 on; got"):
            choose(space, count)  # type: ignore[arg-type]


@pytest.mark.parametrize("family", ["cnn", "rnn"])
def test_chosen_members_teach_more_than_random_ones(family: str) -> None:
    """Error on 100 unseen members after ten measurements: below the mean of eight random choices of ten.

    It was 0.022 against a mean of 0.034 on the CNN (none of 16 random choices was better) and 0.036 against 0.060 on
    the RNN (5 of 16 were). On the MLP and the Transformer ten random members already teach all but the noise, 0.016.
    """
    space = FAMILIES[family]
    pool, unseen = members(space, 150), members(space, 100, seed=1)
    real = np.log([simulated_ms(graph) for graph in unseen])

    def error(picked: list[int]) -> float:
        found = fitted(space, [pool[i] for i in picked]).predict(unseen)
        return float(np.abs(np.log([p.median_ms for p in found]) - real).mean())

    rng = np.random.default_rng(0)
    random = [error(rng.choice(len(pool), 10, replace=False).tolist()) for _ in range(8)]
    assert error(informative(pool, 10)) < np.mean(random)
