"""Layer normalisation with the channels first."""

from torch import Tensor, nn
from torch.nn import functional as F


class LayerNormChannels(nn.LayerNorm):
    """The channels of each position of ``(B, C, *S)`` (Ba et al., 2016, as ConvNeXt uses it)."""

    def forward(self, input: Tensor) -> Tensor:
        last = input.movedim(1, -1)
        return F.layer_norm(last, self.normalized_shape, self.weight, self.bias, self.eps).movedim(-1, 1)
