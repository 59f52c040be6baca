"""Ed-Fi properties as canonical fields, and golden-record values as Ed-Fi properties."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mpi.api.edfi.schemas import IdentityCreateRequest, IdentitySearchRequest
from mpi.intake.edfi.items import to_descriptor_code
from mpi.standardize.fields.codes import STATE_CODES, parse_sex, parse_state

_TEXTS = MappingProxyType(
    {
        "LastSurname": "last_name",
        "FirstName": "first_name",
        "MiddleName": "middle_name",
        "GenerationCodeSuffix": "suffix",
    }
)
_SEX_TYPES = MappingProxyType({"F": "Female", "M": "Male", "X": "Non-binary"})
"""Code values of Ed-Fi's sex descriptor (data standard 5.2), by canonical code."""
PROPERTIES = MappingProxyType(
    {
        **{field: name for name, field in _TEXTS.items()},
        "sex": "SexType",
        "birth_date": "BirthDate",
        "birth_order": "BirthOrder",
        "multiple_birth": "BirthOrder",
        "birth_city": "BirthLocation.City",
        "birth_state": "BirthLocation.StateAbbreviation",
        "birth_country": "BirthLocation.Country",
    }
)
"""Ed-Fi property of each canonical field that a request can state."""


def to_canonical(request: IdentityCreateRequest | IdentitySearchRequest) -> dict[str, object]:
    """Return the canonical fields that a request states.

    A birth order of 2 or more says that the birth was multiple.
    """
    place = request.birth_location
    fields: dict[str, object | None] = {
        "last_name": request.last_surname,
        "first_name": request.first_name,
        "middle_name": request.middle_name,
        "suffix": to_descriptor_code(request.generation_code_suffix),
        "sex": to_descriptor_code(request.sex_type),
        "birth_date": request.birth_date,
        "birth_order": str(request.birth_order) if request.birth_order else None,
        "multiple_birth": True if (request.birth_order or 0) > 1 else None,
    }
    if place is not None:
        fields |= {
            "birth_city": place.city,
            "birth_state": to_descriptor_code(place.state_abbreviation) or place.international_province,
            "birth_country": to_descriptor_code(place.country),
        }
    return {name: value for name, value in fields.items() if value not in (None, "")}


def to_identity(values: Mapping[str, Any], unique_id: str | None, score: float) -> dict[str, object]:
    """Return a person as an Ed-Fi ``IdentityResponse``.

    A member that has no value is left out.

    Args:
        values: values of the golden record by attribute.
        unique_id: the unique ID; None where there is none.
        score: the score, from 0 to 100.
    """
    day = values.get("birth_date")
    order = values.get("birth_order")
    identity: dict[str, object | None] = {
        "UniqueId": unique_id,
        "Score": score,
        **{name: values.get(field) for name, field in _TEXTS.items()},
        "SexType": _SEX_TYPES.get(parse_sex(values.get("sex")) or ""),
        # Only a whole date is a date-time.
        "BirthDate": f"{day}T00:00:00" if isinstance(day, str) and len(day) == len("2014-03-09") else None,
        "BirthOrder": None if order is None else int(order),
        "BirthLocation": _to_location(values.get("birth_place") or {}),
    }
    return {name: value for name, value in identity.items() if value is not None}


def _to_location(place: Mapping[str, str]) -> dict[str, str]:
    """Return a place of birth as an Ed-Fi location, perhaps empty."""
    state = place.get("birth_state")
    is_of_the_us = state is not None and parse_state(state) in STATE_CODES
    location = {
        "City": place.get("birth_city"),
        "StateAbbreviation": parse_state(state) if is_of_the_us else None,
        "InternationalProvince": None if is_of_the_us else state,
        "Country": place.get("birth_country"),
    }
    return {name: value for name, value in location.items() if value is not None}
