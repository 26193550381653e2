"""Stages of convolutional networks, and the rules that make a whole network larger or smaller."""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from math import ceil
from typing import ClassVar

from nasengine.blocks.convnets.mobile import divisible
from nasengine.blocks.names import check_names, named_parts
from nasengine.errors import SpaceError
from nasengine.graph.inputs import Input
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.space.choices import Repeated
from nasengine.space.spec import Spec, field_names, tagged


class Scaling(Spec):
    """Base of the rules by which a network's sizes follow from those of a base network."""

    def channels(self, base: int) -> int:
        """Width of a layer that has ``base`` channels in the base network."""
        raise NotImplementedError(f"{self.tag}: a scaling states widths")

    def layers(self, base: int) -> int:
        """Blocks of a stage that has ``base`` of them in the base network."""
        raise NotImplementedError(f"{self.tag}: a scaling states depths")

    def side(self) -> int:
        """Side of the image that the network is given."""
        raise NotImplementedError(f"{self.tag}: a scaling states the resolution")


@tagged("multipliers")
class Multipliers(Scaling):
    """MobileNet's width multiplier α and resolution (Howard et al., 2017, section 3.3 and 3.4); depth stays.

    Args:
        width: over the base network's; what comes of it is rounded to a multiple of 8.
        resolution: side of the image.
    """

    width: float = 1.0
    resolution: int = 224

    def validate(self) -> None:
        if self.width <= 0 or self.resolution < 1:
            raise SpaceError(
                f"multipliers: width above 0 and resolution at least 1; got {self.width} and {self.resolution}"
            )

    def channels(self, base: int) -> int:
        return base if self.width == 1 else divisible(base * self.width)

    def layers(self, base: int) -> int:
        return base

    def side(self) -> int:
        return self.resolution


AS_IS = Multipliers()
"""Changes no width and no depth."""


@tagged("compound_scaling")
class CompoundScaling(Scaling):
    """EfficientNet's compound scaling: depth, width and resolution from one φ (Tan and Le, 2019, eq. 3).

    With the default constants and φ = 0, 0.49, 1.07, 2.09, 3.78, 5.09, 6.14, 7.05 the published networks B0 to B7 come
    out, each depth, width and resolution of them. The paper prints the constants with one or two digits, as 1.2, 1.1
    and 1.15, and no φ. Given 1.1 and 1.15, the published resolutions state φ, and the published depths want a constant
    between 1.1687 and 1.1728.

    Args:
        phi: how much more is spent; 0 is the base network.
        depth: blocks of a stage grow by ``depth ** phi``, rounded up.
        width: channels grow by ``width ** phi``, rounded to a tenth, then to a multiple of 8.
        growth: the side of the image grows by ``growth ** phi``, rounded.
        resolution: side of the base network's image.
    """

    phi: float = 0.0
    depth: float = 1.17
    width: float = 1.1
    growth: float = 1.15
    resolution: int = 224

    def validate(self) -> None:
        if self.phi < 0 or min(self.depth, self.width, self.growth) < 1 or self.resolution < 1:
            raise SpaceError(
                "compound_scaling: phi >= 0, and depth, width, growth and resolution >= 1; got "
                f"phi={self.phi}, {self.depth}, {self.width}, {self.growth}, {self.resolution}"
            )

    def channels(self, base: int) -> int:
        multiplier = round(self.width**self.phi, 1)
        return base if multiplier == 1 else divisible(base * multiplier)

    def layers(self, base: int) -> int:
        growth: float = self.depth**self.phi
        return ceil(base * growth)

    def side(self) -> int:
        growth: float = self.growth**self.phi
        return round(self.resolution * growth)


@tagged("scaled_image")
class ScaledImage(Input):
    """``(B, channels, side, side)``, the side as the scaling says; give the network the same scaling, tied by name."""

    channels: int
    scaling: Scaling

    def type(self) -> TensorType:
        return TensorType((self.channels, self.scaling.side(), self.scaling.side()), "CHW")


class StageBase(Composite):
    """Base of stages: blocks in a row, of which the first may halve the resolution."""

    def units(self) -> tuple[Block, ...]:
        """The blocks in order."""
        raise NotImplementedError(f"{self.tag}: a stage states its blocks")

    def scaled(self, scaling: Scaling) -> StageBase:
        """The same stage, deeper and wider."""
        raise NotImplementedError(f"{self.tag}: a stage states how it is scaled")

    def row(self) -> tuple[tuple[str, Block], ...]:
        """(name, block) in order."""
        return tuple((f"blocks.{i}", unit) for i, unit in enumerate(self.units()))


@block("stage")
class Stage(StageBase):
    """The same block ``depth`` times; the first has the stride. (C, *S) → (channels, *⌈S/stride⌉).

    Args:
        block: what is repeated, as :class:`BasicBlock`; it has a field ``stride`` where the stage has one.
        depth: how often; 0 leaves the stage out, and its stride with it.
        stride: of the first block.
    """

    block: Block
    depth: int = 1
    stride: int = 1

    def validate(self) -> None:
        check_stage(self.tag, self.block, self.stride)
        if self.depth < 0:
            raise SpaceError(f"stage.depth: at least 0; got {self.depth}")

    def units(self) -> tuple[Block, ...]:
        first = self.block if self.stride == 1 else replaced(self.block, "stride", self.stride)
        return (first, *[self.block] * (self.depth - 1)) if self.depth else ()

    def scaled(self, scaling: Scaling) -> Stage:
        return Stage(widened(self.block, scaling), scaling.layers(self.depth), self.stride)


@block("inverted_stage")
class InvertedStage(StageBase):
    """Inverted residuals, each with its own expansion; the first has the stride. (C, *S) → (channels, *⌈S/stride⌉).

    A network scaled deeper repeats the last of them.

    Args:
        block: what is repeated, as :class:`InvertedResidual`: a block with fields ``expand`` and ``stride``.
        expand: one expansion a block; none leaves the stage out.
        stride: of the first block.
    """

    block: Block
    expand: tuple[float, ...]
    stride: int = 1

    def validate(self) -> None:
        check_stage(self.tag, self.block, self.stride)
        if "expand" not in field_names(type(self.block)):
            raise SpaceError(
                f"inverted_stage.block: a block with a field 'expand'; got {self.block.tag!r}; use InvertedResidual, "
                "or Stage for a block without"
            )

    def units(self) -> tuple[Block, ...]:
        made = [replaced(self.block, "expand", expand) for expand in self.expand]
        if made and self.stride != 1:
            made[0] = replaced(made[0], "stride", self.stride)
        return tuple(made)

    def scaled(self, scaling: Scaling) -> InvertedStage:
        more = scaling.layers(len(self.expand)) - len(self.expand)
        return InvertedStage(widened(self.block, scaling), self.expand + self.expand[-1:] * more, self.stride)


@block("stages")
class Stages(Composite):
    """Stages and other blocks in a row, scaled as a whole, with a stochastic depth that rises from block to block.

    ``Stages(stem=..., stage1=Stage(...), stage2=Stage(...), scaling=CompoundScaling(1.0))``; parts are named as in
    :class:`Sequential`. Scaling sets the depth of every stage and the ``channels`` of every block that has such a
    field. The i-th of n blocks of the stages is dropped with probability ``drop_path * i / (n - 1)`` (Huang et al.,
    2016, section 4), to two decimals.

    Args:
        blocks, named: the parts.
        scaling: :class:`Multipliers` or :class:`CompoundScaling`; the network as it stands by default.
        drop_path: probability for the last block, in training.
    """

    inline: ClassVar[str] = "blocks"
    blocks: tuple[Block, ...] = ()
    names: tuple[str, ...] = ()
    scaling: Scaling = AS_IS
    drop_path: float = 0.0

    def __init__(self, *blocks: Block, scaling: Scaling = AS_IS, drop_path: float = 0.0, **named: Block) -> None:
        object.__setattr__(self, "names", named_parts(blocks, named, "stages"))
        object.__setattr__(self, "blocks", (*blocks, *named.values()))
        object.__setattr__(self, "scaling", scaling)
        object.__setattr__(self, "drop_path", drop_path)
        self.__post_init__()

    def validate(self) -> None:
        check_names(self.blocks, self.names, "stages")
        if not 0 <= self.drop_path < 1:
            raise SpaceError(f"stages.drop_path: a probability in [0, 1); got {self.drop_path}")

    def child_names(self) -> tuple[str, ...]:
        return self.names

    def row(self) -> tuple[tuple[str, Block], ...]:
        """(name, block) in order."""
        stages = [part.scaled(self.scaling).units() for part in self.blocks if isinstance(part, StageBase)]
        units = iter(self.dropping([unit for stage in stages for unit in stage]))
        lengths = iter([len(stage) for stage in stages])
        made: list[tuple[str, Block]] = []
        for name, part in zip(self.names, self.blocks, strict=True):
            if isinstance(part, StageBase):
                made.append((name, Repeated.closed((tuple(islice(units, next(lengths))),))))  # type: ignore[arg-type]
            else:
                made.append((name, widened(part, self.scaling)))
        return tuple(made)

    def dropping(self, units: list[Block]) -> list[Block]:
        """The blocks of all stages, each with its probability of being dropped."""
        if not self.drop_path:
            return units
        last = max(1, len(units) - 1)
        return [replaced(unit, "drop_path", round(self.drop_path * i / last, 2)) for i, unit in enumerate(units)]


def check_stage(place: str, unit: Block, stride: int) -> None:
    """Refuse a stride for a block that has none."""
    if stride < 1 or (stride != 1 and "stride" not in field_names(type(unit))):
        raise SpaceError(
            f"{place}.stride: at least 1, and 1 for a block without a field 'stride'; got {stride} for {unit.tag!r}; "
            "downsample before the stage"
        )


def widened(unit: Block, scaling: Scaling) -> Block:
    """The block at the width that the scaling wants; itself where it has no ``channels`` of its own."""
    if "channels" not in field_names(type(unit)):
        return unit
    channels: int = unit.channels  # type: ignore[attr-defined]
    return replaced(unit, "channels", scaling.channels(channels))


@lru_cache(maxsize=16_384, typed=True)
def replaced(unit: Block, field: str, value: object) -> Block:
    """The block with another value of a field; itself where it has no such field, or that value."""
    names, values = field_names(type(unit)), list(unit.values())
    if field not in names or getattr(unit, field) == value:
        return unit
    values[names.index(field)] = value
    return type(unit).closed(tuple(values))
