"""Outcomes of a school year for each simulated student."""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from training.simulate.columns import Bools, Ints, Rng, Texts, blank_column, draw_events, text_column
from training.simulate.people.population import SimulatedState

TESTED_GRADES = ("03", "04", "05", "06", "07", "08", "11")
"""Grades in which federal law asks for reading and mathematics tests (11 stands for high school)."""
CREDIT_GRADES = ("09", "10", "11", "12")
GRADUATE, NOT_GRADUATE, REMOVED = "graduate", "not_graduate", "removed"
_COHORT_YEAR_AT_AGE = 18
_HALF_SHARE = 0.5
_PROFICIENT_LEVEL = 3


@dataclass(frozen=True, slots=True)
class EducationRates:
    """Rates of a simulated school year; ``rates.toml`` says what each means.

    Lists hold the rates of students never placed, placed once, and placed more often.
    """

    school_year: str
    count_day: str
    days: int
    absent_share: list[float]
    suspended: list[float]
    expelled: list[float]
    changed_school: list[float]
    retained: list[float]
    credit_earned: list[float]
    credits_attempted: int
    proficient: list[float]
    tested: float
    graduated: list[float]
    removed: float
    absent_spread: float


@cache
def load_education_rates() -> EducationRates:
    """Return the rates of the simulated education extract."""
    text = resources.files("training.simulate.education").joinpath("rates.toml").read_text(encoding="utf-8")
    return EducationRates(**tomllib.loads(text))


@dataclass(frozen=True, slots=True)
class StudentOutcomes:
    """Outcomes of a school year, one entry per simulated child.

    Numbers are 0 and texts empty for a child to whom they do not apply.
    """

    placements: Ints
    on_count_day: Bools
    days_enrolled: Ints
    days_absent: Ints
    school_changes: Ints
    suspensions: Ints
    expulsions: Ints
    credits_attempted: Ints
    credits_earned: Ints
    retained: Bools
    ela_level: Ints
    math_level: Ints
    acgr_cohort: Texts
    acgr_result: Texts
    is_student: Bools = field(repr=False)


def count_placements(state: SimulatedState) -> Ints:
    """Count each simulated child's placements; 0 for those not in care."""
    care = state.care
    return np.where(care.in_care, 1 + (care.placed_on != care.removed_on), 0)


def draw_outcomes(rng: Rng, state: SimulatedState, rates: EducationRates) -> StudentOutcomes:
    """Draw the outcomes of a school year of each simulated child."""
    schooling, size = state.schooling, len(state.births)
    placements = count_placements(state)

    def rate_of(values: list[float]) -> npt.NDArray[np.float64]:
        return np.asarray(values)[placements]

    grade = schooling.grade
    is_student = np.asarray(schooling.enrolled & (grade != "PK"))
    days = np.where(is_student, _draw_days(rng, state, rates), 0)
    missed = rate_of(rates.absent_share)
    share = rng.beta(missed * rates.absent_spread, (1 - missed) * rates.absent_spread)
    has_credits = is_student & np.isin(grade, CREDIT_GRADES)
    attempted = np.where(has_credits, rates.credits_attempted, 0)
    is_tested = is_student & np.isin(grade, TESTED_GRADES) & draw_events(rng, rates.tested, size)
    moved = schooling.moved.astype(np.int64)
    changes = moved + draw_events(rng, rate_of(rates.changed_school), size)
    cohort, result = _draw_graduation(rng, state, rates, rate_of(rates.graduated))
    return StudentOutcomes(
        placements=placements,
        on_count_day=is_student & (schooling.entry <= np.datetime64(rates.count_day)),
        days_enrolled=days,
        days_absent=np.minimum(np.rint(share * days).astype(np.int64), days),
        school_changes=np.where(is_student, changes, 0),
        suspensions=np.where(
            is_student & draw_events(rng, rate_of(rates.suspended), size), rng.integers(1, 4, size), 0
        ),
        expulsions=(is_student & draw_events(rng, rate_of(rates.expelled), size)).astype(np.int64),
        credits_attempted=attempted,
        credits_earned=rng.binomial(attempted, rate_of(rates.credit_earned)),
        retained=is_student & draw_events(rng, rate_of(rates.retained), size),
        ela_level=_draw_levels(rng, is_tested, rate_of(rates.proficient)),
        math_level=_draw_levels(rng, is_tested, rate_of(rates.proficient)),
        acgr_cohort=cohort,
        acgr_result=result,
        is_student=is_student,
    )


def _draw_days(rng: Rng, state: SimulatedState, rates: EducationRates) -> Ints:
    """Draw each child's days of enrollment, fewer for late entries."""
    size = len(state.births)
    late = rng.integers(20, rates.days, size)
    is_late = state.schooling.entry > np.datetime64(rates.count_day)
    return np.where(is_late, rates.days - late, rates.days)


def _draw_levels(rng: Rng, is_tested: Bools, proficient: npt.NDArray[np.float64]) -> Ints:
    """Draw achievement levels from 1 to 4, or 0 if untested.

    Levels 3 and 4 are proficient.
    """
    size = len(is_tested)
    is_proficient = draw_events(rng, proficient, size)
    upper = draw_events(rng, _HALF_SHARE, size)
    level = np.where(is_proficient, _PROFICIENT_LEVEL, 1) + upper
    return np.where(is_tested, level, 0)


def _draw_graduation(
    rng: Rng, state: SimulatedState, rates: EducationRates, graduated: npt.NDArray[np.float64]
) -> tuple[Texts, Texts]:
    """Draw each leaver's graduation cohort and what the state says of it."""
    size = len(state.births)
    year = state.births.day.astype("datetime64[Y]").astype(np.int64) + 1970 + _COHORT_YEAR_AT_AGE
    is_member = state.schooling.leaver & np.isnat(state.people.died)
    is_removed = draw_events(rng, rates.removed, size)
    is_graduate = draw_events(rng, graduated, size)
    result = text_column([NOT_GRADUATE, GRADUATE, REMOVED])[np.where(is_removed, 2, is_graduate)]
    cohort = year.astype(str).astype(object)
    return np.where(is_member, cohort, blank_column(size)), np.where(is_member, result, blank_column(size))
