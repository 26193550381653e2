"""Multilayer perceptrons on rows of features.

Generalises the multilayer perceptron (Rumelhart, Hinton and Williams, 1986): one to four hidden layers, each with a
width of its own, one activation for all, with or without batch normalisation and dropout.

Input: 64 features (an 8 x 8 image laid flat, or a row of a table). Task: classification into 10 classes.
"""

from __future__ import annotations

from nasengine import Features, Space, choice, repeat
from nasengine.blocks import GELU, BatchNorm, Dropout, Identity, Linear, ReLU, Sequential, SiLU, Tanh


def mlp(features: int = 64, outputs: int = 10, *, name: str = "mlp") -> Space:
    """The space for a number of input features and outputs."""
    layer = Sequential(
        linear=Linear(choice(16, 32, 64, 128, 256)),
        norm=choice(Identity(), BatchNorm(), name="norm"),
        act=choice(ReLU(), GELU(), SiLU(), Tanh(), name="activation"),
        drop=choice(Identity(), Dropout(0.1), Dropout(0.3), labels=("none", "0.1", "0.3"), name="dropout"),
    )
    network = Sequential(body=repeat(layer, choice(1, 2, 3, 4)), head=Linear(outputs))
    return Space(name, inputs=Features(features), network=network)


space = mlp()
