"""Temporal convolutional networks.

`space` holds networks on signals: residual blocks of two causal convolutions whose dilation doubles from block to
block, then a linear map of the last position or of every one. Open are the number of blocks, the width of each, the
kernel, the kind of normalisation, the activation and dropout. `language` holds language models, where the same blocks
stand between an embedding and its transpose.

Papers: Bai, Kolter and Koltun (2018), "An empirical evaluation of generic convolutional and recurrent networks for
sequence modeling", fig. 1, tables 1 and 2; van den Oord et al. (2016), "WaveNet"; Salimans and Kingma (2016), "Weight
normalization".
Input: a signal of 1, 2 or 88 channels and 129 to 2,020 positions; `language`: 80 to 400 ids.
Task: digits read pixel by pixel, the adding problem, copying after a long delay, the next notes of polyphonic music;
`language`: the next word or character.
Counts: a causal convolution of C onto H channels with kernel k has H (C k + 2) parameters: weights, a length and a
bias per output channel. A block has two, and H (C + 1) of the shortcut where C is not H. Pixel by pixel digits (8
blocks of 25, k = 7): 25 (7 + 2) + 25 (175 + 2) + 50 + 7 * 2 * 25 (175 + 2) + 10 * 26 = 66,910, the paper's 70 K. An
embedding of V ids onto E features that is shared with the output has V (E + 1).
"""

from __future__ import annotations

from nasengine import Block, Signal, Space, Tokens, choice, repeat
from nasengine.blocks import (
    GELU,
    BatchNorm,
    Bias,
    Identity,
    LanguageModel,
    Linear,
    Permute,
    ReLU,
    Sequential,
    SiLU,
    Take,
    TemporalBlock,
    TemporalNet,
)

Decisions = dict[str, str | int | float | bool]
WIDTHS = (10, 24, 25, 27, 64, 150)
PLAIN: Decisions = {"normed": True, "norm": "identity", "activation": "relu"}


def of(
    channels: int, length: int, outputs: int, blocks: int, width: int, kernel: int, *, every: bool, dropout: float = 0.0
) -> Decisions:
    """Decisions of a row of table 2."""
    return {
        **PLAIN, "channels": channels, "inputs.length": length, "body.blocks.times": blocks,
        "body.blocks.*.channels": width, "kernel": kernel, "dropout": dropout, "outputs": outputs,
        "head.read": "every" if every else "last",
    }  # fmt: skip


REFERENCES = {
    "adding_200": of(2, 200, 1, 7, 27, 6, every=False),
    "adding_400": of(2, 400, 1, 7, 27, 7, every=False),
    "adding_600": of(2, 600, 1, 8, 24, 8, every=False),
    "sequential_mnist": of(1, 784, 10, 8, 25, 7, every=False),
    "copy_500": of(1, 520, 10, 9, 10, 6, every=True, dropout=0.05),
    "copy_1000": of(1, 1020, 10, 8, 10, 8, every=True, dropout=0.05),
    "copy_2000": of(1, 2020, 10, 9, 10, 8, every=True, dropout=0.05),
    "jsb_chorales": of(88, 129, 88, 2, 150, 3, every=True, dropout=0.5),
    "nottingham": of(88, 1793, 88, 4, 150, 6, every=True, dropout=0.2),
}


def temporal_block(channels: int, kernels: tuple[int, ...]) -> TemporalBlock:
    """One block; all of a network have one kernel, normalisation, activation and dropout."""
    return TemporalBlock(
        channels,
        choice(*kernels, name="kernel"),
        normed=choice(True, False, name="normed"),
        activation=choice(ReLU(), GELU(), SiLU(), name="activation"),
        norm=choice(Identity(), BatchNorm(), name="norm"),
        dropout=choice(0.0, 0.05, 0.1, 0.2, 0.5, name="dropout"),
    )


def tcn(
    channels: tuple[int, ...] = (1,),
    lengths: tuple[int, ...] = (784,),
    outputs: tuple[int, ...] = (10,),
    *,
    widths: tuple[int, ...] = WIDTHS,
    kernels: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8),
    depths: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8, 9),
    name: str = "tcn",
    references: dict[str, Decisions] | None = None,
) -> Space:
    """The space for signals of a number of channels and positions, and a number of outputs."""
    blocks = repeat(temporal_block(choice(*widths), kernels), choice(*depths))
    read: Block = choice(Take(-1), Identity(), labels=("last", "every"))
    head = Sequential(turn=Permute((1, 0), "TF"), read=read, out=Linear(choice(*outputs, name="outputs")))
    inputs = Signal(choice(*channels, name="channels"), choice(*lengths))
    return Space(name, inputs=inputs, network=Sequential(body=TemporalNet(blocks), head=head), references=references)


def language_model(
    vocabularies: tuple[int, ...] = (10_000,),
    lengths: tuple[int, ...] = (80,),
    embeddings: tuple[int, ...] = (100, 300, 600),
    *,
    widths: tuple[int, ...] = (300, 450, 520, 600),
    kernels: tuple[int, ...] = (2, 3, 4),
    depths: tuple[int, ...] = (1, 2, 3, 4),
    name: str = "tcn-language",
    references: dict[str, Decisions] | None = None,
) -> Space:
    """The space of language models; the last block is as wide as the embedding, whose table is the output's too."""
    vocabulary = choice(*vocabularies, name="vocabulary")
    embedding = choice(*embeddings, name="embedding")
    blocks = Sequential(
        below=repeat(temporal_block(choice(*widths), kernels), choice(*depths)),
        top=temporal_block(embedding, kernels),
    )
    layers = Sequential(turn=Permute((1, 0), "CL"), body=TemporalNet(blocks), back=Permute((1, 0), "TF"))
    model = LanguageModel(vocabulary, embedding, layers, norm=Identity())
    network = Sequential(model=model, bias=Bias())
    return Space(name, inputs=Tokens(choice(*lengths), vocabulary), network=network, references=references)


def words(
    vocabulary: int, length: int, embedding: int, blocks: int, width: int, kernel: int, *, dropout: float
) -> Decisions:
    """Decisions of a language model of table 2; its last block is as wide as the embedding."""
    return {
        **PLAIN, "vocabulary": vocabulary, "inputs.length": length, "embedding": embedding, "*.times": blocks - 1,
        "*.channels": width, "kernel": kernel, "dropout": dropout,
    }  # fmt: skip


LANGUAGE = {
    "ptb_words": words(10_000, 80, 600, 4, 600, 3, dropout=0.5),
    "ptb_characters": words(50, 400, 100, 3, 450, 3, dropout=0.1),
    "text8_characters": words(27, 400, 100, 5, 520, 2, dropout=0.1),
}

space = tcn((1, 2, 88), (129, 200, 400, 520, 600, 784, 1020, 1793, 2020), (1, 10, 88), references=REFERENCES)
small = tcn((2,), (16, 24), (4,), widths=(8, 12), kernels=(2, 3), depths=(2, 3), name="tcn-small")
language = language_model((27, 50, 10_000), (80, 400), references=LANGUAGE)
language_small = language_model(
    (12,), (10,), (8, 12), widths=(8, 12), kernels=(2, 3), depths=(1, 2), name="tcn-language-small"
)
