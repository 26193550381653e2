"""A decision between 0 and 1 that can be learned."""

import torch
from torch import Tensor, nn


class Step(nn.Module):
    """1 where the input is above 0, else 0; in training, gradients are those of the sigmoid (Bengio et al., 2013)."""

    def forward(self, x: Tensor) -> Tensor:
        hard = (x > 0).to(x.dtype)
        if not self.training:
            return hard
        soft = torch.sigmoid(x)
        return hard + soft - soft.detach()

    def margin(self, x: Tensor) -> Tensor:
        """Least distance to the threshold."""
        return x.abs().min()
