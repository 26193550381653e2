"""DETR: transformers, and the plain torch of the paper on torchvision's ResNets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nasengine import Image
from nasengine.graph import Graph
from peers import Peer, State, Twin, by_rules, in_order

SINGLE = ("features", "heads", "hidden", "encoder_depth", "decoder_depth", "queries", "resolution", "dilated")
"""Decisions that the narrow form leaves out."""


def body(name: str, dilated: bool) -> nn.Module:
    """A ResNet up to its last map, its batch norms fixed."""
    import torchvision
    from torchvision.ops import FrozenBatchNorm2d

    found = torchvision.models.get_model(
        name,
        weights=None,
        norm_layer=FrozenBatchNorm2d,
        replace_stride_with_dilation=[False, False, dilated] if name not in ("resnet18", "resnet34") else None,
    )
    return nn.Sequential(*list(found.children())[:-2])


def plain(name: str, dilated: bool = False) -> nn.Module:
    from reference.detr import DETR

    return DETR(body(name, dilated), 2048, 91, 256, 8, 2048, 6, 100)


def hugging(name: str, dilated: bool = False) -> nn.Module:
    """Of transformers; only where the last stage dilates does it need timm."""
    from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig

    if dilated:
        return DetrForObjectDetection(DetrConfig(backbone=name, dilation=True, num_labels=91))
    depths = {"resnet50": [3, 4, 6, 3], "resnet101": [3, 4, 23, 3]}[name]
    return DetrForObjectDetection(
        DetrConfig(backbone_config=ResNetConfig(depths=depths, out_features=["stage4"]), num_labels=91)
    )


PEERS: list[Peer] = [
    Peer("detection", f"detr_{name.replace('resnet', 'r')}{'_dc5' * dilated}", make, "detr")
    for name in ("resnet50", "resnet101")
    for dilated in (False, True)
    for make in (lambda n=name, d=dilated: plain(n, d), lambda n=name, d=dilated: hugging(n, d))
]


def narrow(depths: tuple[int, ...], widths: tuple[int, int], size: tuple[int, int], dilated: int = 0) -> Graph:
    """The published form for 5 classes, with a narrow transformer of two layers; widths of stem and bottlenecks."""
    from search_spaces._resnet import backbone
    from search_spaces.detection import detr, set_prediction

    space = set_prediction(
        5,
        sizes=(32,),
        body=backbone(taps=(4,), dilated=dilated, depths=tuple((n,) for n in depths), widths=sorted({*widths})),
        features=(32,),
        heads=(4,),
        hidden=(48,),
        depths=(2,),
        queries=(7,),
        name="detr-narrow",
    )
    ours: dict[str, Any] = {"backbone.stem.*.channels": widths[0], "backbone.unit.*.channels": 4 * widths[1]}
    closed = ("backbone.depths", "backbone.stem.", "backbone.unit.*.channels", *SINGLE)
    published = {n: v for n, v in detr._references["detr_r50"].items() if not n.startswith(closed)}
    found = space.select(published | ours)
    return found.with_inputs(input=Image(3, *size)).graph()


def narrow_plain() -> nn.Module:
    from reference.detr import DETR

    return DETR(body("resnet50", True), 2048, 5, 32, 4, 48, 2, 7)


def narrow_hugging() -> nn.Module:
    from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig

    sizes = {"embedding_size": 8, "hidden_sizes": [32, 64, 128, 256], "depths": [1, 2, 1, 2]}
    return DetrForObjectDetection(
        DetrConfig(
            backbone_config=ResNetConfig(**sizes, out_features=["stage4"]),
            d_model=32,
            num_queries=7,
            num_labels=5,
            **{f"{part}_layers": 2 for part in ("encoder", "decoder")},
            **{f"{part}_attention_heads": 4 for part in ("encoder", "decoder")},
            **{f"{part}_ffn_dim": 48 for part in ("encoder", "decoder")},
        )
    )


def split(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """Torch's attention holds queries, keys and values in one tensor; ours, weight and bias of each in turn."""
    found: State = {}
    for name, tensor in theirs.items():
        if name.endswith("in_proj_weight"):
            biases = theirs[name.replace("weight", "bias")].chunk(3)
            for i, (weight, bias) in enumerate(zip(tensor.chunk(3), biases, strict=True)):
                found[f"{name}.{i}"], found[f"{name}.{i}.bias"] = weight, bias
        elif not name.endswith("in_proj_bias"):
            found[name] = tensor
    return in_order(ours, found)


RULES = (
    (r"^model\.backbone\.model\.embedder\.embedder", "backbone.stem.conv"),
    *[(rf"^model\.backbone\.model\.encoder\.stages\.{i}\.layers\.", f"backbone.stage{i + 1}.") for i in range(4)],
    *[(rf"^(backbone.*)\.layer\.{i}\.", rf"\1.{part}.") for i, part in enumerate(("reduce", "spatial", "expand"))],
    (r"^model\.", ""),
    (r"convolution", "conv"),
    (r"normalization", "norm"),
    (r"^query_position_embeddings", "queries"),
    (r"^input_projection", "project"),
    (r"self_attn_layer_norm", "attention.norm"),
    (r"encoder_attn_layer_norm", "cross.norm"),
    (r"final_layer_norm", "feed_forward.norm"),
    (r"self_attn\.", "attention.inner."),
    (r"encoder_attn\.", "cross.inner."),
    (r"q_proj", "query"),
    (r"k_proj", "key"),
    (r"v_proj", "value"),
    (r"o_proj", "out"),
    (r"mlp\.fc1", "feed_forward.inner.up"),
    (r"mlp\.fc2", "feed_forward.inner.down"),
    (r"^decoder\.layernorm", "decoder.norm"),
    (r"^(en|de)coder\.layers\.", r"\1coder.layers.blocks."),
    (r"^class_labels_classifier", "classes"),
    (r"^bbox_predictor\.layers\.([01])", r"boxes.hidden.\1.linear"),
    (r"^bbox_predictor\.layers\.2", "boxes.output"),
)


def predictions(module: Any, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    found = module(*inputs)
    return [found.logits, found.pred_boxes]


TWINS: list[Twin] = [
    Twin("detr_r50_dc5, 2 layers", lambda: narrow((3, 4, 6, 3), (64, 64), (96, 64), 1), narrow_plain, split),
    Twin(
        "detr, narrow",
        lambda: narrow((1, 2, 1, 2), (8, 8), (160, 96)),
        narrow_hugging,
        by_rules(*RULES),
        predictions,
    ),
]
