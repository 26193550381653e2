"""Published mobile networks, as decisions of the space `mobile`."""

from __future__ import annotations

from typing import NamedTuple

from nasengine.space import Label

SE, HARD, HS = "squeeze_block", "squeeze_hard", "hardswish"
PHI = (0.0, 0.49, 1.07, 2.09, 3.78, 5.09, 6.14, 7.05)
"""φ of EfficientNet-B0 to B7."""


class Row(NamedTuple):
    """A stage of inverted residuals: its width, the expansion of each block, and what all blocks share."""

    channels: int
    expand: tuple[float, ...]
    kernel: int = 3
    attention: str = "none"
    activation: str = ""


Rows = tuple[Row | None, ...]

V2: Rows = (
    Row(16, (1,)),
    Row(24, (6,) * 2),
    Row(32, (6,) * 3),
    Row(64, (6,) * 4),
    Row(96, (6,) * 3),
    Row(160, (6,) * 3),
    Row(320, (6,)),
)
"""Sandler et al., 2018, table 2."""
MNASNET_B1: Rows = (
    Row(16, (1,)),
    Row(24, (3,) * 3),
    Row(40, (3,) * 3, 5),
    Row(80, (6,) * 3, 5),
    Row(96, (6,) * 2),
    Row(192, (6,) * 4, 5),
    Row(320, (6,)),
)
"""As the authors' code has it; the paper draws A1."""
MNASNET_A1: Rows = (
    Row(16, (1,)),
    Row(24, (6,) * 2),
    Row(40, (3,) * 3, 5, SE),
    Row(80, (6,) * 4),
    Row(112, (6,) * 2, 3, SE),
    Row(160, (6,) * 3, 5, SE),
    Row(320, (6,)),
)
"""Tan et al., 2019, figure 7."""
B0: Rows = (
    Row(16, (1,), 3, SE),
    Row(24, (6,) * 2, 3, SE),
    Row(40, (6,) * 2, 5, SE),
    Row(80, (6,) * 3, 3, SE),
    Row(112, (6,) * 3, 5, SE),
    Row(192, (6,) * 4, 5, SE),
    Row(320, (6,), 3, SE),
)
"""Tan and Le, 2019, table 1."""
V3_LARGE: Rows = (
    Row(16, (1,)),
    Row(24, (4, 3)),
    Row(40, (3, 3, 3), 5, HARD),
    Row(80, (6, 2.5, 2.3, 2.3), 3, "none", HS),
    Row(112, (6, 6), 3, HARD, HS),
    Row(160, (6, 6, 6), 5, HARD, HS),
    None,
)
"""Howard et al., 2019, table 1."""
V3_SMALL: Rows = (
    None,
    Row(16, (1,), 3, HARD),
    Row(24, (4.5, 3.67)),
    Row(40, (4, 6, 6), 5, HARD, HS),
    Row(48, (3, 3), 5, HARD, HS),
    Row(96, (6, 6, 6), 5, HARD, HS),
    None,
)
"""Howard et al., 2019, table 2."""
V1 = ((64, 1), (128, 2), (256, 2), (512, 1), (512, 5), (1024, 2))
"""Width and layers of each stage (Howard et al., 2017, table 1)."""


def inverted(rows: Rows, activation: str) -> dict[str, Label]:
    """Decisions of the stages; ``activation`` holds where a stage names none."""
    found: dict[str, Label] = {}
    for i, row in enumerate(rows, start=1):
        at = f"body.stage{i}"
        found[at] = "none" if row is None else "inverted"
        if row is not None:
            found |= {f"{at}.*.channels": row.channels, f"{at}.*.kernel": row.kernel}
            found |= {f"{at}.*.attention": row.attention, f"activation{i}": row.activation or activation}
            found |= {f"{at}.*.times": len(row.expand)}
            found |= {f"{at}.*.expand.{k}": expand for k, expand in enumerate(row.expand)}
    return found


def multiplied(width: float) -> dict[str, Label]:
    """Decisions of a width multiplier at 224 pixels."""
    return {"scaling": "multipliers", "multiplier": width, "resolution": 224}


def ends(
    activation: str, *, stem: int = 32, last: str = "fixed", channels: int = 1280, hidden: int = 0
) -> dict[str, Label]:
    """Decisions of the stem, the last convolution, the hidden layer and what the whole network shares."""
    found: dict[str, Label] = {"body.stem.channels": stem, "activation_stem": activation, "last": last}
    if last != "none":
        found |= {"last_channels": channels, "activation_last": activation}
    return {**found, **({"hidden": "linear", "hidden.*.features": hidden} if hidden else {"hidden": "none"})}


def v1(width: float) -> dict[str, Label]:
    """MobileNetV1, with the activation of the authors' code; the paper writes ReLU."""
    found: dict[str, Label] = {"body.stage7": "none"}
    for i, (channels, layers) in enumerate(V1, start=1):
        at = f"body.stage{i}"
        found |= {at: "separable", f"{at}.*.channels": channels, f"{at}.*.kernel": 3, f"{at}.*.depth": layers}
        found[f"activation{i}"] = "relu6"
    return {**found, **ends("relu6", last="none"), **multiplied(width)}


def v2(width: float) -> dict[str, Label]:
    """MobileNetV2; its last convolution is only ever made wider."""
    return {
        **inverted(V2, "relu6"),
        **ends("relu6", last="scaled" if width > 1 else "fixed"),
        **multiplied(width),
    }


def mnasnet(rows: Rows, width: float) -> dict[str, Label]:
    """MnasNet; its last convolution has 1,280 channels at any width."""
    return {**inverted(rows, "relu"), **ends("relu"), **multiplied(width)}


def v3(rows: Rows, channels: int, hidden: int, width: float) -> dict[str, Label]:
    """MobileNetV3."""
    last = ends("hardswish", stem=16, last="scaled", channels=channels, hidden=hidden)
    return {**inverted(rows, "relu"), **last, **multiplied(width)}


def efficientnet(phi: float) -> dict[str, Label]:
    """EfficientNet."""
    return {**inverted(B0, "silu"), **ends("silu", last="scaled"), "scaling": "compound_scaling", "phi": phi}


REFERENCES: dict[str, dict[str, Label]] = (
    {"mobilenet_v1": v1(1.0), "mobilenet_v2": v2(1.0)}
    | {f"mobilenet_v1_{round(100 * w):03}": v1(w) for w in (0.25, 0.5, 0.75)}
    | {f"mobilenet_v2_{round(100 * w):03}": v2(w) for w in (0.5, 0.75, 1.4)}
    | {f"mnasnet{w}".replace(".", "_"): mnasnet(MNASNET_B1, w) for w in (0.5, 0.75, 1.0, 1.3)}
    | {f"semnasnet_{round(100 * w):03}": mnasnet(MNASNET_A1, w) for w in (0.5, 0.75, 1.0, 1.4)}
    | {"mobilenet_v3_small": v3(V3_SMALL, 576, 1024, 1.0), "mobilenet_v3_large": v3(V3_LARGE, 960, 1280, 1.0)}
    | {"mobilenet_v3_small_075": v3(V3_SMALL, 576, 1024, 0.75)}
    | {"mobilenet_v3_large_075": v3(V3_LARGE, 960, 1280, 0.75)}
    | {f"efficientnet_b{i}": efficientnet(phi) for i, phi in enumerate(PHI)}
)
