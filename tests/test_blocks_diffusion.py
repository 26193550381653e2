"""Diffusion models: what their blocks do, and what they say when they do not fit."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from blocks_cases import FEATURES, IMAGE, SEQUENCE, graph_of

from nasengine.blocks import (
    AdaptiveLayer,
    Attention,
    Condition,
    Conv,
    DenoisingLevel,
    DenoisingUNet,
    DiffusionTransformer,
    GridPositions,
    GroupNorm,
    ImageAttention,
    Linear,
    TimeEmbedding,
    TimeResidual,
    TimeWaves,
    Unpatchify,
)
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph import Block, TensorType
from nasengine.graph.module import build

TIME = TensorType((), "")
NORM = GroupNorm(2)
TOLD = Condition(TimeEmbedding(6))
LEVEL = DenoisingLevel(TimeResidual(4, norm=NORM), 1)


def run(block: Block, types: tuple[TensorType, ...], *inputs: torch.Tensor) -> Any:
    """The block's output on tensors, before any training."""
    torch.manual_seed(0)
    with torch.no_grad():
        return build(graph_of(block, types)).eval()(*inputs)


# -------------------------------------------------------------------------------------------------- what they do


def test_waves_of_time_go_from_one_to_the_base() -> None:
    made = run(TimeWaves(6, 100.0, 1), (TIME,), torch.tensor([3.0]))[0]
    angles = [3.0, 3.0 / 10, 3.0 / 100]
    wanted = [*(math.sin(a) for a in angles), *(math.cos(a) for a in angles)]
    torch.testing.assert_close(made, torch.tensor(wanted))
    turned = run(TimeWaves(6, 100.0, 1, cosine_first=True), (TIME,), torch.tensor([3.0]))[0]
    assert torch.equal(turned, torch.cat((made[3:], made[:3])))


def test_positions_of_a_grid_tell_column_and_row() -> None:
    made = run(GridPositions(2), (TensorType((6, 4), "TF"),), torch.zeros(1, 6, 4))[0]
    for place in range(6):
        row, column = divmod(place, 3)
        wanted = [math.sin(column), math.cos(column), math.sin(row), math.cos(row)]
        torch.testing.assert_close(made[place], torch.tensor(wanted))


def test_unpatchify_undoes_a_cut_into_patches() -> None:
    image = torch.arange(2.0 * 4 * 6).reshape(1, 2, 4, 6)
    patches = image.reshape(1, 2, 2, 2, 3, 2).permute(0, 2, 4, 3, 5, 1).reshape(1, 6, 8)
    assert torch.equal(run(Unpatchify(2, 2), (TensorType((6, 8), "TF"),), patches), image)


def test_an_adaptive_layer_does_nothing_before_training() -> None:
    x, told = torch.randn(2, 5, 12), torch.randn(2, 12)
    types = (SEQUENCE, FEATURES)
    assert torch.equal(run(AdaptiveLayer(Attention(2)), types, x, told), x)
    assert not torch.allclose(run(AdaptiveLayer(Attention(2), gated=False), types, x, told), x)


@pytest.mark.parametrize("modulation", ["shift", "scale_shift"])
def test_a_unet_reads_the_time_step(modulation: str) -> None:
    level = DenoisingLevel(TimeResidual(4, norm=NORM, modulation=modulation), 1)
    network = DenoisingUNet(4, (level,), TOLD, ImageAttention(norm=NORM), NORM)
    x = torch.randn(1, 4, 8, 6).expand(2, -1, -1, -1)
    made = run(network, (IMAGE, TIME), x, torch.tensor([1.0, 900.0]))
    assert (made[0] - made[1]).abs().max() > 1e-3


def test_both_paths_of_a_unet_meet() -> None:
    """Ho et al. (2020): as many maps are read on the way up as are left on the way down."""
    levels = (LEVEL, DenoisingLevel(TimeResidual(6, norm=NORM), 2))
    graph = graph_of(DenoisingUNet(4, levels, TOLD, ImageAttention(norm=NORM), NORM), (IMAGE, TIME))
    merges = [node for node in graph.nodes if "merge" in node.path]
    assert len(merges) == sum(level.depth + 1 for level in levels)
    assert [node.fragment.outputs[0].spatial for node in merges] == [(4, 3)] * 3 + [(8, 6)] * 2


# -------------------------------------------------------------------------------------------------- what they say


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TimeWaves(5), "time_waves: an even number of features, base > 1, shift 0 or 1; got 5, 10000.0 and 0"),
        (lambda: TimeWaves(2, shift=1), "time_waves.features: at least 4 where shift is 1; got 2"),
        (lambda: TimeResidual(4, 2), "time_residual.kernel: odd, so that sides are kept; got 2"),
        (lambda: TimeResidual(4, modulation="add"), "time_residual.modulation: one of shift, scale_shift; got 'add'"),
        (lambda: DenoisingLevel(TimeResidual(4), 0), "denoising_level.depth: at least 1; got 0"),
        (lambda: DenoisingUNet(4, (), TOLD), "denoising_unet: at least one level"),
        (lambda: GridPositions(-1), "grid_positions: height >= 0 and base > 1; got -1 and 10000.0"),
    ],
)
def test_what_is_refused_when_it_is_written(make: Any, message: str) -> None:
    with pytest.raises(SpaceError) as raised:
        make()
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("block", "types", "message"),
    [
        (TimeWaves(6), (FEATURES,), "time_waves: one number a sample; got (12 feature)"),
        (Condition(TimeEmbedding(6), 5), (TIME,), "condition.classes: 5 classes want 1 class id a sample; got 0"),
        (TOLD, (TIME, TIME), "condition.classes: 0 classes want 0 class id a sample; got 1"),
        (ImageAttention(), (SEQUENCE,), "image_attention: it takes channels and one to three spatial axes"),
        (ImageAttention(Linear(5), NORM), (IMAGE,), "image_attention.inner: it keeps the type"),
        (
            DenoisingUNet(4, (LEVEL,) * 3, TOLD, norm=NORM),
            (IMAGE, TIME),
            "got (4 channels × 4 height × 3 width) at level 1",
        ),
        (
            GridPositions(4),
            (TensorType((6, 12), "TF"),),
            "grid_positions: whole rows, and features in four equal parts",
        ),
        (
            GridPositions(2),
            (TensorType((6, 10), "TF"),),
            "grid_positions: whole rows, and features in four equal parts",
        ),
        (Unpatchify(2, 4), (TensorType((6, 12), "TF"),), "unpatchify: whole rows of patches"),
        (Unpatchify(5, 2), (TensorType((6, 12), "TF"),), "unpatchify: whole rows of patches"),
        (DiffusionTransformer(2, 8, Conv(4), TOLD), (IMAGE, TIME), "diffusion_transformer.layers: a row of blocks"),
    ],
)
def test_what_does_not_fit(block: Block, types: tuple[TensorType, ...], message: str) -> None:
    with pytest.raises(ShapeError) as raised:
        graph_of(block, types)
    assert message in str(raised.value)
