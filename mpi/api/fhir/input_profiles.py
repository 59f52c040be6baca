"""Input profiles of Identity Matching (IDI) and the weight that each requires.

A client states by ``meta.profile`` how much it says of a person. The weights are those of IDI 2.0.0. Its
invariants are FHIRPath; here they are Python, and the tests compare both.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from fhir.resources.R4B.coding import Coding
from fhir.resources.R4B.patient import Patient

from mpi.api.fhir.outcomes import FhirError, Issue

_BASE = "http://hl7.org/fhir/us/identity-matching/StructureDefinition/"
_DIGITAL_IDENTIFIER = "http://hl7.org/fhir/us/identity-matching/ns/HL7Identifier"
_GOVERNMENT_CODES = frozenset(("PPN", "DL", "STID"))
_GOVERNMENT, _ONE_CONTACT, _MORE_CONTACTS, _NAMES, _BIRTH_DATE = 10, 4, 5, 3, 2
"""Weights of a government or digital identifier, of contacts, of both names, and of the birth date."""


def compute_input_weight(patient: Patient) -> int:
    """Return the weight of what a Patient states, from 0 to 20."""
    contacts = _count_contacts(patient)
    return (
        _GOVERNMENT * _has_government_identifier(patient)
        + (0 if contacts == 0 else _ONE_CONTACT if contacts == 1 else _MORE_CONTACTS)
        + _NAMES * _has_names(patient)
        + _BIRTH_DATE * (patient.birthDate is not None)
    )


def has_some_content(patient: Patient) -> bool:
    """Return whether a Patient states anything that IDI counts (invariant ``idi-1``)."""
    addresses = patient.address or ()
    has_address = any(one.line for one in addresses) and any(one.city for one in addresses)
    return bool(
        patient.identifier or patient.telecom or _has_names(patient) or has_address or patient.birthDate
    )


def has_whole_names(patient: Patient) -> bool:
    """Return whether each name has a given or family name (invariant ``idi-2``)."""
    return all(name.given or name.family for name in patient.name or ())


PROFILES: Mapping[str, Callable[[Patient], bool]] = MappingProxyType(
    {
        f"{_BASE}IDI-Patient": lambda patient: has_some_content(patient) and has_whole_names(patient),
        f"{_BASE}IDI-Patient-L0": lambda patient: compute_input_weight(patient) >= 9,  # noqa: PLR2004 - of IDI
        f"{_BASE}IDI-Patient-L1": lambda patient: compute_input_weight(patient) >= 10,  # noqa: PLR2004 - of IDI
        f"{_BASE}IDI-Patient-L2": lambda patient: compute_input_weight(patient) >= 10,  # noqa: PLR2004 - of IDI
    }
)
"""The test of each profile, by its canonical URL."""


def require_profiles(patient: Patient) -> None:
    """Refuse a Patient that does not meet the profiles that it claims.

    A Patient that claims none has to meet the base profile.

    Raises:
        FhirError: a profile is not met.
    """
    stated = [] if patient.meta is None else [str(url) for url in patient.meta.profile or ()]
    claimed = [url.partition("|")[0] for url in stated if url.partition("|")[0] in PROFILES]
    for url in claimed or [f"{_BASE}IDI-Patient"]:
        if not PROFILES[url](patient):
            name = url.removeprefix(_BASE)
            text = f"the Patient does not meet {name}: state more of the person, or claim a lower profile"
            raise FhirError(Issue("invariant", text, "Patient"), status=422)


def _has_names(patient: Patient) -> bool:
    names = patient.name or ()
    return any(name.family for name in names) and any(name.given for name in names)


def _list_codings(patient: Patient) -> list[Coding]:
    return [
        coding
        for identifier in patient.identifier or ()
        if identifier.type is not None
        for coding in identifier.type.coding or ()
        if coding.code is not None
    ]


def _has_value(patient: Patient) -> bool:
    return any(identifier.value for identifier in patient.identifier or ())


def _has_government_identifier(patient: Patient) -> bool:
    is_known = any(coding.code in _GOVERNMENT_CODES for coding in _list_codings(patient)) or any(
        identifier.system == _DIGITAL_IDENTIFIER for identifier in patient.identifier or ()
    )
    return is_known and _has_value(patient)


def _count_contacts(patient: Patient) -> int:
    """Return how many kinds of contact a Patient states.

    The kinds are address, other identifier, e-mail, phone and photo.
    """
    addresses, points = patient.address or (), patient.telecom or ()
    has_place = any(one.postalCode for one in addresses) or (
        any(one.state for one in addresses) and any(one.city for one in addresses)
    )
    has_home = any(one.use == "home" for one in addresses) and any(one.line for one in addresses)
    has_other_identifier = any(coding.code not in _GOVERNMENT_CODES for coding in _list_codings(patient))
    has_point_value = any(point.value for point in points)
    return sum(
        (
            has_home and has_place,
            has_other_identifier and _has_value(patient),
            any(point.system == "email" for point in points) and has_point_value,
            any(point.system == "phone" for point in points) and has_point_value,
            bool(patient.photo),
        )
    )
