"""Matching networks: classification by attention over a few labelled examples.

Generalises the matching network: queries and examples are embedded by one convolutional encoder, and a query's label is
the examples' labels weighted by attention. Open are the encoder's depth, width, kernel and activation, the metric (the
cosine of the paper, or the squared distance of prototypical networks), how sharp the attention is, and whether the
embeddings see the whole set of examples (full context embeddings: an LSTM in both directions over the examples, and
queries that read them several times). A set of images is a volume whose depth counts the images, and a kernel of 1
along the depth treats each alone.

Papers: Vinyals et al. (2016), "Matching networks for one shot learning"; Snell et al. (2017), "Prototypical networks
for few-shot learning".
Input: queries and examples of 1 x 28 x 28 (Omniglot) or 3 x 84 x 84 (miniImageNet), and the examples' labels.
Task: 5-way classification of classes that were not seen in training, from 1 or 5 examples a class.
Counts: a module of a 3 x 3 convolution from C to 64 channels and batch norm has 9 * 64 C + 64 + 128 parameters, so four
have 768 + 3 * 37,056 = 111,936 from one channel and 1,920 + 111,168 = 113,088 from three. Full context embeddings of F
features add 8 F (2 F + 2) (both directions) and 4 F (3 F + 2) (reading): 66,560 + 49,664 for F = 64, in total 228,160.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, Space, Tokens, Volume, choice, repeat
from nasengine.blocks import (
    BatchNorm,
    Conv,
    FlattenSlices,
    LeakyReLU,
    MatchingNetwork,
    MaxPool,
    ReLU,
    Sequential,
)
from nasengine.space.spec import Label

Options = tuple[int, ...]


def module(channels: Options, kernels: Options) -> Block:
    """Convolution, batch norm, activation and pooling of every image of a set."""
    slices = tuple((1, k, k) for k in kernels)
    return Sequential(
        conv=Conv(choice(*channels, name="channels"), choice(*slices, labels=kernels)),
        norm=BatchNorm(),
        act=choice(ReLU(), LeakyReLU(0.2), name="activation"),
        pool=MaxPool((1, 2, 2)),
    )


def matching(
    images: tuple[int, int],
    *,
    classes: int = 5,
    depths: Options = (4,),
    channels: Options = (32, 64),
    kernels: Options = (3, 5),
    shots: Options = (1, 5),
    queries: int = 15,
    steps: Options = (0, 5, 10),
    name: str,
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for images of (channels, side)."""
    count: int = choice(*(classes * n for n in shots), labels=shots, name="shots")
    colours, side = images
    inputs = {
        "queries": Volume(colours, queries, side, side),
        "examples": Volume(colours, count, side, side),
        "labels": Tokens(count, classes),
    }
    encoder = Sequential(body=repeat(module(channels, kernels), choice(*depths)), flatten=FlattenSlices())
    network = MatchingNetwork(
        classes,
        encoder,
        metric=choice("cosine", "euclidean"),
        scale=choice(1.0, 10.0),
        steps=choice(*steps),
    )
    return Space(name, inputs=inputs, network=network, references=references)


def published(shots: int, steps: int) -> dict[str, Label]:
    """Decisions of the paper's network, without or with full context embeddings."""
    return {
        "shots": shots, "encoder.body.times": 4, "channels": 64, "*.conv.kernel": 3, "activation": "relu",
        "metric": "cosine", "scale": 1.0, "steps": steps,
    }  # fmt: skip


space = matching(
    (1, 28),
    depths=(2, 3, 4),
    name="matching",
    references={"omniglot_5way_1shot": published(1, 0), "omniglot_5way_1shot_fce": published(1, 5)},
)
mini_imagenet = matching(
    (3, 84),
    name="matching-mini-imagenet",
    references={"mini_imagenet_5way_5shot": published(5, 0)},
)
small = matching(
    (1, 8), depths=(2, 3), channels=(8, 16), kernels=(3,), shots=(1, 2), queries=5, steps=(0, 2), name="matching-small"
)
