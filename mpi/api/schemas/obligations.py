"""API schemas of what is owed."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.service.responsibilities.declarations import ObligationKind

_OBLIGATION: dict[str, Any] = {
    "kind": "feed",
    "subject": "D01-SIS",
    "what": "send",
    "owner": "North SIS team",
    "owed_to": "index",
    "due": "2026-11-30",
    "days_left": -2,
    "is_late": True,
    "escalates_to": "North director of data",
    "reference": None,
    "detail": None,
}


class ObligationOut(BaseModel):
    """What somebody owes by a day."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": _OBLIGATION})

    kind: ObligationKind = Field(description="What it is about.")
    subject: str = Field(description="Code of the source, agreement or organization; empty for the queue.")
    what: str = Field(
        description="`answer`, `correct`, `send`, `renew`, `confirm`, name of a clock, or `destruction`."
    )
    owner: str | None = Field(description="Office or party that answers for it; null where none is declared.")
    owed_to: str | None = Field(description="Whom it is owed to.")
    due: str = Field(description="Day by which it is due.")
    days_left: int = Field(description="Days until then, negative afterwards.")
    is_late: bool = Field(description="Whether its day has passed.")
    escalates_to: str | None = Field(description="Whom to ask once it is late.")
    reference: str | None = Field(description="Number of the ticket, or code of the clock.")
    detail: str | None = Field(description="Field and kind of a ticket's issue.")


class UnownedOut(BaseModel):
    """What nobody is declared to answer for."""

    model_config = ConfigDict(json_schema_extra={"example": {"kind": "feed", "subject": "D02-SIS"}})

    kind: ObligationKind = Field(description="What it is about.")
    subject: str = Field(description="Code of the source or agreement; empty for the queue.")


class OverviewOut(BaseModel):
    """What is owed today."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "day": "2026-12-02",
                "obligations": [_OBLIGATION],
                "without_owner": [{"kind": "feed", "subject": "D02-SIS"}],
            }
        },
    )

    day: str = Field(description="The day (UTC).")
    obligations: list[ObligationOut] = Field(description="What is owed, the longest overdue first.")
    without_owner: list[UnownedOut] = Field(description="What nobody is declared to answer for.")
