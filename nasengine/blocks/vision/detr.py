"""Detection as the prediction of a set: a transformer between an image and learned queries (DETR)."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

from nasengine.blocks.basic.activation import Sigmoid
from nasengine.blocks.basic.conv import Conv, needs_batch, needs_spatial
from nasengine.blocks.basic.linear import Linear, numbers
from nasengine.blocks.basic.mlp import MLP
from nasengine.blocks.basic.shape import ToSequence
from nasengine.blocks.cells.cell import Zero
from nasengine.blocks.transformers.latents import Latents
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Block, Call, Composite, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring


@block("sine_positions")
class SinePositions(Primitive):
    """Where each pixel is, in sines and cosines of its row and column (Carion et al., 2020, appendix A.4).

    (C, H, W) → (T = H * W, F = C). Of its input it reads the size only; :class:`Attention` with ``places`` takes it.

    Args:
        normalised: the last row and the last column are at 2π, whatever the image's size; off, they are numbered.
        base: the longest wave over 2π.
    """

    normalised: bool = True
    base: float = 10_000.0

    def validate(self) -> None:
        if self.base <= 1:
            raise SpaceError(f"sine_positions.base: above 1; got {self.base}; 10_000 is usual")

    def infer(self, *inputs: TensorType) -> TensorType:
        x = numbers(inputs[0], self.tag)
        needs_batch(x, self.tag)
        if needs_spatial(x, self.tag) != 2 or x.channels % 4:
            raise ShapeError(
                f"sine_positions: images of channels that 4 divides, a sine and a cosine of row and column; got {x!r}; "
                "project it with Conv first"
            )
        return TensorType((prod(x.spatial), x.channels), "TF")

    def call(self, *inputs: TensorType) -> Call:
        (x,) = inputs
        extra: dict[str, Any] = {} if self.normalised else {"normalised": False}
        if self.base != 10_000.0:
            extra["base"] = self.base
        return module("nasengine.modules.sine_positions.SinePositions", *x.spatial, x.channels, **extra)


@block("detr")
class DETR(Composite):
    """DETR (Carion et al., 2020, fig. 2), up to its predictions: matching and losses are no part of it.

    (C, H, W) → class logits (queries, classes + 1), the last of them "no object", and boxes (queries, 4): centre, width
    and height as shares of the image.

    Args:
        backbone: gives one map.
        encoder: of the map's pixels, as a :class:`Stack` whose layers take (pixels, places).
        decoder: as a :class:`Stack` whose layers take (objects, pixels, queries, places); the objects begin at zero.
        classes: without "no object".
        features: of the transformer; 4 divides them.
        queries: most objects there can be, each with a learned query that tells it from the others.
        positions: makes the places out of the projected map.
        box_layers: linear maps of the network that gives the boxes.
    """

    backbone: Block
    encoder: Block
    decoder: Block
    classes: int = 91
    features: int = 256
    queries: int = 100
    positions: Block = SinePositions()
    box_layers: int = 3

    output_names: ClassVar[tuple[str, ...]] = ("logits", "boxes")

    def validate(self) -> None:
        if min(self.classes, self.features, self.queries, self.box_layers) < 1:
            raise SpaceError(
                f"detr: classes, features, queries and box_layers of at least 1; got {self.classes}, {self.features}, "
                f"{self.queries} and {self.box_layers}"
            )

    def wire(self, net: Wiring, x: Value) -> tuple[Value, Value]:
        found = net(self.backbone, x, name="backbone")
        if isinstance(found, tuple):
            raise ShapeError(f"detr.backbone: one map; got {len(found)}; set its taps to one stage")
        y = net(Conv(self.features, 1), found, name="project")
        places = net(self.positions, y, name="positions")
        pixels = net(self.encoder, net(ToSequence(), y, name="pixels"), places, name="encoder")
        queries = net(Latents(self.queries, self.features), y, name="queries")
        start = net(Zero(), queries, name="start")
        objects = net(self.decoder, start, pixels, queries, places, name="decoder")
        logits: Value = net(Linear(self.classes + 1), objects, name="classes")
        hidden = (self.features,) * (self.box_layers - 1)
        boxes: Value = net(Sigmoid(), net(MLP(hidden, 4), objects, name="boxes"), name="shares")
        return logits, boxes
