"""JSON request bodies as pydantic models that refuse unknown members."""

from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from mpi.api.request.record_body import RawBodyDep, parse_json_object
from mpi.domain.errors import InputError
from mpi.standardize.fields.invisible_characters import holds_invisible_characters

Member = TypeVar("Member")

EXPECTED_BY_ERROR = {
    "missing": "is missing",
    "string_type": "give text",
    "bool_type": "give true or false",
    "int_type": "give a whole number",
    "float_type": "give a number",
    "list_type": "give a list",
    "tuple_type": "give a list",
    "dataclass_type": "give an object",
    "model_type": "give an object",
}
"""What a member should be, by pydantic's type of error."""
_INVISIBLE = "holds a zero-width character, or one that turns the direction of text: remove it"
_UNKNOWN_MEMBER_ERRORS = {"extra_forbidden", "unexpected_keyword_argument"}


class JsonBody(BaseModel):
    """Base class of the JSON request bodies of the API.

    A member whose value is null counts as missing. Declare numbers and flags with pydantic's strict types, so
    that no text is taken for a number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def drop_null_members(cls, members: object) -> object:
        """Return a JSON object without the members whose value is null."""
        if not isinstance(members, dict):
            return members
        return {name: value for name, value in members.items() if value is not None}

    @classmethod
    async def read(cls, data: RawBodyDep) -> Self:
        """Read and validate the request body; an empty one has no members.

        Use this as a dependency of a route that permits the caller before (``permit``): who may not call the
        route learns nothing from what is wrong with the body.

        Raises:
            TooLargeError: the body is too large.
            InputError: the body is not a JSON object of this model, or a text in it holds characters that
                cannot be seen.
        """
        members = parse_json_object(data) if data.strip() else {}
        for name, value in members.items():
            if isinstance(value, str) and holds_invisible_characters(value):
                raise InputError(_INVISIBLE if name not in cls.model_fields else f"{name}: {_INVISIBLE}")
        try:
            return cls.model_validate(members)
        except ValidationError as error:
            raise InputError(_describe_errors(cls, error)) from None


def require_member(name: str, value: Member | None) -> Member:
    """Return a body's member that only some requests of a route need.

    Raises:
        InputError: the member is missing.
    """
    if value is None:
        raise InputError(f"{name}: is missing")
    return value


def _describe_errors(model: type[BaseModel], invalid: ValidationError) -> str:
    """Describe which members of a request body are invalid, and why.

    Sent values and unknown names are left out, because they may hold personal data.
    """
    messages = [
        _describe_error(model, error) for error in invalid.errors(include_url=False, include_input=False)
    ]
    return "; ".join(dict.fromkeys(messages))


def _describe_error(model: type[BaseModel], error: Any) -> str:  # noqa: ANN401 - pydantic's own dictionary
    """Describe one invalid member of a request body."""
    *parents, last = error["loc"]
    if error["type"] not in _UNKNOWN_MEMBER_ERRORS:
        expected = EXPECTED_BY_ERROR.get(error["type"], error["msg"].removeprefix("Value error, "))
        return f"{'.'.join(str(part) for part in (*parents, last))}: {expected}"
    if parents:
        return f"{'.'.join(str(part) for part in parents)}: has an unknown member: leave it out"
    return f"the body has an unknown member; the known ones are {', '.join(model.model_fields)}"
