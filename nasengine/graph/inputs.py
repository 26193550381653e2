"""What a network may be given: specs whose sizes may be open, each with a tensor type."""

from __future__ import annotations

from nasengine.errors import SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.space.spec import Spec, tagged


class Input(Spec):
    """Base of input specs."""

    def type(self) -> TensorType:
        """The tensor type, batch left out."""
        raise NotImplementedError(f"{self.tag}: an input states its type")

    def validate(self) -> None:
        """Sizes are whole numbers of at least 1."""
        for name, value in zip(self.__dataclass_fields__, self.values(), strict=True):  # type: ignore[attr-defined]
            if isinstance(value, int) and not isinstance(value, bool) and value < 1:
                raise SpaceError(f"{self.tag}.{name}: a size is at least 1; got {value}")


@tagged("image")
class Image(Input):
    """``(B, channels, height, width)``; square unless ``width`` is given."""

    channels: int
    height: int
    width: int | None = None

    def type(self) -> TensorType:
        return TensorType((self.channels, self.height, self.width or self.height), "CHW")


@tagged("volume")
class Volume(Input):
    """``(B, channels, depth, height, width)``."""

    channels: int
    depth: int
    height: int
    width: int

    def type(self) -> TensorType:
        return TensorType((self.channels, self.depth, self.height, self.width), "CDHW")


@tagged("frames")
class Frames(Input):
    """``(B, frames, channels, height, width)``: a sequence of images; square unless ``width`` is given."""

    frames: int
    channels: int
    height: int
    width: int | None = None

    def type(self) -> TensorType:
        return TensorType((self.frames, self.channels, self.height, self.width or self.height), "TCHW")


@tagged("signal")
class Signal(Input):
    """``(B, channels, length)``: audio, sensors."""

    channels: int
    length: int

    def type(self) -> TensorType:
        return TensorType((self.channels, self.length), "CL")


@tagged("features")
class Features(Input):
    """``(B, features)``: a row of a table."""

    features: int

    def type(self) -> TensorType:
        return TensorType((self.features,), "F")


@tagged("sequence")
class Sequence(Input):
    """``(B, length, features)``: a sequence of vectors."""

    length: int
    features: int

    def type(self) -> TensorType:
        return TensorType((self.length, self.features), "TF")


@tagged("tokens")
class Tokens(Input):
    """``(B, length)`` of token ids below ``vocabulary``, int64."""

    length: int
    vocabulary: int

    def type(self) -> TensorType:
        return TensorType((self.length,), "T", "int64")


@tagged("categories")
class Categories(Input):
    """``(B, columns)`` of category ids, int64: the categorical columns of a table."""

    columns: int
    cardinality: int

    def type(self) -> TensorType:
        return TensorType((self.columns,), "K", "int64")


@tagged("scalar")
class Scalar(Input):
    """``(B,)``: one condition a sample (a time step, a temperature)."""

    dtype: str = "float32"

    def type(self) -> TensorType:
        return TensorType((), "", self.dtype)


@tagged("nodes")
class Nodes(Input):
    """``(nodes, features)``: node features of a graph; no batch axis (several graphs are one with more nodes)."""

    nodes: int
    features: int

    def type(self) -> TensorType:
        return TensorType((self.nodes, self.features), "NF", batched=False)


@tagged("edge_index")
class EdgeIndex(Input):
    """``(2, edges)`` of node ids, int64: source and target of each edge; no batch axis."""

    edges: int

    def type(self) -> TensorType:
        return TensorType((2, self.edges), "PE", "int64", batched=False)


@tagged("graph_index")
class GraphIndex(Input):
    """``(nodes,)``, int64: which graph each node belongs to, counted from 0; no batch axis.

    Several graphs are one with more nodes and no edge between them; what pools over a graph states their number.
    """

    nodes: int

    def type(self) -> TensorType:
        return TensorType((self.nodes,), "N", "int64", batched=False)
