"""Capability statement: what this FHIR server offers, and nothing of a person."""

from types import MappingProxyType

from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from mpi import __version__
from mpi.api.fhir.input_profiles import PROFILES
from mpi.api.fhir.outcomes import FHIR_JSON

FHIR_VERSION = "4.0.1"
_DATE = "2026-12-01"
_PDQM = "https://profiles.ihe.net/ITI/PDQm"
_PIXM = "https://profiles.ihe.net/ITI/PIXm"
_IDI = "http://hl7.org/fhir/us/identity-matching"
OPERATIONS = MappingProxyType(
    {
        "match": f"{_PDQM}/OperationDefinition/PDQmMatch",
        "idi-match": f"{_IDI}/OperationDefinition/IDI-match",
        "ihe-pix": f"{_PIXM}/OperationDefinition/IHE.PIXm.pix",
    }
)
"""Definition of each operation on Patient, by code."""


def build_capability_statement(base_url: str) -> CapabilityStatement:
    """Build the capability statement of this server.

    Args:
        base_url: base address of the server.
    """
    return CapabilityStatement.model_validate(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": _DATE,
            "kind": "instance",
            "software": {"name": "Master Person Index", "version": __version__},
            "implementation": {"description": "Master Person Index", "url": base_url},
            "fhirVersion": FHIR_VERSION,
            "format": [FHIR_JSON, "json"],
            "implementationGuide": [_PDQM, _PIXM, _IDI],
            "rest": [
                {
                    "mode": "server",
                    "security": {
                        "cors": False,
                        "service": [
                            {
                                "coding": [
                                    {
                                        "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                                        "code": "OAuth",
                                    }
                                ]
                            }
                        ],
                        "description": "OAuth 2 client credentials at /oauth/token, or the key of a client.",
                    },
                    "resource": [
                        {
                            "type": "Patient",
                            "supportedProfile": [
                                f"{_PDQM}/StructureDefinition/IHE.PDQm.Patient",
                                f"{_PDQM}/StructureDefinition/IHE.PDQm.MatchInputPatient",
                                *PROFILES,
                            ],
                            "operation": [
                                {"name": code, "definition": definition}
                                for code, definition in OPERATIONS.items()
                            ],
                        }
                    ],
                }
            ],
        }
    )
