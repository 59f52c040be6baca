"""API schemas of the scorecard of a source."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.openapi_parts import EXAMPLE_TIME

_SHARE: dict[str, Any] = {"value": 0.98, "low": 0.97, "high": 0.99}


class ShareOut(BaseModel):
    """Share with its 95 % interval; exact where all records were read."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": _SHARE})

    value: float = Field(description="The share, 0 to 1.")
    low: float = Field(description="Lower limit.")
    high: float = Field(description="Upper limit.")


class FieldScoreOut(BaseModel):
    """How complete and valid one field is."""

    model_config = ConfigDict(from_attributes=True)

    field: str = Field(description="Canonical field.")
    present: int = Field(description="Records with a value that is meant as one.")
    completeness: ShareOut = Field(description="Their share of `records`.")
    valid: int = Field(description="Records with a value and no issue of it.")
    validity: ShareOut | None = Field(description="Their share of `present`.")
    placeholders: int = Field(description="Records whose value stands for no value.")


class RuleScoreOut(BaseModel):
    """How many records break one declared rule."""

    model_config = ConfigDict(from_attributes=True)

    rule: str = Field(description="Name of the rule.")
    title: str = Field(description="What the source does about it.")
    checked: int = Field(description="Records that the rule applies to.")
    broken: int | None = Field(description="Records that break it; null where only a draw was read.")


class GroupScoreOut(BaseModel):
    """How complete and valid the records of a county or district are."""

    model_config = ConfigDict(from_attributes=True)

    kind: str = Field(description="`county` or `district`.")
    group: str = Field(description="Code as sent; empty for records that name none.")
    records: int = Field(description="Records of the group that were read.")
    completeness: ShareOut = Field(description="Share with name, birth date, sex and home.")
    issues: ShareOut = Field(description="Share with an issue.")


class SpikeOut(BaseModel):
    """Value that far too many records share."""

    model_config = ConfigDict(from_attributes=True)

    field: str = Field(description="Canonical field.")
    value: str | None = Field(description="The value; null where the caller may not list the records.")
    records: int = Field(description="Records that have it.")
    of: int = Field(description="Records with a value of the field.")


class DelayOut(BaseModel):
    """How late one kind of event or file is, in days."""

    model_config = ConfigDict(from_attributes=True)

    kind: str = Field(description="Such as `school entry` (event to system) or `feed to index`.")
    count: int = Field(description="Number of delays.")
    median: float = Field(description="Half of them are at most this.")
    p90: float = Field(description="Nine of ten are at most this.")


class LoadScoreOut(BaseModel):
    """Rows of one load that were rejected or had an issue."""

    model_config = ConfigDict(from_attributes=True)

    load: int = Field(description="Number of the load.")
    at: str = Field(description="When it was loaded.")
    received: int = Field(description="Rows of the file.")
    rejected: int = Field(description="Rejected rows.")
    issues: int | None = Field(description="Issues of accepted rows; null for an old load.")


class FieldConsistencyOut(BaseModel):
    """How often a field agrees with linked records of another source kind."""

    model_config = ConfigDict(from_attributes=True)

    partner: str = Field(description="Kind of the other sources.")
    field: str = Field(description="Canonical field, or the population of a flag.")
    known: int = Field(description="Linked children of whom both state it, or one the flag; published.")
    share: ShareOut = Field(description="Share of whom both state the same, in whole percents.")


class ConsistencyOut(BaseModel):
    """How often linked records of other agencies agree, as published."""

    model_config = ConfigDict(from_attributes=True)

    as_of: str = Field(description="Day of which the figures are.")
    every: int = Field(description="One child of so many was looked at.")
    fields: list[FieldConsistencyOut] = Field(description="By partner and field, without small counts.")


class ScorecardOut(BaseModel):
    """Scorecard of a source."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "source": "D01-SIS",
                "active": 1200,
                "records": 1200,
                "is_sample": False,
                "complete": _SHARE,
                "issues": _SHARE,
                "repeated": 3,
                "fields": [
                    {
                        "field": "phone",
                        "present": 1176,
                        "completeness": _SHARE,
                        "valid": 1170,
                        "validity": _SHARE,
                        "placeholders": 4,
                    }
                ],
                "rules": [
                    {
                        "rule": "exit-before-entry",
                        "title": "Send the right dates.",
                        "checked": 1200,
                        "broken": 2,
                    }
                ],
                "groups": [
                    {
                        "kind": "county",
                        "group": "049",
                        "records": 800,
                        "completeness": _SHARE,
                        "issues": _SHARE,
                    }
                ],
                "spikes": [{"field": "birth_date", "value": "2010-01-01", "records": 40, "of": 1190}],
                "delays": [{"kind": "school entry", "count": 52, "median": 3.0, "p90": 11.0}],
                "trend": [{"load": 9, "at": EXAMPLE_TIME, "received": 1201, "rejected": 1, "issues": 14}],
                "hidden": False,
                "consistency": {
                    "as_of": EXAMPLE_TIME[:10],
                    "every": 1,
                    "fields": [
                        {
                            "partner": "ccwis",
                            "field": "birth_date",
                            "known": 8440,
                            "share": _SHARE,
                        }
                    ],
                },
            }
        },
    )

    source: str = Field(description="Code of the source.")
    active: int = Field(description="Active records of the source.")
    records: int = Field(description="Records that were read, the denominator; if fewer, drawn at random.")
    is_sample: bool = Field(description="Whether shares are estimates.")
    complete: ShareOut | None = Field(description="Share with name, birth date, sex and home.")
    issues: ShareOut | None = Field(description="Share with an issue.")
    repeated: int | None = Field(description="Records that repeat a name and birth date; null for estimates.")
    fields: list[FieldScoreOut] = Field(description="By field.")
    rules: list[RuleScoreOut] = Field(description="Declared rules, as they are now.")
    groups: list[GroupScoreOut] = Field(description="By county and district, largest first.")
    spikes: list[SpikeOut] = Field(description="Values that far too many records share.")
    delays: list[DelayOut] = Field(description="How late events and files are.")
    trend: list[LoadScoreOut] = Field(description="The latest loads, newest first.")
    hidden: bool = Field(description="Whether figures are left out, since they would tell who is in care.")
    consistency: ConsistencyOut | None = Field(
        description="Agreement with linked records of other agencies; null if the caller sees one side only."
    )
