"""Perceptrons in plain torch, and timm's MLP-Mixers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from nasengine.graph import Graph
from peers import Peer, Twin, by_rules, in_order
from search_spaces import mixer, mlp

LAYERS = {
    "perceptron": (784, 10),
    "lecun_300": (784, 300, 10),
    "lecun_1000": (784, 1000, 10),
    "lenet_300_100": (784, 300, 100, 10),
    "simard_800": (841, 800, 10),
    "ciresan_5_layers": (841, 2500, 2000, 1500, 1000, 500, 10),
}


def perceptrons(name: str) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        from reference.perceptrons import Perceptrons

        return Perceptrons(*LAYERS[name])

    return make


def mlp_mixer(patch: int, features: int, layers: int, **more: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        from timm.models.mlp_mixer import MlpMixer

        return MlpMixer(patch_size=patch, embed_dim=features, num_blocks=layers, **more)

    return make


def timm(name: str) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        import timm

        made: nn.Module = timm.create_model(name)
        return made

    return make


PEERS: list[Peer] = [
    *[Peer("mlp", name, perceptrons(name)) for name in LAYERS],
    *[Peer("mixer", f"mixer_{name}", timm(f"mixer_{name}_224")) for name in mixer.SIZES if name != "h14"],
    Peer("mixer", "mixer_h14", mlp_mixer(*mixer.SIZES["h14"])),
]


def perceptron_graph(name: str) -> Graph:
    return mlp.space.select(mlp.REFERENCES[name]).graph()


def small_mixer() -> Graph:
    space = mixer.mixer(10, image=(3, 64), patches=(16,), features=(48,), layers=(3,))
    return space.select({"*.tokens": 0.5, "*.channels": 4, "*.activation": "gelu"}).graph()


def weights_and_biases(ours: Any, theirs: Any) -> Any:
    """Theirs: all weights, then all biases."""
    half = len(theirs) // 2
    names = list(theirs)
    return in_order(ours, {n: theirs[n] for pair in zip(names[:half], names[half:], strict=True) for n in pair})


TWINS: list[Twin] = [
    Twin("perceptron", lambda: perceptron_graph("perceptron"), perceptrons("perceptron"), weights_and_biases),
    Twin("lenet_300_100", lambda: perceptron_graph("lenet_300_100"), perceptrons("lenet_300_100"), weights_and_biases),
    Twin(
        "mlp-mixer, 3 layers",
        small_mixer,
        mlp_mixer(16, 48, 3, img_size=64, num_classes=10),
        by_rules(
            (r"^stem\.proj", "patches.project"),
            (r"^blocks\.(\d+)\.", r"layers.blocks.\1."),
            (r"mlp_tokens\.fc1", "tokens.inner.inner.up"),
            (r"mlp_tokens\.fc2", "tokens.inner.inner.down"),
            (r"mlp_channels\.fc1", "channels.inner.up"),
            (r"mlp_channels\.fc2", "channels.inner.down"),
            (r"norm1", "tokens.norm"),
            (r"norm2", "channels.norm"),
            (r"^norm", "head.norm"),
            (r"^head\.(weight|bias)", r"head.classify.\1"),
        ),
    ),
]
