"""Spiking networks: leaky integrate-and-fire neurons trained by surrogate gradients.

Two spaces: ``space`` of convolutional networks, ``dense`` of fully connected ones. Both generalise the networks that
are trained through the threshold by the gradient of a smooth function: numbers go in directly or as a rate of spikes
for some steps, every layer is followed by neurons that leak, fire and reset, and the output is the mean potential of
neurons that do not fire, or the votes of several output neurons a class. Open are the steps, the encoding, the layers
(width, kernel, depth, hidden layers), the neuron (decay, fixed or learned; reset; surrogate), the pooling and the
read-out. Time is the depth of a volume or the length of a sequence, so convolutions and linear maps are those of other
networks.

Papers: Neftci, Mostafa and Zenke (2019), "Surrogate gradient learning in spiking neural networks"; Zenke and Ganguli
(2018), "SuperSpike"; Fang et al. (2021), "Incorporating learnable membrane time constant"; Eshraghian et al. (2023),
"Training spiking neural networks using lessons from deep learning".
Input: images of 1 x 28 x 28 or 3 x 32 x 32; 784 features (``dense``).
Task: classification into 10 classes.
Counts: neurons have no parameters, or one a layer where the decay is learned; steps share all weights. plif_mnist is
two times a 3 x 3 convolution to 128 channels with batch norm, then 2,048 and 100 neurons without biases: 1,152 + 256 +
147,456 + 256 + 6,272 * 2,048 + 2,048 * 100 + 4 decays = 13,198,980. plif_cifar10 is six convolutions to 256 channels,
then the same: 6,912 + 5 * 589,824 + 6 * 512 + 16,384 * 2,048 + 204,800 + 8 decays = 36,718,344. dense_1000,
784-1000-10 with biases, has 785,000 + 10,010 = 795,010.
"""

from __future__ import annotations

from nasengine import Block, Features, Image, Space, choice, repeat
from nasengine.blocks import (
    LIF,
    AvgPool,
    BatchNorm,
    ConvNormAct,
    DirectEncoding,
    Dropout,
    FlattenSlices,
    Identity,
    Linear,
    MaxPool,
    MembraneReadout,
    RateEncoding,
    Sequential,
    VoteReadout,
)
from nasengine.space.spec import Label

Options = tuple[int, ...]


def neuron() -> LIF:
    """One kind of neuron for the whole network."""
    return LIF(
        decay=choice(0.5, 0.8, 0.9, 0.95, name="decay"),
        reset=choice("subtract", "zero", name="reset"),
        surrogate=choice("fast_sigmoid", "arctan", name="surrogate"),
        slope=choice(2.0, 5.0, 10.0, name="slope"),
        learned=choice(False, True, name="learned"),
        scaled=choice(False, True, name="scaled"),
    )


def encoding(steps: Options) -> Block:
    """How numbers become steps."""
    count: int = choice(*steps, name="steps")
    return choice(DirectEncoding(count), RateEncoding(count), labels=("direct", "rate"))


def readout(votes: Options) -> Block:
    """What the output is."""
    mean = MembraneReadout(10, choice(0.5, 0.8, 0.9, 0.95, name="decay"))
    return choice(mean, VoteReadout(10, choice(*votes), neuron()), labels=("membrane", "votes"))


def hidden(features: Options, most: int) -> Block:
    """Fully connected layers of neurons, each after dropout."""
    layer = Sequential(
        drop=choice(Identity(), Dropout(0.5), labels=("none", "0.5"), name="dropout"),
        linear=Linear(choice(*features), bias=choice(False, True, name="bias")),
        neuron=neuron(),
    )
    return repeat(layer, choice(*range(most + 1)))


def convolutional(
    *, steps: Options, channels: Options, kernels: Options, stages: Options, depths: Options, features: Options,
    votes: Options,
) -> Block:  # fmt: skip
    """Stages of convolutions and pooling, hidden layers, read-out."""
    slices = tuple((1, k, k) for k in kernels)
    layer = ConvNormAct(
        choice(*channels, name="channels"),
        choice(*slices, labels=kernels),
        norm=choice(BatchNorm(), Identity(), name="norm"),
        activation=neuron(),
    )
    pool = choice(MaxPool((1, 2, 2)), AvgPool((1, 2, 2)), labels=("max", "average"), name="pool")
    stage = Sequential(layers=repeat(layer, choice(*depths)), pool=pool)
    return Sequential(
        encoding=encoding(steps),
        stages=repeat(stage, choice(*stages)),
        flatten=FlattenSlices(),
        hidden=hidden(features, 1),
        readout=readout(votes),
    )


def plif(image: Label, depth: int) -> dict[str, Label]:
    """Decisions of a network of Fang et al. (2021), table 1: decays start at 1 / 2 and are learned."""
    return {
        "inputs": image, "encoding": "direct", "steps": 8, "stages.times": 2, "*.layers.times": depth,
        "norm": "batch_norm", "channels": 128 if depth == 1 else 256, "*.kernel": 3, "pool": "max", "hidden.times": 1,
        "dropout": "0.5", "hidden.*.features": 2048, "bias": False, "readout": "votes", "*.votes": 10, "decay": 0.5,
        "reset": "zero", "surrogate": "arctan", "slope": 2.0, "learned": True, "scaled": True,
    }  # fmt: skip


space = Space(
    "spiking",
    inputs=choice(Image(1, 28), Image(3, 32), labels=("mnist", "cifar10")),
    network=convolutional(
        steps=(4, 8, 16),
        channels=(32, 64, 128, 256),
        kernels=(3, 5),
        stages=(1, 2, 3),
        depths=(1, 2, 3),
        features=(256, 512, 1024, 2048),
        votes=(1, 10),
    ),
    references={"plif_mnist": plif("mnist", 1), "plif_cifar10": plif("cifar10", 3)},
)
dense = Space(
    "spiking-dense",
    inputs=Features(784),
    network=Sequential(
        encoding=encoding((10, 25, 50)),
        hidden=hidden((100, 200, 400, 800, 1000), 3),
        readout=readout((1, 10)),
    ),
    references={
        "dense_1000": {
            "encoding": "direct", "steps": 25, "hidden.times": 1, "hidden.*.features": 1000, "bias": True,
            "dropout": "none", "readout": "membrane", "decay": 0.95, "reset": "subtract", "surrogate": "arctan",
            "slope": 2.0, "learned": False, "scaled": False,
        }
    },
)  # fmt: skip
small = Space(
    "spiking-small",
    inputs=Image(1, 8),
    network=convolutional(
        steps=(2, 4), channels=(4, 8), kernels=(3,), stages=(1, 2), depths=(1,), features=(16, 32), votes=(1, 2)
    ),
)
dense_small = Space(
    "spiking-dense-small",
    inputs=Features(16),
    network=Sequential(encoding=encoding((2, 4)), hidden=hidden((16, 32), 2), readout=readout((1, 2))),
)
