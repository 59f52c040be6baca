"""Test a steward's corrections: effect, undo, visibility and privacy."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import (
    AccessDenied,
    ConflictError,
    InputError,
    MpiError,
    NotFoundError,
    RecordError,
    StaleError,
)
from mpi.domain.record_ref import RecordRef
from mpi.domain.source import SourceKind
from mpi.domain.viewer import Action, IdempotentCall, SecondApprover, Viewer
from mpi.service.core.visibility import visible_labels
from mpi.service.explanations.pair_explanation import explain_pair
from mpi.service.loads.crosswalk_import import OldCrosswalkLine, import_crosswalk
from mpi.service.loads.dry_run import dry_run
from mpi.service.loads.load import LoadOptions
from mpi.service.maintenance.verify import verify
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.persons.lineage import look_up_lineage
from mpi.service.persons.persons import look_up_crosswalk as crosswalk_of
from mpi.service.persons.persons import look_up_person
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.review.queue import Filters, load_queue_page
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.corrections import correct_value
from mpi.service.stewardship.decisions import DecisionRequest, decide, list_decisions, report_link
from mpi.service.stewardship.expunge_requests import approve_expunges
from mpi.service.stewardship.freeze_windows import add_freeze_window
from mpi.service.stewardship.merge_split_move import StepOptions, move, split
from mpi.service.stewardship.overlays import refuse_overlay
from mpi.service.stewardship.rekey import rekey
from mpi.service.stewardship.undo import undo_step
from tests.index import (
    OPERATOR,
    SECOND_PERSON,
    all_stored_bytes,
    crosswalk,
    load_rows,
    make_child,
    partition_of,
    rows,
    with_settings,
)
from tests.unit.service.persons.test_golden_record import upsert_record, value_of, values_by_attribute
from tests.unit.service.stewardship.test_decisions import SIS_ONLY

WHY = StepOptions("document-seen", "Birth certificate shown at the office")
WITH_CORRECTIONS = Viewer("office", None, frozenset(Action), frozenset({"sis", "STEWARD"}))


@pytest.fixture
def eid(index) -> str:
    """A person of a school's and a child-welfare record."""
    upsert_record(index, "sis:1", middle_name="Lou")
    return upsert_record(index, "ccwis:1")


def test_correction_names_its_record_author_reason_and_evidence(index, eid):
    effect = correct_value(index, OPERATOR, eid, "birth_date", "2014-03-08", WHY)
    born = value_of(index, eid, "birth_date")
    assert (born.value, born.rule, born.record.source) == ("2014-03-08", "correction", "STEWARD")
    assert [other.value for other in born.others] == ["2014-03-09", "2014-03-09"]
    correction = born.correction
    assert (correction.by, correction.reason, correction.evidence) == (
        OPERATOR.client,
        "document-seen",
        WHY.note,
    )
    assert correction.step == effect.step
    assert read(index, OPERATOR, "STEWARD", born.record.local_id)["record"]["birth_date"] == "2014-03-08"


def test_correction_moves_no_record_and_opens_no_task(index, eid):
    upsert_record(index, "sis:2", first_name="Bo", last_name="Zwart", birth_date="2009-01-02")
    before, person_before = partition_of(index), look_up_person(index, OPERATOR, eid)
    effect = correct_value(index, OPERATOR, eid, "first_name", "Bo", WHY)
    correct_value(index, OPERATOR, eid, "last_name", "Zwart", WHY)
    correct_value(index, OPERATOR, eid, "birth_date", "2009-01-02", WHY)
    assert effect.persons == effect.moved == ()
    assert partition_of(index) == before
    assert look_up_person(index, OPERATOR, eid) == person_before
    assert verify(index, OPERATOR) == []
    # A record equal to the corrected values is compared with records, not with corrections.
    assert upsert_record(index, "ccwis:9", first_name="Bo", last_name="Zwart", birth_date="2009-01-02") != eid


def test_undo_reverts_a_correction_and_the_lineage_shows_both_steps(index, eid):
    effect = correct_value(index, OPERATOR, eid, "middle_name", "Louise", WHY)
    assert value_of(index, eid, "middle_name").value == "Louise"
    record = value_of(index, eid, "middle_name").record
    undo_step(index, OPERATOR, effect.step)
    assert value_of(index, eid, "middle_name").value == "Lou"
    causes = [step.cause for step in look_up_lineage(index, OPERATOR, eid) if step.step == effect.step]
    assert causes == ["correction", "undo correction"]
    with pytest.raises(NotFoundError):
        read(index, OPERATOR, record.source, record.local_id)


def test_later_correction_wins_and_its_undo_restores_the_earlier_one(index, eid):
    first = correct_value(index, OPERATOR, eid, "middle_name", "Louise", WHY)
    second = correct_value(index, OPERATOR, eid, "middle_name", "Louisa", WHY)
    assert value_of(index, eid, "middle_name").value == "Louisa"
    undo_step(index, OPERATOR, second.step)
    assert value_of(index, eid, "middle_name").value == "Louise"
    undo_step(index, OPERATOR, first.step)
    assert value_of(index, eid, "middle_name").value == "Lou"


def test_correction_stays_when_its_record_changes(index, eid):
    correct_value(index, OPERATOR, eid, "middle_name", "Louise", WHY)
    upsert_record(index, "sis:1", middle_name="Lucy")
    middle = value_of(index, eid, "middle_name")
    assert (middle.value, [other.value for other in middle.others]) == ("Louise", ["Lucy"])


def test_correction_moves_with_the_record_it_corrects(index, eid):
    correct_value(index, OPERATOR, eid, "middle_name", "Louise", WHY)
    split(index, OPERATOR, eid, [[RecordRef("sis", "1")], [RecordRef("ccwis", "1")]], StepOptions("test"))
    links = crosswalk(index)
    assert value_of(index, links["sis", "1"], "middle_name").value == "Louise"
    assert "middle_name" not in values_by_attribute(index, links["ccwis", "1"])
    withdraw(index, OPERATOR, "sis", "1")
    upsert_record(index, "sis:1")
    assert value_of(index, crosswalk(index)["sis", "1"], "middle_name").value == "Louise"


def test_value_that_no_record_states_can_be_corrected(index, eid):
    correct_value(index, OPERATOR, eid, "birth_place", {"birth_city": "Dayton", "birth_state": "OH"}, WHY)
    place = value_of(index, eid, "birth_place")
    assert place.value == {"birth_city": "Dayton", "birth_state": "OH"}


def test_preview_leaves_no_trace(index, eid):
    effect = correct_value(index, OPERATOR, eid, "middle_name", "Louise", replace(WHY, preview=True))
    assert effect.preview
    assert value_of(index, eid, "middle_name").value == "Lou"
    with index.database.read(OPERATOR) as unit:
        assert [source.code for source in unit.sources.all()] == ["ccwis", "sis"]


def test_correction_based_on_an_outdated_value_is_refused(index, eid):
    tag = look_up_golden_record(index, OPERATOR, eid).etag
    correct_value(index, OPERATOR, eid, "middle_name", "Louise", replace(WHY, expected_etags=(tag,)))
    with pytest.raises(StaleError):
        correct_value(index, OPERATOR, eid, "middle_name", "Louisa", replace(WHY, expected_etags=(tag,)))


def test_repeated_call_with_its_idempotency_key_corrects_once(index, eid):
    viewer = replace(OPERATOR, idempotent_call=IdempotentCall("k", b"call"))
    first = correct_value(index, viewer, eid, "middle_name", "Louise", WHY)
    assert correct_value(index, viewer, eid, "middle_name", "Louise", WHY).step == first.step
    assert len(list_decisions(index, OPERATOR)) == 1


def test_invalid_correction_is_refused_and_leaves_no_trace(index, eid):
    invalid_corrections = [
        ("middle_name", "Louise", replace(WHY, note=None)),
        ("middle_name", "Louise", replace(WHY, reason="")),
        ("addresses", "12 Elm St", WHY),
        ("ssn", "412-55-9182", WHY),
        ("first_name", "Baby Girl", WHY),
        ("first_name", "", WHY),
        ("birth_date", "2014-02-30", WHY),
        ("birth_date", "2099-01-01", WHY),
        ("birth_place", "Dayton", WHY),
        ("birth_place", {"city": "Dayton"}, WHY),
    ]
    for attribute, value, options in invalid_corrections:
        with pytest.raises(InputError) as error:
            correct_value(index, OPERATOR, eid, attribute, value, options)
        assert value == "" or str(value) not in str(error.value)
    assert list_decisions(index, OPERATOR) == []


def test_text_with_control_characters_is_refused_by_field(index, eid):
    with pytest.raises(RecordError, match="middle_name"):
        correct_value(index, OPERATOR, eid, "middle_name", "Lou\x00", WHY)


def test_viewer_without_decide_or_access_to_corrections_is_refused(index, eid):
    viewer = replace(OPERATOR, actions=frozenset(Action) - {Action.DECIDE})
    for denied in (viewer, SIS_ONLY):
        with pytest.raises(AccessDenied):
            correct_value(index, denied, eid, "middle_name", "Louise", WHY)


def test_reader_of_some_sources_sees_corrections_only_when_granted(index, eid):
    before = look_up_golden_record(index, SIS_ONLY, eid)
    correct_value(index, OPERATOR, eid, "middle_name", "Louise", WHY)
    assert look_up_golden_record(index, SIS_ONLY, eid) == before
    value = value_of(index, eid, "middle_name", WITH_CORRECTIONS)
    # Another steward's evidence may mention records that this reader may not see.
    assert (value.value, value.correction.evidence) == ("Louise", None)
    correct_value(index, WITH_CORRECTIONS, eid, "middle_name", "Lulu", WHY)
    assert value_of(index, eid, "middle_name", WITH_CORRECTIONS).correction.evidence == WHY.note


def test_correction_of_a_hidden_record_is_hidden(index, eid):
    upsert_record(index, "ccwis:1", preferred_name="Mara")
    correct_value(index, OPERATOR, eid, "preferred_name", "Mimi", WHY)
    record = value_of(index, eid, "preferred_name").record
    assert "preferred_name" not in values_by_attribute(index, eid, WITH_CORRECTIONS)
    assert "correction" not in {step.cause for step in look_up_lineage(index, WITH_CORRECTIONS, eid)}
    with pytest.raises(NotFoundError):
        read(index, WITH_CORRECTIONS, record.source, record.local_id)


def calls_naming(label: RecordRef, eid: str) -> dict:
    """Return every call by which a caller names a record, by name."""
    own_record, options = RecordRef("sis", "1"), StepOptions("x")
    kinds = {
        "same": (DecisionKind.SAME, [[own_record, label]]),
        "different": (DecisionKind.DIFFERENT, [[own_record], [label]]),
        "unsure": (DecisionKind.UNSURE, [[own_record, label]]),
    }
    requests = {name: DecisionRequest(kind, groups, "x") for name, (kind, groups) in kinds.items()}
    return {
        **{name: lambda *who, request=request: decide(*who, request) for name, request in requests.items()},
        "preview": lambda *who: decide(*who, requests["same"], preview=True),
        "report": lambda *who: report_link(*who, requests["same"]),
        "explain": lambda *who: explain_pair(*who, own_record, label),
        "split": lambda *who: split(*who, eid, [[label]], options),
        "keep": lambda *who: split(*who, eid, [[own_record], [RecordRef("sis", "2")]], options, keep=label),
        "move": lambda *who: move(*who, eid, [label], other_of(who[0], eid), options),
        "refuse": lambda *who: refuse_overlay(*who, label),
        "crosswalk": lambda *who: crosswalk_of(*who, label.source, label.local_id),
        "past": lambda *who: crosswalk_of(
            *who, label.source, label.local_id, clock.format_timestamp(clock.now())
        ),
        "read": lambda *who: read(*who, label.source, label.local_id),
        "withdraw": lambda *who: withdraw(*who, label.source, label.local_id),
        "send": lambda *who: upsert(*who, label.source, make_child(label.local_id)),
        "dry run": lambda *who: dry_run(*who, label.source, rows(make_child(label.local_id)), LoadOptions()),
        "rekey": lambda *who: rekey(*who, label.source, {label.local_id: "new"}),
        "rekeys": lambda *who: rekey(*who, label.source, {label.local_id: "new", "correction-0": "newer"}),
        "rekey to": lambda *who: rekey(*who, "STEWARD", {"correction-0": label.local_id, "-": "new"}),
        "ask": lambda *who: load_queue_page(*who, Filters(text=label.local_id, state=None)),
    }


def other_of(index, eid: str) -> str:
    return next(other for other in crosswalk(index).values() if other != eid)


def answer_of(index, viewer: Viewer, call, label: RecordRef) -> tuple[str, str]:
    """Return the answer or error of a call, without the name it was asked about."""
    try:
        result = call(index, viewer)
    except MpiError as error:
        result = error
    return type(result).__name__, str(result).replace(label.local_id, "?")


def test_no_call_distinguishes_a_hidden_correction_from_an_unknown_one(index, eid):
    upsert_record(index, "sis:2")
    upsert_record(index, "sis:3", first_name="Bo", last_name="Zwart", birth_date="2009-01-02")
    upsert_record(index, "ccwis:1", preferred_name="Mara")
    correct_value(index, OPERATOR, eid, "preferred_name", "Mimi", WHY)
    hidden, unknown = value_of(index, eid, "preferred_name").record, RecordRef("STEWARD", "correction-999999")
    viewer = replace(WITH_CORRECTIONS, client="district")
    hidden_calls, unknown_calls = calls_naming(hidden, eid), calls_naming(unknown, eid)
    for name in hidden_calls:
        answer = answer_of(index, viewer, hidden_calls[name], hidden)
        assert (name, answer) == (name, answer_of(index, viewer, unknown_calls[name], unknown))
    assert value_of(index, eid, "preferred_name").value == "Mimi"


def test_correction_record_cannot_be_named_in_other_calls(index, eid):
    upsert_record(index, "sis:2")
    upsert_record(index, "sis:3", first_name="Bo", last_name="Zwart", birth_date="2009-01-02")
    correct_value(index, OPERATOR, eid, "middle_name", "Louise", WHY)
    record, before = value_of(index, eid, "middle_name").record, len(list_decisions(index, OPERATOR))
    calls = calls_naming(record, eid)
    call_names = (
        "same",
        "different",
        "unsure",
        "preview",
        "report",
        "explain",
        "split",
        "keep",
        "move",
        "rekey",
    )
    for viewer in (OPERATOR, WITH_CORRECTIONS):
        assert crosswalk_of(index, viewer, record.source, record.local_id).enterprise_id is None
        for name in call_names:
            with pytest.raises(NotFoundError):
                calls[name](index, viewer)
    assert (
        import_crosswalk(
            index, OPERATOR, "sis", [OldCrosswalkLine("STEWARD", record.local_id, "old-1")]
        ).unknown
        == 1
    )
    with pytest.raises(ConflictError):
        import_crosswalk(index, OPERATOR, "STEWARD", [OldCrosswalkLine("sis", "1", record.local_id)])
    assert len(list_decisions(index, OPERATOR)) == before


def test_correction_of_a_hidden_record_has_no_label(index, eid):
    withdraw(index, OPERATOR, "sis", "1")
    effect = correct_value(index, OPERATOR, eid, "middle_name", "Louise", WHY)
    record = value_of(index, eid, "middle_name").record
    with index.database.read(WITH_CORRECTIONS) as unit:
        records = unit.records.find_by_local_ids(unit.sources.get_by_code("STEWARD").id, [record.local_id])
        number = records[record.local_id].id
        assert visible_labels(unit, [number]) == {}
    undo_step(index, OPERATOR, effect.step)
    with index.database.read(OPERATOR) as unit:
        assert visible_labels(unit, [number]) == {number: record}


@pytest.mark.parametrize("kind", ["sealed", "expunged"])
def test_seal_also_seals_the_corrections_of_its_record(index, eid, kind):
    correct_value(index, OPERATOR, eid, "middle_name", "Xanthippe", WHY)
    record = value_of(index, eid, "middle_name").record
    upsert(index, OPERATOR, "sis", make_child("1", restrictions=[{"kind": kind}]))
    assert "Xanthippe" not in repr(look_up_golden_record(index, OPERATOR, eid))
    with pytest.raises(NotFoundError):
        read(index, OPERATOR, record.source, record.local_id)
    with index.database.read(OPERATOR) as unit:
        [correction] = unit.records.find_by_local_ids(
            unit.sources.get_by_code("STEWARD").id, [record.local_id]
        ).values()
    assert correction.state == "sealed"
    if kind == "expunged":
        approve_expunges(index, SECOND_PERSON, "sis", ["1"])
    stored = all_stored_bytes(index)
    assert (b"Xanthippe" in stored) == (kind == "sealed")
    assert (b"Birth certificate shown" in stored) == (kind == "sealed")


def test_only_corrections_enter_the_stewards_source(index, eid):
    correct_value(index, OPERATOR, eid, "middle_name", "Louise", WHY)
    record = value_of(index, eid, "middle_name").record
    with pytest.raises(ConflictError):
        upsert(index, OPERATOR, "STEWARD", make_child(record.local_id))
    with pytest.raises(ConflictError):
        load_rows(index, "STEWARD", make_child("7"))
    with pytest.raises(ConflictError):
        withdraw(index, OPERATOR, "STEWARD", record.local_id)
    with pytest.raises(ConflictError):
        add_source(index, OPERATOR, NewSource("other", kind=SourceKind.STEWARD))
    assert value_of(index, eid, "middle_name").value == "Louise"


def test_correction_waits_for_approval_only_when_every_step_does(index, eid):
    cross_agency_index = with_settings(index, second_approver=SecondApprover.CROSS_AGENCY)
    assert not correct_value(cross_agency_index, OPERATOR, eid, "middle_name", "Louise", WHY).awaiting
    always_index = with_settings(index, second_approver=SecondApprover.ALWAYS)
    effect = correct_value(always_index, OPERATOR, eid, "middle_name", "Louisa", WHY)
    assert effect.awaiting
    assert value_of(index, eid, "middle_name").value == "Louise"
    approve(always_index, replace(OPERATOR, client="second"), effect.step)
    assert value_of(index, eid, "middle_name").value == "Louisa"


def test_freeze_window_holds_no_correction_and_no_undo_of_one(index, eid):
    today = clock.now().date()
    add_freeze_window(
        index, OPERATOR, "sis", today.isoformat(), (today + timedelta(days=9)).isoformat(), "count-day"
    )
    effect = correct_value(index, OPERATOR, eid, "middle_name", "Louise", WHY)
    assert effect.held_until is None
    assert value_of(index, eid, "middle_name").value == "Louise"
    undo_step(index, OPERATOR, effect.step)
    assert value_of(index, eid, "middle_name").value == "Lou"


def test_retired_or_unknown_person_is_not_corrected(index, eid):
    with pytest.raises(NotFoundError):
        correct_value(index, OPERATOR, "T7K3-M92Q-X0HN", "middle_name", "Louise", WHY)
    withdraw(index, OPERATOR, "sis", "1")
    withdraw(index, OPERATOR, "ccwis", "1")
    with pytest.raises(ConflictError, match="empty"):
        correct_value(index, OPERATOR, eid, "middle_name", "Louise", WHY)
