"""Test work on questions: claims, verdicts, stale answers, responses and undo."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Barrier

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import (
    AccessDenied,
    ClaimedError,
    ConflictError,
    DecisionConflict,
    InputError,
    NotFoundError,
    StaleError,
)
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import IdempotentCall, SecondApprover, Viewer
from mpi.service.access.clients import add_client
from mpi.service.core.index import canonical_key
from mpi.service.maintenance.verify import verify
from mpi.service.records.upsert import upsert
from mpi.service.review.answers.answer_undo import undo_answer
from mpi.service.review.answers.pair_answers import PairVerdict, answer_question
from mpi.service.review.answers.responses import ResponseOptions, respond_to_question
from mpi.service.review.assignments import assign, claim, defer, escalate, release
from mpi.service.review.bulk_actions import apply_in_bulk
from mpi.service.review.question_view import load_question_view
from mpi.service.review.queue import Filters, load_landing, load_queue_page
from mpi.service.review.task_list import list_review_tasks
from mpi.service.stewardship.decisions import DecisionRequest, decide, get_decision, report_link
from tests.desk import (
    ANN,
    BEN,
    NOBODY,
    SIS_STEWARD,
    add_doubtful_group,
    add_doubtful_pair,
    at,
    later,
    only_question,
    question_keys,
)
from tests.index import OPERATOR, crosswalk, make_child, with_settings

CLEO = Viewer("cleo", None, ACTIONS_BY_ROLE[Role.APPROVER], None)
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def verdicts(index, kind: str, key: str | None = None, viewer=ANN) -> list[PairVerdict]:
    """Return the same verdict for every pair of a question."""
    view = load_question_view(index, viewer, key or only_question(index).key)
    return [PairVerdict(pair.left, pair.right, kind) for pair in view.pairs]


def are_same_person(index, *names: str) -> bool:
    links = crosswalk(index)
    return len({links[tuple(name.split(":"))] for name in names}) == 1


def history(index, key: str, viewer=ANN) -> list[tuple[str, str]]:
    return [(action.actor, action.action) for action in load_question_view(index, viewer, key).history]


def test_second_steward_is_told_who_claimed_the_question_and_until_when(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    with at(NOW):
        own_claim = claim(index, ANN, key)
        assert (own_claim.state, own_claim.claimed_by, own_claim.lease_until) == (
            "claimed",
            "ann",
            "2026-03-02T09:20:00.000000Z",
        )
        with pytest.raises(
            ClaimedError, match="'ann' has claimed the question until 2026-03-02 09:20"
        ) as error:
            claim(index, BEN, key)
        assert (error.value.claimed_by, error.value.until) == ("ann", own_claim.lease_until)
        for action in (
            lambda: answer_question(index, BEN, key, verdicts(index, "same", key), "typo"),
            lambda: defer(index, BEN, key, "2026-04-01"),
            lambda: release(index, BEN, key),
        ):
            with pytest.raises(ClaimedError):
                action()
        assert question_keys(index, BEN) == []
        assert question_keys(index, BEN, state="claimed") == [key]
        assert question_keys(index, ANN) == question_keys(index, ANN, state=None, mine=True) == [key]
        release(index, ANN, key)
        assert claim(index, BEN, key).claimed_by == "ben"
    assert history(index, key) == [("ann", "claim"), ("ann", "release"), ("ben", "claim")]


def test_one_of_eight_concurrent_claims_wins_and_the_others_name_the_winner(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    stewards = [replace(ANN, client=f"steward-{n}") for n in range(8)]
    barrier = Barrier(len(stewards))

    def try_claim(viewer: Viewer) -> str:
        barrier.wait()
        try:
            return claim(index, viewer, key).claimed_by or ""
        except ClaimedError as error:
            return f"refused for {error.claimed_by}"

    with ThreadPoolExecutor(len(stewards)) as pool:
        answers = list(pool.map(try_claim, stewards))
    [winner] = [name for name in answers if not name.startswith("refused")]
    assert answers.count(f"refused for {winner}") == 7
    assert history(index, key) == [(winner, "claim")]


def test_expired_claim_is_free_and_a_repeated_claim_is_renewed(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    with at(NOW):
        claim(index, ANN, key)
    with at(NOW + timedelta(minutes=19)):
        assert claim(index, ANN, key).lease_until == "2026-03-02T09:39:00.000000Z"
    with at(NOW + timedelta(minutes=38)):
        assert question_keys(index, BEN) == []
        with pytest.raises(ClaimedError):
            claim(index, BEN, key)
    with at(NOW + timedelta(minutes=39)):
        assert only_question(index, BEN).state == "open"
        assert claim(index, BEN, key).claimed_by == "ben"
        with pytest.raises(ClaimedError):
            answer_question(index, ANN, key, verdicts(index, "same", key), "typo")


def test_deferred_question_returns_on_its_day_or_with_new_evidence(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    day = later(days=10).date().isoformat()
    deferred = defer(index, ANN, key, day, "the school is closed")
    assert (deferred.state, deferred.asleep_until, deferred.claimed_by) == ("asleep", day, None)
    assert question_keys(index) == []
    with at(later(days=11)):
        assert question_keys(index) == [key]
    upsert(index, OPERATOR, "ccwis", make_child("2", first_name="Amarah", last_name="Okonkwoh"))
    assert question_keys(index) == [key]
    for invalid_day in ("soon", "2020-01-01", later(days=900).date().isoformat()):
        with pytest.raises(InputError, match="until"):
            defer(index, ANN, key, invalid_day)
    [action] = load_question_view(index, ANN, key).history
    assert (action.note, action.detail) == ("the school is closed", {"until": day})


def test_question_is_assigned_with_a_due_date_and_escalated_to_approvers(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    day = later(days=3).date().isoformat()
    assigned = assign(index, ANN, key, "ann", day)
    assert (assigned.assigned_to, assigned.due_on, assigned.state) == ("ann", day, "open")
    with at(later(days=4)):
        assert question_keys(index, due=True) == [key]
    assert question_keys(index, due=True) == []
    with pytest.raises(NotFoundError, match="no account"):
        assign(index, ANN, key, "zoe")
    escalate(index, ANN, key, "please look")
    assert [question.key for question in load_landing(index, CLEO).mine] == [key]
    assert load_landing(index, ANN).mine == ()
    assert claim(index, CLEO, key).claimed_by == "cleo"


def test_question_is_not_assigned_to_a_client_who_may_not_see_all_of_it(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    add_client(index, OPERATOR, "district", ["task.read", "task.work"], ["sis"])
    with pytest.raises(ConflictError, match="may not see"):
        assign(index, ANN, key, "district")


def test_same_verdict_links_closes_the_question_and_is_undone_completely(index):
    add_doubtful_group(index)
    question = only_question(index)
    questions = load_queue_page(index, ANN, Filters()).questions
    assert [item.kind for item in questions] == ["pair"]
    claim(index, ANN, question.key)
    view = load_question_view(index, ANN, question.key)
    answers = [
        PairVerdict(pair.left, pair.right, "same" if n == 0 else "different")
        for n, pair in enumerate(view.pairs)
    ]
    previewed = answer_question(index, ANN, question.key, answers, "typo", preview=True)
    assert (previewed.step, question_keys(index)) == (None, [question.key])
    before = crosswalk(index)
    result = answer_question(index, ANN, question.key, answers, "typo", "the mother says so", view.etag)
    assert result.effect.moved == previewed.effect.moved
    assert len(result.effect.decisions) > 1
    first = view.pairs[0]
    assert are_same_person(
        index, f"{first.left.source}:{first.left.local_id}", f"{first.right.source}:{first.right.local_id}"
    )
    assert question.key not in question_keys(index)
    closed = load_question_view(index, ANN, question.key)
    assert (closed.summary.state, closed.summary.closed_because) == ("closed", "answered")
    assert load_landing(index, ANN).closed_by_themselves == ()
    action = closed.history[-1]
    assert (action.action, action.note, action.step) == ("answer", "the mother says so", result.step)
    assert {item["kind"] for item in action.detail["verdicts"]} == {"same", "different"}
    assert verify(index, OPERATOR) == []
    undone = undo_answer(index, ANN, question.key, result.step)
    assert crosswalk(index) == before
    assert undone.next_key == question.key
    assert only_question(index).claimed_by == "ann"
    assert history(index, question.key) == [("ann", "claim"), ("ann", "answer"), ("ann", "undo")]
    assert verify(index, OPERATOR) == []
    with pytest.raises(ConflictError, match="undone before"):
        undo_answer(index, ANN, question.key, result.step)
    with pytest.raises(NotFoundError):
        undo_answer(index, ANN, question.key, 999)


def test_unanswered_pairs_stay_open_with_their_steward(index):
    add_doubtful_group(index)
    view = load_question_view(index, ANN, only_question(index).key)
    assert len(view.pairs) > 1
    first, *unanswered = view.pairs
    answer_question(
        index, ANN, view.summary.key, [PairVerdict(first.left, first.right, "different")], "sibling"
    )
    [remaining] = load_queue_page(index, ANN, Filters()).questions
    # The rest of a grid may have another key; it stays with its steward.
    assert remaining.claimed_by == "ann"
    assert question_keys(index, BEN) == []
    assert load_landing(index, ANN).closed_by_themselves == ()
    shown = load_question_view(index, ANN, remaining.key).pairs
    assert {frozenset((pair.left, pair.right)) for pair in shown} == {
        frozenset((pair.left, pair.right)) for pair in unanswered
    }


def test_viewer_answers_the_visible_part_and_the_rest_stays_open(index):
    no_postal_code = {"postal_code": None}
    upsert(
        index, OPERATOR, "ccwis", make_child("2", first_name="Amaro", last_name="Okonkwu", **no_postal_code)
    )
    upsert(
        index, OPERATOR, "sis", make_child("5", first_name="Amarabel", last_name="Okonkwoh", **no_postal_code)
    )
    # The lower canonical key names a question of two records; it must be the centre's.
    centre_key = canonical_key(index.keyed_hash, "ccwis", "2")
    local_id = next(str(n) for n in count(100) if canonical_key(index.keyed_hash, "sis", str(n)) < centre_key)
    upsert(index, OPERATOR, "sis", make_child(local_id))
    full_question, visible_question = only_question(index), only_question(index, SIS_STEWARD)
    assert full_question.key == visible_question.key
    assert (len(full_question.records), len(visible_question.records)) == (3, 2)
    assert {
        card.label.source for card in load_question_view(index, SIS_STEWARD, visible_question.key).cards
    } == {"sis"}
    for task in list_review_tasks(index, ANN):
        if {label.source for label in task.records} != {"sis"}:
            with pytest.raises(NotFoundError):
                claim(index, SIS_STEWARD, task.key)
    answer_question(
        index,
        SIS_STEWARD,
        visible_question.key,
        verdicts(index, "different", visible_question.key, SIS_STEWARD),
        "sibling",
    )
    assert question_keys(index, SIS_STEWARD) == []
    remaining = only_question(index)
    assert (remaining.key, remaining.state, len(remaining.records)) == (full_question.key, "open", 2)
    assert question_keys(index, state="closed") == []


def test_unsure_question_returns_with_new_evidence_or_on_its_day(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    day = later(days=30).date().isoformat()
    answer_question(index, ANN, key, verdicts(index, "unsure"), "not-enough", recheck_on=day)
    assert question_keys(index) == []
    [asleep] = load_queue_page(index, ANN, Filters(state="asleep")).questions
    assert (asleep.key, asleep.asleep_until) == (key, day)
    assert load_question_view(index, ANN, key).pairs[0].verdict == "unsure"
    with at(later(days=31)):
        assert question_keys(index) == [key]
    upsert(index, OPERATOR, "ccwis", make_child("2", first_name="Amarah", last_name="Okonkwoh"))
    assert question_keys(index) == [key]


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (("same", "same", "different"), "one child"),
        (("same", "same", "unsure"), "one child"),
        (("same", "different", "unsure"), "two children"),
    ],
)
def test_contradicting_verdicts_are_refused_completely(index, kinds, message):
    add_doubtful_group(index)
    view = load_question_view(index, ANN, only_question(index).key)
    first, second, third = (card.label for card in view.cards[:3])
    answers = [
        PairVerdict(first, second, kinds[0]),
        PairVerdict(second, third, kinds[1]),
        PairVerdict(first, third, kinds[2]),
    ]
    with pytest.raises(InputError, match=message):
        answer_question(index, ANN, view.summary.key, answers, "typo")
    assert load_question_view(index, ANN, view.summary.key).etag == view.etag
    assert history(index, view.summary.key) == []


def test_invalid_answer_is_refused(index):
    add_doubtful_pair(index)
    upsert(
        index, OPERATOR, "sis", make_child("9", first_name="Zoe", last_name="Quist", birth_date="2001-01-01")
    )
    key = only_question(index).key
    [pair] = load_question_view(index, ANN, key).pairs
    foreign_pair = PairVerdict(pair.left, RecordRef("sis", "9"), "same")
    repeated_pair = [PairVerdict(pair.left, pair.right, "same"), PairVerdict(pair.right, pair.left, "same")]
    for answers, message in (
        ([foreign_pair], "not of this question"),
        (repeated_pair, "answered before"),
        ([], "at least one"),
        ([PairVerdict(pair.left, pair.left, "same")], "twice"),
        ([PairVerdict(pair.left, pair.right, "maybe")], "one of same"),
    ):
        with pytest.raises(InputError, match=message):
            answer_question(index, ANN, key, answers, "typo")
    with pytest.raises(InputError, match="reason: one of"):
        answer_question(index, ANN, key, verdicts(index, "same"), "because")
    with pytest.raises(AccessDenied):
        answer_question(index, NOBODY, key, verdicts(index, "same"), "typo")
    with pytest.raises(NotFoundError):
        claim(index, SIS_STEWARD, key)
    with pytest.raises(NotFoundError):
        claim(index, ANN, "q-0")


def test_answer_about_a_person_merged_since_is_stale(index):
    add_doubtful_pair(index)
    upsert(
        index, OPERATOR, "sis", make_child("9", first_name="Zoe", last_name="Quist", birth_date="2001-01-01")
    )
    view = load_question_view(index, ANN, only_question(index).key)
    claim(index, ANN, view.summary.key)
    assert load_question_view(index, ANN, view.summary.key).etag == view.etag
    decide(
        index,
        BEN,
        DecisionRequest(DecisionKind.SAME, ((RecordRef("sis", "1"), RecordRef("sis", "9")),), "same-child"),
    )
    key = only_question(index).key
    with pytest.raises(StaleError):
        answer_question(index, ANN, key, verdicts(index, "same", key), "typo", if_match=view.etag)
    assert question_keys(index) == [key]
    fresh_view = load_question_view(index, ANN, key)
    assert fresh_view.etag != view.etag
    assert answer_question(
        index, ANN, key, verdicts(index, "same", key), "typo", if_match=fresh_view.etag
    ).step


def test_answer_about_a_record_changed_since_is_stale(index):
    add_doubtful_pair(index)
    view = load_question_view(index, ANN, only_question(index).key)
    upsert(
        index,
        OPERATOR,
        "ccwis",
        make_child("2", first_name="Amarah", last_name="Okonkwoh", postal_code=None, sex="M"),
    )
    with pytest.raises(StaleError):
        answer_question(index, ANN, view.summary.key, verdicts(index, "same"), "typo", if_match=view.etag)


def test_answer_against_a_decision_in_force_is_refused_with_its_chain(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    answers = verdicts(index, "same")
    different = decide(
        index,
        BEN,
        DecisionRequest(DecisionKind.DIFFERENT, ((RecordRef("sis", "1"),), (RecordRef("ccwis", "2"),)), "x"),
    )
    with pytest.raises(NotFoundError):
        answer_question(index, ANN, key, answers, "typo")
    upsert(
        index, OPERATOR, "ccwis", make_child("3", first_name="Amarah", last_name="Okonkwoh", postal_code=None)
    )
    question = only_question(index)
    pairs = verdicts(index, "same", question.key)
    all_verdicts = [*pairs, PairVerdict(RecordRef("ccwis", "2"), RecordRef("ccwis", "3"), "same")]
    assert {label.local_id for label in question.records} >= {"3"}
    if RecordRef("ccwis", "2") in question.records:
        with pytest.raises(DecisionConflict) as error:
            answer_question(index, ANN, question.key, all_verdicts, "typo")
        assert different.decisions[0] in error.value.chain


def test_repeated_call_with_its_idempotency_key_answers_once(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    caller = replace(ANN, idempotent_call=IdempotentCall("k", b"call"))
    answers = verdicts(index, "same")
    first, second = (answer_question(index, caller, key, answers, "typo") for _ in range(2))
    assert first.step == second.step
    assert history(index, key) == [("ann", "answer")]


def test_claim_of_a_missed_link_is_confirmed_or_revoked_and_closed(index):
    upsert(index, OPERATOR, "sis", make_child("1"))
    upsert(
        index,
        OPERATOR,
        "ccwis",
        make_child("2", first_name="Zoe", last_name="Quist", birth_date="2001-01-01"),
    )
    group = ((RecordRef("sis", "1"), RecordRef("ccwis", "2")),)
    number = report_link(index, OPERATOR, DecisionRequest(DecisionKind.SAME, group, "two-ids"))
    view = load_question_view(index, ANN, only_question(index).key)
    assert (view.shape, view.responses, view.decisions) == ("decision", ("confirm", "revoke"), (number,))
    result = respond_to_question(
        index, ANN, view.summary.key, "confirm", ResponseOptions("source-confirmed", if_match=[view.etag])
    )
    assert are_same_person(index, "sis:1", "ccwis:2")
    assert question_keys(index) == []
    assert get_decision(index, OPERATOR, number).status == "revoked"
    undo_answer(index, ANN, view.summary.key, result.step)
    assert not are_same_person(index, "sis:1", "ccwis:2")
    assert get_decision(index, OPERATOR, number).status == "review"
    assert question_keys(index) == [view.summary.key]
    respond_to_question(index, ANN, view.summary.key, "revoke", ResponseOptions("other"))
    assert question_keys(index) == []
    assert not are_same_person(index, "sis:1", "ccwis:2")
    with pytest.raises(NotFoundError):
        respond_to_question(index, ANN, view.summary.key, "confirm", ResponseOptions("other"))


def test_rechecked_decision_is_confirmed_or_revoked(index):
    upsert(index, OPERATOR, "sis", make_child("1"))
    upsert(
        index,
        OPERATOR,
        "ccwis",
        make_child("2", first_name="Zoe", last_name="Quist", birth_date="2001-01-01"),
    )
    group = ((RecordRef("sis", "1"), RecordRef("ccwis", "2")),)
    decision = decide(
        index, OPERATOR, DecisionRequest(DecisionKind.SAME, group, "x", recheck_on="2020-01-01")
    ).decisions[0]
    view = load_question_view(index, ANN, only_question(index).key)
    assert (view.summary.kind, view.responses) == ("recheck", ("confirm", "revoke"))
    with pytest.raises(InputError, match="confirm, revoke"):
        respond_to_question(index, CLEO, view.summary.key, "approve", ResponseOptions("other"))
    result = respond_to_question(index, ANN, view.summary.key, "confirm", ResponseOptions("source-confirmed"))
    assert question_keys(index) == []
    assert get_decision(index, OPERATOR, decision).status == "superseded"
    undo_answer(index, ANN, view.summary.key, result.step)
    assert question_keys(index) == [view.summary.key]
    respond_to_question(index, ANN, view.summary.key, "revoke", ResponseOptions("source-mistake"))
    assert (question_keys(index), are_same_person(index, "sis:1", "ccwis:2")) == ([], False)


def test_overlay_shows_both_versions_and_is_released_refused_and_undone(index):
    upsert(index, OPERATOR, "sis", make_child("1"))
    zoe = {"first_name": "Zoe", "last_name": "Quist", "birth_date": "2001-05-06"}
    flags = [{"population": "homeless", "value": "Y", "definition": "ESSA"}]
    upsert(index, OPERATOR, "sis", make_child("1", **zoe, postal_code="41111", flags=flags))
    view = load_question_view(index, ANN, only_question(index, kind="overlay").key)
    assert (view.shape, view.responses, view.pairs) == ("decision", ("release", "refuse"), ())
    current, held = view.cards
    assert (current.values["first_name"], held.values["first_name"]) == ("Amara", "Zoe")
    assert "flags" not in held.values
    tag = [view.etag]
    upsert(index, OPERATOR, "sis", make_child("1", **zoe, postal_code="41112"))
    with pytest.raises(StaleError):
        respond_to_question(
            index, ANN, view.summary.key, "release", ResponseOptions("record-of-two", if_match=tag)
        )
    result = respond_to_question(index, ANN, view.summary.key, "refuse", ResponseOptions("source-mistake"))
    assert question_keys(index, state=None) == []
    undo_answer(index, ANN, view.summary.key, result.step)
    assert question_keys(index) == [view.summary.key]
    respond_to_question(index, ANN, view.summary.key, "release", ResponseOptions("record-of-two"))
    assert question_keys(index, state=None) == []
    assert verify(index, OPERATOR) == []


def test_waiting_step_is_approved_in_the_queue_by_another_person(index):
    approval_index = with_settings(index, second_approver=SecondApprover.ALWAYS)
    add_doubtful_pair(approval_index)
    key = only_question(approval_index).key
    result = answer_question(approval_index, ANN, key, verdicts(approval_index, "same"), "typo")
    assert result.effect.awaiting
    assert not are_same_person(approval_index, "sis:1", "ccwis:2")
    [approval] = load_queue_page(approval_index, CLEO, Filters()).questions
    assert approval.kind == "approval"
    assert question_keys(approval_index, state="waiting") == [key]
    with pytest.raises(AccessDenied):
        respond_to_question(approval_index, ANN, approval.key, "approve", ResponseOptions("other"))
    respond_to_question(approval_index, CLEO, approval.key, "approve", ResponseOptions("other"))
    assert are_same_person(approval_index, "sis:1", "ccwis:2")
    assert question_keys(approval_index, state=None) == []


def test_bulk_action_reports_the_result_for_each_question(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    day = later(days=5).date().isoformat()
    results = apply_in_bulk([key, "q-0", key], lambda question_key: defer(index, ANN, question_key, day))
    assert results[key] is None
    assert isinstance(results["q-0"], NotFoundError)
    assert question_keys(index, state="asleep") == [key]
    assert history(index, key) == [("ann", "defer")]
    with pytest.raises(InputError):
        apply_in_bulk(
            [f"q{n}" for n in range(201)], lambda question_key: defer(index, ANN, question_key, day)
        )
