"""Composition: blocks in a row, side by side, and around a shortcut."""

from __future__ import annotations

from typing import ClassVar

from nasengine.blocks.basic.conv import Conv
from nasengine.blocks.basic.linear import Linear
from nasengine.blocks.basic.merge import Add, Concat, Multiply
from nasengine.blocks.basic.norm import BatchNorm
from nasengine.blocks.names import check_names, named_parts
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("identity")
class Identity(Composite):
    """Nothing at all: gives back what it takes; no node is made of it."""

    def wire(self, net: Wiring, *inputs: Value) -> Value | tuple[Value, ...]:
        return inputs[0] if len(inputs) == 1 else inputs


@block("sequential")
class Sequential(Composite):
    """Blocks in a row: ``Sequential(a, b)`` or ``Sequential(stem=a, head=b)``; items may be ``choice`` or ``repeat``.

    Positional parts are named by place (``"0"``, ``"1"``), keyword parts by keyword. Where a block gives several
    values, the next one takes them all.
    """

    inline: ClassVar[str] = "blocks"
    blocks: tuple[Block, ...] = ()
    names: tuple[str, ...] = ()

    def __init__(self, *blocks: Block, **named: Block) -> None:
        object.__setattr__(self, "names", named_parts(blocks, named, "sequential"))
        object.__setattr__(self, "blocks", (*blocks, *named.values()))
        self.__post_init__()

    def validate(self) -> None:
        check_names(self.blocks, self.names, "sequential")

    def child_names(self) -> tuple[str, ...]:
        return self.names

    def row(self) -> tuple[tuple[str, Block], ...]:
        """(name, block) in order."""
        return tuple(zip(self.child_names(), self.blocks, strict=True))


@block("residual")
class Residual(Composite):
    """``activation(shortcut(x) + inner(x))`` (He et al., 2016, eq. 1 and 2).

    Args:
        inner: the residual branch.
        shortcut: what the other branch does; nothing by default.
        activation: after the sum; none by default.
        project: where ``inner`` changes the type, put a projection after the shortcut: a strided 1 × 1 convolution
            with batch norm (option B of He et al.), or a linear map of features. Off, a change of type is an error.
    """

    inner: Block
    shortcut: Block = Identity()
    activation: Block = Identity()
    project: bool = False

    def wire(self, net: Wiring, x: Value) -> Value:
        y = net(self.inner, x, name="inner")
        skip = net(self.shortcut, x, name="shortcut")
        if self.project and skip.type != y.type:
            skip = net(projection(skip.type, y.type), skip, name="projection")
        if skip.type != y.type:
            raise ShapeError(
                f"residual: inner and shortcut give one type; got {y.type!r} and {skip.type!r}; keep inner's output "
                "like its input, give a shortcut that changes it too, or set project=True"
            )
        made: Value = net(self.activation, net(Add(), skip, y, name="add"), name="activation")
        return made


def projection(given: TensorType, wanted: TensorType) -> Block:
    """The block that turns one type into another: a strided 1 × 1 convolution with batch norm, or a linear map.

    Raises:
        ShapeError: neither can.
    """
    if given.axes == wanted.axes and given.axes[-1:] == "F" and given.shape[:-1] == wanted.shape[:-1]:
        return Linear(wanted.channels, bias=False)
    strides = tuple(-(-n // m) for n, m in zip(given.spatial, wanted.spatial, strict=False))
    fits = tuple(-(-n // s) for n, s in zip(given.spatial, strides, strict=False)) == wanted.spatial
    if given.axes == wanted.axes and strides and fits:
        stride = strides[0] if len(set(strides)) == 1 else strides
        return Sequential(conv=Conv(wanted.channels, 1, stride, bias=False), norm=BatchNorm())
    raise ShapeError(
        f"residual.project: no 1 × 1 convolution or linear map turns {given!r} into {wanted!r}; "
        "give a shortcut that does"
    )


MERGES: dict[str, type[Block]] = {"concat": Concat, "add": Add, "multiply": Multiply}


@block("branches")
class Branches(Composite):
    """Blocks side by side on the same input, merged (the Inception module's form; Szegedy et al., 2015, fig. 2).

    Args:
        blocks, named: the branches, named as in :class:`Sequential`.
        merge: ``"concat"`` along channels or features, ``"add"``, ``"multiply"``, or ``"none"``: all values.
    """

    inline: ClassVar[str] = "blocks"
    blocks: tuple[Block, ...] = ()
    names: tuple[str, ...] = ()
    merge: str = "concat"

    def __init__(self, *blocks: Block, merge: str = "concat", **named: Block) -> None:
        object.__setattr__(self, "names", named_parts(blocks, named, "branches"))
        object.__setattr__(self, "blocks", (*blocks, *named.values()))
        object.__setattr__(self, "merge", merge)
        self.__post_init__()

    def validate(self) -> None:
        check_names(self.blocks, self.names, "branches")
        if not self.blocks:
            raise SpaceError("branches: at least one branch; got none; Identity() stands for doing nothing")
        if self.merge not in (*MERGES, "none"):
            raise SpaceError(f"branches.merge: one of {', '.join(MERGES)}, none; got {self.merge!r}")

    def child_names(self) -> tuple[str, ...]:
        return self.names

    def wire(self, net: Wiring, *inputs: Value) -> Value | tuple[Value, ...]:
        made: list[Value] = []
        for name, part in zip(self.names, self.blocks, strict=True):
            out = net(part, *inputs, name=name)
            made.extend(out if isinstance(out, tuple) else (out,))
        if self.merge == "none":
            return tuple(made) if len(made) > 1 else made[0]
        merged: Value = net(MERGES[self.merge](), *made, name=self.merge)
        return merged
