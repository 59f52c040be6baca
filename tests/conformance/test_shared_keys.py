"""Nobody who was shown a client's key is a second person for it, whatever waits, on both stores."""

from datetime import date, timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import ConflictError
from mpi.domain.roles import Role
from mpi.domain.source import Holdings, SourceKind
from mpi.domain.viewer import make_operator
from mpi.policy.cases.subpoena import CounselDecision, CounselVerdict, Subpoena
from mpi.service.access.account_requests import confirm_request, list_account_requests, request_account
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.break_glass import begin_use, review_use
from mpi.service.access.clients import add_client, rotate_key
from mpi.service.agreements.register import approve_version, propose_version
from mpi.service.holdings import runs
from mpi.service.holdings.settings import add_source, set_holdings
from mpi.service.legal.subpoena_cases import decide_case, open_case, show_case
from mpi.service.records.upsert import upsert
from mpi.service.scopes.split_plan import SplitRequest, approve_split, plan_split
from mpi.service.statements.sources import NewSource
from mpi.service.stewardship.expunge_requests import approve_expunges
from mpi.service.stewardship.seal_reviews import list_seal_requests
from mpi.service.stewardship.unseal_requests import approve_unseals, request_unseals
from tests.accounts import cheap_password_hashing
from tests.agreements import DSA
from tests.index import OPERATOR, load_rows, make_child, many_children, open_test_index

ALICE, FEED, BEA = map(make_operator, ("alice", "feed", "bea"))
"""A person who rotates keys, the client whose key she rotates, and somebody else."""
SHARED = "password or key you were shown, or who was shown yours"
TODAY = date(2026, 11, 29)


@pytest.fixture
def index(tmp_path, database_url):
    """An index with two clients, whose keys nobody but the command line was shown."""
    with open_test_index(tmp_path, database_url=database_url) as new_index, cheap_password_hashing():
        add_source(new_index, OPERATOR, NewSource("ccwis", kind=SourceKind.CCWIS), Holdings.ALL)
        add_source(new_index, OPERATOR, NewSource("sis", kind=SourceKind.SIS), Holdings.ALL)
        add_client(new_index, OPERATOR, "feed", ["record.read"], None)
        yield new_index


def ask_to_expunge(index, viewer):
    upsert(index, viewer, "sis", make_child("1", restrictions=[{"kind": "expunged"}]))
    return lambda other: approve_expunges(index, other, "sis", ["1"])


def ask_to_unseal(index, viewer):
    upsert(index, OPERATOR, "sis", make_child("1", restrictions=[{"kind": "sealed"}]))
    request_unseals(index, viewer, "sis", ["1"], "26-JV-0412")
    return lambda other: approve_unseals(index, other, "sis", ["1"])


def ask_to_drop(index, viewer):
    load_rows(index, "ccwis", make_child("w1"))
    load_rows(index, "sis", *many_children(30))
    set_holdings(index, OPERATOR, "sis", Holdings.LINKED)
    assert runs.apply_run(index, viewer, "sis").status == "waiting"
    return lambda other: runs.approve_run(index, other, "sis")


def open_subpoena(index, viewer):
    upsert(index, OPERATOR, "sis", make_child("1"))
    today = clock.now().date()
    served = Subpoena("sis", "Juvenile Court", "26-JV-0412", "Public Defender", today, today)
    code = open_case(index, viewer, served, ["1"], ["first_name"])
    decision = CounselDecision(CounselVerdict.REFUSE, "R. Alvarado", "too wide")
    return lambda other: decide_case(index, other, code, decision)


def propose_agreement(index, viewer):
    propose_version(index, viewer, DSA)
    return lambda other: approve_version(index, other, "dsa-1")


def plan_scope(index, viewer):
    upsert(index, OPERATOR, "sis", make_child("1"))
    request = SplitRequest("education", "Schools", ("sis",))
    plan = plan_split(index, viewer, request, has_scope_index=False, store=True)
    return lambda other: approve_split(index, other, "education", plan.token)


def use_emergency_access(index, viewer):
    begin_use(index, viewer, "a child is in danger")
    return lambda other: review_use(index, other, viewer.client, "justified")


def ask_for_account(index, viewer):
    request_account(index, viewer, NewAccount("ann", "Ann Ito", Role.STEWARD, None))
    [request] = list_account_requests(index, viewer)
    return lambda other: confirm_request(index, other, request.number)


ASKED = [
    ask_to_expunge,
    ask_to_unseal,
    ask_to_drop,
    open_subpoena,
    propose_agreement,
    plan_scope,
    use_emergency_access,
    ask_for_account,
]


@pytest.mark.parametrize("ask", ASKED)
@pytest.mark.parametrize(("maker", "other"), [(FEED, ALICE), (ALICE, FEED)])
def test_who_was_shown_a_key_does_not_answer_for_it_nor_it_for_them(index, ask, maker, other):
    rotate_key(index, ALICE, "feed")
    answer = ask(index, maker)
    with pytest.raises(ConflictError, match=SHARED):
        answer(other)
    answer(BEA)


@pytest.mark.parametrize("ask", ASKED)
def test_a_client_whose_key_only_the_command_line_showed_is_a_second_person(index, ask):
    ask(index, OPERATOR)(FEED)


def test_a_key_counts_until_somebody_else_is_shown_the_next_one(index):
    rotate_key(index, ALICE, "feed")
    rotate_key(index, BEA, "feed")
    answer = ask_to_expunge(index, FEED)
    with pytest.raises(ConflictError, match=SHARED):
        answer(BEA)
    answer(ALICE)


def test_a_key_counts_for_what_was_asked_before_the_next_one(index):
    rotate_key(index, ALICE, "feed")
    answer = ask_to_expunge(index, FEED)
    rotate_key(index, BEA, "feed")
    with pytest.raises(ConflictError, match=SHARED):
        answer(ALICE)


def test_a_former_key_counts_as_long_as_it_opens_the_index(index):
    start = clock.now()
    with clock.set_clock(lambda: start):
        rotate_key(index, ALICE, "feed")
        rotate_key(index, BEA, "feed", overlap_days=2)
        answer = ask_to_expunge(index, ALICE)
        with pytest.raises(ConflictError, match=SHARED):
            answer(FEED)
    with clock.set_clock(lambda: start + timedelta(days=1)):
        answer_later = ask_to_unseal_other(index, FEED)
        with pytest.raises(ConflictError, match=SHARED):
            answer_later(ALICE)
    with clock.set_clock(lambda: start + timedelta(days=3)):
        answer(FEED)
        with pytest.raises(ConflictError, match=SHARED):
            answer_later(ALICE)


def ask_to_unseal_other(index, viewer):
    upsert(index, OPERATOR, "sis", make_child("2", restrictions=[{"kind": "sealed"}]))
    request_unseals(index, viewer, "sis", ["2"], "26-JV-0412")
    return lambda other: approve_unseals(index, other, "sis", ["2"])


def test_two_accounts_of_one_person_do_not_approve_each_other(index):
    add_account(index, ALICE, NewAccount("alicia", "Alicia Ito", Role.OPERATOR, None))
    answer = plan_scope(index, ALICE)
    with pytest.raises(ConflictError, match=SHARED):
        answer(make_operator("alicia"))
    answer(BEA)


def test_pages_do_not_offer_an_answer_to_who_was_shown_the_key(index):
    rotate_key(index, ALICE, "feed")
    ask_to_unseal(index, FEED)
    ask_to_unseal_other(index, BEA)
    is_own = {request.local_id: request.is_own for request in list_seal_requests(index, ALICE)}
    assert is_own == {"1": True, "2": False}
    case = open_subpoena_code(index, FEED)
    assert show_case(index, ALICE, case).is_own
    assert not show_case(index, BEA, case).is_own


def open_subpoena_code(index, viewer):
    upsert(index, OPERATOR, "sis", make_child("3", last_name="Quill"))
    today = clock.now().date()
    served = Subpoena("sis", "Juvenile Court", "26-JV-0412", "Public Defender", today, today)
    return open_case(index, viewer, served, ["3"], ["first_name"])
