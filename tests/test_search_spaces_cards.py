"""Cards of the shipped spaces: what each says of itself, and the page made of them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

import search_spaces
from nasengine import Features, Space
from nasengine.blocks import Linear
from nasengine.cli import app
from nasengine.errors import SpaceError
from nasengine.report.gallery import card_of, gallery

every_family = pytest.mark.parametrize("name", search_spaces.names())


@every_family
def test_a_family_has_a_card_references_and_a_small_variant(name: str) -> None:
    card = card_of(search_spaces.load(name))
    assert card.text
    assert card.small is not None
    assert card.space.references, "a space holds the published networks it generalises"
    assert "20" in card.facts["Papers"] or "19" in card.facts["Papers"]  # a year


def test_the_gallery_is_up_to_date() -> None:
    wanted = gallery(card_of(search_spaces.load(name)) for name in search_spaces.names())
    found = Path(search_spaces.__file__).with_name("README.md").read_text(encoding="utf-8")
    assert found == wanted, "run `make gallery`"


def test_a_terminal_shows_card_and_cost_range() -> None:
    result = CliRunner().invoke(app, ["space", "lenet", "--members", "20"])
    assert result.exit_code == 0
    for part in ("lenet5: 61,706 parameters", "Task:", "Cost of 22 random members", "params"):
        assert part in result.output


def test_an_unknown_family_lists_the_known_ones() -> None:
    result = CliRunner().invoke(app, ["space", "lenett"])
    assert result.exit_code == 2
    assert "one of the shipped families: " in result.output
    assert "there is no such thing" in result.output


def test_a_module_without_a_card_says_what_is_missing() -> None:
    module = ModuleType("search_spaces.bare", "A title.\n\nWhat it is.\n\nPapers: none (1999).\nTask: none.\n")
    with pytest.raises(SpaceError, match=r"bare: a module of spaces defines `space = Space"):
        card_of(module)
    module.space = Space("bare", inputs=Features(2), network=Linear(2))  # type: ignore[attr-defined]
    with pytest.raises(SpaceError, match=r"'Input: \.\.\.', 'Task: \.\.\.'; Input is missing"):
        card_of(module)
