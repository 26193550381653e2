"""Neural module networks: small modules put together as a question asks (Andreas et al., 2016, fig. 2).

Every module here takes the image's features and holds the modules it builds on, so a layout is a tree of blocks.
"""

from __future__ import annotations

from math import prod

from nasengine.blocks.basic.activation import ReLU
from nasengine.blocks.basic.conv import Conv
from nasengine.blocks.basic.linear import Linear
from nasengine.blocks.basic.merge import Concat, Flatten, Multiply
from nasengine.blocks.basic.mlp import MLP
from nasengine.blocks.basic.pool import GlobalPool
from nasengine.blocks.basic.shape import Reshape
from nasengine.blocks.compose import Identity
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


def attended(net: Wiring, module: Block, x: Value, *, name: str, place: str) -> Value:
    """The attention that a module gives to an image.

    Raises:
        ShapeError: it gives something else.
    """
    made: Value = net(module, x, name=name)
    if made.type.axes != x.type.axes or made.type.shape != (1, *x.spatial):
        raise ShapeError(
            f"{place}.{name}: a module that gives an attention, (1, H, W); got {made.type!r}; use Find, Transform or "
            "Combine there"
        )
    return made


@block("find")
class Find(Composite):
    """Where something is: every position's features times a vector. (C, H, W) → (1, H, W).

    Args:
        activation: of the attention; none in the paper.
    """

    activation: Block = Identity()

    def wire(self, net: Wiring, x: Value) -> Value:
        made: Value = net(self.activation, net(Conv(1, 1), x, name="conv"), name="act")
        return made


@block("transform")
class Transform(Composite):
    """An attention moved elsewhere ("above"): a perceptron from one to the other. (C, H, W) → (1, H, W).

    Args:
        attention: the module whose attention is moved.
        hidden: of the perceptron.
    """

    attention: Block = Find()
    hidden: int = 32

    def wire(self, net: Wiring, x: Value) -> Value:
        y = net(Flatten(), attended(net, self.attention, x, name="attention", place=self.tag), name="flatten")
        y = net(ReLU(), net(MLP((self.hidden,), prod(x.spatial)), y, name="mlp"), name="act")
        made: Value = net(Reshape((1, *x.spatial), x.type.axes), y, name="unflatten")
        return made


@block("combine")
class Combine(Composite):
    """Two attentions as one ("and", "or", "except"). (C, H, W) → (1, H, W).

    Args:
        left, right: the modules whose attentions are combined.
        product: multiply them (Andreas et al., 2016b, "Learning to compose", module "and"); off, a 1 × 1 convolution
            of both and a ReLU.
    """

    left: Block = Find()
    right: Block = Find()
    product: bool = False

    def wire(self, net: Wiring, x: Value) -> Value:
        both = [attended(net, part, x, name=name, place=self.tag) for name, part in self._parts()]
        if self.product:
            made: Value = net(Multiply(), *both, name="product")
            return made
        y = net(Conv(1, 1), net(Concat(), *both, name="stack"), name="conv")
        made = net(ReLU(), y, name="act")
        return made

    def _parts(self) -> tuple[tuple[str, Block], ...]:
        return ("left", self.left), ("right", self.right)


@block("describe")
class Describe(Composite):
    """What is attended to: the mean of the features times the attention, then a linear map. (C, H, W) → (features).

    Args:
        features: number of answers.
        attention: the module that attends.
    """

    features: int
    attention: Block = Find()

    def wire(self, net: Wiring, x: Value) -> Value:
        seen = net(Multiply(), x, attended(net, self.attention, x, name="attention", place=self.tag), name="weigh")
        made: Value = net(Linear(self.features), net(GlobalPool(), seen, name="pool"), name="linear")
        return made


@block("measure")
class Measure(Composite):
    """Whether, or how much, is attended to: a perceptron on the attention. (C, H, W) → (features).

    Args:
        features: number of answers.
        attention: the module that attends.
        hidden: of the perceptron.
    """

    features: int
    attention: Block = Find()
    hidden: int = 32

    def validate(self) -> None:
        if self.features < 1 or self.hidden < 1:
            raise SpaceError(f"measure: features and hidden >= 1; got {self.features} and {self.hidden}")

    def wire(self, net: Wiring, x: Value) -> Value:
        y = net(Flatten(), attended(net, self.attention, x, name="attention", place=self.tag), name="flatten")
        made: Value = net(MLP((self.hidden,), self.features), y, name="mlp")
        return made
