"""Forecasting: patches of time series as tokens of a transformer."""

from __future__ import annotations

from typing import Any, ClassVar

from nasengine.blocks.basic.linear import Linear
from nasengine.blocks.basic.regularise import Dropout
from nasengine.blocks.basic.shape import Reshape
from nasengine.blocks.compose import Identity
from nasengine.blocks.transformers.position import LearnedPositions
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Block, Call, Composite, Parameter, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring


def series(x: TensorType, place: str) -> TensorType:
    """The input, if it holds time series.

    Raises:
        ShapeError: it is something else.
    """
    if x.axes != "CL" or x.dtype != "float32":
        raise ShapeError(f"{place}: it takes series, (C, L); got {x!r}; give Signal(series, length)")
    return x


@block("series_norm")
class SeriesNorm(Primitive):
    """Reversible instance normalisation (RevIN; Kim et al., 2022, eq. 1 and 2).

    (C, L) → (C, L), the means (C, 1), the deviations (C, 1).

    Args:
        affine: a learned scale and shift a series.
    """

    affine: bool = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x = series(inputs[0], self.tag)
        one = TensorType((x.channels, 1), "CL")
        return x, one, one

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        axes = (Axis("series", inputs[0].parts),)
        return (Parameter("weight", axes), Parameter("bias", axes)) if self.affine else ()

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {} if self.affine else {"affine": False}
        return module("nasengine.modules.forecast.SeriesNorm", inputs[0].channels, **extra)


@block("series_restore")
class SeriesRestore(Primitive):
    """Undoes :class:`SeriesNorm` (Kim et al., 2022, eq. 3). (C, H), means (C, 1), deviations (C, 1) → (C, H)."""

    zero: ClassVar = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        x, mean, deviation = (series(x, self.tag) for x in inputs)
        if {mean.shape, deviation.shape} != {(x.channels, 1)}:
            raise ShapeError(
                f"series_restore: a mean and a deviation a series; got {mean!r} and {deviation!r} for {x!r}; "
                "take those of series_norm"
            )
        return x

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.forecast.SeriesRestore")


@block("series_patches")
class SeriesPatches(Primitive):
    """Windows of each series (PatchTST; Nie et al., 2023, section 3.1). (C, L) → (K = C, N, patch).

    The last value is repeated ``stride`` times at the end, so that N = ⌊(L - patch) / stride⌋ + 2.

    Args:
        patch: length of a window.
        stride: from one window to the next.
    """

    patch: int
    stride: int

    zero: ClassVar = "kept"

    def validate(self) -> None:
        if self.patch < 1 or self.stride < 1:
            raise SpaceError(f"series_patches: patch and stride >= 1; got {self.patch} and {self.stride}")

    def infer(self, *inputs: TensorType) -> TensorType:
        x = series(inputs[0], self.tag)
        count = (x.shape[1] + self.stride - self.patch) // self.stride + 1
        if count < 1:
            raise ShapeError(f"series_patches.patch: no longer than the series; got {self.patch} for {x!r}")
        return TensorType((x.channels, count, self.patch), "KTF")

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.forecast.SeriesPatches", self.patch, self.stride)


@block("patch_tst")
class PatchTST(Composite):
    """Every series on its own: patches, a transformer, a linear forecast (PatchTST; Nie et al., 2023, fig. 1).

    (C, L) → (C, horizon).

    Args:
        patch, stride: of the windows.
        features: of a patch.
        layers: a row of layers, the same for all series.
        horizon: length of the forecast.
        affine: of the normalisation.
        norm: after the layers.
        dropout: of the embedded patches.
    """

    patch: int
    stride: int
    features: int
    layers: Block
    horizon: int
    affine: bool = True
    norm: Block = Identity()
    dropout: float = 0.0

    def wire(self, net: Wiring, x: Value) -> Value:
        y, mean, deviation = net(SeriesNorm(self.affine), x, name="normalise")
        y = net(Linear(self.features), net(SeriesPatches(self.patch, self.stride), y, name="patches"), name="embed")
        y = net(Dropout(self.dropout), net(LearnedPositions(), y, name="positions"), name="drop")
        y = net(self.norm, net(self.layers, y, name="layers"), name="norm")
        flat = net(Reshape((x.channels, -1), "KF"), y, name="flatten")
        steps = net(Linear(self.horizon), flat, name="head")
        y = net(Reshape((x.channels, self.horizon), "CL"), steps, name="forecast")
        made: Value = net(SeriesRestore(), y, mean, deviation, name="restore")
        return made
