"""State-space networks: Mamba's selective scan and S4's diagonal recurrences.

Two spaces. The main one generalises Mamba as a language model: open are depth, width, the inner width, the size of the
state, the kernel of the causal convolution, the activation, the norm, whether a layer mixes by a selective scan, by
S4D or by causal attention, whether a feed-forward network follows it, and whether the output layer shares the
embedding's table. ``s4d`` classifies sequences of vectors by S4 layers: open are depth, width, state, the rule that
makes time discrete, the first eigenvalues, and where the norm stands and what it is. A selective scan's work grows
with the length L, S4D's Fourier transforms with L log L (they are no matrix products: ``macs`` leaves them out).

Papers: Gu and Dao (2023), "Mamba: linear-time sequence modeling with selective state spaces"; Gu, Goel and Re (2022),
"Efficiently modeling long sequences with structured state spaces"; Gu, Gupta, Goel and Re (2022), "On the
parameterization and initialization of diagonal state space models" (S4D).
Input: up to 2,048 token ids of 50,280; sequences of vectors (``s4d``: 1,024 pixels of 3 colours, CIFAR-10 row by row).
Task: language modelling (next token); classification of sequences into 10 classes.
Counts: with F features, inner size I = 2 F, rank R = ceil(F / 16), state N = 16 and kernel K = 4, a Mamba layer has
2 F I + (K + 1) I + I (R + 2 N) + (R + 1) I + (N + 1) I + I F and its norm F: 3,771,648 for F = 768; 24 of them, the
table 50,280 * 768 and the last norm 768 make 129,135,360. An S4 layer has H (2 + 2 N) for H features of state N (N / 2
pairs of 4 numbers, a step, a skip), 2 H (H + 1) for the gated map and 2 H for the norm: 165,376 for H = 256, N = 64; 4
of them, 1,024 into and 2,570 out of them make 665,098.
"""

from __future__ import annotations

from nasengine import Block, Sequence, Space, Tokens, choice, repeat
from nasengine.blocks import (
    GELU,
    S4D,
    Attention,
    BatchNorm,
    DotProduct,
    FeedForward,
    GlobalPool,
    Identity,
    LanguageModel,
    LayerNorm,
    Linear,
    Mamba,
    RMSNorm,
    Sequential,
    SiLU,
    Stack,
    Sublayer,
)
from nasengine.space.spec import Label

Options = tuple[int, ...]


def mamba(*, vocabulary: int, features: Options, depth: Options, state: Options, each: int) -> Block:
    """A language model of Mamba layers, or of the layers that stand in the same place."""
    act = choice(SiLU(), GELU(), name="activation")
    norm = choice(RMSNorm(eps=1e-5), LayerNorm(), name="norm")
    selective = Mamba(
        expand=choice(1, 2, 3, name="expand"),
        state=choice(*state, name="state"),
        kernel=choice(2, 3, 4, name="kernel"),
        bias=choice(False, True, name="bias"),
        activation=act,
    )
    attention = Attention(head_features=each, bias=False, out_bias=False, core=DotProduct(causal=True))
    mixer = Sublayer(choice(selective, S4D(state=choice(*state, name="state")), attention, name="mixer"), norm)
    wide = Sublayer(FeedForward(choice(2, 4, name="ratio"), activation=act, gated=True, bias=False), norm)
    layer = Sequential(mixer=mixer, feed_forward=choice(Identity(), wide, name="feed_forward"))
    stack = Stack(repeat(layer, choice(*depth, name="depth")))
    return LanguageModel(vocabulary, choice(*features, name="features"), stack, norm=norm, tied=choice(True, False))


MAMBA = {
    "mamba_130m": (768, 24),
    "mamba_370m": (1024, 48),
    "mamba_790m": (1536, 48),
    "mamba_1_4b": (2048, 48),
    "mamba_2_8b": (2560, 64),
}
"""Features and depth (Gu and Dao, 2023, table 12); the published tables of 50,277 tokens are padded to 50,280."""

references: dict[str, dict[str, Label]] = {
    name: {
        "features": features, "depth": depth, "expand": 2, "state": 16, "kernel": 4, "bias": False, "mixer": "mamba",
        "activation": "silu", "norm": "rms_norm", "feed_forward": "identity", "tied": True, "inputs.length": 2048,
    }
    for name, (features, depth) in MAMBA.items()
}  # fmt: skip

space = Space(
    "mamba",
    inputs={"tokens": Tokens(choice(512, 1024, 2048), 50_280)},
    network=mamba(
        vocabulary=50_280, features=(768, 1024, 1536, 2048, 2560), depth=(12, 24, 48, 64), state=(8, 16, 32), each=64
    ),
    references=references,
)
small = Space(
    "mamba-small",
    inputs={"tokens": Tokens(choice(16, 24), 65)},
    network=mamba(vocabulary=65, features=(32, 48), depth=(1, 2), state=(4, 8), each=16),
)


def s4(*, outputs: int, features: Options, depth: Options, state: Options) -> Block:
    """A classifier of sequences: a map in, S4 layers, the mean over time, a map out."""
    mixer = S4D(
        state=choice(*state, name="state"),
        rule=choice("zoh", "bilinear", name="rule"),
        start=choice("lin", "inv", name="start"),
        activation=GELU(),
        dropout=choice(0.0, 0.1, name="dropout"),
    )
    norm = choice(LayerNorm(), BatchNorm(), name="norm")
    layer = Sublayer(mixer, norm, choice(False, True, name="pre_norm"), choice(0.0, 0.1, name="dropout"))
    return Sequential(
        encoder=Linear(choice(*features)),
        layers=repeat(layer, choice(*depth)),
        pool=GlobalPool(),
        decoder=Linear(outputs),
    )


s4_references: dict[str, dict[str, Label]] = {
    name: {
        "encoder.features": features, "layers.times": depth, "state": 64, "rule": "zoh", "start": "lin",
        "dropout": 0.1, "norm": "layer_norm", "pre_norm": False,
    }
    for name, (features, depth) in {"s4d_4x256": (256, 4), "s4d_6x512": (512, 6)}.items()
}  # fmt: skip

s4d = Space(
    "s4d",
    inputs=Sequence(1024, 3),
    network=s4(outputs=10, features=(64, 128, 256, 512), depth=(2, 4, 6, 8), state=(16, 32, 64)),
    references=s4_references,
)
s4d_small = Space(
    "s4d-small",
    inputs=Sequence(choice(15, 16), 3),
    network=s4(outputs=10, features=(16, 32), depth=(1, 2), state=(4, 8)),
)
