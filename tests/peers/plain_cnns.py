"""LeNet, AlexNet, VGG, Inception, Xception and DenseNet: torchvision's, timm's, and the papers' in plain torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nasengine import Space
from nasengine.graph import Graph
from nasengine.graph.module import example_inputs
from peers import Peer, State, Twin, in_order
from search_spaces import alexnet, densenet, inception, inception_v3, lenet, vgg, xception


def torchvision(name: str, **more: Any) -> Callable[[], nn.Module]:
    """A model of torchvision's, without weights."""

    def make() -> nn.Module:
        import torchvision.models

        made: nn.Module = getattr(torchvision.models, name)(**more)
        return made

    return make


def timm(name: str) -> Callable[[], nn.Module]:
    """A model of timm's, without weights."""

    def make() -> nn.Module:
        import timm

        made: nn.Module = timm.create_model(name)
        return made

    return make


def reference(name: str, **more: Any) -> Callable[[], nn.Module]:
    """Our own, from the papers' equations."""

    def make() -> nn.Module:
        from reference import perceptrons

        made: nn.Module = getattr(perceptrons, name)(**more)
        return made

    return make


def densenet264() -> nn.Module:
    from torchvision.models import DenseNet

    return DenseNet(32, (6, 12, 64, 48), 64)


GOOGLENET = torchvision("googlenet", aux_logits=False, init_weights=False)
GOOGLENET_AUX = torchvision("googlenet", aux_logits=True, init_weights=False)
INCEPTION_V3 = torchvision("inception_v3", aux_logits=False, init_weights=False)
INCEPTION_V3_AUX = torchvision("inception_v3", aux_logits=True, init_weights=False)

PEERS: list[Peer] = [
    Peer("lenet", "lenet5", reference("LeNet5")),
    Peer("lenet", "lenet5_relu", reference("LeNet5", rectified=True)),
    Peer("lenet", "lenet1", reference("LeNet1")),
    Peer("alexnet", "alexnet", torchvision("alexnet")),
    Peer("alexnet", "alexnet_2012", reference("AlexNet2012")),
    *[Peer("vgg", name, torchvision(name)) for name in vgg.REFERENCES],
    Peer("inception", "googlenet", GOOGLENET),
    Peer("inception", "googlenet_aux", GOOGLENET_AUX),
    Peer("inception_v3", "inception_v3", INCEPTION_V3),
    Peer("inception_v3", "inception_v3_aux", INCEPTION_V3_AUX),
    Peer("xception", "xception", timm("legacy_xception")),
    *[Peer("xception", name, timm(name)) for name in ("xception41", "xception65", "xception71")],
    *[Peer("densenet", name, torchvision(name)) for name in densenet.LAYERS if name != "densenet264"],
    Peer("densenet", "densenet264", densenet264),
]


def member(space: Space, decisions: Mapping[str, Any], **changes: Any) -> Callable[[], Graph]:
    """A published member at another size."""
    return lambda: space.select({**decisions, **changes}).graph()


# ------------------------------------------------------------------------------------------------------ plain stacks


def as_linear(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """C5 is a convolution over the whole of S4, which is a linear layer."""
    return in_order(ours, {name: t.flatten(1) if name == "c5.weight" else t for name, t in theirs.items()})


def small_alexnet() -> Graph:
    space = alexnet.alexnet(
        10, image=(3, (96,)), stem=((64,), (11,), 4), widths=(192, 256, 384), hidden=(48,), pooled=6
    )
    return space.select({**alexnet.REFERENCES["alexnet"], "resolution": 96, "hidden.*.features": 48}).graph()


def small_alexnet_2012() -> Graph:
    space = alexnet.alexnet(10, image=(3, (224,)), stem=((96,), (11,), 4), widths=(256, 384), hidden=(48,), pooled=6)
    return space.select({**alexnet.REFERENCES["alexnet_2012"], "hidden.*.features": 48}).graph()


def narrow(module: Callable[[], nn.Module], widths: tuple[int, ...], *, first: int) -> nn.Module:
    """A model of torchvision's whose linear layers are narrower; allocated only then."""
    with torch.device("meta"):
        made = module()
        layers: Any = made.classifier
        linear = [i for i, layer in enumerate(layers) if isinstance(layer, nn.Linear)]
        for i, m, n in zip(linear, (first, *widths), widths, strict=False):
            layers[i] = nn.Linear(m, n)
    return made.to_empty(device="cpu")


def columns(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """The two columns of a layer beside each other, which is what a convolution of two groups holds."""
    joined: dict[str, list[Tensor]] = {}
    for name, tensor in theirs.items():
        column = name.startswith(("second", "fourth", "fifth"))
        joined.setdefault(name.replace(".0.", ".").replace(".1.", ".") if column else name, []).append(tensor)
    return in_order(ours, {name: torch.cat(parts) for name, parts in joined.items()})


VGG_WIDTHS = (8, 16, 24, 32, 32)


def small_vgg(name: str) -> Graph:
    space = vgg.vgg(
        10, image=(3, (64,)), widths=tuple((w,) for w in VGG_WIDTHS), depths=(1, 2, 3, 4), hidden=(48,), pooled=7
    )
    smaller = {f"width{i}": width for i, width in enumerate(VGG_WIDTHS, start=1)}
    return space.select({**vgg.REFERENCES[name], **smaller, "hidden": 48, "resolution": 64}).graph()


def torchvision_vgg(name: str) -> nn.Module:
    from torchvision.models.vgg import VGG, make_layers

    plan: list[str | int] = []
    for width, depth in zip(VGG_WIDTHS, vgg.DEPTHS[name.removesuffix("_bn")], strict=True):
        plan += [*[width] * depth, "M"]
    return narrow(lambda: VGG(make_layers(plan, name.endswith("_bn"))), (48, 48, 10), first=32 * 49)


# ---------------------------------------------------------------------------------------------------------- Inception


def with_heads(model: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """torchvision runs its heads only in training; the layers below stay in evaluation."""
    model.training = True
    found = model._forward(*inputs)
    return (found[0], *found[:0:-1])  # it gives the heads last first


def heads_last(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """torchvision's heads stand among the layers, ours after all parts."""
    return in_order(ours, {n: theirs[n] for n in sorted(theirs, key=lambda n: n.lower().startswith("aux"))})


# ----------------------------------------------------------------------------------------------- Xception and DenseNet


def keras_epsilon() -> nn.Module:
    """timm's port of the published weights keeps torch's epsilon; the published code has 1e-3."""
    made = timm("legacy_xception")()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3
    return made


def skips_last(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """Projections of shortcuts come first in timm's modules, last in ours."""
    blocks: dict[str, list[str]] = {}
    for name in theirs:
        found = name.split(".")
        blocks.setdefault(".".join(found[: 2 if found[0] == "blocks" else 1]), []).append(name)
    order = [
        name for names in blocks.values() for name in sorted(names, key=lambda n: ".skip" in n or ".shortcut" in n)
    ]
    return in_order(ours, {name: theirs[name] for name in order})


def one_image(graph: Graph) -> tuple[Tensor, ...]:
    return example_inputs(graph, batch=1)


def small_xception(name: str) -> Graph:
    space = xception.xception(
        1000,
        image=(3, (71,)),
        stem=(32, 64),
        entry=((128,), (256,), (728,)),
        middle=(8,),
        ends=((1024,), (1536,), (2048,)),
    )
    return space.select({**xception.REFERENCES[name], "resolution": 71}).graph()


def small_densenet() -> Graph:
    space = densenet.densenet(
        1000, image=(3, (64,)), stem=(7, densenet.MaxPool(3, 2, 1)), channels=((24,), (24,), (30,)),
        layers=((2,), (3,), (4,)), growth=(12,),
    )  # fmt: skip
    wanted: dict[str, Any] = {f"dense{i}.layers": i + 1 for i in (1, 2, 3)}
    return space.select({**wanted, "growth": 12, "bottleneck": 4, "*.kernel": 3}).graph()


def torchvision_densenet() -> nn.Module:
    from torchvision.models import DenseNet

    return DenseNet(12, (2, 3, 4), 24)  # type: ignore[arg-type]


def googlenet_at_96() -> Graph:
    space = inception.inception(1000, image=(3, (96,)), scale=1.0, aux=(False, True))
    return space.select({**inception.REFERENCES["googlenet_aux"], "resolution": 96}).graph()


def inception_v3_aux() -> Graph:
    return inception_v3.space.select(inception_v3.REFERENCES["inception_v3_aux"]).graph()


TWINS: list[Twin] = [
    Twin("lenet5", member(lenet.space, lenet.LENET5), reference("LeNet5"), as_linear),
    Twin(
        "lenet5_relu",
        member(lenet.space, lenet.REFERENCES["lenet5_relu"]),
        reference("LeNet5", rectified=True),
        as_linear,
    ),
    Twin("lenet1", member(lenet.space, lenet.LENET1), reference("LeNet1"), in_order),
    Twin("alexnet, narrow", small_alexnet, lambda: narrow(torchvision("alexnet"), (48, 48, 10), first=9216), in_order),
    Twin("alexnet_2012, narrow", small_alexnet_2012, reference("AlexNet2012", hidden=48, outputs=10), columns),
    Twin("vgg16, narrow", lambda: small_vgg("vgg16"), lambda: torchvision_vgg("vgg16"), in_order),
    Twin("vgg11_bn, narrow", lambda: small_vgg("vgg11_bn"), lambda: torchvision_vgg("vgg11_bn"), in_order),
    Twin("googlenet_aux at 96 pixels", googlenet_at_96, GOOGLENET_AUX, heads_last, with_heads),
    Twin("inception_v3_aux", inception_v3_aux, INCEPTION_V3_AUX, heads_last, with_heads, one_image),
    Twin("xception at 71 pixels", lambda: small_xception("xception"), keras_epsilon, skips_last),
    Twin("xception41 at 71 pixels", lambda: small_xception("xception41"), timm("xception41"), skips_last),
    Twin("densenet, 9 layers", small_densenet, torchvision_densenet, in_order),
    Twin(
        "densenet121",
        lambda: densenet.space.select(densenet.published("densenet121")).graph(),
        torchvision("densenet121"),
        in_order,
        inputs=one_image,
    ),
]
