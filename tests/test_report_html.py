"""Figures and the offline report: what they show, and that nothing recorded can act in them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_fakes import HOSTILE, study_meta, study_record

from nasengine import Image, Space
from nasengine.blocks import Conv, Flatten, Linear, ReLU, Sequential
from nasengine.errors import StoreError
from nasengine.report import front_figure, save_html, save_png, write_report
from nasengine.report.figures import curve_names, refusal_figure, rung_figure
from nasengine.report.html import report_html
from nasengine.report.page import embedded, esc
from nasengine.report.record import StudyRecord, Trial


class Page(HTMLParser):
    """What a browser would see of a page: elements, attributes, scripts by kind, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.scripts: list[tuple[str, str]] = []
        self.words: list[str] = []
        self._inside: str | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._inside = tag
        if tag == "script":
            self.scripts.append((dict(attrs).get("type") or "", ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            kind, text = self.scripts[-1]
            self.scripts[-1] = (kind, text + data)
        elif self._inside != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(report_html(study_record(90)))


@pytest.fixture(scope="module")
def hostile() -> Page:
    return Page(report_html(study_record(90, text=HOSTILE)))


def test_the_report_answers_its_questions(page: Page) -> None:
    for words in (
        "The front", "Members of the front", "How the search went", "Refused, stopped and failed",
        "How latency was measured", "The networks", "Settings", "Hypervolume over trials", "the front's knee",
        "Reference point (stated by the study): accuracy 0.1, latency 1 ms, parameters 500,000.",
        "accuracy against latency", "accuracy against parameters", "latency against parameters",
        "Single calls timed one by one.", "A processor", "validation split, after epoch 9", "duplicate",
        "What the space can do", "Budgets: parameters ≤ 500,000; latency ≤ 0.9 ms",
    ):  # fmt: skip
        assert words in page.text, words


def test_every_front_member_is_in_the_tables(page: Page) -> None:
    record = study_record(90)
    assert record.front
    for trial in record.front:
        assert f"{trial.values['params']:,}" in page.text
        assert f"trial {trial.number}" in page.text


def test_plotly_is_there_once_and_every_figure_has_its_place(page: Page) -> None:
    assert sum("plotly.js v" in text for _, text in page.scripts) == 1
    data = {value for tag, name, value in page.attributes if tag == "script" and name == "id"}
    assert data == {value for _, name, value in page.attributes if name == "data-figure"}
    assert {"front-0", "front-1", "front-2", "hypervolume", "refusals"} <= data


@pytest.mark.parametrize("which", ["page", "hostile"])
def test_the_policy_allows_the_two_inline_scripts_and_nothing_else(which: str, request: pytest.FixtureRequest) -> None:
    found: Page = request.getfixturevalue(which)
    policy = next(v for tag, name, v in found.attributes if tag == "meta" and name == "content" and "default-src" in v)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    scripts = [text for kind, text in found.scripts if kind != "application/json"]
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    assert rules["script-src"].split() == [f"'sha256-{digest}'" for digest in digests]
    assert len(scripts) == 2
    assert "connect-src" not in rules  # falls back to none
    assert rules["img-src"] == "data: blob:"


@pytest.mark.parametrize("which", ["page", "hostile"])
def test_nothing_is_loaded_from_anywhere(which: str, request: pytest.FixtureRequest) -> None:
    found: Page = request.getfixturevalue(which)
    assert not set(found.tags) & {"img", "link", "iframe", "object", "embed", "form", "base", "audio", "video"}
    assert not [name for _, name, _ in found.attributes if name in ("src", "href", "srcset", "action", "xlink:href")]


def test_recorded_text_never_becomes_markup(page: Page, hostile: Page) -> None:
    assert hostile.tags == page.tags
    assert not [name for _, name, _ in hostile.attributes if name.startswith("on")]
    assert "<img src=x onerror=boom()>" in hostile.text  # shown as what it is
    for kind, text in hostile.scripts:
        if kind == "application/json":
            assert "<" not in text
            json.loads(text)


def test_hover_texts_show_recorded_text_verbatim() -> None:
    figure = front_figure(study_record(60, text=HOSTILE), "latency_ms", "accuracy")
    texts = [text for trace in figure.data if trace.text is not None for text in trace.text]
    assert texts
    for text in texts:
        assert set(re.findall(r"</?[a-z][^>]*>", text)) <= {"<b>", "</b>", "<i>", "</i>", "<br>"}
        assert "&lt;img src=x" in text
    assert all("boom" not in (trace.hovertemplate or "") for trace in figure.data)


def test_the_front_figure_shows_every_trial_once_with_budgets_and_step() -> None:
    record = study_record(90)
    figure = front_figure(record, "latency_ms", "accuracy")
    names = [trace.name.rsplit(" ", 1)[0] for trace in figure.data if trace.name]
    assert names.count("feasible front") == 1
    assert {"dominated", "stopped early, last score", "duplicate network", "refused before training"} <= set(names)
    assert figure.layout.xaxis.title.text == "latency (ms)"
    assert [shape.x0 for shape in figure.layout.shapes] == [0.9]
    step = next(trace for trace in figure.data if trace.mode == "lines")
    assert len(step.x) >= 3
    front = next(trace for trace in figure.data if (trace.name or "").startswith("feasible front"))
    best = record.front[-1]
    hover = next(text for text in front.text if f"trial {best.number}<" in text)
    assert f"parameters: <b>{best.values['params']:,}</b>" in hover
    assert "latency: <b>" in hover
    assert " ms</b>" in hover
    assert "… and 4 more" in hover


def test_rung_curves_have_a_line_a_trained_trial_and_mark_rung_ends() -> None:
    record = study_record(60)
    assert curve_names(record) == ["accuracy", "train_loss"]
    figure = rung_figure(record, "accuracy")
    assert len(figure.data) == len({rung.trial for rung in record.rungs})
    longest = max(figure.data, key=lambda trace: len(trace.x))
    assert list(longest.x) == list(range(1, 10))
    assert [e for e, size in zip(longest.x, longest.marker.size, strict=True) if size > 1] == [1, 3, 9]


def test_the_bars_of_the_refusals_add_up() -> None:
    record = study_record(120)
    bars = {bar.y[0]: bar.x[0] for bar in refusal_figure(record).data if bar.y[0] == "cost"}
    assert bars["cost"] == sum(trial.gate == "cost" for trial in record.trials)


def test_a_study_without_trials_says_what_to_do(tmp_path: Path) -> None:
    found = Page(
        write_report(StudyRecord(study_meta() | {"reference": {}}), tmp_path / "report.html").read_text(
            encoding="utf-8"
        )
    )
    assert "No trial yet. Run the study; the same command resumes it." in found.text
    assert "there is no hypervolume" in found.text
    assert not found.scripts
    assert "nsga2" in found.text


@pytest.mark.parametrize(
    ("trial", "expected"),
    [
        (
            Trial(0, "complete", values={"accuracy": 0.9, "latency_ms": 3.0, "params": 10}),
            "none is within every budget",
        ),
        (Trial(0, "running"), "some are still training"),
        (Trial(0, "infeasible", gate="cost", reason="params 6 > 5"), "stopped at the gate “cost”: params 6 > 5."),
    ],
)
def test_a_study_without_a_front_says_why(trial: Trial, expected: str) -> None:
    assert expected in Page(report_html(StudyRecord(study_meta(), [trial]))).text


def test_one_objective_has_a_best_trial_instead_of_a_front() -> None:
    record = study_record(60, objectives=[{"name": "accuracy", "direction": "maximize"}])
    assert len(record.front) == 1
    assert f"the best trial has accuracy {record.front[0].values['accuracy']:.4g}" in Page(report_html(record)).text


def test_front_members_are_drawn_from_their_architecture() -> None:
    space = Space("tiny", inputs=Image(1, 8), network=Sequential(Conv(4), ReLU(), Flatten(), Linear(10)))
    values = {"accuracy": 0.9, "latency_ms": 0.1, "params": 10.0}
    trial = Trial(7, "complete", values=values, architecture=space[0].to_json())
    found = Page(report_html(StudyRecord(study_meta(), [trial])))
    assert found.tags["svg"] == 1
    assert "Conv 3×3 → 4" in found.text


def test_an_architecture_of_unknown_blocks_is_not_drawn_but_explained() -> None:
    space = Space("tiny", inputs=Image(1, 8), network=Sequential(Conv(4), Flatten(), Linear(10)))
    data = json.loads(json.dumps(space[0].to_json()).replace('"conv"', '"my_own<b>"'))
    values = {"accuracy": 0.9, "latency_ms": 0.1, "params": 10.0}
    found = Page(report_html(StudyRecord(study_meta(), [Trial(7, "complete", values=values, architecture=data)])))
    assert "Not drawn:" in found.text
    assert "my_own<b>" in found.text
    assert found.tags["svg"] == 0


def test_equal_records_give_equal_reports() -> None:
    assert report_html(study_record(30)) == report_html(study_record(30))


def test_a_single_figure_is_a_self_contained_file(tmp_path: Path) -> None:
    path = save_html(front_figure(study_record(30), "params", "accuracy"), tmp_path / "a" / "front.html", title="<b>")
    found = Page(path.read_text(encoding="utf-8"))
    assert sum("plotly.js v" in text for _, text in found.scripts) == 1
    assert found.tags["b"] == 0
    assert not list(path.parent.glob("*.tmp"))


def test_a_png_is_drawn_without_a_display(tmp_path: Path) -> None:
    path = save_png(study_record(90, text="$x_{"), "latency_ms", "accuracy", tmp_path / "front.png")
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (1600, 1000)
    assert save_png(StudyRecord(study_meta()), "latency_ms", "accuracy", tmp_path / "empty.png").exists()


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    target = tmp_path / "file" / "report.html"
    with pytest.raises(StoreError, match=r"file/report\.html: cannot be written \(.*\); name a file in a folder"):
        write_report(StudyRecord(study_meta()), target)
    with pytest.raises(StoreError, match=r"front\.png: cannot be written"):
        save_png(study_record(5), "latency_ms", "accuracy", target.with_name("front.png"))


def test_escaping_leaves_no_way_out() -> None:
    assert esc("<a href=\"x\" id='y'>&\x00\ud800") == "&lt;a href=&quot;x&quot; id=&#x27;y&#x27;&gt;&amp;��"
    text = embedded(json.dumps({"k": "</script><!--\u2028&"}, ensure_ascii=False))
    assert not set(text) & set("<>&\u2028")
    assert json.loads(text) == {"k": "</script><!--\u2028&"}
