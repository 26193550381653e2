"""Networks of searched cells against plain torch, NAS-Bench-Macro's code and timm's FBNet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reference.cells import Darts, EnasMacro, EnasMicro
from reference.macro import CifarResNet, FBNetLayers, NasBench201, NasBenchMacro
from torch import nn

import search_spaces.darts as darts
import search_spaces.enas as enas
import search_spaces.fbnet as fbnet
import search_spaces.grammar as grammar
import search_spaces.nasbench_macro as macro
import search_spaces.nb201 as nb201
from nasengine import Graph, Space
from nasengine.space import Label
from peers import Peer, Twin, by_rules, in_order

Edges = list[tuple[str, int]]


def genotype(name: str) -> tuple[Edges, Edges]:
    """A published genotype, the two operations of each node in the order of their sources."""
    found = []
    for text in darts.GENOTYPES[name]:
        items = [(op, int(source)) for op, source in (item.split("~") for item in text.split())]
        pairs = zip(items[::2], items[1::2], strict=True)
        found.append([edge for pair in pairs for edge in sorted(pair, key=lambda edge: edge[1])])
    normal, reduction = found
    return normal, reduction


def enas_arcs() -> tuple[Edges, Edges]:
    """The published cells; their numbers are source and operation in turn."""
    names = ("sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3", "skip_connect")
    numbers = [[int(n) for n in text.split()] for text in enas.MICRO]
    normal, reduction = ([(names[op], s) for s, op in zip(row[::2], row[1::2], strict=True)] for row in numbers)
    return normal, reduction


def enas_layers() -> list[tuple[int, list[int]]]:
    """The published whole network: window and skips of each layer."""
    rows = [[int(n) for n in line.split()] for line in enas.MACRO.splitlines()]
    return [((3, 3, 5, 5)[op], [i for i, wanted in enumerate(skips) if wanted]) for op, *skips in rows]


def cifar(name: str, **extra: bool) -> Callable[[], nn.Module]:
    return lambda: Darts(genotype(name), **extra)


def mobile(name: str, **extra: bool) -> Callable[[], nn.Module]:
    return lambda: Darts(genotype(name), cells=14, channels=48, imagenet=True, **extra)


def cell_edges(name: str) -> dict[str, str]:
    """A published cell of NAS-Bench-201 by edge: "01", "02", "12", "03", "13", "23"."""
    nodes = [node.strip("|").split("|") for node in nb201.CELLS[name].split("+")]
    return {f"{op[-1]}{j}": op[:-2] for j, node in enumerate(nodes, start=1) for op in node}


def timm_fbnet() -> nn.Module:
    import timm

    made: nn.Module = timm.create_model("fbnetc_100")
    return made


ARCHS = {"all_identity": "00000000", "all_mb3_k3": "11111111", "all_mb6_k5": "22222222", "best": "22212220"}
FBNET_SMALL = ["k3_e1", "k5_e1_g2", "k3_e3", "k3_e1_g2", "k5_e6", "skip"]

PEERS = [
    *[Peer("darts", name, cifar(name)) for name in ("darts_v1", "darts_v2", "gdas_v1", "p_darts", "pc_darts_cifar")],
    Peer("darts", "darts_v2_aux", cifar("darts_v2", aux=True)),
    *[
        Peer("darts", f"{name}_imagenet".replace("imagenet_imagenet", "imagenet"), mobile(name), "imagenet")
        for name in ("darts_v2", "p_darts", "pc_darts_imagenet")
    ],
    Peer("darts", "pc_darts_imagenet_aux", mobile("pc_darts_imagenet", aux=True), "imagenet"),
    Peer("enas", "enas_micro", lambda: EnasMicro(enas_arcs())),
    Peer("enas", "enas_macro", lambda: EnasMacro(enas_layers(), 96), "macro"),
    *[Peer("nb201", name, lambda name=name: NasBench201(cell_edges(name))) for name in nb201.CELLS],  # type: ignore[misc]
    *[Peer("nasbench_macro", name, lambda arch=arch: NasBenchMacro(arch)) for name, arch in ARCHS.items()],  # type: ignore[misc]
    Peer("fbnet", "fbnet_c", timm_fbnet),
    *[Peer("grammar", f"resnet{6 * n + 2}", lambda n=n: CifarResNet(n)) for n in (1, 2, 3, 5, 7, 9)],  # type: ignore[misc]
    *[Peer("grammar", f"plain{6 * n + 2}", lambda n=n: CifarResNet(n, plain=True)) for n in (1, 2, 3)],  # type: ignore[misc]
]


def member(space: Space, decisions: Mapping[str, Label]) -> Callable[[], Graph]:
    return lambda: space.select(decisions).graph()


def published(space: Space, name: str) -> Callable[[], Graph]:
    return lambda: space.decode(space.references[name]).graph()


MACRO_RULES = (
    (r"^layers\.(\d+)\.0\.", r"layer\1.enter.body."),
    (r"^layers\.(\d+)\.1\.", r"layer\1.window.body."),
    (r"^joins\.(\d+)\.", r"joins.\1.project.body."),
    (r"\.body\.1\.", ".body.conv."),
    (r"\.body\.2\.", ".body.norm."),
    (r"^stem\.0", "stem.conv"),
    (r"^stem\.1", "stem.norm"),
    (r"^halves\.0\.", "halves.7."),
    (r"^halves\.1\.", "halves.15."),
    (r"^classify", "head.classify"),
)


def small_darts(name: str, **extra: Any) -> dict[str, Label]:
    return {**darts.decisions(darts.GENOTYPES[name]), "cells": 5, "channels": 8, "drop_path": 0.2, **extra}


TWINS = [
    *[
        Twin(
            f"{name}, 5 cells of 8 channels",
            member(darts.small, small_darts(name)),
            lambda name=name: Darts(genotype(name), cells=5, channels=8),  # type: ignore[misc]
            in_order,
        )
        for name in ("darts_v2", "gdas_v1", "pc_darts_cifar")
    ],
    Twin("darts_v2_aux", published(darts.space, "darts_v2_aux"), cifar("darts_v2", aux=True), in_order),
    Twin("pc_darts_imagenet", published(darts.imagenet, "pc_darts_imagenet"), mobile("pc_darts_imagenet"), in_order),
    Twin("enas_micro", published(enas.space, "enas_micro"), lambda: EnasMicro(enas_arcs()), in_order),
    Twin(
        "enas_macro, 36 channels",
        member(enas.macro, {**enas.macro_decisions(enas.MACRO), "channels": 36}),
        lambda: EnasMacro(enas_layers(), 36),
        by_rules(*MACRO_RULES),
    ),
    *[
        Twin(f"nb201 {name}", published(nb201.space, name), lambda name=name: NasBench201(cell_edges(name)), in_order)  # type: ignore[misc]
        for name in ("resnet", "best_cifar10")
    ],
    Twin("nasbench_macro best", published(macro.space, "best"), lambda: NasBenchMacro(ARCHS["best"]), in_order),
    Twin("fbnet_c", published(fbnet.space, "fbnet_c"), timm_fbnet, in_order),
    Twin(
        "fbnet with groups",
        member(
            fbnet.small,
            {**{f"layer{i}": op for i, op in enumerate(FBNET_SMALL)}, "resolution": 16, "last_channels": 32},
        ),
        lambda: FBNetLayers(
            [(3, 1, 1, 8, 1), (5, 1, 2, 8, 1), (3, 3, 1, 12, 2), (3, 1, 2, 12, 1), (5, 6, 1, 16, 2)], last=32
        ),
        in_order,
    ),
    Twin("grammar resnet20", published(grammar.space, "resnet20"), lambda: CifarResNet(3), in_order),
    Twin("grammar plain14", published(grammar.space, "plain14"), lambda: CifarResNet(2, plain=True), in_order),
]
