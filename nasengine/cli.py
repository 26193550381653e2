"""The command line: run a study file, read a store, take a network home.

Exit codes: 0 done; 2 wrong usage or bad input; 3 failed; 4 a budget that no member can meet; 130 interrupted.
Commands that read a store import no user code.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nasengine.commands.calibrate import calibrate
from nasengine.commands.profile import profile
from nasengine.commands.proxies import proxies
from nasengine.errors import BudgetError, ExportError, NasError, StudyError, TrainingError

if TYPE_CHECKING:
    from nasengine.study import Front, Member

P = ParamSpec("P")
R = TypeVar("R")
DONE, USAGE, FAILED, NO_MEMBER, INTERRUPTED = 0, 2, 3, 4, 130

app = typer.Typer(
    name="nasengine",
    help="Define a search space in Python, run a study, see the front, take the network home.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
console = Console()
errors = Console(stderr=True)


class Format(StrEnum):
    """What a network can be exported as."""

    ONNX = "onnx"
    PT2 = "pt2"
    SAFETENSORS = "safetensors"
    SOURCE = "source"


StoreArg = Annotated[Path, typer.Argument(metavar="STORE", help="A study's folder, such as studies/digits.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script to read.")]
ImportOption = Annotated[
    list[str] | None,
    typer.Option("--import", metavar="MODULE", help="Import a module that defines blocks or tasks first."),
]


def fails_clearly(command: Callable[P, R]) -> Callable[P, R]:
    """Errors of ours end with their message and an exit code, without a traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except NasError as error:
            errors.print(f"[bold red]error[/] {escape(str(error))}", soft_wrap=True, highlight=False)
            raise typer.Exit(exit_code(error)) from error
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None

    return run


def exit_code(error: NasError) -> int:
    """The exit code of an error."""
    if isinstance(error, BudgetError):
        return NO_MEMBER
    return FAILED if isinstance(error, (TrainingError, ExportError)) else USAGE


@app.command()
@fails_clearly
def run(
    study_file: Annotated[
        Path, typer.Argument(metavar="STUDY.py", help="A Python file that defines `study = Study(...)`.")
    ],
    trials: Annotated[
        int | None, typer.Option(min=1, help="Candidates to train in all; the file's own number if left out.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Trials that train at the same time.")] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.1, help="Stop after so many seconds; the same command resumes.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a study, or resume it: the same command continues whatever ended it."""
    from nasengine.study.files import load_study

    study = load_study(study_file)
    front = study.run(trials=trials, workers=workers, timeout=timeout, progress=not as_json)
    _show_front(front, as_json, title=f"The front of {study.store}")


@app.command()
@fails_clearly
def status(store: StoreArg, as_json: JsonOption = False) -> None:
    """How far a study is: trials by status."""
    from nasengine.study import open_store

    found = open_store(store)
    counts = found.status()
    if as_json:
        print(json.dumps({"store": str(store), "name": found.meta.get("name"), **counts}))
        return
    table = Table(title=f"{found.meta.get('name')} in {store}", title_justify="left")
    table.add_column("what")
    table.add_column("count", justify="right")
    for name, count in counts.items():
        table.add_row(name, str(count))
    console.print(table)


@app.command()
@fails_clearly
def front(
    store: StoreArg,
    plot: Annotated[Path | None, typer.Option(help="Also draw it: a file that ends in .html or .png.")] = None,
    x: Annotated[str | None, typer.Option(help="What to plot along x.")] = None,
    y: Annotated[str | None, typer.Option(help="What to plot along y.")] = None,
    as_json: JsonOption = False,
) -> None:
    """The Pareto front of a study as a table."""
    from nasengine.study import open_store

    found = open_store(store).front()
    if plot is not None:
        found.plot(plot, x=x, y=y)
    _show_front(found, as_json, title=f"The front of {store}")


@app.command()
@fails_clearly
def report(
    store: StoreArg,
    out: Annotated[Path | None, typer.Option(help="Where to write it; STORE/report.html if left out.")] = None,
) -> None:
    """Write the report: one offline HTML page with every front, curve, refusal and measurement."""
    from nasengine.report import write_report
    from nasengine.study import open_store

    path = write_report(open_store(store).record(), out or store / "report.html")
    console.print(f"wrote {path}")


@app.command()
@fails_clearly
def export(
    store: StoreArg,
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    trial: Annotated[int | None, typer.Option(help="Number of a front member; the knee if left out.")] = None,
    best: Annotated[
        str | None, typer.Option(help="The front member with the best value of this name, as accuracy.")
    ] = None,
    formats: Annotated[
        list[Format] | None, typer.Option("--format", help="One format; repeat for several. All if left out.")
    ] = None,
    imports: ImportOption = None,
) -> None:
    """Export a network of the front; each format is run against the trained module."""
    from nasengine.study.files import import_modules

    import_modules(imports or [])
    member = _member(store, trial, best)
    folder = member.export(out, tuple(f.value for f in formats or list(Format)))
    console.print(f"trial {member.number} is in {folder}; how it was made and measured: {folder / 'MODEL_CARD.md'}")


@app.command()
@fails_clearly
def space(
    what: Annotated[
        str, typer.Argument(metavar="NAME", help="A shipped family, as resnet, or a Python file that defines `space`.")
    ],
    sample: Annotated[int, typer.Option(min=0, help="Show so many random members.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the members shown and of the range.")] = 0,
    members: Annotated[int, typer.Option(min=1, help="Members screened for the cost range.")] = 1_000,
    as_json: JsonOption = False,
) -> None:
    """Card, size, positions and cost range of a space; a few members of it."""
    from nasengine.study.files import find_space
    from nasengine.study.survey import survey

    searched, card = find_space(what)
    found = survey(searched, members=members, sample=sample, seed=seed)
    if as_json:
        print(json.dumps(found.to_json()))
        return
    if card is not None:
        console.print("\n".join(card.lines()), highlight=False, markup=False)
    console.print(found.description, highlight=False, markup=False)
    table = Table(title=f"Cost of {found.members:,} random members", title_justify="left")
    for name in ("counter", "least", "median", "most"):
        table.add_column(name, justify="left" if name == "counter" else "right")
    for name, (least, middle, most) in found.ranges.items():
        table.add_row(name, f"{least:,}", f"{middle:,}", f"{most:,}")
    console.print(table)
    for one in found.samples:
        console.print_json(json.dumps(one))


@app.command()
@fails_clearly
def gallery(
    out: Annotated[Path | None, typer.Option(help="Where to write the page; to the terminal if left out.")] = None,
) -> None:
    """The shipped search spaces on one page: what each generalises and its published members."""
    import search_spaces
    from nasengine.report.gallery import card_of
    from nasengine.report.gallery import gallery as page

    text = page(card_of(search_spaces.load(name)) for name in search_spaces.names())
    if out is None:
        sys.stdout.write(text)
        return
    out.write_text(text, encoding="utf-8")
    console.print(f"wrote {out}")


app.command()(fails_clearly(calibrate))
app.command()(fails_clearly(profile))
app.command()(fails_clearly(proxies))


def main() -> None:
    """The ``nasengine`` command."""
    app()


def _member(store: Path, trial: int | None, best: str | None) -> Member:
    from nasengine.study import open_store

    found = open_store(store).front()
    if trial is None:
        return found.best(best) if best is not None else found.knee()
    for member in found:
        if member.number == trial:
            return member
    numbers = ", ".join(str(m.number) for m in found) or "none"
    raise StudyError(f"--trial {trial}: it is not on the front of {store}; the front's trials are {numbers}")


def _show_front(front: Front, as_json: bool, *, title: str) -> None:
    """All columns as JSON; for a person, the objectives, their test values and the id."""
    from nasengine.commands.audit import show_audit

    table = front.table()
    if as_json:
        sys.stdout.write(table.to_json(orient="records") + "\n")
        return
    if not front:
        console.print(f"{title} is empty: no trial is complete and within every budget; `nasengine status` counts them")
        return
    names = [objective.name for objective in front.record.objectives]
    wanted = [c for c in table.columns if any(c.removeprefix("test_").startswith(name) for name in names)]
    shown = Table(title=title, title_justify="left", caption="all columns: --json", caption_justify="left")
    columns = [c for c in ["trial", *wanted, "graph_id"] if c in table.columns]
    for name in columns:
        shown.add_column(str(name), justify="left" if name == "graph_id" else "right", overflow="fold")
    for row in table[columns].itertuples(index=False):
        shown.add_row(*(_cell(value) for value in row))
    console.print(shown)
    show_audit(console, front.record)


def _cell(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) >= 100 else f"{value:.4g}"
    text = str(value)
    return text[:12] if len(text) == 32 else text


if __name__ == "__main__":
    main()
