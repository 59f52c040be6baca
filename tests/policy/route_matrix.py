"""Every route, role, purpose and state of an agreement, asked over HTTP and decided by the policy table.

A site has an agreement in each state, and for each a program with the actions of each role and a person of
each role, with a sign-in for each purpose. What the table says of a call is asked of ``decide`` alone, with
none of the code that lies between a request and its viewer.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import product

import httpx

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import PURPOSES, Action, make_operator
from mpi.policy.access_request import AccessDecision, AccessRequest
from mpi.policy.agreement import Agreement, AgreementState
from mpi.policy.decision_table import decide, find_party
from mpi.policy.role_rules import Condition
from mpi.policy.route_table import ROUTES, RouteRule
from mpi.service.access.session_authentication import csrf_token
from mpi.service.access.setup import hash_token
from mpi.service.agreements.house import build_house_agreement
from mpi.service.agreements.register import approve_version, end_agreement, propose_version, suspend_agreement
from mpi.service.core.index import GuessLimits, IdentitySettings, SignInLimits
from mpi.storage.repositories.access.accounts import Account
from mpi.storage.repositories.access.clients import Client
from mpi.storage.unit_of_work.database import Lock
from tests.accounts import cheap_password_hashing
from tests.index import OPERATOR, open_test_index, with_settings
from tests.unit.api.live import serving

NONE, HOUSE = "none", "house"
STATES = (NONE, HOUSE, *AgreementState)
"""States of an agreement; ``none`` stands for callers without one, ``house`` for the operator's rule."""
PURPOSES_ASKED = (*PURPOSES, "curiosity", None)
PROGRAM = "program"
EDFI_PREFIX = " /identity/v2/"
FHIR_PREFIX = " /fhir/Patient/"
API_PREFIXES = (" /v1/", EDFI_PREFIX, FHIR_PREFIX)
"""Beginnings of the paths that programs call."""


def is_api_route(route: str) -> bool:
    """Return whether a route is one of the API, for programs."""
    return any(prefix in route for prefix in API_PREFIXES)


API_ROUTES = tuple(filter(is_api_route, ROUTES))
PAGE_ROUTES = tuple(route for route in ROUTES if not is_api_route(route))
DENIED = ("urn:mpi:problem:access-denied", "urn:ed-fi:api:security:authorization", "forbidden")
NOT_AUTHENTICATED = ("urn:mpi:problem:not-authenticated", "urn:ed-fi:api:security:authentication", "login")
"""Types of the problems of refused and of unknown callers, of the index's own API, Ed-Fi's and FHIR's."""
PROGRAMS = (PROGRAM, *Role)
"""A program with every action, and one with the actions of each role."""
WITHOUT_KEY = ("nobody", "stranger")
"""Callers without a key or sign-in, and with one that the index does not know."""
DEMO_ROUTES = frozenset({"POST /view-as"})
"""Routes of a demonstration: a site with sign-in does not have them."""
SIGNED_OUT_BY = frozenset({"POST /sign-out"})
"""Routes after which a sign-in has ended."""
_PATH_VALUES = {
    "source": "D01", "local_id:path": "1", "eid": "T7K3-M92Q-X0HN", "number": "1", "question_key": "pair:1:2",
    "key": "pair:1:2", "step": "1", "name": "no-such", "client": "no-such", "code": "no-such",
    "id": "T7K3-M92Q-X0HN", "token": "no-such", "report_name": "no-such",
    "upload": "0" * 32,
}  # fmt: skip
_QUERIES = {
    "GET /v1/crosswalk": "?source=D01&local_id=1",
    "GET /fhir/Patient/$ihe-pix": "?sourceIdentifier=urn:mpi:source:D01|1",
}
_BODIES = {
    "POST /v1/agreements/{code}:approve": {"version": 1},
    "POST /v1/agreements/{code}:suspend": {"reason": ""},
    "POST /v1/agreements/{code}:end": {"reason": ""},
    "POST /v1/recluster-runs/{number}:reject": {"reason": "x"},
    "POST /v1/loads/{number}:undo": {"reason": "x"},
}
_FORMS = {
    "POST /accounts": {"name": "no-such"},
    "POST /accounts/{name}": {"do": "unlock"},
    "POST /clients/{name}": {"do": "end", "confirm": "1"},
    "POST /loads/{number}/undo": {"reason": "test", "confirm": "1"},
    "POST /freezes": {"do": "lift", "window": "1", "reason": "test"},
    "POST /sources": {"code": "no such", "kind": "sis", "holdings": "all"},
    "POST /sources/{source}": {"do": "consent", "asks": "no", "reason": "test"},
    "POST /incidents/{code}": {"do": "send"},
    "POST /ledger/link": {
        "source": "D01", "local_id": "1", "other_source": "D01", "other_local_id": "2",
    },
    "POST /why": {"pair": "D01\t1\tD01\t2"},
    "POST /views": {"name": "north"},
    "POST /local-match": {"local_id": "1", "client_number": "1"},
    "POST /enroll-today": {"local_id": "1"},
    "POST /find/key": {"source": "D01", "local_id": "1"},
    "POST /people/{eid}/link": {"etag": "x", "reason": "test", "other": "T7K3-M92Q-X0HN"},
    "POST /people/{eid}/move": {"etag": "x", "reason": "test", "record": "D01\t1", "to": "new"},
    "POST /people/{eid}/unlink": {"etag": "x", "reason": "test", "record": "D01\t1"},
    "POST /people/{eid}/correct": {"etag": "x", "reason": "test", "attribute": "sex", "value": "F"},
    "POST /practice/{number}": {"verdict": "same"},
    "POST /blind/{number}": {"verdict": "same"},
    "POST /runs/{number}": {"do": "reject"},
    "POST /queue/bulk": {"do": "assign", "to": "nobody", "key": "pair:1:2"},
    "POST /queue/{key}/defer": {"until": "2031-01-01"},
    "POST /queue/{key}/assign": {"to": "nobody"},
    "POST /queue/{key}/ask": {"record": "D01\t1", "asks": "identity"},
    "POST /queue/{key}/answer": {"etag": "x", "pair": "D01\t1\tD01\t2", "verdict-0": "same"},
    "POST /queue/{key}/undo": {"step": "1"},
    "POST /asked/{number}": {"answer": "confirmed"},
}  # fmt: skip
"""Form of each page that asks for fields: without them it says what is missing, to whoever asks."""
_CHOICE_FORMS = {
    ("POST /agreements/{code}", Action.AGREEMENT_ADMIN): {"do": "suspend", "reason": "test"},
    ("POST /agreements/{code}", Action.APPROVE): {"do": "approve", "version": "1"},
    ("POST /account-requests/{number}", Action.ACCOUNT_ADMIN): {"do": "refuse"},
    ("POST /account-requests/{number}", Action.APPROVE): {"do": "refuse"},
    ("POST /waiting/{number}", Action.APPROVE): {"word": "approve"},
    ("POST /waiting/{number}", Action.CONSENT): {"word": "consent"},
    ("POST /subpoenas/{code}", Action.SUBPOENA_MANAGE): {"do": "notify", "day": "2026-01-02"},
    ("POST /subpoenas/{code}", Action.SUBPOENA_DECIDE): {
        "do": "decide",
        "verdict": "refuse",
        "counsel": "x",
        "reason": "x",
    },
    ("POST /rights/{code}", Action.RIGHTS_MANAGE): {"do": "hearing"},
    ("POST /rights/{code}", Action.RIGHTS_DECIDE): {"do": "grant", "name": "x"},
    ("POST /retention", Action.RIGHTS_MANAGE): {"do": "run", "run": "1"},
    ("POST /retention", Action.RIGHTS_DECIDE): {"do": "lift", "hold": "x", "name": "x", "reason": "x"},
    ("POST /corrections/{code}", Action.CROSSWALK_READ): {},
    ("POST /corrections/{code}", Action.PERSON_READ): {},
    ("POST /corrections/{code}", Action.RECORD_WRITE): {},
    ("POST /jobs/{number}", Action.RECLUSTER): {},
    ("POST /jobs/{number}", Action.LOAD): {},
    ("POST /seals", Action.RECORD_SEAL): {"kind": "unseal", "do": "refuse"},
    ("POST /seals", Action.RECORD_EXPUNGE): {"kind": "expunge", "do": "refuse"},
    ("POST /queue/{key}/respond", Action.DECIDE): {"etag": "x", "response": "confirm"},
    ("POST /queue/{key}/respond", Action.APPROVE): {"etag": "x", "response": "approve"},
}
"""Form by which a page does each of the actions that it has a choice of."""
_FORM_HEADERS = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


@dataclass(frozen=True)
class Case:
    """One call: a route, who calls, for which purpose, under an agreement in which state."""

    route: str
    caller: str
    purpose: str | None
    state: str

    @property
    def rule(self) -> RouteRule:
        """The route's row of the policy table."""
        return ROUTES[self.route]


def list_api_cases() -> list[Case]:
    """Return every call of a program to the API."""
    cases = product(API_ROUTES, PROGRAMS, PURPOSES_ASKED, STATES)
    return [*(Case(*case) for case in cases), *_list_strangers(API_ROUTES)]


def list_page_cases() -> list[Case]:
    """Return every call of a person to the pages; a sign-in always has a purpose."""
    cases = product(PAGE_ROUTES, Role, PURPOSES, STATES)
    return [*(Case(*case) for case in cases), *_list_strangers(PAGE_ROUTES)]


def _list_strangers(routes: Sequence[str]) -> Iterator[Case]:
    return (Case(route, caller, None, NONE) for route, caller in product(routes, WITHOUT_KEY))


def draw_cases(cases: Sequence[Case], count: int, seed: int) -> list[Case]:
    """Return some cases at random, at least one of each route, caller, purpose and state."""
    shuffled = random.Random(seed).sample(cases, len(cases))
    drawn: dict[Case, None] = {}
    seen: set[object] = set()
    for case in shuffled:
        parts = {
            ("route", case.route),
            ("caller", case.caller),
            ("purpose", case.purpose),
            ("state", case.state),
        }
        if not parts <= seen:
            drawn[case] = None
            seen |= parts
    return [*drawn, *(case for case in shuffled[:count] if case not in drawn)][: max(count, len(drawn))]


class MatrixSite:
    """A live site with an agreement in each state, and callers of each role."""

    def __init__(self, index, client: httpx.Client, terms: dict[str, Agreement | None], day: date) -> None:
        self.index = index
        self.client = client
        self.terms = terms
        self.day = day

    def expect(self, case: Case) -> list[AccessDecision]:
        """Return what the table says of a case: its refusals, of which one is told."""
        needed = [self._decide(case, action) for action in case.rule.actions]
        refusals = [decision for decision in needed if not decision.is_permitted]
        choices = [self._decide(case, action) for action in case.rule.choices]
        if choices and not any(decision.is_permitted for decision in choices):
            refusals += choices
        return refusals

    def _decide(self, case: Case, action: Action) -> AccessDecision:
        terms = self.terms[case.state]
        is_page = case.route in PAGE_ROUTES
        role = Role(case.caller) if is_page else None
        granted = frozenset() if is_page else granted_to(case.caller)
        party = None if terms is None else find_party(terms, role, None)
        # No call names a child who exists: what a condition refuses is answered like an unknown child.
        request = AccessRequest(
            action, case.purpose, granted, role, party, None, met_conditions=frozenset(Condition)
        )
        return decide(request, terms, self.day)

    def ask(self, case: Case) -> httpx.Response:
        """Send a case, and return the answer."""
        return self._ask_page(case) if case.route in PAGE_ROUTES else self._ask_api(case)

    def _ask_api(self, case: Case) -> httpx.Response:
        method, path = build_path(case.route)
        headers = {} if case.purpose is None else {"Purpose-Of-Use": case.purpose}
        if case.caller != "nobody":
            headers["Authorization"] = f"Bearer {make_key(case.caller, case.state)}"
        body = None if method == "GET" else _BODIES.get(case.route, {})
        return self.client.request(method, path, headers=headers, json=body)

    def _ask_page(self, case: Case) -> httpx.Response:
        method, path = build_path(case.route)
        token = make_token(case.caller, case.purpose, case.state)
        if case.route in SIGNED_OUT_BY and case.caller not in WITHOUT_KEY:
            token = f"{token}-once"
            with self.index.database.write(OPERATOR, "sign-in", Lock.NONE) as unit:
                account = unit.accounts.find_by_name(make_name(case.caller, case.state))
                unit.sign_ins.add(hash_token(token), account.id, case.purpose, format_now())
        headers = {**_FORM_HEADERS, **({} if case.caller == "nobody" else {"Cookie": f"mpi-sign-in={token}"})}
        form = None if method == "GET" else {"csrf": csrf_token(self.index, token), **self._build_form(case)}
        return self.client.request(method, path, headers=headers, data=form)

    def _build_form(self, case: Case) -> dict[str, str]:
        """Return the form of a page; of several actions, it is for one that the table permits."""
        if case.caller in WITHOUT_KEY or not case.rule.choices:
            return _FORMS.get(case.route, {})
        permitted = [action for action in case.rule.choices if self._decide(case, action).is_permitted]
        return _CHOICE_FORMS[case.route, (permitted or case.rule.choices)[0]]

    def find_fault(self, case: Case) -> str | None:
        """Return how the answer to a case differs from what the table says, if so."""
        answer = self.ask(case)
        told = f"{case}: {answer.status_code} {answer.headers.get('location', '')} {answer.text[:300]}"
        if answer.status_code >= 500:
            return told
        check = _check_page if case.route in PAGE_ROUTES else _check_api
        if case.caller in WITHOUT_KEY:
            is_absent = case.route in DEMO_ROUTES and answer.status_code == 404
            return None if case.rule.is_public or is_absent or is_unknown_caller(answer) else told
        if case.route in SIGNED_OUT_BY:
            return None if answer.headers["location"] == "/sign-in?why=out" else told
        refusals = self.expect(case)
        return None if check(answer, refusals) else f"{told}, and the table: {refusals}"


def _check_api(answer: httpx.Response, refusals: Sequence[AccessDecision]) -> bool:
    """Return whether a program got what the table says, with the reason of a refusal."""
    is_bulk = answer.headers["content-type"].startswith("application/x-ndjson")
    is_refused = answer.status_code == 403 or (is_bulk and '"status":403' in answer.text)
    if not refusals:
        return not is_refused and answer.status_code != 401
    if is_bulk or not is_refused:
        return is_refused
    kind, reason = read_problem(answer.json())
    return kind in DENIED and reason in {refusal.reason_code for refusal in refusals}


def _check_page(answer: httpx.Response, refusals: Sequence[AccessDecision]) -> bool:
    """Return whether a person got the page, or the page of a refusal."""
    if is_unknown_caller(answer):
        return False
    if not refusals:
        return answer.status_code != 403
    return answer.status_code == 403 and answer.headers["content-type"].startswith("text/html")


def is_unknown_caller(answer: httpx.Response) -> bool:
    """Return whether the answer asks who calls: with 401, or by the way to the sign-in page."""
    if answer.status_code == 401:
        return read_problem(answer.json())[0] in NOT_AUTHENTICATED
    return answer.status_code == 303 and answer.headers["location"].partition("?")[0] == "/sign-in"


def read_problem(body: dict[str, object]) -> tuple[str | None, str | None]:
    """Return the type of a problem or OperationOutcome, and the code of the reason of a refusal."""
    if body.get("resourceType") != "OperationOutcome":
        return body.get("type"), body.get("reason")
    [issue] = body["issue"]
    codings = issue.get("details", {}).get("coding", [{}])
    return issue["code"], codings[0].get("code")


def build_path(route: str) -> tuple[str, str]:
    """Return method and path of a route, with values that name nothing."""
    method, path = route.split(" ")
    for name, value in _PATH_VALUES.items():
        path = path.replace("{" + name + "}", value)
    return method, path + _QUERIES.get(route, "")


def granted_to(program: str) -> frozenset[Action]:
    """Return the actions of a program."""
    return frozenset(Action) if program == PROGRAM else ACTIONS_BY_ROLE[Role(program)]


def make_name(caller: str, state: str) -> str:
    """Return the name of a caller on the ledger."""
    return f"{caller}-{state}"


def make_key(caller: str, state: str) -> str:
    """Return the API key of a program."""
    return f"mpi_test_{caller}_{state}"


def make_token(caller: str, purpose: str | None, state: str) -> str:
    """Return the token of a person's sign-in."""
    return f"{caller}.{purpose}.{state}"


def format_now() -> str:
    """Return the present moment as the index stores it."""
    return clock.format_timestamp(clock.now())


@contextmanager
def open_matrix_site(folder) -> Iterator[MatrixSite]:
    """Serve an index with an agreement in each state, and with all callers."""
    with ExitStack() as stack:
        stack.enter_context(cheap_password_hashing())
        index = stack.enter_context(open_test_index(folder, "D01"))
        now = clock.now()
        terms = _add_agreements(index, now)
        _add_programs(index)
        _add_people(index)
        for state, take_step in (
            (AgreementState.SUSPENDED, suspend_agreement),
            (AgreementState.ENDED, end_agreement),
        ):
            take_step(index, OPERATOR, make_code(state), "test")
        # Most cases name nothing that exists.
        identities = IdentitySettings(sources=frozenset({"D01"}))
        index = with_settings(
            index,
            guess_limits=GuessLimits(10**9, 10**9, 10**9),
            # All calls take longer than a person may be idle.
            sign_in_limits=SignInLimits(idle=timedelta(hours=12)),
            identities=identities,
        )
        url = stack.enter_context(serving(create_app(index), request_timeout_s=60))
        client = stack.enter_context(httpx.Client(base_url=url, timeout=60))
        yield MatrixSite(index, client, terms, now.date())


def make_code(state: str) -> str | None:
    """Return the code of the agreement in a state."""
    return {NONE: None, HOUSE: HOUSE}.get(state, f"dsa-{state}")


def _add_agreements(index, now: datetime) -> dict[str, Agreement | None]:
    """Add an agreement for each state; return the terms on which the table decides."""
    today = now.date()
    house = replace(build_house_agreement(), is_approved=True)
    terms: dict[str, Agreement | None] = {NONE: None, HOUSE: house}
    begins = {AgreementState.SCHEDULED: today + timedelta(days=1)}
    ends = {AgreementState.EXPIRED: today - timedelta(days=1)}
    for state in AgreementState:
        agreement = replace(
            house, code=make_code(state), begins=begins.get(state, house.begins), ends=ends.get(state)
        )
        with clock.fixed_clock(now - timedelta(days=3)):
            propose_version(index, OPERATOR, agreement)
            if state is not AgreementState.DRAFT:
                approve_version(index, OPERATOR, agreement.code, alone=True)
        # Without an approved version there are no terms to decide on.
        terms[state] = None if state is AgreementState.DRAFT else agreement
    terms[AgreementState.SUSPENDED] = replace(terms[AgreementState.SUSPENDED], is_suspended=True)
    terms[AgreementState.ENDED] = replace(terms[AgreementState.ENDED], ended_on=today)
    return terms


def _add_programs(index) -> None:
    with index.database.write(make_operator(), "client-add") as unit:
        for program, state in product(PROGRAMS, STATES):
            client = Client(make_name(program, state), granted_to(program), None, make_code(state))
            key_hash = hash_token(make_key(program, state))
            unit.clients.add(unit.counters.take("client"), client, key_hash, unit.commit_no)


def _add_people(index) -> None:
    with index.database.write(make_operator(), "account-add") as unit:
        for role, state in product(Role, STATES):
            account = Account(
                id=unit.counters.take("account"),
                name=make_name(role, state),
                full_name="Ana Ruiz",
                role=role,
                sources=None,
                password_hash="no password",
                password_set_at=format_now(),
                must_change=False,
                failed=0,
                locked_until=None,
                created_commit=unit.commit_no,
                ended_commit=None,
                agreement=make_code(state),
            )
            unit.accounts.add(account)
            for purpose in PURPOSES:
                token_hash = hash_token(make_token(role, purpose, state))
                unit.sign_ins.add(token_hash, account.id, purpose, format_now())
