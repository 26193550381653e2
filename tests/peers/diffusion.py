"""Diffusion models against diffusers, and against plain torch written from the paper of the diffusion transformer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from reference.diffusion import DiT
from torch import Tensor, nn

from nasengine import Graph, Space
from nasengine.graph.module import example_inputs
from peers import Peer, State, Twin, by_rules
from search_spaces import diffusion

DDPM: dict[str, Any] = {"norm_eps": 1e-6, "freq_shift": 1, "flip_sin_to_cos": False, "downsample_padding": 0,
                        "attention_head_dim": None}  # fmt: skip


def kinds(attention: tuple[int, ...], count: int) -> dict[str, tuple[str, ...]]:
    """Names of the blocks at each resolution; attention is at some of them."""
    down = tuple("AttnDownBlock2D" if i in attention else "DownBlock2D" for i in range(count))
    up = tuple("AttnUpBlock2D" if i in attention else "UpBlock2D" for i in reversed(range(count)))
    return {"down_block_types": down, "up_block_types": up}


def unet(size: int, widths: tuple[int, ...], attention: tuple[int, ...], **more: Any) -> Callable[[], nn.Module]:
    """The U-Net of DDPM in diffusers."""

    def make() -> nn.Module:
        from diffusers import UNet2DModel

        given = {"sample_size": size, "block_out_channels": widths, **kinds(attention, len(widths)), **DDPM, **more}
        made: nn.Module = UNet2DModel(**given)
        return made

    return make


def text_unet(**more: Any) -> Callable[[], nn.Module]:
    """The U-Net of Stable Diffusion in diffusers."""

    def make() -> nn.Module:
        from diffusers import UNet2DConditionModel

        made: nn.Module = UNet2DConditionModel(**more)
        return made

    return make


def dit(size: str, patch: int) -> Callable[[], nn.Module]:
    features, depth, each = diffusion.SIZES[size]
    return lambda: DiT(features, depth, features // each, patch)


PEERS = [
    Peer("diffusion", "ddpm_cifar10", unet(32, (128, 256, 256, 256), (1,))),
    Peer("diffusion", "ddpm_256", unet(256, (128, 128, 256, 256, 512, 512), (4,))),
    Peer("diffusion", "sd_v1_unet", text_unet(sample_size=64, cross_attention_dim=768), "text"),
    Peer(
        "diffusion",
        "sd_v2_unet",
        text_unet(sample_size=96, cross_attention_dim=1024, attention_head_dim=(5, 10, 20, 20),
                  use_linear_projection=True),
        "text",
    ),
    *[Peer("diffusion", f"dit_{s}_{p}", dit(s, p), "dit") for s in diffusion.SIZES for p in (2, 4, 8)],
]  # fmt: skip


def member(space: Space, **decisions: Any) -> Callable[[], Graph]:
    return lambda: space.select(decisions).graph()


PLACES = (
    (r"^time_embedding\.linear_1", "condition.time.first"), (r"^time_embedding\.linear_2", "condition.time.second"),
    (r"^conv_in", "first"), (r"^conv_norm_out", "norm"), (r"^conv_out", "last"),
    (r"^mid_block\.resnets\.0", "middle.first"), (r"^mid_block\.resnets\.1", "middle.second"),
    (r"^mid_block\.attentions\.0", "middle.attention"),
    (r"_blocks\.(\d+)\.(?:down|up)samplers\.0\.conv", r".\1.conv"),
    (r"_blocks\.(\d+)\.resnets\.(\d+)", r".\1.\2.residual"),
    (r"_blocks\.(\d+)\.attentions\.(\d+)", r".\1.\2.attention"),
    (r"time_emb_proj", "condition"), (r"conv_shortcut", "shortcut"),
)  # fmt: skip
ATTENTION = (
    (r"to_q", "query"), (r"to_k", "key"), (r"to_v", "value"), (r"to_out\.0", "out"), (r"group_norm", "norm"),
    (r"attention\.(query|key|value|out)", r"attention.inner.\1"),
)  # fmt: skip
TRANSFORMER = (
    (r"proj_in", "enter"), (r"proj_out", "leave"), (r"transformer_blocks", "inner.layers.blocks"),
    (r"(layers\.blocks\.\d+)\.norm1", r"\1.attention.norm"), (r"(layers\.blocks\.\d+)\.norm2", r"\1.cross.norm"),
    (r"(layers\.blocks\.\d+)\.norm3", r"\1.feed_forward.norm"), (r"attn1", "attention"), (r"attn2", "cross.inner"),
    (r"ff\.net\.2", "feed_forward.inner.down"), (r"ff\.net\.0\.", "feed_forward.inner."),
)  # fmt: skip


def resolutions(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """They count resolutions on the way up from the coarsest on, hold gate and values in one map."""
    count = len({name.split(".")[1] for name in theirs if name.startswith("up_blocks.")})
    made: State = {}
    for name, tensor in theirs.items():
        if name.startswith("up_blocks."):
            parts = name.split(".")
            name = ".".join(["up_blocks", str(count - 1 - int(parts[1])), *parts[2:]])
        if ".ff.net.0.proj." in name:
            for part, piece in zip(("up", "gate"), tensor.chunk(2), strict=True):
                made[name.replace("proj", part)] = piece
        else:
            made[name] = tensor
    return by_rules(*PLACES, *TRANSFORMER, *ATTENTION)(ours, made)


def transformer_maps(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """Theirs has one map of the condition a layer, shifts before scales, and patches as vectors."""
    made: State = {}
    for name, tensor in theirs.items():
        kind = name.rpartition(".")[2]
        if ".qkv." in name:
            for part, piece in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                made[name.replace("qkv", f"attention.inner.{part}")] = piece
        elif name.startswith("layers.") and ".condition." in name:
            at, pieces = name.replace(f"condition.{kind}", ""), tensor.chunk(6)
            for i, part in enumerate(("attention", "feed_forward")):
                shift, scale, gate = pieces[3 * i : 3 * i + 3]
                made[f"{at}{part}.norm.condition.{kind}"] = torch.cat((scale, shift))
                made[f"{at}{part}.gate.{kind}"] = gate
        elif name.startswith("condition."):
            shift, scale = tensor.chunk(2)
            made[f"norm.{name}"] = torch.cat((scale, shift))
        else:
            made[name] = tensor.reshape(ours["patches.project.weight"]) if name == "embed.weight" else tensor
    return by_rules(
        (r"^layers\.(\d+)", r"layers.blocks.\1"), (r"(blocks\.\d+)\.out", r"\1.attention.inner.out"),
        (r"(blocks\.\d+)\.(up|down)", r"\1.feed_forward.inner.\2"), (r"^embed", "patches.project"),
        (r"^time1", "condition.time.first"), (r"^time2", "condition.time.second"), (r"^classes", "condition.classes"),
    )(ours, made)  # fmt: skip


def steps(graph: Graph) -> tuple[Tensor, ...]:
    """Random inputs with time steps as there are in training."""
    image, time, *more = example_inputs(graph, batch=2)
    return (image, torch.tensor([7.0, 940.0]).to(time.dtype), *more)


def sample(module: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
    made: Tensor = module(*inputs).sample
    return made


SMALL = {"activation": "silu", "dropout": 0.0, "kernel*": 3, "levels": 3, "width1": 8, "width2": 16, "width3": 12}
TWINS = [
    Twin(
        "ddpm, 3 resolutions",
        member(diffusion.small, **SMALL, modulation="shift", pad_after=True, middle="one_head", attention1="none",
               attention2="one_head", attention3="none", **{"depth*": 2}, resolution=16),
        unet(16, (8, 16, 12), (1,), in_channels=1, out_channels=1, norm_num_groups=4),
        resolutions,
        sample,
        steps,
    ),
    Twin(
        "ddpm, scaled and shifted, heads of 4, zeros on all sides",
        member(diffusion.small, **SMALL, modulation="scale_shift", pad_after=False, middle="heads", attention1="none",
               attention2="heads", attention3="heads", **{"depth*": 1}, resolution=16),
        unet(16, (8, 16, 12), (1, 2), in_channels=1, out_channels=1, resnet_time_scale_shift="scale_shift",
             norm_num_groups=4, attn_norm_num_groups=4, layers_per_block=1, downsample_padding=1, attention_head_dim=4),
        resolutions,
        sample,
        steps,
    ),
    Twin(
        "stable diffusion v1, 3 resolutions",
        member(diffusion.text_small, **SMALL, modulation="shift", ratio=4.0, gated=True, heads="fixed",
               attention1="text", attention2="text", attention3="none", text_features=12, resolution=16,
               **{"depth*": 2, "layers_*": 1}),
        text_unet(sample_size=16, block_out_channels=(8, 16, 12), attention_head_dim=2, cross_attention_dim=12,
                  norm_num_groups=4, down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
                  up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D")),
        resolutions,
        sample,
        steps,
    ),
    Twin(
        "dit, 3 layers of 48",
        member(diffusion.dit_small, patch=2, norm="layer_norm", gated=True, ratio=4.0, activation="gelu", drop_path=0.0,
               variance=True, positions="fixed", resolution=8,
               **{"features_*": 48, "depth_*": 3, "head_features_*": 16}),
        lambda: DiT(48, 3, 3, 2, side=8, classes=10, count=16),
        transformer_maps,
        inputs=steps,
    ),
    Twin(
        "dit_s_8",
        lambda: diffusion.dit.decode(diffusion.dit.references["dit_s_8"]).graph(),
        dit("s", 8),
        transformer_maps,
        inputs=steps,
    ),
]  # fmt: skip
