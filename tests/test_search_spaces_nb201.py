"""NAS-Bench-201 against its published table: parameters of every cell, and what the ids join."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nasengine import screen
from nasengine.errors import SpaceError
from search_spaces.nb201 import decisions, space

SINGLE_SEED_STD = 0.30
"""Standard deviation of the CIFAR-10 test accuracy over three seeds, in points, mean over the published full curves."""


def table() -> pd.DataFrame:
    folder = os.environ.get("NASENGINE_DATA")
    path = Path(folder or ".") / "nas" / "nb201.parquet"
    if not path.is_file():
        pytest.skip("nas/nb201.parquet is not in NASENGINE_DATA")
    return pd.read_parquet(path)


def test_the_space_is_the_published_one() -> None:
    assert len(space) == 15_625
    published = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|nor_conv_1x1~2|"
    assert space.decode(decisions(published)).decisions == {
        "e01": "nor_conv_3x3", "e02": "none", "e12": "none", "e03": "none", "e13": "none", "e23": "nor_conv_1x1",
    }  # fmt: skip
    with pytest.raises(SpaceError, match=r"a cell is written \|op~0\|\+"):
        decisions("|nor_conv_3x3~0|")


def test_dead_edges_count_as_published_and_are_not_trained() -> None:
    """The one 3 x 3 convolution here leads nowhere: published networks hold it, simplified ones do not."""
    dead = space.decode(decisions("|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"))
    bare = space.decode(decisions("|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"))
    assert dead.graph().cost.params > bare.graph().cost.params == dead.graph().simplify().cost.params
    assert screen(dead) == screen(bare)


@pytest.mark.slow
@pytest.mark.representative
def test_every_cell_has_its_published_parameters_and_an_honest_id() -> None:
    """5,489 networks remain of 15,625 cells; those of one id agree in accuracy within the noise of a seed."""
    data = table()
    members = [space.decode(decisions(arch)) for arch in data.arch_str]
    params = np.array([member.graph().cost.params for member in members])
    assert np.array_equal(np.round(params / 1e6, 6), data.params_m.round(6))
    data["id"] = [screen(member).id for member in members]
    assert data.id.nunique() == 5_489
    assert data.groupby("arch_str").id.nunique().max() == 1
    check_agreement(data)


def check_agreement(data: pd.DataFrame) -> None:
    """Pooled standard deviation of the published accuracy (a mean over up to three seeds) within an id."""
    groups = data.groupby("id").c10_test_e200
    trained = (groups.transform("size") > 1) & (groups.transform("mean") >= 80)
    inside = (data.c10_test_e200 - groups.transform("mean"))[trained]
    freedom = trained.sum() - data.id[trained].nunique()
    assert freedom > 3_000
    assert np.sqrt((inside**2).sum() / freedom) < SINGLE_SEED_STD
    assert data.c10_test_e200[trained].std() > 5 * SINGLE_SEED_STD
