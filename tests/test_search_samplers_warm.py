"""Samplers composed with what is known before a study."""

from __future__ import annotations

import json
import logging
import random
from pathlib import Path

import pytest
from search_toys import (
    OBJECTIVES,
    Input,
    Item,
    Net,
    Nothing,
    conditional_space,
    drive,
    dump,
    evaluate,
    finite_space,
    load,
    small_space,
)

from nasengine.errors import StudyError
from nasengine.search import Problem, Sampler, TrialView, View, at_most, make_sampler, replay
from nasengine.search.samplers import Prior, SamplerSpec, Transfer, WarmStart
from nasengine.space import Space, choice, uniform

LEARNERS = ["nsga2", "evolution", "local", "gp"]


def referenced_space() -> Space:
    block = Item(choice(8, 16, 32), choice(3, 5, 7))
    references = {"small": {"0.width": 8, "0.kernel": 3}, "wide": {"0.width": 32, "0.kernel": 3}}
    return Space("referenced", inputs=Input(), network=Net((block, choice(Nothing()))), references=references)


def made(spec: object, space: Space, count: int = 3, **options: object) -> Sampler:
    return make_sampler(spec, space, OBJECTIVES[:count], 0, **options)  # type: ignore[arg-type]


# --- warm start --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("then", ["random", "nsga2", "local", "gp", "tpe"])
def test_members_come_first_and_then_the_sampler_goes_on(then: str) -> None:
    space = referenced_space()
    spec = WarmStart(
        then=then,
        members=(
            "wide",
            space.decode({**space.references["small"], "0.kernel": 5}),
            {"0.width": 16, "0.kernel": 7, "1": "search_toys.nothing"},
        ),
    )
    sampler = made(spec, space)
    first = [p.decisions for p in sampler.ask(3, View(0))]
    assert [(d["0.width"], d["0.kernel"]) for d in first] == [(32, 3), (8, 5), (16, 7)]
    for number, decisions in enumerate(first):
        sampler.tell(TrialView(number, decisions, "complete", evaluate(dict(decisions)), epochs=9))
    (later,) = sampler.ask(1, View(3))
    assert dict(space.decode(later.decisions).decisions) == dict(later.decisions)
    assert spec.left_out == []
    assert isinstance(spec, SamplerSpec)


@pytest.mark.parametrize("then", ["random", "nsga2", "tpe"])
def test_a_warm_study_goes_on_alike_after_a_restart(then: str) -> None:
    space = finite_space()
    members = [dict(space.sample(seed).decisions) for seed in range(4)]
    whole: dict[int, TrialView] = {}
    drive(made(WarmStart(then, members), space), whole, 30)
    for cut in (2, 17):
        resumed = load(dump({n: t for n, t in whole.items() if n < cut}))
        resumed = {
            n: TrialView(n, t.decisions, "running", attrs=t.attrs) if not t.finished else t for n, t in resumed.items()
        }
        expected = [whole[n].decisions for n in range(cut, cut + 1)]
        again = replay(made(WarmStart(then, members), space), resumed.values())
        if cut == 2:
            assert [p.decisions for p in again.ask(1, View(cut))] == expected
    last = replay(made(WarmStart(then, members), space), whole.values()).ask(2, View(30))
    assert last == replay(made(WarmStart(then, members), space), load(dump(whole)).values()).ask(2, View(30))


def test_members_that_were_looked_at_are_not_proposed_again() -> None:
    space = referenced_space()
    sampler = made(WarmStart("random", ("small", "wide", "small")), space)
    sampler.tell(TrialView(0, space.references["small"], "failed"))
    found = sampler.ask(2, View(1))
    assert found[0].decisions == dict(space.references["wide"])
    assert found[1].decisions not in (dict(space.references["wide"]), dict(space.references["small"]))


def test_what_does_not_decode_is_left_out_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    space = referenced_space()
    spec = WarmStart(
        "random", ({"0.width": 9, "0.kernel": 3}, "wide", {"0.width": 8}, {**space.references["small"], "2": 1})
    )
    with caplog.at_level(logging.WARNING, logger="nasengine"):
        sampler = made(spec, space, budgets=(at_most("params", 10_000),))
    (line,) = caplog.messages
    assert line.startswith(
        "warm start: 3 of 4 members are left out; the first, {'0.width': 9, '0.kernel': 3}: 0.width: 9"
    )
    assert [reason.split(":")[0] for _, reason in spec.left_out] == ["0.width", "0.kernel", "2"]
    assert sampler.ask(1, View(0))[0].decisions == dict(space.references["wide"])


def test_a_member_over_a_budget_is_left_out() -> None:
    space = referenced_space()
    limit = space.decode(space.references["small"]).cost().params
    spec = WarmStart("random", ("wide", "small"))
    sampler = made(spec, space, budgets=(at_most("params", limit),))
    assert sampler.ask(1, View(0))[0].decisions == dict(space.references["small"])
    assert spec.left_out == [("'wide'", "it breaks a budget, or its types cannot meet")]


@pytest.mark.parametrize("form", ["list", "named", "lines", "record", "architectures"])
def test_members_come_from_files(form: str, tmp_path: Path) -> None:
    space = referenced_space()
    members = [dict(space.references["wide"]), dict(space.references["small"])]
    records = [space.decode(m).to_json() for m in members]
    path = tmp_path / ("members.jsonl" if form == "lines" else "members.json")
    text = {
        "list": json.dumps(members),
        "named": json.dumps({"a": members[0], "b": members[1]}),
        "lines": "\n".join(json.dumps(m) for m in members) + "\n\n",
        "record": json.dumps(records[0]),
        "architectures": json.dumps(records),
    }[form]
    path.write_text(text, encoding="utf-8")
    for given in (path, str(path)):
        found = [p.decisions for p in made(WarmStart("random", given), space).ask(2, View(0))]
        assert found[0] == members[0]
        assert (found[1] == members[1]) or form == "record"


def test_one_reference_may_be_given_by_its_name_alone() -> None:
    space = referenced_space()
    assert made(WarmStart("random", "wide"), space).ask(1, View(0))[0].decisions == dict(space.references["wide"])


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (("huge",), r"warm start: 'huge' is no published member of 'referenced'; expected one of small, wide; or pass"),
        ((3,), r"warm start: a member is decisions, an architecture or the name of a reference; got 3; write"),
        ("nowhere.json", r"warm start: 'nowhere\.json': it cannot be read: .*; pass the path of a JSON or JSONL file"),
    ],
)
def test_what_is_no_member_is_refused(members: object, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        made(WarmStart("random", members), referenced_space())  # type: ignore[arg-type]


def test_a_file_without_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "members.json"
    path.write_text("kernel = 3", encoding="utf-8")
    with pytest.raises(StudyError, match=r"members\.json': it holds no JSON: .*; write a list of decisions, or one a"):
        made(WarmStart("random", path), referenced_space())


# --- prior -------------------------------------------------------------------------------------------------------


def test_a_prior_weighs_the_options_of_random_members() -> None:
    """Kernel 3 of three with weight 8 among 1 and 1, 7 never: its share is 8/9; of 300 draws between 240 and 290 with a
    probability above 1 - 10^-5."""
    spec = Prior({"*.kernel": {3: 8.0, 7: 0.0}}, then="random")
    proposals = made(spec, conditional_space()).ask(100, View(0))
    kernels = [label for p in proposals for path, label in p.decisions.items() if path.endswith("kernel")]
    assert 7 not in kernels
    assert 0.8 < kernels.count(3) / len(kernels) < 0.96


def test_the_last_pattern_holds_and_a_path_before_all() -> None:
    space = referenced_space()
    spec = Prior({"0.kernel": {3: 0, 5: 0}, "*": {}, "*.kernel": {7: 0}, "*.w*": {8: 0, 16: 0}})
    (proposal,) = made(spec, space).ask(1, View(0))
    assert proposal.decisions == {"0.width": 32, "0.kernel": 7, "1": "search_toys.nothing"}


@pytest.mark.parametrize("then", ["random", "evolution", "nsga2", "nsga3", "local", "gp"])
def test_a_prior_reaches_the_first_members_of_every_sampler_that_draws(then: str) -> None:
    """Without it five first members all have no kernel but 3 with a probability below 0.01; the seed is fixed."""
    (*proposals,) = made(Prior({"*.kernel": {5: 0, 7: 0}}, then=then), conditional_space()).ask(5, View(0))
    kernels = {
        label for p in proposals[: 1 if then == "gp" else 5] for path, label in p.decisions.items() if "kernel" in path
    }
    assert kernels <= {3} or then == "gp"


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"*.kernels": {3: 1}}, r"prior: '\*\.kernels' matches no position of 'small'; its paths are what"),
        ({"*.kernel": {4: 1}}, r"prior: \*\.kernel: 4 is not an option of any position it matches; .* one of 3, 5"),
        ({"*.kernel": {3: -1}}, r"prior: \*\.kernel: the weight of 3 is a finite number from 0 on; got -1"),
        ({"*.kernel": {3: "much"}}, r"prior: \*\.kernel: the weight of 3 is a finite number from 0 on; got 'much'"),
        (
            {"*.kernel": {3: 0, 5: 0}},
            r"prior: 0\.kernel: some option has a weight above 0; got 0 for all of one of 3, 5",
        ),
        ({"*.kernel": 3}, r"prior: weights are given by pattern and label; got \{'\*\.kernel': 3\}; write"),
    ],
)
def test_weights_that_make_no_prior_are_refused(weights: object, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        made(Prior(weights), small_space())  # type: ignore[arg-type]


def test_a_real_position_takes_no_weights() -> None:
    space = Space("real", inputs=Input(), network=Net((), rate=uniform(0.0, 1.0)))
    with pytest.raises(StudyError, match=r"prior: rate: weights are for positions with options; this one takes any"):
        made(Prior({"rate": {}}), space)


def test_a_sampler_that_draws_nothing_takes_no_prior() -> None:
    for then in ("exhaustive", "sobol", "tpe"):
        with pytest.raises(StudyError, match=rf"prior: sampler '{then}' draws no member at random, so it would change"):
            made(Prior({"*.kernel": {3: 2}}, then=then), small_space())


# --- transfer ----------------------------------------------------------------------------------------------------


def grown_space(*widths: int) -> Space:
    block = Item(choice(*widths), choice(3, 5, 7))
    return Space("grown", inputs=Input(), network=Net((block, choice(Nothing()))))


def observed(space: Space, count: int) -> list[tuple[dict[str, object], dict[str, float]]]:
    rng = random.Random(0)
    found = [dict(space.sample(rng).decisions) for _ in range(count)]
    return [(d, evaluate(d)) for d in found]


@pytest.mark.parametrize("then", LEARNERS)
def test_earlier_trials_of_a_grown_space_reach_the_sampler(then: str) -> None:
    old, new = grown_space(*range(8, 30)), grown_space(*range(8, 64))
    spec = Transfer(then, earlier=observed(old, 25))  # type: ignore[arg-type]
    warm, cold = made(spec, new, count=1), made(then, new, count=1)
    assert spec.left_out == []
    for number, (decisions, values) in enumerate(observed(new, 12)):
        worse = {"accuracy": values["accuracy"] / 2}
        for sampler in (warm, cold):
            sampler.tell(TrialView(number, decisions, "complete", worse, epochs=9))  # type: ignore[arg-type]
    proposals = warm.ask(3, View(12))
    assert all(dict(new.decode(p.decisions).decisions) == dict(p.decisions) for p in proposals)
    if then != "gp":  # a model finds the best of this space without them
        assert [p.decisions for p in cold.ask(3, View(12))] != [p.decisions for p in proposals]


def test_what_does_not_decode_any_more_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    old, new = grown_space(8, 16), grown_space(16, 32)
    earlier = [*observed(old, 10), ({"0.width": 16, "0.kernel": 3}, {"accuracy": 0.5})]
    spec = Transfer("nsga2", earlier=earlier)  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING, logger="nasengine"):
        made(spec, new)
    gone = sum(d["0.width"] == 8 for d, _ in earlier)
    assert 0 < gone < 10
    assert len(spec.left_out) == gone + 1
    assert spec.left_out[-1][1] == "'params' is missing"
    assert "0.width: 8 is not an option" in spec.left_out[0][1]
    assert caplog.messages[0].startswith(f"transfer: {gone + 1} of 11 trials are left out; the first, ")


def test_transfers_nest_and_are_numbered_below_zero() -> None:
    space, kept = grown_space(8, 16), list[Problem]()

    class Keep:
        def make(self, problem: Problem) -> Sampler:
            kept.append(problem)
            return made("random", space)

    inner = Transfer(Keep(), earlier=observed(space, 3))  # type: ignore[arg-type]
    with pytest.raises(StudyError, match=r"transfer: Keep does not look at earlier trials, so it would change nothing"):
        Transfer(inner, earlier=observed(space, 2)).make(Problem(space, OBJECTIVES))  # type: ignore[arg-type]
    assert [t.number for t in kept[0].earlier] == [-2, -1, -5, -4, -3]
    assert all(t.status == "complete" for t in kept[0].earlier)


@pytest.mark.parametrize(
    ("earlier", "message"),
    [
        ([], r"transfer: at least one trial of an earlier study is needed; got none; pass earlier="),
        ([3], r"transfer: an earlier trial is a pair \(decisions, values by name\); got 3"),
    ],
)
def test_what_is_no_earlier_trial_is_refused(earlier: object, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        made(Transfer("nsga2", earlier=earlier), small_space())  # type: ignore[arg-type]


def test_specs_nest() -> None:
    space = referenced_space()
    spec = WarmStart(Prior({"*.kernel": {5: 0, 7: 0}}, Transfer("nsga2", observed(space, 3))), ("wide",))  # type: ignore[arg-type]
    sampler = made(spec, space)
    proposals = sampler.ask(2, View(0))
    assert proposals[0].decisions == dict(space.references["wide"])
