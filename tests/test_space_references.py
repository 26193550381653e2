"""Published members by pattern, and architectures on inputs of other sizes."""

from __future__ import annotations

import pytest

from nasengine import Features, Image, Sequence, Space, choice, repeat
from nasengine.blocks import Conv, GlobalPool, Linear, Sequential
from nasengine.errors import DecisionError, SpaceError


def space(**references: dict[str, object]) -> Space:
    block = Conv(choice(4, 8), kernel=choice(3, 5))
    network = Sequential(body=repeat(block, choice(1, 2, 3)), head=Sequential(GlobalPool(), Linear(choice(2))))
    return Space("patterned", inputs=Image(3, 8), network=network, references=references)  # type: ignore[arg-type]


def test_a_path_comes_before_patterns_and_of_patterns_the_last() -> None:
    chosen = {"*.kernel": 3, "body.times": 3, "*.channels": 4, "body.*.channels": 8, "body.blocks.1.channels": 4}
    member = space().select(chosen)
    assert dict(member.decisions) == {
        "body.times": 3, "body.blocks.0.channels": 8, "body.blocks.0.kernel": 3, "body.blocks.1.channels": 4,
        "body.blocks.1.kernel": 3, "body.blocks.2.channels": 8, "body.blocks.2.kernel": 3, "head.1.features": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("decisions", "message"),
    [
        ({"body.times": 1, "*.kernel": 3}, "body.blocks.0.channels: no decision and no pattern names this position; "),
        ({"body.times": 1, "*.kernel": 4, "*.channels": 4}, "body.blocks.0.kernel: 4 is not an option; expected one"),
        ({"body.times": 1, "*.kernel": 3, "*.channels": 4, "*.stride": 1}, r"\*\.stride: no position of this member"),
        ({"body.times": 1, "*.kernel": 3, "*.channels": 4, "stem": 1}, "stem: no position of this member"),
    ],
)
def test_what_a_pattern_cannot_be(decisions: dict[str, int], message: str) -> None:
    with pytest.raises(DecisionError, match=message):
        space().select(decisions)
    with pytest.raises(DecisionError, match=f"space 'patterned', reference 'bad': {message}"):
        _ = space(bad=decisions).references


def test_references_are_whole_decisions() -> None:
    found = space(tiny={"*.kernel": 3, "*.channels": 4, "body.times": 1}).references
    assert list(found) == ["tiny"]
    member = space().decode(found["tiny"])
    assert member.cost().params == 4 * (3 * 9 + 1) + 2 * (4 + 1)


def test_the_same_networks_on_other_inputs() -> None:
    network = Sequential(Linear(choice(8, 16)), Linear(2))
    member = Space("s", inputs={"x": Sequence(5, 4)}, network=network).sample(0)
    longer = member.with_inputs(x=Sequence(50, 4))
    assert longer.cost().params == member.cost().params
    assert longer.cost().macs == 10 * member.cost().macs
    assert longer.decisions == member.decisions
    with pytest.raises(SpaceError, match="with_inputs: 'y' is no input; the networks take x"):
        member.with_inputs(y=Features(2))
