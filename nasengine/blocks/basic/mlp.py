"""Multi-layer perceptron."""

from __future__ import annotations

from nasengine.blocks.basic.activation import ReLU
from nasengine.blocks.basic.linear import Linear
from nasengine.blocks.basic.regularise import Dropout
from nasengine.blocks.compose import Identity
from nasengine.errors import SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("mlp")
class MLP(Composite):
    """Linear layers with a norm, an activation and dropout after each, then a linear output.

    (..., F) → (..., features).

    Rumelhart et al., 1986, fig. 1.

    Args:
        hidden: widths of the hidden layers; ``repeat(choice(16, 32), choice(1, 2, 3))`` opens widths and depth.
        features: width of the output layer; None ends with the last hidden layer.
        activation, norm: after each hidden linear map, the norm first.
        dropout: probability, after each activation.
        bias: of the linear maps.
    """

    hidden: tuple[int, ...] = ()
    features: int | None = None
    activation: Block = ReLU()
    norm: Block = Identity()
    dropout: float = 0.0
    bias: bool = True

    def validate(self) -> None:
        if any(n < 1 for n in self.hidden) or (self.features is not None and self.features < 1):
            raise SpaceError(f"mlp: every width is at least 1; got hidden={self.hidden}, features={self.features}")

    def wire(self, net: Wiring, x: Value) -> Value:
        for i, width in enumerate(self.hidden):
            x = net(Linear(width, self.bias), x, name=f"hidden.{i}.linear")
            x = net(self.norm, x, name=f"hidden.{i}.norm")
            x = net(self.activation, x, name=f"hidden.{i}.act")
            x = net(Dropout(self.dropout), x, name=f"hidden.{i}.dropout")
        return x if self.features is None else net(Linear(self.features, self.bias), x, name="output")
