"""NAS-Bench-Graph against its published table: every row decodes and has the published parameters."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nasengine import screen
from nasengine.errors import SpaceError
from search_spaces.nasbench_graph import DATA, LINKS, NASBenchGraph, decisions, nasbench_graph, space


def table() -> pd.DataFrame:
    folder = os.environ.get("NASENGINE_DATA")
    path = Path(folder or ".") / "nas" / "nasbench_graph.parquet"
    if not path.is_file():
        pytest.skip("nas/nasbench_graph.parquet is not in NASENGINE_DATA")
    return pd.read_parquet(path)


def test_the_space_is_the_published_one() -> None:
    assert space.size == len(LINKS) * 9**4
    found = space.decode(decisions("0112", "skip-gat-arma-fc"))
    assert found.decisions == {"links": "0112", "op1": "skip", "op2": "gat", "op3": "arma", "op4": "fc"}
    with pytest.raises(SpaceError, match="four operations are written gat-gcn-fc-skip; this has 3"):
        decisions("0112", "skip-gat-arma")
    with pytest.raises(SpaceError, match=r"nasbench_graph: links of 0000, .*; got '0002' and"):
        NASBenchGraph("0002", ("gcn",) * 4, 8, 2)


def test_what_is_held_and_not_read_is_not_trained() -> None:
    """On Cora: two norms of 256 features on the data, and the unread step of one ``arma``."""
    row = decisions("0112", "skip-gat-arma-fc")
    held = nasbench_graph(DATA["cora"], held=True).decode(row).graph()
    bare = space.decode(row).graph()
    assert held.cost.params - bare.cost.params == 3 * 2 * 256 + 256 * 256
    assert screen(space.decode(row)).id == held.simplify().id
    assert held.simplify().cost.params == bare.cost.params


@pytest.mark.slow
@pytest.mark.representative
@pytest.mark.parametrize("data", DATA)
def test_every_row_has_its_published_parameters(data: str) -> None:
    rows = table().query("dataset == @data")
    assert len(rows) == 26_206
    held = nasbench_graph(DATA[data], held=True)
    members = [held.decode(decisions(links, ops)) for links, ops in zip(rows.links, rows.ops, strict=True)]
    params = np.array([member.graph().cost.params for member in members])
    assert np.array_equal(np.round(params / 1e6, 6), rows.params_m.round(6))
