"""Recurrent layers, temporal convolutions, frames, attention by scores, encoder and decoder."""

from __future__ import annotations

from block_types import FEATURES, JOINED, NODES, SEQUENCE, SIGNAL, Case, each

from nasengine.blocks import (
    AttentionDecoder,
    BahdanauDecoder,
    BatchNorm,
    Bias,
    CausalConv,
    Concat,
    Conv,
    ConvLSTM,
    EncodingForecasting,
    FramePatches,
    FramePixels,
    Linear,
    LuongDecoder,
    Maxout,
    MaxoutReadout,
    OnVolume,
    PlainDecoder,
    Recurrent,
    ScoreAttention,
    Seq2Seq,
    Sequential,
    SiLU,
    TemporalBlock,
    TemporalNet,
)
from nasengine.graph import TensorType

FRAMES = TensorType((3, 4, 6, 8), "TCHW")
PARTS = TensorType((5, 12), "TF", segments=(4, 8))
MEMORY = TensorType((7, 6), "TF", segments=(3, 3))
STATE = TensorType((6,), "F")
STATES = (TensorType((5, 6, 8), "CHW"),) * 2
IDS = TensorType((6,), "T", "int64")
TARGET = TensorType((4,), "T", "int64")
KINDS = ("elman", "elman_relu", "jordan", "gru", "lstm")
SCORES = ("dot", "general", "concat")

PRIMITIVES: list[Case] = [
    *[(Recurrent(6, k), (SEQUENCE,)) for k in KINDS],
    *[(Recurrent(4, k, 2, True, 0.2, r != "last", r), (PARTS,)) for k in KINDS for r in ("sequence", "last", "states")],
    *[(Recurrent(6, k, 2), (SEQUENCE, *(STATE,) * 2)) for k in KINDS[:4]],
    (Recurrent(6, "lstm", reads="states"), (SEQUENCE, STATE, STATE)),
    (Recurrent(6, "jordan", bidirectional=True, bias=False, reads="states"), (SEQUENCE, STATE, STATE)),
    *each((SIGNAL,), CausalConv(6), CausalConv(4, 3, 2, bias=False), CausalConv(5, 3, 2, normed=True)),
    *each(
        (SIGNAL,),
        CausalConv(5, 2, normed=True, bias=False),
        CausalConv(8, 4, groups=0),
        CausalConv(6, normed=True, groups=2),
    ),
    *each((FRAMES,), ConvLSTM(5), ConvLSTM(5, 1, 5, peephole=False, reads="last"), ConvLSTM(6, 5, 3, reads="states")),
    (ConvLSTM(5), (FRAMES, *STATES)),
    (ConvLSTM(5, steps=3, reads="states"), STATES),
    *[(ScoreAttention(s), (TensorType((5, 6), "TF"), MEMORY)) for s in SCORES],
    *[(ScoreAttention(s, 4), (SEQUENCE, MEMORY)) for s in SCORES[1:]],
    *[(AttentionDecoder(6, "gru", 1, s, 4, o), (SEQUENCE, MEMORY, STATE)) for s in SCORES for o in ("before", "after")],
    (AttentionDecoder(6, "elman", 2), (PARTS, MEMORY, STATE, STATE)),
    (AttentionDecoder(6, "lstm", 2, "general", order="after", dropout=0.1), (PARTS, MEMORY, *(STATE,) * 4)),
    *each((FEATURES, SEQUENCE), Maxout(), Maxout(3)),
    *each((FEATURES, SEQUENCE, NODES, JOINED), Bias()),
]

LAYERS = Sequential(ConvLSTM(5), ConvLSTM(4, 1, 3, peephole=False))
GRU, LSTM, BOTH = Recurrent(6, "gru"), Recurrent(6, "lstm", 2), Recurrent(3, "lstm", 2, bidirectional=True)
COMPOSITES: list[Case] = [
    *each((SIGNAL,), TemporalBlock(6, 3, 2), TemporalBlock(4, normed=False, norm=BatchNorm(), activation=SiLU())),
    *each(
        (SIGNAL,),
        TemporalNet(Sequential(TemporalBlock(6), TemporalBlock(6), TemporalBlock(4))),
        TemporalNet(Sequential(TemporalBlock(4, dropout=0.1)), 3),
    ),
    *each((FRAMES,), OnVolume(Conv(3, (1, 3, 3))), FramePatches(2), FramePixels(2), EncodingForecasting(LAYERS, 2)),
    *each((FRAMES,), EncodingForecasting(Sequential(ConvLSTM(5)), 3, 2), EncodingForecasting(LAYERS, joined=False)),
    (MaxoutReadout(4, 3), (SEQUENCE, SEQUENCE, PARTS)),
    (PlainDecoder(6), (SEQUENCE, STATE, STATE)),
    *[(LuongDecoder(6, score=s, feeding=f), (SEQUENCE, MEMORY, STATE, STATE)) for s in SCORES for f in (True, False)],
    (LuongDecoder(6, "elman", 2, "dot", dropout=0.1), (SEQUENCE, SEQUENCE, STATE, STATE)),
    (BahdanauDecoder(6, hidden=5, readout=MaxoutReadout(4)), (SEQUENCE, MEMORY, STATE)),
    (BahdanauDecoder(6, score="dot", readout=Sequential(Concat(), Linear(3))), (SEQUENCE, SEQUENCE, STATE)),
    (Seq2Seq(9, 8, 5, GRU, PlainDecoder(6, "gru"), dropout=0.1), (IDS, TARGET)),
    (Seq2Seq(9, 8, 5, LSTM, LuongDecoder(6, "lstm", 2)), (IDS, TARGET)),
    (Seq2Seq(9, 8, 5, BOTH, LuongDecoder(6, "lstm", 1, "dot", feeding=False)), (IDS, TARGET)),
    (Seq2Seq(9, 8, 5, BOTH, BahdanauDecoder(6, readout=MaxoutReadout(4))), (IDS, TARGET)),
    (Seq2Seq(9, 8, 5, GRU, BahdanauDecoder(6, readout=MaxoutReadout(4)), copied=False), (IDS, TARGET)),
]
