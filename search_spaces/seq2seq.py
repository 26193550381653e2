"""Recurrent encoders and decoders, with and without attention.

Generalises the translation networks before the transformer: ids of a source go through recurrent layers, in one
direction or both; a decoder of recurrent layers, given the target's ids so far, gives scores of the next. It sees the
source through its first state alone (Sutskever), through attention by the state before (Bahdanau), or through
attention by the new state (Luong), whose result is fed to the next step or not. Open are the cell, widths, layers,
directions, the decoder, the score of its attention (dot, general, concat) and dropout.

Papers: Sutskever, Vinyals and Le (2014), "Sequence to sequence learning with neural networks"; Cho et al. (2014),
"Learning phrase representations using RNN encoder-decoder"; Bahdanau, Cho and Bengio (2015), "Neural machine
translation by jointly learning to align and translate", appendix A; Luong, Pham and Manning (2015), "Effective
approaches to attention-based neural machine translation", eq. 5 to 8.
Input: 30 or 50 ids of a source and as many of a target, shifted by one.
Task: translation: the target's next id at every position.
Counts: with g maps (4 LSTM, 3 GRU) a direction of a layer of H on inputs of F has g H (F + H + 2) parameters, as
torch's modules with their two biases; an output layer of H onto V has V (H + 1). Sutskever: 160,000 * 1000 + 80,000 *
1000 + 2 * 4 * 4 * 1000 * 2002 + 80,000 * 1001 = 384,144,000, the paper's 384 M. Luong: two tables of 50,000 * 1000,
an encoder of 4 * 4 * 1000 * 2002, a decoder with 4 * 1000 * 1000 more where its attention is fed to the next step, W
of 1000 * 2000 for tanh(W [found; state]), and a score with 0 (dot), 1000 * 1000 (general) or 1000 * 2001 (concat).
Bahdanau: two tables of 30,000 * 620, an encoder of 2 * 3 * 1000 * 1622, a decoder of 3 * 1000 * (620 + 2000 + 1002),
a score with 1000 * (1000 + 2000 + 1), a first state of 1000 * 1001, a maxout layer of 1000 * (1000 + 620 + 2000 + 1),
and 30,000 * 501: 80,451,000 in all; the paper leaves biases out of its equations.
"""

from __future__ import annotations

from nasengine import Block, Space, Tokens, choice
from nasengine.blocks import BahdanauDecoder, LuongDecoder, MaxoutReadout, PlainDecoder, Recurrent, Seq2Seq

Decisions = dict[str, str | int | float | bool]
SCORES = ("dot", "general", "concat")


def published(
    sources: int, targets: int, embedding: int, width: int, layers: int, *, length: int = 50, kind: str = "lstm"
) -> Decisions:
    """Decisions that all published networks take."""
    return {
        "source_vocabulary": sources, "target_vocabulary": targets, "*.length": length, "embedding": embedding,
        "kind": kind, "*.features": width, "*.layers": layers, "dropout": 0.0,
    }  # fmt: skip


def bahdanau(length: int, width: int = 1000) -> Decisions:
    """Decisions of RNNsearch (A.2.3)."""
    sizes = published(30_000, 30_000, 620, width, 1, length=length, kind="gru")
    attention: Decisions = {"decoder": "bahdanau", "*.score": "concat", "*.hidden": 1000, "*.readout.features": 500}
    return {**sizes, "encoder.bidirectional": True, "copied": False, **attention}


def luong(decoder: str = "luong", **attention: str | bool) -> Decisions:
    """Decisions of Luong's networks (section 4.1): four layers of 1000 on both sides."""
    sizes = published(50_000, 50_000, 1000, 1000, 4)
    chosen = {f"*.{name}": value for name, value in attention.items()}
    return {**sizes, "encoder.bidirectional": False, "copied": True, "decoder": decoder, "dropout": 0.2, **chosen}


REFERENCES: dict[str, Decisions] = {
    "sutskever": {
        **published(160_000, 80_000, 1000, 1000, 4), "encoder.bidirectional": False, "copied": True, "decoder": "plain",
    },
    "rnnsearch_30": bahdanau(30),
    "rnnsearch_50": bahdanau(50),
    "luong_base": luong("plain"),
    **{f"luong_{score}": luong(score=score, feeding=False) for score in SCORES},
    **{f"luong_{score}_feeding": luong(score=score, feeding=True) for score in SCORES},
}  # fmt: skip


def seq2seq(
    sources: tuple[int, ...] = (30_000,),
    targets: tuple[int, ...] = (30_000,),
    lengths: tuple[int, ...] = (50,),
    *,
    embeddings: tuple[int, ...] = (256, 500, 620, 1000),
    widths: tuple[int, ...] = (256, 500, 512, 1000),
    depths: tuple[int, ...] = (1, 2, 4),
    hiddens: tuple[int, ...] = (0, 256, 1000),
    readouts: tuple[int, ...] = (250, 500),
    name: str = "seq2seq",
    references: dict[str, Decisions] | None = None,
) -> Space:
    """The space for vocabularies and lengths of source and target."""
    source, target = choice(*sources, name="source_vocabulary"), choice(*targets, name="target_vocabulary")
    kind = choice("elman", "gru", "lstm", name="kind")
    dropout = choice(0.0, 0.2, name="dropout")

    def sizes() -> tuple[int, str, int]:
        return choice(*widths), kind, choice(*depths)

    decoder: Block = choice(
        PlainDecoder(*sizes(), dropout),
        LuongDecoder(*sizes(), choice(*SCORES), 0, choice(True, False), dropout),
        BahdanauDecoder(*sizes(), choice(*SCORES), choice(*hiddens), MaxoutReadout(choice(*readouts)), dropout),
        labels=("plain", "luong", "bahdanau"),
    )
    encoder = Recurrent(*sizes(), choice(False, True), dropout)
    network = Seq2Seq(source, target, choice(*embeddings), encoder, decoder, choice(True, False), dropout)
    inputs = {"source": Tokens(choice(*lengths), source), "target": Tokens(choice(*lengths), target)}
    return Space(name, inputs=inputs, network=network, references=references)


space = seq2seq((30_000, 50_000, 160_000), (30_000, 50_000, 80_000), (30, 50), references=REFERENCES)
small = seq2seq(
    (12,),
    (10,),
    (4, 6),
    embeddings=(8,),
    widths=(8, 12),
    depths=(1, 2),
    hiddens=(0, 5),
    readouts=(6,),
    name="seq2seq-small",
)
