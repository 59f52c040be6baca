"""Persons, their history and the answers of a search."""


from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.examples import EXAMPLE_EID, EXAMPLE_TIME
from mpi.domain.weight import Band
from mpi.storage.repositories.persons.persons import PersonStatus

_LABEL = {"source": "D01-SIS", "local_id": "12345"}


def _example(**values: object) -> ConfigDict:
    return ConfigDict(json_schema_extra={"example": values})


class LabelOut(BaseModel):
    """A record by its source's words."""

    model_config = _example(**_LABEL)

    source: str = Field(description="Code of the record's source.")
    local_id: str = Field(description="The source's own ID of the record.")


class FlagOut(BaseModel):
    """A special-population flag with its provenance: it lives on a record, and is never evidence."""

    population: str = Field(description="Such as `foster_care`.", examples=["foster_care"])
    value: str = Field(description="`Y`, `N` or `U`.", examples=["Y"])
    definition: str = Field(description="Whose definition applies.", examples=["ESSA"])
    detail: str | None = Field(description="A code within the population.")
    begin: str | None = Field(description="First day on which it holds.", examples=["2026-09-02"])
    end: str | None = Field(description="First day on which it no longer holds.")
    asserted_by: str = Field(description="Who says so.", examples=["CCWIS"])
    source: str = Field(description="Source of the record that bears it.", examples=["CCWIS"])
    local_id: str = Field(description="Local ID of that record.", examples=["C-88123"])
    as_of: str = Field(description="When that was true at its source.", examples=[EXAMPLE_TIME])


class PersonOut(BaseModel):
    """What an enterprise ID stands for. A retired one is answered, not refused: `now` says who took over."""

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

    enterprise_id: str = Field(description="The ID asked for, in its one written form.")
    status: PersonStatus = Field(description="Where it stands today, also where `as_of` was given.")
    now: list[str] = Field(
        description="IDs that hold its records today: itself; of a retired one, one, several or none."
    )
    records: list[LabelOut] = Field(description="Records that it holds, or held at `as_of`.")
    flags: list[FlagOut] = Field(description="Flags of those records; none where `as_of` was given.")
    since: str = Field(description="When the ID was minted.")


class LineageStepOut(BaseModel):
    """One record came to this ID, or left it."""

    model_config = _example(
        at=EXAMPLE_TIME,
        client="district-01",
        cause="upsert",
        record=_LABEL,
        before=None,
        after=EXAMPLE_EID,
        step=None,
    )

    at: str = Field(description="When.")
    client: str | None = Field(
        description="By whose call; null where that would tell of a record that the caller may not see."
    )
    cause: str = Field(description="What was done: `upsert`, `load`, `withdraw`, `recluster`, …")
    record: LabelOut | None = Field(description="Which record; null of a step that changed none.")
    before: str | None = Field(description="Enterprise ID that it had.")
    after: str | None = Field(description="Enterprise ID that it has since.")
    step: int | None = Field(description="The steward's step that did it, by which it can be undone.")


class ContributionOut(BaseModel):
    """What one comparison adds to the match weight; no values."""

    comparison: str = Field(description="What was compared.", examples=["birth_date"])
    level: str = Field(description="How it compared.", examples=["equal"])
    bits: float = Field(description="What that adds, in bits.", examples=[10.4])


class FoundOut(BaseModel):
    """A person that the record might be."""

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

    enterprise_id: str = Field(description="The person's ID.")
    match_weight: float = Field(description="Of the person's closest record, in bits.")
    probability: float = Field(description="The same as a probability.")
    band: Band = Field(description="What the model makes of the pair by itself.")
    explanation: list[ContributionOut] = Field(description="The weight by comparison; adds up to it.")
