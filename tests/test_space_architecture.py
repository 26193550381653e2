"""An architecture is plain data: written, read elsewhere, the same."""

# ruff: noqa: E501 - tables of cases, a case a line

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import Leaf, Pair, Row, spaces

from nasengine import Architecture, Features, Image, Network, Space, choice, uniform
from nasengine.errors import SpaceError, TagError
from nasengine.space import fingerprint, from_json, spec_from_json, to_json

HERE = Path(__file__).parent


def one(network: object) -> Space:
    return Space("s", inputs=Features(4), network=network)  # type: ignore[arg-type]


@settings(max_examples=150)
@given(spaces())
def test_json_round_trip(space: Space) -> None:
    for seed in range(3):
        member = space.sample(seed)
        text = json.dumps(member.to_json())
        for again in (text, json.dumps(json.loads(text), sort_keys=True)):
            read = Architecture.from_json(json.loads(again))
            assert read == member
            assert hash(read) == hash(member)
            assert read.fingerprint == member.fingerprint
            assert read.to_json() == member.to_json()


READER = """
import json, sys
import strategies
from nasengine import Architecture, Space
for line in sys.stdin:
    record = json.loads(line)
    read = Architecture.from_json(record)
    assert not any(m == "torch" or m.startswith("torch.") for m in sys.modules)
    print(json.dumps([read.to_json(), read.fingerprint]))
"""


def test_records_read_alike_in_a_fresh_interpreter() -> None:
    space = one(
        Row((choice(2, 0.5, True, None, "x", labels=tuple("abcde")), uniform(0, 1), Leaf(choice((1, 2), (3, 4)))))
    )
    members = [space.sample(seed) for seed in range(20)]
    lines = "\n".join(json.dumps(m.to_json(), sort_keys=True) for m in members)
    out = subprocess.run(
        [sys.executable, "-c", READER], input=lines, capture_output=True, text=True, cwd=HERE, check=True, timeout=60
    )
    for member, line in zip(members, out.stdout.splitlines(), strict=True):
        record, digest = json.loads(line)
        assert Architecture.from_json(record) == member
        assert digest == member.fingerprint


def test_the_record_in_full() -> None:
    space = Space(
        "golden", inputs=Image(3, choice(24, 32)), network=Pair(Leaf(choice(1, 2)), choice(Leaf(0), Row(()))), recipe=Leaf(uniform(0, 1))
    )  # fmt: skip
    member = space.decode({"inputs.height": 32, "left.value": 2, "right": "test_row", "recipe.value": 0.25})
    image = {"type": "image", "channels": 3, "height": 32, "width": None}
    body = {"type": "test_pair", "left": {"type": "test_leaf", "value": 2}, "right": {"type": "test_row", "items": []}}
    assert member.to_json() == {
        "format": "nasengine.architecture/1",
        "space": "golden",
        "networks": {"network": {"type": "network", "body": body, "inputs": [["input", image]], "deployed": True}},
        "recipe": {"type": "test_leaf", "value": 0.25},
        "decisions": {"inputs.height": 32, "left.value": 2, "right": "test_row", "recipe.value": 0.25},
    }


GOLDEN_FINGERPRINT = "0b87f8c31b59dd52fad9163da53ef2421feadcc64223e9e2fa9db58e4f021607"


def test_fingerprints_are_for_ever() -> None:
    assert fingerprint({"b": [1, 2.5, None, True, "ü"], "a": {}}) == (
        "b05aa6cf133b2f9323169484b52386743ecc5deb5a9a24f7ff1449650bd1bfbe"
    )
    space = Space("golden", inputs=Features(4), network=Row((Leaf(choice(1, 2, name="k")), choice(3, 5))))
    assert space.fingerprint == GOLDEN_FINGERPRINT
    assert Leaf(3).fingerprint == fingerprint({"type": "test_leaf", "value": 3})


def test_fingerprint_tells_definitions_apart() -> None:
    spaces = [
        one(Leaf(choice(1, 2))), one(Leaf(choice(2, 1))), one(Leaf(choice(1, 2, name="k"))), one(Leaf(choice(1, 2.0))),
        one(Leaf(choice(1, 2, labels=("a", "b")))), one(Leaf(1)), one(Leaf(True)), one(Leaf(uniform(1, 2))),
        Space("t", inputs=Features(4), network=Leaf(choice(1, 2))), Space("s", inputs=Features(5), network=Leaf(choice(1, 2))),
        one(Leaf(choice(1, 2))).with_recipe(Leaf(choice(1, 2))),
    ]  # fmt: skip
    assert len({space.fingerprint for space in spaces}) == len(spaces)
    assert one(Leaf(choice(1, 2))).fingerprint == spaces[0].fingerprint


def test_equal_is_not_the_same_as_equal_in_python() -> None:
    """1, 1.0 and True are three values in JSON, so they are here, whichever a process met first."""
    members = [one(Pair(value, choice(1, 2)))[0] for value in (1, 1.0, True)]
    assert len(set(members)) == 3
    assert [m.to_json()["networks"]["network"]["body"]["left"] for m in members] == [1, 1.0, True]
    assert [type(m.networks["network"].body.left) for m in members] == [int, float, bool]
    assert len({m.fingerprint for m in members}) == 3
    assert Pair((1, 2)) != Pair((True, 2))


def test_subclasses_of_plain_values_become_plain() -> None:
    leaf = Leaf([np.float64(0.5), np.int64(3), np.bool_(True), [np.float32(1)]])
    assert leaf == Leaf((0.5, 3, True, (1.0,)))
    assert [type(v) for v in leaf.value] == [float, int, bool, tuple]
    assert choice(np.int64(3), 5).labels == (3, 5)  # type: ignore[attr-defined]


def test_architectures_compare_by_content() -> None:
    space = one(Leaf(choice(1, 2)))
    assert space[0] == space[0]
    assert space[0] != space[1]
    assert space[0] != "something else"
    assert len({space[0], space[0], space[1]}) == 2
    assert space[0] != Space("t", inputs=Features(4), network=Leaf(choice(1, 2)))[0]
    assert repr(space[1]) == "Architecture('s', {'value': 2})"


def test_architectures_can_be_copied_and_sent_to_our_own_workers() -> None:
    member = one(Pair(choice(1, 2), uniform(0, 1))).sample(0)
    assert copy.deepcopy(member) == member
    assert pickle.loads(pickle.dumps(member)) == member  # noqa: S301 - what was just pickled


def test_decisions_and_networks_cannot_be_changed() -> None:
    member = one(Leaf(choice(1, 2)))[0]
    with pytest.raises(TypeError):
        member.decisions["value"] = 2  # type: ignore[index]
    with pytest.raises(TypeError):
        member.networks["network"] = None  # type: ignore[index]
    with pytest.raises(AttributeError):
        member.networks["network"].body.value = 3


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "architecture: the format is 'nasengine.architecture/1'; got list; write it with to_json()"),
        ({}, "architecture: the format is 'nasengine.architecture/1'; got None; write it"),
        ({"format": "nasengine.architecture/2"}, "got 'nasengine.architecture/2'"),
        ({"format": "nasengine.architecture/1", "space": "s"}, "a record of 'nasengine.architecture/1' has 'networks'; it is missing"),
        (
            {"format": "nasengine.architecture/1", "space": "s", "networks": {"network": {"type": "test_leaf", "value": 1}}},
            "architecture: networks.network is a 'network'; got 'test_leaf'",
        ),
    ],
)  # fmt: skip
def test_wrong_records_are_refused(data: Any, message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        Architecture.from_json(data)
    assert message in str(caught.value)


def test_unknown_tags_name_the_remedy() -> None:
    record = one(Leaf(choice(1, 2)))[0].to_json()
    record["networks"]["network"]["body"] = {"type": "never_defined", "value": 1}
    with pytest.raises(TagError) as caught:
        Architecture.from_json(record)
    assert str(caught.value) == (
        "'never_defined': no imported class carries this tag, and it is none of the built-in ones; import the module "
        "that defines it first (on the command line: --import MODULE)"
    )


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ({"value": 1}, TagError, "a spec's JSON needs a 'type'; got the keys value"),
        ({}, TagError, "a spec's JSON needs a 'type'; got the keys (none)"),
        ({"type": "test_leaf", "width": 1}, SpaceError, "test_leaf: no field named width; the fields are value"),
        ({"type": "test_pair"}, SpaceError, "test_pair: the field 'left' is missing and has no default"),
    ],
)
def test_wrong_spec_records_are_refused(data: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        spec_from_json(data)
    assert str(caught.value) == message


def test_missing_fields_take_their_defaults() -> None:
    assert spec_from_json({"type": "test_leaf"}) == Leaf(0)


def test_open_specs_have_no_json() -> None:
    with pytest.raises(
        SpaceError, match=r"choice\(1, 2\): only closed specs have a JSON form; resolve the space first"
    ):
        to_json(Leaf(choice(1, 2)))
    assert from_json([1, [2, None]]) == (1, (2, None))


def test_network_holds_pairs_of_names_and_specs() -> None:
    with pytest.raises(SpaceError, match=r"network.inputs: \(name, input spec\) pairs; got 'x'; write"):
        Network(Leaf(1), ("x",))
    with pytest.raises(
        SpaceError, match=r"network\.inputs: an input's name is a Python identifier, no keyword and not self; got 'a b'"
    ):
        Network(Leaf(1), (("a b", Features(4)),))
