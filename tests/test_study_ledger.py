"""The ledger: what is written is read back, once, in order, and seen when it was damaged."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from nasengine.errors import StoreError
from nasengine.study import owner, schema
from nasengine.study.ledger import FILE, Ledger, chained
from nasengine.study.rows import (
    COMPLETE,
    DUPLICATE,
    FAILED,
    INFEASIBLE,
    RUNNING,
    WAITING,
    FinalRow,
    ProfileRow,
    RungRow,
    TrialRow,
)
from nasengine.study.schema import canonical

ARCHITECTURE = {
    "format": "nasengine.architecture/1",
    "space": "s",
    "networks": {"b": {"z": 1}, "a": {"y": 2}},
    "recipe": None,
    "decisions": {},
}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "study") as made:
        yield made


def trial(number: int, **changes: object) -> TrialRow:
    return TrialRow(number, RUNNING, {"b": 1, "a": None}, f"g{number}", f"k{number}", **changes)  # type: ignore[arg-type]


def rung(number: int, index: int = 0) -> RungRow:
    return RungRow(
        f"k{number}", index, number, 1, 3, {"accuracy": 0.5}, 1.5, 0.25, [{"epoch": 3, "accuracy": 0.5}], "c0ffee"
    )


def test_a_trial_is_read_back_as_written_and_its_decisions_in_order(ledger: Ledger) -> None:
    ledger.add(trial(0, known={"params": 12}, attrs={"optuna": {"g": [1]}}, seed=7), ARCHITECTURE)
    found = ledger.trials()[0]
    assert (found.number, found.status, found.graph_id, found.key, found.seed) == (0, RUNNING, "g0", "k0", 7)
    assert list(found.decisions.items()) == [("b", 1), ("a", None)]
    assert (found.known, found.attrs) == ({"params": 12}, {"optuna": {"g": [1]}})
    assert found.owner == owner.this_process()
    assert ledger.architecture(found) == {**ARCHITECTURE, "decisions": {"b": 1, "a": None}}
    assert list((ledger.architecture(found) or {})["networks"]) == ["b", "a"]


def test_equal_architectures_are_stored_once(ledger: Ledger) -> None:
    for number in range(3):
        ledger.add(trial(number), ARCHITECTURE)
    with ledger._engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(schema.architectures)).scalar() == 1


def test_completing_a_rung_twice_changes_nothing(ledger: Ledger) -> None:
    ledger.add(trial(0), ARCHITECTURE)
    assert ledger.complete_rung(rung(0), last=False)
    before = ledger.events()
    assert not ledger.complete_rung(rung(0), last=True)
    assert ledger.events() == before
    assert ledger.rungs() == [rung(0)]
    assert ledger.trial(0).status == WAITING
    assert ledger.trial(0).owner == ""


def test_the_last_rung_completes_its_trial(ledger: Ledger) -> None:
    ledger.add(trial(0), ARCHITECTURE)
    ledger.complete_rung(rung(0), last=True)
    assert ledger.trial(0).status == COMPLETE
    assert ledger.trial(0).finished > 0


def test_a_duplicate_reads_as_the_trial_it_shares(ledger: Ledger) -> None:
    ledger.add(trial(0), ARCHITECTURE)
    ledger.add(TrialRow(1, DUPLICATE, {"b": 2}, "g0", "k0", same_as=0))
    assert ledger.trials()[1].status == RUNNING
    ledger.change(0, FAILED, status=FAILED, gate="training", reason="it burned")
    found = ledger.trials()[1]
    assert (found.status, found.gate, found.reason, found.same_as) == (FAILED, "training", "it burned", 0)
    assert found.decisions == {"b": 2}
    assert ledger.first_of("k0") == 0
    assert not found.entered


def test_profiles_and_finals_stay_as_first_written(ledger: Ledger) -> None:
    ledger.add(trial(0), ARCHITECTURE)
    for median in (1.0, 2.0):
        ledger.put_profile(ProfileRow("g0", "d", {"median_ms": median}))
        ledger.put_final(FinalRow("k0", 0, {"accuracy": median}, None, "", {"final.py": "ab"}))
    assert ledger.profiles() == [ProfileRow("g0", "d", {"median_ms": 1.0})]
    assert [final.metrics for final in ledger.finals()] == [{"accuracy": 1.0}]


def test_meta_is_replaced_key_by_key(ledger: Ledger) -> None:
    ledger.put_meta({"seed": 1, "space": {"name": "s"}})
    ledger.put_meta({"seed": 2})
    assert ledger.meta() == {"format": 1, "seed": 2, "space": {"name": "s"}}


def test_the_journal_is_numbered_chained_and_holds_digests(ledger: Ledger) -> None:
    ledger.add(trial(0), ARCHITECTURE)
    ledger.complete_rung(rung(0), last=True)
    events = ledger.events()
    assert [(e.seq, e.kind) for e in events] == [(1, "running"), (2, "rung"), (3, "complete")]
    before = ""
    for event in events:
        assert event.hash == chained(before, vars(event))
        before = event.hash
    written = {name: getattr(rung(0), name) for name in rung(0).__dataclass_fields__}
    assert events[1].digest == hashlib.sha256(canonical(written).encode()).hexdigest()


def test_numbers_that_are_not_finite_are_refused(ledger: Ledger) -> None:
    with pytest.raises(sa.exc.StatementError, match="not JSON compliant"):
        ledger.add(trial(0, known={"params": float("nan")}), ARCHITECTURE)
    assert ledger.trials() == []


def test_a_failed_write_leaves_nothing_of_its_transaction(ledger: Ledger) -> None:
    ledger.add(trial(0), ARCHITECTURE)
    with pytest.raises(sa.exc.IntegrityError):
        ledger.add(trial(0), ARCHITECTURE)
    assert len(ledger.events()) == 1


# --- leases ----------------------------------------------------------------------------------------------------------


def ended_process() -> str:
    """The name of a process on this machine that is no more."""
    code = "from nasengine.study import owner; print(owner.this_process())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def set_owner(ledger: Ledger, number: int, name: str, expires: float) -> None:
    with ledger._engine.begin() as connection:
        where = schema.trials.c.number == number
        connection.execute(sa.update(schema.trials).where(where).values(owner=name, lease_expires=expires))


def test_trials_of_dead_processes_are_taken_over_once(ledger: Ledger) -> None:
    for number in range(2):
        ledger.add(trial(number), ARCHITECTURE)
    set_owner(ledger, 0, ended_process(), time.time() + 1000)
    assert [row.number for row in ledger.reap()] == [0]
    assert ledger.trial(0).attempt == 2
    assert ledger.trial(0).owner == owner.this_process()
    assert ledger.reap() == []
    assert [e.kind for e in ledger.events()].count("lost") == 1


def test_leases_of_other_machines_are_taken_over_when_they_expire(ledger: Ledger) -> None:
    for number in range(2):
        ledger.add(trial(number), ARCHITECTURE)
        set_owner(ledger, number, "elsewhere:1:1", time.time() + (1000 if number else -1))
    assert [row.number for row in ledger.reap()] == [0]
    assert [row.number for row in ledger.reap(alone=True)] == [1]


def test_a_process_number_that_was_given_again_is_no_owner() -> None:
    host, pid, start = owner.this_process().rsplit(":", 2)
    assert owner.is_alive(f"{host}:{pid}:{start}") is True
    assert owner.is_alive(f"{host}:{pid}:{start}0") is False
    assert owner.is_alive(f"other-{host}:{pid}:{start}") is None


def test_renewed_and_released_leases(ledger: Ledger) -> None:
    ledger.add(trial(0), ARCHITECTURE)
    set_owner(ledger, 0, owner.this_process(), 1.0)
    ledger.renew()
    assert ledger.trial(0).lease_expires > time.time() + 30
    ledger.release()
    assert (ledger.trial(0).owner, ledger.trial(0).status) == ("", RUNNING)
    assert [row.number for row in ledger.reap()] == [0]


# --- opening ---------------------------------------------------------------------------------------------------------


def test_a_ledger_is_private_and_opens_again(tmp_path: Path) -> None:
    with Ledger(tmp_path / "a" / "b") as made:
        made.add(trial(0), ARCHITECTURE)
    assert (tmp_path / "a" / "b" / FILE).stat().st_mode & 0o077 == 0
    with Ledger(tmp_path / "a" / "b", create=False, readonly=True) as again:
        assert again.trial(0).number == 0
        with pytest.raises(StoreError, match=r"cannot be written \(attempt to write a readonly database\); make room"):
            again.note("x")


@pytest.mark.parametrize("name", ["100%20", "a?b", "a#b", "größe &c"])
def test_a_store_may_have_any_name(tmp_path: Path, name: str) -> None:
    with Ledger(tmp_path / name) as made:
        made.add(trial(0), ARCHITECTURE)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / FILE).stat().st_size > 0
    with Ledger(tmp_path / name, create=False, readonly=True) as again:
        assert again.trial(0).number == 0


def test_reading_while_another_process_writes(ledger: Ledger) -> None:
    with Ledger(ledger.store, create=False, readonly=True) as reader:
        ledger.add(trial(0), ARCHITECTURE)
        assert len(reader.trials()) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "there is no study here (ledger.sqlite is absent); name the folder of a study"),
        (lambda p: (p.mkdir(), (p / FILE).write_bytes(b"\x80\x04pickle" * 200)), "cannot be opened as a ledger"),
        (lambda p: (p.mkdir(), (p / FILE).touch()), "it holds no study's tables; name the folder of a study"),
    ],
)
def test_what_is_no_ledger_is_refused(tmp_path: Path, make: object, message: str) -> None:
    make(tmp_path / "x")  # type: ignore[operator]
    with pytest.raises(StoreError) as caught:
        Ledger(tmp_path / "x", create=False, readonly=True)
    assert message in str(caught.value)


def test_a_store_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be written \(.*\); choose a store= that you may write"):
        Ledger(tmp_path / "file" / "study")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_access_is_refused_for_writing_and_read(tmp_path: Path) -> None:
    Ledger(tmp_path / "s").close()
    (tmp_path / "s").chmod(0o500)
    (tmp_path / "s" / FILE).chmod(0o400)
    with pytest.raises(StoreError, match="cannot be written"):
        Ledger(tmp_path / "s")
    Ledger(tmp_path / "s", create=False, readonly=True).close()


def test_a_ledger_of_another_version_is_refused(tmp_path: Path) -> None:
    with Ledger(tmp_path / "s") as made:
        made.put_meta({"format": 99})
    with pytest.raises(StoreError, match="expected a ledger of format 1; got 99; it was written by another version"):
        Ledger(tmp_path / "s")


def test_a_value_that_unfolds_without_end_is_refused(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.add(trial(0), {**ARCHITECTURE, "networks": {"a": "0" * 5000}})
    monkeypatch.setattr(schema, "_LARGEST_BYTES", 1000)
    with pytest.raises(ValueError, match="a compressed value is larger than"):
        ledger.architecture(ledger.trial(0))


def test_a_refused_trial_is_finished_at_once(ledger: Ledger) -> None:
    ledger.add(TrialRow(0, INFEASIBLE, gate="cost", reason="params is 12"))
    found = ledger.trial(0)
    assert found.finished > 0
    assert (found.owner, found.entered) == ("", False)
    assert ledger.architecture(found) is None
    with pytest.raises(StoreError, match="trial 5 is not recorded; `status` lists the numbers"):
        ledger.trial(5)


def test_a_ledger_damaged_in_the_middle_is_a_clear_error(tmp_path: Path) -> None:
    with Ledger(tmp_path / "s") as ledger:
        for number in range(200):
            ledger.add(TrialRow(number, "pruned", decisions={"width": number}))
    file = tmp_path / "s" / "ledger.sqlite"
    data = bytearray(file.read_bytes())
    data[8_192:] = b"\xff" * (len(data) - 8_192)
    file.write_bytes(bytes(data))
    with pytest.raises(StoreError, match=r"the ledger cannot be read \(.*\); it is damaged"):
        Ledger(tmp_path / "s", create=False, readonly=True).trials()
