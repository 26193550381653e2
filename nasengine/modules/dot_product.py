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
        if query.dim() == 2:  # ONNX knows the operation with one batch axis only
            q, k, v = q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0)
        elif query.dim() == 4:
            q, k, v = q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1)
        made = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=p, is_causal=causal, scale=self.scale)
        out: Tensor = made.transpose(1, 2).flatten(2)
        if query.dim() == 4:
            out = out.unflatten(0, (-1, query.shape[1]))
        return out.squeeze(0) if query.dim() == 2 else out

    def extra_repr(self) -> str:
        return f"heads={self.heads}, kv_heads={self.kv_heads}, causal={self.causal}"
