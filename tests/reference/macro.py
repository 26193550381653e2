"""Networks whose layers are chosen one by one, and cells of six edges, in plain torch after their papers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv_norm(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


class Added(nn.Module):
    """A body, its input added."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class NasBenchMacro(nn.Module):
    """Su et al. (2021), section 4.1: ``arch`` holds 0 (identity), 1 (MB3, window 3) or 2 (MB6, window 5) a layer."""

    def __init__(self, arch: str, classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = [*conv_norm(3, 32, 3), nn.ReLU()]
        channels = 32
        for i, digit in enumerate(arch):
            enters = i in (0, 2, 5)
            width = channels * 2 if enters else channels
            layers.append(self.layer(digit, channels, width, 2 if enters else 1))
            channels = width
        layers += [*conv_norm(channels, 1280, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        self.all = nn.Sequential(*layers, nn.Linear(1280, classes))

    def layer(self, digit: str, inputs: int, outputs: int, stride: int) -> nn.Module:
        same = inputs == outputs and stride == 1
        if digit == "0":
            return nn.Identity() if same else nn.Sequential(*conv_norm(inputs, outputs, 1, stride))
        hidden, kernel = (3 * inputs, 3) if digit == "1" else (6 * inputs, 5)
        body = nn.Sequential(
            *conv_norm(inputs, hidden, 1), nn.ReLU(),
            *conv_norm(hidden, hidden, kernel, stride, hidden), nn.ReLU(),
            *conv_norm(hidden, outputs, 1),
        )  # fmt: skip
        return Added(body) if same else body

    def forward(self, x: Tensor) -> Tensor:
        return self.all(x)


class Shuffle(nn.Module):
    """Two groups of channels dealt out in turn."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack(x.chunk(2, 1), 2).flatten(1, 2)


class FBNetLayers(nn.Module):
    """Wu et al. (2019), fig. 3, after a stem of 8 channels; a layer is (window, expansion, groups, outputs, stride)."""

    def __init__(self, layers: list[tuple[int, int, int, int, int]], last: int, classes: int = 10) -> None:
        super().__init__()
        made: list[nn.Module] = [*conv_norm(3, 8, 3), nn.ReLU()]
        channels = 8
        for kernel, expand, groups, outputs, stride in layers:
            hidden = channels * expand
            body = nn.Sequential(
                *conv_norm(channels, hidden, 1, groups=groups), nn.ReLU(), Shuffle() if groups == 2 else nn.Identity(),
                *conv_norm(hidden, hidden, kernel, stride, hidden), nn.ReLU(),
                *conv_norm(hidden, outputs, 1, groups=groups),
            )  # fmt: skip
            made.append(Added(body) if channels == outputs and stride == 1 else body)
            channels = outputs
        made += [*conv_norm(channels, last, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        self.all = nn.Sequential(*made, nn.Linear(last, classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.all(x)


class NasBench201Cell(nn.Module):
    """Dong and Yang (2020), fig. 1: ``edges`` maps "01" to the operation from node 0 to node 1, and so on."""

    def __init__(self, edges: dict[str, str], channels: int) -> None:
        super().__init__()
        self.edges = nn.ModuleDict({f"e{key}": self.edge(op, channels) for key, op in edges.items() if op != "none"})

    def edge(self, op: str, channels: int) -> nn.Module:
        if op == "skip_connect":
            return nn.Identity()
        kernel = int(op[-1])
        if op.startswith("avg_pool"):
            return nn.AvgPool2d(kernel, 1, kernel // 2)
        return nn.Sequential(nn.ReLU(), *conv_norm(channels, channels, kernel))

    def forward(self, x: Tensor) -> Tensor:
        nodes = [x]
        for j in range(1, 4):
            terms = [self.edges[f"e{i}{j}"](nodes[i]) for i in range(j) if f"e{i}{j}" in self.edges]
            nodes.append(sum(terms[1:], terms[0]) if terms else torch.zeros_like(x))
        return nodes[3]


class NasBench201(nn.Module):
    """The network around the cell: stages of five cells at 16, 32 and 64 channels."""

    def __init__(self, edges: dict[str, str], cells: int = 5, channels: int = 16, classes: int = 10) -> None:
        super().__init__()
        c = channels
        layers: list[nn.Module] = conv_norm(3, c, 3)
        for stage in range(3):
            if stage:
                layers.append(Halving(c, 2 * c))
                c *= 2
            layers += [NasBench201Cell(edges, c) for _ in range(cells)]
        layers += [nn.BatchNorm2d(c), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, classes)]
        self.all = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.all(x)


class Halving(nn.Module):
    """NAS-Bench-201's residual block between stages."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        relu = nn.ReLU()
        self.body = nn.Sequential(relu, *conv_norm(inputs, outputs, 3, 2), relu, *conv_norm(outputs, outputs, 3))
        self.project = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + self.project(F.avg_pool2d(x, 2))


class Basic(nn.Module):
    """He et al. (2016), fig. 2, with a projecting shortcut where the type changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*conv_norm(inputs, outputs, 3, stride), nn.ReLU(), *conv_norm(outputs, outputs, 3))
        self.short = nn.Sequential(*(conv_norm(inputs, outputs, 1, stride) if inputs != outputs else []))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.short(x))


class CifarResNet(nn.Module):
    """He et al. (2016), section 4.2: 6n + 2 layers, residual or plain."""

    def __init__(self, blocks: int, *, plain: bool = False, classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = [*conv_norm(3, 16, 3), nn.ReLU()]
        channels = 16
        for width in (16, 32, 64):
            for i in range(blocks):
                stride = 2 if width != 16 and i == 0 else 1
                if plain:
                    layers += [
                        *conv_norm(channels, width, 3, stride),
                        nn.ReLU(),
                        *conv_norm(width, width, 3),
                        nn.ReLU(),
                    ]
                else:
                    layers.append(Basic(channels, width, stride))
                channels = width
        self.all = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.all(x)
