"""API schemas of research projects."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from mpi.api.request.json_body import JsonBody
from mpi.policy.cases.subject_rights import MAX_TEXT_LENGTH
from mpi.service.research.overview import ProjectState

_TEXT: dict[str, Any] = {"minLength": 1, "maxLength": MAX_TEXT_LENGTH}
_PROJECT: dict[str, Any] = {
    "code": "reading-2026",
    "title": "Reading in care",
    "opened_by": "D. Director",
    "opened_on": "2026-11-29",
    "ended_by": None,
    "ended_on": None,
}
_OVERVIEW: dict[str, Any] = {
    "state": "ready",
    "terms": {"agreement": "dsa-2026-07", "recipient": "university", "expires": "2027-06-30"},
    "recipient": "University of Quill",
    "refusal": None,
    "extracts": [
        {
            "day": "2026-11-30",
            "rows": 1834,
            "digest": "9c56…",
            "agreement": "dsa-2026-07",
            "recipient": "university",
            "destroy_by": "2027-06-30",
        }
    ],
    "destruction_due": "2027-06-30",
    "certificate": None,
}

ProjectCodeDep = Annotated[str, Path(description="Code of the research project.", examples=["reading-2026"])]


class ResearchProjectBody(
    JsonBody,
    json_schema_extra={
        "example": {"code": "reading-2026", "title": "Reading in care", "opened_by": "D. Director"}
    },
):
    """A research project to open."""

    code: str = Field(description="Code of the project.")
    title: str = Field(description="Name for people.", json_schema_extra=_TEXT)
    opened_by: str = Field(description="Name of who answers for it.", json_schema_extra=_TEXT)


class ResearchEndBody(JsonBody, json_schema_extra={"example": {"ended_by": "D. Director"}}):
    """That a project has ended."""

    ended_by: str = Field(description="Name of who answers for it.", json_schema_extra=_TEXT)


class ResearchProjectOut(BaseModel):
    """A research project."""

    model_config = ConfigDict(json_schema_extra={"example": _PROJECT})

    code: str = Field(description="Code of the project.")
    title: str = Field(description="Name for people.")
    opened_by: str = Field(description="Who answers for it.")
    opened_on: str = Field(description="Day of its opening.")
    ended_by: str | None = Field(description="Who ended it.")
    ended_on: str | None = Field(description="Day of its end, on which its key was destroyed.")


class ResearchExtractOut(BaseModel):
    """An extract that a project got."""

    day: str = Field(description="Day of the extract.")
    rows: int = Field(description="Number of records.")
    digest: str = Field(description="SHA-256 of its manifest.")
    agreement: str | None = Field(default=None, description="Agreement under which it was made.")
    destroy_by: str | None = Field(
        default=None, description="Last day on which it may be held, by the terms under which it was made."
    )


class ResearchOverviewOut(ResearchProjectOut):
    """A research project with its terms, extracts and certificate."""

    model_config = ConfigDict(json_schema_extra={"example": {**_PROJECT, **_OVERVIEW}})

    state: ProjectState = Field(
        description="`no_terms`, `ready`, `refused` (no extract is permitted today), `due` (extracts have to "
        "be destroyed), `destroyed` or `ended`."
    )
    terms: dict[str, Any] | None = Field(description="What it may have; null before the first terms.")
    recipient: str | None = Field(description="Name of the party that receives its extracts.")
    refusal: str | None = Field(description="Why it may have no extract today.")
    extracts: list[ResearchExtractOut] = Field(description="What it got, oldest first.")
    destruction_due: str | None = Field(description="Last day on which the recipient may hold extracts.")
    certificate: dict[str, Any] | None = Field(description="Certificate of the attested destruction.")
