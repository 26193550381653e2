"""DeepSets: networks over sets, whatever the order of the elements.

Generalises DeepSets: each element is mapped, by itself or by permutation-equivariant layers that see the whole set; the
set is summed up by sum, mean or maximum; the result is mapped to the output. Open are the depth and the widths of both
parts, the kind of each layer over the elements, what the layers and the end pool by, the activation and dropout, and
the number of points. `space` classifies clouds of points, `digits` adds up the digits of a text; what a sum
over the set learns there also holds for sets longer than those it was trained on.

Papers: Zaheer et al. (2017), "Deep sets", theorem 2, eq. 4, sections 4.1.3 and 4.2.1; Qi et al. (2017a), "PointNet",
for the maximum.
Input: 100, 1,000 or 5,000 points of 3 coordinates; of `digits`, sets of 10 digits.
Task: classification into 40 classes (ModelNet40); of `digits`, one number (their sum).
Counts: derived: an equivariant layer of m features onto H has H (2 m + 1), where its two maps are one H (m + 1). Point
clouds, three layers and one after the pool: H 7 + 2 H (2 H + 1) + H (H + 1) + 40 (H + 1), for H = 256 `deepsets_1000`
340,520. Digits, a vector of E for each of 11 ids, one map onto H: 11 E + H (E + 1) + H + 1, for E = 100 and H = 30
`digit_sum` 4,161.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, Sequence, Space, Tokens, choice, repeat
from nasengine.blocks import (
    ELU,
    Dropout,
    Embedding,
    EquivariantLayer,
    GlobalPool,
    Linear,
    ReLU,
    Sequential,
    Tanh,
)
from nasengine.space import Label


def element(widths: tuple[int, ...], activation: Block) -> Block:
    """A layer over the elements: all alike by themselves, or each with a view of the set."""
    return Sequential(
        map=choice(
            EquivariantLayer(
                choice(*widths), choice("max", "average", name="context"), choice(False, True, name="shared")
            ),
            Linear(choice(*widths)),
        ),
        act=activation,
    )


def whole(widths: tuple[int, ...], activation: Block) -> Block:
    """A layer after the pool."""
    return Sequential(drop=Dropout(choice(0.0, 0.5, name="dropout")), map=Linear(choice(*widths)), act=activation)


def deepsets(
    points: tuple[int, ...] = (16,),
    outputs: int = 4,
    *,
    widths: tuple[int, ...] = (16, 24, 32),
    elements: tuple[int, ...] = (1, 2, 3),
    wholes: tuple[int, ...] = (0, 1),
    name: str = "sets-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for numbers of points and of classes.

    Args:
        points: elements of a set, each of 3 coordinates.
        widths: of every layer, to choose from.
        elements, wholes: numbers of layers before and after the pool.
    """
    activation = choice(ReLU(), Tanh(), ELU(), name="activation")
    network = Sequential(
        elements=repeat(element(widths, activation), choice(*elements)),
        pool=GlobalPool(choice("max", "average", "sum")),
        whole=repeat(whole(widths, activation), choice(*wholes)),
        head=Sequential(drop=Dropout(choice(0.0, 0.5, name="dropout")), classify=Linear(outputs)),
    )
    return Space(name, inputs=Sequence(choice(*points), 3), network=network, references=references)


def digit_sums(
    length: int = 6,
    *,
    features: tuple[int, ...] = (8, 16),
    widths: tuple[int, ...] = (16, 24, 32),
    elements: tuple[int, ...] = (1, 2),
    wholes: tuple[int, ...] = (0, 1),
    name: str = "digits-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for sets of ``length`` digits; id 0 stands for none. Arguments as of :func:`deepsets`.

    Args:
        features: of a digit's vector.
    """
    activation = choice(ReLU(), Tanh(), ELU(), name="activation")
    network = Sequential(
        embed=Embedding(11, choice(*features)),
        elements=repeat(element(widths, activation), choice(*elements)),
        pool=GlobalPool(choice("sum", "average", "max")),
        whole=repeat(whole(widths, activation), choice(*wholes)),
        head=Linear(1),
    )
    return Space(name, inputs=Tokens(length, 11), network=network, references=references)


def clouds(points: int, width: int, context: str = "max", shared: bool = False) -> dict[str, Label]:
    """Decisions of a network for clouds as the published code makes it."""
    return {
        "inputs.length": points, "elements.times": 3, "whole.times": 1, "elements.*.map": "equivariant_layer",
        "*.features": width, "context": context, "shared": shared, "activation": "tanh", "dropout": 0.5,
        "pool.kind": "max",
    }  # fmt: skip


REFERENCES = {
    "deepsets_100": clouds(100, 256),
    "deepsets_1000": clouds(1_000, 256),
    "deepsets_5000": clouds(5_000, 512),
    "deepsets_1000_shared": clouds(1_000, 256, shared=True),
    "deepsets_1000_mean": clouds(1_000, 256, "average"),
}
DIGITS: dict[str, Label] = {
    "embed.features": 100, "elements.times": 1, "elements.*.map": "linear", "elements.*.features": 30,
    "activation": "tanh", "pool.kind": "sum", "whole.times": 0,
}  # fmt: skip

space = deepsets(
    (100, 1_000, 5_000),
    40,
    widths=(32, 64, 128, 256, 512),
    elements=(1, 2, 3, 4, 5),
    wholes=(0, 1, 2),
    name="sets",
    references=REFERENCES,
)
digits = digit_sums(
    10,
    features=(10, 20, 50, 100, 200),
    widths=(10, 20, 30, 50, 100),
    elements=(1, 2, 3),
    wholes=(0, 1, 2),
    name="digits",
    references={"digit_sum": DIGITS},
)
small = deepsets()
digits_small = digit_sums()
