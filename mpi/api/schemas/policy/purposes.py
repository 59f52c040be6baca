"""API schemas of purposes of use and legal bases."""

from pydantic import BaseModel, ConfigDict, Field


class PurposeOut(BaseModel):
    """A purpose of use that an agreement can permit."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": "transport",
                "title": "Transport a child to school",
                "vision": "District and agency arrange and pay the way to the school of origin.",
                "value": "The child gets to the same school from a new home.",
            }
        }
    )

    code: str = Field(description="Code, as `Purpose-Of-Use` names it.")
    title: str = Field(description="Name for people.")
    vision: str = Field(description="What the data is used for.")
    value: str = Field(description="What a child gains by it.")


class LegalBasisOut(BaseModel):
    """Rule of law on which an agreement can rest."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": "ferpa_studies",
                "title": "FERPA: studies for schools",
                "citation": "20 USC 1232g(b)(1)(F); 34 CFR 99.31(a)(6)",
                "mark": "K",
                "disclosers": ["education"],
                "recipients": ["operator", "research"],
                "within_party": False,
                "populations": ["all"],
                "purposes": ["program_evaluation"],
                "note": "Check that the study is done for or on behalf of the school.",
            }
        }
    )

    code: str = Field(description="Code, as an agreement names it.")
    title: str = Field(description="Name for people.")
    citation: str = Field(description="Where the rule is written.")
    mark: str = Field(description="How far the row was checked.")
    disclosers: list[str] = Field(description="Kinds of parties that may disclose.")
    recipients: list[str] = Field(description="Kinds of parties that may receive.")
    within_party: bool = Field(description="Whether it covers only a party's use of its own records.")
    populations: list[str] = Field(description="Populations that it covers; `all` for every child.")
    purposes: list[str] = Field(description="Purposes that it can carry; `all` for every one.")
    note: str = Field(description="What counsel must check.")
