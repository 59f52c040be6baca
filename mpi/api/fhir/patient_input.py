"""A FHIR Patient as canonical fields of a record."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fhir.resources.R4B.address import Address
from fhir.resources.R4B.contactpoint import ContactPoint
from fhir.resources.R4B.humanname import HumanName
from fhir.resources.R4B.identifier import Identifier
from fhir.resources.R4B.patient import Patient, PatientContact

from mpi.api.fhir.systems import (
    ENTERPRISE_ID_SYSTEM,
    SSN_SYSTEM,
    IdentifierSystems,
    parse_number_system,
)
from mpi.standardize.name.full_names import split_full_name

BIRTH_PLACE_URL = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
"""Extension of a Patient that holds the place of birth."""
_SEXES = MappingProxyType({"male": "M", "female": "F", "other": "X"})
_NAME_ORDER = ("official", "usual", None, "temp")
"""Uses of a name, the one that is compared first first."""
_SSN_DIGITS, _SSN_LAST_DIGITS = 9, 4
ELEMENTS = MappingProxyType(
    {
        "last_name": "Patient.name.family",
        "first_name": "Patient.name.given",
        "middle_name": "Patient.name.given",
        "suffix": "Patient.name.suffix",
        "preferred_name": "Patient.name.given",
        "other_names": "Patient.name",
        "birth_date": "Patient.birthDate",
        "birth_order": "Patient.multipleBirth",
        "multiple_birth": "Patient.multipleBirth",
        "sex": "Patient.gender",
        "ssn": "Patient.identifier",
        "ssn_last4": "Patient.identifier",
        "identifiers": "Patient.identifier",
        "addresses": "Patient.address",
        "phone": "Patient.telecom",
        "email": "Patient.telecom",
        "guardians": "Patient.contact",
    }
)
"""Element of a Patient from which each canonical field comes."""


@dataclass(frozen=True, slots=True)
class SentRecord:
    """What a Patient states.

    Args:
        fields: canonical fields.
        enterprise_ids: enterprise IDs that it names.
        local_ids: source and local ID of the records that it names.
        has_unknown_systems: whether it has an identifier of a system that the caller cannot know of.
    """

    fields: Mapping[str, object]
    enterprise_ids: frozenset[str]
    local_ids: frozenset[tuple[str, str]]
    has_unknown_systems: bool


def read_patient(patient: Patient, systems: IdentifierSystems) -> SentRecord:
    """Return the canonical fields and identifiers that a Patient states."""
    order = patient.multipleBirthInteger
    fields: dict[str, object | None] = {
        **_read_names(patient.name or ()),
        "birth_date": None if patient.birthDate is None else str(patient.birthDate),
        "sex": _SEXES.get(str(patient.gender)),
        "multiple_birth": True if order is not None and order > 1 else patient.multipleBirthBoolean,
        "birth_order": str(order) if order else None,
        "addresses": [home for one in _list_homes(patient.address or ()) if (home := _read_address(one))],
        "phone": _read_telecom(patient.telecom or (), ("phone", "sms")),
        "email": _read_telecom(patient.telecom or (), ("email",)),
        "guardians": [guardian for contact in patient.contact or () if (guardian := _read_contact(contact))],
        **_read_birth_place(patient),
    }
    identifiers = _Identifiers(systems)
    for identifier in patient.identifier or ():
        identifiers.add(identifier)
    fields |= {"ssn": identifiers.ssn, "ssn_last4": identifiers.ssn_last4, "identifiers": identifiers.numbers}
    return SentRecord(
        fields={name: value for name, value in fields.items() if value not in (None, "", [])},
        enterprise_ids=frozenset(identifiers.enterprise_ids),
        local_ids=frozenset(identifiers.local_ids),
        has_unknown_systems=identifiers.has_unknown,
    )


class _Identifiers:
    """The identifiers of a Patient, sorted by what they are.

    Args:
        systems: the systems that the caller may know of.
    """

    def __init__(self, systems: IdentifierSystems) -> None:
        self._systems = systems
        self.ssn: str | None = None
        self.ssn_last4: str | None = None
        self.numbers: list[dict[str, str]] = []
        self.enterprise_ids: list[str] = []
        self.local_ids: list[tuple[str, str]] = []
        self.has_unknown = False

    def add(self, identifier: Identifier) -> None:
        """Sort one identifier; one without a value says nothing."""
        uri, value = identifier.system, identifier.value
        if value is None:
            return
        source, number_system = self._systems.find_source(uri), parse_number_system(uri)
        if uri == ENTERPRISE_ID_SYSTEM:
            self.enterprise_ids.append(value)
        elif uri == SSN_SYSTEM:
            self._add_ssn(value)
        elif source is not None:
            self.local_ids.append((source, value))
        elif number_system is not None:
            system, assigner = number_system
            self.numbers.append({"system": system, "assigner": assigner, "value": value})
        else:
            self.has_unknown = True

    def _add_ssn(self, text: str) -> None:
        digits = "".join(filter(str.isdecimal, text))
        if len(digits) == _SSN_DIGITS:
            self.ssn = text
        elif len(digits) == _SSN_LAST_DIGITS:
            self.ssn_last4 = digits
        else:
            self.has_unknown = True


def _read_names(names: Iterable[HumanName]) -> dict[str, object | None]:
    """Return the first current legal name, and the others."""
    legal, others, preferred = [], [], None
    for name in names:
        if name.use == "nickname" and preferred is None:
            preferred = _read_name(name)["first_name"]
        elif name.use in _NAME_ORDER and not (name.period and name.period.end):
            legal.append(name)
        elif name.use != "anonymous":
            others.append(name)
    legal.sort(key=lambda name: _NAME_ORDER.index(name.use))
    first = _read_name(legal[0]) if legal else {}
    suffix = " ".join(filter(None, legal[0].suffix or ())) if legal else None
    rest = [
        {key: value for key, value in {**_read_name(name), "type": name.use}.items() if value}
        for name in (*legal[1:], *others)
    ]
    return {**first, "suffix": suffix or None, "preferred_name": preferred, "other_names": rest}


def _read_name(name: HumanName) -> dict[str, str | None]:
    given = [part for part in name.given or () if part]
    parts = (given[0] if given else None, " ".join(given[1:]) or None, name.family)
    if not any(parts) and name.text:
        parts = split_full_name(name.text)
    return dict(zip(("first_name", "middle_name", "last_name"), parts, strict=True))


def _read_address(address: Address) -> dict[str, str]:
    lines = [line for line in address.line or () if line]
    period = address.period
    fields = {
        "address_line1": lines[0] if lines else None,
        "address_line2": " ".join(lines[1:]),
        "city": address.city,
        "state": address.state,
        "postal_code": address.postalCode,
        "county": address.district,
        "begin": _read_day(period and period.start),
        "end": _read_day(period and period.end),
    }
    return {name: value for name, value in fields.items() if value}


def _read_day(moment: object) -> str | None:
    """Return the day of a date or moment; None without a day."""
    text = "" if moment is None else str(moment)[: len("2014-03-09")]
    return text if len(text) == len("2014-03-09") else None


def _list_homes(addresses: Sequence[Address]) -> list[Address]:
    """Return the addresses of homes, current ones first."""
    homes = [address for address in addresses if address.use not in ("billing", "work")]
    return sorted(homes, key=lambda address: (address.use == "old", address.use != "home"))


def _read_telecom(points: Sequence[ContactPoint], kinds: Sequence[str]) -> str | None:
    """Return the current values of contact points, separated by ``;``."""
    values = [point.value for point in points if point.system in kinds and point.use != "old" and point.value]
    return values[0] if values and "email" in kinds else ";".join(values) or None


def _read_contact(contact: PatientContact) -> dict[str, str]:
    name = {} if contact.name is None else _read_name(contact.name)
    texts = [relation.text for relation in contact.relationship or () if relation.text]
    words = [
        coding.display or coding.code
        for relation in contact.relationship or ()
        for coding in relation.coding or ()
        if coding.display or coding.code
    ]
    fields = {
        "guardian_first_name": name.get("first_name"),
        "guardian_last_name": name.get("last_name"),
        "guardian_relationship": next(iter((*texts, *words)), None),
    }
    has_name = fields["guardian_first_name"] or fields["guardian_last_name"]
    return {key: value for key, value in fields.items() if value} if has_name else {}


def _read_birth_place(patient: Patient) -> dict[str, Any]:
    place = next((each.valueAddress for each in patient.extension or () if each.url == BIRTH_PLACE_URL), None)
    if place is None:
        return {}
    return {"birth_city": place.city, "birth_state": place.state, "birth_country": place.country}
