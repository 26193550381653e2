"""Object detection in one stage: RetinaNet, and DETR.

Two spaces. The main one generalises RetinaNet on a feature pyramid: the backbone's kind of block (basic, bottleneck,
wide, grouped), depths, width, kernel, stem, norm, activation and squeeze-excite are open; so are the pyramid's
channels, norm and kernel and what its two coarser levels are made of, and of each head, whose weights all levels
share, the depth, norm and activation. The outputs are class logits and box offsets for every anchor, nine at each
position of five levels, from fine to coarse; anchors themselves, decoding and suppression have no parameters and are
no part of the network.

``detr`` generalises DETR: a transformer encodes the last map of such a backbone, and a decoder turns a fixed number of
learned queries into a set of objects, each a class or none and a box. Open are the backbone, whether its last stage
dilates (DC5), depths, width, heads, hidden size, norms and activation of the transformer, the number of
queries, whether positions are normalised to the image, and the depth of the box network. Matching and losses have no
parameters and are no part of the network.

Papers: Lin et al. (2017), "Focal loss for dense object detection"; Lin et al. (2017), "Feature pyramid networks for
object detection"; Zhang et al. (2020) for the second version's recipe; Carion et al. (2020), "End-to-end object
detection with transformers", appendix A.

Input: images of 3 x 800 x 800 (also 3 x 512 x 512).

Task: objects of 91 classes and their boxes (COCO).

Counts: RetinaNet's are those of the published code. DETR's are derived, with d = 256 features and f = 2048 hidden
ones: an attention has 4 d (d + 1) = 263,168 parameters, a feed-forward network 2 d f + f + d = 1,050,880, a norm 2 d
= 512. An encoder layer, one attention, one network and two norms, has 1,315,072; a decoder layer, of one more
attention and norm, 1,578,752. Six of each and the last norm make 17,363,456; the projection of 2048 channels 524,544,
100 queries 25,600, the map to 92 classes 23,644, the three of the boxes 2 d (d + 1) + 4 (d + 1) = 132,612: 18,069,856
beside the backbone. The convolutions of ResNet-50 have 23,454,912, of ResNet-101 42,394,816; batch norms are fixed,
and no parameters. So `detr_r50` has 41,524,768 and `detr_r101` 60,464,672, with a dilated last stage as well. The
published 41,302,368 (41 M) leaves out the stem's 9,408 and the first stage's 212,992, which that training recipe
keeps fixed too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nasengine import Block, Image, Space, choice, repeat
from nasengine.blocks import (
    DETR,
    GELU,
    AnchorHead,
    Attention,
    BatchNorm,
    DotProduct,
    FeaturePyramid,
    FeedForward,
    GroupNorm,
    Identity,
    LayerNorm,
    ReLU,
    RetinaNet,
    SiLU,
    SinePositions,
    Stack,
    TransformerLayer,
)
from nasengine.space.spec import Label
from search_spaces._resnet import SIZES, backbone, resnet_decisions

TAPS = (2, 3, 4)


def references() -> dict[str, dict[str, Label]]:
    """RetinaNet on every ResNet, as torchvision has it, and its second version on ResNet-50."""
    plain: dict[str, Label] = {"pyramid.channels": 256, "pyramid.kernel": 3, "pyramid.norm": "identity"}
    plain |= {"*.depth": 4, "head_activation": "relu", "resolution": 800}
    first: dict[str, Label] = {**plain, "pyramid.extra": "output", "head_norm": "identity"}
    second: dict[str, Label] = {**plain, "pyramid.extra": "input", "head_norm": "group_norm"}
    made = {
        f"retinanet_{body.replace('resnet', 'r')}_fpn": resnet_decisions(body, "frozen_batch_norm") | first
        for body in SIZES
    }
    return made | {"retinanet_r50_fpn_v2": resnet_decisions("resnet50") | second}


def retinanet(
    classes: int = 91,
    *,
    sizes: Sequence[int] = (512, 800),
    body: Block,
    channels: Sequence[int] = (64, 128, 256),
    norm_groups: int = 32,
    anchors: int = 9,
    depths: Sequence[int] = (2, 3, 4),
    references: Mapping[str, Mapping[str, Label]] | None = None,
    name: str = "retinanet",
) -> Space:
    """The space for a number of classes and square images.

    Args:
        body: an open backbone.
        channels: of pyramid and heads, as options.
        norm_groups: of group norm; it divides the channels.
        anchors: at each position.
        depths: convolutions of a head, as options.
    """
    norm = choice(Identity(), BatchNorm(), GroupNorm(norm_groups))
    pyramid = FeaturePyramid(choice(*channels), choice("output", "input"), choice(1, 3), norm)
    ends = (
        choice(Identity(), GroupNorm(norm_groups), name="head_norm"),
        choice(ReLU(), SiLU(), name="head_activation"),
    )
    heads = [AnchorHead(outputs, anchors, choice(*depths), *ends) for outputs in (classes, 4)]
    inputs = Image(3, choice(*sizes, name="resolution"))
    return Space(name, inputs=inputs, network=RetinaNet(body, pyramid, *heads), references=references)


def detr_references() -> dict[str, dict[str, Label]]:
    """DETR on two ResNets, with and without a dilated last stage (Carion et al., 2020, table 1)."""
    plain: dict[str, Label] = {"features": 256, "heads": 8, "hidden": 2048, "pre_norm": False, "dropout": 0.1}
    plain |= {"encoder_depth": 6, "decoder_depth": 6, "queries": 100, "box_layers": 3, "resolution": 800}
    plain |= {"positions": "normalised", "transformer_activation": "relu", "encoder_norm": "identity"}
    return {
        f"detr_{body.replace('resnet', 'r')}{'_dc5' if dilated else ''}": resnet_decisions(body, "frozen_batch_norm")
        | plain
        | {"dilated": dilated}
        for body in ("resnet50", "resnet101")
        for dilated in (0, 1)
    }


def set_prediction(
    classes: int = 91,
    *,
    sizes: Sequence[int] = (512, 800),
    body: Block,
    features: Sequence[int] = (128, 256, 384),
    heads: Sequence[int] = (4, 8),
    hidden: Sequence[int] = (1024, 2048),
    depths: Sequence[int] = (2, 3, 4, 6),
    queries: Sequence[int] = (100, 200, 300),
    references: Mapping[str, Mapping[str, Label]] | None = None,
    name: str = "detr",
) -> Space:
    """DETR for a number of classes and square images.

    Args:
        body: an open backbone that gives one map.
        features: of the transformer, as options; 4 and every number of heads divide them.
        heads, hidden, depths, queries: options.
    """
    dropout = choice(0.0, 0.1, name="dropout")
    attention = Attention(choice(*heads, name="heads"), core=DotProduct(dropout=dropout), places=True)
    activation = choice(ReLU(), GELU(), name="transformer_activation")
    network = FeedForward(hidden=choice(*hidden, name="hidden"), activation=activation, dropout=dropout)
    pre_norm = choice(False, True, name="pre_norm")

    def layers(part: str, cross: Block) -> Block:
        layer = TransformerLayer(attention, network, cross, pre_norm=pre_norm, dropout=dropout)
        return repeat(layer, choice(*depths, name=f"{part}_depth"))

    return Space(
        name,
        inputs=Image(3, choice(*sizes, name="resolution")),
        network=DETR(
            body,
            Stack(layers("encoder", Identity()), norm=choice(Identity(), LayerNorm(), name="encoder_norm")),
            Stack(layers("decoder", attention), norm=LayerNorm()),
            classes,
            choice(*features, name="features"),
            choice(*queries, name="queries"),
            choice(SinePositions(), SinePositions(normalised=False), labels=("normalised", "plain")),
            choice(1, 2, 3, name="box_layers"),
        ),
        references=references,
    )


space = retinanet(body=backbone(taps=TAPS), references=references())
small = retinanet(
    4,
    sizes=(32, 48),
    body=backbone(
        taps=TAPS,
        depths=((1, 2), (1, 2), (1,), (1,)),
        widths=(4, 6),
        kernels=(3,),
        groups=2,
        grouped=(2, 4),
        norm_groups=2,
        large=False,
    ),
    channels=(8, 16),
    norm_groups=4,
    anchors=2,
    depths=(1, 2),
    name="retinanet-small",
)
detr = set_prediction(
    body=backbone(taps=(4,), dilated=choice(0, 1, name="dilated")),
    references=detr_references(),
)
detr_small = set_prediction(
    4,
    sizes=(32, 48),
    body=backbone(
        taps=(4,),
        dilated=choice(0, 1, name="dilated"),
        depths=((1, 2), (1,), (1,), (1,)),
        widths=(4, 6),
        kernels=(3,),
        groups=2,
        grouped=(2, 4),
        norm_groups=2,
        large=False,
    ),
    features=(8, 16),
    heads=(2, 4),
    hidden=(16, 32),
    depths=(1, 2),
    queries=(3, 5),
    name="detr-small",
)
