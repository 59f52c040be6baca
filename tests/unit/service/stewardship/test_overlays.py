"""Test overlays: another child under a known local ID is held until a person decides."""

from datetime import UTC, datetime

import pytest

from mpi.domain.errors import AccessDenied, ConflictError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Action, Viewer
from mpi.service.loads.dry_run import dry_run
from mpi.service.loads.load import LoadOptions
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.persons.persons import look_up_person
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.record_reader import read
from mpi.service.records.source_pause import pause, resume
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.review.answers.answer_undo import undo_answer
from mpi.service.review.answers.responses import ResponseOptions, respond_to_question
from mpi.service.review.question_view import load_question_view
from mpi.service.stewardship.overlays import refuse_overlay, release_overlay
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, crosswalk, load_rows, make_child, rows

ZOE = {"first_name": "Zoe", "last_name": "Quist", "birth_date": "2001-05-06", "postal_code": "41111"}
RECORD = RecordRef("sis", "1")
SCHOOL = Viewer("school", "data_quality", OPERATOR.actions, frozenset({"sis"}))
AMARA, AS_ZOE = "Amara", "Zoe"


def day(number: int) -> str:
    return datetime(2026, 3, number, tzinfo=UTC).isoformat()


def upsert_child(index, local_id="1", source="sis", on=None, **changes):
    return upsert(
        index, OPERATOR, source, make_child(local_id, **changes, as_of=None if on is None else day(on))
    )


def overlay_tasks(index):
    with index.database.read(OPERATOR) as unit:
        return [task for task in unit.tasks.all() if task.kind == "overlay"]


def read_first_name(index, record=RECORD):
    return read(index, OPERATOR, record.source, record.local_id)["record"]["first_name"]


def is_sound(index):
    """Check that a re-cluster, a rebuild and verify find nothing to change."""
    before = crosswalk(index), overlay_tasks(index)
    assert recluster(index, OPERATOR, index.matcher, apply=False).is_empty
    rebuild(index, OPERATOR)
    assert (crosswalk(index), overlay_tasks(index)) == before
    assert verify(index, OPERATOR) == []
    return True


@pytest.fixture
def overlaid(index):
    """An index in which a known local ID now states another child."""
    upsert_child(index, on=1)
    upsert_child(index, "1", "ccwis", on=1)
    upsert_child(index, "9", "ccwis", on=1, **ZOE)
    upsert_child(index, on=2, **ZOE)
    return index


def shown_versions(index, viewer):
    """Return the current and the held version, as the question shows them."""
    [task] = overlay_tasks(index)
    return [card.values for card in load_question_view(index, viewer, task.question).cards]


def test_reused_local_id_is_held_and_links_nothing(index):
    upsert_child(index, on=1)
    upsert_child(index, "9", "ccwis", on=1, **ZOE)
    before = crosswalk(index)
    held = upsert_child(index, on=2, **ZOE)
    [task] = overlay_tasks(index)
    assert (held.outcome, held.record, held.enterprise_id) == ("held", "held", before["sis", "1"])
    assert held.tasks == (task.key,)
    assert (crosswalk(index), read_first_name(index)) == (before, AMARA)
    assert (task.lo, task.reason, task.harm > 0, task.question.startswith("o-")) == (
        task.hi, "another-child", True, True,
    )  # fmt: skip
    assert is_sound(index)


def test_released_version_replaces_the_old_one_and_moves_the_record(overlaid):
    before = crosswalk(overlaid)
    previewed = release_overlay(overlaid, OPERATOR, RECORD, preview=True)
    assert crosswalk(overlaid) == before
    effect = release_overlay(overlaid, OPERATOR, RECORD)
    assert (previewed.persons, previewed.moved) == (effect.persons, effect.moved)
    # The enterprise ID stays with the child it was given to.
    assert crosswalk(overlaid) == {**before, ("sis", "1"): before["ccwis", "9"]}
    assert (read_first_name(overlaid), overlay_tasks(overlaid)) == (AS_ZOE, [])
    assert upsert_child(overlaid, on=3, **ZOE).outcome == "unchanged"
    assert is_sound(overlaid)


def test_enterprise_id_is_never_given_to_the_child_who_reused_the_local_id(index):
    old_eid, other_eid = (
        upsert_child(index, on=1).enterprise_id,
        upsert_child(index, "9", "ccwis", on=1, **ZOE).enterprise_id,
    )
    upsert_child(index, on=2, **ZOE)
    effect = release_overlay(index, OPERATOR, RECORD)
    assert crosswalk(index) == {("sis", "1"): other_eid, ("ccwis", "9"): other_eid}
    assert look_up_person(index, OPERATOR, old_eid).status == "retired"
    undo_step(index, OPERATOR, effect.step)
    assert crosswalk(index) == {("sis", "1"): old_eid, ("ccwis", "9"): other_eid}
    assert is_sound(index)


def test_refused_version_stays_refused_when_sent_again(overlaid):
    before = crosswalk(overlaid)
    refuse_overlay(overlaid, OPERATOR, RECORD)
    resent = upsert_child(overlaid, on=3, **ZOE)
    assert (resent.outcome, resent.tasks) == ("held", ())
    assert (crosswalk(overlaid), overlay_tasks(overlaid), read_first_name(overlaid)) == (before, [], AMARA)
    assert upsert_child(overlaid, on=4, **{**ZOE, "last_name": "Lee"}).tasks != ()
    assert is_sound(overlaid)


@pytest.mark.parametrize("answer", [release_overlay, refuse_overlay])
def test_undo_of_an_answer_reopens_the_question(overlaid, answer):
    before, tasks_before = crosswalk(overlaid), overlay_tasks(overlaid)
    effect = answer(overlaid, OPERATOR, RECORD)
    upsert_child(overlaid, on=3, **ZOE)
    undo_step(overlaid, OPERATOR, effect.step, preview=True)
    undo_effect = undo_step(overlaid, OPERATOR, effect.step)
    assert (undo_effect.kind, crosswalk(overlaid), read_first_name(overlaid)) == ("undo", before, AMARA)
    assert [task.key for task in overlay_tasks(overlaid)] == [task.key for task in tasks_before]
    assert is_sound(overlaid)
    with pytest.raises(ConflictError):
        undo_step(overlaid, OPERATOR, effect.step)
    release_overlay(overlaid, OPERATOR, RECORD)
    assert read_first_name(overlaid) == AS_ZOE


def test_undo_of_a_release_holds_later_versions_too(overlaid):
    effect = release_overlay(overlaid, OPERATOR, RECORD)
    upsert_child(overlaid, on=3, **{**ZOE, "postal_code": "41112"})
    undo_step(overlaid, OPERATOR, effect.step)
    assert read_first_name(overlaid) == AMARA
    release_overlay(overlaid, OPERATOR, RECORD)
    assert read(overlaid, OPERATOR, "sis", "1")["record"]["postal_code"] == "41112"
    assert is_sound(overlaid)


def test_corrected_version_replaces_the_held_one_and_closes_the_question(overlaid):
    assert upsert_child(overlaid, on=3, postal_code="43002").record == "updated"
    assert (read_first_name(overlaid), overlay_tasks(overlaid)) == (AMARA, [])
    with pytest.raises(ConflictError):
        release_overlay(overlaid, OPERATOR, RECORD)
    assert is_sound(overlaid)


def test_resent_old_version_replaces_the_held_one(overlaid):
    assert upsert_child(overlaid, on=3).outcome == "unchanged"
    assert overlay_tasks(overlaid) == []
    assert is_sound(overlaid)


def test_question_shows_the_latest_of_several_held_versions(overlaid):
    upsert_child(overlaid, on=3, **{**ZOE, "postal_code": "41112"})
    assert len(overlay_tasks(overlaid)) == 1
    assert shown_versions(overlaid, OPERATOR)[1]["postal_code"] == "41112"
    release_overlay(overlaid, OPERATOR, RECORD)
    assert read(overlaid, OPERATOR, "sis", "1")["record"]["postal_code"] == "41112"
    assert is_sound(overlaid)


def test_late_intermediate_statement_may_end_the_hold(overlaid):
    upsert_child(overlaid, on=1, first_name="Zoe")  # only the first name, dated before the other changes
    assert (read_first_name(overlaid), overlay_tasks(overlaid)) == (AS_ZOE, [])
    assert crosswalk(overlaid)["sis", "1"] == crosswalk(overlaid)["ccwis", "9"]
    assert is_sound(overlaid)


def test_reused_local_id_of_a_withdrawn_record_is_held(index):
    eid = upsert_child(index, on=1).enterprise_id
    withdraw(index, OPERATOR, "sis", "1")
    held = upsert_child(index, **ZOE)
    assert (held.outcome, held.enterprise_id, len(overlay_tasks(index))) == ("held", None, 1)
    assert crosswalk(index) == {}
    assert is_sound(index)
    refuse_overlay(index, OPERATOR, RECORD)
    assert (crosswalk(index), overlay_tasks(index)) == ({}, [])
    assert upsert_child(index).enterprise_id == eid


def test_withdrawal_closes_the_question(index):
    upsert_child(index, on=1)
    withdraw(index, OPERATOR, "sis", "1")
    upsert_child(index, **ZOE)
    withdraw(index, OPERATOR, "sis", "1")
    assert (crosswalk(index), overlay_tasks(index)) == ({}, [])
    assert is_sound(index)


def test_load_with_overlays_is_counted_predicted_and_undone(index):
    children = [make_child(str(n), first_name=f"{chr(97 + n) * 4}a") for n in range(12)]
    load_rows(index, "sis", *children, as_of=datetime(2026, 3, 1, tzinfo=UTC), snapshot=Snapshot.FULL)
    before = crosswalk(index)
    other_children = [make_child(str(n), **ZOE) for n in range(12)]
    options = LoadOptions(snapshot=Snapshot.FULL, as_of=datetime(2026, 3, 2, tzinfo=UTC), confirm=True)
    predicted = dry_run(index, OPERATOR, "sis", rows(*other_children), options).receipt
    receipt = load_rows(index, "sis", *other_children, as_of=datetime(2026, 3, 2, tzinfo=UTC), confirm=True)
    assert predicted.counts == receipt.counts
    assert (receipt.held, receipt.adds_up, len(overlay_tasks(index)), crosswalk(index)) == (
        12,
        True,
        12,
        before,
    )
    assert is_sound(index)
    undo_load(index, OPERATOR, receipt.batch)
    assert (overlay_tasks(index), crosswalk(index)) == ([], before)


def test_held_version_takes_effect_when_the_old_one_is_undone(index):
    first = load_rows(index, "sis", make_child("1"), as_of=datetime(2026, 3, 1, tzinfo=UTC))
    upsert_child(index, on=2, **ZOE)
    undo_load(index, OPERATOR, first.batch)
    assert (read_first_name(index), overlay_tasks(index)) == (AS_ZOE, [])
    assert is_sound(index)


def test_statement_of_a_paused_source_is_checked_on_resume(index):
    upsert_child(index, on=1)
    pause(index, OPERATOR, "sis")
    upsert_child(index, on=2, **ZOE)
    assert overlay_tasks(index) == []
    resume(index, OPERATOR, "sis")
    assert (read_first_name(index), len(overlay_tasks(index))) == (AMARA, 1)
    assert is_sound(index)


def test_seal_takes_effect_and_closes_the_question(overlaid):
    upsert_child(overlaid, on=3, restrictions=[{"kind": "sealed"}])
    assert overlay_tasks(overlaid) == []
    with pytest.raises(NotFoundError):
        release_overlay(overlaid, OPERATOR, RECORD)
    assert is_sound(overlaid)


@pytest.mark.parametrize(
    "change", [{"last_name": "Quist"}, {"birth_date": "2009-11-30"}, {"first_name": "Zoe"}]
)
def test_correction_of_one_field_is_never_held(index, change):
    upsert_child(index, on=1)
    assert upsert_child(index, on=2, **change).record == "updated"


def test_readers_of_the_source_see_both_versions_and_deciders_answer(overlaid):
    versions = shown_versions(overlaid, OPERATOR)
    assert [values["first_name"] for values in versions] == [AMARA, AS_ZOE]
    rights = frozenset({Action.DECIDE, Action.RECORD_READ, Action.TASK_READ})
    welfare_viewer = Viewer("other", "data_quality", rights, frozenset({"ccwis"}))
    reader = Viewer("reader", "data_quality", rights - {Action.DECIDE}, frozenset({"sis"}))
    with pytest.raises(NotFoundError):
        shown_versions(overlaid, welfare_viewer)
    for answer in (release_overlay, refuse_overlay):
        with pytest.raises(AccessDenied):
            answer(overlaid, welfare_viewer, RECORD)
    with pytest.raises(AccessDenied):
        release_overlay(overlaid, reader, RECORD)
    assert shown_versions(overlaid, reader) == versions


@pytest.mark.parametrize("answer", [release_overlay, refuse_overlay])
def test_client_of_some_sources_takes_back_only_its_own_answer(overlaid, answer):
    effect = answer(overlaid, OPERATOR, RECORD)
    before = crosswalk(overlaid), read_first_name(overlaid)
    for preview in (True, False):
        with pytest.raises(ConflictError, match="another's"):
            undo_step(overlaid, SCHOOL, effect.step, preview=preview)
    assert (crosswalk(overlaid), read_first_name(overlaid)) == before
    undo_step(overlaid, OPERATOR, effect.step)
    undo_step(overlaid, SCHOOL, answer(overlaid, SCHOOL, RECORD).step)
    assert is_sound(overlaid)


@pytest.mark.parametrize("verdict", ["release", "refuse"])
def test_queue_answer_is_undone_by_its_author_or_a_viewer_of_all_sources(overlaid, verdict):
    key = overlay_tasks(overlaid)[0].question
    answer = respond_to_question(overlaid, OPERATOR, key, verdict, ResponseOptions("x"))
    with pytest.raises(ConflictError, match="another's"):
        undo_answer(overlaid, SCHOOL, key, answer.step)
    assert overlay_tasks(overlaid) == []
    undo_answer(overlaid, OPERATOR, key, answer.step)
    assert [task.question for task in overlay_tasks(overlaid)] == [key]


@pytest.mark.parametrize("withdrawn", [False, True], ids=["active", "withdrawn-before"])
@pytest.mark.parametrize(("on", "task_count"), [(20, 0), (8, 1)], ids=["later", "earlier"])
def test_full_file_without_the_record_ends_an_older_hold(index, withdrawn, on, task_count):
    def load_full_file(number):
        moment = datetime(2026, 3, number, tzinfo=UTC)
        load_rows(index, "sis", make_child("2", **ZOE), snapshot=Snapshot.FULL, as_of=moment, confirm=True)

    upsert_child(index, on=2)
    if withdrawn:
        load_full_file(5)
    upsert_child(index, on=10, **ZOE)
    assert len(overlay_tasks(index)) == 1
    load_full_file(on)
    assert len(overlay_tasks(index)) == task_count
    assert is_sound(index)


def test_full_file_older_than_the_held_version_keeps_the_record_searchable(index):
    upsert_child(index, on=2)
    upsert_child(index, on=9)
    upsert_child(index, on=10, **ZOE)
    moment = datetime(2026, 3, 8, tzinfo=UTC)
    load_rows(index, "sis", make_child("2", **ZOE), snapshot=Snapshot.FULL, as_of=moment, confirm=True)
    with index.database.read(OPERATOR) as unit:
        indexed = {record for record, _ in unit.derived_data.iterate_features(index.config_id(unit))}
        assert indexed == set(unit.records.active_canonical_keys())
