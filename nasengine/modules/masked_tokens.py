"""Hiding tokens of a sequence and putting them back."""

import torch
from torch import Tensor, nn


class KeepTokens(nn.Module):
    """Keeps the tokens of ``(B, T, F)`` whose noise ``(B, T - always)`` is lowest, the first ``always`` ones too.

    Gives them as ``(B, always + kept, F)``, the place of each token among them ``(B, T - always)``, and the mask, 1
    where a token is hidden (He et al., 2022, section 3, "simple implementation").
    """

    def __init__(self, kept: int, always: int = 0) -> None:
        super().__init__()
        self.kept, self.always = kept, always

    def forward(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        first, rest = x[:, : self.always], x[:, self.always :]
        order = noise.argsort(1)
        place = order.argsort(1)
        chosen = order[:, : self.kept].unsqueeze(-1).expand(-1, -1, x.shape[-1])
        hidden = (place >= self.kept).to(x.dtype)
        return torch.cat((first, rest.gather(1, chosen)), 1), place, hidden

    def margin(self, x: Tensor, noise: Tensor) -> Tensor:
        """Least distance of two tokens' noise: nearer ones could change places."""
        return noise.sort(1).values.diff(dim=1).min()


class RestoreTokens(nn.Module):
    """Puts kept tokens back in their places; a learned token stands where one was hidden."""

    def __init__(self, features: int, always: int = 0) -> None:
        super().__init__()
        self.always = always
        self.weight = nn.Parameter(torch.empty(features))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor, place: Tensor) -> Tensor:
        first, rest = x[:, : self.always], x[:, self.always :]
        missing = place.shape[1] - rest.shape[1]
        every = torch.cat((rest, self.weight.expand(x.shape[0], missing, -1)), 1)
        back = every.gather(1, place.unsqueeze(-1).expand(-1, -1, x.shape[-1]))
        return torch.cat((first, back), 1)
