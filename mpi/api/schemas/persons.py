"""API schemas of persons, their history and search results."""

from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.openapi_parts import EXAMPLE_EID, EXAMPLE_TIME, EnterpriseId
from mpi.domain.weight import Band
from mpi.storage.repositories.persons.persons import PersonStatus

_Json: TypeAlias = Any
_LABEL = {"source": "D01-SIS", "local_id": "12345"}


def _example(**values: _Json) -> ConfigDict:
    """Create a pydantic model configuration with an example for OpenAPI."""
    return ConfigDict(json_schema_extra={"example": values})


class LabelOut(BaseModel):
    """Reference to a record: source and local ID."""

    model_config = _example(**_LABEL)

    source: str = Field(description="Code of the record's source.")
    local_id: str = Field(description="The source's own ID of the record.")


class FlagOut(BaseModel):
    """Special-population flag of a record; never evidence for a link."""

    population: str = Field(description="Such as `foster_care`.", examples=["foster_care"])
    value: str = Field(description="`Y`, `N` or `U`.", examples=["Y"])
    definition: str = Field(description="Definition of the population.", examples=["ESSA"])
    detail: str | None = Field(description="A code within the population.")
    begin: str | None = Field(description="First day of the flag.", examples=["2026-09-02"])
    end: str | None = Field(description="First day after the flag.")
    asserted_by: str = Field(description="Agency that asserts the flag.", examples=["CCWIS"])
    source: str = Field(description="Source of the flagged record.", examples=["CCWIS"])
    local_id: str = Field(description="Local ID of the flagged record.", examples=["C-88123"])
    as_of: str = Field(description="Time of the record version at its source.", examples=[EXAMPLE_TIME])


class PersonOut(BaseModel):
    """Person of an enterprise ID.

    A retired ID is answered, not refused: `now` lists the persons that have its records.
    """

    model_config = _example(
        enterprise_id=EXAMPLE_EID,
        status="active",
        now=[EXAMPLE_EID],
        records=[{"source": "CCWIS", "local_id": "C-88123"}, _LABEL],
        flags=[
            {
                "population": "foster_care",
                "value": "Y",
                "definition": "ESSA",
                "detail": None,
                "begin": "2026-09-02",
                "end": None,
                "asserted_by": "CCWIS",
                "source": "CCWIS",
                "local_id": "C-88123",
                "as_of": EXAMPLE_TIME,
            }
        ],
        since=EXAMPLE_TIME,
    )

    enterprise_id: EnterpriseId = Field(description="Requested ID in standard form.")
    status: PersonStatus = Field(description="Present status, even if `as_of` is given.")
    now: list[EnterpriseId] = Field(
        description="IDs that hold the records today: the ID itself; for a retired one, one, several or none."
    )
    records: list[LabelOut] = Field(description="Records of the person, now or at `as_of`.")
    flags: list[FlagOut] = Field(description="Flags of the records; empty if `as_of` is given.")
    since: str = Field(description="Time when the ID was minted.")


class LineageStepOut(BaseModel):
    """Record that joined or left an enterprise ID."""

    model_config = _example(
        at=EXAMPLE_TIME,
        client="district-01",
        cause="upsert",
        record=_LABEL,
        before=None,
        after=EXAMPLE_EID,
        step=None,
    )

    at: str = Field(description="Time.")
    client: str | None = Field(
        description="Client of the call; null if it would reveal a record that the caller may not see."
    )
    cause: str = Field(description="Operation: `upsert`, `load`, `withdraw`, `recluster`, …")
    record: LabelOut | None = Field(description="Record; null for a step that moved none.")
    before: EnterpriseId | None = Field(description="Enterprise ID of the record before.")
    after: EnterpriseId | None = Field(description="Enterprise ID of the record after.")
    step: int | None = Field(description="Number of the steward's step, for an undo.")


class ContributionOut(BaseModel):
    """Contribution of one comparison to the match weight, without values."""

    comparison: str = Field(description="Comparison.", examples=["birth_date"])
    level: str = Field(description="Comparison level.", examples=["equal"])
    bits: float = Field(description="Contribution to the match weight in bits.", examples=[10.4])


class FoundOut(BaseModel):
    """Person whom a searched record may describe."""

    model_config = _example(
        enterprise_id=EXAMPLE_EID,
        match_weight=16.1,
        probability=0.999986,
        band="LINK",
        explanation=[
            {"comparison": "prior", "level": "two records taken at random", "bits": -13.3},
            {"comparison": "birth_date", "level": "equal", "bits": 13.2},
        ],
    )

    enterprise_id: EnterpriseId = Field(description="The person's ID.")
    match_weight: float = Field(description="Match weight of the person's closest record in bits.")
    probability: float = Field(description="Match weight as a probability.")
    band: Band = Field(description="Band of the pair by the model alone.")
    explanation: list[ContributionOut] = Field(
        description="Contributions by comparison, which add up to the match weight."
    )
