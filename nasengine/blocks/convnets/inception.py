"""Inception modules: convolutions of several windows and pooling side by side; and classifiers on the way."""

from __future__ import annotations

from collections.abc import Callable

from nasengine.blocks.basic.activation import ReLU
from nasengine.blocks.basic.norm import BatchNorm
from nasengine.blocks.basic.pool import AvgPool, MaxPool
from nasengine.blocks.compose import Branches, Sequential
from nasengine.blocks.convnets.convnet import ConvNormAct
from nasengine.errors import SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


class InceptionBase(Composite):
    """Base: convolutions with one norm, one activation, and channels times ``width``."""

    kernel: int
    width: float
    norm: Block
    activation: Block

    def validate(self) -> None:
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise SpaceError(
                f"{self.tag}.kernel: odd, so that all branches keep the input's size; got {self.kernel}; use 3, 5 or 7"
            )
        if self.width <= 0:
            raise SpaceError(f"{self.tag}.width: above 0, it multiplies the channels; got {self.width}")

    def conv(self, channels: int, kernel: int | tuple[int, int] = 1, stride: int = 1) -> Block:
        """A convolution; a strided one takes only windows that lie inside the image."""
        scaled = max(1, round(channels * self.width))
        padding: str | int = "same" if stride == 1 else 0
        return ConvNormAct(scaled, kernel, stride, padding, norm=self.norm, activation=self.activation)

    def factors(self, channels: int, count: int, *, tall: bool = False) -> tuple[Block, ...]:
        """``count`` convolutions, 1 × n and n × 1 in turn; the first is n × 1 where ``tall`` is set."""
        n = self.kernel
        return tuple(self.conv(channels, (n, 1) if (i % 2 == 0) == tall else (1, n)) for i in range(count))


def _joined(net: Wiring, x: Value, branches: Branches) -> Value:
    """The branches, concatenated; they are parts of the module itself, not of one more block."""
    made = branches.wire(net, x)
    assert isinstance(made, Value)
    return made


@block("inception_module")
class InceptionModule(InceptionBase):
    """The Inception module with dimension reduction (Szegedy et al., 2015, fig. 2b, table 1). (C, *S) → (C', *S).

    Branches: 1 × 1; 1 × 1 and 3 × 3; 1 × 1 and a larger window; pooling and 1 × 1.

    Args:
        point, reduce3, conv3, reduce5, conv5, pool: channels, named as the columns of table 1.
        kernel: window of the third branch: 5 in the paper, 3 in TensorFlow's and torchvision's GoogLeNet.
        width: multiplies all channels, which are then rounded.
        pooling: ``"max"`` or ``"average"``.
        norm, activation: after each convolution.
    """

    point: int
    reduce3: int
    conv3: int
    reduce5: int
    conv5: int
    pool: int
    kernel: int = 5
    width: float = 1.0
    pooling: str = "max"
    norm: Block = BatchNorm()
    activation: Block = ReLU()

    def validate(self) -> None:
        super().validate()
        if self.pooling not in ("max", "average"):
            raise SpaceError(f"inception_module.pooling: 'max' or 'average'; got {self.pooling!r}")

    def wire(self, net: Wiring, x: Value) -> Value:
        branches = Branches(
            point=self.conv(self.point),
            three=Sequential(reduce=self.conv(self.reduce3), conv=self.conv(self.conv3, 3)),
            large=Sequential(reduce=self.conv(self.reduce5), conv=self.conv(self.conv5, self.kernel)),
            pooled=Sequential(
                pool=(MaxPool if self.pooling == "max" else AvgPool)(3, 1, 1), project=self.conv(self.pool)
            ),
        )
        return _joined(net, x, branches)


@block("inception_stacked")
class InceptionStacked(InceptionBase):
    """Inception with two 3 × 3 in place of a large window (Szegedy et al., 2016, fig. 5). (C, *S) → (C', *S).

    As published in code (Inception v3), a branch with one 5 × 5 stands beside it.

    Args:
        pool: channels after pooling.
        point, reduce5, conv5, reduce3, conv3: channels of the 1 × 1, of the 5 × 5 branch, of the two 3 × 3.
        kernel: window of the second branch.
        width, norm, activation: as of :class:`InceptionModule`.
    """

    pool: int
    point: int = 64
    reduce5: int = 48
    conv5: int = 64
    reduce3: int = 64
    conv3: int = 96
    kernel: int = 5
    width: float = 1.0
    norm: Block = BatchNorm()
    activation: Block = ReLU()

    def wire(self, net: Wiring, x: Value) -> Value:
        branches = Branches(
            point=self.conv(self.point),
            large=Sequential(reduce=self.conv(self.reduce5), conv=self.conv(self.conv5, self.kernel)),
            stacked=Sequential(
                reduce=self.conv(self.reduce3), first=self.conv(self.conv3, 3), second=self.conv(self.conv3, 3)
            ),
            pooled=Sequential(pool=AvgPool(3, 1, 1), project=self.conv(self.pool)),
        )
        return _joined(net, x, branches)


@block("inception_factorised")
class InceptionFactorised(InceptionBase):
    """Inception with n × n windows as 1 × n and n × 1 (Szegedy et al., 2016, fig. 6). (C, H, W) → (C', H, W).

    Args:
        inner: channels inside the two branches of factorised convolutions.
        channels: output channels of each of the four branches.
        kernel: n; 7 in the paper.
        width, norm, activation: as of :class:`InceptionModule`.
    """

    inner: int
    channels: int = 192
    kernel: int = 7
    width: float = 1.0
    norm: Block = BatchNorm()
    activation: Block = ReLU()

    def wire(self, net: Wiring, x: Value) -> Value:
        n = self.kernel
        branches = Branches(
            point=self.conv(self.channels),
            single=Sequential(
                reduce=self.conv(self.inner), wide=self.conv(self.inner, (1, n)), tall=self.conv(self.channels, (n, 1))
            ),
            deep=Sequential(
                self.conv(self.inner), *self.factors(self.inner, 3, tall=True), self.conv(self.channels, (1, n))
            ),
            pooled=Sequential(pool=AvgPool(3, 1, 1), project=self.conv(self.channels)),
        )
        return _joined(net, x, branches)


@block("inception_expanded")
class InceptionExpanded(InceptionBase):
    """Inception with 1 × n and n × 1 side by side (Szegedy et al., 2016, fig. 7). (C, H, W) → (C', H, W).

    For the coarsest grids, where it makes high-dimensional representations.

    Args:
        point, reduce3, conv3, pool: channels of the 1 × 1, before the 3 × 3, of all other convolutions, after pooling.
        kernel: n; 3 in the paper.
        width, norm, activation: as of :class:`InceptionModule`.
    """

    point: int = 320
    reduce3: int = 448
    conv3: int = 384
    pool: int = 192
    kernel: int = 3
    width: float = 1.0
    norm: Block = BatchNorm()
    activation: Block = ReLU()

    def wire(self, net: Wiring, x: Value) -> Value:
        wide, tall = self.factors(self.conv3, 2)
        split = Branches(wide=wide, tall=tall)
        branches = Branches(
            point=self.conv(self.point),
            single=Sequential(reduce=self.conv(self.conv3), split=split),
            deep=Sequential(reduce=self.conv(self.reduce3), conv=self.conv(self.conv3, 3), split=split),
            pooled=Sequential(pool=AvgPool(3, 1, 1), project=self.conv(self.pool)),
        )
        return _joined(net, x, branches)


@block("inception_reduction")
class InceptionReduction(InceptionBase):
    """Halves the grid by strided convolutions beside pooling (Szegedy et al., 2016, fig. 10).

    (C, H, W) → (C', ⌊(H - 1)/2⌋, ⌊(W - 1)/2⌋), where C' is ``direct + deep + C``.

    Args:
        direct: channels of the strided 3 × 3.
        deep: channels of the other branch: its window, then its strided 3 × 3.
        reduce: channels of a 1 × 1 before the first branch's 3 × 3; 0 leaves it out.
        inner: channels of the 1 × 1 that starts the other branch.
        kernel: the other branch's window: 3 × 3, or 1 × n and n × 1 for a larger n.
        width, norm, activation: as of :class:`InceptionModule`.
    """

    direct: int
    deep: int
    reduce: int = 0
    inner: int = 64
    kernel: int = 3
    width: float = 1.0
    norm: Block = BatchNorm()
    activation: Block = ReLU()

    def wire(self, net: Wiring, x: Value) -> Value:
        window = (self.conv(self.deep, 3),) if self.kernel <= 3 else self.factors(self.deep, 2)
        before = (self.conv(self.reduce),) if self.reduce else ()
        branches = Branches(
            single=Sequential(*before, self.conv(self.direct, 3, 2)),
            deep=Sequential(self.conv(self.inner), *window, self.conv(self.deep, 3, 2)),
            pooled=MaxPool(3, 2),
        )
        return _joined(net, x, branches)


@block("auxiliary_heads")
class AuxiliaryHeads(Composite):
    """Parts in a row, with classifiers for training on what they give (Szegedy et al., 2015, section 5).

    Gives the last part's value and, with ``aux``, each head's: outputs ``output``, ``aux1``, ``aux2``, ...

    Args:
        parts: the network, cut where a head stands.
        heads: head i takes what part i gives; there is at least one part more.
        aux: off, the heads are left out, as in the deployed network.
    """

    parts: tuple[Block, ...]
    heads: tuple[Block, ...]
    aux: bool = True

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs where this is a whole network."""
        return ("output", *(f"aux{i + 1}" for i in range(len(self.heads))))

    def validate(self) -> None:
        if not len(self.parts) > len(self.heads):
            raise SpaceError(
                f"auxiliary_heads.heads: fewer than parts, for the last part gives the output; got {len(self.heads)} "
                f"heads for {len(self.parts)} parts; cut the network into more parts, or leave a head out"
            )

    @property
    def row(self) -> Callable[[], tuple[tuple[str, Block], ...]] | None:
        """Without heads, the parts are all there is."""
        return None if self.aux else lambda: tuple((f"parts.{i}", part) for i, part in enumerate(self.parts))

    def wire(self, net: Wiring, x: Value) -> tuple[Value, ...]:
        made: list[Value] = []
        for i, part in enumerate(self.parts):
            x = net(part, x, name=f"parts.{i}")
            if i < len(self.heads):
                made.append(net(self.heads[i], x, name=f"heads.{i}"))
        return (x, *made)
