"""Counsel's answers about limits, sessions, figures and undo are true of the running program."""

from datetime import timedelta
from functools import partial

import httpx
import pytest

from mpi.api.app import create_app
from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.domain.errors import NotAuthenticated, SearchLimitError
from mpi.domain.quality_rules import PublicationRules
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, SecondApprover
from mpi.policy.cases.subpoena import CounselDecision, CounselVerdict
from mpi.service.access.accounts.account_list import list_accounts
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client
from mpi.service.access.ledger import LedgerFilter, read_ledger
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.access.sign_in import sign_in
from mpi.service.agreements.counsel_questions import answer_questions
from mpi.service.agreements.register import suspend_agreement
from mpi.service.core.index import GuessLimits, SearchLimits, SignInLimits
from mpi.service.legal.subpoena_cases import decide_case
from mpi.service.persons.lineage import look_up_lineage
from mpi.service.persons.persons import look_up_person
from mpi.service.persons.search import search_persons
from mpi.service.quality.dashboard import read_quality
from mpi.service.quality.publication import publish_figures
from mpi.service.quality.reports import make_report
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.decisions import list_decisions
from mpi.service.stewardship.merge_split_move import StepOptions, merge
from mpi.service.stewardship.pending_steps import list_pending_steps
from mpi.service.stewardship.undo import undo_decision, undo_step
from tests.accounts import PASSWORD, cheap_password_hashing
from tests.counsel import add_signed_in, may, shows
from tests.index import (
    OPERATOR,
    crosswalk,
    load_rows,
    make_child,
    many_children,
    open_test_index,
    with_settings,
)
from tests.unit.api.live import serving
from tests.unit.service.agreements.test_papers import facts

OTHER = make_child("2", first_name="Zoe", last_name="Quill", birth_date="2011-11-11")
UNKNOWN_EID = "T7K3-M92Q-X0HN"
VERDICT = CounselDecision(CounselVerdict.REFUSE, "R. Alvarado", "not relevant")


@pytest.fixture
def index(tmp_path):
    """An index with two children, one of each agency."""
    with open_test_index(tmp_path, "sis", "ccwis") as opened, cheap_password_hashing():
        upsert(opened, OPERATOR, "sis", make_child("1"))
        upsert(opened, OPERATOR, "ccwis", OTHER)
        yield opened


ROLE_CALLS = {
    "who_links": lambda index, viewer: merge(
        index, viewer, [crosswalk(index)["sis", "1"], UNKNOWN_EID], StepOptions("x")
    ),
    "who_approves": lambda index, viewer: approve(index, viewer, 999),
    "who_operates": list_accounts,
    "who_subpoena": lambda index, viewer: decide_case(index, viewer, "none", VERDICT),
    "ledger": lambda index, viewer: read_ledger(index, viewer, LedgerFilter()),
    "undo_link": lambda index, viewer: undo_decision(index, viewer, 999),
    "stop_agreement": lambda index, viewer: suspend_agreement(index, viewer, "none", "x"),
}
"""What the roles of an answer may ask for, and the others may not."""


@shows(*(f"{code}: {{roles}}." for code in ROLE_CALLS))
def test_just_the_roles_of_each_answer_may_do_it(index):
    people = {role: add_signed_in(index, role) for role in Role}
    answers = answer_questions(index, OPERATOR)
    for code, call in ROLE_CALLS.items():
        permitted = {role for role, viewer in people.items() if may(partial(call, index, viewer))}
        assert permitted == set(answers[code]["roles"]), code


@shows("session: {idle} minutes without a request, and {longest} hours at most.")
def test_a_session_ends_after_the_minutes_and_hours_of_the_answer(index, manual_clock):
    index = with_settings(index, sign_in_limits=SignInLimits(timedelta(minutes=50), timedelta(hours=2)))
    add_signed_in(index, Role.STEWARD, "ana")
    answer = facts(index, "session")
    idle = sign_in(index, "ana", PASSWORD)
    manual_clock.advance(minutes=answer["idle"] - 1)
    assert authenticate_session(index, idle)
    manual_clock.advance(minutes=answer["idle"] + 1)
    with pytest.raises(NotAuthenticated):
        authenticate_session(index, idle)
    busy = sign_in(index, "ana", PASSWORD)
    for _ in range(answer["longest"] * 2 - 1):
        manual_clock.advance(minutes=30)
        assert authenticate_session(index, busy)
    manual_clock.advance(minutes=31)
    with pytest.raises(NotAuthenticated):
        authenticate_session(index, busy)


@shows("guesses: By limits: {searches} searches a minute, {child} a day that find one child.")
@pytest.mark.parametrize(
    ("limits", "fact", "is_found"), [((3, 100), "searches", False), ((100, 4), "child", True)]
)
def test_searches_beyond_the_numbers_of_the_answer_are_refused(index, manual_clock, limits, fact, is_found):
    index = with_settings(index, search_limits=SearchLimits(*limits))
    child = (
        OTHER if is_found else {**OTHER, "first_name": "Bo", "last_name": "Zwart", "birth_date": "2001-01-05"}
    )
    query = {name: value for name, value in child.items() if name != "local_id"}
    for _ in range(facts(index, "guesses")[fact]):
        assert bool(search_persons(index, OPERATOR, query)) is is_found
        manual_clock.advance(seconds=1)
    with pytest.raises(SearchLimitError):
        search_persons(index, OPERATOR, query)


@shows(
    "guesses: In each server process: {program} wrong IDs a minute for a program, {person} for a person."
)  # fmt: skip
def test_wrong_ids_beyond_the_numbers_of_the_answer_are_refused_by_each_process(index):
    index = with_settings(index, guess_limits=GuessLimits(of_program=4, of_person=3))
    answer = facts(index, "guesses")
    add_signed_in(index, Role.STEWARD, "ana")
    key = add_client(index, OPERATOR, "guesser", [str(Action.PERSON_READ)], None)
    callers = {
        "program": (f"/v1/persons/{UNKNOWN_EID}", {"Authorization": f"Bearer {key}"}),
        "person": (f"/people/{UNKNOWN_EID}", {"Cookie": f"mpi-sign-in={sign_in(index, 'ana', PASSWORD)}"}),
    }
    for _process in range(2):
        with serving(create_app(index)) as url:
            for fact, (path, headers) in callers.items():
                codes = [
                    httpx.get(url + path, headers=headers, timeout=60).status_code
                    for _ in range(answer[fact] + 1)
                ]
                assert codes == [404] * answer[fact] + [429], fact


@shows(
    "figures: Counts are rounded to multiples of {base}.",
    "figures: They are shown with a delay, in days: {lag}.",
)
def test_published_counts_are_multiples_and_are_shown_after_the_days_of_the_answer(tmp_path, manual_clock):
    with open_test_index(tmp_path, "sis", "ccwis") as opened:
        children = many_children(63)
        load_rows(opened, "sis", *children)
        load_rows(opened, "ccwis", *children)
        index = with_settings(opened, publication_rules=PublicationRules(base=3, lag_days=4))
        answer = facts(index, "figures")
        publish_figures(index, OPERATOR)
        manual_clock.advance(days=answer["lag"] - 1)
        assert read_quality(index, OPERATOR).publication is None
        manual_clock.advance(days=1)
        assert read_quality(index, OPERATOR).publication is not None
        rows = [
            row
            for name in ("summary", "sources", "overlap")
            for row in make_report(index, OPERATOR, name).rows
        ]
    counts = [value for row in rows for value in row if isinstance(value, int)]
    assert counts
    assert all(count % answer["base"] == 0 for count in counts)


@shows("undo_link: The steps, and who received what, stay on record.")
def test_an_undone_link_leaves_its_steps_and_its_disclosures(index):
    steward = add_signed_in(index, Role.STEWARD, "ana")
    step = merge(index, steward, sorted(crosswalk(index).values()), StepOptions("x")).step
    eid = crosswalk(index)["sis", "1"]
    told = look_up_person(index, OPERATOR, eid)
    assert set(told.records) == {RecordRef("sis", "1"), RecordRef("ccwis", "2")}
    decided = len(list_decisions(index, OPERATOR))
    undo_step(index, steward, step)
    assert len(set(crosswalk(index).values())) == 2
    assert len(list_decisions(index, OPERATOR)) == decided > 0
    assert any("merge" in repr(each) for each in look_up_lineage(index, OPERATOR, eid))
    lines = [line for line in read_ledger(index, OPERATOR, LedgerFilter()).lines if line.client == "operator"]
    assert any(len(line.enterprise_ids) == 2 for line in lines)


def link(index, steward, *sources):
    """Link two new children as a steward; return whether the step waits for an approver."""
    children = many_children(2, start=len(crosswalk(index)))
    ids = [
        upsert(index, OPERATOR, source, child).enterprise_id
        for source, child in zip(sources, children, strict=True)
    ]
    merge(index, steward, ids, StepOptions("x"))
    return set(ids) <= set(crosswalk(index).values())


@shows(
    "second_approver: {setting}.",
    "setting never: No step waits for an approver",
    "setting cross-agency: Steps that join or part records of two agencies wait for an approver",
    "setting always: Each step waits for an approver",
)
@pytest.mark.parametrize(
    ("setting", "own", "across"),
    [
        (SecondApprover.NEVER, False, False),
        (SecondApprover.CROSS_AGENCY, False, True),
        (SecondApprover.ALWAYS, True, True),
    ],
)
def test_a_step_waits_as_the_setting_of_the_answer_says(index, setting, own, across):
    index = with_settings(index, second_approver=setting)
    assert facts(index, "second_approver") == {"setting": setting}
    steward = add_signed_in(index, Role.STEWARD, "ana")
    assert link(index, steward, "sis", "sis") is own
    assert link(index, steward, "sis", "ccwis") is across
    assert len(list_pending_steps(index, OPERATOR)) == own + across


@shows("second_approver: The setting is MPI_SECOND_APPROVER.")
@pytest.mark.parametrize("setting", SecondApprover)
def test_the_setting_of_a_second_approver_is_read_from_its_variable(index, monkeypatch, setting):
    monkeypatch.setenv("MPI_SECOND_APPROVER", setting)
    reopened = open_index(Settings(home=index.home, model=str(index.home / "tiny")), for_look_up=True)
    try:
        assert facts(reopened, "second_approver") == {"setting": setting}
    finally:
        reopened.database.dispose()


@shows("stop_agreement: From then on nothing is answered under it.")
def test_nothing_is_answered_from_the_call_after_the_stop_on(index):
    key = add_client(index, OPERATOR, "sis-feed", [str(action) for action in Action], None)
    assert read(index, authenticate(index, key, "data_quality"), "sis", "1")
    officer = add_signed_in(index, Role.PRIVACY_OFFICER)
    suspend_agreement(index, officer, "house", "breach")
    for purpose in (None, "data_quality", "system_admin"):
        assert authenticate(index, key, purpose).actions == frozenset()
