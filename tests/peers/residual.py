"""ResNet, ConvNeXt and their kin against torchvision, timm and plain torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from reference.residual import CifarPreActivated, CifarResNet, HighwayNet
from torch import nn

from nasengine import Graph, Space
from nasengine.space import Label
from peers import Peer, State, Twin, in_order
from search_spaces import convnext, resnet


def torchvision(name: str, **extra: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        from torchvision import models

        found: nn.Module = getattr(models, name)(weights=None, **extra)
        return found

    return make


def timm(name: str, **extra: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        from timm import create_model

        found: nn.Module = create_model(name, pretrained=False, **extra)
        return found

    return make


def member(space: Space, name: str, **changed: Label) -> Callable[[], Graph]:
    """A published member, with some decisions made otherwise."""
    return lambda: space.decode({**space.references[name], **changed}).graph()


VISION = (
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2"),
)
TIMM = (
    *("seresnet18", "seresnet34", "seresnet50", "seresnet152", "seresnext50_32x4d", "seresnext101_32x8d"),
    *("resnext101_32x4d", "resnet18d", "resnet34d", "resnet50d", "resnet101d", "resnet152d"),
    *("resnetv2_18", "resnetv2_34", "resnetv2_50", "resnetv2_101", "resnetv2_152", "resnetv2_18d", "resnetv2_50d"),
)
CONVNEXT = ("tiny", "small", "base", "large")
SMALLER = ("convnext_atto", "convnext_femto", "convnext_pico", "convnext_nano", "convnext_xlarge")
V2 = tuple(f"convnextv2_{size}" for size in ("atto", "femto", "pico", "nano", "tiny", "base", "large", "huge"))

PEERS = [
    *[Peer("resnet", name, torchvision(name)) for name in VISION],
    *[Peer("resnet", name, timm(name)) for name in TIMM],
    *[Peer("resnet", f"resnet{6 * n + 2}", lambda n=n: CifarResNet(n), "cifar") for n in (3, 5, 7, 9, 18)],  # type: ignore[misc]
    *[Peer("resnet", f"preresnet{9 * n + 2}", lambda n=n: CifarPreActivated(n), "cifar") for n in (18, 111)],  # type: ignore[misc]
    *[
        Peer("resnet", f"wide_resnet{6 * n + 4}_{k}", lambda n=n, k=k: CifarPreActivated(n, k), "cifar")  # type: ignore[misc]
        for n, k in ((2, 8), (4, 10), (6, 4))
    ],
    *[Peer("resnet", f"highway10_{w}", lambda w=w: HighwayNet(w), "highway") for w in (16, 32)],  # type: ignore[misc]
    *[Peer("convnext", f"convnext_{size}", torchvision(f"convnext_{size}")) for size in CONVNEXT],
    *[Peer("convnext", name, timm(name)) for name in (*SMALLER, *V2)],
]


def moved(*parts: str) -> Callable[[Mapping[str, torch.Size], State], State]:
    """In order, but that these parts of a block come after its others; and in our shapes."""

    def rename(ours: Mapping[str, torch.Size], theirs: State) -> State:
        made: State = {}
        held: State = {}
        inside = ""
        for name, tensor in theirs.items():
            if held and not name.startswith(inside):
                made, held = {**made, **held}, {}
            part = next((p for p in parts if f".{p}" in name), None)
            if part is None:
                made[name] = tensor
            else:
                inside = name[: name.index(f".{part}") + 1]
                held[name] = tensor
        kept = [t for name, t in {**made, **held}.items() if not name.endswith("num_batches_tracked")]
        shapes = [s for name, s in ours.items() if not name.endswith("num_batches_tracked")]
        return in_order(ours, {str(i): t.reshape(s) for i, (t, s) in enumerate(zip(kept, shapes, strict=True))})

    return rename


def gate_shifted(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """Our gates begin at a shift of -2 that is no parameter, theirs with a bias; branch before gate in both."""
    found = in_order(ours, theirs)
    return {name: t + 2.0 if name.endswith("score.bias") else t for name, t in found.items()}


def narrow_convnext() -> nn.Module:
    """torchvision's, at the widths and depths of ConvNeXt-Atto."""
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    rows = ((40, 80, 2), (80, 160, 2), (160, 320, 6), (320, None, 2))
    return ConvNeXt([CNBlockConfig(*row) for row in rows])


SMALL_IMAGE: dict[str, Label] = {"resolution": 160}

TWINS = [
    Twin("resnet18", member(resnet.space, "resnet18", **SMALL_IMAGE), torchvision("resnet18"), in_order),
    Twin(
        "resnext50_32x4d",
        member(resnet.space, "resnext50_32x4d", **SMALL_IMAGE),
        torchvision("resnext50_32x4d"),
        in_order,
    ),
    Twin("seresnet18", member(resnet.space, "seresnet18", **SMALL_IMAGE), timm("seresnet18"), in_order),
    Twin("resnet18d", member(resnet.space, "resnet18d", **SMALL_IMAGE), timm("resnet18d"), in_order),
    Twin("resnetv2_18", member(resnet.space, "resnetv2_18", **SMALL_IMAGE), timm("resnetv2_18"), moved("downsample")),
    Twin(
        "resnetv2_50d", member(resnet.space, "resnetv2_50d", **SMALL_IMAGE), timm("resnetv2_50d"), moved("downsample")
    ),
    Twin("resnet20, zero-padded", member(resnet.cifar, "resnet20"), lambda: CifarResNet(3), in_order),
    Twin(
        "preresnet, 2 blocks a stage",
        member(resnet.cifar, "preresnet164", depth1=2, depth2=2, depth3=2),
        lambda: CifarPreActivated(2),
        in_order,
    ),
    Twin(
        "wide_resnet16_8",
        member(resnet.cifar, "wide_resnet16_8"),
        lambda: CifarPreActivated(2, 8),
        in_order,
    ),
    Twin("highway10_32", member(resnet.highway, "highway10_32"), lambda: HighwayNet(32), gate_shifted),
    Twin("convnext", member(convnext.space, "convnext_atto", **SMALL_IMAGE), narrow_convnext, moved("layer_scale")),
    Twin("convnextv2_atto", member(convnext.space, "convnextv2_atto", **SMALL_IMAGE), timm("convnextv2_atto"), moved()),
]
