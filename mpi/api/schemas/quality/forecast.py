"""API schemas of a forecast of the workload."""

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.parameters import NoQuery
from mpi.api.schemas.quality.figures import THROUGHPUT_EXAMPLE, ThroughputOut


class ForecastQuery(NoQuery):
    """Query for a forecast, optionally with other thresholds."""

    link: float | None = Field(None, description="Link threshold to try, in bits.")
    review: float | None = Field(None, description="Review threshold to try, in bits.")
    margin: float | None = Field(None, description="Margin to try, in bits.")
    cohesion: float | None = Field(None, description="Cohesion to try, in bits.")


class DayOut(BaseModel):
    """Arrived and answered questions of one day."""

    day: str = Field(description="`YYYY-MM-DD`.")
    arrived: int = Field(description="Number of questions first asked that day.")
    answered: int = Field(description="Number of questions answered that day.")


class OtherThresholdsOut(BaseModel):
    """Workload that other thresholds would cause."""

    link: float = Field(description="Tried link threshold in bits.")
    review: float = Field(description="Tried review threshold in bits.")
    questions: int | None = Field(
        description="Number of pairs to ask about at once; null for whom figures are published."
    )
    hours: float | None = Field(description="Hours for these pairs.")
    hours_a_week: float | None = Field(description="Hours a week for arriving questions.")


class ForecastOut(BaseModel):
    """Forecast of the stewards' workload."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "backlog": 214,
                "minutes": 2.5,
                "minutes_measured": True,
                "hours": 8.9,
                "days": [{"day": "2026-11-23", "arrived": 6, "answered": 19}],
                "arrive_a_week": 40.0,
                "answered_a_week": 98.0,
                "hours_a_week": 1.7,
                "gone_on": "2026-12-10",
                "says": "214 questions wait, 8.9 hours' work; 40 a week arrive, 1.7 hours. …",
                "people": [THROUGHPUT_EXAMPLE],
                "other": None,
            }
        }
    )

    backlog: int | None = Field(description="Number of waiting questions; null if too small to show.")
    minutes: float = Field(description="Minutes per answer.")
    minutes_measured: bool = Field(
        description="Whether the minutes were measured; otherwise they are assumed."
    )
    hours: float | None = Field(description="Hours for the backlog.")
    days: list[DayOut] = Field(description="Last four weeks, without the day that filled the index.")
    arrive_a_week: float | None = Field(
        description="Arriving questions per week; null with too little history."
    )
    answered_a_week: float | None = Field(description="Answered questions per week.")
    hours_a_week: float | None = Field(description="Hours per week needed for arriving questions.")
    gone_on: str | None = Field(description="Day when the backlog is done; null if it never is.")
    says: str = Field(description="Forecast in words, with its limits.")
    people: list[ThroughputOut] = Field(description="Answers by steward in those days.")
    other: OtherThresholdsOut | None = Field(description="Workload with other thresholds.")
