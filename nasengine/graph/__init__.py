"""What an architecture is: a graph of primitives over typed values. No torch but in module.py and source/."""

from nasengine.graph.cost import Cost
from nasengine.graph.flat import Node
from nasengine.graph.graph import Graph, Screened, lower, screen
from nasengine.graph.inputs import (
    Categories,
    EdgeIndex,
    Features,
    Frames,
    GraphIndex,
    Image,
    Input,
    Nodes,
    Scalar,
    Sequence,
    Signal,
    Tokens,
    Volume,
)
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Block, Call, Composite, Parameter, Primitive, block
from nasengine.graph.wiring import SharedModule, Value, Wiring
from nasengine.graph.zeros import Zeros

__all__ = [
    "Axis", "Block", "Call", "Categories", "Composite", "Cost", "EdgeIndex", "Features", "Frames", "Graph",
    "GraphIndex", "Image", "Input", "Node", "Nodes", "Parameter", "Primitive", "Scalar", "Screened", "Sequence",
    "SharedModule", "Signal", "TensorType", "Tokens", "Value", "Volume", "Wiring", "Zeros", "block", "lower", "screen",
]  # fmt: skip
