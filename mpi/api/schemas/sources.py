"""Sources as callers see them."""

from pydantic import BaseModel, ConfigDict, Field


class PausedOut(BaseModel):
    """How a source stands."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"sources": ["D01-SIS"], "paused": False, "resolved": 12, "moved": 3}}
    )

    sources: list[str] = Field(description="Its code.")
    paused: bool = Field(description="Whether what it sends is held now.")
    resolved: int = Field(description="Records of which something held took effect.")
    moved: int = Field(description="Records that changed person by that.")
