"""Recurrent networks: Elman, Jordan, LSTM and GRU, stacked, in one direction or both.

`space` holds language models: an embedding, a stack of recurrent layers, and a map to the vocabulary, either its own
or the embedding's transpose. It generalises Zaremba's and AWD-LSTM; open are the kind of recurrence, the number of
layers, the width of each and dropout. Where the table is shared the last layer is as wide as the embedding.
`labelling` holds networks that label every frame of speech, in one direction or both, as Graves' do.

Papers: Elman (1990), "Finding structure in time"; Jordan (1986), "Serial order"; Hochreiter and Schmidhuber (1997),
"Long short-term memory"; Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder"; Schuster and
Paliwal (1997), "Bidirectional recurrent neural networks"; Graves, Mohamed and Hinton (2013), "Speech recognition with
deep recurrent neural networks", table 1; Zaremba et al. (2014), "Recurrent neural network regularization"; Press and
Wolf (2017), "Using the output embedding to improve language models"; Merity et al. (2018), "Regularizing and
optimizing LSTM language models".
Input: 20, 35 or 70 ids of a vocabulary of 10,000 (Penn Treebank) or 33,278 (WikiText-2); `labelling`: 300 frames of
123 features.
Task: the next id at every position; `labelling`: one of 61 phonemes or the blank at every frame.
Counts: one direction of one layer of H features on inputs of F has g H (F + H + 2) parameters, where g is the number
of maps: 1 (Elman), 3 (GRU), 4 (LSTM), as torch's modules with their two biases; Jordan's, whose output of H features
comes back, has H (F + 2 H + 2). A layer after a bidirectional one has F = 2 H. Embedding V E; output V (H + 1), or V
where it is shared. Zaremba's small model: 10,000 * 200 + 2 * 4 * 200 * 402 + 10,000 * 201 = 4,653,200. AWD-LSTM:
10,000 * 401 + 4 * 1150 * 1552 + 4 * 1150 * 2302 + 4 * 400 * 1552 = 24,221,600. Graves' three bidirectional layers of
250: 2 * 1000 * 375 + 2 * 2 * 1000 * 752 + 62 * 501 = 3,789,062, the paper's 3.8 M, whose cells have peepholes and one
bias.
"""

from __future__ import annotations

from nasengine import Block, Sequence, Space, Tokens, choice, repeat
from nasengine.blocks import Bias, Dropout, Embedding, Identity, LanguageModel, Linear, Recurrent, Sequential

KINDS = ("elman", "elman_relu", "jordan", "gru", "lstm")
WIDTHS = (100, 200, 400, 650, 800, 1000, 1150, 1500)
TREEBANK, WIKITEXT = 10_000, 33_278


def untied(size: int, *, length: int, dropout: str) -> dict[str, str | int]:
    """Decisions of Zaremba's models: two layers as wide as the embedding, an output layer of its own."""
    return published("untied", size, size, 2, TREEBANK, length=length, dropout=dropout)


def tied(size: int, width: int, vocabulary: int, *, length: int, layers: int, dropout: str) -> dict[str, str | int]:
    """Decisions of models whose output layer is the embedding's transpose; ``layers`` below the last one."""
    return published("tied", size, width, layers, vocabulary, length=length, dropout=dropout)


def published(
    network: str, size: int, width: int, layers: int, vocabulary: int, *, length: int, dropout: str
) -> dict[str, str | int]:
    """Decisions of an LSTM language model."""
    return {
        "network": network, "vocabulary": vocabulary, "inputs.length": length, "kind": "lstm", "embedding": size,
        "*.times": layers, "*.features": width, "dropout": dropout,
    }  # fmt: skip


REFERENCES = {
    "zaremba_small": untied(200, length=20, dropout="none"),
    "zaremba_medium": untied(650, length=35, dropout="0.5"),
    "zaremba_large": untied(1500, length=35, dropout="0.65"),
    "press_wolf_small": tied(200, 200, TREEBANK, length=20, layers=1, dropout="none"),
    "press_wolf_large": tied(1500, 1500, TREEBANK, length=35, layers=1, dropout="0.65"),
    "awd_lstm": tied(400, 1150, TREEBANK, length=70, layers=2, dropout="0.4"),
    "awd_lstm_wikitext2": tied(400, 1150, WIKITEXT, length=70, layers=2, dropout="0.4"),
}


def language_model(
    vocabularies: tuple[int, ...] = (10_000,),
    lengths: tuple[int, ...] = (35,),
    widths: tuple[int, ...] = WIDTHS,
    depths: tuple[int, ...] = (1, 2, 3, 4),
    *,
    name: str = "rnn",
    references: dict[str, dict[str, str | int]] | None = None,
) -> Space:
    """The space for vocabularies, lengths, widths of layers, and numbers of layers."""
    vocabulary = choice(*vocabularies, name="vocabulary")
    embedding = choice(*widths, name="embedding")
    kind = choice(*KINDS, name="kind")
    drops = [Dropout(p) for p in (0.2, 0.4, 0.5, 0.65)]
    dropout: Block = choice(Identity(), *drops, labels=("none", "0.2", "0.4", "0.5", "0.65"), name="dropout")

    def layers(least: int) -> Block:
        layer = Sequential(rnn=Recurrent(choice(*widths), kind), drop=dropout)
        return repeat(layer, choice(*(depth - least for depth in depths)))

    top = Sequential(rnn=Recurrent(embedding, kind), drop=dropout)
    shared = LanguageModel(vocabulary, embedding, Sequential(drop=dropout, body=layers(1), top=top), norm=Identity())
    own = Sequential(embed=Embedding(vocabulary, embedding), drop=dropout, body=layers(0), head=Linear(vocabulary))
    network = choice(own, Sequential(model=shared, bias=Bias()), labels=("untied", "tied"))
    inputs = Tokens(choice(*lengths), vocabulary)
    return Space(name, inputs=inputs, network=network, references=references)


def graves(layers: int, width: int, *, kind: str = "lstm", both: bool = True) -> dict[str, str | int | bool]:
    """Decisions of a row of Graves' table 1."""
    return {"*.kind": kind, "*.layers": layers, "*.features": width, "*.bidirectional": both, "drop": "none"}


LABELLING = {
    "graves_1l_250h": graves(1, 250),
    "graves_1l_622h": graves(1, 622),
    "graves_2l_250h": graves(2, 250),
    "graves_3l_250h": graves(3, 250),
    "graves_5l_250h": graves(5, 250),
    "graves_3l_421h_uni": graves(3, 421, both=False),
    "graves_3l_500h_tanh": graves(3, 500, kind="elman"),
}


def labels(
    length: int = 300,
    features: int = 123,
    outputs: int = 62,
    *,
    widths: tuple[int, ...] = (128, 250, 421, 500, 622),
    depths: tuple[int, ...] = (1, 2, 3, 4, 5),
    name: str = "rnn-labelling",
    references: dict[str, dict[str, str | int | bool]] | None = None,
) -> Space:
    """The space of networks that label every position of a sequence."""
    body = Recurrent(choice(*widths), choice(*KINDS), choice(*depths), choice(False, True))
    drop = choice(Identity(), Dropout(0.2), Dropout(0.5), labels=("none", "0.2", "0.5"))
    network = Sequential(body=body, drop=drop, head=Linear(outputs))
    return Space(name, inputs=Sequence(length, features), network=network, references=references)


space = language_model((TREEBANK, WIKITEXT), (20, 35, 70), references=REFERENCES)
small = language_model((16,), (6, 8), (8, 12, 16), (1, 2), name="rnn-small")
labelling = labels(references=LABELLING)
labelling_small = labels(8, 5, 4, widths=(8, 12), depths=(1, 2), name="rnn-labelling-small")
