"""API schema of the answer to undoing the load of a file."""

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.decisions import ReceivedOut


class LoadUndoneOut(BaseModel):
    """Effect of undoing a load, or its preview."""

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

    batch: int = Field(description="Number of the load.")
    source: str = Field(description="Source of the load.")
    preview: bool = Field(description="Whether this is a preview, which changes nothing.")
    step: int | None = Field(description="Step number; null in a preview.")
    stated: int = Field(description="Records that the load stated something about.")
    restored: int = Field(description="Records that go back to another statement.")
    removed: int = Field(description="Records that become inactive.")
    moved: int = Field(description="Records that move to another person, of those that the caller may see.")
    persons: dict[str, int] = Field(description="Number of persons by kind of change.")
    told: list[str] = Field(description="Clients that see the change in the feed.")
    disclosed: int | None = Field(
        description="Number of disclosures due to the removed links; null unless the client has all sources."
    )
    disclosures: list[ReceivedOut] = Field(
        description="Latest disclosures, newest first; only with scope `disclosure.read` on all sources."
    )
