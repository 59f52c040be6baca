"""API schemas of clients and their keys."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.openapi_parts import EXAMPLE_TIME
from mpi.api.schemas.request_bodies import OptionalDate
from mpi.service.access.clients import MAX_NAME_LENGTH, MAX_OVERLAP_DAYS

_NAME = "d01-nightly"
_CLIENT: dict[str, Any] = {
    "name": _NAME,
    "scopes": ["load", "record.write"],
    "sources": ["D01-SIS"],
    "since": EXAMPLE_TIME,
    "revoked": None,
    "agreement": "house",
    "party": None,
    "expires_on": None,
    "former_key_until": None,
    "token_subject": None,
}
_VERSION = "9d1c03aa7be2f510"
_KEY = "mpi_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # pragma: allowlist secret - an example

ClientNameDep = Annotated[str, Path(description="Name of the client.", examples=[_NAME])]
_Version = Annotated[
    str | None,
    Field(
        description="`version` of the client as it was read: if it has changed since, 412. Any by default."
    ),
]


class NewClientBody(
    JsonBody,
    json_schema_extra={
        "example": {"name": _NAME, "scopes": ["load", "record.write"], "sources": ["D01-SIS"]}
    },
):
    """A client to add."""

    name: str = Field(
        description="1 to 64 letters, digits, `_`, `-` or `.`; never given again.",
        json_schema_extra={"minLength": 1, "maxLength": MAX_NAME_LENGTH},
    )
    scopes: tuple[str, ...] = Field(description="Permitted actions; none that the caller lacks.")
    sources: tuple[str, ...] | None = Field(
        default=None, description="Codes of the sources that it may read and write; all by default."
    )
    agreement: str | None = Field(default=None, description="Agreement that it acts under; house by default.")
    party: str | None = Field(
        default=None, description="Party that it acts for, where its sources are of several."
    )


class RotationBody(JsonBody, json_schema_extra={"example": {"overlap_days": 7}}):
    """How long the present key of a client still works."""

    overlap_days: Annotated[StrictInt, Field(ge=0, le=MAX_OVERLAP_DAYS)] = Field(
        default=0, description="Days for which the present key still works; 0 to end it at once."
    )
    version: _Version = None


class ExpiryBody(JsonBody, json_schema_extra={"example": {"expires_on": "2027-06-30"}}):
    """When the key of a client expires."""

    expires_on: OptionalDate = Field(
        default=None, description="First day on which the key is refused; no expiry by default."
    )
    version: _Version = None


class EndBody(JsonBody, json_schema_extra={"example": {}}):
    """A step that needs no more than the client."""


class ClientOut(BaseModel):
    """A client of the API, without its key."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": _CLIENT})

    name: str = Field(description="Name on commits and on the ledger.")
    scopes: list[str] = Field(description="Permitted actions.")
    sources: list[str] | None = Field(description="Sources that it may read and write; null for all.")
    since: str = Field(description="When it was added.")
    revoked: str | None = Field(description="When it was ended; null while its key is valid.")
    agreement: str | None = Field(description="Agreement that it acts under.")
    party: str | None = Field(description="Party that it acts for; null where its sources name it.")
    expires_on: str | None = Field(description="First day on which its key is refused; null for none.")
    former_key_until: str | None = Field(description="Until when the key before a rotation still works.")
    token_subject: str | None = Field(description="Its name at the trusted token issuer.")


class ClientChangeOut(BaseModel):
    """One change of a client."""

    model_config = ConfigDict(from_attributes=True)

    at: str = Field(description="When it was changed.")
    by: str = Field(description="Who changed it.")
    act: str = Field(description="`add`, `rotate`, `expire`, `end` or another change.")


class ClientDetailOut(BaseModel):
    """A client with its latest changes."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "client": _CLIENT,
                "version": _VERSION,
                "is_within_rights": True,
                "changes": [{"at": EXAMPLE_TIME, "by": "operator", "act": "add"}],
            }
        },
    )

    client: ClientOut = Field(description="The client.")
    version: str = Field(description="Names its present key and expiry, for a later change.")
    is_within_rights: bool = Field(
        description="Whether the caller may do all that it may, so may rotate its key."
    )
    changes: list[ClientChangeOut] = Field(description="Its latest changes, newest first.")


class ClientKeyOut(BaseModel):
    """A client with its new key, which is shown once."""

    model_config = ConfigDict(json_schema_extra={"example": {"client": _CLIENT, "api_key": _KEY}})

    client: ClientOut = Field(description="The client.")
    api_key: str = Field(description="Its key. The index stores a hash of it alone.")
