"""Counsel's answers about who may do what are true of the running program."""

from datetime import date

import httpx
import pytest

from mpi.api.app import create_app
from mpi.domain.errors import AccessDenied, ConflictError, MpiError
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Action, SecondApprover
from mpi.policy.cases.subpoena import CaseState, CounselDecision, CounselVerdict, Subpoena
from mpi.policy.route_table import ROUTES
from mpi.service.access.account_requests import confirm_request, list_account_requests, request_account
from mpi.service.access.accounts.account_list import list_accounts
from mpi.service.access.accounts.account_rights import grant_actions
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.access.sign_in import sign_in
from mpi.service.agreements.counsel_questions import answer_questions
from mpi.service.legal.subpoena_cases import decide_case, open_case, record_notice, show_case
from mpi.service.persons.crosswalk_export import export_crosswalk
from mpi.service.persons.persons import look_up_crosswalk, look_up_person
from mpi.service.persons.search import search_persons
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.merge_split_move import StepOptions, merge
from tests.accounts import PASSWORD, cheap_password_hashing
from tests.counsel import add_signed_in, may, shows
from tests.index import OPERATOR, SECOND_PERSON, crosswalk, make_child, open_test_index, with_settings
from tests.unit.api.live import serving

CHILD = make_child("1", last_name="Zzcanarylast")


@pytest.fixture
def index(tmp_path):
    with open_test_index(tmp_path, "sis", "ccwis") as opened, cheap_password_hashing():
        upsert(opened, OPERATOR, "sis", CHILD)
        yield opened


@pytest.fixture(scope="module")
def roles(tmp_path_factory):
    """An index with a child, and a signed-in person of each role."""
    with (
        open_test_index(tmp_path_factory.mktemp("roles"), "sis", "ccwis") as opened,
        cheap_password_hashing(),
    ):
        upsert(opened, OPERATOR, "sis", CHILD)
        yield opened, {role: add_signed_in(opened, role) for role in Role}


def roles_of(index, code):
    return set(answer_questions(index, OPERATOR)[code]["roles"])


@shows("who_reads: {roles}.")
def test_just_the_roles_of_the_answer_open_a_record_or_a_child(roles):
    index, people = roles
    eid = crosswalk(index)["sis", "1"]
    reading = {
        role
        for role, viewer in people.items()
        if may(lambda viewer=viewer: read(index, viewer, "sis", "1"))
        or may(lambda viewer=viewer: look_up_person(index, viewer, eid))
    }
    assert reading == roles_of(index, "who_reads") != set(Role)


@shows("who_searches: {roles}.", "who_searches: Other roles find nobody by name.")
def test_just_the_roles_of_the_answer_search(roles):
    index, people = roles
    query = {name: value for name, value in CHILD.items() if name != "local_id"}
    searching = {
        role
        for role, viewer in people.items()
        if may(lambda viewer=viewer: search_persons(index, viewer, query))
    }
    assert searching == roles_of(index, "who_searches") != set()


@shows("who_searches: They open one child at a time, by an ID that they know or are asked about.")
def test_no_page_without_an_id_names_a_child_to_who_reads_and_may_not_search(roles):
    index, people = roles
    eid = crosswalk(index)["sis", "1"]
    browsing = roles_of(index, "who_reads") - roles_of(index, "who_searches")
    with serving(create_app(index, open_pages=True)) as url:

        def open_page(role, path):
            cookies = {"mpi-acting-as": str(role)}
            return httpx.get(url + path, cookies=cookies, headers={"Accept": "text/html"}, timeout=60)

        assert "Zzcanarylast" in open_page(Role.STEWARD, f"/people/{eid}").text
        pages = [path for path in (route.removeprefix("GET ") for route in ROUTES) if path.startswith("/")]
        pages = [path for path in pages if "{" not in path and not path.startswith("/v1")]
        opened = {
            (role, path): open_page(role, path)
            for role in sorted(browsing)
            for path in pages
            if set(ROUTES[f"GET {path}"].actions) <= ACTIONS_BY_ROLE[role]
        }
    assert sum(answer.status_code == 200 for answer in opened.values()) > 4 * len(browsing)
    assert not [place for place, answer in opened.items() if "zzcanary" in answer.text.lower()]
    for role in browsing:
        for unknown in ("T7K3-M92Q-X0HN", "no-such"):
            assert not _finds(index, people[role], unknown)


def _finds(index, viewer, text):
    """Return whether a person opens a child by a text that is no ID of one."""
    for ask in (
        lambda: look_up_person(index, viewer, text),
        lambda: look_up_crosswalk(index, viewer, "sis", text),
        lambda: read(index, viewer, "sis", text),
    ):
        try:
            ask()
        except MpiError:
            continue
        return True
    return False


PROGRAM_CALLS = {
    "who_reads": (Action.RECORD_READ, lambda index, viewer: read(index, viewer, "sis", "1")),
    "who_exports": (Action.CROSSWALK_EXPORT, lambda index, viewer: list(export_crosswalk(index, viewer))),
}


@shows(*(f"{code}: A program may, if it was granted the right by name." for code in PROGRAM_CALLS))
@pytest.mark.parametrize("code", PROGRAM_CALLS)
def test_a_program_may_with_the_right_and_may_not_with_every_other(index, code):
    action, call = PROGRAM_CALLS[code]
    for name, actions in (("with", [action]), ("without", set(Action) - {action})):
        key = add_client(index, OPERATOR, f"{code}-{name}", actions, None)
        viewer = authenticate(index, key, "data_quality")
        assert may(lambda viewer=viewer: call(index, viewer)) is (name == "with")


@shows("who_exports: {roles}.")
def test_just_the_roles_of_the_answer_export(roles):
    index, people = roles
    exporting = {
        role
        for role, viewer in people.items()
        if may(lambda viewer=viewer: list(export_crosswalk(index, viewer)))
    }
    assert exporting == roles_of(index, "who_exports")


@shows("who_approves: Nobody approves a step of their own.")
def test_an_approver_waits_for_another_one(index):
    index = with_settings(index, second_approver=SecondApprover.ALWAYS)
    upsert(index, OPERATOR, "sis", make_child("2", first_name="Zoe", birth_date="2011-11-11"))
    [role] = roles_of(index, "who_approves")
    ada, bea = (add_signed_in(index, Role(role), name) for name in ("ada", "bea"))
    step = merge(index, ada, sorted(set(crosswalk(index).values())), StepOptions("x")).step
    with pytest.raises(ConflictError, match="own"):
        approve(index, ada, step)
    assert len(set(crosswalk(index).values())) == 2
    approve(index, bea, step)
    assert len(set(crosswalk(index).values())) == 1


@shows("who_operates: On these pages, a second person confirms accounts that may read records.")
@pytest.mark.parametrize("role", [role for role in Role if Action.RECORD_READ in ACTIONS_BY_ROLE[role]])
def test_an_operator_adds_no_account_that_reads_records_alone(index, role):
    operator = add_signed_in(index, Role.OPERATOR)
    sources = ("sis",)
    with pytest.raises(AccessDenied):
        add_account(index, operator, NewAccount("new", "Ana Ruiz", role, sources))
    if role is Role.SOURCE_OWNER:  # nobody confirms this one
        with pytest.raises(AccessDenied):
            request_account(index, operator, NewAccount("new", "Ana Ruiz", role, sources))
        return
    request_account(index, operator, NewAccount("new", "Ana Ruiz", role, sources))
    [request] = list_account_requests(index, operator)
    with pytest.raises((AccessDenied, ConflictError)):
        confirm_request(index, operator, request.number)
    assert "new" not in {account.name for account in list_accounts(index, operator)}
    confirm_request(index, add_signed_in(index, Role.APPROVER), request.number)
    assert "new" in {account.name for account in list_accounts(index, operator)}


@shows("who_operates: Whoever runs commands on the server adds them alone.")
def test_the_operator_of_the_commands_adds_each_account(index):
    for role in Role:
        sources = ("sis",) if role is Role.SOURCE_OWNER else None
        add_account(index, OPERATOR, NewAccount(f"a-{role}", "Ana Ruiz", role, sources))
    assert len(list_accounts(index, OPERATOR)) == len(Role)


@shows("who_subpoena: Counsel may, if the right was granted by name.")
def test_counsel_decides_with_the_right_by_name_only(index):
    served = Subpoena(
        source="sis",
        court="Juvenile Court",
        reference="26-JV-0412",
        served_by="Public Defender",
        received=date(2026, 11, 20),
        due=date(2026, 12, 4),
    )
    code = open_case(index, SECOND_PERSON, served, ("1",), ("first_name",))
    record_notice(index, SECOND_PERSON, code, date(2026, 11, 21))
    verdict = CounselDecision(CounselVerdict.RELEASE, "R. Alvarado", "relevant")
    counsel = add_signed_in(index, Role.STEWARD)
    with pytest.raises(AccessDenied):
        decide_case(index, counsel, code, verdict)
    grant_actions(index, OPERATOR, counsel.client, [Action.SUBPOENA_DECIDE])
    counsel = authenticate_session(index, sign_in(index, counsel.client, PASSWORD)).viewer
    decide_case(index, counsel, code, verdict)
    assert show_case(index, SECOND_PERSON, code).state is not CaseState.OPEN
