"""Layers over sets: what is done to an element does not depend on its place (Zaheer et al., 2017)."""

from __future__ import annotations

from typing import ClassVar

from nasengine.blocks.basic.conv import needs_spatial
from nasengine.blocks.basic.linear import Linear, numbers
from nasengine.blocks.basic.pool import GlobalPool
from nasengine.blocks.basic.scale import Scale
from nasengine.blocks.transformers.position import sequence
from nasengine.errors import ShapeError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Call, Composite, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring


@block("add_to_all")
class AddToAll(Primitive):
    """One vector added to every position. (T, F), (F) → (T, F); (C, *S), (C) → (C, *S)."""

    zero: ClassVar = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        x, vector = inputs
        if x.spatial:
            needs_spatial(x, self.tag)
        else:
            sequence(x, self.tag)
        if vector.axes != "F" or vector.channels != x.channels or vector.batched != x.batched:
            raise ShapeError(
                f"add_to_all: a vector of as many features as each position; got {x!r} and {vector!r}; "
                "map one of them first with Linear"
            )
        return numbers(x, self.tag)

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.add_to_all.AddToAll", **({"first": True} if inputs[0].spatial else {}))


@block("equivariant_layer")
class EquivariantLayer(Composite):
    """Permutation-equivariant layer, x Λ + b - pool(x) Γ (Zaheer et al., 2017, eq. 4 and supplement).

    (T, F) → (T, features).

    Args:
        features: of the output.
        pool: over the set, ``"max"``, ``"average"`` or ``"sum"``.
        shared: Λ and Γ are one map, (x - pool(x)) Λ + b.
    """

    features: int
    pool: str = "max"
    shared: bool = False

    def wire(self, net: Wiring, x: Value) -> Value:
        whole = net(Scale(-1.0), net(GlobalPool(self.pool), x, name="pool"), name="minus")
        if self.shared:
            apart = net(AddToAll(), x, whole, name="apart")
            made: Value = net(Linear(self.features), apart, name="element")
            return made
        element = net(Linear(self.features), x, name="element")
        context = net(Linear(self.features, bias=False), whole, name="whole")
        made = net(AddToAll(), element, context, name="add")
        return made
