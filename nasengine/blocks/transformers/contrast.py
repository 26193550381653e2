"""Two towers trained to agree: images and texts as unit vectors of one space."""

from __future__ import annotations

from typing import ClassVar

from nasengine.blocks.basic.linear import Linear, numbers
from nasengine.blocks.transformers.position import sequence
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Block, Call, Composite, Parameter, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring


@block("unit_norm")
class UnitNorm(Primitive):
    """Vectors divided by their lengths. (..., F) → (..., F)."""

    zero: ClassVar = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if x.axes[-1:] != "F":
            raise ShapeError(f"unit_norm: it takes features on the last axis; got {x!r}; put GlobalPool before it")
        return numbers(x, self.tag)

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.contrast.UnitNorm")


@block("temperature")
class Temperature(Primitive):
    """Multiplication by exp(s) with a learned s (CLIP; Radford et al., 2021, fig. 3). (...) → (...).

    Args:
        start: the temperature at first: s begins at -log(start).
    """

    start: float = 0.07

    zero: ClassVar = "kept"

    def validate(self) -> None:
        if self.start <= 0:
            raise SpaceError(f"temperature.start: above 0; got {self.start}")

    def infer(self, *inputs: TensorType) -> TensorType:
        return numbers(inputs[0], self.tag)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return (Parameter("weight", (Axis("temperature", (1,)),)),)

    def call(self, *inputs: TensorType) -> Call:
        extra = {} if self.start == 0.07 else {"start": self.start}
        return module("nasengine.modules.contrast.Temperature", **extra)


@block("take_highest")
class TakeHighest(Primitive):
    """The vector at the highest id, where CLIP's texts end (Radford et al., 2021, section 2.4).

    (T) ids, (T, F) → (F).
    """

    def infer(self, *inputs: TensorType) -> TensorType:
        ids, x = inputs[0], sequence(inputs[1], self.tag)
        if ids.dtype != "int64" or ids.shape != x.shape[:1]:
            raise ShapeError(f"take_highest: an id a position; got {ids!r} for {x!r}; give the ids that were embedded")
        return TensorType((x.channels,), "F", batched=x.batched)

    def on_zero(self) -> str:
        return "kept"

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.contrast.TakeHighest")


@block("two_towers")
class TwoTowers(Composite):
    """An image's and a text's unit vectors, the image's times a temperature (CLIP; Radford et al., 2021, fig. 3).

    (C, H, W), (T) ids → ``image_vector`` (features), ``text_vector`` (features). The logits of a batch are
    image_vector @ text_vector.T.

    Args:
        image: gives a vector of an image.
        text: gives a vector a position of a text.
        features: of the common space.
    """

    output_names: ClassVar[tuple[str, ...]] = ("image_vector", "text_vector")
    image: Block
    text: Block
    features: int

    def wire(self, net: Wiring, image: Value, ids: Value) -> tuple[Value, Value]:
        seen = net(Linear(self.features, bias=False), net(self.image, image, name="image"), name="image_map")
        read = net(TakeHighest(), ids, net(self.text, ids, name="text"), name="text_end")
        said = net(Linear(self.features, bias=False), read, name="text_map")
        scaled = net(Temperature(), net(UnitNorm(), seen, name="image_unit"), name="temperature")
        return scaled, net(UnitNorm(), said, name="text_unit")
