"""Attention whose cost grows with the length, not with its square: patterns of blocks, and linear attention."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def by_head(x: Tensor, heads: int, kv_heads: int) -> Tensor:
    """``(B, T, F)`` → ``(B, heads, T, D)``; heads of keys and values are repeated."""
    y: Tensor = x.unflatten(-1, (kv_heads, -1)).transpose(1, 2)
    return y if kv_heads == heads else y.repeat_interleave(heads // kv_heads, dim=1)


class SparseDotProduct(nn.Module):
    """Dot-product attention over some pairs of positions, computed block by block.

    A position sees those within ``window``, the first ``tokens`` positions, which see everything themselves, and, with
    a ``stride``, its own block and every ``stride``-th; where causal, none that comes later. Takes ``(B, T, F)`` three
    times, gives ``(B, T, F)``. No block of queries sees more than ``most`` blocks of keys.
    """

    def __init__(
        self,
        heads: int,
        length: int,
        block: int,
        most: int,
        window: int,
        tokens: int = 0,
        stride: int = 0,
        causal: bool = False,
        kv_heads: int = 0,
    ) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.block, self.tokens = heads, kv_heads or heads, block, tokens
        count = -(-length // block)
        self.pad = count * block - length
        place = torch.arange(count * block)
        apart = place.unsqueeze(1) - place
        seen = (apart.abs() <= window) | (place < tokens)
        if stride:
            own = place // block
            seen = seen | (own % stride == 0) | (own.unsqueeze(1) == own)
        if causal:
            seen = seen & (apart >= 0)
        seen = seen & (place < length)
        tiles = seen.unflatten(0, (count, block)).unflatten(2, (count, block)).transpose(1, 2)
        used = tiles.flatten(2).any(2)
        order = used.long().argsort(dim=1, descending=True, stable=True)[:, :most]
        held = tiles.gather(1, order[:, :, None, None].expand(-1, -1, block, block))
        mask = torch.where(held, 0.0, float("-inf")).transpose(1, 2).flatten(2)
        lost = (mask == float("-inf")).all(-1, keepdim=True)  # rows of padding see anything: their output is cut off
        mask = torch.where(lost, 0.0, mask)
        self.register_buffer("order", order.flatten(), persistent=False)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        order: Tensor = self.order  # type: ignore[assignment]
        mask: Tensor = self.mask  # type: ignore[assignment]
        q = by_head(query, self.heads, self.heads)
        k, v = (by_head(x, self.heads, self.kv_heads) for x in (key, value))
        blocks = [F.pad(x, (0, 0, 0, self.pad)).unflatten(2, (-1, self.block)) for x in (q, k, v)]
        count = blocks[0].shape[2]
        near = [x.index_select(2, order).unflatten(2, (count, -1)).flatten(3, 4) for x in blocks[1:]]
        mine, keys, values = (x.transpose(1, 2).flatten(1, 2) for x in (blocks[0], *near))
        bias = mask.to(q.dtype).repeat_interleave(self.heads, dim=0)
        out = F.scaled_dot_product_attention(mine, keys, values, attn_mask=bias)
        out = out.unflatten(1, (count, self.heads)).transpose(1, 2).flatten(2, 3)[:, :, : query.shape[1]]
        if self.tokens:
            every = F.scaled_dot_product_attention(q[:, :, : self.tokens], k, v)
            out = torch.cat((every, out[:, :, self.tokens :]), 2)
        return out.transpose(1, 2).flatten(2)


class LinearAttention(nn.Module):
    """``φ(q) Σ φ(k) v / φ(q) Σ φ(k)`` with φ = elu + 1 (Katharopoulos et al., 2020, eq. 5); causal by chunks (eq. 8).

    Takes ``(B, T, F)``, ``(B, S, G)``, ``(B, S, H)`` and gives ``(B, T, H')``.
    """

    def __init__(self, heads: int, causal: bool = False, chunk: int = 32, kv_heads: int = 0) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.causal, self.chunk = heads, kv_heads or heads, causal, chunk

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        q = F.elu(by_head(query, self.heads, self.heads)) + 1.0
        k = F.elu(by_head(key, self.heads, self.kv_heads)) + 1.0
        v = by_head(value, self.heads, self.kv_heads)
        if self.causal:
            return self.by_chunks(q, k, v).transpose(1, 2).flatten(2)
        total = (q * k.sum(2, keepdim=True)).sum(-1, keepdim=True)
        return (torch.matmul(q, torch.matmul(k.transpose(2, 3), v)) / total).transpose(1, 2).flatten(2)

    def by_chunks(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """What came before a chunk as one matrix, and inside a chunk pair by pair."""
        length = q.shape[2]
        pad = -length % self.chunk
        q, k, v = (F.pad(x, (0, 0, 0, pad)).unflatten(2, (-1, self.chunk)) for x in (q, k, v))
        made = torch.matmul(k.transpose(3, 4), v)
        before = made.cumsum(2) - made
        sums = k.sum(3, keepdim=True)
        earlier = sums.cumsum(2) - sums
        pairs = torch.matmul(q, k.transpose(3, 4)).tril()
        total = (q * earlier).sum(-1, keepdim=True) + pairs.sum(-1, keepdim=True)
        out = (torch.matmul(q, before) + torch.matmul(pairs, v)) / total.clamp(min=1e-6)
        return out.flatten(2, 3)[:, :, :length]
