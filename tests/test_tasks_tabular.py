"""Tables: what they hold, what they refuse, and the pool that a part of a space is searched as."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tabular_toys import PATHS, frame, member, space, task

from nasengine import Features, Space, choice
from nasengine.blocks import Identity, Linear, Sequential
from nasengine.errors import SpaceError, TaskError
from nasengine.tasks.pool import AROUND, Pool
from nasengine.tasks.tabular import TabularTask


def test_a_table_says_what_it_holds() -> None:
    table = task()
    assert len(table) == 12
    assert table.epochs == (3, 9, 27)
    assert table.full_s == 54.0
    assert table.rows[0] == member(8)
    assert table.metrics_at(0, 9) == {"accuracy": pytest.approx((8 + 0.4 + 0.01) / 3)}


def test_what_is_known_of_a_candidate() -> None:
    read = task(known={"params": "ms"}, measured={}).over(space())
    entry = read.look(member(16))
    assert entry.known["params"] == 2.0  # the table's own count stands before the closed form
    assert entry.known["macs"] == read.member(entry.row or 0).cost().macs
    assert entry.id == read.look(member(16, "wrapped")).id
    assert task().over(space()).look(member(16)).measured == {"latency_ms": 2.0}


def test_columns_of_all_rows() -> None:
    read = task().over(space())
    assert read.column("accuracy").tolist() == task().metrics["accuracy"][27].tolist()
    assert read.column("latency_ms").tolist() == frame().ms.tolist()
    assert read.column("params").tolist() == [space().decode(row).cost().params for row in task().rows]
    with pytest.raises(TaskError, match=r"toys: 'f1' is in no row after 27 epochs; there are accuracy, latency_ms, "):
        read.column("f1")


def test_a_function_reads_decisions_and_a_missing_value_is_no_position() -> None:
    def read(row: Any) -> dict[str, Any]:
        return {path: row[path] for path in PATHS}

    assert task(decisions=read).rows == task().rows
    open_space = Space(
        "open", inputs=Features(4), network=Sequential(choice(Identity(), Linear(choice(4, 8))), Linear(2))
    )
    rows = pd.DataFrame(
        {"0": ["identity", "linear", "linear"], "0.linear.features": [None, 4, 8], "acc": [1.0, 2.0, 3.0]}
    )
    table = TabularTask.from_frame("open", rows, decisions=["0", "0.linear.features"], metrics={"accuracy": "acc"})
    assert table.rows[0] == {"0": "identity"}
    assert table.over(open_space).space is open_space


BAD: dict[str, tuple[Callable[[], object], str]] = {
    "a column": (
        lambda: task(measured={"latency_ms": "m"}),
        r"toys: there is no column 'm'; the columns are 0\.features, 1, .*; did you mean 'ms'\?",
    ),
    "a path": (
        lambda: task(decisions=["0.features", "width"]),
        r"toys: there is no column 'width'; the columns are 0\.features",
    ),
    "no number": (lambda: task(epoch_s="1"), r"toys: column '1' holds numbers; could not convert .*'bare'"),
    "not finite": (
        lambda: task(frame().assign(ms=[np.nan, np.inf] + [1.0] * 10)),
        r"toys: measured\['latency_ms'\]: values are finite numbers; row 0 holds nan, and 1 more rows do likewise; "
        "leave these rows out: the others are a pool",
    ),
    "twice": (
        lambda: task(pd.concat([frame(), frame()[3:4]], ignore_index=True)),
        r"toys: a network has one row; rows 3 and 12 have the same decisions, \{'0.features': 8.*\}; keep one of them",
    ),
    "no row": (lambda: task(frame()[:0]), "toys: a table holds at least one row; got none"),
    "no metric": (lambda: task(metrics={}), r"toys: metrics= names at least one column; got \{\}"),
    "an epoch": (
        lambda: task(metrics={"accuracy": {0: "acc3"}}),
        "toys: an epoch is a whole number from 1 on; got 0",
    ),
    "two meanings": (
        lambda: task(known={"latency_ms": "ms"}),
        "toys: 'latency_ms' is a metric, known or measured; it is named twice; keep one",
    ),
    "seconds": (lambda: task(epoch_s=0.0), r"toys: epoch_s: an epoch takes more than 0 seconds; got 0\.0"),
    "profiling": (lambda: task(profiling_s=-1.0), r"toys: profiling_s: a number of seconds from 0 on; got -1\.0"),
    "lengths": (
        lambda: TabularTask("mine", [member(8)], {"accuracy": {1: np.ones(2)}}),
        r"mine: metrics\['accuracy'\]\[1\]: one value a row, \(1,\); got shape \(2,\)",
    ),
    "no member": (
        lambda: task(frame().replace({32: 33})).over(space()),
        r"toys: row 8 is no member of the space 'toy'; 0\.features: 33 is not an option; expected one of 8, 16, 32; "
        "leave the row out",
    ),
    "a row": (
        lambda: task(decisions=lambda row: {"0.features": row["wide"]}),
        r"toys: row 0: decisions= cannot read it; KeyError: 'wide'; mend the row",
    ),
}


@pytest.mark.parametrize(("make", "message"), BAD.values(), ids=BAD)
def test_a_table_refuses(make: Callable[[], object], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        make()


def test_two_rows_of_one_member_are_refused_when_they_are_read() -> None:
    rows = [{**member(8)}, {**member(8), "0.features": 8.0}]
    with pytest.raises(TaskError, match="rows 0 and 1 have the same decisions"):
        TabularTask("mine", rows, {"accuracy": {1: np.ones(2)}})


# --- pools -------------------------------------------------------------------------------------------------------


def part() -> Pool:
    found = task(frame()[::2].reset_index(drop=True)).over(space()).space
    assert isinstance(found, Pool)
    return found


def keys(pool: Pool) -> set[frozenset[tuple[str, object]]]:
    return {frozenset(row.decisions.items()) for row in pool}


def test_a_table_of_the_whole_space_is_the_space_and_one_of_a_part_a_pool() -> None:
    whole = space()
    assert task().over(whole).space is whole
    pool = part()
    assert pool.size == len(pool) == 6
    assert repr(pool) == "Pool('toy', 6 rows)"
    assert [row.decisions["2.features"] for row in pool] == [4] * 6
    assert pool[-1].decisions == pool[5].decisions == member(32, "wrapped")


def test_samples_mutants_crosses_and_neighbours_are_rows() -> None:
    pool, rng = part(), random.Random(0)
    rows = keys(pool)
    assert {frozenset(pool.sample(rng).decisions.items()) for _ in range(200)} == rows  # missed once in 6 * (5/6)^200
    for _ in range(100):
        a, b = pool.sample(rng), pool.sample(rng)
        for found in (pool.mutate(a, rng), pool.mutate(a, rng, changes=3), pool.crossover(a, b, rng)):
            assert frozenset(found.decisions.items()) in rows
            assert found.decisions != a.decisions


def test_the_nearest_row() -> None:
    """Numbers differ by their share of the range, labels by 1: by hand."""
    pool = Pool(space(), [member(8, "bare"), member(32, "bare"), member(16, "wrapped"), member(32, "bare", 6)])
    assert pool.nearest(member(32, "wrapped", 6)) == 3  # 0 + 1 + 0, before 0 + 1 + 1 and 2 / 3 + 0 + 1
    assert pool.nearest(member(16, "wrapped", 6)) == 2
    assert pool.nearest(member(16, "bare")) == 0  # 1 / 3, before 2 / 3 and 1
    assert pool.nearest(member(16, "bare"), but={0}) == 1
    with pytest.raises(SpaceError, match="pool of 'toy': a row must be left to be nearest; all 4 are out"):
        pool.nearest(member(8), but=range(4))


def test_neighbours_are_rows_one_decision_away_then_the_nearest() -> None:
    pool = part()
    found = [m.decisions for m in pool.neighbours(pool[0])]
    assert found[:3] == [member(16), member(32), member(8, "wrapped")]
    assert len(found) == min(AROUND, pool.size - 1)
    assert member(8) not in found


def test_equally_near_rows_come_in_an_order_of_their_own() -> None:
    rows = [member(w, again=a) for w in (8, 16, 32) for a in (4, 6)]
    pool = Pool(space(), rows)
    taken: list[int] = []
    while len(taken) < 6:
        taken.append(pool.nearest(member(16, "wrapped", 5), but=taken))
    assert sorted(taken) == list(range(6))
    assert set(taken[:2]) == {2, 3}
    assert Pool(space(), rows).nearest(member(16, "wrapped", 5)) == taken[0]


def test_a_pool_reads_any_member_of_the_whole_space() -> None:
    pool = part()
    assert pool.decode(member(8, again=6)).decisions == member(8, again=6)
    assert pool.row(member(8, again=6)) is None
    assert pool.row(member(8)) == 0


def test_what_is_no_pool() -> None:
    with pytest.raises(SpaceError, match="pool of 'toy': each member is there once; got one twice"):
        Pool(space(), [member(8), member(8)])
    with pytest.raises(SpaceError, match="pool of 'toy': a pool holds at least one member; got no row"):
        Pool(space(), [])


def test_a_pool_of_one_row_is_its_own_mutant() -> None:
    pool, rng = Pool(space(), [member(8)]), random.Random(0)
    assert pool.mutate(pool[0], rng).decisions == member(8)
    assert list(pool.neighbours(pool[0])) == []


def test_references_of_a_pool_are_those_it_holds() -> None:
    published = {"small": member(8), "large": member(32, again=6)}
    whole = Space("toy", inputs=Features(4), networks=space().networks, references=published)
    assert dict(Pool(whole, [member(8), member(16)]).references) == {"small": member(8)}
