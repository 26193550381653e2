"""Time-series forecasting: PatchTST.

Every series is forecast on its own by one network: it is normalised, cut into patches, and the patches are the tokens
of a transformer whose output a linear map turns into the forecast; the normalisation is undone. Open are the length
and stride of patches, width, depth, heads, hidden size, where the norms stand, and the horizon.

Papers: Nie et al. (2023), "A time series is worth 64 words", appendix A.1.4; Kim et al. (2022), "Reversible instance
normalization".
Input: 7 series of 336 steps (those of the ETT data; 512 too).
Task: forecasting of the next 96 steps (or 192, 336).
Counts: with patches of p, N of them, width d, hidden size h, C series and horizon H: p d + d (patches) + N d
(positions) + 2 C (normalisation), a layer 4 d^2 + 4 d + 2 d h + h + d + 4 d, head N d H + H. ``patchtst_42`` (p = 16,
stride 8, L = 336, so N = 42, d = 128, h = 256, 3 layers, H = 96): 2,176 + 5,376 + 14 + 3 x 132,480 + 516,192 =
921,198; ``patchtst_64`` (L = 512, N = 64): 2,176 + 8,192 + 14 + 397,440 + 786,528 = 1,194,350. The published code
normalises its layers over the batch; here it is the features of each patch.
"""

from __future__ import annotations

from nasengine import Block, Signal, Space, choice, repeat
from nasengine.blocks import GELU, Attention, FeedForward, PatchTST, ReLU, TransformerLayer
from nasengine.space.spec import Label

Options = tuple[int, ...]


def patch_tst(
    *,
    patch: Options,
    stride: Options,
    features: Options,
    depth: Options,
    heads: Options,
    hidden: Options,
    horizon: Options,
) -> Block:
    """The network."""
    act = choice(GELU(), ReLU(), name="activation")
    layer = TransformerLayer(
        Attention(choice(*heads, name="heads")),
        FeedForward(hidden=choice(*hidden, name="hidden"), activation=act),
        pre_norm=choice(False, True, name="pre_norm"),
        dropout=choice(0.0, 0.2, name="dropout"),
    )
    return PatchTST(
        choice(*patch, name="patch"),
        choice(*stride, name="stride"),
        choice(*features, name="features"),
        repeat(layer, choice(*depth, name="depth")),
        choice(*horizon, name="horizon"),
        dropout=choice(0.0, 0.2, name="dropout"),
    )


references: dict[str, dict[str, Label]] = {
    name: {
        "inputs.length": length, "patch": 16, "stride": 8, "features": 128, "depth": 3, "heads": 16, "hidden": 256,
        "pre_norm": False, "activation": "gelu", "dropout": 0.2, "horizon": 96,
    }
    for name, length in (("patchtst_42", 336), ("patchtst_64", 512))
}  # fmt: skip

space = Space(
    "forecast",
    inputs={"series": Signal(7, choice(336, 512))},
    network=patch_tst(
        patch=(8, 16, 24, 32),
        stride=(4, 8, 16),
        features=(16, 32, 64, 128, 256),
        depth=(1, 2, 3, 4),
        heads=(4, 8, 16),
        hidden=(64, 128, 256, 512),
        horizon=(96, 192, 336),
    ),
    references=references,
)
small = Space(
    "forecast-small",
    inputs={"series": Signal(3, choice(48, 96))},
    network=patch_tst(
        patch=(8, 16), stride=(4, 8), features=(16, 32), depth=(1, 2), heads=(2, 4), hidden=(32, 64), horizon=(12,)
    ),
)
