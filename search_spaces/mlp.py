"""Multilayer perceptrons on rows of features.

Generalises the perceptron and the networks that were trained on handwritten digits after it: up to five hidden layers,
each with a width of its own, one activation for all, with or without batch normalisation and dropout. Without a hidden
layer it is the perceptron, ten threshold units whose largest sum wins.

Papers: Rosenblatt (1958), "The perceptron"; Rumelhart, Hinton and Williams (1986), "Learning representations by
back-propagating errors"; LeCun et al. (1998), "Gradient-based learning applied to document recognition", section
III.C; Simard, Steinkraus and Platt (2003), "Best practices for convolutional neural networks"; Ciresan et al. (2010),
"Deep, big, simple neural nets", table 1.
Input: 784 or 841 features (images of 28 x 28 or 29 x 29 laid flat).
Task: classification into 10 classes.
Counts: a layer of m features onto n has n (m + 1) parameters, so widths w0, w1, ..., wk have sum over i of w(i+1)
(w(i) + 1): 784-300-100-10 has 300 * 785 + 100 * 301 + 10 * 101 = 266,610.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Features, Space, choice, repeat
from nasengine.blocks import GELU, BatchNorm, Dropout, Identity, Linear, ReLU, Sequential, SiLU, Tanh
from nasengine.space import Label

WIDTHS = (16, 32, 64, 100, 128, 256, 300, 500, 800, 1000, 1500, 2000, 2500)


def published(*widths: int, features: int = 784) -> dict[str, Label]:
    """Decisions of a plain network with these hidden layers."""
    layers: dict[str, Label] = {f"body.blocks.{i}.linear.features": width for i, width in enumerate(widths)}
    plain: dict[str, Label] = {"norm": "identity", "activation": "tanh", "dropout": "none"}
    return {"inputs.features": features, "body.times": len(widths), **layers, **(plain if widths else {})}


REFERENCES = {
    "perceptron": published(),
    "lecun_300": published(300),
    "lecun_1000": published(1000),
    "lenet_300_100": published(300, 100),
    "simard_800": published(800, features=841),
    "ciresan_5_layers": published(2500, 2000, 1500, 1000, 500, features=841),
}


def mlp(
    features: int = 64,
    outputs: int = 10,
    *,
    widths: tuple[int, ...] = (16, 32, 64, 128, 256),
    depths: tuple[int, ...] = (0, 1, 2, 3, 4),
    name: str = "mlp-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for a number of input features and outputs, and these widths and numbers of hidden layers."""
    layer = Sequential(
        linear=Linear(choice(*widths)),
        norm=choice(Identity(), BatchNorm(), name="norm"),
        act=choice(ReLU(), GELU(), SiLU(), Tanh(), name="activation"),
        drop=choice(Identity(), Dropout(0.1), Dropout(0.3), labels=("none", "0.1", "0.3"), name="dropout"),
    )
    network = Sequential(body=repeat(layer, choice(*depths)), head=Linear(outputs))
    return Space(name, inputs=Features(features), network=network, references=references)


space = mlp(choice(784, 841), widths=WIDTHS, depths=(0, 1, 2, 3, 4, 5), name="mlp", references=REFERENCES)
small = mlp()
