"""Conditional networks against plain torch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from reference.conditional import ConditionalResNet

from peers import Peer, State, Twin, by_rules
from peers.transformer import member
from search_spaces import conditional

NAMES = {
    "resnet20": ("plain", 2, False),
    "branchy_resnet20": ("plain", 2, True),
    "skip_resnet38": ("skippable", 5, False),
    "highway_resnet20": ("highway", 2, False),
    "rezero_resnet20": ("gated", 2, False),
}

PEERS = [Peer("conditional", name, lambda sizes=sizes: ConditionalResNet(*sizes)) for name, sizes in NAMES.items()]


def rename(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """Ours puts the stem into the first stage; the gate's map is a 1 x 1 convolution."""
    made = by_rules(
        (r"^stages\.0\.", "stages.0.body."), (r"^stem\.0", "stages.0.stem.conv"), (r"^stem\.1", "stages.0.stem.norm"),
        (r"^(stages\.(?:0\.body|1|2))\.0\.", r"\1.first."),
        (r"^(stages\.(?:0\.body|1|2))\.(\d)\.", lambda m: f"{m[1]}.more.blocks.{int(m[2]) - 1}."),
        (r"\.project\.0", ".shortcut.conv"), (r"\.project\.1", ".shortcut.norm"), (r"\.gate\.", ".score."),
        (r"blocks\.(\d)\.t\.", r"blocks.\1.gate.score."), (r"blocks\.(\d)\.h\.", r"blocks.\1.inner."),
        (r"\.a$", ".inner.scale.gamma"), (r"blocks\.(\d)\.f\.(conv|bn)\.", r"blocks.\1.inner.conv.\2."),
        (r"blocks\.(\d)\.f\.", r"blocks.\1.inner."), (r"\.conv1\.", ".first.conv."), (r"\.bn1\.", ".first.norm."),
        (r"\.conv2\.", ".second.conv."), (r"\.bn2\.", ".second.norm."), (r"\.bn\.", ".norm."),
        (r"^heads\.2", "head.classify"), (r"^heads\.(\d)", r"exits.\1.classify"),
    )(ours, theirs)  # fmt: skip
    return {name: t.reshape(ours[name]) for name, t in made.items()}


TWINS = [
    Twin(
        name,
        member(conditional.space, **conditional.references[name]),
        lambda sizes=sizes: ConditionalResNet(*sizes),
        rename,
    )
    for name, sizes in NAMES.items()
]
