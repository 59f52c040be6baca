"""An overlay: another child under a record's local ID waits for a person, and the version before stays."""

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
from mpi.service.recluster.plan import recluster
from mpi.service.records.source_pause import pause, resume
from mpi.service.records.upsert import read, upsert, withdraw
from mpi.service.review.answer import ResponseOptions, respond_to_question, undo_answer
from mpi.service.review.question import load_question_view
from mpi.service.stewardship.overlays import refuse_overlay, release_overlay
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, a_child, crosswalk, load_rows, rows

ZOE = {"first_name": "Zoe", "last_name": "Quist", "birth_date": "2001-05-06", "postal_code": "41111"}
RECORD = RecordRef("sis", "1")
SCHOOL = Viewer("school", "data_quality", OPERATOR.actions, frozenset({"sis"}))
AMARA, AS_ZOE = "Amara", "Zoe"


def day(number: int) -> str:
    return datetime(2026, 3, number, tzinfo=UTC).isoformat()


def put(index, local_id="1", source="sis", on=None, **changes):
    return upsert(
        index, OPERATOR, source, a_child(local_id, **changes, as_of=None if on is None else day(on))
    )


def waiting(index):
    with index.database.read(OPERATOR) as unit:
        return [task for task in unit.tasks.all() if task.kind == "overlay"]


def name(index, record=RECORD):
    return read(index, OPERATOR, record.source, record.local_id)["record"]["first_name"]


def sound(index):
    """Nothing to do anew, and every law holds."""
    before = crosswalk(index), waiting(index)
    assert recluster(index, OPERATOR, index.matcher, apply=False).is_empty
    rebuild(index, OPERATOR)
    assert (crosswalk(index), waiting(index)) == before
    assert verify(index, OPERATOR) == []
    return True


@pytest.fixture
def overlaid(index):
    """A child known to two sources, of which one now says under her local ID that it is somebody else."""
    put(index, on=1)
    put(index, "1", "ccwis", on=1)
    put(index, "9", "ccwis", on=1, **ZOE)
    put(index, on=2, **ZOE)
    return index


def versions(index, viewer):
    """What stands and what waits, as the question shows them."""
    [task] = waiting(index)
    return [card.values for card in load_question_view(index, viewer, task.question).cards]


def test_a_reused_local_id_is_held_and_links_nothing(index):
    put(index, on=1)
    put(index, "9", "ccwis", on=1, **ZOE)
    before = crosswalk(index)
    held = put(index, on=2, **ZOE)
    [task] = waiting(index)
    assert (held.outcome, held.record, held.enterprise_id) == ("held", "held", before["sis", "1"])
    assert held.tasks == (task.key,)
    assert (crosswalk(index), name(index)) == (before, AMARA)
    assert (task.lo, task.reason, task.harm > 0, task.question.startswith("o-")) == (
        task.hi, "another-child", True, True,
    )  # fmt: skip
    assert sound(index)


def test_released_it_stands_and_the_record_goes_where_it_belongs(overlaid):
    before = crosswalk(overlaid)
    seen = release_overlay(overlaid, OPERATOR, RECORD, preview=True)
    assert crosswalk(overlaid) == before
    done = release_overlay(overlaid, OPERATOR, RECORD)
    assert (seen.persons, seen.moved) == (done.persons, done.moved)
    # Whose ID it was stays with whom it was of.
    assert crosswalk(overlaid) == {**before, ("sis", "1"): before["ccwis", "9"]}
    assert (name(overlaid), waiting(overlaid)) == (AS_ZOE, [])
    assert put(overlaid, on=3, **ZOE).outcome == "unchanged"
    assert sound(overlaid)


def test_an_id_is_never_given_to_the_child_whose_record_it_became(index):
    mine, hers = put(index, on=1).enterprise_id, put(index, "9", "ccwis", on=1, **ZOE).enterprise_id
    put(index, on=2, **ZOE)
    done = release_overlay(index, OPERATOR, RECORD)
    assert crosswalk(index) == {("sis", "1"): hers, ("ccwis", "9"): hers}
    assert look_up_person(index, OPERATOR, mine).status == "retired"
    undo_step(index, OPERATOR, done.step)
    assert crosswalk(index) == {("sis", "1"): mine, ("ccwis", "9"): hers}
    assert sound(index)


def test_refused_it_counts_for_nothing_now_and_whenever_it_is_said_again(overlaid):
    before = crosswalk(overlaid)
    refuse_overlay(overlaid, OPERATOR, RECORD)
    again = put(overlaid, on=3, **ZOE)
    assert (again.outcome, again.tasks) == ("held", ())
    assert (crosswalk(overlaid), waiting(overlaid), name(overlaid)) == (before, [], AMARA)
    assert put(overlaid, on=4, **{**ZOE, "last_name": "Lee"}).tasks != ()
    assert sound(overlaid)


@pytest.mark.parametrize("answer", [release_overlay, refuse_overlay])
def test_an_answer_is_undone_and_the_question_is_asked_again(overlaid, answer):
    before, asked = crosswalk(overlaid), waiting(overlaid)
    done = answer(overlaid, OPERATOR, RECORD)
    put(overlaid, on=3, **ZOE)
    undo_step(overlaid, OPERATOR, done.step, preview=True)
    undone = undo_step(overlaid, OPERATOR, done.step)
    assert (undone.kind, crosswalk(overlaid), name(overlaid)) == ("undo", before, AMARA)
    assert [task.key for task in waiting(overlaid)] == [task.key for task in asked]
    assert sound(overlaid)
    with pytest.raises(ConflictError):
        undo_step(overlaid, OPERATOR, done.step)
    release_overlay(overlaid, OPERATOR, RECORD)
    assert name(overlaid) == AS_ZOE


def test_what_followed_a_release_waits_again_when_that_is_undone(overlaid):
    done = release_overlay(overlaid, OPERATOR, RECORD)
    put(overlaid, on=3, **{**ZOE, "postal_code": "41112"})
    undo_step(overlaid, OPERATOR, done.step)
    assert name(overlaid) == AMARA
    release_overlay(overlaid, OPERATOR, RECORD)
    assert read(overlaid, OPERATOR, "sis", "1")["record"]["postal_code"] == "41112"
    assert sound(overlaid)


def test_a_corrected_version_takes_its_place_and_nobody_is_asked_any_more(overlaid):
    assert put(overlaid, on=3, postal_code="43002").record == "updated"
    assert (name(overlaid), waiting(overlaid)) == (AMARA, [])
    with pytest.raises(ConflictError):
        release_overlay(overlaid, OPERATOR, RECORD)
    assert sound(overlaid)


def test_the_version_before_said_again_takes_its_place_too(overlaid):
    assert put(overlaid, on=3).outcome == "unchanged"
    assert waiting(overlaid) == []
    assert sound(overlaid)


def test_of_several_that_wait_the_latest_is_asked_about(overlaid):
    put(overlaid, on=3, **{**ZOE, "postal_code": "41112"})
    assert len(waiting(overlaid)) == 1
    assert versions(overlaid, OPERATOR)[1]["postal_code"] == "41112"
    release_overlay(overlaid, OPERATOR, RECORD)
    assert read(overlaid, OPERATOR, "sis", "1")["record"]["postal_code"] == "41112"
    assert sound(overlaid)


def test_a_statement_that_comes_late_and_lies_between_may_take_the_reason_away(overlaid):
    put(overlaid, on=1, first_name="Zoe")  # only the given name, and that before the rest
    assert (name(overlaid), waiting(overlaid)) == (AS_ZOE, [])
    assert crosswalk(overlaid)["sis", "1"] == crosswalk(overlaid)["ccwis", "9"]
    assert sound(overlaid)


def test_a_withdrawn_records_id_used_again_waits_as_well(index):
    eid = put(index, on=1).enterprise_id
    withdraw(index, OPERATOR, "sis", "1")
    held = put(index, **ZOE)
    assert (held.outcome, held.enterprise_id, len(waiting(index))) == ("held", None, 1)
    assert crosswalk(index) == {}
    assert sound(index)
    refuse_overlay(index, OPERATOR, RECORD)
    assert (crosswalk(index), waiting(index)) == ({}, [])
    assert put(index).enterprise_id == eid


def test_withdrawn_again_nobody_is_asked_any_more(index):
    put(index, on=1)
    withdraw(index, OPERATOR, "sis", "1")
    put(index, **ZOE)
    withdraw(index, OPERATOR, "sis", "1")
    assert (crosswalk(index), waiting(index)) == ({}, [])
    assert sound(index)


def test_a_load_of_many_accounts_for_them_is_foreseen_and_is_undone(index):
    children = [a_child(str(n), first_name=f"{chr(97 + n) * 4}a") for n in range(12)]
    load_rows(index, "sis", *children, as_of=datetime(2026, 3, 1, tzinfo=UTC), snapshot=Snapshot.FULL)
    before = crosswalk(index)
    others = [a_child(str(n), **ZOE) for n in range(12)]
    options = LoadOptions(snapshot=Snapshot.FULL, as_of=datetime(2026, 3, 2, tzinfo=UTC), confirm=True)
    foreseen = dry_run(index, OPERATOR, "sis", rows(*others), options).receipt
    receipt = load_rows(index, "sis", *others, as_of=datetime(2026, 3, 2, tzinfo=UTC), confirm=True)
    assert foreseen.counts == receipt.counts
    assert (receipt.held, receipt.adds_up, len(waiting(index)), crosswalk(index)) == (12, True, 12, before)
    assert sound(index)
    undo_load(index, OPERATOR, receipt.batch)
    assert (waiting(index), crosswalk(index)) == ([], before)


def test_without_the_version_before_it_stands(index):
    first = load_rows(index, "sis", a_child("1"), as_of=datetime(2026, 3, 1, tzinfo=UTC))
    put(index, on=2, **ZOE)
    undo_load(index, OPERATOR, first.batch)
    assert (name(index), waiting(index)) == (AS_ZOE, [])
    assert sound(index)


def test_what_a_paused_source_said_is_judged_when_it_resumes(index):
    put(index, on=1)
    pause(index, OPERATOR, "sis")
    put(index, on=2, **ZOE)
    assert waiting(index) == []
    resume(index, OPERATOR, "sis")
    assert (name(index), len(waiting(index))) == (AMARA, 1)
    assert sound(index)


def test_a_seal_takes_effect_and_closes_the_question(overlaid):
    put(overlaid, on=3, restrictions=[{"kind": "sealed"}])
    assert waiting(overlaid) == []
    with pytest.raises(NotFoundError):
        release_overlay(overlaid, OPERATOR, RECORD)
    assert sound(overlaid)


@pytest.mark.parametrize(
    "change", [{"last_name": "Quist"}, {"birth_date": "2009-11-30"}, {"first_name": "Zoe"}]
)
def test_a_correction_of_one_thing_is_never_held(index, change):
    put(index, on=1)
    assert put(index, on=2, **change).record == "updated"


def test_both_versions_are_shown_to_who_may_read_the_source_and_answered_by_who_may_decide(overlaid):
    shown = versions(overlaid, OPERATOR)
    assert [values["first_name"] for values in shown] == [AMARA, AS_ZOE]
    rights = frozenset({Action.DECIDE, Action.RECORD_READ, Action.TASK_READ})
    other = Viewer("other", "data_quality", rights, frozenset({"ccwis"}))
    reader = Viewer("reader", "data_quality", rights - {Action.DECIDE}, frozenset({"sis"}))
    with pytest.raises(NotFoundError):
        versions(overlaid, other)
    for ask in (release_overlay, refuse_overlay):
        with pytest.raises(AccessDenied):
            ask(overlaid, other, RECORD)
    with pytest.raises(AccessDenied):
        release_overlay(overlaid, reader, RECORD)
    assert versions(overlaid, reader) == shown


@pytest.mark.parametrize("ask", [release_overlay, refuse_overlay])
def test_a_client_of_certain_sources_takes_back_its_own_answer_only(overlaid, ask):
    done = ask(overlaid, OPERATOR, RECORD)
    before = crosswalk(overlaid), name(overlaid)
    for preview in (True, False):
        with pytest.raises(ConflictError, match="another's"):
            undo_step(overlaid, SCHOOL, done.step, preview=preview)
    assert (crosswalk(overlaid), name(overlaid)) == before
    undo_step(overlaid, OPERATOR, done.step)
    undo_step(overlaid, SCHOOL, ask(overlaid, SCHOOL, RECORD).step)
    assert sound(overlaid)


@pytest.mark.parametrize("verdict", ["release", "refuse"])
def test_an_answer_in_the_queue_is_taken_back_by_its_maker_or_who_may_see_all_sources(overlaid, verdict):
    key = waiting(overlaid)[0].question
    answered = respond_to_question(overlaid, OPERATOR, key, verdict, ResponseOptions("x"))
    with pytest.raises(ConflictError, match="another's"):
        undo_answer(overlaid, SCHOOL, key, answered.step)
    assert waiting(overlaid) == []
    undo_answer(overlaid, OPERATOR, key, answered.step)
    assert [task.question for task in waiting(overlaid)] == [key]


@pytest.mark.parametrize("withdrawn", [False, True], ids=["active", "withdrawn-before"])
@pytest.mark.parametrize(("on", "asked"), [(20, 0), (8, 1)], ids=["later", "earlier"])
def test_a_full_file_that_lacks_a_record_ends_what_waits_of_it_and_is_older(index, withdrawn, on, asked):
    def whole_file(number):
        moment = datetime(2026, 3, number, tzinfo=UTC)
        load_rows(index, "sis", a_child("2", **ZOE), snapshot=Snapshot.FULL, as_of=moment, confirm=True)

    put(index, on=2)
    if withdrawn:
        whole_file(5)
    put(index, on=10, **ZOE)
    assert len(waiting(index)) == 1
    whole_file(on)
    assert len(waiting(index)) == asked
    assert sound(index)


def test_a_full_file_from_before_what_waits_leaves_the_record_where_it_can_be_found(index):
    put(index, on=2)
    put(index, on=9)
    put(index, on=10, **ZOE)
    moment = datetime(2026, 3, 8, tzinfo=UTC)
    load_rows(index, "sis", a_child("2", **ZOE), snapshot=Snapshot.FULL, as_of=moment, confirm=True)
    with index.database.read(OPERATOR) as unit:
        indexed = {record for record, _ in unit.derived_data.iterate_features(index.config_id(unit))}
        assert indexed == set(unit.records.active_canonical_keys())
