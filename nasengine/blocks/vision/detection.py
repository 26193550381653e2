"""Composites of object detection: heads shared by all levels of a pyramid."""

from __future__ import annotations

from typing import ClassVar

from nasengine.blocks.basic.activation import ReLU
from nasengine.blocks.basic.conv import Conv
from nasengine.blocks.basic.merge import Concat, Flatten
from nasengine.blocks.basic.shape import Permute, Reshape
from nasengine.blocks.compose import Identity, Sequential
from nasengine.blocks.convnets.convnet import ConvNormAct
from nasengine.errors import SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("anchor_head")
class AnchorHead(Composite):
    """The subnet of RetinaNet (Lin et al., 2017b, fig. 3c and d): ``outputs`` numbers for each anchor.

    (C, H, W) → (H * W * anchors * outputs): position by position, row by row; at each, anchor by anchor.

    Args:
        outputs: classes, or the four numbers of a box.
        anchors: boxes at each position.
        depth: 3 × 3 convolutions of C channels before the last one.
        norm, activation: after each of them.
    """

    outputs: int
    anchors: int = 9
    depth: int = 4
    norm: Block = Identity()
    activation: Block = ReLU()

    def validate(self) -> None:
        if self.outputs < 1 or self.anchors < 1 or self.depth < 0:
            raise SpaceError(
                f"anchor_head: outputs and anchors >= 1, depth >= 0; got {self.outputs}, {self.anchors}, {self.depth}"
            )

    def wire(self, net: Wiring, x: Value) -> Value:
        conv = ConvNormAct(x.channels, 3, norm=self.norm, activation=self.activation)
        y = net(Sequential(*[conv] * self.depth), x, name="tower")
        y = net(Conv(self.anchors * self.outputs, 3), y, name="predict")
        made: Value = net(Flatten(), net(Permute((1, 2, 0)), y, name="last"), name="flat")
        return made


@block("retinanet")
class RetinaNet(Composite):
    """RetinaNet (Lin et al., 2017b, fig. 3), up to its predictions: anchors and suppression are no part of it.

    (C, H, W) → class logits (T, classes) and box offsets (T, 4), T the anchors of all levels from fine to coarse.

    Args:
        backbone: gives feature maps.
        pyramid: makes levels of one width of them.
        classes, boxes: the heads, each with one set of weights for all levels.
    """

    backbone: Block
    pyramid: Block
    classes: AnchorHead
    boxes: AnchorHead = AnchorHead(4)

    output_names: ClassVar[tuple[str, ...]] = ("class_logits", "box_regression")

    def validate(self) -> None:
        for name, head in (("classes", self.classes), ("boxes", self.boxes)):
            if not isinstance(head, AnchorHead):
                raise SpaceError(f"retinanet.{name}: an AnchorHead; got {head!r}; write AnchorHead(91)")

    def wire(self, net: Wiring, x: Value) -> tuple[Value, Value]:
        maps = net(self.backbone, x, name="backbone")
        found = net(self.pyramid, *(maps if isinstance(maps, tuple) else (maps,)), name="pyramid")
        levels: tuple[Value, ...] = found if isinstance(found, tuple) else (found,)
        return _over(net, levels, self.classes, "classes"), _over(net, levels, self.boxes, "boxes")


def _over(net: Wiring, levels: tuple[Value, ...], head: AnchorHead, name: str) -> Value:
    """One head on all levels, a row for each anchor."""
    shared = net.module(head, name=name)
    joined = net(Concat(), *[shared(level) for level in levels], name=f"{name}_joined")
    rows: Value = net(Reshape((-1, head.outputs), "TF"), joined, name=f"{name}_rows")
    return rows
