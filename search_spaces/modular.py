"""Neural module networks: small modules put together as a question asks.

Generalises the networks that answer questions on images by composing modules: ``find`` (where is it), ``transform``
(elsewhere) and ``combine`` (both) make attentions over the image, ``describe`` and ``measure`` make answers of an
attention. The layout is open: any tree of these modules up to a depth; so are the hidden sizes, the form of each
combination (a convolution, or the product) and what stands before the modules.

Papers: Andreas et al. (2016), "Neural module networks"; Andreas et al. (2016b), "Learning to compose neural networks
for question answering".
Input: features of 512 x 14 x 14, VGG-16's last convolution of images of 3 x 224 x 224 as in the paper.
Task: one of 1,000 answers (or of 2, "yes" and "no", in ``small``).
Counts: on C channels and P positions, find has C + 1 parameters, transform h (P + 1) + P (h + 1) at h hidden, combine 3
or none, describe Y (C + 1) for Y answers, measure h (P + 1) + Y (h + 1). On 512 x 14 x 14 (P 196), h 32 and Y 1000:
what_colour_is_the_tie, describe(find), has 513 + 513,000 = 513,513; what_colour_is_the_hat_above_the_tie,
describe(combine(find, transform(find))), has 2 * 513 + 12,772 + 3 + 513,000 = 526,801;
is_there_a_circle_above_a_square, measure(combine(find, transform(find))), has 1,026 + 12,772 + 3 + 39,304 = 53,105.
"""

from __future__ import annotations

from typing import Any

from nasengine import Block, Image, Space, choice, lazy, repeat
from nasengine.blocks import (
    Combine,
    Conv,
    ConvNormAct,
    Describe,
    Find,
    Identity,
    MaxPool,
    Measure,
    ReLU,
    Sequential,
    Transform,
)
from nasengine.space.spec import Label

Options = tuple[int, ...]


def attention(depth: int, hidden: Options) -> Block:
    """Any module that gives an attention, on modules up to ``depth`` deep."""
    if depth == 0:
        return choice(Find())
    return choice(
        Find(),
        Transform(lazy(attention, depth - 1, hidden), choice(*hidden)),
        Combine(lazy(attention, depth - 1, hidden), lazy(attention, depth - 1, hidden), choice(False, True)),
    )


def answer(depth: int, hidden: Options, answers: int) -> Block:
    """A module that gives an answer."""
    return choice(
        Describe(answers, attention(depth, hidden)),
        Measure(answers, attention(depth, hidden), choice(*hidden)),
    )


Tree = str | tuple[Any, ...]
CHILDREN = {"find": (), "transform": ("attention",), "combine": ("left", "right")}


def layout(tree: Tree, path: str = "root", hidden: int = 32) -> dict[str, Label]:
    """Decisions of a layout: ``("describe", ("combine", "find", ("transform", "find")))``.

    Combinations are convolutions.
    """
    kind, *parts = (tree,) if isinstance(tree, str) else tree
    inside = f"{path}.{kind}"
    found: dict[str, Label] = {path: kind}
    if kind in ("transform", "measure"):
        found[f"{inside}.hidden"] = hidden
    if kind == "combine":
        found[f"{inside}.product"] = False
    for name, part in zip(CHILDREN.get(kind, ("attention",)), parts, strict=True):
        found |= layout(part, f"{inside}.{name}", hidden)
    return found


ABOVE = ("combine", "find", ("transform", "find"))
LAYOUTS: dict[str, Tree] = {
    "what_colour_is_the_tie": ("describe", "find"),
    "what_colour_is_the_hat_above_the_tie": ("describe", ABOVE),
    "is_there_a_circle_above_a_square": ("measure", ABOVE),
}

space = Space(
    "modular",
    inputs=Image(512, 14),
    network=Sequential(
        encoder=choice(Identity(), ConvNormAct(choice(64, 128, 256), choice(1, 3)), labels=("identity", "convolution")),
        root=answer(3, (16, 32, 64), 1000),
    ),
    references={name: {"encoder": "identity", **layout(tree)} for name, tree in LAYOUTS.items()},
)
small = Space(
    "modular-small",
    inputs=Image(3, 12),
    network=Sequential(
        encoder=repeat(Sequential(conv=Conv(choice(8, 16), 3), act=ReLU(), pool=MaxPool(2)), choice(1, 2)),
        root=answer(2, (8, 16), 2),
    ),
)
