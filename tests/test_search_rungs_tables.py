"""Rungs on published tables: what early stopping costs in hypervolume, and how often what is foretold is right."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from rungs_plays import Play

from nasengine.search import Rung, maximize, minimize, pareto
from nasengine.search.rungs import CurveStopping, FixedRungs, Rungs, SuccessiveHalving, outlooks

Floats = npt.NDArray[np.float64]
ACCURACY = maximize("accuracy")
OBJECTIVES = (ACCURACY, minimize("latency_ms"), minimize("params"))
DIRECTIONS = [o.direction for o in OBJECTIVES]
ENDS = (12, 200)


@functools.cache
def table(name: str) -> pd.DataFrame:
    path = Path(os.environ.get("NASENGINE_DATA") or ".") / name
    if not path.is_file():
        pytest.skip(f"{name} is not in NASENGINE_DATA")
    return pd.read_parquet(path)


def cells() -> tuple[Floats, Floats]:
    """Validation accuracy after 12 epochs (N,), and test accuracy after 200, latency and parameters (N, 3)."""
    trained = table("nas/nb201.parquet").sort_values("arch_index")
    measured = table("latency/hwnas_nb201_cifar10.parquet").sort_values("arch_index")
    final = np.column_stack([trained.c10_test_e200, measured.edgegpu_latency_ms, trained.params_m])
    return trained.c10_val_e12.to_numpy(), final


@pytest.mark.parametrize("finished", [12, 40])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_bound_on_200_epochs_holds_after_12(finished: int, confidence: float) -> None:
    """100 studies of 10 unseen cells: see the test on synthetic curves for the odds."""
    early, final = cells()
    rng, held = np.random.default_rng(0), []
    for _ in range(100):
        chosen = rng.choice(len(early), finished + 10, replace=False).tolist()
        first = Rung({n: {"accuracy": early[n]} for n in chosen})
        last = Rung({n: {"accuracy": final[n, 0]} for n in chosen[:finished]})
        found = outlooks([first, last], 0, chosen[finished:], ACCURACY, confidence)
        held += [final[n, 0] <= foretold.best for n, foretold in found.items()]
    share = float(np.mean(held))
    assert share >= confidence - 4 * (confidence * (1 - confidence) / 100) ** 0.5
    assert share < 1


@pytest.mark.parametrize("epoch", [50, 100])
def test_whole_curves_of_cells_and_data_sets_not_seen(epoch: int) -> None:
    """36 curves of 200 epochs: three cells, three seeds, four data sets. A cell is foretold on a data set from all
    other curves. The three seeds count as one: twelve observations, of which five and more outside a bound of 95 %
    come once in 6,000 times."""
    curves = table("nas/nb201_curves_sample.parquet")
    curves = curves[(curves.schedule == 200) & (curves.space == "tss")]
    score = curves.x_valid_acc.where(curves.dataset == "cifar10-valid", curves.ori_test_acc)
    wide = curves.assign(score=score).pivot_table(
        index=["dataset", "arch_index"], columns=["seed", "epoch"], values="score"
    )
    runs = wide.to_numpy().reshape(len(wide), 3, 200)
    assert runs.shape == (12, 3, 200)
    outside = sum(_outside(runs, left_out, epoch) for left_out in range(len(runs)))
    assert outside <= 4


def _outside(runs: Floats, left_out: int, epoch: int) -> bool:
    """Do most of the seeds of one cell on one data set end above their bounds?"""
    own = [3 * left_out + seed for seed in range(3)]
    flat = runs.reshape(-1, runs.shape[-1])
    shown = {n: [(e + 1, {"accuracy": float(flat[n, e])}) for e in range(epoch)] for n in range(len(flat))}
    first = Rung({n: {"accuracy": float(flat[n, epoch - 1])} for n in shown}, curves=shown)
    last = Rung({n: {"accuracy": float(flat[n, -1])} for n in shown if n not in own})
    found = outlooks([first, last], 0, own, ACCURACY, 0.95)
    return bool(sum(flat[n, -1] > found[n].best for n in own) >= 2)


def play(rungs: Rungs, seed: int, trials: int) -> tuple[float, float]:
    """A study of random cells: its share of the hypervolume that training them all would have, and of the epochs."""
    early, final = cells()
    chosen = np.random.default_rng(seed).choice(len(early), trials, replace=False)

    def score(number: int, rung: int) -> dict[str, float]:
        accuracy, latency, params = final[chosen[number]]
        return {"accuracy": accuracy if rung else early[chosen[number]], "latency_ms": latency, "params": params}

    study = Play(rungs, OBJECTIVES, score, 2)
    trained = list(study.go(trials, workers=4, seed=seed)[-1].results)
    corner = pareto.reference_point(final, DIRECTIONS)
    got, whole = (pareto.hypervolume(final[n], DIRECTIONS, corner) for n in (chosen[trained], chosen))
    return got / whole, study.epochs(ENDS) / (trials * ENDS[-1])


def plays(rungs: Rungs, trials: int) -> tuple[float, float]:
    """Of six studies the least share of the hypervolume, and the mean share of the epochs."""
    found = np.array([play(rungs, seed, trials) for seed in range(6)])
    return float(found[:, 0].min()), float(found[:, 1].mean())


@pytest.mark.parametrize("order", ["crowding", "epsilon_net"])
def test_a_quarter_of_the_epochs_gives_the_hypervolume_of_full_training(order: str) -> None:
    share, epochs = plays(SuccessiveHalving(eta=8, min_epochs=12, order=order), trials=200)
    assert share > 0.998
    assert epochs <= 0.25


def test_curves_alone_stop_a_fifth_and_lose_nothing() -> None:
    share, epochs = plays(CurveStopping(FixedRungs((12,))), trials=200)
    assert share > 0.9995
    assert epochs < 0.8
