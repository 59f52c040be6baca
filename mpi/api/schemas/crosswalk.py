"""The crosswalk, both ways, and the feed of its changes."""

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.examples import EXAMPLE_EID, EXAMPLE_TIME
from mpi.api.schemas.persons import LabelOut


class CrosswalkOut(BaseModel):
    """The enterprise ID of a record."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"source": "D01-SIS", "local_id": "12345", "enterprise_id": EXAMPLE_EID}
        }
    )

    source: str = Field(description="Code of the record's source.")
    local_id: str = Field(description="The source's own ID of the record.")
    enterprise_id: str | None = Field(description="The person's ID; null where it had none at that time.")


class AddressedOut(BaseModel):
    """The records of an enterprise ID."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "enterprise_id": EXAMPLE_EID,
                "records": [{"source": "CCWIS", "local_id": "C-88123"}],
            }
        }
    )

    enterprise_id: str = Field(description="The ID asked for, in its one written form.")
    records: list[LabelOut] = Field(description="Records that it holds, or held at `as_of`.")


class EventOut(BaseModel):
    """One record went from one person to another; null where it had none."""

    commit: int = Field(description="Events of one commit happened together.", examples=[4711])
    seq: int = Field(description="Place within what you are shown of the commit.", examples=[1])
    at: str = Field(description="When.", examples=[EXAMPLE_TIME])
    cause: str = Field(description="What was done: `upsert`, `load`, `withdraw`, …", examples=["upsert"])
    source: str = Field(description="The record's source.", examples=["D01-SIS"])
    local_id: str = Field(description="Its local ID.", examples=["12345"])
    before: str | None = Field(description="Enterprise ID that it had.", examples=[None])
    after: str | None = Field(description="Enterprise ID that it has since.", examples=[EXAMPLE_EID])


class EventPageOut(BaseModel):
    """Whole commits of events, in order."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "generation": "5f2c9d1e7a3b4c60",
                "cursor": 4711,
                "events": [
                    {
                        "commit": 4711,
                        "seq": 1,
                        "at": EXAMPLE_TIME,
                        "cause": "upsert",
                        "source": "D01-SIS",
                        "local_id": "12345",
                        "before": None,
                        "after": EXAMPLE_EID,
                    }
                ],
            }
        }
    )

    generation: str = Field(description="Changes when the index is restored: then start over at 0.")
    cursor: int = Field(description="`after` of the next page: the last commit shown, or yours.")
    events: list[EventOut] = Field(description="Empty: the end for now.")
