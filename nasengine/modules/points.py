"""Sampling and grouping of points in space."""

import torch
from torch import Tensor, nn


class FarthestPoints(nn.Module):
    """Points far from each other: the first, then always the one farthest from those picked (Qi et al., 2017b, 3.2).

    ``(B, D, T)`` → ``(B, D, count)``.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, x: Tensor) -> Tensor:
        picked = [x[:, :, :1]]
        nearest = torch.full_like(x[:, 0], float("inf"))
        for _ in range(self.count - 1):
            nearest = torch.minimum(nearest, (x - picked[-1]).square().sum(1))
            far = nearest.argmax(1).reshape(-1, 1, 1).expand(-1, x.shape[1], -1)
            picked.append(x.gather(2, far))
        return torch.cat(picked, 2)

    def margin(self, x: Tensor) -> Tensor:
        """The least difference between the squared distances of the point picked and of the next best."""
        distance = (x.unsqueeze(2) - self.forward(x)[:, :, : max(1, self.count - 1)].unsqueeze(3)).square().sum(1)
        best = distance.cummin(1)[0].topk(2, dim=2)[0]
        return (best[..., 0] - best[..., 1]).min()

    def extra_repr(self) -> str:
        return f"{self.count}"


class BallGroup(nn.Module):
    """The first ``neighbours`` points within a radius of each centre, seen from it (Qi et al., 2017b, 3.2).

    Points ``(B, D, T)``, centres ``(B, D, S)`` and, if given, features of the points ``(B, C, T)`` →
    ``(B, D + C, S, neighbours)``. Where there are fewer, the first comes again.
    """

    def __init__(self, radius: float, neighbours: int) -> None:
        super().__init__()
        self.radius, self.neighbours = radius, neighbours

    def distance(self, points: Tensor, centres: Tensor) -> Tensor:
        """Squared, ``(B, S, T)``."""
        return (points.unsqueeze(2) - centres.unsqueeze(3)).square().sum(1)

    def forward(self, points: Tensor, centres: Tensor, features: Tensor | None = None) -> Tensor:
        most = points.shape[2]
        place = torch.arange(most, device=points.device)
        inside = self.distance(points, centres) <= self.radius**2
        chosen = torch.where(inside, place, most).topk(self.neighbours, dim=-1, largest=False, sorted=True)[0]
        chosen = torch.where(chosen == most, chosen[..., :1], chosen).clamp(max=most - 1)
        joined = points if features is None else torch.cat((points, features), 1)
        where = chosen.flatten(1).unsqueeze(1).expand(-1, joined.shape[1], -1)
        found = joined.gather(2, where).unflatten(2, (-1, self.neighbours))
        near = found[:, : points.shape[1]] - centres.unsqueeze(-1)
        return near if features is None else torch.cat((near, found[:, points.shape[1] :]), 1)

    def margin(self, points: Tensor, centres: Tensor, features: Tensor | None = None) -> Tensor:
        """The least difference between a squared distance and the squared radius."""
        return (self.distance(points, centres) - self.radius**2).abs().min()

    def extra_repr(self) -> str:
        return f"radius={self.radius}, neighbours={self.neighbours}"
