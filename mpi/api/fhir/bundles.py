"""Answers of match operations as Bundle resources.

They are built as they are sent: members in the order of FHIR, none empty. To have ``fhir.resources``
check and write each answer would take a seventh of a match. Tests check them with it instead.
"""

import uuid
from collections.abc import Iterable
from typing import Any

from mpi.api.fhir.matching import Match, MatchAnswer
from mpi.api.fhir.outcomes import Issue, build_outcome
from mpi.api.fhir.patient_output import build_patient
from mpi.api.fhir.systems import IdentifierSystems
from mpi.service.core.index import FhirSettings

MATCH_GRADE_URL = "http://hl7.org/fhir/StructureDefinition/match-grade"
"""Extension of a search entry that holds the grade of a match."""
ORGANIZATION_ID = "responder"
"""ID of the Organization that answers."""
NO_MATCH = Issue("not-found", "No Match Found", severity="information")
_URI_SYSTEM = "urn:ietf:rfc:3986"


def build_match_bundle(answer: MatchAnswer, systems: IdentifierSystems, base_url: str) -> dict[str, Any]:
    """Build the answer of ``$match``: a searchset of Patients and warnings."""
    return {
        "resourceType": "Bundle",
        "id": str(uuid.uuid4()),
        **_build_searchset(answer, base_url, "$match"),
        **_build_entries([*_build_patients(answer.matches, systems, base_url), *_build_warnings(answer)]),
    }


def build_idi_parameters(
    answer: MatchAnswer, systems: IdentifierSystems, base_url: str, settings: FhirSettings
) -> dict[str, Any]:
    """Build the answer of ``$idi-match``: Parameters that hold a Bundle.

    The Bundle has the Organization that answers. Each entry has an absolute ``fullUrl``. Without a match, an
    OperationOutcome says so.
    """
    organization_url = f"{base_url}/Organization/{ORGANIZATION_ID}"
    issues = answer.warnings if answer.matches else (NO_MATCH, *answer.warnings)
    bundle_id = str(uuid.uuid4())
    bundle = {
        "resourceType": "Bundle",
        "id": bundle_id,
        "identifier": {
            "system": _URI_SYSTEM,
            "value": f"urn:uuid:{bundle_id}",
            "assigner": {"reference": organization_url, "display": settings.organization},
        },
        **_build_searchset(answer, base_url, "$idi-match"),
        "entry": [
            {
                "fullUrl": organization_url,
                "resource": _build_organization(settings),
                "search": {"mode": "include"},
            },
            *_build_patients(answer.matches, systems, base_url),
            *_build_outcome_entries(issues, base_url),
        ],
    }
    return {"resourceType": "Parameters", "parameter": [{"name": "IDIMatchBundle", "resource": bundle}]}


def _build_searchset(answer: MatchAnswer, base_url: str, operation: str) -> dict[str, Any]:
    """Return the members of a searchset without its entries."""
    return {
        "type": "searchset",
        "total": len(answer.matches),
        "link": [{"relation": "self", "url": f"{base_url}/Patient/{operation}"}],
    }


def _build_entries(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return entries as a member; FHIR forbids an empty list."""
    return {"entry": entries} if entries else {}


def _build_patients(
    matches: Iterable[Match], systems: IdentifierSystems, base_url: str
) -> list[dict[str, Any]]:
    return [
        {
            "fullUrl": f"{base_url}/Patient/{match.record.enterprise_id}",
            "resource": build_patient(match.record, systems),
            "search": {
                "extension": [{"url": MATCH_GRADE_URL, "valueCode": match.grade.value}],
                "mode": "match",
                "score": match.score,
            },
        }
        for match in matches
    ]


def _build_warnings(answer: MatchAnswer) -> list[dict[str, Any]]:
    return _build_outcome_entries(answer.warnings, None)


def _build_outcome_entries(issues: tuple[Issue, ...], base_url: str | None) -> list[dict[str, Any]]:
    """Return one entry that holds all issues, or none without issues.

    Args:
        issues: the issues.
        base_url: address of the server where the entry needs a ``fullUrl``.
    """
    if not issues:
        return []
    outcome_id = str(uuid.uuid4())
    outcome = build_outcome(issues, outcome_id).model_dump()
    full_url = {} if base_url is None else {"fullUrl": f"{base_url}/OperationOutcome/{outcome_id}"}
    return [{**full_url, "resource": outcome, "search": {"mode": "outcome"}}]


def _build_organization(settings: FhirSettings) -> dict[str, Any]:
    """Return the Organization that is told of a wrong match."""
    organization: dict[str, Any] = {
        "resourceType": "Organization",
        "id": ORGANIZATION_ID,
        "active": True,
        "name": settings.organization,
    }
    if settings.contact is not None:
        kind = _find_contact_kind(settings.contact)
        point = {"system": kind, "value": settings.contact, "use": "work"}
        organization |= {"telecom": [point], "contact": [{"telecom": [point]}]}
    return organization


def _find_contact_kind(contact: str) -> str:
    if "://" in contact:
        return "url"
    return "email" if "@" in contact else "phone"
