"""Policy rows of all routes: which actions each route needs.

A route without a row fails ``tests/unit/policy/test_route_table.py``, which lists all routes of the program.
The decision table decides each action by role, purpose, agreement and scope.
"""

from dataclasses import dataclass
from types import MappingProxyType

from mpi.domain.viewer import Action


@dataclass(frozen=True, slots=True)
class RouteRule:
    """What a route needs.

    Args:
        actions: every action that the caller must be permitted; empty for a route without any.
        choices: actions of which the caller must be permitted one; empty where there is no choice.
        is_public: whether the route needs no key and no sign-in, and tells nothing of a person.
    """

    actions: tuple[Action, ...] = ()
    choices: tuple[Action, ...] = ()
    is_public: bool = False


def _needs(*actions: Action) -> RouteRule:
    return RouteRule(actions)


_PUBLIC = RouteRule(is_public=True)
_SIGNED_IN = RouteRule()
_PERSON_AND_RECORD = _needs(Action.PERSON_READ, Action.RECORD_READ)
_TERMS = RouteRule((Action.AGREEMENT_READ,), choices=(Action.AGREEMENT_ADMIN, Action.APPROVE))
_CASE = RouteRule(choices=(Action.SUBPOENA_MANAGE, Action.SUBPOENA_DECIDE))
_RIGHTS = RouteRule(choices=(Action.RIGHTS_MANAGE, Action.RIGHTS_DECIDE))
_OFFICER = _needs(Action.LEDGER_READ, Action.AGREEMENT_ADMIN)
_RECIPIENT = RouteRule(choices=(Action.CROSSWALK_READ, Action.PERSON_READ, Action.RECORD_WRITE))
_QUESTION = _needs(Action.TASK_READ, Action.RECORD_READ)
_SEALS = RouteRule(choices=(Action.RECORD_SEAL, Action.RECORD_EXPUNGE))
_ACCOUNT_REQUESTS = RouteRule(choices=(Action.ACCOUNT_ADMIN, Action.APPROVE))

ROUTES = MappingProxyType({
    # Program's own state and static files
    "GET /openapi.json": _PUBLIC,
    "GET /healthz": _PUBLIC,
    "GET /readyz": _PUBLIC,
    "GET /metrics": _PUBLIC,
    "GET /style.css": _PUBLIC,
    "GET /desk.js": _PUBLIC,
    "GET /icon.svg": _PUBLIC,
    # Sign-in of programs: the route checks the key that the form shows
    "POST /oauth/token": _PUBLIC,
    # Sign-in of people with an identity provider
    "GET /sign-in/provider": _PUBLIC,
    "GET /sign-in/answer": _PUBLIC,
    # Records
    "PUT /v1/sources/{source}/records/{local_id:path}": _needs(Action.RECORD_WRITE),
    "GET /v1/sources/{source}/records/{local_id:path}": _needs(Action.RECORD_READ),
    "DELETE /v1/sources/{source}/records/{local_id:path}": _needs(Action.RECORD_WRITE),
    "POST /v1/sources/{source}/records/{local_id:path}/rekey": _needs(Action.RECORD_WRITE),
    "POST /v1/records:bulk": _needs(Action.RECORD_WRITE),
    "POST /v1/loads/{number}:undo": _needs(Action.LOAD),
    "POST /v1/sources/{source}:pause": _needs(Action.SOURCE_ADMIN),
    "POST /v1/sources/{source}:resume": _needs(Action.SOURCE_ADMIN),
    "GET /v1/expunge-requests": _needs(Action.RECORD_EXPUNGE),
    "POST /v1/expunge-requests:approve": _needs(Action.RECORD_EXPUNGE),
    "POST /v1/expunge-requests:refuse": _needs(Action.RECORD_EXPUNGE),
    "GET /v1/unseal-requests": _needs(Action.RECORD_SEAL),
    "POST /v1/unseal-requests": _needs(Action.RECORD_SEAL),
    "POST /v1/unseal-requests:approve": _needs(Action.RECORD_SEAL),
    "POST /v1/unseal-requests:refuse": _needs(Action.RECORD_SEAL),
    # Persons
    "POST /v1/persons:search": _needs(Action.PERSON_SEARCH),
    "GET /v1/persons/{eid}": _needs(Action.PERSON_READ),
    "GET /v1/persons/{eid}/lineage": _needs(Action.PERSON_READ),
    "GET /v1/persons/{eid}/golden": _PERSON_AND_RECORD,
    "GET /v1/persons/{eid}/explanation": _PERSON_AND_RECORD,
    "GET /v1/persons/{eid}/built": _needs(Action.PERSON_READ),
    "POST /v1/persons/{eid}/corrections": _needs(Action.DECIDE),
    "POST /v1/explanations": _needs(Action.RECORD_READ),
    # Ed-Fi identities
    "POST /identity/v2/identities": _needs(
        Action.RECORD_WRITE, Action.PERSON_SEARCH, Action.PERSON_READ, Action.RECORD_READ
    ),
    "POST /identity/v2/identities/find": _PERSON_AND_RECORD,
    "POST /identity/v2/identities/search": _needs(
        Action.PERSON_SEARCH, Action.PERSON_READ, Action.RECORD_READ
    ),
    "GET /identity/v2/identities/results/{token}": _PERSON_AND_RECORD,
    "GET /identity/v2/identities/{id}": _PERSON_AND_RECORD,
    # FHIR
    "GET /fhir/metadata": _PUBLIC,
    "POST /fhir/Patient/$match": _needs(Action.PERSON_SEARCH, Action.PERSON_READ, Action.RECORD_READ),
    "POST /fhir/Patient/$idi-match": _needs(Action.PERSON_SEARCH, Action.PERSON_READ, Action.RECORD_READ),
    "GET /fhir/Patient/$ihe-pix": _needs(Action.CROSSWALK_READ),
    # Crosswalk
    "GET /v1/crosswalk": _needs(Action.CROSSWALK_READ),
    "GET /v1/events": _needs(Action.CROSSWALK_READ),
    # Decisions
    "POST /v1/decisions": _needs(Action.DECIDE),
    "GET /v1/decisions": _needs(Action.DECISION_READ),
    "GET /v1/decisions/{number}": _needs(Action.DECISION_READ),
    "POST /v1/decisions/{number}:undo": _needs(Action.DECIDE),
    "POST /v1/link-reports": _needs(Action.LINK_REPORT),
    "POST /v1/steps/{number}:undo": _needs(Action.DECIDE),
    "POST /v1/steps/{number}:approve": _needs(Action.APPROVE),
    "POST /v1/steps/{number}:consent": _needs(Action.CONSENT),
    "POST /v1/steps/{number}:refuse": _needs(Action.CONSENT),
    "GET /v1/waiting-steps": RouteRule(choices=(Action.DECISION_READ, Action.CONSENT)),
    "POST /v1/sources/{source}:ask-consent": _needs(Action.SOURCE_ADMIN),
    "POST /v1/persons:merge": _needs(Action.DECIDE),
    "POST /v1/persons/{eid}:split": _needs(Action.DECIDE),
    "POST /v1/persons/{eid}:move": _needs(Action.DECIDE),
    "POST /v1/sources/{source}:freeze": _needs(Action.SOURCE_ADMIN),
    "GET /v1/freeze-windows": _needs(Action.SOURCE_ADMIN),
    "POST /v1/freeze-windows/{number}:lift": _needs(Action.SOURCE_ADMIN),
    # Re-clusters
    "GET /v1/jobs": RouteRule(choices=(Action.RECLUSTER, Action.LOAD)),
    "GET /v1/jobs/{number}": RouteRule(choices=(Action.RECLUSTER, Action.LOAD)),
    "POST /v1/recluster-runs": _needs(Action.RECLUSTER),
    "GET /v1/recluster-runs": _needs(Action.RECLUSTER),
    "GET /v1/recluster-runs/{number}": _needs(Action.RECLUSTER),
    "POST /v1/recluster-runs/{number}:apply": _needs(Action.RECLUSTER),
    "POST /v1/recluster-runs/{number}:reject": _needs(Action.RECLUSTER),
    "POST /v1/recluster-runs/{number}:rollback": _needs(Action.RECLUSTER),
    "POST /v1/recluster-runs:simulate": _needs(Action.RECLUSTER),
    "GET /v1/holds": _needs(Action.RECLUSTER),
    "POST /v1/holds/{number}:release": _needs(Action.RECLUSTER),
    "POST /v1/holds/{number}:refuse": _needs(Action.DECIDE, Action.RECLUSTER),
    # Review
    "GET /v1/review-tasks": _needs(Action.TASK_READ),
    "GET /v1/review-questions": _needs(Action.TASK_READ),
    "GET /v1/review-questions/{question_key}": _QUESTION,
    "POST /v1/review-tasks:bulk": _needs(Action.TASK_WORK),
    "POST /v1/review-tasks/{question_key}:claim": _needs(Action.TASK_WORK),
    "POST /v1/review-tasks/{question_key}:release": _needs(Action.TASK_WORK),
    "POST /v1/review-tasks/{question_key}:defer": _needs(Action.TASK_WORK),
    "POST /v1/review-tasks/{question_key}:assign": _needs(Action.TASK_WORK),
    "POST /v1/review-tasks/{question_key}:escalate": _needs(Action.TASK_WORK),
    "POST /v1/review-tasks/{question_key}:ask": _needs(Action.TASK_WORK),
    "POST /v1/review-tasks/{question_key}:decide": _needs(Action.DECIDE),
    "POST /v1/review-tasks/{question_key}:undo": _needs(Action.DECIDE),
    "GET /v1/owner-questions": _needs(Action.QUESTION_ANSWER),
    "POST /v1/owner-questions/{number}:answer": _needs(Action.QUESTION_ANSWER),
    "POST /v1/links": _needs(Action.CROSSWALK_READ),
    "GET /v1/review-views": _needs(Action.TASK_READ),
    "POST /v1/review-views": _needs(Action.TASK_READ),
    "POST /v1/review-views:forget": _needs(Action.TASK_READ),
    # Quality
    "GET /v1/quality": _needs(Action.QUALITY_READ),
    "GET /v1/quality/forecast": _needs(Action.QUALITY_READ),
    "POST /v1/blind-pairs:draw": _needs(Action.RECLUSTER),
    "GET /v1/blind-pairs/next": _needs(Action.TASK_WORK),
    "POST /v1/blind-pairs/{number}:answer": _needs(Action.TASK_WORK),
    "GET /v1/practice-pairs/next": _needs(Action.TASK_WORK),
    "POST /v1/practice-pairs/{number}:answer": _needs(Action.TASK_WORK),
    # Agreements
    "GET /v1/agreements": _needs(Action.AGREEMENT_READ),
    "POST /v1/agreements": _needs(Action.AGREEMENT_ADMIN),
    "GET /v1/agreements/{code}": _needs(Action.AGREEMENT_READ),
    "GET /v1/agreements/{code}/history": _TERMS,
    "POST /v1/agreements/{code}:approve": _needs(Action.APPROVE, Action.AGREEMENT_READ),
    "POST /v1/agreements/{code}:suspend": _needs(Action.AGREEMENT_ADMIN),
    "POST /v1/agreements/{code}:resume": _needs(Action.AGREEMENT_ADMIN),
    "POST /v1/agreements/{code}:end": _needs(Action.AGREEMENT_ADMIN),
    "GET /v1/agreement-duties": _needs(Action.AGREEMENT_ADMIN),
    "GET /v1/purposes": _needs(Action.AGREEMENT_READ),
    "GET /v1/legal-bases": _needs(Action.AGREEMENT_READ),
    # Subpoena cases
    "GET /v1/subpoenas": _CASE,
    "POST /v1/subpoenas": _needs(Action.SUBPOENA_MANAGE),
    "POST /v1/subpoenas/{code}:notify": _needs(Action.SUBPOENA_MANAGE),
    "POST /v1/subpoenas/{code}:decide": _needs(Action.SUBPOENA_DECIDE),
    "POST /v1/subpoenas/{code}:release": _needs(Action.SUBPOENA_MANAGE),
    # Consents to disclose a record
    "GET /v1/disclosure-consents": _needs(Action.CONSENT_RECORD),
    "POST /v1/disclosure-consents": _needs(Action.CONSENT_RECORD),
    "POST /v1/disclosure-consents/{code}:revoke": _needs(Action.CONSENT_RECORD),
    # Rights of the person, legal holds, destruction and research
    "GET /v1/rights-cases": _RIGHTS,
    "POST /v1/rights-cases": _needs(Action.RIGHTS_MANAGE),
    "POST /v1/rights-cases/{code}:release": _needs(Action.RIGHTS_DECIDE),
    "POST /v1/rights-cases/{code}:refuse": _needs(Action.RIGHTS_DECIDE),
    "POST /v1/rights-cases/{code}:grant": _needs(Action.RIGHTS_DECIDE),
    "POST /v1/rights-cases/{code}:ask-hearing": _needs(Action.RIGHTS_MANAGE),
    "POST /v1/rights-cases/{code}:decide-hearing": _needs(Action.RIGHTS_DECIDE),
    "POST /v1/rights-cases/{code}:attach-statement": _needs(Action.RIGHTS_MANAGE),
    "GET /v1/legal-holds": _RIGHTS,
    "POST /v1/legal-holds": _needs(Action.RIGHTS_MANAGE),
    "POST /v1/legal-holds/{code}:lift": _needs(Action.RIGHTS_DECIDE),
    "GET /v1/retention": _RIGHTS,
    "GET /v1/destruction-runs": _RIGHTS,
    "POST /v1/destruction-runs": _needs(Action.RIGHTS_MANAGE),
    "POST /v1/destruction-runs/{number}:approve": _needs(Action.RIGHTS_DECIDE),
    "POST /v1/destruction-runs/{number}:execute": _needs(Action.RIGHTS_MANAGE),
    "GET /v1/destruction-runs/{number}/certificate": _RIGHTS,
    "GET /v1/research-projects": _needs(Action.CROSSWALK_EXPORT),
    "POST /v1/research-projects": _needs(Action.CROSSWALK_EXPORT),
    "POST /v1/research-projects/{code}:end": _needs(Action.CROSSWALK_EXPORT),
    # Ledger, incidents of wrong links, and corrections
    "GET /v1/ledger": _needs(Action.LEDGER_READ),
    "POST /v1/ledger/link-disclosures": _needs(Action.LEDGER_READ),
    "GET /v1/incidents": _needs(Action.LEDGER_READ),
    "GET /v1/incidents/{code}": _needs(Action.LEDGER_READ),
    "POST /v1/incidents/{code}:send": _OFFICER,
    "POST /v1/incidents/{code}:acknowledge": _OFFICER,
    "POST /v1/incidents/{code}:close": _OFFICER,
    "GET /v1/corrections": _RECIPIENT,
    "POST /v1/corrections/{code}:acknowledge": _RECIPIENT,
    # Pages of the desk
    "GET /agreements": _needs(Action.AGREEMENT_READ),
    "GET /agreements/{code}": _needs(Action.AGREEMENT_READ),
    "POST /agreements/{code}": _TERMS,
    "GET /papers": _needs(Action.AGREEMENT_READ),
    "GET /transparency": _PUBLIC,
    "GET /": _SIGNED_IN,
    "GET /sign-in": _PUBLIC,
    "POST /sign-in": _PUBLIC,
    "POST /sign-out": _SIGNED_IN,
    "POST /session": _SIGNED_IN,
    "GET /sessions": _SIGNED_IN,
    "POST /sessions": _SIGNED_IN,
    "GET /first-account/{token}": _PUBLIC,
    "POST /first-account/{token}": _PUBLIC,
    "GET /second-factor": _SIGNED_IN,
    "POST /second-factor": _SIGNED_IN,
    "GET /change-password": _SIGNED_IN,
    "POST /change-password": _SIGNED_IN,
    "POST /view-as": _SIGNED_IN,
    "GET /find": _needs(Action.PERSON_READ),
    "POST /find": _needs(Action.PERSON_SEARCH),
    "POST /find/key": _needs(Action.CROSSWALK_READ),
    "GET /people": _SIGNED_IN,
    "GET /people/{eid}": _needs(Action.PERSON_READ),
    "GET /register": _needs(Action.RECORD_WRITE),
    "POST /register": _needs(Action.RECORD_WRITE),
    "GET /link": _needs(Action.DECIDE),
    "GET /people/{eid}/link": _needs(Action.DECIDE),
    "POST /people/{eid}/link": _needs(Action.DECIDE),
    "GET /people/{eid}/move": _needs(Action.DECIDE),
    "POST /people/{eid}/move": _needs(Action.DECIDE),
    "GET /people/{eid}/unlink": _needs(Action.DECIDE),
    "POST /people/{eid}/unlink": _needs(Action.DECIDE),
    "GET /people/{eid}/correct": _needs(Action.DECIDE),
    "POST /people/{eid}/correct": _needs(Action.DECIDE),
    "POST /why": _needs(Action.RECORD_READ),
    "POST /steps/{step}/undo": _needs(Action.DECIDE),
    "GET /runs": _needs(Action.RECLUSTER),
    "POST /runs": _needs(Action.RECLUSTER),
    "GET /runs/{number}": _needs(Action.RECLUSTER),
    "POST /runs/{number}": _needs(Action.RECLUSTER),
    "GET /jobs": RouteRule(choices=(Action.RECLUSTER, Action.LOAD)),
    "GET /jobs/{number}": RouteRule(choices=(Action.RECLUSTER, Action.LOAD)),
    "POST /jobs/{number}": RouteRule(choices=(Action.RECLUSTER, Action.LOAD)),
    "GET /blind": _needs(Action.TASK_WORK),
    "POST /blind/{number}": _needs(Action.TASK_WORK),
    "GET /practice": _needs(Action.TASK_WORK),
    "POST /practice/{number}": _needs(Action.TASK_WORK),
    "GET /seals": _SEALS,
    "POST /seals": _SEALS,
    "GET /subpoenas": _CASE,
    "POST /subpoenas": _needs(Action.SUBPOENA_MANAGE),
    "GET /subpoenas/{code}": _CASE,
    "POST /subpoenas/{code}": _CASE,
    "GET /rights": _RIGHTS,
    "POST /rights": _needs(Action.RIGHTS_MANAGE),
    "GET /rights/{code}": _RIGHTS,
    "POST /rights/{code}": _RIGHTS,
    "GET /retention": _RIGHTS,
    "POST /retention": _RIGHTS,
    "GET /research": _needs(Action.AGREEMENT_ADMIN),
    "POST /research": _needs(Action.AGREEMENT_ADMIN),
    "GET /consents": _needs(Action.CONSENT_RECORD),
    "POST /consents": _needs(Action.CONSENT_RECORD),
    "GET /ledger": _needs(Action.LEDGER_READ),
    "GET /ledger.csv": _needs(Action.LEDGER_READ),
    "GET /ledger/link": _needs(Action.LEDGER_READ),
    "POST /ledger/link": _needs(Action.LEDGER_READ),
    "GET /incidents": _needs(Action.LEDGER_READ),
    "GET /incidents/{code}": _needs(Action.LEDGER_READ),
    "POST /incidents/{code}": _OFFICER,
    "GET /corrections": _RECIPIENT,
    "POST /corrections/{code}": _RECIPIENT,
    "GET /emergency": _needs(Action.BREAK_GLASS),
    "POST /emergency": _needs(Action.BREAK_GLASS),
    "GET /emergency/uses": _needs(Action.AGREEMENT_ADMIN),
    "POST /emergency/uses": _needs(Action.AGREEMENT_ADMIN),
    "GET /accounts": _needs(Action.ACCOUNT_ADMIN),
    "POST /accounts": _needs(Action.ACCOUNT_ADMIN),
    "GET /accounts/{name}": _needs(Action.ACCOUNT_ADMIN),
    "GET /accounts/{name}/end": _needs(Action.ACCOUNT_ADMIN),
    "POST /accounts/{name}": _needs(Action.ACCOUNT_ADMIN),
    "GET /account-requests": _ACCOUNT_REQUESTS,
    "POST /account-requests/{number}": _ACCOUNT_REQUESTS,
    "GET /clients": _needs(Action.CLIENT_ADMIN),
    "GET /clients/{name}": _needs(Action.CLIENT_ADMIN),
    "GET /clients/{name}/end": _needs(Action.CLIENT_ADMIN),
    "POST /clients/{name}": _needs(Action.CLIENT_ADMIN),
    "GET /loads": _needs(Action.LOAD),
    "GET /loads/{number}": _needs(Action.LOAD),
    "GET /loads/{number}/rejects.csv": _needs(Action.LOAD),
    "GET /loads/{number}/undo": _needs(Action.LOAD),
    "POST /loads/{number}/undo": _needs(Action.LOAD),
    "GET /health": _needs(Action.SOURCE_ADMIN),
    "GET /sources": _needs(Action.SOURCE_ADMIN, Action.REPORT),
    "POST /sources": _needs(Action.SOURCE_ADMIN, Action.REPORT),
    "GET /sources/{source}": _needs(Action.SOURCE_ADMIN, Action.REPORT),
    "POST /sources/{source}": _needs(Action.SOURCE_ADMIN, Action.REPORT),
    "GET /sources/{source}/rule": _needs(Action.SOURCE_ADMIN),
    "POST /sources/{source}/rule": _needs(Action.SOURCE_ADMIN),
    "GET /freezes": _needs(Action.SOURCE_ADMIN),
    "POST /freezes": _needs(Action.SOURCE_ADMIN),
    "GET /quality": _needs(Action.QUALITY_READ),
    "GET /queue": _needs(Action.TASK_READ),
    "POST /queue": _needs(Action.TASK_READ),
    "POST /queue/bulk": _needs(Action.TASK_WORK),
    "POST /queue/bulk/undo": _needs(Action.TASK_WORK),
    "POST /views": _needs(Action.TASK_READ),
    "GET /activity": _needs(Action.TASK_READ),
    "POST /activity": _needs(Action.TASK_READ),
    "GET /go/{code}": _SIGNED_IN,
    "GET /workload": _needs(Action.TASK_WORK),
    "GET /waiting": RouteRule(choices=(Action.DECISION_READ, Action.CONSENT)),
    "GET /waiting/{number}": RouteRule(choices=(Action.DECISION_READ, Action.CONSENT)),
    "POST /waiting/{number}": RouteRule(choices=(Action.APPROVE, Action.CONSENT)),
    "GET /queue/{key}": _QUESTION,
    "POST /queue/next": _needs(Action.TASK_WORK),
    "POST /queue/{key}/claim": _needs(Action.TASK_WORK),
    "POST /queue/{key}/release": _needs(Action.TASK_WORK),
    "POST /queue/{key}/defer": _needs(Action.TASK_WORK),
    "POST /queue/{key}/assign": _needs(Action.TASK_WORK),
    "POST /queue/{key}/escalate": _needs(Action.TASK_WORK),
    "POST /queue/{key}/reply": _needs(Action.TASK_WORK),
    "POST /queue/{key}/note": _needs(Action.TASK_WORK),
    "POST /queue/{key}/ask": _needs(Action.TASK_WORK),
    "POST /queue/{key}/answer": _needs(Action.DECIDE),
    "POST /queue/{key}/respond": RouteRule(choices=(Action.DECIDE, Action.APPROVE)),
    "POST /queue/{key}/undo": _needs(Action.DECIDE),
    "GET /asked": _needs(Action.QUESTION_ANSWER),
    "POST /asked/{number}": _needs(Action.QUESTION_ANSWER),
})  # fmt: skip
"""Rule of each route, by method and path template."""
