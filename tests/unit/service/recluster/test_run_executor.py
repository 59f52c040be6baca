"""Test a re-cluster run: writes during it, kills at every stage, and resumption."""

import time
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, ConflictError, NotFoundError
from mpi.domain.viewer import Action, Viewer
from mpi.service.gates.holds import list_holds
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.persons.change_feed import read_change_feed
from mpi.service.processes import worker_liveness
from mpi.service.processes.pacing import Pace, PacedBatch
from mpi.service.recluster import run_executor, run_publisher
from mpi.service.recluster.derived_sync import CLEARING, WRITING
from mpi.service.recluster.proposal_application import apply_proposal, resume_run, roll_back_proposal
from mpi.service.recluster.proposals import get_proposal, propose
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.recluster.run_executor import ACTIVATING, abandon, list_runs
from mpi.service.recluster.run_publisher import HOLDING, RELEASING
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from tests.index import OPERATOR, all_keys, crosswalk, load_rows, make_child, many_children, with_tuning
from tests.unit.service.recluster.test_proposals import are_separate, upsert_doubtful_pair
from tests.unit.service.stewardship.test_decisions import make_decision

STAGES = (WRITING, ACTIVATING, RELEASING, CLEARING)


@pytest.fixture
def mixed_children(index):
    """An index with three children with a doubtful link each, and five others."""
    for number in range(3):
        upsert_doubtful_pair(index, number)
    load_rows(index, "sis", *many_children(5))
    return index


class KilledError(BaseException):
    """Stands for a kill of the process: no cleanup runs after it."""


class ProgressHook:
    """A progress callback that runs an action at the first report of a step."""

    def __init__(self, step, action):
        self.step, self.action, self.reports = step, action, []

    def __call__(self, step, done, total):
        self.reports.append((step, done, total))
        if step == self.step and self.action is not None:
            action, self.action = self.action, None
            action()


@pytest.fixture
def kill(monkeypatch):
    """An action that ends the run as if its process had been killed."""

    def die():
        monkeypatch.setattr("mpi.service.recluster.run_executor._detach_or_abandon", lambda *_: None)
        raise KilledError

    return die


def become_another_process(monkeypatch):
    """Act as another process; the one that started the run has died."""
    monkeypatch.undo()
    monkeypatch.setattr(worker_liveness, "_TOKEN", "another")


@pytest.mark.slow
@pytest.mark.parametrize("step", STAGES)
def test_writes_during_a_run_are_kept_and_match_the_new_configuration(mixed_children, stricter, step):
    stricter_index = replace(mixed_children, matcher=stricter)
    is_active = step in (RELEASING, CLEARING)

    def write_during_run():
        current_index = stricter_index if is_active else mixed_children
        upsert(current_index, OPERATOR, "ccwis", make_child("new", first_name="Bbbbb", last_name="Ggggg",
                                                  birth_date="2010-03-09", postal_code=None))  # fmt: skip
        upsert(current_index, OPERATOR, "sis", make_child("c1", first_name="Someone", last_name="Else"))
        withdraw(current_index, OPERATOR, "sis", "2")
        make_decision(current_index, "SAME", ["sis:1", "ccwis:1"])

    recluster(mixed_children, OPERATOR, stricter, apply=True, progress=ProgressHook(step, write_during_run))
    links = crosswalk(stricter_index)
    assert links["sis", "1"] == links["ccwis", "1"]
    assert len({links["sis", "0"], links["ccwis", "0"], links["ccwis", "new"]}) == 3
    assert ("sis", "2") not in links
    assert recluster(stricter_index, OPERATOR, stricter, apply=False).is_empty
    assert verify(stricter_index, OPERATOR) == []
    before = crosswalk(stricter_index)
    assert rebuild(stricter_index, OPERATOR).is_empty
    assert crosswalk(stricter_index) == before


@pytest.mark.slow
@pytest.mark.parametrize("step", STAGES)
def test_killed_run_leaves_a_sound_index_and_is_resumed_or_restarted(
    mixed_children, stricter, step, kill, monkeypatch
):
    stricter_index = replace(mixed_children, matcher=stricter)
    before = crosswalk(mixed_children)
    with pytest.raises(KilledError):
        recluster(mixed_children, OPERATOR, stricter, apply=True, progress=ProgressHook(step, kill))
    is_active = step in (RELEASING, CLEARING)
    current_index = stricter_index if is_active else mixed_children
    become_another_process(monkeypatch)
    [run] = list_runs(mixed_children, OPERATOR)
    assert (run.alive, run.stage) == (
        False,
        {RELEASING: "releasing", CLEARING: "clearing"}.get(step, "deriving"),
    )
    assert verify(current_index, OPERATOR) == []
    if not is_active:
        assert crosswalk(mixed_children) == before
    upsert(current_index, OPERATOR, "sis", make_child("late"))
    recluster(current_index, OPERATOR, stricter, apply=True)
    assert all(are_separate(stricter_index, number) for number in range(3))
    assert verify(stricter_index, OPERATOR) == []
    assert [listed_run.stage for listed_run in list_runs(stricter_index, OPERATOR)] == [
        "done",
        "done" if is_active else "abandoned",
    ]
    with stricter_index.database.read(OPERATOR) as unit:
        assert unit.derived_data.config_ids() == {stricter_index.config_id(unit)}


@pytest.mark.slow
@pytest.mark.parametrize("step", [WRITING, HOLDING, ACTIVATING, RELEASING, CLEARING])
def test_killed_application_of_a_proposal_is_resumed(mixed_children, stricter, step, kill, monkeypatch):
    stricter_index = replace(mixed_children, matcher=stricter)
    proposal = propose(mixed_children, OPERATOR, stricter)
    with pytest.raises(KilledError):
        apply_proposal(
            mixed_children, OPERATOR, stricter, proposal.id, [proposal.items[0].no], ProgressHook(step, kill)
        )
    become_another_process(monkeypatch)
    [run] = list_runs(mixed_children, OPERATOR)
    assert get_proposal(mixed_children, OPERATOR, proposal.id).status == "applying"
    if step in (WRITING, RELEASING):
        application = apply_proposal(mixed_children, OPERATOR, stricter, proposal.id)
        assert (application.applied, application.held, application.changed) == (1, 2, 0)
    else:
        assert resume_run(mixed_children, OPERATOR, stricter, run.id).stage == "done"
    assert get_proposal(stricter_index, OPERATOR, proposal.id).status == "applied"
    assert [are_separate(stricter_index, number) for number in range(3)].count(True) == 1
    assert [item.status for item in get_proposal(stricter_index, OPERATOR, proposal.id).items] == [
        "applied",
        "held",
        "held",
    ]
    assert len(list_holds(stricter_index, OPERATOR)) == 2
    assert verify(stricter_index, OPERATOR) == []
    with pytest.raises(ConflictError, match="nothing to resume"):
        resume_run(stricter_index, OPERATOR, stricter, run.id)


@pytest.mark.slow
@pytest.mark.parametrize("step", [WRITING, ACTIVATING])
def test_application_killed_before_activation_can_be_abandoned_and_reopens_the_proposal(
    mixed_children, stricter, step, kill, monkeypatch
):
    before = crosswalk(mixed_children)
    proposal = propose(mixed_children, OPERATOR, stricter)
    with pytest.raises(KilledError):
        apply_proposal(mixed_children, OPERATOR, stricter, proposal.id, [1], ProgressHook(step, kill))
    become_another_process(monkeypatch)
    [run] = list_runs(mixed_children, OPERATOR)
    assert abandon(mixed_children, OPERATOR, run.id).stage == "abandoned"
    assert (crosswalk(mixed_children), list_holds(mixed_children, OPERATOR)) == (before, [])
    assert get_proposal(mixed_children, OPERATOR, proposal.id).status == "open"
    assert verify(mixed_children, OPERATOR) == []
    apply_proposal(mixed_children, OPERATOR, stricter, proposal.id)
    assert all(are_separate(replace(mixed_children, matcher=stricter), number) for number in range(3))


@pytest.mark.slow
@pytest.mark.parametrize("step", [WRITING, ACTIVATING, RELEASING, CLEARING])
def test_killed_rollback_is_resumed(mixed_children, stricter, step, kill, monkeypatch):
    before = crosswalk(mixed_children)
    proposal = propose(mixed_children, OPERATOR, stricter)
    apply_proposal(mixed_children, OPERATOR, stricter, proposal.id, [1, 2])
    stricter_index = replace(mixed_children, matcher=stricter)
    with pytest.raises(KilledError):
        roll_back_proposal(
            stricter_index, OPERATOR, mixed_children.matcher, proposal.id, ProgressHook(step, kill)
        )
    become_another_process(monkeypatch)
    run = list_runs(mixed_children, OPERATOR)[0]
    resume_run(stricter_index, OPERATOR, mixed_children.matcher, run.id)
    assert crosswalk(mixed_children) == before
    assert list_holds(mixed_children, OPERATOR) == []
    assert get_proposal(mixed_children, OPERATOR, proposal.id).status == "rolled_back"
    assert verify(mixed_children, OPERATOR) == []


def test_lineage_and_change_feed_show_the_run_as_cause(mixed_children, stricter):
    after = read_change_feed(mixed_children, OPERATOR, 0, 1000).cursor
    recluster(mixed_children, OPERATOR, stricter, apply=True)
    assert [event.cause for event in read_change_feed(mixed_children, OPERATOR, after, 1000).events] == [
        "recluster"
    ] * 3


def test_only_one_run_at_a_time(mixed_children, stricter):
    refusals = []

    def start_another():
        with pytest.raises(ConflictError, match=r"run 1 \(deriving\) is under way"):
            recluster(mixed_children, OPERATOR, mixed_children.matcher, apply=True)
        refusals.append(True)

    recluster(mixed_children, OPERATOR, stricter, apply=True, progress=ProgressHook(WRITING, start_another))
    assert refusals


def test_run_that_fails_before_activation_leaves_nothing(mixed_children, stricter):
    before = crosswalk(mixed_children)

    def fail():
        raise ConflictError("no")

    with pytest.raises(ConflictError, match="no"):
        recluster(mixed_children, OPERATOR, stricter, apply=True, progress=ProgressHook(ACTIVATING, fail))
    assert crosswalk(mixed_children) == before
    assert [run.stage for run in list_runs(mixed_children, OPERATOR)] == ["abandoned"]
    with mixed_children.database.read(OPERATOR) as unit:
        assert unit.derived_data.config_ids() == {mixed_children.config_id(unit)}
    assert verify(mixed_children, OPERATOR) == []


def test_worker_whose_run_was_taken_over_stops_writing(mixed_children, stricter):
    def take_over():
        with mixed_children.database.write(OPERATOR, "test") as unit:
            unit.runs.update(1, worker="elsewhere:1:x")

    with pytest.raises(ConflictError, match="another process"):
        recluster(mixed_children, OPERATOR, stricter, apply=True, progress=ProgressHook(WRITING, take_over))
    assert [run.stage for run in list_runs(mixed_children, OPERATOR)] == ["deriving"]


def test_rebuild_repairs_damaged_data_and_keeps_the_ids(mixed_children):
    before, tasks = crosswalk(mixed_children), None
    with mixed_children.database.read(OPERATOR) as unit:
        tasks = {(task.key, task.bits) for task in unit.tasks.all()}
        config_id = mixed_children.config_id(unit)
        expected = unit.derived_data.record_ids(config_id), unit.derived_data.all_edges(config_id)
    with mixed_children.database.write(OPERATOR, "damage") as unit:
        unit.derived_data.delete_features_and_keys(config_id, [1, 2])
        unit.derived_data.delete_edges(config_id, list(expected[1])[:1])
        unit.derived_data.add_edges(config_id, {(900, 901): 20.0})
        unit.derived_data.add_features(config_id, [(902, b"[]")])
    assert rebuild(mixed_children, OPERATOR).is_empty
    assert crosswalk(mixed_children) == before
    with mixed_children.database.read(OPERATOR) as unit:
        assert (unit.derived_data.record_ids(config_id), unit.derived_data.all_edges(config_id)) == expected
        assert {(task.key, task.bits) for task in unit.tasks.all()} == tasks
    assert verify(mixed_children, OPERATOR) == []


def test_rebuild_repairs_the_searched_keys(mixed_children):
    with mixed_children.database.write(OPERATOR, "damage") as unit:
        config_id = mixed_children.config_id(unit)
        expected = all_keys(unit, config_id)
        group, key, record = next(unit.keys.iterate_searched_rows(config_id)).T.tolist()[0]
    row = f"config_id = {config_id} AND group_id = {group} AND key = {key} AND record_id = {record}"
    with mixed_children.database.engine.begin() as connection:
        connection.execute(text(f"UPDATE blocking_key SET record_id = 77 WHERE {row}"))
    assert [finding.law for finding in verify(mixed_children, OPERATOR)] == [5]
    assert rebuild(mixed_children, OPERATOR).is_empty
    with mixed_children.database.read(OPERATOR) as unit:
        assert all_keys(unit, config_id) == expected
    assert verify(mixed_children, OPERATOR) == []


def test_runs_need_the_recluster_right_on_every_source(mixed_children, stricter):
    recluster(mixed_children, OPERATOR, stricter, apply=True)
    for viewer in (
        Viewer("district", None, frozenset(Action), frozenset({"sis"})),
        Viewer("reader", None, frozenset(Action) - {Action.RECLUSTER}, None),
    ):
        for call in (
            lambda caller: list_runs(mixed_children, caller),
            lambda caller: resume_run(mixed_children, caller, stricter, 1),
            lambda caller: abandon(mixed_children, caller, 1),
        ):
            with pytest.raises(AccessDenied):
                call(viewer)
    with pytest.raises(NotFoundError):
        resume_run(mixed_children, OPERATOR, stricter, 9)
    with pytest.raises(ConflictError, match="done"):
        abandon(mixed_children, OPERATOR, 1)


def test_run_can_be_interrupted_until_its_configuration_is_active(mixed_children, stricter):
    commit_states = {}

    def record_commit_state(step, _done, _total):
        commit_states.setdefault(step, mixed_children.database.is_commit_begun)

    recluster(mixed_children, OPERATOR, stricter, apply=True, progress=record_commit_state)
    assert (commit_states[WRITING], commit_states[ACTIVATING], commit_states[RELEASING]) == (
        False,
        False,
        True,
    )


def find_record_id(index, source, local_id):
    """Return the ID of a record."""
    with index.database.read(OPERATOR) as unit:
        return unit.records.find_by_local_ids(unit.sources.get_by_code(source).id, [local_id])[local_id].id


def active_edges(index):
    with index.database.read(OPERATOR) as unit:
        return unit.derived_data.all_edges(index.config_id(unit))


@pytest.mark.parametrize(
    "change",
    [
        {"first_name": "Bbbbb", "last_name": "Ggggg", "birth_date": "2010-03-09", "postal_code": "43007"},
        {"first_name": "Bbbbb", "last_name": "Ggggg", "birth_date": "2013-07-21", "postal_code": "43007"},
        None,
    ],
    ids=["still-alike", "not-alike", "withdrawn"],
)
def test_record_changed_between_the_reads_of_a_pair_leaves_no_outdated_edge(
    mixed_children, stricter, monkeypatch, change
):
    stricter_index = replace(mixed_children, matcher=stricter)
    first = find_record_id(mixed_children, "sis", "0")
    assert first < find_record_id(mixed_children, "ccwis", "0")

    def change_record():
        if change is None:
            withdraw(mixed_children, OPERATOR, "ccwis", "0")
        else:
            upsert(mixed_children, OPERATOR, "ccwis", make_child("0", **change))

    def single_item_batches(pace, items, **_sizes):
        for item in items:
            yield PacedBatch(pace, [item])
            if item == first and has_derived_edges(mixed_children):
                monkeypatch.undo()
                change_record()

    def has_derived_edges(index):
        with index.database.read(OPERATOR) as unit:
            other_configs = unit.derived_data.config_ids() - {index.config_id(unit)}
            return any(unit.derived_data.all_edges(config) for config in other_configs)

    monkeypatch.setattr(Pace, "batches", single_item_batches)
    recluster(mixed_children, OPERATOR, stricter, apply=True)
    assert Pace.batches is not single_item_batches, "the record changed in the middle of it"
    if change is None:
        returned = make_child("0", first_name="Bbbbb", last_name="Ggggg", birth_date="2010-03-09")
        upsert(stricter_index, OPERATOR, "ccwis", returned)
    assert verify(stricter_index, OPERATOR) == []
    edges = active_edges(stricter_index)
    rebuild(stricter_index, OPERATOR)
    assert edges == active_edges(stricter_index)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["_find_items_to_publish", "_find_items_to_hold"])
def test_run_that_publishes_for_long_keeps_its_heartbeat(mixed_children, stricter, monkeypatch, step):
    proposal = propose(mixed_children, OPERATOR, stricter)
    real_step, heartbeat_ages = getattr(run_publisher, step), []

    def run_slowly(step_unit, **arguments):
        for _ in range(10):
            time.sleep(0.1)
            with mixed_children.database.read(OPERATOR) as unit:
                heartbeat = datetime.fromisoformat(unit.runs.find_open().beat)
            heartbeat_ages.append(clock.now() - heartbeat)
        return real_step(step_unit, **arguments)

    monkeypatch.setattr(run_publisher, step, run_slowly)
    tuned_index = with_tuning(mixed_children, request={"heartbeat_s": 0.1})
    apply_proposal(tuned_index, OPERATOR, stricter, proposal.id)
    assert len(heartbeat_ages) >= 10
    assert max(heartbeat_ages) < timedelta(seconds=0.5)


def test_later_of_two_processes_leaves_an_interrupted_run_to_the_other(
    mixed_children, stricter, kill, monkeypatch
):
    with pytest.raises(KilledError):
        recluster(mixed_children, OPERATOR, stricter, apply=True, progress=ProgressHook(WRITING, kill))
    become_another_process(monkeypatch)
    is_alive, ended_commits = run_executor.is_alive, []

    def abandon_by_another(run):
        """Abandon the run from another process between the later one's read and write."""
        result = is_alive(run)
        if not ended_commits:
            abandon(mixed_children, OPERATOR, run.id)
            ended_commits.append(find_run(run.id).ended_commit)
        return result

    def find_run(number):
        with mixed_children.database.read(OPERATOR) as unit:
            return unit.runs.get(number)

    monkeypatch.setattr(run_executor, "is_alive", abandon_by_another)
    recluster(mixed_children, OPERATOR, stricter, apply=True)
    first, later = sorted(list_runs(mixed_children, OPERATOR), key=lambda run: run.id)
    assert (first.stage, later.stage) == ("abandoned", "done")
    assert [find_run(first.id).ended_commit] == ended_commits
