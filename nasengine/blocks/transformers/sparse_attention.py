"""Cores of attention whose cost grows linearly with the length."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from nasengine.blocks.transformers.attention import AttentionCore
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Call, block, module


@lru_cache(maxsize=4096)
def blocks_seen(length: int, block: int, window: int, tokens: int, stride: int, causal: bool) -> int:
    """The most blocks of keys that a block of queries sees."""
    count, most = -(-length // block), 0
    always = {*range(-(-tokens // block)), *(range(0, count, stride) if stride else ())}
    for i in range(count):
        first, last = max(0, i * block - window) // block, min(length - 1, i * block + block - 1 + window) // block
        seen = always | set(range(first, last + 1))
        most = max(most, sum(j <= i for j in seen) if causal else len(seen))
    return most


class SparseCore(AttentionCore):
    """Base of the patterns: (T, F) three times → (T, F)."""

    def pattern(self, length: int) -> tuple[int, int, int, int, bool]:
        """(block, window, tokens, stride, causal)."""
        raise NotImplementedError(f"{self.tag}: a pattern says what a position sees")

    def on_zero(self) -> str:
        return "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        length, sources, _, _ = self.sizes(*inputs)
        if length != sources or len(inputs) > 3 or len(inputs[0].shape) != 2 or not inputs[0].batched:
            raise ShapeError(
                f"{self.tag}: one sequence attends to itself, without a bias; got {', '.join(map(repr, inputs))}; "
                "use DotProduct"
            )
        return super().infer(*inputs)

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        length, _, key, value = self.sizes(*inputs)
        size, window, tokens, stride, causal = self.pattern(length)
        seen = blocks_seen(length, size, window, tokens, stride, causal)
        pairs = -(-length // size) * size * seen * size + tokens * length
        return self.heads * pairs * (key + value)

    def call(self, *inputs: TensorType) -> Call:
        length = inputs[0].shape[0]
        size, window, tokens, stride, causal = self.pattern(length)
        given = {"tokens": tokens, "stride": stride, "causal": causal}
        extra: dict[str, Any] = {name: value for name, value in given.items() if value}
        if self.kv_heads not in (0, self.heads):
            extra["kv_heads"] = self.kv_heads
        target = "nasengine.modules.sparse_attention.SparseDotProduct"
        seen = blocks_seen(length, size, window, tokens, stride, causal)
        return module(target, self.heads, length, size, seen, window, **extra)


@block("sliding_window")
class SlidingWindow(SparseCore):
    """A position sees those at most ``window`` away (Beltagy et al., 2020, section 3.1). (T, F) three times → (T, F).

    Args:
        window: how far a position sees, to either side.
        causal: only backwards (Mistral; Jiang et al., 2023).
        heads, kv_heads: 0 takes those of the attention that holds it.
    """

    window: int
    causal: bool = False
    heads: int = 0
    kv_heads: int = 0

    def validate(self) -> None:
        if self.window < 1:
            raise SpaceError(f"sliding_window.window: at least 1; got {self.window}")

    def pattern(self, length: int) -> tuple[int, int, int, int, bool]:
        return min(self.window, length), self.window, 0, 0, self.causal


@block("global_window")
class GlobalWindow(SparseCore):
    """A sliding window, and a few first positions that see and are seen by all (Longformer).

    Beltagy et al., 2020, fig. 2d. (T, F) three times → (T, F). The global positions share the maps of the others.

    Args:
        window: how far a position sees, to either side.
        tokens: how many first positions are global.
        heads, kv_heads: 0 takes those of the attention that holds it.
    """

    window: int
    tokens: int = 1
    heads: int = 0
    kv_heads: int = 0

    def validate(self) -> None:
        if self.window < 1 or self.tokens < 1:
            raise SpaceError(f"global_window: window and tokens >= 1; got {self.window} and {self.tokens}")

    def infer(self, *inputs: TensorType) -> TensorType:
        made = super().infer(*inputs)
        if self.tokens > made.shape[0]:
            raise ShapeError(f"global_window.tokens: no more than positions; got {self.tokens} for {inputs[0]!r}")
        return made

    def pattern(self, length: int) -> tuple[int, int, int, int, bool]:
        return min(self.window, length), self.window, self.tokens, 0, False


@block("block_sparse")
class BlockSparse(SparseCore):
    """A position sees its own block and every ``stride``-th (Child et al., 2019, section 4.3, by blocks).

    (T, F) three times → (T, F).

    Args:
        block: positions of a block.
        stride: from one block that all see to the next.
        causal: only backwards.
        heads, kv_heads: 0 takes those of the attention that holds it.
    """

    block: int = 64
    stride: int = 4
    causal: bool = False
    heads: int = 0
    kv_heads: int = 0

    def validate(self) -> None:
        if self.block < 1 or self.stride < 1:
            raise SpaceError(f"block_sparse: block and stride >= 1; got {self.block} and {self.stride}")

    def pattern(self, length: int) -> tuple[int, int, int, int, bool]:
        return min(self.block, length), 0, 0, self.stride, self.causal


@block("linear_attention")
class LinearAttention(AttentionCore):
    """``φ(q) Σ φ(k) v`` over its sum, φ = elu + 1 (Katharopoulos et al., 2020, eq. 5 and 8).

    (T, F), (S, G), (S, H) → (T, F'). MACs grow with T + S.

    Args:
        causal: a position sees itself and those before it; computed by chunks.
        chunk: positions of a chunk.
        heads, kv_heads: 0 takes those of the attention that holds it.
    """

    causal: bool = False
    chunk: int = 32
    heads: int = 0
    kv_heads: int = 0

    def validate(self) -> None:
        if self.chunk < 1:
            raise SpaceError(f"linear_attention.chunk: at least 1; got {self.chunk}")

    def on_zero(self) -> str:
        return "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        length, sources, _, _ = self.sizes(*inputs)
        if (self.causal and length != sources) or len(inputs) > 3 or len(inputs[0].shape) != 2 or not inputs[0].batched:
            raise ShapeError(
                f"linear_attention: sequences without a bias, one sequence where causal; got "
                f"{', '.join(map(repr, inputs))}; use DotProduct"
            )
        return super().infer(*inputs)

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        length, sources, key, value = self.sizes(*inputs)
        if not self.causal:
            return self.heads * (length + sources) * key * value
        padded = -(-length // self.chunk) * self.chunk
        return self.heads * padded * (2 * key * value + self.chunk * (key + value))

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {"causal": True} if self.causal else {}
        if self.causal and self.chunk != 32:
            extra["chunk"] = self.chunk
        if self.kv_heads not in (0, self.heads):
            extra["kv_heads"] = self.kv_heads
        return module("nasengine.modules.sparse_attention.LinearAttention", self.heads, **extra)
