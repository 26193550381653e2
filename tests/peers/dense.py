"""Dense prediction and detection: torchvision, and the plain torch of the papers."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from nasengine import Image
from nasengine.graph import Graph
from peers import Peer, Twin, in_order


def segmentation(name: str) -> nn.Module:
    from torchvision.models import segmentation as models

    make = getattr(models, name.removesuffix("_aux"))
    found: nn.Module = make(weights=None, weights_backbone=None, num_classes=21, aux_loss=name.endswith("_aux"))
    return found


def pyramid(name: str, taps: list[int] | None = None, extra: Any = None) -> nn.Module:
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

    found: nn.Module = resnet_fpn_backbone(
        backbone_name=name, weights=None, trainable_layers=5, returned_layers=taps, extra_blocks=extra
    )
    return found


def retinanet(name: str) -> nn.Module:
    """With frozen batch norm, as it is made from a pretrained backbone."""
    from torchvision.models.detection import RetinaNet
    from torchvision.ops.feature_pyramid_network import LastLevelP6P7

    return RetinaNet(pyramid(name, [2, 3, 4], LastLevelP6P7(256, 256)), 91)


def retinanet_v2() -> nn.Module:
    from torchvision.models.detection import retinanet_resnet50_fpn_v2

    return retinanet_resnet50_fpn_v2(weights=None, weights_backbone=None)


def unet(padded: bool = False, widths: tuple[int, ...] = (64, 128, 256, 512, 1024)) -> nn.Module:
    from reference.dense import UNet

    return UNet(1, 2, widths, padded)


def segnet(widths: tuple[int, ...] = (64, 128, 256, 512, 512), classes: int = 11) -> nn.Module:
    from reference.dense import SegNet

    return SegNet(classes, widths, (2, 2, 3, 3, 3)[: len(widths)])


def semantic_fpn(name: str) -> nn.Module:
    import torchvision
    from reference.dense import SemanticFPN
    from torchvision.models._utils import IntermediateLayerGetter

    body = torchvision.models.get_model(name, weights=None)
    channels = tuple(body.fc.in_features >> (3 - i) for i in range(4))
    layers = {f"layer{i}": str(i) for i in range(1, 5)}
    return SemanticFPN(IntermediateLayerGetter(body, layers), channels, 19, 256, 128, 32)


SEGMENTATION = [f"{m}_resnet{n}{aux}" for m in ("deeplabv3", "fcn") for n in (50, 101) for aux in ("", "_aux")]
RESNETS = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
OTHERS = ["wide_resnet50_2", "resnext50_32x4d", "resnext101_32x8d"]

PEERS: list[Peer] = [
    *[Peer("deeplab", name, lambda name=name: segmentation(name)) for name in SEGMENTATION],
    *[Peer("fpn", f"fpn_{name}", lambda name=name: pyramid(name), "features") for name in (*RESNETS, *OTHERS)],
    *[Peer("fpn", f"semantic_fpn_{name}", lambda name=name: semantic_fpn(name)) for name in RESNETS],
    *[
        Peer("detection", f"retinanet_{name.replace('resnet', 'r')}_fpn", lambda name=name: retinanet(name))
        for name in RESNETS
    ],
    Peer("detection", "retinanet_r50_fpn_v2", retinanet_v2),
    Peer("unet", "unet", unet),
    Peer("unet", "unet_bn", lambda: unet(padded=True)),
    Peer("segnet", "segnet", segnet),
]


def member(module: str, reference: str, height: int, width: int | None = None, attribute: str = "space") -> Graph:
    """A published member on a smaller image."""
    found = Peer(module, reference, nn.Identity, attribute).architecture()
    (name, image), *_ = next(iter(found.networks.values())).inputs
    return found.with_inputs(**{name: Image(image.channels, height, width)}).graph()


def narrow_unet(padding: str) -> Graph:
    from search_spaces.unet import unet as family

    space = family(2, sizes=(156,), widths=((8,), (16,), (32,)), halvings=(2,))
    decisions: dict[str, Any] = {"padding": padding, "*.times": 2, "activation": "relu"}
    decisions |= {"merge": "concat", "upsample": "transpose"}
    padded = {"*.blocks.*": "conv_norm_act", "*.kernel": 3, "norm": "batch_norm"}
    return space.select(decisions | (padded if padding == "same" else {"norm": "identity"})).graph()


def narrow_segnet() -> Graph:
    from search_spaces.segnet import segnet as family

    space = family(11, image=(45, 60), widths=((8,), (16,), (24,)), most=3, kernels=(3,))
    times: dict[str, Any] = {"encoder.0.times": 2, "encoder.1.times": 2, "encoder.2.times": 3}
    back = {"decoder.0.keep.times": 2, "decoder.1.keep.times": 1, "decoder.2.keep.times": 1}
    plain = {"head.kernel": 3, "activation": "relu", "decoder_activation": "same"}
    return space.select({**plain, **times, **back}).graph()


def maps(module: nn.Module, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """All values of the dictionary it gives."""
    return list(module(*inputs).values())


def predictions(module: Any, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """RetinaNet's, before anchors come in."""
    found = module.head(list(module.backbone(*inputs).values()))
    return [found["cls_logits"], found["bbox_regression"]]


TWINS: list[Twin] = [
    Twin(
        "deeplabv3_resnet50_aux",
        lambda: member("deeplab", "deeplabv3_resnet50_aux", 72, 64),
        lambda: segmentation("deeplabv3_resnet50_aux"),
        in_order,
        maps,
    ),
    Twin(
        "fcn_resnet50",
        lambda: member("deeplab", "fcn_resnet50", 64, 88),
        lambda: segmentation("fcn_resnet50"),
        in_order,
        maps,
    ),
    Twin(
        "fpn_resnet18",
        lambda: member("fpn", "fpn_resnet18", 100, 72, "features"),
        lambda: pyramid("resnet18"),
        in_order,
        maps,
    ),
    Twin(
        "fpn_resnext50_32x4d",
        lambda: member("fpn", "fpn_resnext50_32x4d", 64, 64, "features"),
        lambda: pyramid("resnext50_32x4d"),
        in_order,
        maps,
    ),
    Twin(
        "semantic_fpn_resnet18",
        lambda: member("fpn", "semantic_fpn_resnet18", 64, 96),
        lambda: semantic_fpn("resnet18"),
        in_order,
    ),
    Twin(
        "retinanet_r50_fpn",
        lambda: member("detection", "retinanet_r50_fpn", 104, 72),
        lambda: retinanet("resnet50"),
        in_order,
        predictions,
    ),
    Twin(
        "retinanet_r50_fpn_v2",
        lambda: member("detection", "retinanet_r50_fpn_v2", 72, 64),
        retinanet_v2,
        in_order,
        predictions,
    ),
    Twin("unet, 3 resolutions", lambda: narrow_unet("valid"), lambda: unet(widths=(8, 16, 32)), in_order),
    Twin("unet_bn, 3 resolutions", lambda: narrow_unet("same"), lambda: unet(True, (8, 16, 32)), in_order),
    Twin("segnet, 3 resolutions", narrow_segnet, lambda: segnet((8, 16, 24)), in_order),
]
