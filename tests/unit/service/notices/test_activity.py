"""The activity list: who did what, for whom it is shown, and its pages."""

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, InputError, NotFoundError
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import SecondApprover, Viewer
from mpi.service.access.accounts.account_end import end_account
from mpi.service.notices.activity import PAGE_SIZE, ActivityScope, list_activity
from mpi.service.records.upsert import upsert
from mpi.service.review.answers.pair_answers import PairVerdict, answer_question
from mpi.service.review.assignments import assign, claim, escalate, release
from mpi.service.review.question_view import load_question_view
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.service.stewardship.owner_consent import refuse_consent, set_consent_required
from tests.accounts import add_person, cheap_password_hashing
from tests.desk import ANN, BEN, CCWIS_OWNER, NOBODY, SIS_STEWARD, add_doubtful_pair, only_question
from tests.index import OPERATOR, crosswalk, make_child, with_settings
from tests.unit.service.stewardship.test_decisions import record_refs, upsert_record

APPROVER = Viewer("ada", None, ACTIONS_BY_ROLE[Role.APPROVER], None)
BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02", "postal_code": "44444"}


def acts(index, viewer=ANN, scope=ActivityScope.MINE, **options):
    return [(entry.actor, entry.act) for entry in list_activity(index, viewer, scope, **options).entries]


def link(index, viewer, *records):
    return decide(
        index, viewer, DecisionRequest(DecisionKind.SAME, [record_refs(*records)], "same-child")
    ).step


def test_ones_own_acts_are_listed_newest_first_with_outcome_and_note(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    claim(index, ANN, key)
    assign(index, ANN, key, "ann")
    escalate(index, ANN, key, "Which Amara?")
    claim(index, BEN, key)
    page = list_activity(index, ANN, ActivityScope.MINE)
    assert [(entry.act, entry.assigned_to, entry.note) for entry in page.entries] == [
        ("escalate", None, "Which Amara?"),
        ("assign", "ann", None),
        ("claim", None, None),
    ]
    assert page.entries[0].question == key
    assert len(page.entries[0].records) == 2
    assert page.before is None


def test_an_answer_is_one_entry_and_a_decision_without_a_question_another(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    claim(index, ANN, key)
    pair = load_question_view(index, ANN, key).pairs[0]
    answer_question(index, ANN, key, [PairVerdict(pair.left, pair.right, "different")], "other")
    upsert_record(index, "sis:8", **BO)
    upsert_record(index, "ccwis:9", **{**BO, "first_name": "Ole"})
    link(index, ANN, "sis:8", "ccwis:9")
    assert acts(index) == [("ann", "decision"), ("ann", "answer"), ("ann", "claim")]


def test_approvals_and_refusals_are_listed_for_who_gave_them(index):
    upsert_record(index, "sis:1")
    upsert_record(index, "ccwis:1", **BO)
    approving = with_settings(index, second_approver=SecondApprover.ALWAYS)
    approve(approving, APPROVER, link(approving, ANN, "sis:1", "ccwis:1"))
    assert acts(index, APPROVER) == [("ada", "approved")]
    set_consent_required(index, OPERATOR, "ccwis", asks=True)
    upsert_record(index, "sis:2")
    refuse_consent(index, CCWIS_OWNER, link(index, ANN, "sis:2", "ccwis:1"))
    eid = crosswalk(index)["ccwis", "1"]
    about_child = acts(index, ANN, ActivityScope.CHILD, enterprise_id=eid)
    assert about_child == [
        ("ccwis-owner", "refused"), ("ann", "decision"), ("ada", "approved"), ("ann", "decision"),
    ]  # fmt: skip


def test_a_team_are_the_people_of_the_same_sources(index):
    with cheap_password_hashing():
        for name, sources in (("ann", None), ("ben", None), ("sis-steward", {"sis"}), ("gone", None)):
            add_person(index, name, Role.STEWARD, sources)
    add_doubtful_pair(index)
    key = only_question(index).key
    gone = Viewer("gone", None, ANN.actions, None)
    for viewer in (ANN, BEN, gone):
        claim(index, viewer, key)
        release(index, viewer, key)
    end_account(index, OPERATOR, "gone")
    upsert(index, OPERATOR, "sis", make_child("5", first_name="Amarah", last_name="Okonkwoh"))
    assert {actor for actor, _ in acts(index, ANN, ActivityScope.TEAM)} == {"ann", "ben", "gone"}
    assert {actor for actor, _ in acts(index, ANN)} == {"ann"}
    assert acts(index, SIS_STEWARD, ActivityScope.TEAM) == []


def test_an_entry_about_a_hidden_record_is_shown_to_nobody_who_may_not_see_it(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    claim(index, ANN, key)
    upsert_record(index, "sis:7")
    link(index, ANN, "sis:1", "ccwis:2")
    eid = crosswalk(index)["sis", "1"]
    assert acts(index, ANN, ActivityScope.CHILD, enterprise_id=eid) != []
    assert acts(index, SIS_STEWARD, ActivityScope.CHILD, enterprise_id=eid) == []
    own = Viewer("ann", None, SIS_STEWARD.actions, frozenset({"sis"}))
    assert acts(index, own) == []


def test_a_child_that_is_hidden_is_as_unknown_as_one_that_never_was(index):
    upsert_record(index, "ccwis:1", **BO)
    eid = crosswalk(index)["ccwis", "1"]
    for unknown in (eid, "T7K3-M92Q-X0HN"):
        with pytest.raises((NotFoundError, InputError)):
            list_activity(index, SIS_STEWARD, ActivityScope.CHILD, unknown)


def test_pages_hold_each_entry_once_whatever_is_hidden_between(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    for _ in range(PAGE_SIZE):
        claim(index, ANN, key)
        release(index, ANN, key)
    upsert_record(index, "sis:8", **BO)
    upsert_record(index, "sis:9", **{**BO, "first_name": "Ole"})
    for _ in range(3):
        link(index, ANN, "sis:8", "sis:9")
    pages, before = [], None
    while True:
        page = list_activity(index, ANN, ActivityScope.MINE, before=before)
        pages.append(page.entries)
        before = page.before
        if before is None:
            break
    assert [len(entries) for entries in pages] == [50, 50, 3]
    times = [entry.at for entries in pages for entry in entries]
    assert times == sorted(times, reverse=True)
    own = Viewer("ann", None, SIS_STEWARD.actions, frozenset({"sis"}))
    assert [act for _, act in acts(index, own)] == ["decision"] * 3


@pytest.mark.parametrize("cursor", ["x", "a~b~c", "2026~1~-2", "2026~1", "~" * 90, f"2026~1~{'9' * 30}"])
def test_an_invalid_cursor_is_refused(index, cursor):
    with pytest.raises(InputError, match="before"):
        list_activity(index, ANN, ActivityScope.MINE, before=cursor)


def test_who_may_not_read_questions_sees_no_activity(index):
    with pytest.raises(AccessDenied):
        list_activity(index, NOBODY, ActivityScope.MINE)


def test_older_is_offered_only_where_another_visible_entry_follows(index):
    upsert_record(index, "sis:8", **BO)
    upsert_record(index, "sis:9", **{**BO, "first_name": "Ole"})
    upsert_record(index, "ccwis:9", **{**BO, "first_name": "Ida"})
    for _ in range(3):
        link(index, ANN, "sis:8", "ccwis:9")
    for _ in range(PAGE_SIZE):
        link(index, ANN, "sis:8", "sis:9")
    own = Viewer("ann", None, SIS_STEWARD.actions, frozenset({"sis"}))
    page = list_activity(index, own, ActivityScope.MINE)
    assert len(page.entries) == PAGE_SIZE
    assert page.before is None
    assert list_activity(index, ANN, ActivityScope.MINE).before is not None
