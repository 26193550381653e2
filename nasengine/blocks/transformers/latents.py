"""Learned vectors that attend to an input: latents and queries."""

from __future__ import annotations

from nasengine.blocks.basic.conv import needs_batch
from nasengine.errors import SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Call, Parameter, Primitive, block, module


@block("latents")
class Latents(Primitive):
    """Learned vectors, the same for every sample (Jaegle et al., 2021, section 3.1). (...) → (count, features).

    Of its input it reads the number of samples only. They are the latent array of a Perceiver, the output queries of a
    Perceiver IO, or the object queries of DETR (Carion et al., 2020, section 3.2).

    Args:
        count: number of vectors.
        features: size of a vector.
    """

    count: int
    features: int

    def validate(self) -> None:
        if self.count < 1 or self.features < 1:
            raise SpaceError(f"latents: count >= 1 and features >= 1; got {self.count} and {self.features}")

    def infer(self, *inputs: TensorType) -> TensorType:
        needs_batch(inputs[0], self.tag)
        return TensorType((self.count, self.features), "TF")

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return (Parameter("weight", (Axis("latents", (self.count,)), Axis("features", (self.features,)))),)

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.latents.Latents", self.count, self.features)
