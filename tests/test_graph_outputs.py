"""Graphs of several outputs: the part of one, what is active, parameters handed on as values."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch

from nasengine import Composite, Features, Space, Tokens, Value, Wiring, block
from nasengine.blocks import Linear, Project, ReLU, TiedEmbedding
from nasengine.errors import SpaceError
from nasengine.graph.graph import lower
from nasengine.graph.module import build


@block("outputs_two_exits")
class TwoExits(Composite):
    """A head after the first layer and one at the end."""

    width: int = 8
    output_names: ClassVar[tuple[str, ...]] = ("early", "late")
    exits: ClassVar[bool] = True

    def wire(self, net: Wiring, x: Value) -> tuple[Value, Value]:
        y = net(Linear(self.width), x, name="first")
        early = net(Linear(2), y, name="early")
        return early, net(Linear(2), net(ReLU(), net(Linear(self.width), y, name="second"), name="act"), name="late")


@block("outputs_tied")
class Tied(Composite):
    """Ids to scores of ids, one table for both."""

    def wire(self, net: Wiring, ids: Value) -> Value:
        x, table = net(TiedEmbedding(7, 4), ids, name="embed")
        out: Value = net(Project(), net(Linear(4), x, name="map"), table, name="scores")
        return out


def test_a_graph_of_one_output_is_what_that_output_needs() -> None:
    member = Space("exits", inputs=Features(4), network=TwoExits()).sample(0)
    whole, early = lower(member), lower(member).only("early")
    assert list(whole.outputs) == ["early", "late"]
    assert early.cost.params == (4 * 8 + 8) + (8 * 2 + 2)
    assert early.cost.macs == 4 * 8 + 8 * 2
    assert (whole.cost.active_params, whole.cost.active_macs) == (early.cost.params, early.cost.macs)
    assert whole.cost.params == early.cost.params + (8 * 8 + 8) + (8 * 2 + 2)
    assert member.cost() == whole.cost
    full, part = build(whole), build(early)
    part.load_state_dict({key: full.state_dict()[key] for key in part.state_dict()})
    x = torch.randn(3, 4)
    torch.testing.assert_close(part(x), full(x)["early"])
    with pytest.raises(SpaceError, match="'middle': no such output; the graph's outputs are early, late"):
        whole.only("middle")


def test_an_output_has_a_name_of_its_own() -> None:
    member = Space("clash", inputs={"early": Features(4)}, network=TwoExits()).sample(0)
    with pytest.raises(SpaceError, match="early: an input and an output go by one name; rename the input"):
        _ = lower(member).outputs


def test_a_tied_table_counts_once_and_takes_no_activation_memory() -> None:
    member = Space("tied", inputs=Tokens(5, 7), network=Tied()).sample(0)
    assert member.cost().params == 7 * 4 + 4 * 4 + 4
    assert member.cost().macs == 5 * 4 * 4 + 5 * 4 * 7
    assert member.cost().peak_activation_bytes == 4 * (5 * 4 + 5 * 7)  # the map's output and the scores
    network = member.build()
    assert sum(p.numel() for p in network.parameters()) == member.cost().params
    assert list(network.state_dict()) == ["embed.weight", "map.weight", "map.bias"]
    network(torch.randint(0, 7, (2, 5))).sum().backward()
    assert all(p.grad is not None for p in network.parameters())
    assert "class Network" in member.source()


def test_active_is_all_where_nothing_is_routed() -> None:
    cost = Space("plain", inputs=Features(4), network=Linear(3)).sample(0).cost()
    assert (cost.active_params, cost.active_macs) == (cost.params, cost.macs) == (15, 12)


def test_only_keeps_the_types_of_what_it_needs() -> None:
    member = Space("exits", inputs=Features(4), network=TwoExits(3)).sample(0)
    assert lower(member).only("late").outputs == {"output": lower(member).only("late").nodes[-1].outputs[0]}
