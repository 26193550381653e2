"""Vision transformers: patches as a sequence, a token that stands for the image, windows of attention."""

from __future__ import annotations

from typing import Any, ClassVar

from nasengine.blocks.basic.linear import Linear
from nasengine.blocks.basic.merge import Add
from nasengine.blocks.basic.norm import LayerNorm
from nasengine.blocks.basic.pool import GlobalPool
from nasengine.blocks.basic.scale import Scale
from nasengine.blocks.basic.shape import Patchify, ToImage, ToSequence
from nasengine.blocks.compose import Identity
from nasengine.blocks.transformers.attention import Attention, AttentionCore
from nasengine.blocks.transformers.position import LearnedPositions
from nasengine.blocks.transformers.tokens import PrependTokens, Take
from nasengine.blocks.transformers.transformer import FeedForward, TransformerLayer
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Block, Call, Composite, Parameter, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring


@block("vision_transformer")
class VisionTransformer(Composite):
    """Patches, tokens in front, positions, layers, a head (ViT; Dosovitskiy et al., 2021, eq. 1 to 4).

    (C, H, W) → (classes).

    Args:
        patch: side of a patch.
        features: size of a patch's vector.
        layers: a row of blocks.
        classes: of the head; 0 gives the features before it.
        pool: ``"token"`` reads the class token, ``"mean"`` the mean of the patches (and there is no token).
        distil: a second token with a head of its own, which learns from a teacher (DeiT; Touvron et al., 2021, fig. 2);
            the output is the mean of both heads.
        norm: before the head.
        positions: added to the patches and tokens.
        first_norm: of what comes into the first layer (CLIP).
        patch_bias: a learned constant of the patches' map.
    """

    patch: int
    features: int
    layers: Block
    classes: int = 1000
    pool: str = "token"
    distil: bool = False
    norm: Block = LayerNorm(eps=1e-6)
    positions: Block = LearnedPositions()
    first_norm: Block = Identity()
    patch_bias: bool = True

    def validate(self) -> None:
        if self.pool not in ("token", "mean") or (self.distil and self.pool != "token"):
            raise SpaceError(
                "vision_transformer.pool: 'token' or 'mean', and 'token' to distil; "
                f"got {self.pool!r} with distil={self.distil}"
            )

    def wire(self, net: Wiring, image: Value) -> Value:
        x = net(Patchify(self.patch, self.features, bias=self.patch_bias), image, name="patches")
        if self.pool == "token":
            x = net(PrependTokens(2 if self.distil else 1), x, name="tokens")
        x = net(self.first_norm, net(self.positions, x, name="positions"), name="first_norm")
        x = net(self.layers, x, name="layers")
        x = net(self.norm, x, name="norm")
        first = net(Take(0), x, name="token") if self.pool == "token" else net(GlobalPool(), x, name="pool")
        if not self.classes:
            return first  # type: ignore[no-any-return]
        made: Value = net(Linear(self.classes), first, name="head")
        if not self.distil:
            return made
        other = net(Linear(self.classes), net(Take(1), x, name="second_token"), name="second_head")
        both: Value = net(Scale(0.5), net(Add(), made, other, name="heads"), name="mean")
        return both


@block("window_dot_product")
class WindowDotProduct(AttentionCore):
    """Dot-product attention inside windows of an image, with a learned bias for each offset (Swin; Liu et al., 2021).

    (T = height * width, F) three times → (T, F). MACs grow with T. Equations 1 and 4, figures 2 and 4 of the paper.

    Args:
        height: rows of the image that the sequence holds.
        window: side of a window; where it does not divide the image, the rest is padded and masked.
        shift: windows are moved by so much, cyclically, and what was not together is masked.
        heads, kv_heads: 0 takes those of the attention that holds it.
    """

    height: int
    window: int = 7
    shift: int = 0
    heads: int = 0
    kv_heads: int = 0

    def validate(self) -> None:
        if self.height < 1 or self.window < 1 or not 0 <= self.shift < self.window:
            raise SpaceError(
                "window_dot_product: height and window >= 1, 0 <= shift < window; "
                f"got {self.height}, {self.window}, {self.shift}"
            )

    def infer(self, *inputs: TensorType) -> TensorType:
        length, sources, _, _ = self.sizes(*inputs)
        if length != sources or length % self.height or self.kv_heads not in (0, self.heads):
            raise ShapeError(
                f"window_dot_product: one sequence of whole rows, all heads alike; got {inputs[0]!r} and {inputs[1]!r} "
                f"for {self.height} rows, {self.heads} and {self.kv_heads} heads"
            )
        return super().infer(*inputs)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        offsets = Axis("offsets", ((2 * self.window - 1) ** 2,))
        return (Parameter("bias", (offsets, Axis("heads", (self.heads,)))),)

    def on_zero(self) -> str:
        return "kept"

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        length, _, key, value = self.sizes(*inputs)
        sides = (self.height, length // self.height)
        windows = -(-sides[0] // self.window) * -(-sides[1] // self.window)
        return int(self.heads * windows * self.window**4 * (key + value))

    def call(self, *inputs: TensorType) -> Call:
        sides = (self.height, inputs[0].shape[0] // self.height)
        extra: dict[str, Any] = {"shift": self.shift} if self.shift else {}
        return module("nasengine.modules.window_attention.WindowDotProduct", self.heads, *sides, self.window, **extra)


@block("space_to_depth")
class SpaceToDepth(Primitive):
    """Squares of neighbours as channels (patch merging; Liu et al., 2021, section 3.1). (C, H, W) → (4 C, H/2, W/2).

    The four neighbours come one after another: upper left, lower left, upper right, lower right.
    """

    zero: ClassVar = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if x.axes != "CHW" or x.shape[1] % 2 or x.shape[2] % 2:
            raise ShapeError(f"space_to_depth: an image of even sides; got {x!r}; pad it, or resample it")
        return x.with_channels(4 * x.channels, (x.shape[1] // 2, x.shape[2] // 2))

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.window_attention.SpaceToDepth")


@block("swin_stage")
class SwinStage(Composite):
    """Layers with plain and shifted windows in turn, merged patches before them (Liu et al., 2021, fig. 3).

    (C, H, W) → (features, H, W), or (features, H/2, W/2) where it merges.

    Args:
        features: of the stage.
        depth: number of layers; every second one has shifted windows.
        each: features of a head.
        window: side of a window; no more than the image's.
        ratio: hidden features of the feed-forward network over ``features``.
        merge: begin by merging squares of patches.
        norm: of each layer and of the merged patches.
        drop_path: of each layer, in training.
    """

    features: int
    depth: int
    each: int = 32
    window: int = 7
    ratio: float = 4
    merge: bool = True
    norm: Block = LayerNorm()
    drop_path: float = 0.0

    def validate(self) -> None:
        if self.depth < 1 or self.each < 1 or self.features % self.each:
            raise SpaceError(
                "swin_stage: depth >= 1 and features a multiple of each; "
                f"got depth={self.depth}, features={self.features}, each={self.each}"
            )

    def layer(self, height: int, width: int, number: int) -> Block:
        """The layer of this number."""
        window = min(self.window, height, width)
        shifted = number % 2 == 1 and window < max(height, width)
        core = WindowDotProduct(height, window, window // 2 if shifted else 0)
        attention = Attention(head_features=self.each, core=core)
        return TransformerLayer(attention, FeedForward(self.ratio), norm=self.norm, drop_path=self.drop_path)

    def wire(self, net: Wiring, x: Value) -> Value:
        image = net(SpaceToDepth(), x, name="neighbours") if self.merge else x
        height, width = image.spatial
        y = net(ToSequence(), image, name="sequence")
        if self.merge:
            y = net(Linear(self.features, bias=False), net(self.norm, y, name="merge_norm"), name="merge")
        for i in range(self.depth):
            y = net(self.layer(height, width, i), y, name=f"layers.{i}")
        made: Value = net(ToImage(height), y, name="image")
        return made
