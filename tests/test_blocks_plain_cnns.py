"""Blocks of plain and modular image networks: what they refuse, and what they compute beside plain torch."""

from __future__ import annotations

import pytest
import torch
from block_types import FEATURES, IMAGE, SEQUENCE
from blocks_cases import graph_of

from nasengine.blocks import (
    AuxiliaryHeads,
    Conv,
    ConvNormAct,
    DenseBlock,
    DenseLayer,
    DenseTransition,
    GlobalPool,
    InceptionFactorised,
    InceptionModule,
    InceptionReduction,
    Linear,
    LocalResponseNorm,
    MixerLayer,
    ReLU,
    Sequential,
    TokenMixing,
    XceptionModule,
)
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph import Block
from nasengine.graph.module import build

HEAD = Sequential(pool=GlobalPool(), classify=Linear(3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: InceptionModule(1, 1, 1, 1, 1, 1, kernel=4),
            "inception_module.kernel: odd, so that all branches keep the input's size; got 4; use 3, 5 or 7",
        ),
        (
            lambda: InceptionFactorised(4, width=0.0),
            "inception_factorised.width: above 0, it multiplies the channels; got 0.0",
        ),
        (
            lambda: InceptionModule(1, 1, 1, 1, 1, 1, pooling="min"),
            "inception_module.pooling: 'max' or 'average'; got 'min'",
        ),
        (
            lambda: AuxiliaryHeads((ReLU(),), (HEAD,)),
            "auxiliary_heads.heads: fewer than parts, for the last part gives the output; got 1 heads for 1 parts; "
            "cut the network into more parts, or leave a head out",
        ),
        (
            lambda: XceptionModule(4, depth=0),
            "xception_module: depth >= 1, channels >= 1 and first >= 0; got depth=0, channels=4, first=0",
        ),
        (lambda: DenseLayer(0), "dense_layer: growth >= 1 and bottleneck >= 0; got growth=0, bottleneck=4"),
        (
            lambda: DenseLayer(4, kernel=2),
            "dense_layer.kernel: odd, so that what a layer adds has its input's size; got 2; use 3 or 5",
        ),
        (lambda: DenseBlock(0, 4), "dense_block.layers: at least 1; got 0; Identity() stands for none"),
        (
            lambda: DenseTransition(1.5),
            "dense_transition: compression is a share in (0, 1] and channels >= 0; got compression=1.5, channels=0",
        ),
        (
            lambda: MixerLayer(tokens=0),
            "mixer_layer: tokens and channels above 0, they multiply the features; got tokens=0, channels=4.0",
        ),
        (
            lambda: LocalResponseNorm(0),
            "local_response_norm: size >= 1 and k > 0, or zeros give no number; got size=0, k=1.0",
        ),
    ],
)
def test_a_field_out_of_its_law_is_refused(make: object, message: str) -> None:
    with pytest.raises(SpaceError) as error:
        make()  # type: ignore[operator]
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (
            TokenMixing(Linear(5)),
            "token_mixing: it takes a sequence; got (12 feature); put Patchify or ToSequence before it",
        ),
        (MixerLayer(), "mixer_layer: it takes a sequence; got (12 feature); put Patchify or ToSequence before it"),
    ],
)
def test_mixing_takes_a_sequence(block: Block, message: str) -> None:
    with pytest.raises(ShapeError) as error:
        graph_of(block, (FEATURES,))
    assert str(error.value) == message


def test_auxiliary_heads_name_their_outputs_and_are_left_out_whole() -> None:
    parts, heads = (Conv(5), Conv(6), HEAD), (HEAD, HEAD)
    trained = graph_of(AuxiliaryHeads(parts, heads), (IMAGE,))
    assert list(trained.outputs) == ["output", "aux1", "aux2"]
    deployed = graph_of(AuxiliaryHeads(parts, heads, aux=False), (IMAGE,))
    assert list(deployed.outputs) == ["output"]
    assert deployed.id == graph_of(Sequential(*parts), (IMAGE,)).id
    assert trained.only("output").cost.params == deployed.cost.params
    assert trained.cost.params == deployed.cost.params + (5 * 3 + 3) + (6 * 3 + 3)


def test_auxiliary_heads_read_the_values_between_the_parts() -> None:
    graph = graph_of(AuxiliaryHeads((Conv(5), Conv(6), HEAD), (HEAD, HEAD)), (IMAGE,))
    module, x = build(graph), torch.randn(2, 4, 8, 6)
    between = module.get_submodule("parts.0")(x)
    wanted = module.get_submodule("heads.0.classify")(between.mean((2, 3)))
    torch.testing.assert_close(module(x)["aux1"], wanted)


def test_a_dense_layer_keeps_its_input_and_adds_to_it() -> None:
    graph = graph_of(DenseBlock(2, 3), (IMAGE,))
    module, x = build(graph).eval(), torch.randn(2, 4, 8, 6)
    out = module(x)
    assert out.shape[1] == 4 + 2 * 3
    torch.testing.assert_close(out[:, :4], x)
    first = graph_of(DenseBlock(1, 3), (IMAGE,))
    alone = build(first).eval()
    alone.load_state_dict({k: v for k, v in module.state_dict().items() if k.startswith("layers.0.")})
    torch.testing.assert_close(out[:, :7], alone(x))


def test_dense_layers_name_the_segments_they_read() -> None:
    graph = graph_of(DenseBlock(3, 2), (IMAGE,))
    (last,) = (n for n in graph.nodes if n.path == "layers.2.added.reduce.conv")
    assert last.fragment.parameters[0].axes[1].segments == (4, 2, 2)


def test_inception_names_the_segments_of_its_branches() -> None:
    graph = graph_of(InceptionModule(4, 2, 3, 2, 5, 6), (IMAGE,))
    assert graph.types[graph.outputs["output"]].segments == (4, 3, 5, 6)


def test_inception_width_multiplies_every_channel() -> None:
    half = graph_of(InceptionModule(8, 4, 12, 4, 16, 2, width=0.5), (IMAGE,))
    assert half.types[half.outputs["output"]].shape == (4 + 6 + 8 + 1, 8, 6)
    assert half.id == graph_of(InceptionModule(4, 2, 6, 2, 8, 1), (IMAGE,)).id


def test_inception_reduction_halves_the_grid_and_keeps_its_input() -> None:
    graph = graph_of(InceptionReduction(3, 5, inner=2), (IMAGE,))
    module, x = build(graph).eval(), torch.randn(2, 4, 8, 6)
    out = module(x)
    assert out.shape == (2, 3 + 5 + 4, 3, 2)
    torch.testing.assert_close(out[:, 8:], torch.nn.functional.max_pool2d(x, 3, 2))


def test_xception_module_projects_only_where_the_type_changes() -> None:
    def paths(block: Block) -> set[str]:
        return {node.path.split(".")[0] for node in graph_of(block, (IMAGE,)).nodes}

    assert "shortcut" not in paths(XceptionModule(4))
    assert "shortcut" in paths(XceptionModule(5))
    assert {"shortcut", "pool"} <= paths(XceptionModule(4, 2))
    assert "pool" not in paths(XceptionModule(4, 2, aligned=True))


def test_token_mixing_mixes_positions_of_each_feature_alike() -> None:
    module, x = build(graph_of(TokenMixing(Linear(3)), (SEQUENCE,))), torch.randn(2, 5, 12)
    inner = module.get_submodule("inner")
    torch.testing.assert_close(module(x)[:, :, 7], inner(x[:, :, 7]))


def test_local_response_follows_the_papers_formula() -> None:
    """Krizhevsky et al. (2012), section 3.3: the sum over n maps, where torch takes the mean."""
    module = build(graph_of(LocalResponseNorm(3, alpha=3 * 1e-1, k=2.0), (IMAGE,)))
    a = torch.randn(2, 4, 8, 6)
    wanted = torch.empty_like(a)
    for i in range(4):
        total = (a[:, max(0, i - 1) : i + 2] ** 2).sum(1)
        wanted[:, i] = a[:, i] / (2.0 + 1e-1 * total) ** 0.75
    torch.testing.assert_close(module(a), wanted)


def test_a_convolution_keeps_its_bias_before_a_norm_where_asked() -> None:
    plain, kept = graph_of(ConvNormAct(6), (IMAGE,)), graph_of(ConvNormAct(6, bias=True), (IMAGE,))
    assert kept.cost.params == plain.cost.params + 6
