"""Scaled dot-product attention over several heads."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DotProduct(nn.Module):
    """``softmax(q kᵀ scale + bias) v`` a head (Vaswani et al., 2017, eq. 1), by torch's fused kernels.

    Takes ``(B, T, F)``, ``(B, S, G)``, ``(B, S, H)`` and a bias that broadcasts to ``(B, heads, T, S)``. Keys and
    values may have fewer heads, each shared by ``heads / kv_heads`` queries (Ainslie et al., 2023, fig. 2).
    """

    def __init__(
        self, heads: int, kv_heads: int = 0, causal: bool = False, scale: float = 0.0, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.causal = heads, kv_heads or heads, causal
        self.scale, self.dropout = scale or None, dropout

    def forward(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None) -> Tensor:
        q = query.unflatten(-1, (self.heads, -1)).transpose(-3, -2)
        k, v = (x.unflatten(-1, (self.kv_heads, -1)).transpose(-3, -2) for x in (key, value))
        if self.kv_heads != self.heads:
            k, v = (x.repeat_interleave(self.heads // self.kv_heads, dim=-3) for x in (k, v))
        causal = self.causal
        if causal and bias is not None:
            future = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool, device=q.device).triu(1)
            bias, causal = bias.masked_fill(future, float("-inf")), False
        p = self.dropout if self.training else 0.0
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=p, is_causal=causal, scale=self.scale)
        return out.transpose(-3, -2).flatten(-2)

    def extra_repr(self) -> str:
        return f"heads={self.heads}, kv_heads={self.kv_heads}, causal={self.causal}"
