"""Mamba against Hugging Face's, S4D against plain torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from reference.ssm import S4DClassifier
from torch import Tensor, nn

from nasengine import Graph
from peers import Peer, State, Twin, by_rules
from search_spaces import ssm


def mamba(features: int, depth: int, **more: Any) -> Callable[[], nn.Module]:
    """Hugging Face's model of these sizes."""

    def make() -> nn.Module:
        import transformers

        config = transformers.MambaConfig(hidden_size=features, num_hidden_layers=depth, **more)
        made: nn.Module = transformers.MambaForCausalLM(config)
        return made

    return make


PEERS = [
    *[Peer("ssm", name, mamba(*sizes)) for name, sizes in ssm.MAMBA.items()],
    Peer("ssm", "s4d_4x256", lambda: S4DClassifier(3, 256, 4, 64), "s4d"),
    Peer("ssm", "s4d_6x512", lambda: S4DClassifier(3, 512, 6, 64), "s4d"),
]


def split_maps(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """They hold the two maps in as one, and those to rank, ways in and ways out as one."""
    made: State = {}
    for name, tensor in theirs.items():
        if name.endswith("in_proj.weight"):
            for part, piece in zip(("up", "gate"), tensor.chunk(2), strict=True):
                made[name.replace("in_proj", part)] = piece
        elif name.endswith("x_proj.weight"):
            state = next(v for k, v in theirs.items() if k.endswith("A_log")).shape[1]
            sizes = (tensor.shape[0] - 2 * state, state, state)
            for part, piece in zip(("rank", "into", "out"), tensor.split(sizes), strict=True):
                made[name.replace("x_proj", part)] = piece
        else:
            made[name] = tensor
    return by_rules(
        (r"^backbone\.", ""), (r"^embeddings", "embedding"), (r"^norm_f", "norm"),
        (r"^layers\.(\d+)\.", r"decoder.layers.blocks.\1.mixer."), (r"mixer\.mixer\.", "mixer.inner."),
        (r"conv1d", "conv"), (r"dt_proj\.weight", "step.weight"), (r"dt_proj\.bias", "scan.step_bias"),
        (r"A_log", "scan.log_rate"), (r"\.D$", ".scan.skip"), (r"out_proj", "down"),
    )(ours, made)  # fmt: skip


def split_gate(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """The gated unit's convolution is two maps of ours."""
    made: State = {}
    for name, tensor in theirs.items():
        if ".mix." in name:
            for part, piece in zip(("mix", "gate"), tensor.squeeze(-1).chunk(2), strict=True):
                made[name.replace(".mix.", f".{part}.")] = piece
        else:
            made[name] = tensor
    return by_rules(
        (r"\.(log_step|log_decay|frequency|out|skip)$", r".space.\1"),
        (r"^layers\.(\d+)\.", r"layers.blocks.\1.inner."),
        (r"^norms\.(\d+)\.", r"layers.blocks.\1.norm."),
    )(ours, made)


def member(space: Any, **decisions: Any) -> Callable[[], Graph]:
    return lambda: space.select(decisions).graph()


def first(module: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
    made: Tensor = module(*inputs).logits
    return made


def s4d_twin(rule: str, pre_norm: bool) -> Twin:
    return Twin(
        f"s4d {rule}",
        member(ssm.s4d_small, **{"*length": 16, "*features": 16, "*times": 2}, state=8, norm="layer_norm", start="lin",
               dropout=0.0, rule=rule, pre_norm=pre_norm),
        lambda: S4DClassifier(3, 16, 2, 8, rule=rule, pre_norm=pre_norm),
        split_gate,
    )  # fmt: skip


TWINS = [
    Twin(
        "mamba, 2 layers",
        member(ssm.small, **{"*length": 24}, features=48, depth=2, mixer="mamba", state=8, expand=2, kernel=4,
               bias=False, activation="silu", norm="rms_norm", feed_forward="identity", tied=True),
        mamba(48, 2, vocab_size=65, state_size=8),
        split_maps,
        first,
    ),
    s4d_twin("zoh", True),
    s4d_twin("bilinear", False),
]  # fmt: skip
