"""API schema of the answer to pausing or resuming a source."""

from pydantic import BaseModel, ConfigDict, Field


class PausedOut(BaseModel):
    """Result of pausing or resuming sources."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"sources": ["D01-SIS"], "paused": False, "resolved": 12, "moved": 3}}
    )

    sources: list[str] = Field(description="Codes of the sources.")
    paused: bool = Field(description="Whether new records are held.")
    resolved: int = Field(description="Number of records whose held statements took effect.")
    moved: int = Field(description="Number of records that moved to another person.")
