"""API schemas of webhooks."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.openapi_parts import EXAMPLE_TIME
from mpi.service.webhooks.addresses import MAX_URL_LENGTH
from mpi.service.webhooks.subscriptions import MAX_OVERLAP_HOURS

_CODE = "3f0c9a71be52"
_URL = "https://sis.district.example/mpi-changes"
_WEBHOOK: dict[str, Any] = {
    "code": _CODE,
    "client": "d01-sis",
    "url": _URL,
    "purpose": "school_stability",
    "state": "active",
    "state_since": EXAMPLE_TIME,
    "generation": "5f2c9d1e7a3b4c60",
    "cursor": 4711,
    "delivered_at": EXAMPLE_TIME,
    "failures": 0,
    "failing_since": None,
    "last_failure": None,
    "next_attempt_at": None,
    "former_secret_until": None,
}
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 # pragma: allowlist secret - an example

CursorMember = Annotated[StrictInt, Field(ge=0, lt=2**63)]
WebhookCodeDep = Annotated[str, Path(description="Code of the webhook.", examples=[_CODE])]


class WebhookBody(JsonBody, json_schema_extra={"example": {"url": _URL, "after": 4711}}):
    """Address to which the change feed is sent."""

    url: str = Field(
        description="Public https address of the receiver, without user, password and fragment.",
        json_schema_extra={"minLength": 1, "maxLength": MAX_URL_LENGTH},
    )
    after: CursorMember = Field(
        default=0, description="Cursor of the feed after which it begins; 0 from the beginning."
    )
    client: str | None = Field(
        default=None,
        description="Client whose feed is sent, for an operator with all its rights; the caller by default.",
    )


class WebhookStepBody(JsonBody, json_schema_extra={"example": {}}):
    """A step that needs no more than the webhook."""


class WebhookRotationBody(JsonBody, json_schema_extra={"example": {"overlap_hours": 24}}):
    """For how long the present secret signs too."""

    overlap_hours: Annotated[StrictInt, Field(ge=0, le=MAX_OVERLAP_HOURS)] = Field(
        default=24, description="Hours for which both secrets sign; 0 to end the present one at once."
    )


class WebhookReplayBody(JsonBody, json_schema_extra={"example": {"after": 4711}}):
    """Where a webhook goes on."""

    after: CursorMember = Field(description="Cursor of the feed after which it goes on.")


class WebhookOut(BaseModel):
    """Webhook to which the change feed is sent, with its progress."""

    model_config = ConfigDict(json_schema_extra={"example": _WEBHOOK})

    code: str = Field(description="Code of the webhook.")
    client: str = Field(description="Client whose feed is sent.")
    url: str = Field(description="Address of the receiver.")
    purpose: str | None = Field(description="Purpose of use on the ledger.")
    state: str = Field(
        description=(
            "`active`, `paused`, `dead` (every attempt of a message failed) or `gone` (the receiver answered "
            "410)."
        )
    )
    state_since: str = Field(description="Since when it has that state.")
    generation: str = Field(description="Generation of the feed that the receiver was told of.")
    cursor: int = Field(description="Last commit that was delivered whole, or where it began.")
    delivered_at: str | None = Field(description="When a message was last delivered.")
    failures: int = Field(description="Failed attempts of the present message.")
    failing_since: str | None = Field(description="First of these.")
    last_failure: str | None = Field(
        description=(
            "Why the last attempt failed: `status-503` or the like, `timeout`, `connection-failed`, "
            "`tls-failed`, `answer-malformed`, `address-refused`, `not-permitted` or `cursor-ahead`; null "
            "since the last delivery."
        )
    )
    next_attempt_at: str | None = Field(description="When the next attempt is made.")
    former_secret_until: str | None = Field(description="Until when the secret before a rotation signs too.")


class WebhookSecretOut(BaseModel):
    """Webhook with its secret, which is shown once."""

    model_config = ConfigDict(json_schema_extra={"example": {"webhook": _WEBHOOK, "secret": _SECRET}})

    webhook: WebhookOut = Field(description="The webhook.")
    secret: str = Field(description="Secret that signs its messages (Standard Webhooks).")


class WebhookTestOut(BaseModel):
    """Outcome of a test message."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"is_delivered": True, "status": 204, "failure": None}}
    )

    is_delivered: bool = Field(description="Whether the receiver answered with a status of 200 to 299.")
    status: int | None = Field(description="Status of its answer.")
    failure: str | None = Field(description="Why it failed, as in `last_failure`.")
