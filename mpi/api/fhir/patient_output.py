"""Golden-record values as a FHIR Patient."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

from mpi.api.fhir.patient_input import BIRTH_PLACE_URL
from mpi.api.fhir.systems import ENTERPRISE_ID_SYSTEM, IdentifierSystems, format_number_system
from mpi.domain.record_ref import RecordRef
from mpi.service.persons.golden_record import GoldenRecord
from mpi.standardize.fields.codes import parse_sex

_GENDERS = MappingProxyType({"F": "female", "M": "male", "X": "other"})
_MONTH = re.compile(r"[1-9]\d{3}(-(0[1-9]|1[0-2]))?", re.ASCII)
_DAY = re.compile(r"[1-9]\d{3}-\d{2}-\d{2}", re.ASCII)


def build_patient(record: GoldenRecord, systems: IdentifierSystems) -> dict[str, Any]:
    """Build an active person's Patient, without elements that have no value.

    Args:
        record: the golden record that the caller may see.
        systems: the systems that the caller may know of.
    """
    single = {value.attribute: value.value for value in record.values}
    patient = {
        "resourceType": "Patient",
        "id": record.enterprise_id,
        "extension": _build_birth_place(single.get("birth_place") or {}),
        "identifier": _build_identifiers(record, systems),
        "active": True,
        "name": _build_names(single, _list_values(record, "other_names")),
        "telecom": [
            point
            for kind, name in (("phone", "phone"), ("email", "email"))
            if (point := _clean({"system": kind, "value": single.get(name)})).get("value")
        ],
        "gender": _GENDERS.get(parse_sex(single.get("sex")) or ""),
        "birthDate": _read_birth_date(single.get("birth_date")),
        "address": list(filter(None, map(_build_address, _list_values(record, "addresses")))),
        **_build_multiple_birth(single),
        "contact": list(filter(None, map(_build_contact, _list_values(record, "guardians")))),
    }
    return _clean(patient)


def list_record_refs(record: GoldenRecord) -> frozenset[RecordRef]:
    """Return the records that a golden record's values come from."""
    return frozenset(
        ref
        for value in record.values
        for ref in (value.record, *value.agreeing, *(other.record for other in value.others))
    )


def _list_values(record: GoldenRecord, attribute: str) -> list[Any]:
    return [value.value for value in record.values if value.attribute == attribute]


def _build_identifiers(record: GoldenRecord, systems: IdentifierSystems) -> list[dict[str, Any]]:
    """Return enterprise ID, local IDs, and the numbers that records state."""
    local_ids = sorted(
        (uri, ref.local_id)
        for ref in list_record_refs(record)
        if (uri := systems.find_uri(ref.source)) is not None
    )
    numbers = [
        (format_number_system(number["system"], number["assigner"]), number["value"])
        for number in _list_values(record, "identifiers")
    ]
    return [
        {"use": "official", "system": ENTERPRISE_ID_SYSTEM, "value": record.enterprise_id},
        *({"system": uri, "value": value} for uri, value in dict.fromkeys((*local_ids, *numbers))),
    ]


def _build_names(single: Mapping[str, Any], others: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    legal = {"use": "official", **_build_name(single), "suffix": [single.get("suffix")]}
    names = [legal, {"use": "nickname", "given": [single.get("preferred_name")]}, *map(_build_name, others)]
    return [cleaned for name in names if (cleaned := _clean(name)).keys() & {"family", "given"}]


def _build_name(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "family": parts.get("last_name"),
        "given": [parts.get("first_name"), parts.get("middle_name")],
    }


def _read_birth_date(text: str | None) -> str | None:
    """Return a date that FHIR can hold; None for ``2014-00-00``."""
    if text is None or _MONTH.fullmatch(text):
        return text
    if not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


def _build_address(parts: Mapping[str, str]) -> dict[str, Any]:
    address = _clean(
        {
            "line": [parts.get("address_line1"), parts.get("address_line2")],
            "city": parts.get("city"),
            "district": parts.get("county"),
            "state": parts.get("state"),
            "postalCode": parts.get("postal_code"),
        }
    )
    return {"use": "home", **address} if address else {}


def _build_contact(parts: Mapping[str, str]) -> dict[str, Any]:
    name = _clean({"family": parts.get("guardian_last_name"), "given": [parts.get("guardian_first_name")]})
    if not name:
        return {}
    relationship = _clean({"text": parts.get("guardian_relationship")})
    return _clean({"relationship": [relationship] if relationship else [], "name": name})


def _build_multiple_birth(single: Mapping[str, Any]) -> dict[str, Any]:
    order = single.get("birth_order")
    if order is not None:
        return {"multipleBirthInteger": int(order)}
    return {"multipleBirthBoolean": single.get("multiple_birth")}


def _build_birth_place(place: Mapping[str, str]) -> list[dict[str, Any]]:
    address = _clean(
        {
            "city": place.get("birth_city"),
            "state": place.get("birth_state"),
            "country": place.get("birth_country"),
        }
    )
    return [{"url": BIRTH_PLACE_URL, "valueAddress": address}] if address else []


def _clean(element: Mapping[str, Any]) -> dict[str, Any]:
    """Return an element without members that have no value, which FHIR forbids."""
    cleaned: dict[str, Any] = {}
    for name, value in element.items():
        kept = [item for item in value if not _is_blank(item)] if isinstance(value, list) else value
        if not _is_blank(kept):
            cleaned[name] = kept
    return cleaned


def _is_blank(value: object) -> bool:
    return value is None or value in ([], {}) or (isinstance(value, str) and not value.strip())
