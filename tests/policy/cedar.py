"""The policy in Cedar, and random requests to ask both it and the program.

Facts of a request are taken from the agreement here once more, without code of ``mpi.policy.decision_table``.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import cedarpy

from mpi.domain.roles import ACTIONS_BY_ROLE, PURPOSES_BY_ROLE, Role
from mpi.domain.viewer import ACTIONS_GRANTED_TO_PEOPLE, PURPOSES, Action, ConsentScope
from mpi.policy.access_request import AccessDecision, AccessRequest, BreakGlassState, ScopeKind
from mpi.policy.agreement import Agreement, Grant
from mpi.policy.cases.child_reports import REPORT_RULES
from mpi.policy.parties import Party, PartyKind
from mpi.policy.role_rules import Condition
from mpi.policy.tiers import FIELD_TIERS, POPULATION_TIERS

DAY = date(2026, 11, 29)
POLICIES = cedarpy.PolicySet.from_str(Path(__file__).with_name("policy.cedar").read_text())
ADDED_PURPOSE = "tutoring"
PURPOSES_ASKED = (*PURPOSES, ADDED_PURPOSE, "curiosity", "", None)
STATISTICS = ("program_evaluation", "reporting_federal", "data_quality")
COURT = ("juvenile_justice", "neglected_or_delinquent")
_PARTIES = ("agency", "district", "university", "house")
_SOURCES = ("CCWIS", "D01", "D02", "elsewhere")
_LISTS = {
    "addresses": ("address_line1", "address_line2", "city", "state", "postal_code", "county"),
    "guardians": ("guardian_first_name", "guardian_last_name", "guardian_relationship"),
    "enrollments": ("school_id", "district_id", "grade", "entry_date", "exit_date"),
}
_FIELDS = sorted(FIELD_TIERS)
_FLAGS = sorted(POPULATION_TIERS)


@dataclass(frozen=True)
class Question:
    """A request under an agreement, with some fields to ask about."""

    request: AccessRequest
    agreement: Agreement | None
    fields: tuple[str, ...]


def draw_question(chance: random.Random) -> Question:
    """Return a random request, biased so that about a fifth are permitted."""
    agreement = None if chance.random() < 0.02 else draw_agreement(chance)
    role = chance.choice((None, None, *Role))
    purpose = chance.choice(PURPOSES_ASKED)
    if role and chance.random() < 0.8:
        purpose = chance.choice(PURPOSES_BY_ROLE[role])
    elif agreement and chance.random() < 0.6:
        purpose = chance.choice(sorted(agreement.grants[0].purposes))
    named = frozenset(action for action in sorted(ACTIONS_GRANTED_TO_PEOPLE) if chance.random() < 0.6)
    actions = sorted(ACTIONS_BY_ROLE[role] | named if role and chance.random() < 0.8 else Action)
    share = 0.2 if role else 0.8
    granted = named | frozenset(action for action in Action if chance.random() < share)
    sources = None if chance.random() < 0.2 else frozenset(chance.sample(_SOURCES, chance.randint(0, 3)))
    request = AccessRequest(
        action=Action(chance.choice(actions)) if chance.random() < 0.6 else Action.PERSON_READ,
        purpose=purpose,
        granted=granted,
        role=role,
        party=chance.choice((*_PARTIES, None, "stranger")) if chance.random() < 0.2 else "district",
        sources=sources,
        scope=chance.choice(tuple(ScopeKind)),
        source=chance.choice((*_SOURCES, None)),
        populations=frozenset(chance.sample(_FLAGS, chance.randint(0, 4))),
        consents=frozenset(_draw_consent(chance, purpose) for _ in range(chance.randint(0, 2))),
        met_conditions=frozenset(condition for condition in Condition if chance.random() < 0.8),
        break_glass=chance.choice(tuple(BreakGlassState)),
    )
    return Question(request, agreement, ("placements", *chance.sample(_FIELDS, 2)))


def draw_agreement(chance: random.Random) -> Agreement:
    """Return a random agreement of four parties."""
    begins = DAY - timedelta(days=-1 if chance.random() < 0.05 else chance.choice((0, 1, 100)))
    is_past = chance.random() < 0.05
    return Agreement(
        code=chance.choice(("house", "dsa-1")),
        version=1,
        title="Agreement",
        parties=(
            Party("agency", "Agency", PartyKind.CHILD_WELFARE, frozenset({"CCWIS"})),
            Party("district", "District", PartyKind.EDUCATION, frozenset({"D01", "D02"})),
            Party("university", "University", PartyKind.RESEARCH),
            Party("house", "State", PartyKind.OPERATOR, frozenset({"all"})),
        ),
        grants=tuple(_draw_grant(chance) for _ in range(chance.randint(1, 4))),
        begins=begins,
        ends=DAY - timedelta(days=1) if is_past else chance.choice((None, DAY, DAY + timedelta(days=9))),
        is_approved=chance.random() < 0.96,
        is_suspended=chance.random() < 0.04,
        ended_on=DAY if chance.random() < 0.03 else None,
    )


def _draw_grant(chance: random.Random) -> Grant:
    outputs = {"all", "flags", "placements", *(f"flags.{population}" for population in _FLAGS)}
    purposes = chance.sample((*PURPOSES, ADDED_PURPOSE), chance.randint(1, 8))
    return Grant(
        discloser=chance.choice(_PARTIES),
        recipient="district" if chance.random() < 0.7 else chance.choice(_PARTIES),
        population=chance.choice(("all", "all", "foster_care", "homeless")),
        legal_basis="consent" if chance.random() < 0.3 else "own_records",
        purposes=frozenset({"all"} if chance.random() < 0.4 else purposes),
        output_fields=frozenset(chance.sample(sorted(outputs | set(_FIELDS)), chance.randint(1, 12))),
        matching_fields=frozenset(),
    )


def _draw_consent(chance: random.Random, purpose: str | None) -> ConsentScope:
    """Return the scope of a random consent, mostly one for the purpose."""
    purposes = {purpose or "data_quality"} if chance.random() < 0.8 else set(chance.sample(PURPOSES, 2))
    lists = ("addresses", "enrollments", "flags.foster_care", "flags.homeless", "flags")
    return ConsentScope(
        agreement=chance.choice(("house", "dsa-1")),
        recipient="district" if chance.random() < 0.9 else chance.choice(_PARTIES),
        purposes=frozenset(purposes),
        fields=frozenset(chance.sample((*_FIELDS, *lists), 20)),
    )


@dataclass(frozen=True)
class ReportQuestion:
    """A request for a published report.

    Args:
        question: the request to read reports, under an agreement.
        report: name of the report.
        smallest_shown: smallest count above 0 that it shows.
    """

    question: Question
    report: str
    smallest_shown: int


def draw_report_question(chance: random.Random) -> ReportQuestion:
    """Return a random request for a report, biased so that some tenth is permitted."""
    drawn = draw_question(chance)
    role = chance.choice((None, None, Role.ANALYST, Role.AGENCY_HEAD, chance.choice(tuple(Role))))
    purpose = chance.choice(STATISTICS) if chance.random() < 0.8 else drawn.request.purpose
    request = replace(
        drawn.request,
        action=Action.REPORT_READ,
        role=role,
        purpose=purpose,
        granted=drawn.request.granted | ({Action.REPORT_READ} if chance.random() < 0.8 else set()),
        source=None,
    )
    small_cell = chance.choice((1, 10, 10, 11, 20))
    agreement = None if drawn.agreement is None else replace(drawn.agreement, small_cell=small_cell)
    report = chance.choice((*REPORT_RULES, "waterfall", "reconciliation", "trend"))
    return ReportQuestion(
        replace(drawn, request=request, agreement=agreement), report, chance.choice((10, 20))
    )


Answer = tuple[bool, frozenset[str], frozenset[str]]
"""Whether a request is permitted, and which of the fields and of all populations an answer may hold."""


def ask_cedar(question: Question) -> Answer:
    """Return what Cedar decides."""
    permits = _open_cedar(question)
    if not permits(question.request.action.value, "Request", {}):
        return False, frozenset(), frozenset()
    outputs = set().union(*_covering_outputs(question))
    fields = (f for f in question.fields if permits("carry-field", "Field", _describe_field(f, outputs)))
    flags = (f for f in _FLAGS if permits("carry-flag", "Population", _describe_population(f, outputs)))
    return True, frozenset(fields), frozenset(flags)


def ask_cedar_for_report(asked: ReportQuestion) -> tuple[bool, bool]:
    """Return whether Cedar permits to read reports, and whether it then shows this one."""
    permits = _open_cedar(asked.question)
    report = {"name": asked.report, "smallestShown": asked.smallest_shown}
    may_read = permits(Action.REPORT_READ.value, "Request", {})
    return may_read, may_read and permits("show-report", "Report", report)


def _open_cedar(question: Question) -> Callable[[str, str, dict[str, object]], bool]:
    """Return a function that asks Cedar about an action, the kind of its resource and attributes of it."""
    principal = {
        "uid": {"type": "Caller", "id": "caller"},
        "attrs": {"role": question.request.role or "client", "granted": sorted(question.request.granted)},
        "parents": [],
    }
    context = _describe(question)

    def permits(action: str, kind: str, attributes: dict[str, object]) -> bool:
        resource = {"type": kind, "id": "asked"}
        result = cedarpy.is_authorized(
            {
                "principal": principal["uid"],
                "action": {"type": "Action", "id": action},
                "resource": resource,
                "context": context,
            },
            POLICIES,
            [principal, {"uid": resource, "attrs": attributes, "parents": []}],
        )
        assert not result.diagnostics.errors, result.diagnostics.errors
        return bool(result.allowed)

    return permits


def ask_program(question: Question, decision: AccessDecision) -> Answer:
    """Return what the program decided, in the same form."""
    fields = decision.permitted_fields & set(question.fields)
    return decision.is_permitted, fields, decision.permitted_populations


def _describe(question: Question) -> dict[str, object]:
    request, agreement = question.request, question.agreement
    purpose = _effective_purpose(question)
    to_party = [] if agreement is None else [g for g in agreement.grants if g.recipient == request.party]
    return {
        "action": request.action.value,
        "purpose": purpose,
        "agreement": "" if agreement is None else agreement.code,
        "state": "none" if agreement is None else agreement.state(DAY).value,
        "hasParty": agreement is not None and agreement.find_party(request.party or "") is not None,
        "partyPurposes": sorted({purpose for grant in to_party for purpose in grant.purposes}),
        "isCovered": bool(_covering_outputs(question)),
        "isOwn": _is_own(question),
        "isOfParty": _is_of_party(question),
        "ownsAll": _owns_all(question),
        "isAboutRecord": request.source is not None,
        "scope": request.scope.value,
        "met": sorted(request.met_conditions),
        "breakGlass": request.break_glass.value,
        "discloses": sorted(
            {g.population for g in to_party if g.legal_basis != "consent" and {purpose, "all"} & g.purposes}
        ),
        "smallCell": 1 if agreement is None else agreement.small_cell,
    }


def _effective_purpose(question: Question) -> str:
    """Return the purpose that counts: "" where there is none, "empty" where an empty text was sent."""
    purpose, agreement = question.request.purpose, question.agreement
    if purpose is None:
        return "data_quality" if agreement is not None and agreement.code == "house" else ""
    return purpose or "empty"


def _is_own(question: Question) -> bool:
    sources = question.request.sources
    if sources is None or question.request.source not in sources or not _is_of_party(question):
        return False
    party = question.agreement.find_party(question.request.party)
    return question.request.source in party.sources or len(sources) == 1


def _owns_all(question: Question) -> bool:
    party = (
        None if question.agreement is None else question.agreement.find_party(question.request.party or "")
    )
    return party is not None and "all" in party.sources


def _is_of_party(question: Question) -> bool:
    code, source = question.request.party or "", question.request.source
    party = None if question.agreement is None else question.agreement.find_party(code)
    return party is not None and source is not None and bool({source, "all"} & party.sources)


def _covering_outputs(question: Question) -> list[set[str]]:
    """Return what each grant that covers the record permits, consent by consent where it rests on that."""
    request, purpose = question.request, _effective_purpose(question)
    outputs: list[set[str]] = []
    for grant in _covering_grants(question):
        if grant.legal_basis != "consent":
            outputs.append(set(grant.output_fields))
            continue
        for consent in request.consents:
            scope = (consent.agreement, consent.recipient, purpose in consent.purposes)
            if scope == (question.agreement.code, request.party, True):
                outputs.append({field for field in consent.fields if _is_permitted(field, grant)})
    return outputs


def _is_permitted(field: str, grant: Grant) -> bool:
    """Return whether a grant permits a field that a consent names."""
    names = {"all", field, *(name for name, columns in _LISTS.items() if field in columns)}
    return bool(grant.output_fields & (names | ({"flags"} if field.startswith("flags.") else set())))


def _covering_grants(question: Question) -> list[Grant]:
    request, agreement = question.request, question.agreement
    if agreement is None:
        return []
    purpose = _effective_purpose(question)
    own_by_party = {party.code: party.sources for party in agreement.parties}
    return [
        grant
        for grant in agreement.grants
        if grant.recipient == request.party
        and {purpose, "all" if purpose != "emergency_breakglass" else purpose} & grant.purposes
        and (request.source is None or {request.source, "all"} & own_by_party[grant.discloser])
        and grant.population in ("all", *request.populations)
    ]


def _describe_field(field: str, outputs: set[str]) -> dict[str, object]:
    names = {"birth_city" if field == "birth_place" else field}
    names |= {list_name for list_name, columns in _LISTS.items() if field in columns}
    return {
        "code": field,
        "tier": int(FIELD_TIERS[field]),
        "isPermitted": bool(outputs & (names | {"all"})),
        "isNamed": field in outputs,
    }


def _describe_population(population: str, outputs: set[str]) -> dict[str, object]:
    name = f"flags.{population}"
    return {
        "code": population,
        "tier": int(POPULATION_TIERS[population]),
        "isCourt": population in COURT,
        "isPermitted": bool(outputs & {name, "flags", "all"}),
        "isNamed": name in outputs,
    }
