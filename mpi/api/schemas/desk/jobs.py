"""API schema of long work in the background."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.loads import DryRunReportOut
from mpi.api.schemas.openapi_parts import EXAMPLE_TIME

_EXAMPLE: dict[str, Any] = {
    "id": 7,
    "kind": "apply",
    "target": 3,
    "state": "running",
    "by": "nightly",
    "begun_at": EXAMPLE_TIME,
    "ended_at": None,
    "stage": "score pairs",
    "done": 120000,
    "total": 500000,
    "seconds_left": 95,
    "previous_s": 140,
    "result": None,
    "error": None,
    "report": None,
    "source": None,
}


class JobOut(BaseModel):
    """Long work, and how far it is."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": _EXAMPLE})

    id: int = Field(description="Number of the job.")
    kind: str = Field(description="`propose`, `apply`, `rollback`, `undo-load`, `load` or `dry-run`.")
    target: int | None = Field(description="Number of the proposal or load; null for a new one.")
    state: str = Field(description="`running`, `done`, `failed` or `interrupted`.")
    by: str = Field(description="Who began it.")
    begun_at: str = Field(description="Time of the begin.")
    ended_at: str | None = Field(description="Time of the end; null while it runs.")
    stage: str = Field(description="Present step; empty before the first.")
    done: int = Field(description="Items of the step that are done.")
    total: int = Field(description="All items of the step; 0 if unknown.")
    seconds_left: int | None = Field(description="Estimate for the step; null if it is too early to tell.")
    previous_s: int | None = Field(description="Seconds that the last job of this kind took.")
    result: int | None = Field(description="Number of the proposal or load, once it is done.")
    error: str | None = Field(description="Why it failed; of no person.")
    report: DryRunReportOut | None = Field(description="What a dry run found; null until it is done.")
    source: str | None = Field(description="Source whose file is loaded or tried.")


JOB_RESPONSE: dict[int | str, dict[str, Any]] = {
    202: {
        "model": JobOut,
        "description": "The work goes on in the background",
        "headers": {
            "Location": {"description": "Path of the job.", "schema": {"type": "string"}},
            "Retry-After": {
                "description": "Seconds after which to read the job.",
                "schema": {"type": "integer"},
            },
        },
    }
}
"""Response of a call that starts long work on a large index."""
