"""Blocks: the two kinds of things a network is made of.

A :class:`Composite` says only how smaller blocks connect; a :class:`Primitive` computes, and states its output type,
its parameters, its cost and the torch call it stands for, all in closed form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, dataclass_transform

from nasengine.graph.cost import POINT, Reach
from nasengine.graph.tensor import BYTES, TensorType
from nasengine.space.spec import Spec, tagged

if TYPE_CHECKING:
    from nasengine.graph.wiring import Wiring

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a parameter: its meaning, and the sizes of its segments (gates, heads, groups, concatenated inputs).

    A weight store takes the leading part of every segment, so slices of a larger parameter mean the same thing.
    """

    meaning: str
    segments: tuple[int, ...]

    @property
    def size(self) -> int:
        """Total size."""
        return sum(self.segments)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One tensor of a module's state: its name there, its axes, and whether it is trained."""

    name: str
    axes: tuple[Axis, ...]
    trainable: bool = True
    dtype: str = "float32"

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes."""
        return tuple(axis.size for axis in self.axes)

    @property
    def numel(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes."""
        return self.numel * BYTES[self.dtype]


@dataclass(frozen=True, slots=True)
class Call:
    """The torch call a primitive stands for; the module that is built and the source that is printed both come from it.

    Args:
        target: dotted name, ``torch.nn.Conv2d`` or ``operator.add``.
        args, kwargs: plain values. For a function they follow the input tensors.
        style: ``module`` (construct once, apply to the inputs), ``function`` (inputs as leading arguments), ``list``
            (inputs as one list) or ``chain`` (a binary function folded over the inputs).
    """

    target: str
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()
    style: Literal["module", "function", "list", "chain"] = "module"

    @property
    def signature(self) -> str:
        """Text that determines what is computed."""
        return f"{self.style} {self.target}{self.args!r}{sorted(self.kwargs)!r}"


def module(target: str, *args: Any, **kwargs: Any) -> Call:
    """A module call; keywords that equal torch's default should be left out by the caller."""
    return Call(target, args, tuple(kwargs.items()))


def function(target: str, *args: Any, style: Literal["function", "list", "chain"] = "function", **kwargs: Any) -> Call:
    """A function call."""
    return Call(target, args, tuple(kwargs.items()), style)


class Block(Spec):
    """Base of everything that can stand in a network."""


class Composite(Block):
    """A block made of blocks: :meth:`wire` connects them, on types, without torch."""

    def wire(self, net: Wiring, *inputs: Any, **named: Any) -> Any:
        """Connect smaller blocks, ``y = net(block, x, name="conv")``; takes :class:`Value`, gives one or several.

        Typed loosely, so that a subclass may name its inputs: ``def wire(self, net: Wiring, x: Value) -> Value``.
        """
        raise NotImplementedError(f"{self.tag}: a composite wires its parts")


class Primitive(Block):
    """A block that computes. Every formula here is checked against the built module and a real forward pass."""

    commutative: ClassVar[bool] = False
    """Does the order of inputs not matter?"""
    stochastic: ClassVar[bool] = False
    """Does it draw random numbers in training?"""
    view: ClassVar[bool] = False
    """Does the output share the input's memory?"""
    zero: ClassVar[Literal["source", "kept", "any", "summand", "value"]] = "value"
    """On zero inputs: ``kept`` gives zero if all are zero, ``any`` if one is (a product), ``summand`` may leave them
    out (a sum), ``value`` gives something else (a bias, a sigmoid); ``source`` is zero itself."""

    def infer(self, *inputs: TensorType) -> TensorType | tuple[TensorType, ...]:
        """Output type(s).

        Raises:
            ShapeError: the inputs do not fit; the message says both and a remedy.
        """
        raise NotImplementedError(f"{self.tag}: a primitive states its output type")

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        """The module's state, in order: parameters, then buffers marked ``trainable=False``."""
        return ()

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        """Multiply-accumulates for one sample."""
        return 0

    def idle(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> tuple[int, int]:
        """(parameters, MACs) of all of these that one sample leaves unused: the experts it is not routed to."""
        return 0, 0

    def reach(self, *inputs: TensorType) -> Reach:
        """Extent and stride of the local window, along the longest-reaching axis."""
        return POINT

    def call(self, *inputs: TensorType) -> Call:
        """The torch call it stands for."""
        raise NotImplementedError(f"{self.tag}: a primitive states the torch call it stands for")

    def is_identity(self, *inputs: TensorType) -> bool:
        """Does it give back its input? Such a node is never made."""
        return False

    def on_zero(self) -> str:
        """How it acts on zero inputs; a class whose answer depends on its fields overrides it."""
        return self.zero


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
def block(tag: str) -> Callable[[type[S]], type[S]]:
    """Register a block class under a JSON tag and make it a frozen dataclass.

    Example:
        >>> from nasengine.blocks import Conv
        >>> @block("doc_two_convs")
        ... class TwoConvs(Composite):
        ...     channels: int
        ...     def wire(self, net, x):
        ...         return net(Conv(self.channels, 3), net(Conv(self.channels, 3), x, name="first"), name="second")
    """
    return tagged(tag)
