"""Loads as callers see them."""

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.decisions import ReceivedOut


class LoadUndoneOut(BaseModel):
    """What undoing a load did, or in a preview would do."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "batch": 4,
                "source": "D01-SIS",
                "preview": False,
                "step": 9,
                "stated": 1200,
                "restored": 1185,
                "removed": 3,
                "moved": 12,
                "persons": {"kept": 4, "retired": 1, "revived": 5},
                "told": ["district-01"],
                "disclosed": 0,
                "disclosures": [],
            }
        }
    )

    batch: int = Field(description="The load.")
    source: str = Field(description="Its source.")
    preview: bool = Field(description="Whether nothing was changed.")
    step: int | None = Field(description="The step; null in a preview.")
    stated: int = Field(description="Records that it said something about.")
    restored: int = Field(description="Records that another statement stands for instead.")
    removed: int = Field(description="Records that take no part without it.")
    moved: int = Field(description="Records that change person, of those that the caller may see.")
    persons: dict[str, int] = Field(description="People whose records change, by what becomes of them.")
    told: list[str] = Field(description="Clients that see the change in the feed.")
    disclosed: int | None = Field(
        description="How many answers left because of links that it parts; null unless of all sources."
    )
    disclosures: list[ReceivedOut] = Field(
        description="The latest of them, newest first; only with scope `disclosure.read` on all sources."
    )
