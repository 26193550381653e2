"""Networks of searched cells in plain torch, after Liu et al. (2019), Pham et al. (2018) and their public code."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Edge = tuple[str, int]


def relu_conv_norm(inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(outputs))


def separable(channels: int, kernel: int, stride: int, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel - 1) // 2
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
    )


class Halve(nn.Module):
    """Two strided 1 x 1 convolutions, the second on the image moved by one pixel."""

    def __init__(self, inputs: int, outputs: int, *, act: bool = True) -> None:
        super().__init__()
        self.act = act
        self.first = nn.Conv2d(inputs, outputs // 2, 1, 2, bias=False)
        self.second = nn.Conv2d(inputs, outputs // 2, 1, 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(x) if self.act else x
        return self.norm(torch.cat([self.first(x), self.second(x[:, :, 1:, 1:])], 1))


def operation(name: str, channels: int, stride: int, *, act: bool = True) -> nn.Module:
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else Halve(channels, channels, act=act)
    kernel = int(name[-1])
    match name.rpartition("_")[0]:
        case "max_pool":
            return nn.MaxPool2d(kernel, stride, kernel // 2)
        case "avg_pool":
            return nn.AvgPool2d(kernel, stride, kernel // 2, count_include_pad=False)
        case "sep_conv":
            return nn.Sequential(separable(channels, kernel, stride), separable(channels, kernel, 1))
        case "dil_conv":
            return separable(channels, kernel, stride, 2)
    raise AssertionError(name)


class Nodes(nn.Module):
    """The graph of a cell: ``edges`` are two (operation, source) a node; ``loose``: only unused values come out."""

    def __init__(self, edges: list[Edge], channels: int, stride: int, *, loose: bool = False) -> None:
        super().__init__()
        self.sources = [source for _, source in edges]
        self.ops = nn.ModuleList(
            operation(name, channels, stride if source < 2 else 1, act=not loose) for name, source in edges
        )
        self.out = [i for i in range(2 + len(edges) // 2) if i not in self.sources] if loose else None
        unread = [i for i in self.out or [] if i < 2 and stride == 2]
        self.halve = nn.ModuleDict({str(i): Halve(channels, channels, act=False) for i in unread})

    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        values = [before, last]
        for k in range(0, len(self.ops), 2):
            a, b = (op(values[s]) for op, s in zip(self.ops[k : k + 2], self.sources[k : k + 2], strict=True))
            values.append(a + b)
        if self.out is None:
            return torch.cat(values[2:], 1)
        return torch.cat([self.halve[str(i)](values[i]) if str(i) in self.halve else values[i] for i in self.out], 1)


class DartsCell(nn.Module):
    def __init__(self, edges: list[Edge], inputs: tuple[int, int], channels: int, *, stride: int, larger: bool) -> None:
        super().__init__()
        self.before = Halve(inputs[0], channels) if larger else relu_conv_norm(inputs[0], channels)
        self.last = relu_conv_norm(inputs[1], channels)
        self.nodes = Nodes(edges, channels, stride)

    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        return self.nodes(self.before(before), self.last(last))


class Darts(nn.Module):
    """A DARTS network for CIFAR-10 (one convolution as stem) or ImageNet (three, each of stride 2)."""

    def __init__(
        self,
        genotype: tuple[list[Edge], list[Edge]],
        *,
        cells: int = 20,
        channels: int = 36,
        imagenet: bool = False,
        aux: bool = False,
    ) -> None:
        super().__init__()
        classes = 1000 if imagenet else 10
        c = channels
        if imagenet:
            self.stem0 = nn.Sequential(
                nn.Conv2d(3, c // 2, 3, 2, 1, bias=False), nn.BatchNorm2d(c // 2), nn.ReLU(),
                nn.Conv2d(c // 2, c, 3, 2, 1, bias=False), nn.BatchNorm2d(c),
            )  # fmt: skip
            self.stem1 = relu_conv_norm(c, c, 3, 2)
        else:
            self.stem0 = nn.Sequential(nn.Conv2d(3, 3 * c, 3, 1, 1, bias=False), nn.BatchNorm2d(3 * c))
            self.stem1 = nn.Identity()
        widths = (c, c) if imagenet else (3 * c, 3 * c)
        made, larger = [], imagenet
        for i in range(cells):
            reduce = i in (cells // 3, 2 * cells // 3)
            c *= 2 if reduce else 1
            made.append(DartsCell(genotype[reduce], widths, c, stride=1 + reduce, larger=larger))
            widths, larger = (widths[1], 4 * c), reduce
            if i == 2 * cells // 3:
                self.at, at_channels = i, 4 * c
        self.cells = nn.ModuleList(made)
        self.aux = self.aux_head(at_channels, classes, imagenet) if aux else None
        self.classify = nn.Linear(widths[1], classes)

    def aux_head(self, channels: int, classes: int, imagenet: bool) -> nn.Sequential:
        return nn.Sequential(
            nn.ReLU(), nn.AvgPool2d(5, 2 if imagenet else 3, count_include_pad=False),
            nn.Conv2d(channels, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False), *([] if imagenet else [nn.BatchNorm2d(768)]), nn.ReLU(),
            nn.Flatten(), nn.Linear(768, classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        before = self.stem0(x)
        last = self.stem1(before)
        for i, cell in enumerate(self.cells):
            before, last = last, cell(before, last)
            if self.aux is not None and i == self.at:
                aux = self.aux(last)
        out = self.classify(last.mean((2, 3)))
        return out if self.aux is None else (out, aux)


class EnasCell(nn.Module):
    """Inputs are brought to the cell's size and channels where they differ; the second is then convolved once more."""

    def __init__(self, edges: list[Edge], inputs: tuple[int, int], channels: int, *, stride: int, larger: bool) -> None:
        super().__init__()
        fits = nn.Identity() if inputs[0] == channels else relu_conv_norm(inputs[0], channels)
        self.before = Halve(inputs[0], channels) if larger else fits
        self.calibrate = nn.Identity() if inputs[1] == channels else relu_conv_norm(inputs[1], channels)
        self.base = relu_conv_norm(channels, channels)
        self.nodes = Nodes(edges, channels, stride, loose=True)

    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        return self.nodes(self.before(before), self.base(self.calibrate(last)))


class EnasMicro(nn.Module):
    """ENAS' micro search space (Pham et al., 2018, section 2.4)."""

    def __init__(self, arcs: tuple[list[Edge], list[Edge]], *, cells: int = 17, channels: int = 36) -> None:
        super().__init__()
        c, larger = channels, False
        self.stem = nn.Sequential(nn.Conv2d(3, 3 * c, 3, 1, 1, bias=False), nn.BatchNorm2d(3 * c))
        widths = (3 * c, 3 * c)
        made = []
        for i in range(cells):
            reduce = i in (cells // 3, 2 * cells // 3)
            c *= 2 if reduce else 1
            cell = EnasCell(arcs[reduce], widths, c, stride=1 + reduce, larger=larger)
            made.append(cell)
            widths, larger = (widths[1], c * len(cell.nodes.out or [])), reduce
        self.cells = nn.ModuleList(made)
        self.classify = nn.Linear(widths[1], 10, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        before = last = self.stem(x)
        for cell in self.cells:
            before, last = last, cell(before, last)
        return self.classify(F.relu(last).mean((2, 3)))


class EnasMacro(nn.Module):
    """ENAS' macro search space (section 2.3): ``arc`` holds (window, indices of skips) a layer; 0 is the stem."""

    def __init__(self, arc: list[tuple[int, list[int]]], channels: int, classes: int = 10) -> None:
        super().__init__()
        third, c = len(arc) // 3, channels
        self.arc, self.pools = arc, (third - 1, 2 * third - 1)
        self.stem = nn.Sequential(nn.Conv2d(3, c, 3, 1, 1, bias=False), nn.BatchNorm2d(c))
        self.layers, self.joins, self.halves = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for i, (kernel, skips) in enumerate(arc):
            self.layers.append(nn.Sequential(relu_conv_norm(c, c), relu_conv_norm(c, c, kernel)))
            self.joins.append(relu_conv_norm(c * (1 + len(skips)), c) if i else nn.Identity())
            if i in self.pools:
                later = {s for _, others in arc[i + 1 :] for s in others}
                self.halves.append(
                    nn.ModuleDict(
                        {str(k): Halve(c, 2 * c, act=False) for k in range(i + 2) if k in later or k == i + 1}
                    )
                )
                c *= 2
        self.classify = nn.Linear(c, classes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        values: dict[int, Tensor] = {0: self.stem(x)}
        for i, (_, skips) in enumerate(self.arc):
            y = self.layers[i](values[i])
            values[i + 1] = self.joins[i](torch.cat([*(values[s] for s in skips), y], 1))
            if i in self.pools:
                halve = self.halves[self.pools.index(i)]
                values = {k: halve[str(k)](values[k]) for k in map(int, halve)}
        return self.classify(values[len(self.arc)].mean((2, 3)))
