"""LeNet: convolutions and pooling in turn, then a perceptron.

Generalises LeNet-5 to its relatives: two stages of convolution, activation and pooling, whose channels, windows and
kind of pooling are open, then up to two hidden layers whose widths are; one activation for all; images of 28 or 32
pixels. `lenet5` is the network of 1998 as it is taught since: hyperbolic tangent, average pooling, all channels
connected. `lenet5_relu` is its common form with rectifiers and max pooling. `lenet1` is its ancestor of 1990 in the
same form.

Papers: LeCun et al. (1990), "Handwritten digit recognition with a back-propagation network"; LeCun et al. (1998),
"Gradient-based learning applied to document recognition", fig. 2.
Input: images of 1 x 32 x 32 (also 28).
Task: classification into 10 classes (handwritten digits).
Counts: a convolution of k x k from m channels to n has n (m k k + 1) parameters, a layer of m features onto n has n (m
+ 1). LeNet-5: 6 * 26 + 16 * 151 + 120 * 401 + 84 * 121 + 10 * 85 = 61,706. LeNet-1, 28 x 28 pixels: 4 * 26 + 12 * 101
+ 10 * 193 = 3,246. The paper's own 60,000 come of a partial connection table in the second convolution (1,516 in place
of 2,416), learned subsampling (12 + 32) and outputs that are not learned (850 less).
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, Image, Space, choice, repeat
from nasengine.blocks import GELU, AvgPool, Conv, Flatten, Linear, MaxPool, ReLU, Sequential, SiLU, Tanh
from nasengine.space import Label

LENET5: dict[str, Label] = {
    "resolution": 32,
    "activation": "tanh",
    "pooling": "avg_pool",
    "stage1.conv.channels": 6,
    "stage2.conv.channels": 16,
    "*.kernel": 5,
    "hidden.times": 2,
    "hidden.blocks.0.linear.features": 120,
    "hidden.blocks.1.linear.features": 84,
}
LENET1: dict[str, Label] = {
    "resolution": 28,
    "activation": "tanh",
    "pooling": "avg_pool",
    "stage1.conv.channels": 4,
    "stage2.conv.channels": 12,
    "*.kernel": 5,
    "hidden.times": 0,
}
REFERENCES = {
    "lenet5": LENET5,
    "lenet5_relu": {**LENET5, "activation": "relu", "pooling": "max_pool"},
    "lenet1": LENET1,
}


def lenet(
    outputs: int = 10,
    *,
    resolutions: tuple[int, ...] = (12, 16),
    channels: tuple[tuple[int, ...], tuple[int, ...]] = ((4, 6, 8), (8, 12, 16)),
    kernels: tuple[int, ...] = (3,),
    hidden: tuple[int, ...] = (16, 32, 64),
    name: str = "lenet-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for these sizes of images, channels and windows of the two stages, and widths of hidden layers."""
    activation = choice(Tanh(), ReLU(), SiLU(), GELU(), name="activation")

    def stage(widths: tuple[int, ...]) -> Block:
        pool = choice(AvgPool(2), MaxPool(2), name="pooling")
        return Sequential(conv=Conv(choice(*widths), choice(*kernels), padding=0), act=activation, pool=pool)

    layer = Sequential(linear=Linear(choice(*hidden)), act=activation)
    network = Sequential(
        stage1=stage(channels[0]),
        stage2=stage(channels[1]),
        flatten=Flatten(),
        hidden=repeat(layer, choice(0, 1, 2)),
        classify=Linear(outputs),
    )
    size = choice(*resolutions, name="resolution")
    return Space(name, inputs=Image(1, size), network=network, references=references)


space = lenet(
    resolutions=(28, 32),
    channels=((4, 6, 8, 12, 16), (8, 12, 16, 24, 32)),
    kernels=(3, 5, 7),
    hidden=(32, 64, 84, 120, 256),
    name="lenet",
    references=REFERENCES,
)
small = lenet()
