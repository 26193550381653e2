"""Every row of HW-GPT-Bench's table is a member with the table's parameters and MACs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nasengine.errors import SpaceError
from search_spaces.hwgpt_s import decisions, space

TABLE = Path(os.environ.get("NASENGINE_DATA", "")) / "nas" / "hwgptbench_s.parquet"


@pytest.mark.skipif(not TABLE.is_file(), reason="NASENGINE_DATA holds no nas/hwgptbench_s.parquet")
def test_every_row_decodes_to_its_parameters_and_macs() -> None:
    import pandas as pd

    columns = ["embed_dim", "n_layer", "n_head", "mlp_ratio", "bias", "params", "macs"]
    rows = pd.read_parquet(TABLE, columns=columns)
    assert len(rows) == 10_000
    for row in rows.itertuples(index=False):
        cost = space.decode(decisions(row.embed_dim, row.n_layer, row.n_head, row.mlp_ratio, row.bias)).cost()
        assert cost.params == row.params
        assert cost.macs == row.macs // 8 + 1024**2 * 128 * sum(row.n_head)


def test_a_row_with_too_few_layers_is_refused() -> None:
    with pytest.raises(SpaceError, match="hwgpt_s: n_head and mlp_ratio hold one number a layer; got 2 and 1 for 2"):
        decisions(192, 2, [4, 4], [2], False)
