"""Spiking networks: encodings, leaky integrate-and-fire neurons, read-outs.

Time is the depth of a volume, (C, T, H, W), or the length of a sequence, (T, F): a convolution with a kernel of 1 along
it, or a linear map, works on every step with the same weights, so the layers are those of other networks.
"""

from __future__ import annotations

from typing import Any, ClassVar

from nasengine.blocks.basic.conv import needs_batch
from nasengine.blocks.basic.linear import Linear, numbers
from nasengine.blocks.basic.pool import GlobalPool
from nasengine.blocks.basic.shape import Permute, Reshape
from nasengine.blocks.sequences.recurrent import vectors
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Block, Call, Composite, Parameter, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring

TIMES = {"CDHW": 2, "TF": 1}
"""Axes of a value in time → which one is time, the batch counted."""
ENCODED = {"CHW": ("CDHW", 1), "F": ("TF", 0)}
"""Axes of a value → axes of its steps, and where time is put."""
RESETS = ("subtract", "zero")
SURROGATES = ("fast_sigmoid", "arctan")


def time_axis(x: TensorType, place: str) -> int:
    """Which axis is time, the batch counted.

    Raises:
        ShapeError: there is none.
    """
    needs_batch(x, place)
    if x.axes not in TIMES:
        raise ShapeError(f"{place}: it takes steps, (C, T, H, W) or (T, F); got {x!r}; put DirectEncoding before it")
    numbers(x, place)
    return TIMES[x.axes]


def check_decay(decay: float, place: str) -> None:
    """Refuse a decay that does not forget, or has no logit."""
    if not 0 < decay < 1:
        raise SpaceError(f"{place}.decay: above 0 and below 1; got {decay}")


class Encoding(Primitive):
    """Base of what turns a value into steps. (C, H, W) → (C, steps, H, W); (F) → (steps, F)."""

    steps: int
    target: ClassVar[str]
    zero: ClassVar = "kept"

    def validate(self) -> None:
        if self.steps < 1:
            raise SpaceError(f"{self.tag}.steps: at least 1; got {self.steps}")

    def infer(self, *inputs: TensorType) -> TensorType:
        x = numbers(inputs[0], self.tag)
        needs_batch(x, self.tag)
        if x.axes not in ENCODED:
            raise ShapeError(f"{self.tag}: it takes an image or features; got {x!r}; put Flatten before it")
        axes, place = ENCODED[x.axes]
        shape = (*x.shape[:place], self.steps, *x.shape[place:])
        return TensorType(shape, axes, x.dtype, segments=x.segments)

    def call(self, *inputs: TensorType) -> Call:
        return module(self.target, self.steps, ENCODED[inputs[0].axes][1] + 1)


@block("direct_encoding")
class DirectEncoding(Encoding):
    """The same numbers at each step; the first layer makes spikes of them (Rueckauer et al., 2017, section 2).

    Args:
        steps: how many there are.
    """

    steps: int = 4
    target: ClassVar[str] = "nasengine.modules.spiking.DirectEncoding"


@block("rate_encoding")
class RateEncoding(Encoding):
    """Numbers from 0 to 1 as the share of steps with a spike (Diehl and Cook, 2015, section 2.6).

    Random in training, evenly spread in evaluation; numbers outside are clipped.

    Args:
        steps: how many there are.
    """

    steps: int = 8
    target: ClassVar[str] = "nasengine.modules.spiking.RateEncoding"
    stochastic: ClassVar[bool] = True


@block("lif")
class LIF(Primitive):
    """Leaky integrate-and-fire neurons with a surrogate gradient (Neftci et al., 2019, eq. 4, 5 and fig. 3).

    (C, T, H, W) → (C, T, H, W); (T, F) → (T, F): ``u = decay u + x``, and a spike where u reaches the threshold.

    Args:
        decay: what is left of the potential after a step.
        threshold: above 0.
        reset: a spike takes the threshold off the potential, ``"subtract"``, or all of it, ``"zero"``.
        surrogate: whose gradient stands for the threshold's: ``"fast_sigmoid"`` (Zenke and Ganguli, 2018) or
            ``"arctan"`` (Fang et al., 2021).
        slope: of the surrogate at the threshold.
        learned: the layer's decay is trained, as the sigmoid of a parameter (Fang et al., 2021, eq. 9).
        scaled: the input is multiplied by 1 - decay (Fang et al., 2021, eq. 2 with τ = 1 / (1 - decay)).
    """

    decay: float = 0.9
    threshold: float = 1.0
    reset: str = "subtract"
    surrogate: str = "fast_sigmoid"
    slope: float = 5.0
    learned: bool = False
    scaled: bool = False

    zero: ClassVar = "kept"

    def validate(self) -> None:
        check_decay(self.decay, self.tag)
        if self.threshold <= 0 or self.slope <= 0:
            raise SpaceError(f"lif: threshold and slope above 0; got {self.threshold} and {self.slope}")
        if self.reset not in RESETS or self.surrogate not in SURROGATES:
            raise SpaceError(
                f"lif: reset is one of {', '.join(RESETS)} and surrogate one of {', '.join(SURROGATES)}; "
                f"got {self.reset!r} and {self.surrogate!r}"
            )

    def infer(self, *inputs: TensorType) -> TensorType:
        time_axis(inputs[0], self.tag)
        return inputs[0]

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return (Parameter("decay", (Axis("one", (1,)),)),) if self.learned else ()

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {
            name: getattr(self, name) for name, default in LIF_DEFAULTS.items() if getattr(self, name) != default
        }
        return module("nasengine.modules.spiking.LIF", time_axis(inputs[0], self.tag), **extra)


LIF_DEFAULTS = {
    "decay": 0.9, "threshold": 1.0, "reset": "subtract", "surrogate": "fast_sigmoid", "slope": 5.0, "learned": False,
    "scaled": False,
}  # fmt: skip


@block("leaky_integrator")
class LeakyIntegrator(Primitive):
    """Potentials of neurons that never fire, the usual output layer (Neftci et al., 2019). (T, F) → (T, F).

    Args:
        decay: what is left of the potential after a step.
    """

    decay: float = 0.9

    zero: ClassVar = "kept"

    def validate(self) -> None:
        check_decay(self.decay, self.tag)

    def infer(self, *inputs: TensorType) -> TensorType:
        return vectors(inputs[0], self.tag)

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.spiking.LeakyIntegrator", *(() if self.decay == 0.9 else (self.decay,)))


@block("flatten_slices")
class FlattenSlices(Composite):
    """Each slice of a volume as features: a step in time, an image of a set. (C, D, H, W) → (D, C*H*W)."""

    def wire(self, net: Wiring, x: Value) -> Value:
        if x.type.axes != "CDHW":
            raise ShapeError(f"flatten_slices: it takes a volume, (C, D, H, W); got {x.type!r}; leave it out")
        turned = net(Permute((1, 0, 2, 3)), x, name="turn")
        made: Value = net(Reshape((x.type.shape[1], -1), "TF"), turned, name="flatten")
        return made


@block("membrane_readout")
class MembraneReadout(Composite):
    """The mean potential of output neurons that never fire. (T, F) → (features).

    Args:
        features: number of output neurons.
        decay: of their potentials.
    """

    features: int
    decay: float = 0.9

    def wire(self, net: Wiring, x: Value) -> Value:
        y = net(LeakyIntegrator(self.decay), net(Linear(self.features), x, name="linear"), name="potential")
        made: Value = net(GlobalPool(), y, name="mean")
        return made


@block("vote_readout")
class VoteReadout(Composite):
    """The share of spikes of each class's output neurons (Fang et al., 2021, section 4.3). (T, F) → (features).

    Args:
        features: number of classes.
        votes: output neurons of a class.
        neuron: what fires.
        bias: of the linear map.
    """

    features: int
    votes: int = 10
    neuron: Block = LIF()
    bias: bool = False

    def wire(self, net: Wiring, x: Value) -> Value:
        y = net(Linear(self.features * self.votes, self.bias), x, name="linear")
        y = net(GlobalPool(), net(self.neuron, y, name="neuron"), name="rate")
        made: Value = net(GlobalPool(), net(Reshape((self.features, self.votes), "CL"), y, name="group"), name="mean")
        return made
