"""Mobile networks against torchvision and timm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from peers import Peer, Twin, in_order
from peers.residual import member, timm, torchvision
from search_spaces import mobile, proxyless


def narrow_v1(width: float) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        from timm.models.efficientnet import _gen_mobilenet_v1

        found: nn.Module = _gen_mobilenet_v1("mobilenetv1_100", width)
        return found

    return make


def same_eps(make: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """Their network with the eps of the authors' code, which the ports to torch do not all keep."""

    def made() -> nn.Module:
        found = make()
        for module in found.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 1e-3
        return found

    return made


TORCHVISION: dict[str, tuple[str, dict[str, Any]]] = {
    "mobilenet_v2": ("mobilenet_v2", {}),
    **{f"mobilenet_v2_{round(100 * w):03}": ("mobilenet_v2", {"width_mult": w}) for w in (0.5, 0.75, 1.4)},
    **{name: (name, {}) for name in ("mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3")},
    **{name: (name, {}) for name in ("mobilenet_v3_small", "mobilenet_v3_large")},
    **{f"efficientnet_b{i}": (f"efficientnet_b{i}", {}) for i in range(8)},
}
TIMM = {
    "mobilenet_v1": "mobilenetv1_100",
    "mobilenet_v3_large_075": "mobilenetv3_large_075",
    "mobilenet_v3_small_075": "mobilenetv3_small_075",
    **{f"semnasnet_{w}": f"semnasnet_{w}" for w in ("050", "075", "100", "140")},
}

PEERS = [
    *[Peer("mobile", name, torchvision(theirs, **extra)) for name, (theirs, extra) in TORCHVISION.items()],
    *[Peer("mobile", name, timm(theirs)) for name, theirs in TIMM.items()],
    *[Peer("mobile", f"mobilenet_v1_{round(100 * w):03}", narrow_v1(w)) for w in (0.25, 0.5, 0.75)],
    Peer("proxyless", "efficientnet_lite0", timm("efficientnet_lite0")),
]

TWINS = [
    *[
        Twin(name, member(mobile.space, name, **changed), same_eps(make), in_order)
        for name, changed, make in (
            ("mobilenet_v1_025", {}, narrow_v1(0.25)),
            ("mobilenet_v2", {}, torchvision("mobilenet_v2")),
            ("mobilenet_v2_140", {"resolution": 160}, torchvision("mobilenet_v2", width_mult=1.4)),
            ("mnasnet1_0", {"resolution": 160}, torchvision("mnasnet1_0")),
            ("semnasnet_100", {"resolution": 160}, timm("semnasnet_100")),
            ("mobilenet_v3_small", {}, torchvision("mobilenet_v3_small")),
            ("mobilenet_v3_large", {}, torchvision("mobilenet_v3_large")),
            ("efficientnet_b0", {}, torchvision("efficientnet_b0")),
            ("efficientnet_b1", {}, torchvision("efficientnet_b1")),
        )
    ],
    Twin("efficientnet_lite0", member(proxyless.space, "efficientnet_lite0"), timm("efficientnet_lite0"), in_order),
]
