"""Recurrent blocks, frames and attention by scores: what they refuse, and that they are what the papers write."""

from __future__ import annotations

import pytest
import torch
from block_types import FEATURES, IMAGE, NODES, SEQUENCE, SIGNAL
from blocks_cases import Block, graph_of

from nasengine.blocks import (
    AttentionDecoder,
    Bias,
    CausalConv,
    Conv,
    ConvLSTM,
    EncodingForecasting,
    Flatten,
    FramePatches,
    FramePixels,
    GlobalPool,
    Maxout,
    OnVolume,
    Recurrent,
    ReLU,
    ScoreAttention,
    Seq2Seq,
    Sequential,
    TemporalBlock,
    TemporalNet,
)
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph import Frames, TensorType
from nasengine.graph.module import build

FRAMES = TensorType((3, 4, 6, 8), "TCHW")
SIX = TensorType((6,), "F")
IDS = TensorType((5,), "T", "int64")
STATE = TensorType((5, 6, 8), "CHW")


@pytest.mark.parametrize(
    ("block", "types", "message"),
    [
        (
            Recurrent(6),
            (IMAGE,),
            r"recurrent: it takes a sequence, \(T, F\); got .*; put Embedding or ToSequence before",
        ),
        (Recurrent(6), (IDS,), "recurrent: it takes a sequence"),
        (Recurrent(6), (TensorType((5, 6), "TF", batched=False),), "recurrent: it takes a batch; got"),
        (
            Recurrent(6),
            (SEQUENCE, SIX),
            "recurrent: 2 first states of 6 features, or none; got .*; map them to that size",
        ),
        (Recurrent(6, "gru"), (SEQUENCE, FEATURES), "recurrent: 1 first states of 6 features, or none; got"),
        (
            CausalConv(4),
            (SEQUENCE,),
            r"causal_conv: it takes a signal, \(C, L\); got .*; put Permute\(\(1, 0\), 'CL'\)",
        ),
        (CausalConv(4), (TensorType((4, 9), "CL", batched=False),), "causal_conv: it takes a batch; got"),
        (
            TemporalNet(Sequential(ReLU())),
            (SIGNAL,),
            "temporal_net.blocks: a row of TemporalBlock; got ReLU; write repeat",
        ),
        (TemporalNet(Sequential()), (SIGNAL,), "temporal_net.blocks: a row of TemporalBlock; got none"),
        (Bias(), (IMAGE,), "bias: it takes features on the last axis; got .*; a convolution has a bias of its own"),
        (
            ConvLSTM(5),
            (IMAGE,),
            r"conv_lstm: it takes a sequence of images, \(T, C, H, W\); got .*; Frames\(...\) is such",
        ),
        (ConvLSTM(5), (TensorType((3, 4, 6, 8), "TCHW", batched=False),), "conv_lstm: it takes a batch; got"),
        (ConvLSTM(4), (FRAMES, STATE, STATE), r"conv_lstm: a first hidden state and cell of \(4, 6, 8\), or none; got"),
        (
            ConvLSTM(5),
            (STATE, STATE),
            "conv_lstm.steps: given where there is no input and only there; got steps=0 with 2",
        ),
        (
            ConvLSTM(5, steps=2),
            (FRAMES,),
            "conv_lstm.steps: given where there is no input and only there; got steps=2 wi",
        ),
        (OnVolume(Conv(3)), (IMAGE,), "on_volume: it takes a sequence of images"),
        (OnVolume(GlobalPool()), (FRAMES,), "on_volume.inner: it gives a volume; got .*; put OnVolume around less"),
        (OnVolume(Flatten()), (FRAMES,), "on_volume.inner: it gives a volume; got"),
        (FramePatches(4), (FRAMES,), "frame_patches.patch: it divides the sides; got 4 for .*; use another patch"),
        (
            FramePixels(3),
            (FRAMES,),
            "frame_pixels.patch: its square divides the channels; got 3 for .*; use another patch",
        ),
        (
            EncodingForecasting(Conv(3)),
            (FRAMES,),
            "encoding_forecasting.layers: a row of ConvLSTM; got Conv; write repeat",
        ),
        (
            ScoreAttention("dot"),
            (SEQUENCE, TensorType((7, 6), "TF")),
            "score_attention.score: 'dot' takes queries and a m",
        ),
        (ScoreAttention(), (SEQUENCE, NODES), "score_attention: it takes a sequence"),
        (
            AttentionDecoder(6),
            (SEQUENCE, SEQUENCE),
            "attention_decoder: 1 first states of 6 features; got none; map them",
        ),
        (
            AttentionDecoder(6, "lstm"),
            (SEQUENCE, SEQUENCE, SIX),
            "attention_decoder: 2 first states of 6 features, or no",
        ),
        (
            AttentionDecoder(6, score="dot"),
            (SEQUENCE, SEQUENCE, SIX),
            "attention_decoder.score: 'dot' takes queries and",
        ),
        (
            Maxout(5),
            (SEQUENCE,),
            "maxout.pieces: they divide the features on the last axis; got 5 for .*; put a Linear",
        ),
        (
            Seq2Seq(9, 9, 4, Recurrent(6), Recurrent(6)),
            (IDS, IDS),
            "seq2seq.decoder: a PlainDecoder, LuongDecoder or BahdanauDecoder; got Recurrent",
        ),
    ],
    ids=lambda p: repr(p)[:40],
)
def test_types_that_do_not_fit(block: Block, types: tuple[TensorType, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        graph_of(block, types)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Recurrent(0), r"recurrent: features and layers >= 1, dropout in \[0, 1\); got 0, 1 and 0.0"),
        (lambda: Recurrent(4, "rnn"), "recurrent.kind: one of elman, elman_relu, jordan, gru, lstm; got 'rnn'"),
        (lambda: Recurrent(4, reads="first"), "recurrent.reads: one of sequence, last, states; got 'first'"),
        (lambda: CausalConv(4, 0), "causal_conv: channels, kernel and dilation >= 1, groups >= 0; got 4, 0, 1 and 1"),
        (lambda: TemporalNet(TemporalBlock(4), 0), "temporal_net.growth: at least 1; got 0"),
        (lambda: ConvLSTM(0), "conv_lstm: features >= 1 and steps >= 0; got 0 and 0"),
        (lambda: ConvLSTM(4, 2), "conv_lstm: kernels are odd; got 2 and 3"),
        (lambda: ConvLSTM(4, reads="all"), "conv_lstm.reads: one of sequence, last, states; got 'all'"),
        (
            lambda: ScoreAttention("cosine"),
            "score_attention.score: one of dot, general, concat, with hidden >= 0; got 'c",
        ),
        (
            lambda: AttentionDecoder(6, hidden=-1),
            "attention_decoder.score: one of dot, general, concat, with hidden >=",
        ),
        (lambda: AttentionDecoder(0), r"attention_decoder: features and layers >= 1, dropout in \[0, 1\); got 0"),
        (
            lambda: AttentionDecoder(6, "jordan"),
            "attention_decoder: kind is one of elman, gru, lstm, order one of before",
        ),
        (lambda: AttentionDecoder(6, order="now"), "attention_decoder: kind is one of .*, after; got 'gru' and 'now'"),
        (lambda: Maxout(0), "maxout.pieces: at least 1; got 0"),
        (lambda: Frames(0, 1, 8), "frames.frames: a size is at least 1; got 0"),
    ],
)
def test_fields_that_cannot_be(make: object, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["elman", "elman_relu", "jordan", "gru", "lstm"])
def test_states_go_on_where_a_sequence_was_cut(kind: str) -> None:
    """The last states of the first half, given to the second half, make the whole."""
    layers = Recurrent(6, kind, 2, reads="states")
    torch.manual_seed(0)
    module = build(graph_of(layers, (SEQUENCE,)))
    x = torch.randn(3, 5, 12)
    whole, *last = module(x).values()
    again = build(graph_of(layers, (SEQUENCE, *(SIX,) * layers.states)))
    again.load_state_dict(module.state_dict())
    _, *half = module(x[:, :2]).values()
    rest, *end = again(x[:, 2:], *half).values()
    torch.testing.assert_close(rest, whole[:, 2:])
    torch.testing.assert_close(end, last)


def test_the_last_state_is_the_end_of_each_direction() -> None:
    torch.manual_seed(0)
    sequence, last = (build(graph_of(Recurrent(6, "gru", 2, True, reads=r), (SEQUENCE,))) for r in ("sequence", "last"))
    last.load_state_dict(sequence.state_dict())
    x = torch.randn(3, 5, 12)
    y = sequence(x)
    torch.testing.assert_close(last(x), torch.cat((y[:, -1, :6], y[:, 0, 6:]), 1))


def test_a_temporal_network_sees_nothing_later_and_as_far_back_as_it_states() -> None:
    """Bai et al., 2018, section 3.2: with blocks of dilation 1, 2, 4 and a kernel k, 2 (k - 1) * 7 positions back."""
    graph = graph_of(TemporalNet(Sequential(*[TemporalBlock(4, 3)] * 3)), (TensorType((4, 40), "CL"),))
    module = build(graph).double()
    x = torch.randn(1, 4, 40, dtype=torch.float64, requires_grad=True)
    module(x)[0, :, 33].sum().backward()
    assert x.grad is not None
    seen = x.grad.abs().sum((0, 1)).nonzero().flatten()
    assert (int(seen.min()), int(seen.max())) == (33 - 28, 33)
    assert graph.cost.receptive_field == 29


def test_patches_are_torchs_and_come_back() -> None:
    x = torch.randn(2, 3, 1, 6, 8)
    cut = build(graph_of(FramePatches(2), (TensorType((3, 1, 6, 8), "TCHW"),)))(x)
    torch.testing.assert_close(cut, torch.nn.functional.pixel_unshuffle(x, 2))
    back = build(graph_of(FramePixels(2), (TensorType((3, 4, 3, 4), "TCHW"),)))(cut)
    torch.testing.assert_close(back, x)


def test_costs_grow_with_the_length_as_they_should() -> None:
    def macs(block: Block, *types: TensorType) -> int:
        return graph_of(block, types).cost.macs

    short, long = TensorType((10, 8), "TF"), TensorType((30, 8), "TF")
    assert macs(Recurrent(6), long) == 3 * macs(Recurrent(6), short)
    once = 8 * 8  # of a query alone, whatever the memory
    both = [macs(ScoreAttention("dot"), t, t) for t in (short, long)]
    assert both[1] == 9 * both[0]
    concat = [macs(ScoreAttention("concat"), t, t) - 2 * t.shape[0] * once for t in (short, long)]
    assert concat[1] == 9 * concat[0]
