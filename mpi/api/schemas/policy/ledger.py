"""API schemas of the disclosure ledger."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.openapi_parts import EXAMPLE_EID, EnterpriseId
from mpi.api.schemas.parameters import NoQuery
from mpi.domain.record_ref import RecordRef

_AT = "2026-11-24T15:04:05.000000Z"


class LedgerQuery(NoQuery):
    """Which lines of the ledger are wanted."""

    enterprise_id: str | None = Field(None, description="Lines about this child.", examples=[EXAMPLE_EID])
    client: str | None = Field(None, description="Lines of this client or account.", examples=["district-1"])
    purpose: str | None = Field(None, description="Lines of this purpose of use.", examples=["transport"])
    agreement: str | None = Field(None, description="Lines under this agreement.", examples=["dsa-2026-01"])
    action: str | None = Field(None, description="Lines of this kind of request.", examples=["person.read"])
    first_day: date | None = Field(None, description="First day in UTC; by default 30 days before the last.")
    last_day: date | None = Field(None, description="Last day in UTC; by default today.")
    before: str | None = Field(None, description="`older` of the page before.", examples=[_AT])
    refused_before: str | None = Field(None, description="`older_refusals` of the page before.")


class LedgerLineOut(BaseModel):
    """An answer that left the index."""

    at: str = Field(description="When it left (UTC).", examples=[_AT])
    client: str = Field(description="Client or account that received it.")
    purpose: str | None = Field(description="Purpose of use; null where the call named none.")
    agreement: str | None = Field(description="Agreement that the receiver acted under.")
    action: str = Field(description="Kind of request.", examples=["person.read"])
    enterprise_ids: list[EnterpriseId] = Field(description="Children that it was about, by the IDs of today.")
    is_about_all: bool = Field(description="Whether it was about more records than a line names.")
    fields: list[str] = Field(description="Names of the fields that it held.")


class RefusalOut(BaseModel):
    """Requests that were refused in one minute."""

    minute: str = Field(description="The minute (UTC).")
    client: str = Field(description="Client or account that was refused.")
    action: str = Field(description="Kind of request.")
    purpose: str | None = Field(description="Purpose of use.")
    agreement: str | None = Field(description="Agreement that it acted under.")
    reason: str = Field(description="Code of the reason.")
    count: int = Field(description="Number of requests.")


class LedgerOut(BaseModel):
    """A page of the ledger."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "first_day": "2026-10-25",
                "last_day": "2026-11-24",
                "lines": [
                    {
                        "at": _AT,
                        "client": "district-1",
                        "purpose": "transport",
                        "agreement": "dsa-2026-01",
                        "action": "person.read",
                        "enterprise_ids": [EXAMPLE_EID],
                        "is_about_all": False,
                        "fields": ["enterprise_id", "first_name"],
                    }
                ],
                "refusals": [],
                "older": None,
                "older_refusals": None,
            }
        }
    )

    first_day: date = Field(description="First day of the lines.")
    last_day: date = Field(description="Last day of the lines.")
    lines: list[LedgerLineOut] = Field(description="Answers, the latest first.")
    refusals: list[RefusalOut] = Field(description="Refused requests; none where a child is asked for.")
    older: str | None = Field(description="Pass it as `before` for the next page; null on the last.")
    older_refusals: str | None = Field(description="Pass it as `refused_before`; null on the last page.")


class LinkDisclosuresBody(
    JsonBody,
    json_schema_extra={
        "example": {
            "left": {"source": "D01-SIS", "local_id": "12345"},
            "right": {"source": "ccwis", "local_id": "C-17"},
        }
    },
):
    """Two records that are or were linked."""

    left: RecordRef
    right: RecordRef


class LinkIntervalOut(BaseModel):
    """A time in which two records were one person."""

    since: str = Field(description="First moment (UTC).", examples=[_AT])
    until: str | None = Field(description="Moment of the separation; null while the link is in force.")


class LinkDisclosureOut(BaseModel):
    """An answer that told of a record while two were linked."""

    at: str = Field(description="When it left (UTC).", examples=[_AT])
    client: str = Field(description="Client or account that received it.")
    purpose: str | None = Field(description="Purpose of use.")
    agreement: str | None = Field(description="Agreement that the receiver acted under.")
    action: str = Field(description="Kind of request.")
    fields: list[str] = Field(description="Names of the fields that it held.")
    names_both: bool = Field(description="Whether it named both records.")
    is_about_all: bool = Field(description="Whether it was about more records than a line names.")


class LinkDisclosuresOut(BaseModel):
    """What was told because of a link."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "intervals": [{"since": _AT, "until": None}],
                "disclosures": [
                    {
                        "at": _AT,
                        "client": "district-1",
                        "purpose": "transport",
                        "agreement": "dsa-2026-01",
                        "action": "person.read",
                        "fields": ["enterprise_id"],
                        "names_both": True,
                        "is_about_all": False,
                    }
                ],
            }
        }
    )

    intervals: list[LinkIntervalOut] = Field(description="When the records were one person.")
    disclosures: list[LinkDisclosureOut] = Field(description="Answers of these times, oldest first.")
