"""What cells, their operations and networks say of fields and inputs that do not fit; and what they do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from block_types import FEATURES, IMAGE
from blocks_cases import graph_of

from nasengine.blocks import (
    AvgPool,
    CellNetwork,
    ChannelShuffle,
    FactorizedReduce,
    FBNetBlock,
    GlobalPool,
    Identity,
    Pad,
    PairCell,
    SeparableStack,
    SkipConnect,
    SkipNetwork,
)
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph import TensorType
from nasengine.graph.module import build

POOL = AvgPool(3, 1, 1)
CELL = PairCell((POOL, POOL), ((0, 1),))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SkipConnect(3), r"skip_connect.stride: 1 or 2; got 3; use a pooling"),
        (lambda: SeparableStack(depth=0), r"separable_stack.depth: at least 1; got 0; SkipConnect\(\) does nothing"),
        (
            lambda: PairCell((POOL,), ((0, 1),)),
            r"pair_cell.operations: two for each node; got 1 operations for 1 nodes",
        ),
        (lambda: PairCell((), ()), r"pair_cell.operations: two for each node; got 0 operations for 0 nodes"),
        (lambda: PairCell((POOL, POOL), ((0, 2),)), r"sources: node 0 takes two of the values 0..1; got \(0, 2\)"),
        (
            lambda: PairCell((POOL, POOL), ((0, 1),), 3),
            r"stride 1 or 2 and output 'nodes' or 'loose'; got 3 and 'nodes'",
        ),
        (lambda: PairCell((POOL, POOL), ((0, 1),), output="last"), r"'nodes' or 'loose'; got 1 and 'last'"),
        (lambda: PairCell((POOL, Identity()), ((0, 1),), 2), r"each has a field stride; got identity; SkipConnect\(\)"),
        (lambda: CellNetwork(CELL, CELL, POOL, cells=2), r"cells >= 3 and channels >= 2; got cells=2, channels=36"),
        (lambda: CellNetwork(CELL, CELL, POOL, "double"), r"stem 'single' or 'strided' and entry .* got 'double'"),
        (
            lambda: CellNetwork(CELL, CELL, POOL, entry="never"),
            r"entry 'always' or 'changed'; got 'single' and 'never'",
        ),
        (
            lambda: SkipNetwork((POOL,) * 3, ((), (True,)), POOL),
            r"skips: at least 3 layers.* got \[0, 1\] for 3 layers",
        ),
        (lambda: SkipNetwork((POOL,) * 3, ((), (True,), (True,) * 2), POOL, 1), r"channels: at least 2; got 1"),
        (lambda: ChannelShuffle(0), r"channel_shuffle.groups: at least 1; got 0"),
        (lambda: FBNetBlock(8, expand=0), r"channels >= 1 and expand >= 1; got channels=8, expand=0"),
    ],
)
def test_fields_that_do_not_fit(make: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()


@pytest.mark.parametrize(
    ("block", "types", "message"),
    [
        (Pad(-4, -3), (IMAGE,), r"pad: at least one position is left; got before=-4, after=-3 for .*; cut less"),
        (Pad(1, 1), (FEATURES,), r"pad: it takes channels and one to three spatial axes"),
        (FactorizedReduce(1), (IMAGE,), r"factorized_reduce.channels: at least 2.*got 1; use more channels"),
        (ChannelShuffle(3), (IMAGE,), r"channel_shuffle.groups: it divides the channels; got 3 groups for 4 channels"),
        (CELL, (IMAGE, TensorType((5, 8, 6), "CHW")), r"pair_cell: both inputs are of one type; got .* project them"),
    ],
)
def test_inputs_that_do_not_fit(block: Any, types: tuple[TensorType, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        graph_of(block, types)


def test_a_factorised_reduction_reads_every_pixel() -> None:
    """Of even and of odd images: no row and no column is left out."""
    for size in ((8, 8), (7, 9)):
        network = build(graph_of(FactorizedReduce(4, activation=Identity()), (TensorType((2, *size), "CHW"),))).eval()
        x = torch.randn(1, 2, *size, requires_grad=True)
        network(x).square().sum().backward()
        assert x.grad is not None
        read = x.grad.abs().sum((0, 1)) > 0
        rows, columns = torch.arange(size[0])[:, None] % 2, torch.arange(size[1]) % 2
        assert torch.equal(read, rows == columns)


def test_a_shuffle_deals_channels_out() -> None:
    x = torch.randn(2, 4, 8, 6)
    made = build(graph_of(ChannelShuffle(2), (IMAGE,)))(x)
    assert torch.equal(made, torch.nn.functional.channel_shuffle(x, 2))


def test_a_network_of_cells_has_its_auxiliary_head_where_it_is_trained() -> None:
    from nasengine.blocks import Linear, Sequential

    head = Sequential(pool=GlobalPool(), classify=Linear(3))
    picture = (TensorType((3, 16, 16), "CHW"),)
    trained = graph_of(CellNetwork(CELL, CELL, head, cells=3, channels=4, aux_head=head, aux=True), picture)
    deployed = graph_of(CellNetwork(CELL, CELL, head, cells=3, channels=4, aux_head=head), picture)
    assert list(trained.outputs) == ["output", "aux"]
    assert list(deployed.outputs) == ["output"]
    assert trained.only("output").cost.params == deployed.cost.params < trained.cost.params
