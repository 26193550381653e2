"""Diffusion models: a network that sees a noisy image and the time step, and says what the noise is."""

from __future__ import annotations

from typing import Any

from nasengine.blocks.basic.activation import SiLU
from nasengine.blocks.basic.conv import Conv, needs_spatial
from nasengine.blocks.basic.embedding import Embedding
from nasengine.blocks.basic.linear import Linear, numbers
from nasengine.blocks.basic.merge import Add
from nasengine.blocks.basic.norm import GroupNorm
from nasengine.blocks.basic.regularise import Dropout
from nasengine.blocks.basic.shape import Permute, Reshape, ToSequence
from nasengine.blocks.compose import Identity
from nasengine.blocks.generative.style import Modulate
from nasengine.blocks.graphs.sets import AddToAll
from nasengine.blocks.transformers.attention import Attention
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Block, Call, Composite, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring

MODULATIONS = ("shift", "scale_shift")


@block("time_waves")
class TimeWaves(Primitive):
    """Sines and cosines of a time step (Ho et al., 2020, appendix B). () → (features).

    Args:
        features: an even number: half of them sines, half cosines.
        base: the waves' lengths over 2π go from 1 towards it in equal ratios.
        shift: 1, the last wave has the length of ``base``; 0, one more wave would.
        cosine_first: the cosines come before the sines.
    """

    features: int
    base: float = 10_000.0
    shift: int = 0
    cosine_first: bool = False

    def validate(self) -> None:
        if self.features < 2 or self.features % 2 or self.base <= 1 or self.shift not in (0, 1):
            raise SpaceError(
                "time_waves: an even number of features, base > 1, shift 0 or 1; "
                f"got {self.features}, {self.base} and {self.shift}"
            )
        if self.features // 2 == self.shift:
            raise SpaceError(f"time_waves.features: at least 4 where shift is 1; got {self.features}")

    def infer(self, *inputs: TensorType) -> TensorType:
        (time,) = inputs
        if time.shape:
            raise ShapeError(f"time_waves: one number a sample; got {time!r}; Scalar() is such an input")
        return TensorType((self.features,), "F", numbers(time, self.tag).dtype, batched=time.batched)

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {} if self.base == 10_000.0 else {"base": self.base}
        if self.shift:
            extra["shift"] = self.shift
        if self.cosine_first:
            extra["cosine_first"] = True
        return module("nasengine.modules.time_waves.TimeWaves", self.features, **extra)


@block("time_embedding")
class TimeEmbedding(Composite):
    """Waves of the time step through two linear maps (Ho et al., 2020, appendix B). () → (features).

    Args:
        waves: features of the waves.
        features: of the output and between the two maps; 0 means four times as many as the waves', as in DDPM.
        base, shift, cosine_first: as of :class:`TimeWaves`.
        activation: between the maps.
    """

    waves: int
    features: int = 0
    base: float = 10_000.0
    shift: int = 0
    cosine_first: bool = False
    activation: Block = SiLU()

    def wire(self, net: Wiring, time: Value) -> Value:
        features = self.features or 4 * self.waves
        y = net(TimeWaves(self.waves, self.base, self.shift, self.cosine_first), time, name="waves")
        y = net(self.activation, net(Linear(features), y, name="first"), name="act")
        made: Value = net(Linear(features), y, name="second")
        return made


@block("condition")
class Condition(Composite):
    """What all layers are told: time step and class in one vector (Peebles and Xie, 2023, section 3.2).

    ()[, () class id] → (F), activated.

    Args:
        time: embedding of the time step.
        classes: ids of classes, each with a learned vector that is added; 0 for none. Classifier-free guidance takes
            one id more, for no class (Ho and Salimans, 2022, section 3.2).
        activation: of the sum; every layer that reads it begins with a linear map.
    """

    time: Block
    classes: int = 0
    activation: Block = SiLU()

    def wire(self, net: Wiring, time: Value, *label: Value) -> Value:
        y = net(self.time, time, name="time")
        if len(label) != bool(self.classes):
            raise ShapeError(
                f"condition.classes: {self.classes} classes want {int(bool(self.classes))} class id a sample; "
                f"got {len(label)}; give both or neither"
            )
        if self.classes:
            y = net(Add(), y, net(Embedding(self.classes, y.channels), label[0], name="classes"), name="add")
        made: Value = net(self.activation, y, name="act")
        return made


@block("time_residual")
class TimeResidual(Composite):
    """Residual block that is told the time step (Ho et al., 2020, appendix B). (C, *S), (F) → (channels, *S).

    Norm, activation, convolution, twice; between the two stands what a linear map makes of the condition. The shortcut
    has a 1 × 1 convolution where the channels change.

    Args:
        channels: output channels.
        kernel: an odd side.
        norm, activation: before each convolution.
        modulation: ``"shift"``, the condition is added to every position before the second norm; ``"scale_shift"``, it
            scales and shifts after it (Nichol and Dhariwal, 2021, section 2 of the appendix).
        dropout: before the second convolution.
    """

    channels: int
    kernel: int = 3
    norm: Block = GroupNorm(32, 1e-6)
    activation: Block = SiLU()
    modulation: str = "shift"
    dropout: float = 0.0

    def validate(self) -> None:
        if self.kernel % 2 == 0:
            raise SpaceError(f"time_residual.kernel: odd, so that sides are kept; got {self.kernel}")
        if self.modulation not in MODULATIONS:
            raise SpaceError(f"time_residual.modulation: one of {', '.join(MODULATIONS)}; got {self.modulation!r}")

    def wire(self, net: Wiring, x: Value, condition: Value) -> Value:
        y = net(self.activation, net(self.norm, x, name="norm1"), name="act1")
        y = net(Conv(self.channels, self.kernel), y, name="conv1")
        scaled = self.modulation == "scale_shift"
        told = net(Linear((1 + scaled) * self.channels), condition, name="condition")
        if scaled:
            y = net(Modulate(), net(self.norm, y, name="norm2"), told, name="modulate")
        else:
            y = net(self.norm, net(AddToAll(), y, told, name="shift"), name="norm2")
        y = net(Dropout(self.dropout), net(self.activation, y, name="act2"), name="drop")
        y = net(Conv(self.channels, self.kernel), y, name="conv2")
        skip = x if x.channels == self.channels else net(Conv(self.channels, 1), x, name="shortcut")
        made: Value = net(Add(), skip, y, name="add")
        return made


@block("image_attention")
class ImageAttention(Composite):
    """Attention over the positions of an image, around a shortcut. (C, *S)[, more] → (C, *S).

    Alone it is the non-local block of DDPM (Ho et al., 2020, appendix B; Wang et al., 2018, fig. 2); with ``project``
    and a stack of transformer layers that also see a text, the spatial transformer of latent diffusion (Rombach et al.,
    2022, appendix E.2.1, table 15).

    Args:
        inner: from the positions as a sequence, and what more there is, to a sequence of the same type.
        norm: before it.
        project: a 1 × 1 convolution before and after ``inner``.
    """

    inner: Block = Attention(1)
    norm: Block = GroupNorm(32, 1e-6)
    project: bool = False

    def wire(self, net: Wiring, x: Value, *more: Value) -> Value:
        needs_spatial(x.type, self.tag)
        around = Conv(x.channels, 1) if self.project else Identity()
        y = net(around, net(self.norm, x, name="norm"), name="enter")
        places = net(ToSequence(), y, name="sequence")
        y = net(self.inner, places, *more, name="inner")
        if not isinstance(y, Value) or y.type != places.type:
            raise ShapeError(
                f"image_attention.inner: it keeps the type; got {getattr(y, 'type', y)!r} for {places.type!r}; "
                "leave its features alone"
            )
        y = net(Reshape(x.type.shape, x.type.axes), net(Permute((1, 0), "CL"), y, name="turn"), name="image")
        y = net(around, y, name="leave")
        made: Value = net(Add(), x, y, name="add")
        return made
