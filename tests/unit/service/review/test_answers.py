"""Working and answering questions: leases, verdicts, what changed under the reader's feet, and undo."""

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
from mpi.service.review.answers import (
    PairVerdict,
    ResponseOptions,
    answer_question,
    apply_in_bulk,
    assign,
    claim,
    defer,
    escalate,
    release,
    respond_to_question,
    undo_answer,
)
from mpi.service.review.question_view import load_question_view
from mpi.service.review.queue import Filters, load_landing, load_queue_page
from mpi.service.review.task_list import list_review_tasks
from mpi.service.stewardship.decisions import DecisionRequest, decide, get_decision, report_link
from tests.desk import ANN, BEN, NOBODY, SIS_STEWARD, at, keys, later, one_pair, several, the_question
from tests.index import OPERATOR, a_child, crosswalk, with_settings

CLEO = Viewer("cleo", None, ACTIONS_BY_ROLE[Role.APPROVER], None)
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def verdicts(index, kind: str, key: str | None = None, viewer=ANN) -> list[PairVerdict]:
    """One verdict on every pair of a question."""
    view = load_question_view(index, viewer, key or the_question(index).key)
    return [PairVerdict(pair.left, pair.right, kind) for pair in view.pairs]


def together(index, *names: str) -> bool:
    links = crosswalk(index)
    return len({links[tuple(name.split(":"))] for name in names}) == 1


def history(index, key: str, viewer=ANN) -> list[tuple[str, str]]:
    return [(act.actor, act.action) for act in load_question_view(index, viewer, key).history]


def test_of_two_stewards_on_one_task_at_once_one_has_it_and_the_other_is_told_who_and_until_when(index):
    one_pair(index)
    key = the_question(index).key
    with at(NOW):
        mine = claim(index, ANN, key)
        assert (mine.state, mine.claimed_by, mine.lease_until) == (
            "claimed",
            "ann",
            "2026-03-02T09:20:00.000000Z",
        )
        with pytest.raises(
            ClaimedError, match="'ann' has claimed the question until 2026-03-02 09:20"
        ) as refused:
            claim(index, BEN, key)
        assert (refused.value.claimed_by, refused.value.until) == ("ann", mine.lease_until)
        for act in (
            lambda: answer_question(index, BEN, key, verdicts(index, "same", key), "typo"),
            lambda: defer(index, BEN, key, "2026-04-01"),
            lambda: release(index, BEN, key),
        ):
            with pytest.raises(ClaimedError):
                act()
        assert keys(index, BEN) == []
        assert keys(index, BEN, state="claimed") == [key]
        assert keys(index, ANN) == keys(index, ANN, state=None, mine=True) == [key]
        release(index, ANN, key)
        assert claim(index, BEN, key).claimed_by == "ben"
    assert history(index, key) == [("ann", "claim"), ("ann", "release"), ("ben", "claim")]


def test_of_eight_claims_at_the_very_same_moment_one_is_made_and_seven_name_its_maker(index):
    one_pair(index)
    key = the_question(index).key
    stewards = [replace(ANN, client=f"steward-{n}") for n in range(8)]
    ready = Barrier(len(stewards))

    def at_once(viewer: Viewer) -> str:
        ready.wait()
        try:
            return claim(index, viewer, key).claimed_by or ""
        except ClaimedError as refused:
            return f"refused for {refused.claimed_by}"

    with ThreadPoolExecutor(len(stewards)) as pool:
        told = list(pool.map(at_once, stewards))
    [winner] = [name for name in told if not name.startswith("refused")]
    assert told.count(f"refused for {winner}") == 7
    assert history(index, key) == [(winner, "claim")]


def test_an_expired_lease_is_free_to_others_and_a_claim_made_again_begins_anew(index):
    one_pair(index)
    key = the_question(index).key
    with at(NOW):
        claim(index, ANN, key)
    with at(NOW + timedelta(minutes=19)):
        assert claim(index, ANN, key).lease_until == "2026-03-02T09:39:00.000000Z"
    with at(NOW + timedelta(minutes=38)):
        assert keys(index, BEN) == []
        with pytest.raises(ClaimedError):
            claim(index, BEN, key)
    with at(NOW + timedelta(minutes=39)):
        assert the_question(index, BEN).state == "open"
        assert claim(index, BEN, key).claimed_by == "ben"
        with pytest.raises(ClaimedError):
            answer_question(index, ANN, key, verdicts(index, "same", key), "typo")


def test_a_deferred_question_sleeps_until_its_day_or_until_its_evidence_changes(index):
    one_pair(index)
    key = the_question(index).key
    day = later(days=10).date().isoformat()
    put_off = defer(index, ANN, key, day, "the school is closed")
    assert (put_off.state, put_off.asleep_until, put_off.claimed_by) == ("asleep", day, None)
    assert keys(index) == []
    with at(later(days=11)):
        assert keys(index) == [key]
    upsert(index, OPERATOR, "ccwis", a_child("2", first_name="Amarah", last_name="Okonkwoh"))
    assert keys(index) == [key]
    for wrong in ("soon", "2020-01-01", later(days=900).date().isoformat()):
        with pytest.raises(InputError, match="until"):
            defer(index, ANN, key, wrong)
    [act] = load_question_view(index, ANN, key).history
    assert (act.note, act.detail) == ("the school is closed", {"until": day})


def test_a_question_is_given_to_somebody_by_a_day_and_escalated_to_whoever_may_approve(index):
    one_pair(index)
    key = the_question(index).key
    day = later(days=3).date().isoformat()
    given = assign(index, ANN, key, "ann", day)
    assert (given.assigned_to, given.due_on, given.state) == ("ann", day, "open")
    with at(later(days=4)):
        assert keys(index, due=True) == [key]
    assert keys(index, due=True) == []
    with pytest.raises(NotFoundError, match="no account"):
        assign(index, ANN, key, "zoe")
    escalate(index, ANN, key, "please look")
    assert [one.key for one in load_landing(index, CLEO).mine] == [key]
    assert load_landing(index, ANN).mine == ()
    assert claim(index, CLEO, key).claimed_by == "cleo"


def test_a_client_that_may_not_see_all_of_a_question_is_not_given_it(index):
    one_pair(index)
    key = the_question(index).key
    add_client(index, OPERATOR, "district", ["task.read", "task.work"], ["sis"])
    with pytest.raises(ConflictError, match="may not see"):
        assign(index, ANN, key, "district")


def test_same_links_closes_the_question_and_is_taken_back_whole(index):
    several(index)
    one = the_question(index)
    found = load_queue_page(index, ANN, Filters()).questions
    assert [each.kind for each in found] == ["pair"]
    claim(index, ANN, one.key)
    view = load_question_view(index, ANN, one.key)
    said = [
        PairVerdict(pair.left, pair.right, "same" if n == 0 else "different")
        for n, pair in enumerate(view.pairs)
    ]
    seen = answer_question(index, ANN, one.key, said, "typo", preview=True)
    assert (seen.step, keys(index)) == (None, [one.key])
    before = crosswalk(index)
    done = answer_question(index, ANN, one.key, said, "typo", "the mother says so", view.etag)
    assert done.effect.moved == seen.effect.moved
    assert len(done.effect.decisions) > 1
    first = view.pairs[0]
    assert together(
        index, f"{first.left.source}:{first.left.local_id}", f"{first.right.source}:{first.right.local_id}"
    )
    assert one.key not in keys(index)
    closed = load_question_view(index, ANN, one.key)
    assert (closed.summary.state, closed.summary.closed_because) == ("closed", "answered")
    assert load_landing(index, ANN).closed_by_themselves == ()
    act = closed.history[-1]
    assert (act.action, act.note, act.step) == ("answer", "the mother says so", done.step)
    assert {each["kind"] for each in act.detail["verdicts"]} == {"same", "different"}
    assert verify(index, OPERATOR) == []
    undone = undo_answer(index, ANN, one.key, done.step)
    assert crosswalk(index) == before
    assert undone.next_key == one.key
    assert the_question(index).claimed_by == "ann"
    assert history(index, one.key) == [("ann", "claim"), ("ann", "answer"), ("ann", "undo")]
    assert verify(index, OPERATOR) == []
    with pytest.raises(ConflictError, match="undone before"):
        undo_answer(index, ANN, one.key, done.step)
    with pytest.raises(NotFoundError):
        undo_answer(index, ANN, one.key, 999)


def test_pairs_that_are_left_out_stay_asked_and_stay_with_their_steward(index):
    several(index)
    view = load_question_view(index, ANN, the_question(index).key)
    assert len(view.pairs) > 1
    first, *rest = view.pairs
    answer_question(
        index, ANN, view.summary.key, [PairVerdict(first.left, first.right, "different")], "sibling"
    )
    [left] = load_queue_page(index, ANN, Filters()).questions
    # What is left of a grid may bear another name; it stays with whoever answered.
    assert left.claimed_by == "ann"
    assert keys(index, BEN) == []
    assert load_landing(index, ANN).closed_by_themselves == ()
    shown = load_question_view(index, ANN, left.key).pairs
    assert {frozenset((p.left, p.right)) for p in shown} == {frozenset((p.left, p.right)) for p in rest}


def test_who_sees_a_part_of_a_question_answers_that_part_and_the_rest_stays_open_to_others(index):
    bare = {"postal_code": None}
    upsert(index, OPERATOR, "ccwis", a_child("2", first_name="Amaro", last_name="Okonkwu", **bare))
    upsert(index, OPERATOR, "sis", a_child("5", first_name="Amarabel", last_name="Okonkwoh", **bare))
    # A question of two records is named by the lower canonical key: let that be its centre's.
    least = canonical_key(index.keyed_hash, "ccwis", "2")
    name = next(str(n) for n in count(100) if canonical_key(index.keyed_hash, "sis", str(n)) < least)
    upsert(index, OPERATOR, "sis", a_child(name))
    whole, mine = the_question(index), the_question(index, SIS_STEWARD)
    assert whole.key == mine.key
    assert (len(whole.records), len(mine.records)) == (3, 2)
    assert {card.label.source for card in load_question_view(index, SIS_STEWARD, mine.key).cards} == {"sis"}
    for task in list_review_tasks(index, ANN):
        if {label.source for label in task.records} != {"sis"}:
            with pytest.raises(NotFoundError):
                claim(index, SIS_STEWARD, task.key)
    answer_question(
        index, SIS_STEWARD, mine.key, verdicts(index, "different", mine.key, SIS_STEWARD), "sibling"
    )
    assert keys(index, SIS_STEWARD) == []
    left = the_question(index)
    assert (left.key, left.state, len(left.records)) == (whole.key, "open", 2)
    assert keys(index, state="closed") == []


def test_unsure_sleeps_until_the_evidence_changes_or_its_day_comes(index):
    one_pair(index)
    key = the_question(index).key
    day = later(days=30).date().isoformat()
    answer_question(index, ANN, key, verdicts(index, "unsure"), "not-enough", recheck_on=day)
    assert keys(index) == []
    [asleep] = load_queue_page(index, ANN, Filters(state="asleep")).questions
    assert (asleep.key, asleep.asleep_until) == (key, day)
    assert load_question_view(index, ANN, key).pairs[0].verdict == "unsure"
    with at(later(days=31)):
        assert keys(index) == [key]
    upsert(index, OPERATOR, "ccwis", a_child("2", first_name="Amarah", last_name="Okonkwoh"))
    assert keys(index) == [key]


@pytest.mark.parametrize(
    ("kinds", "why"),
    [
        (("same", "same", "different"), "one child"),
        (("same", "same", "unsure"), "one child"),
        (("same", "different", "unsure"), "two children"),
    ],
)
def test_verdicts_that_contradict_each_other_are_refused_and_nothing_of_them_is_taken(index, kinds, why):
    several(index)
    view = load_question_view(index, ANN, the_question(index).key)
    a, b, c = (card.label for card in view.cards[:3])
    said = [PairVerdict(a, b, kinds[0]), PairVerdict(b, c, kinds[1]), PairVerdict(a, c, kinds[2])]
    with pytest.raises(InputError, match=why):
        answer_question(index, ANN, view.summary.key, said, "typo")
    assert load_question_view(index, ANN, view.summary.key).etag == view.etag
    assert history(index, view.summary.key) == []


def test_what_is_no_answer_to_the_question_is_refused(index):
    one_pair(index)
    upsert(index, OPERATOR, "sis", a_child("9", first_name="Zoe", last_name="Quist", birth_date="2001-01-01"))
    key = the_question(index).key
    [pair] = load_question_view(index, ANN, key).pairs
    stranger = PairVerdict(pair.left, RecordRef("sis", "9"), "same")
    twice = [PairVerdict(pair.left, pair.right, "same"), PairVerdict(pair.right, pair.left, "same")]
    for said, why in (([stranger], "not of this question"), (twice, "answered before"), ([], "at least one"),
                      ([PairVerdict(pair.left, pair.left, "same")], "twice"),
                      ([PairVerdict(pair.left, pair.right, "maybe")], "one of same")):  # fmt: skip
        with pytest.raises(InputError, match=why):
            answer_question(index, ANN, key, said, "typo")
    with pytest.raises(InputError, match="reason: one of"):
        answer_question(index, ANN, key, verdicts(index, "same"), "because")
    with pytest.raises(AccessDenied):
        answer_question(index, NOBODY, key, verdicts(index, "same"), "typo")
    with pytest.raises(NotFoundError):
        claim(index, SIS_STEWARD, key)
    with pytest.raises(NotFoundError):
        claim(index, ANN, "q-0")


def test_a_person_merged_under_the_readers_feet_makes_the_answer_stale_and_nothing_is_lost(index):
    one_pair(index)
    upsert(index, OPERATOR, "sis", a_child("9", first_name="Zoe", last_name="Quist", birth_date="2001-01-01"))
    view = load_question_view(index, ANN, the_question(index).key)
    claim(index, ANN, view.summary.key)
    assert load_question_view(index, ANN, view.summary.key).etag == view.etag
    decide(
        index,
        BEN,
        DecisionRequest(DecisionKind.SAME, ((RecordRef("sis", "1"), RecordRef("sis", "9")),), "same-child"),
    )
    key = the_question(index).key
    with pytest.raises(StaleError):
        answer_question(index, ANN, key, verdicts(index, "same", key), "typo", if_match=view.etag)
    assert keys(index) == [key]
    now = load_question_view(index, ANN, key)
    assert now.etag != view.etag
    assert answer_question(index, ANN, key, verdicts(index, "same", key), "typo", if_match=now.etag).step


def test_new_content_makes_an_answer_stale_too(index):
    one_pair(index)
    view = load_question_view(index, ANN, the_question(index).key)
    upsert(
        index,
        OPERATOR,
        "ccwis",
        a_child("2", first_name="Amarah", last_name="Okonkwoh", postal_code=None, sex="M"),
    )
    with pytest.raises(StaleError):
        answer_question(index, ANN, view.summary.key, verdicts(index, "same"), "typo", if_match=view.etag)


def test_an_answer_against_a_decision_in_force_is_refused_with_the_chain_and_may_take_its_place(index):
    one_pair(index)
    key = the_question(index).key
    said = verdicts(index, "same")
    apart = decide(
        index,
        BEN,
        DecisionRequest(DecisionKind.DIFFERENT, ((RecordRef("sis", "1"),), (RecordRef("ccwis", "2"),)), "x"),
    )
    with pytest.raises(NotFoundError):
        answer_question(index, ANN, key, said, "typo")
    upsert(
        index, OPERATOR, "ccwis", a_child("3", first_name="Amarah", last_name="Okonkwoh", postal_code=None)
    )
    other = the_question(index)
    pairs = verdicts(index, "same", other.key)
    both = [*pairs, PairVerdict(RecordRef("ccwis", "2"), RecordRef("ccwis", "3"), "same")]
    assert {label.local_id for label in other.records} >= {"3"}
    if RecordRef("ccwis", "2") in other.records:
        with pytest.raises(DecisionConflict) as refused:
            answer_question(index, ANN, other.key, both, "typo")
        assert apart.decisions[0] in refused.value.chain


def test_one_call_under_one_key_answers_once(index):
    one_pair(index)
    key = the_question(index).key
    once = replace(ANN, idempotent_call=IdempotentCall("k", b"call"))
    said = verdicts(index, "same")
    first, again = (answer_question(index, once, key, said, "typo") for _ in range(2))
    assert first.step == again.step
    assert history(index, key) == [("ann", "answer")]


def test_a_claim_is_confirmed_or_revoked_and_both_close_its_question(index):
    upsert(index, OPERATOR, "sis", a_child("1"))
    upsert(
        index, OPERATOR, "ccwis", a_child("2", first_name="Zoe", last_name="Quist", birth_date="2001-01-01")
    )
    group = ((RecordRef("sis", "1"), RecordRef("ccwis", "2")),)
    number = report_link(index, OPERATOR, DecisionRequest(DecisionKind.SAME, group, "two-ids"))
    view = load_question_view(index, ANN, the_question(index).key)
    assert (view.shape, view.responses, view.decisions) == ("decision", ("confirm", "revoke"), (number,))
    done = respond_to_question(
        index, ANN, view.summary.key, "confirm", ResponseOptions("source-confirmed", if_match=[view.etag])
    )
    assert together(index, "sis:1", "ccwis:2")
    assert keys(index) == []
    assert get_decision(index, OPERATOR, number).status == "revoked"
    undo_answer(index, ANN, view.summary.key, done.step)
    assert not together(index, "sis:1", "ccwis:2")
    assert get_decision(index, OPERATOR, number).status == "review"
    assert keys(index) == [view.summary.key]
    respond_to_question(index, ANN, view.summary.key, "revoke", ResponseOptions("other"))
    assert keys(index) == []
    assert not together(index, "sis:1", "ccwis:2")
    with pytest.raises(NotFoundError):
        respond_to_question(index, ANN, view.summary.key, "confirm", ResponseOptions("other"))


def test_a_decision_to_look_at_again_is_confirmed_as_it_stands_or_revoked(index):
    upsert(index, OPERATOR, "sis", a_child("1"))
    upsert(
        index, OPERATOR, "ccwis", a_child("2", first_name="Zoe", last_name="Quist", birth_date="2001-01-01")
    )
    group = ((RecordRef("sis", "1"), RecordRef("ccwis", "2")),)
    old = decide(
        index, OPERATOR, DecisionRequest(DecisionKind.SAME, group, "x", recheck_on="2020-01-01")
    ).decisions[0]
    view = load_question_view(index, ANN, the_question(index).key)
    assert (view.summary.kind, view.responses) == ("recheck", ("confirm", "revoke"))
    with pytest.raises(InputError, match="confirm, revoke"):
        respond_to_question(index, CLEO, view.summary.key, "approve", ResponseOptions("other"))
    done = respond_to_question(index, ANN, view.summary.key, "confirm", ResponseOptions("source-confirmed"))
    assert keys(index) == []
    assert get_decision(index, OPERATOR, old).status == "superseded"
    undo_answer(index, ANN, view.summary.key, done.step)
    assert keys(index) == [view.summary.key]
    respond_to_question(index, ANN, view.summary.key, "revoke", ResponseOptions("source-mistake"))
    assert (keys(index), together(index, "sis:1", "ccwis:2")) == ([], False)


def test_an_overlay_shows_both_versions_and_is_released_or_refused_and_taken_back(index):
    upsert(index, OPERATOR, "sis", a_child("1"))
    zoe = {"first_name": "Zoe", "last_name": "Quist", "birth_date": "2001-05-06"}
    flags = [{"population": "homeless", "value": "Y", "definition": "ESSA"}]
    upsert(index, OPERATOR, "sis", a_child("1", **zoe, postal_code="41111", flags=flags))
    view = load_question_view(index, ANN, the_question(index, kind="overlay").key)
    assert (view.shape, view.responses, view.pairs) == ("decision", ("release", "refuse"), ())
    stands, waits = view.cards
    assert (stands.values["first_name"], waits.values["first_name"]) == ("Amara", "Zoe")
    assert "flags" not in waits.values
    tag = [view.etag]
    upsert(index, OPERATOR, "sis", a_child("1", **zoe, postal_code="41112"))
    with pytest.raises(StaleError):
        respond_to_question(
            index, ANN, view.summary.key, "release", ResponseOptions("record-of-two", if_match=tag)
        )
    done = respond_to_question(index, ANN, view.summary.key, "refuse", ResponseOptions("source-mistake"))
    assert keys(index, state=None) == []
    undo_answer(index, ANN, view.summary.key, done.step)
    assert keys(index) == [view.summary.key]
    respond_to_question(index, ANN, view.summary.key, "release", ResponseOptions("record-of-two"))
    assert keys(index, state=None) == []
    assert verify(index, OPERATOR) == []


def test_a_step_that_waits_for_a_second_word_is_approved_in_the_queue_by_somebody_else(index):
    careful = with_settings(index, second_approver=SecondApprover.ALWAYS)
    one_pair(careful)
    key = the_question(careful).key
    done = answer_question(careful, ANN, key, verdicts(careful, "same"), "typo")
    assert done.effect.awaiting
    assert not together(careful, "sis:1", "ccwis:2")
    [approval] = load_queue_page(careful, CLEO, Filters()).questions
    assert approval.kind == "approval"
    assert keys(careful, state="waiting") == [key]
    with pytest.raises(AccessDenied):
        respond_to_question(careful, ANN, approval.key, "approve", ResponseOptions("other"))
    respond_to_question(careful, CLEO, approval.key, "approve", ResponseOptions("other"))
    assert together(careful, "sis:1", "ccwis:2")
    assert keys(careful, state=None) == []


def test_what_is_done_in_bulk_is_done_to_each_by_itself_and_told_for_each(index):
    one_pair(index)
    key = the_question(index).key
    day = later(days=5).date().isoformat()
    told = apply_in_bulk([key, "q-0", key], lambda each: defer(index, ANN, each, day))
    assert told[key] is None
    assert isinstance(told["q-0"], NotFoundError)
    assert keys(index, state="asleep") == [key]
    assert history(index, key) == [("ann", "defer")]
    with pytest.raises(InputError):
        apply_in_bulk([f"q{n}" for n in range(201)], lambda each: defer(index, ANN, each, day))
