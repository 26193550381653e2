"""Attention: the maps of queries, keys and values around an exchangeable core."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any, TypeVar

from nasengine.blocks.basic.linear import Linear, numbers
from nasengine.blocks.basic.merge import Add
from nasengine.blocks.compose import Identity
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Block, Call, Composite, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring

B = TypeVar("B", bound=Block)


def with_heads(part: B, **heads: int) -> B:
    """A part of an attention with the attention's numbers of heads, where it has such fields and leaves them 0."""
    given = {name: n for name, n in heads.items() if getattr(part, name, None) == 0}
    return replace(part, **given) if given else part  # type: ignore[type-var]


class AttentionCore(Primitive):
    """Base of what turns queries, keys and values into an output, head by head.

    (T, F), (S, G), (S, H)[, bias] → (T, H heads / kv_heads). Its ``heads`` and ``kv_heads`` of 0 are those of the
    :class:`Attention` that holds it.
    """

    heads: int = 0
    kv_heads: int = 0

    def sizes(self, *inputs: TensorType) -> tuple[int, int, int, int]:
        """(T, S, features of a head's query, features of a head's value).

        Raises:
            ShapeError: the inputs do not fit each other or the heads.
        """
        query, key, value = inputs[:3]
        heads, kv_heads = self.heads, self.kv_heads or self.heads
        if heads < 1 or heads % kv_heads:
            raise ShapeError(f"{self.tag}.heads: at least 1 and a multiple of kv_heads; got {heads} and {kv_heads}")
        for x in inputs[:3]:
            if len(x.shape) < 2 or x.axes[-1] != "F" or x.batched != query.batched or x.shape[:-2] != query.shape[:-2]:
                raise ShapeError(f"{self.tag}: it takes sequences; got {x!r}; put ToSequence before the attention")
            numbers(x, self.tag)
        if query.channels % heads or key.channels % kv_heads or value.channels % kv_heads:
            raise ShapeError(
                f"{self.tag}.heads: features are a multiple of heads; got {query.channels}, {key.channels} and "
                f"{value.channels} for {heads} heads ({kv_heads} of keys and values); change one of them"
            )
        if query.channels // heads != key.channels // kv_heads or key.shape[-2] != value.shape[-2]:
            raise ShapeError(
                f"{self.tag}: queries and keys have one size a head, keys and values one length; got {query!r}, "
                f"{key!r} and {value!r}; map them to one size first"
            )
        return query.shape[-2], key.shape[-2], query.channels // heads, value.channels // kv_heads

    def infer(self, *inputs: TensorType) -> TensorType:
        _, _, _, each = self.sizes(*inputs)
        return inputs[0].with_channels(each * self.heads)


@block("dot_product")
class DotProduct(AttentionCore):
    """Scaled dot-product attention (Vaswani et al., 2017, eq. 1) by torch's fused kernels (Dao et al., 2022).

    (T, F), (S, G), (S, H)[, bias (heads, T, S)] → (T, F'). MACs grow with T S. One more axis may come before these, as
    the series of PatchTST: each is a sequence of its own.

    Args:
        heads, kv_heads: fewer heads of keys and values make it multi-query (1; Shazeer, 2019) or grouped-query
            attention (Ainslie et al., 2023); 0 takes those of the attention that holds it.
        causal: a position sees itself and those before it.
        scale: of the products; 0 means 1 / √(features of a head).
        dropout: of the weights, in training.
    """

    heads: int = 0
    kv_heads: int = 0
    causal: bool = False
    scale: float = 0.0
    dropout: float = 0.0

    def validate(self) -> None:
        if self.heads < 0 or self.kv_heads < 0 or not 0 <= self.dropout < 1 or self.scale < 0:
            raise SpaceError(
                f"dot_product: heads, kv_heads and scale >= 0, dropout in [0, 1); got {self.heads}, {self.kv_heads}, "
                f"{self.scale} and {self.dropout}"
            )

    def infer(self, *inputs: TensorType) -> TensorType:
        length, sources, _, _ = self.sizes(*inputs)
        if self.causal and length != sources:
            raise ShapeError(
                f"dot_product.causal: queries and keys are one sequence; got {length} and {sources} positions; "
                "use causal=False over another sequence"
            )
        for bias in inputs[3:]:
            if bias.axes != "ATS" or bias.shape != (self.heads, length, sources):
                wanted = (self.heads, length, sources)
                raise ShapeError(f"dot_product: a bias is (heads, T, S) = {wanted}; got {bias!r}; make it of that size")
        return super().infer(*inputs)

    def on_zero(self) -> str:
        return "kept"

    @property
    def stochastic(self) -> bool:  # type: ignore[override]
        """Dropout draws random numbers."""
        return self.dropout > 0

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        length, sources, key, value = self.sizes(*inputs)
        return prod(inputs[0].shape[:-2]) * self.heads * length * sources * (key + value)

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {"kv_heads": self.kv_heads} if self.kv_heads not in (0, self.heads) else {}
        for name, default in (("causal", False), ("scale", 0.0), ("dropout", 0.0)):
            if getattr(self, name) != default:
                extra[name] = getattr(self, name)
        return module("nasengine.modules.dot_product.DotProduct", self.heads, **extra)


@block("attention")
class Attention(Composite):
    """Multi-head attention (Vaswani et al., 2017, section 3.2.2).

    (T, F)[, (S, G)][, bias (heads, T, S)] → (T, features).
    One sequence attends to itself; of two, the first asks and the second answers (cross-attention).
    With ``places``, where each sequence is comes after them: (T, F), (T, F), or (T, F), (S, G), (T, F), (S, G).

    Args:
        heads: number of heads; 0 means F / head_features.
        kv_heads: heads of keys and values; 0 means as many, 1 is multi-query attention.
        head_features: size of a head's query, key and value; 0 means F / heads.
        features: of the output; 0 keeps F.
        bias, key_bias, out_bias: learned constants of the query and value maps, of the key map, of the output map.
        core: what mixes the positions.
        positions: applied to queries and to keys, as :class:`Rotary`.
        position_bias: makes the bias from the inputs, as :class:`Alibi`; not with a bias given as input.
        head_norm: normalises queries and keys, each over all features of its map (Dehghani et al., 2023).
        value_features: size of a head's value; 0 means as large as its query and key.
        places: inputs that are added to what queries and keys are made of, not values (Carion et al., 2020, fig. 10).
    """

    heads: int = 0
    kv_heads: int = 0
    head_features: int = 0
    features: int = 0
    bias: bool = True
    key_bias: bool | None = None
    out_bias: bool = True
    core: Block = DotProduct()
    positions: Block = Identity()
    position_bias: Block = Identity()
    head_norm: Block = Identity()
    value_features: int = 0
    places: bool = False

    def validate(self) -> None:
        if self.value_features < 0:
            raise SpaceError(f"attention.value_features: at least 1, or 0 for head_features; got {self.value_features}")
        if min(self.heads, self.kv_heads, self.head_features) < 0 or not (self.heads or self.head_features):
            raise SpaceError(
                "attention: give heads, head_features or both; kv_heads >= 0, where 0 means as many as heads; got "
                f"heads={self.heads}, head_features={self.head_features}, kv_heads={self.kv_heads}"
            )

    def split(self, x: TensorType) -> tuple[int, int, int]:
        """(heads, heads of keys and values, features of a head) for queries of a type.

        Raises:
            ShapeError: they do not divide.
        """
        heads = self.heads or x.channels // self.head_features
        kv_heads = self.kv_heads or heads
        if heads < 1 or (not (self.heads and self.head_features) and x.channels % (self.heads or self.head_features)):
            raise ShapeError(
                f"attention.heads: they divide the features; got {self.heads or self.head_features} "
                f"{'heads' if self.heads else 'features a head'} for {x!r}; change one of them"
            )
        if heads % kv_heads:
            raise ShapeError(f"attention.kv_heads: they divide the heads; got {kv_heads} for {heads} heads")
        return heads, kv_heads, self.head_features or x.channels // heads

    def wire(self, net: Wiring, x: Value, *more: Value) -> Value:
        bias = tuple(value for value in more if value.type.axes == "ATS")
        asks, answers, source = self._sources(net, x, [value for value in more if value not in bias])
        heads, kv_heads, each = self.split(x.type)
        key_bias = self.bias if self.key_bias is None else self.key_bias
        q = net(Linear(each * heads, self.bias), asks, name="query")
        k = net(Linear(each * kv_heads, key_bias), answers, name="key")
        v = net(Linear((self.value_features or each) * kv_heads, self.bias), source, name="value")
        q, k = (net(self.head_norm, y, name=f"{n}_norm") for y, n in ((q, "query"), (k, "key")))
        q = net(with_heads(self.positions, heads=heads), q, name="query_positions")
        k = net(with_heads(self.positions, heads=kv_heads), k, name="key_positions")
        if not isinstance(self.position_bias, Identity):
            bias = (net(with_heads(self.position_bias, heads=heads), x, source, name="position_bias"),)
        core = with_heads(self.core, heads=heads, kv_heads=kv_heads)
        y = net(core, q, k, v, *bias, name="core")
        made: Value = net(Linear(self.features or x.channels, self.out_bias), y, name="out")
        return made

    def _sources(self, net: Wiring, x: Value, more: list[Value]) -> tuple[Value, Value, Value]:
        """What queries, keys and values are made of."""
        if not self.places:
            source = more[0] if more else x
            return x, source, source
        if len(more) not in (1, 3):
            raise ShapeError(
                f"attention.places: one or two sequences, then where each is; got {1 + len(more)} inputs; "
                "give (x, place) or (x, source, place, place of source)"
            )
        asks: Value = net(Add(), x, more[len(more) // 2], name="query_place")
        if len(more) == 1:
            return asks, asks, x
        return asks, net(Add(), more[0], more[2], name="key_place"), more[0]
