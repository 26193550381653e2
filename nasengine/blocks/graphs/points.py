"""Points in space: sampling, grouping, and PointNet++ wired from them (Qi et al., 2017b)."""

from __future__ import annotations

from typing import ClassVar

from nasengine.blocks.basic.activation import ReLU
from nasengine.blocks.basic.conv import needs_batch
from nasengine.blocks.basic.linear import numbers
from nasengine.blocks.basic.merge import Concat
from nasengine.blocks.basic.norm import BatchNorm
from nasengine.blocks.basic.pool import REDUCTIONS, GlobalPool
from nasengine.blocks.compose import Identity
from nasengine.blocks.convnets.convnet import ConvNormAct
from nasengine.blocks.graphs.graph_network import row_of
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Block, Call, Composite, Primitive, block, function, module
from nasengine.graph.wiring import Value, Wiring


def cloud(x: TensorType, place: str) -> TensorType:
    """The input, if it is points: (D, T) of coordinates or (C, T) of features.

    Raises:
        ShapeError: it is something else.
    """
    if x.axes != "CL":
        raise ShapeError(f"{place}: it takes points, (D, T); got {x!r}; give the network Signal(3, points)")
    needs_batch(x, place)
    return numbers(x, place)


@block("farthest_points")
class FarthestPoints(Primitive):
    """Some points far from each other (Qi et al., 2017b, section 3.2). (D, T) → (D, count).

    The first point, then always the one farthest from all picked; the same points give the same choice.

    Args:
        count: at most T.
    """

    count: int

    zero: ClassVar = "kept"

    def validate(self) -> None:
        if self.count < 1:
            raise SpaceError(f"farthest_points.count: at least 1; got {self.count}")

    def infer(self, *inputs: TensorType) -> TensorType:
        x = cloud(inputs[0], self.tag)
        if self.count > x.shape[1]:
            raise ShapeError(
                f"farthest_points.count: at most as many as there are; got {self.count} of {x!r}; pick fewer points"
            )
        return TensorType((x.channels, self.count), "CL")

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.points.FarthestPoints", self.count)


@block("ball_group")
class BallGroup(Primitive):
    """The points around each centre, seen from it, with their features (Qi et al., 2017b, section 3.2).

    Points (D, T), centres (D, S)[, features (C, T)] → (D + C, S, neighbours). No MACs: distances are taken
    coordinate by coordinate.

    Args:
        radius: of the ball around a centre.
        neighbours: the first so many in the ball; where there are fewer, the first comes again.
    """

    radius: float
    neighbours: int

    zero: ClassVar = "kept"

    def validate(self) -> None:
        if self.radius <= 0 or self.neighbours < 1:
            raise SpaceError(f"ball_group: radius > 0 and neighbours >= 1; got {self.radius} and {self.neighbours}")

    def infer(self, *inputs: TensorType) -> TensorType:
        points, centres, *features = (cloud(x, self.tag) for x in inputs)
        if points.channels != centres.channels or any(x.shape[1] != points.shape[1] for x in features):
            raise ShapeError(
                f"ball_group: points and centres of one space, features of every point; got "
                f"{', '.join(map(repr, inputs))}; take all from one cloud"
            )
        if self.neighbours > points.shape[1]:
            raise ShapeError(
                f"ball_group.neighbours: at most as many as there are points; got {self.neighbours} of {points!r}; "
                "take fewer"
            )
        parts = tuple(p for x in (points, *features) for p in x.parts)
        return TensorType((sum(parts), centres.shape[1], self.neighbours), "CHW", segments=parts)

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.points.BallGroup", self.radius, self.neighbours)


@block("group_pool")
class GroupPool(Primitive):
    """Maximum or mean over the points of each group. (C, S, K) → (C, S).

    Args:
        kind: ``"max"`` or ``"average"``.
    """

    kind: str = "max"

    zero: ClassVar = "kept"

    def validate(self) -> None:
        if self.kind not in ("max", "average"):
            raise SpaceError(f"group_pool.kind: 'max' or 'average'; got {self.kind!r}")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if x.axes != "CHW":
            raise ShapeError(f"group_pool: it takes groups of points, (C, S, K); got {x!r}; BallGroup makes them")
        needs_batch(x, self.tag)
        return TensorType(x.shape[:2], "CL", numbers(x, self.tag).dtype, segments=x.segments)

    def call(self, *inputs: TensorType) -> Call:
        return function(REDUCTIONS[self.kind], dim=3)


@block("point_group")
class PointGroup(Composite):
    """A small PointNet on the points around each centre (Qi et al., 2017b, eq. 1).

    Points (D, T), centres (D, S)[, features (C, T)] → (widths[-1], S).

    Args:
        radius, neighbours: as of :class:`BallGroup`.
        widths: of the maps that all points share.
        norm, activation: after each map.
        pool: over the points of a group, ``"max"`` or ``"average"``.
    """

    radius: float
    neighbours: int
    widths: tuple[int, ...] = (64,)
    norm: Block = BatchNorm()
    activation: Block = ReLU()
    pool: str = "max"

    def validate(self) -> None:
        if not self.widths:
            raise SpaceError("point_group.widths: at least one; got none; BallGroup alone makes groups")

    def wire(self, net: Wiring, points: Value, centres: Value, *features: Value) -> Value:
        x = net(BallGroup(self.radius, self.neighbours), points, centres, *features, name="group")
        for i, width in enumerate(self.widths):
            x = net(ConvNormAct(width, 1, norm=self.norm, activation=self.activation, bias=True), x, name=f"maps.{i}")
        made: Value = net(GroupPool(self.pool), x, name="pool")
        return made


@block("set_abstraction")
class SetAbstraction(Composite):
    """Fewer points, each with what surrounds it (Qi et al., 2017b, fig. 2; with several groups fig. 3a).

    Points (D, T)[, features (C, T)] → points (D, S), features (C', S).

    Args:
        points: S.
        groups: :class:`PointGroup` in a row; each takes the points, and their outputs stand side by side.
    """

    points: int
    groups: Block

    def wire(self, net: Wiring, points: Value, *features: Value) -> tuple[Value, Value]:
        centres = net(FarthestPoints(self.points), points, name="sample")
        row = row_of(self.groups, self.tag)
        made = [net(group, points, centres, *features, name=f"groups.{name}") for name, group in row]
        return centres, net(Concat(), *made, name="concat")


@block("global_abstraction")
class GlobalAbstraction(Composite):
    """A PointNet on all points that remain (Qi et al., 2017b, section 3.3). (D, T)[, (C, T)] → (widths[-1]).

    Args:
        widths, norm, activation: as of :class:`PointGroup`.
        pool: over all points, ``"max"``, ``"average"`` or ``"sum"``.
    """

    widths: tuple[int, ...] = (256,)
    norm: Block = BatchNorm()
    activation: Block = ReLU()
    pool: str = "max"

    def wire(self, net: Wiring, points: Value, *features: Value) -> Value:
        x = net(Concat(), points, *features, name="concat")
        for i, width in enumerate(self.widths):
            x = net(ConvNormAct(width, 1, norm=self.norm, activation=self.activation, bias=True), x, name=f"maps.{i}")
        made: Value = net(GlobalPool(self.pool), x, name="pool")
        return made


@block("pointnet2")
class PointNet2(Composite):
    """PointNet++ for a whole cloud (Qi et al., 2017b, fig. 2, classification). (D, T)[, (C, T)] → what ``head`` gives.

    Args:
        stages: :class:`SetAbstraction` in a row.
        whole: takes the last points and their features.
        head: takes the vector of the cloud.
    """

    stages: Block
    whole: Block = GlobalAbstraction()
    head: Block = Identity()

    def wire(self, net: Wiring, points: Value, *features: Value) -> Value:
        for name, stage in row_of(self.stages, self.tag):
            points, *features = net(stage, points, *features, name=f"stages.{name}")
        made: Value = net(self.head, net(self.whole, points, *features, name="whole"), name="head")
        return made
