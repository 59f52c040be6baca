"""An epoch: what happens while a re-cluster is carried out, and what a kill at any stage leaves behind."""

import time
from dataclasses import replace

import pytest
from sqlalchemy import text

from mpi.bootstrap import open_matcher
from mpi.domain.errors import AccessDenied, ConflictError, NotFoundError
from mpi.domain.viewer import Action, Viewer
from mpi.service.gates.holds import list_holds
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.persons.change_feed import read_change_feed
from mpi.service.processes import worker_liveness
from mpi.service.processes.pacing import Pace, PacedBatch
from mpi.service.recluster import run_executor, run_publisher
from mpi.service.recluster import run_state as service_runs
from mpi.service.recluster.derived_sync import CLEARING, WRITING
from mpi.service.recluster.proposals import (
    apply_proposal,
    get_proposal,
    propose,
    resume_run,
    roll_back_proposal,
)
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.recluster.run_executor import ACTIVATING, abandon, list_runs
from mpi.service.recluster.run_publisher import HOLDING, RELEASING
from mpi.service.records.upsert import upsert, withdraw
from tests.index import OPERATOR, a_child, all_keys, crosswalk, load_rows, many_children
from tests.models import tiny_model
from tests.unit.service.recluster.test_proposals import apart, pair
from tests.unit.service.stewardship.test_decisions import make_decision

STAGES = (WRITING, ACTIVATING, RELEASING, CLEARING)


@pytest.fixture
def stricter(tmp_path):
    return open_matcher(str(tiny_model(tmp_path / "stricter", version="2", link=17.0)))


@pytest.fixture
def three(index):
    """Three children with a doubtful link each, and some others."""
    for number in range(3):
        pair(index, number)
    load_rows(index, "sis", *many_children(5))
    return index


class Killed(BaseException):
    """Stands for a kill: nothing is tidied up after it."""


class At:
    """Progress that does something the first time that a step is told of."""

    def __init__(self, step, then):
        self.step, self.then, self.seen = step, then, []

    def __call__(self, step, done, total):
        self.seen.append((step, done, total))
        if step == self.step and self.then is not None:
            then, self.then = self.then, None
            then()


@pytest.fixture
def kill(monkeypatch):
    """A step to take at which the run dies as if its process had been killed."""

    def dies():
        monkeypatch.setattr("mpi.service.recluster.run_executor._detach_or_abandon", lambda *_: None)
        raise Killed

    return dies


def another_process(monkeypatch):
    """From now on this process is not the one that began a run, and that one is no more."""
    monkeypatch.undo()
    monkeypatch.setattr(worker_liveness, "_TOKEN", "another")


@pytest.mark.slow
@pytest.mark.parametrize("step", STAGES)
def test_what_is_written_during_a_run_is_kept_and_comes_out_as_the_new_configuration_would_have_it(
    three, stricter, step
):
    now = replace(three, matcher=stricter)
    flipped = step in (RELEASING, CLEARING)

    def meanwhile():
        during = now if flipped else three
        upsert(during, OPERATOR, "ccwis", a_child("new", first_name="Bbbbb", last_name="Ggggg",
                                                  birth_date="2010-03-09", postal_code=None))  # fmt: skip
        upsert(during, OPERATOR, "sis", a_child("c1", first_name="Someone", last_name="Else"))
        withdraw(during, OPERATOR, "sis", "2")
        make_decision(during, "SAME", ["sis:1", "ccwis:1"])

    recluster(three, OPERATOR, stricter, apply=True, progress=At(step, meanwhile))
    links = crosswalk(now)
    assert links["sis", "1"] == links["ccwis", "1"]
    assert len({links["sis", "0"], links["ccwis", "0"], links["ccwis", "new"]}) == 3
    assert ("sis", "2") not in links
    assert recluster(now, OPERATOR, stricter, apply=False).is_empty
    assert verify(now, OPERATOR) == []
    before = crosswalk(now)
    assert rebuild(now, OPERATOR).is_empty
    assert crosswalk(now) == before


@pytest.mark.slow
@pytest.mark.parametrize("step", STAGES)
def test_a_run_that_is_killed_leaves_a_sound_index_and_is_carried_on_or_begun_anew(
    three, stricter, step, kill, monkeypatch
):
    now = replace(three, matcher=stricter)
    before = crosswalk(three)
    with pytest.raises(Killed):
        recluster(three, OPERATOR, stricter, apply=True, progress=At(step, kill))
    flipped = step in (RELEASING, CLEARING)
    left = now if flipped else three
    another_process(monkeypatch)
    [run] = list_runs(three, OPERATOR)
    assert (run.alive, run.stage) == (
        False,
        {RELEASING: "releasing", CLEARING: "clearing"}.get(step, "deriving"),
    )
    assert verify(left, OPERATOR) == []
    if not flipped:
        assert crosswalk(three) == before
    upsert(left, OPERATOR, "sis", a_child("late"))
    recluster(left, OPERATOR, stricter, apply=True)
    assert all(apart(now, number) for number in range(3))
    assert verify(now, OPERATOR) == []
    assert [one.stage for one in list_runs(now, OPERATOR)] == ["done", "done" if flipped else "abandoned"]
    with now.database.read(OPERATOR) as unit:
        assert unit.derived_data.config_ids() == {now.config_id(unit)}


@pytest.mark.slow
@pytest.mark.parametrize("step", [WRITING, HOLDING, ACTIVATING, RELEASING, CLEARING])
def test_a_proposal_that_was_killed_while_it_was_applied_is_resumed(three, stricter, step, kill, monkeypatch):
    now = replace(three, matcher=stricter)
    made = propose(three, OPERATOR, stricter)
    with pytest.raises(Killed):
        apply_proposal(three, OPERATOR, stricter, made.id, [made.items[0].no], At(step, kill))
    another_process(monkeypatch)
    [run] = list_runs(three, OPERATOR)
    assert get_proposal(three, OPERATOR, made.id).status == "applying"
    if step in (WRITING, RELEASING):
        done = apply_proposal(three, OPERATOR, stricter, made.id)
        assert (done.applied, done.held, done.changed) == (1, 2, 0)
    else:
        assert resume_run(three, OPERATOR, stricter, run.id).stage == "done"
    assert get_proposal(now, OPERATOR, made.id).status == "applied"
    assert [apart(now, number) for number in range(3)].count(True) == 1
    assert [item.status for item in get_proposal(now, OPERATOR, made.id).items] == ["applied", "held", "held"]
    assert len(list_holds(now, OPERATOR)) == 2
    assert verify(now, OPERATOR) == []
    with pytest.raises(ConflictError, match="nothing to resume"):
        resume_run(now, OPERATOR, stricter, run.id)


@pytest.mark.slow
@pytest.mark.parametrize("step", [WRITING, ACTIVATING])
def test_a_proposal_that_was_killed_before_its_flip_can_be_abandoned_and_is_open_again(
    three, stricter, step, kill, monkeypatch
):
    before = crosswalk(three)
    made = propose(three, OPERATOR, stricter)
    with pytest.raises(Killed):
        apply_proposal(three, OPERATOR, stricter, made.id, [1], At(step, kill))
    another_process(monkeypatch)
    [run] = list_runs(three, OPERATOR)
    assert abandon(three, OPERATOR, run.id).stage == "abandoned"
    assert (crosswalk(three), list_holds(three, OPERATOR)) == (before, [])
    assert get_proposal(three, OPERATOR, made.id).status == "open"
    assert verify(three, OPERATOR) == []
    apply_proposal(three, OPERATOR, stricter, made.id)
    assert all(apart(replace(three, matcher=stricter), number) for number in range(3))


@pytest.mark.slow
@pytest.mark.parametrize("step", [WRITING, ACTIVATING, RELEASING, CLEARING])
def test_a_rollback_that_was_killed_is_resumed(three, stricter, step, kill, monkeypatch):
    before = crosswalk(three)
    made = propose(three, OPERATOR, stricter)
    apply_proposal(three, OPERATOR, stricter, made.id, [1, 2])
    now = replace(three, matcher=stricter)
    with pytest.raises(Killed):
        roll_back_proposal(now, OPERATOR, three.matcher, made.id, At(step, kill))
    another_process(monkeypatch)
    run = list_runs(three, OPERATOR)[0]
    resume_run(now, OPERATOR, three.matcher, run.id)
    assert crosswalk(three) == before
    assert list_holds(three, OPERATOR) == []
    assert get_proposal(three, OPERATOR, made.id).status == "rolled_back"
    assert verify(three, OPERATOR) == []


def test_the_lineage_and_the_feed_show_the_run_as_the_cause(three, stricter):
    after = read_change_feed(three, OPERATOR, 0, 1000).cursor
    recluster(three, OPERATOR, stricter, apply=True)
    assert [event.cause for event in read_change_feed(three, OPERATOR, after, 1000).events] == [
        "recluster"
    ] * 3


def test_one_run_at_a_time(three, stricter):
    refused = []

    def another():
        with pytest.raises(ConflictError, match=r"run 1 \(deriving\) is under way"):
            recluster(three, OPERATOR, three.matcher, apply=True)
        refused.append(True)

    recluster(three, OPERATOR, stricter, apply=True, progress=At(WRITING, another))
    assert refused


def test_a_run_that_fails_before_its_flip_leaves_nothing(three, stricter):
    before = crosswalk(three)

    def fails():
        raise ConflictError("no")

    with pytest.raises(ConflictError, match="no"):
        recluster(three, OPERATOR, stricter, apply=True, progress=At(ACTIVATING, fails))
    assert crosswalk(three) == before
    assert [run.stage for run in list_runs(three, OPERATOR)] == ["abandoned"]
    with three.database.read(OPERATOR) as unit:
        assert unit.derived_data.config_ids() == {three.config_id(unit)}
    assert verify(three, OPERATOR) == []


def test_a_worker_that_another_has_taken_over_from_writes_no_more(three, stricter):
    def taken():
        with three.database.write(OPERATOR, "test") as unit:
            unit.runs.update(1, worker="elsewhere:1:x")

    with pytest.raises(ConflictError, match="another process"):
        recluster(three, OPERATOR, stricter, apply=True, progress=At(WRITING, taken))
    assert [run.stage for run in list_runs(three, OPERATOR)] == ["deriving"]


def test_rebuild_mends_what_was_damaged_and_leaves_the_ids(three):
    before, tasks = crosswalk(three), None
    with three.database.read(OPERATOR) as unit:
        tasks = {(task.key, task.bits) for task in unit.tasks.all()}
        config_id = three.config_id(unit)
        kept = unit.derived_data.record_ids(config_id), unit.derived_data.all_edges(config_id)
    with three.database.write(OPERATOR, "damage") as unit:
        unit.derived_data.delete_features_and_keys(config_id, [1, 2])
        unit.derived_data.delete_edges(config_id, list(kept[1])[:1])
        unit.derived_data.add_edges(config_id, {(900, 901): 20.0})
        unit.derived_data.add_features(config_id, [(902, b"[]")])
    assert rebuild(three, OPERATOR).is_empty
    assert crosswalk(three) == before
    with three.database.read(OPERATOR) as unit:
        assert (unit.derived_data.record_ids(config_id), unit.derived_data.all_edges(config_id)) == kept
        assert {(task.key, task.bits) for task in unit.tasks.all()} == tasks
    assert verify(three, OPERATOR) == []


def test_rebuild_mends_the_keys_that_are_searched(three):
    with three.database.write(OPERATOR, "damage") as unit:
        config_id = three.config_id(unit)
        kept = all_keys(unit, config_id)
        group, key, record = next(unit.keys.iterate_searched_rows(config_id)).T.tolist()[0]
    row = f"config_id = {config_id} AND group_id = {group} AND key = {key} AND record_id = {record}"
    with three.database.engine.begin() as connection:
        connection.execute(text(f"UPDATE blocking_key SET record_id = 77 WHERE {row}"))
    assert [finding.law for finding in verify(three, OPERATOR)] == [5]
    assert rebuild(three, OPERATOR).is_empty
    with three.database.read(OPERATOR) as unit:
        assert all_keys(unit, config_id) == kept
    assert verify(three, OPERATOR) == []


def test_runs_are_for_whom_may_re_cluster_everything(three, stricter):
    recluster(three, OPERATOR, stricter, apply=True)
    for viewer in (
        Viewer("district", None, frozenset(Action), frozenset({"sis"})),
        Viewer("reader", None, frozenset(Action) - {Action.RECLUSTER}, None),
    ):
        for asked in (
            lambda v: list_runs(three, v),
            lambda v: resume_run(three, v, stricter, 1),
            lambda v: abandon(three, v, 1),
        ):
            with pytest.raises(AccessDenied):
                asked(viewer)
    with pytest.raises(NotFoundError):
        resume_run(three, OPERATOR, stricter, 9)
    with pytest.raises(ConflictError, match="done"):
        abandon(three, OPERATOR, 1)


def test_a_run_may_be_interrupted_until_its_configuration_is_in_force(three, stricter):
    late = {}

    def look(step, _done, _total):
        late.setdefault(step, three.database.is_commit_begun)

    recluster(three, OPERATOR, stricter, apply=True, progress=look)
    assert (late[WRITING], late[ACTIVATING], late[RELEASING]) == (False, False, True)


def number_of(index, source, local_id):
    """The number of a record."""
    with index.database.read(OPERATOR) as unit:
        return unit.records.find_by_local_ids(unit.sources.get_by_code(source).id, [local_id])[local_id].id


def edges_in_force(index):
    with index.database.read(OPERATOR) as unit:
        return unit.derived_data.all_edges(index.config_id(unit))


@pytest.mark.parametrize(
    "becomes",
    [
        {"first_name": "Bbbbb", "last_name": "Ggggg", "birth_date": "2010-03-09", "postal_code": "43007"},
        {"first_name": "Bbbbb", "last_name": "Ggggg", "birth_date": "2013-07-21", "postal_code": "43007"},
        None,
    ],
    ids=["still alike", "not alike", "withdrawn"],
)
def test_what_changes_between_one_record_of_a_pair_and_the_other_leaves_no_edge_of_what_it_was(
    three, stricter, monkeypatch, becomes
):
    now = replace(three, matcher=stricter)
    first = number_of(three, "sis", "0")
    assert first < number_of(three, "ccwis", "0")

    def meanwhile():
        if becomes is None:
            withdraw(three, OPERATOR, "ccwis", "0")
        else:
            upsert(three, OPERATOR, "ccwis", a_child("0", **becomes))

    def one_by_one(pace, items, **_sizes):
        for item in items:
            yield PacedBatch(pace, [item])
            if item == first and edges_beside(three):
                monkeypatch.undo()
                meanwhile()

    def edges_beside(index):
        with index.database.read(OPERATOR) as unit:
            others = unit.derived_data.config_ids() - {index.config_id(unit)}
            return any(unit.derived_data.all_edges(other) for other in others)

    monkeypatch.setattr(Pace, "batches", one_by_one)
    recluster(three, OPERATOR, stricter, apply=True)
    assert Pace.batches is not one_by_one, "the record changed in the middle of it"
    if becomes is None:
        back = a_child("0", first_name="Bbbbb", last_name="Ggggg", birth_date="2010-03-09")
        upsert(now, OPERATOR, "ccwis", back)
    assert verify(now, OPERATOR) == []
    found = edges_in_force(now)
    rebuild(now, OPERATOR)
    assert found == edges_in_force(now)


@pytest.mark.parametrize("step", ["_find_items_to_publish", "_find_items_to_hold"])
def test_a_run_that_settles_for_long_says_that_it_is_alive_meanwhile(three, stricter, monkeypatch, step):
    made = propose(three, OPERATOR, stricter)
    settles, seen = getattr(run_publisher, step), []

    def slowly(unit, **given):
        began = time.monotonic()
        while time.monotonic() - began < 1.0:
            time.sleep(0.1)
            seen.append(list_runs(three, OPERATOR)[0].alive)
        return settles(unit, **given)

    monkeypatch.setattr(service_runs, "HEARTBEAT_S", 0.1)
    monkeypatch.setattr(worker_liveness, "HEARTBEAT_TIMEOUT_S", 0.5)
    monkeypatch.setattr(run_publisher, step, slowly)
    apply_proposal(three, OPERATOR, stricter, made.id)
    assert len(seen) > 5
    assert all(seen)


def test_of_two_that_find_one_interrupted_run_the_later_leaves_it_to_the_other(
    three, stricter, kill, monkeypatch
):
    with pytest.raises(Killed):
        recluster(three, OPERATOR, stricter, apply=True, progress=At(WRITING, kill))
    another_process(monkeypatch)
    alive, ended = run_executor.is_alive, []

    def ended_by_another(run):
        """Between what the later one has read and what it writes, another gives the run up."""
        was = alive(run)
        if not ended:
            abandon(three, OPERATOR, run.id)
            ended.append(run_of(run.id).ended_commit)
        return was

    def run_of(number):
        with three.database.read(OPERATOR) as unit:
            return unit.runs.get(number)

    monkeypatch.setattr(run_executor, "is_alive", ended_by_another)
    recluster(three, OPERATOR, stricter, apply=True)
    first, later = sorted(list_runs(three, OPERATOR), key=lambda run: run.id)
    assert (first.stage, later.stage) == ("abandoned", "done")
    assert [run_of(first.id).ended_commit] == ended
