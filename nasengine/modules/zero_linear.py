"""A linear map that begins at zero."""

from torch import nn


class ZeroLinear(nn.Linear):
    """``y = x Wᵀ + b`` with W = 0 and b = 0 before training."""

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
