"""Lines of the ledger as FHIR R4 AuditEvents (IHE BALP).

The profile is PatientRead (https://profiles.ihe.net/ITI/BALP/): a successful read with one patient. A line
about several children becomes one event for each, since the profile holds one patient.
"""

from mpi.service.access.ledger import LedgerLine

PROFILE = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead"
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
EID_SYSTEM = "urn:mpi:enterprise-id"
"""System of the identifier of a patient, and below of purposes and agreements, which are not FHIR's."""
_PURPOSE_SYSTEM = "urn:mpi:purpose"
_AGREEMENT = "urn:mpi:agreement:"


def to_audit_events(line: LedgerLine, observer: str) -> list[dict[str, object]]:
    """Return the AuditEvents of a line, one for each child.

    An answer about no single child has none.

    Args:
        line: a line of the ledger.
        observer: name of this index.
    """
    return [_to_event(line, observer, enterprise_id) for enterprise_id in line.enterprise_ids]


def make_bundle(events: list[dict[str, object]]) -> dict[str, object]:
    """Return AuditEvents as one FHIR Bundle."""
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": event} for event in events],
    }


def _to_event(line: LedgerLine, observer: str, enterprise_id: str) -> dict[str, object]:
    client: dict[str, object] = {
        "type": {"coding": [{"system": _DICOM, "code": "110152", "display": "Destination Role ID"}]},
        "who": {"display": line.client},
        "requestor": True,
    }
    if line.purpose is not None:
        client["purposeOfUse"] = [{"coding": [{"system": _PURPOSE_SYSTEM, "code": line.purpose}]}]
    if line.agreement is not None:
        client["policy"] = [f"{_AGREEMENT}{line.agreement}"]
    server = {
        "type": {"coding": [{"system": _DICOM, "code": "110153", "display": "Source Role ID"}]},
        "who": {"display": observer},
        "requestor": False,
    }
    return {
        "resourceType": "AuditEvent",
        "meta": {"profile": [PROFILE]},
        "type": {
            "system": "http://terminology.hl7.org/CodeSystem/audit-event-type",
            "code": "rest",
            "display": "Restful Operation",
        },
        "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": "read", "display": "read"}],
        "action": "R",
        "recorded": line.at,
        "outcome": "0",
        "agent": [client, server],
        "source": {"observer": {"display": observer}},
        "entity": [_make_patient(enterprise_id), _make_data(line)],
    }


def _make_patient(enterprise_id: str) -> dict[str, object]:
    return {
        "what": {"type": "Patient", "identifier": {"system": EID_SYSTEM, "value": enterprise_id}},
        "type": {"system": _ENTITY, "code": "1", "display": "Person"},
        "role": {"system": _ROLE, "code": "1", "display": "Patient"},
    }


def _make_data(line: LedgerLine) -> dict[str, object]:
    return {
        "what": {"display": f"{line.action}: {', '.join(line.fields)}"},
        "type": {"system": _ENTITY, "code": "2", "display": "System Object"},
        "role": {"system": _ROLE, "code": "4", "display": "Domain Resource"},
    }
