"""Cards of search spaces, read from the docstrings of their modules, and the gallery page made of them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

from nasengine.errors import SpaceError
from nasengine.graph import Cost, screen
from nasengine.space import Space
from nasengine.space.describe import size_text

KEYS = ("Papers", "Input", "Task")
MORE = ("Counts",)


@dataclass(frozen=True)
class SpaceCard:
    """What a module of spaces says of itself.

    Args:
        name: the module's name.
        title: its first line.
        text: what it generalises and what is open.
        facts: ``Papers``, ``Input``, ``Task`` and, where counts are derived, ``Counts``.
        space: the main space.
        others: further spaces with published members, by the name the module gives them.
        small: the main space's variant for a laptop, where there is one.
    """

    name: str
    title: str
    text: str
    facts: dict[str, str]
    space: Space
    others: dict[str, Space]
    small: Space | None

    @property
    def size(self) -> str:
        """Number of members, as text."""
        return size_text(self.space).removesuffix(" members")

    def published(self) -> dict[str, tuple[str, Cost]]:
        """Published member → the module's name of its space, and its cost (deployed networks together)."""
        found: dict[str, tuple[str, Cost]] = {}
        for attribute, space in {"space": self.space, **self.others}.items():
            for name, decisions in space.references.items():
                found[name] = attribute, screen(space.decode(decisions)).cost
        return found

    def lines(self) -> list[str]:
        """The card for a terminal."""
        made = [f"{self.name}: {self.title}", "", self.text, ""]
        made += [f"{key}: {value}" for key, value in self.facts.items() if key != "Counts"]
        made += [f"Size: {size_text(self.space)}", "References:"]
        for name, (attribute, cost) in self.published().items():
            where = "" if attribute == "space" else f" [{attribute}]"
            made.append(f"  {name}{where}: {cost.params:,} parameters, {cost.macs:,} MACs" + active(cost))
        return made


def active(cost: Cost) -> str:
    """What is active of it, where that is less than all."""
    if (cost.active_params, cost.active_macs) == (cost.params, cost.macs):
        return ""
    return f" (active: {cost.active_params:,} parameters, {cost.active_macs:,} MACs)"


def card_of(module: ModuleType) -> SpaceCard:
    """The card of a module that defines ``space``.

    Raises:
        SpaceError: no space, or no card; what is missing, and how a card is written.
    """
    name = module.__name__.rpartition(".")[2]
    space = getattr(module, "space", None)
    if not isinstance(space, Space):
        raise SpaceError(f"{name}: a module of spaces defines `space = Space(...)`; it does not")
    title, *paragraphs = inspect.cleandoc(module.__doc__ or "").split("\n\n")
    facts: dict[str, str] = {}
    text: list[str] = []
    for paragraph in paragraphs:
        found = _facts(paragraph)
        facts.update(found)
        if not found:
            text.append(" ".join(paragraph.split()))
    missing = [key for key in KEYS if key not in facts]
    if not title or missing:
        raise SpaceError(
            f"{name}: the docstring of a module of spaces is its card: a title, what it generalises, then lines "
            f"'Papers: ...', 'Input: ...', 'Task: ...'; {missing[0] if missing else 'a title'} is missing"
        )
    held = {key: value for key, value in vars(module).items() if isinstance(value, Space) and value is not space}
    others = {key: value for key, value in held.items() if value.references}
    small = getattr(module, "small", None)
    return SpaceCard(name, title.rstrip("."), "\n\n".join(text), facts, space, others, small)


def _facts(paragraph: str) -> dict[str, str]:
    """``Key: value`` lines, each with what follows it up to the next key; {} where the first line is none."""
    found: dict[str, str] = {}
    key = ""
    for line in paragraph.splitlines():
        start, colon, rest = line.partition(":")
        if colon and start in (*KEYS, *MORE):
            key, found[start] = start, rest.strip()
        elif key:
            found[key] += f" {line.strip()}"
    return found


def gallery(cards: Iterable[SpaceCard]) -> str:
    """The gallery page: a table of all spaces, then each card with its published members."""
    known = list(cards)
    made = [
        "# Search spaces", "",
        "One file a family: a `space` to search, the published networks that are its members (`space.references`, with",
        "exactly the published parameters) and a `small` variant that trains in seconds. `nasengine space NAME` prints",
        "a card with the cost range of random members. This page is generated from the cards: `make gallery`.", "",
        "```python",
        "from search_spaces.resnet import space", "",
        'network = space.decode(space.references["resnet50"]).build()',
        "```", "",
        "| space | family | members | published |", "| --- | --- | --- | --- |",
    ]  # fmt: skip
    for card in known:
        count = sum(len(space.references) for space in (card.space, *card.others.values()))
        made.append(f"| [{card.name}](#{card.name}) | {card.title} | {card.size} | {count} |")
    for card in known:
        made += ["", f"## {card.name}", "", f"**{card.title}.** {card.text}", ""]
        made += [f"* {key}: {value}" for key, value in card.facts.items()]
        made += [f"* Also `{name}`: {size_text(space)}" for name, space in card.others.items()]
        if card.small is not None:
            made.append(f"* Small variant: `{card.small.name}`, {size_text(card.small)}")
        made += ["", "| reference | in | parameters | MACs |", "| --- | --- | ---: | ---: |"]
        made += [f"| {n} | `{a}` | {c.params:,} | {c.macs:,}{active(c)} |" for n, (a, c) in card.published().items()]
    return "\n".join(made) + "\n"
