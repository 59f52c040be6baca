"""Requests and responses of the Ed-Fi Identities API, as their OpenAPI schemas.

Names are those of Ed-Fi. A request may have further properties, which are ignored, and the case of names
does not matter, as in an Ed-Fi ODS. A response may have further properties too.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, TypeVar

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StrictStr, ValidationError
from pydantic.alias_generators import to_pascal

from mpi.api.request.json_body import EXPECTED_BY_ERROR
from mpi.api.schemas.openapi_parts import EXAMPLE_EID
from mpi.domain.errors import InputError
from mpi.standardize.fields.codes import MAX_BIRTH_ORDER

MAX_ITEMS = 200
"""Most searches or unique IDs of one request: the answers to all leave in one piece."""
_MAX_TEXT = 200
_DAY = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?", re.ASCII
)
_Model = TypeVar("_Model", bound=BaseModel)

_PLACE: dict[str, Any] = {"City": "Dayton", "StateAbbreviation": "OH", "Country": "US"}
_CHILD: dict[str, Any] = {
    "LastSurname": "Okonkwo",
    "FirstName": "Amara",
    "MiddleName": "Grace",
    "SexType": "Female",
    "BirthDate": "2014-03-09T00:00:00",
    "BirthOrder": 1,
    "BirthLocation": _PLACE,
}


class InvalidBodyError(InputError):
    """Error of a request body that is not in Ed-Fi's form.

    Args:
        errors: what is wrong, by JSON path of the property; no sent value is among it.
    """

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__("the request body is invalid")
        self.errors = errors


class _EdfiModel(BaseModel):
    """Base class of Ed-Fi's objects."""

    model_config = ConfigDict(
        alias_generator=to_pascal,
        populate_by_name=True,
        extra="ignore",
        frozen=True,
        str_strip_whitespace=True,
    )


def _parse_day(value: object) -> object:
    """Return the day as a date-time states it, in any time zone."""
    match = _DAY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("give a date-time, such as 2014-03-09T00:00:00")
    try:
        return date.fromisoformat(match[1]).isoformat()
    except ValueError:
        raise ValueError("there is no such day") from None


def _parse_whole_number(value: object) -> object:
    """Return a whole number, also if it is written as 2.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_Text = Annotated[StrictStr, Field(max_length=_MAX_TEXT)]


class EdfiLocation(_EdfiModel):
    """Place of birth; empty where unknown, never null."""

    model_config = ConfigDict(title="Location", json_schema_extra={"example": _PLACE})

    city: _Text | None = Field(None, description="City.")
    state_abbreviation: _Text | None = Field(None, description="State or territory of the United States.")
    international_province: _Text | None = Field(None, description="Province of another country.")
    country: _Text | None = Field(None, description="Country.")


class _Traits(_EdfiModel):
    """What a request tells of a student."""

    last_surname: _Text | None = Field(None, description="Last name.")
    first_name: _Text | None = Field(None, description="First name.")
    middle_name: _Text | None = Field(None, description="Middle name.")
    generation_code_suffix: _Text | None = Field(None, description="Such as `Jr` or `II`.")
    sex_type: _Text | None = Field(None, description="`Female`, `Male`, or an Ed-Fi sex descriptor.")
    birth_date: (
        Annotated[str, BeforeValidator(_parse_day), Field(json_schema_extra={"format": "date-time"})] | None
    ) = Field(None, description="Date of birth. The time and its zone are ignored.")
    birth_order: (
        Annotated[
            StrictInt,
            BeforeValidator(_parse_whole_number),
            Field(ge=0, le=MAX_BIRTH_ORDER, json_schema_extra={"format": "int32"}),
        ]
        | None
    ) = Field(
        None, description="Place among children of one birth; tells twins apart. 0 counts as not given."
    )
    birth_location: EdfiLocation | None = Field(None, description="Place of birth.")


class IdentityCreateRequest(_Traits):
    """A student who needs a unique ID."""

    model_config = ConfigDict(json_schema_extra={"example": _CHILD})


class IdentitySearchRequest(_Traits):
    """What is known of a student who is searched for."""

    model_config = ConfigDict(json_schema_extra={"example": _CHILD})


class IdentityResponse(_Traits):
    """A student's identity, as the caller may see it."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {"UniqueId": EXAMPLE_EID, "Score": 100, **_CHILD, "BirthLocation": _PLACE}
        },
    )

    unique_id: str | None = Field(
        None, description="Unique ID. Missing where the index assigns IDs and the student has none yet."
    )
    score: float = Field(ge=0, le=100, description="100 for a look-up by ID; below 100 for a search.")


class IdentityError(_EdfiModel):
    """Why a request or a search was refused."""

    code: str = Field(description="Stable code.")
    description: str = Field(description="What is wrong; never a value of a student.")


class IdentitySearchResponses(_EdfiModel):
    """Answer to one search or unique ID, the best match first."""

    model_config = ConfigDict(extra="allow")

    responses: list[IdentityResponse] = Field(description="Likely matches; none or one for a unique ID.")
    errors: list[IdentityError] | None = Field(
        None, description="Why this search was not made, if it was not."
    )
    ask_for: list[str] | None = Field(
        None, description="Properties that would tell twins apart: `BirthOrder`."
    )


class IdentitySearchResponse(_EdfiModel):
    """Answers to a list, in the order of the request."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "Status": "Complete",
                "SearchResponses": [{"Responses": [{"UniqueId": EXAMPLE_EID, "Score": 99.82, **_CHILD}]}],
            }
        }
    )

    status: Literal["Incomplete", "Complete"] = Field(description="Whether all items are answered.")
    search_responses: list[IdentitySearchResponses] = Field(description="Empty while incomplete.")


class IdentitySystemError(_EdfiModel):
    """Error of the identity system behind the API."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "Message": "Invalid response from identity service: the store cannot be used now.",
                "IdentitySystemStatusCode": "Unknown",
                "IdentitySystemErrors": [
                    {"Code": "store-unusable", "Description": "the store cannot be used now"}
                ],
            }
        }
    )

    message: str = Field(description="All descriptions in one sentence.")
    identity_system_status_code: str = Field(
        description="`NotFound`, `Incomplete`, `InvalidProperties` or `Unknown`."
    )
    identity_system_errors: list[IdentityError] | None = Field(
        description="The errors; null where none is known."
    )


MODELS: tuple[type[BaseModel], ...] = (IdentityResponse, IdentitySearchResponse, IdentitySystemError)
"""Models of responses, for the OpenAPI document."""
REQUEST_MODELS: tuple[type[BaseModel], ...] = (IdentityCreateRequest, IdentitySearchRequest)
"""Models of requests, for the OpenAPI document."""


def parse_traits(data: bytes, model: type[_Model]) -> _Model:
    """Parse a request body as one object.

    Raises:
        InvalidBodyError: it is not JSON, or not such an object.
    """
    return _validate(_parse_json(data), model, "$")


def parse_searches(data: bytes) -> list[IdentitySearchRequest]:
    """Parse a request body as a list of searches.

    Raises:
        InvalidBodyError: it is not JSON, not such a list, or too long.
    """
    items = _parse_list(data)
    return [_validate(item, IdentitySearchRequest, f"$[{position}]") for position, item in enumerate(items)]


def parse_unique_ids(data: bytes) -> list[str]:
    """Parse a request body as a list of unique IDs.

    Raises:
        InvalidBodyError: it is not JSON, not such a list, or too long.
    """
    items = _parse_list(data)
    errors = {f"$[{place}]": ["give text"] for place, item in enumerate(items) if not isinstance(item, str)}
    if errors:
        raise InvalidBodyError(errors)
    return items


def _parse_list(data: bytes) -> list[Any]:
    items = _parse_json(data)
    if not isinstance(items, list):
        raise InvalidBodyError({"$": ["send a list"]})
    if len(items) > MAX_ITEMS:
        raise InvalidBodyError({"$": [f"send at most {MAX_ITEMS} items at a time"]})
    return items


def _parse_json(data: bytes) -> object:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        # Only the position: the message may quote personal data.
        place = f"not JSON in UTF-8 (line {error.lineno}, column {error.colno})"
        raise InvalidBodyError(
            {"$": [place if data.strip() else "a non-empty request body is required"]}
        ) from None


def _validate(members: object, model: type[_Model], path: str) -> _Model:
    """Return an object as its model; names are matched whatever their case."""
    if not isinstance(members, dict):
        raise InvalidBodyError({path: ["send an object"]})
    try:
        return model.model_validate(_match_names(members, model))
    except ValidationError as invalid:
        errors: dict[str, list[str]] = {}
        for error in invalid.errors(include_url=False, include_input=False, include_context=False):
            names = ".".join(part for part in error["loc"] if isinstance(part, str) and part.isalpha())
            text = EXPECTED_BY_ERROR.get(error["type"], error["msg"].removeprefix("Value error, "))
            errors.setdefault(f"{path}.{names}", []).append(text)
        raise InvalidBodyError(errors) from None


def _match_names(members: Mapping[str, object], model: type[BaseModel]) -> dict[str, object]:
    """Return an object's known members that are not null or empty."""
    names = {(field.alias or name).lower(): field.alias or name for name, field in model.model_fields.items()}
    matched: dict[str, object] = {}
    for name, value in members.items():
        known = names.get(name.lower())
        if known is None or value is None or value == "":
            continue
        if known == "BirthLocation" and isinstance(value, dict):
            matched[known] = _match_names(value, EdfiLocation)
        else:
            matched[known] = value
    return matched
