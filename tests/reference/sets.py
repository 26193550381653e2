"""DeepSets and PointNet++ written from the papers' equations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Equivariant(nn.Module):
    """x Λ + b - pool(x) Γ over a set ``(B, T, F)`` (Zaheer et al., 2017, supplement)."""

    def __init__(self, features: int, out: int, mean: bool, shared: bool) -> None:
        super().__init__()
        self.mean = mean
        self.element = nn.Linear(features, out)
        self.context = None if shared else nn.Linear(features, out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        pooled = x.mean(1, keepdim=True) if self.mean else x.max(1, keepdim=True)[0]
        if self.context is None:
            out: Tensor = self.element(x - pooled)
            return out
        out = self.element(x) - self.context(pooled)
        return out


class DeepSets(nn.Module):
    """The classifier of point clouds (section 4.1.3): three equivariant layers, a maximum, two maps."""

    def __init__(self, width: int, classes: int = 40, mean: bool = False, shared: bool = False) -> None:
        super().__init__()
        self.elements = nn.ModuleList(Equivariant(3 if k == 0 else width, width, mean, shared) for k in range(3))
        self.whole = nn.Linear(width, width)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.elements:
            x = layer(x).tanh()
        out: Tensor = self.head(self.whole(x.max(1)[0]).tanh())
        return out


class DigitSum(nn.Module):
    """ρ(Σ φ(x)) over digits (theorem 2, section 4.2.1)."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, features)
        self.element = nn.Linear(features, width)
        self.head = nn.Linear(width, 1)

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.head(self.element(self.embed(ids)).tanh().sum(1))
        return out


def maps(given: int, widths: Sequence[int]) -> nn.Sequential:
    """Linear maps with norm and ReLU that all points share; on ``(..., F)`` laid flat."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(given, width), nn.BatchNorm1d(width), nn.ReLU()]
        given = width
    return nn.Sequential(*layers)


def farthest(points: Tensor, count: int) -> list[int]:
    """Ids of points of ``(T, 3)``, the first and then always the one farthest from all picked."""
    picked = [0]
    while len(picked) < count:
        nearest = [min(float((p - points[k]).square().sum()) for k in picked) for p in points]
        picked.append(max(range(len(points)), key=lambda i: nearest[i]))
    return picked


def around(points: Tensor, centre: Tensor, radius: float, neighbours: int) -> list[int]:
    """The first ids within the radius; the very first again where there are too few."""
    inside = [i for i, p in enumerate(points) if float((p - centre).square().sum()) <= radius**2][:neighbours]
    return inside + inside[:1] * (neighbours - len(inside))


class PointNet2(nn.Module):
    """Classification network (Qi et al., 2017b, fig. 2 and appendix B.1).

    Args:
        stages: for each stage the points, and for each of its groups the radius, neighbours and widths.
        last: widths before the last pool.
        head: widths of the classifier.
    """

    def __init__(
        self, stages: Sequence[tuple[int, Sequence[tuple[float, int, Sequence[int]]]]], last: Sequence[int],
        head: Sequence[int], classes: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.sizes = stages
        self.stages, given = nn.ModuleList(), 0
        for _, groups in stages:
            self.stages.append(nn.ModuleList(maps(3 + given, widths) for _, _, widths in groups))
            given = sum(widths[-1] for _, _, widths in groups)
        self.last = maps(3 + given, last)
        self.hidden = maps(last[-1], head)
        self.head = nn.Linear(head[-1] if head else last[-1], classes)

    def forward(self, clouds: Tensor) -> Tensor:
        whole = torch.stack([self.cloud(cloud.T) for cloud in clouds])
        out: Tensor = self.head(self.hidden(whole))
        return out

    def cloud(self, points: Tensor) -> Tensor:
        """The vector of one cloud ``(T, 3)``."""
        features = points[:, :0]
        for (count, groups), nets in zip(self.sizes, self.stages, strict=True):
            assert isinstance(nets, nn.ModuleList)
            centres = points[farthest(points, count)]
            made = []
            for (radius, neighbours, _), net in zip(groups, nets, strict=True):
                rows = []
                for centre in centres:
                    ids = around(points, centre, radius, neighbours)
                    rows.append(net(torch.cat((points[ids] - centre, features[ids]), 1)).max(0)[0])
                made.append(torch.stack(rows))
            points, features = centres, torch.cat(made, 1)
        out: Tensor = self.last(torch.cat((points, features), 1)).max(0)[0]
        return out
