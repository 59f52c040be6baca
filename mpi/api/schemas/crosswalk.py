"""API schemas of the crosswalk and the change feed."""

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.openapi_parts import EXAMPLE_EID, EXAMPLE_TIME, EnterpriseId
from mpi.api.schemas.persons import LabelOut


class CrosswalkOut(BaseModel):
    """Enterprise ID of a source record."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"source": "D01-SIS", "local_id": "12345", "enterprise_id": EXAMPLE_EID}
        }
    )

    source: str = Field(description="Code of the record's source.")
    local_id: str = Field(description="The source's own ID of the record.")
    enterprise_id: EnterpriseId | None = Field(
        description="The person's ID; null if the record had none at that time."
    )


class AddressedOut(BaseModel):
    """Source records of an enterprise ID."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "enterprise_id": EXAMPLE_EID,
                "records": [{"source": "CCWIS", "local_id": "C-88123"}],
            }
        }
    )

    enterprise_id: EnterpriseId = Field(description="Requested ID in standard form.")
    records: list[LabelOut] = Field(description="Records of the person, now or at `as_of`.")


class EventOut(BaseModel):
    """Change of the person that one record belongs to.

    A person is null where the record had none.
    """

    commit: int = Field(description="Events of one commit happened together.", examples=[4711])
    seq: int = Field(description="Position among the events of the commit that you may see.", examples=[1])
    at: str = Field(description="Time.", examples=[EXAMPLE_TIME])
    cause: str = Field(
        description="Operation: `upsert`, `load`, `withdraw`, …; `settled` if a pending ID is final; "
        "`renamed` if the record has another local ID.",
        examples=["upsert"],
    )
    source: str = Field(description="The record's source.", examples=["D01-SIS"])
    local_id: str = Field(description="The record's local ID.", examples=["12345"])
    before: EnterpriseId | None = Field(description="Enterprise ID of the record before.", examples=[None])
    after: EnterpriseId | None = Field(
        description="Enterprise ID of the record after.", examples=[EXAMPLE_EID]
    )


class EventPageOut(BaseModel):
    """Page of the change feed, made of whole commits in order."""

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

    generation: str = Field(
        description="Generation of the feed. If it changes, the index was restored: start over at 0."
    )
    cursor: int = Field(description="`after` of the next page: the last commit shown, or yours.")
    events: list[EventOut] = Field(description="Events; empty at the present end of the feed.")
