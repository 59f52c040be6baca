"""Rows of the education extract, and the truth of each child."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from training.simulate.columns import Bools, Ints, Texts, blank_column, text_column
from training.simulate.education.outcomes import (
    EducationRates,
    StudentOutcomes,
    draw_outcomes,
    load_education_rates,
)
from training.simulate.files.tables import FileFormat, TableWriter
from training.simulate.people.care import TRIAL_HOME_VISIT
from training.simulate.people.flags import POPULATIONS
from training.simulate.people.population import SimulatedState
from training.simulate.simulation import Population
from training.simulate.sources.rosters import SourceSystem

EDUCATION, EDUCATION_TRUTH = "education", "education_truth"
"""Names of the extract and of its truth, without the ending."""
OUTCOME_FIELDS = (
    "grade", "on_count_day", "days_enrolled", "days_absent", "school_changes", "suspensions", "expulsions",
    "credits_attempted", "credits_earned", "retained", "ela_level", "math_level", "acgr_cohort",
    "acgr_result",
)  # fmt: skip
EXTRACT_FIELDS = ("source", "local_id", "school_year", *OUTCOME_FIELDS)
"""Columns of the extract; docs/reference/education-extract.md says what each means."""
EDUCATION_TRUTH_FIELDS = (
    "person_id", "in_care_afcars", "in_care_essa", "placements", "is_known_to_child_welfare", *POPULATIONS,
    *OUTCOME_FIELDS,
)  # fmt: skip
_EDUCATION_STAGE = 30


def write_education(
    populations: Iterable[Population], folder: Path, form: FileFormat
) -> Iterator[Population]:
    """Write the education extract and its truth beside a state's files.

    Args:
        populations: blocks of the state.
        folder: folder of the files, which exists when the first block is asked for.
        form: format of the files.

    Yields:
        Each block, after its rows are written.
    """
    rates = load_education_rates()
    with ExitStack() as stack:
        extract = stack.enter_context(TableWriter(folder, EDUCATION, EXTRACT_FIELDS, form))
        truth = stack.enter_context(TableWriter(folder, EDUCATION_TRUTH, EDUCATION_TRUTH_FIELDS, form))
        for population in populations:
            state = population.state
            outcomes = draw_outcomes(state.block.stage_generator(_EDUCATION_STAGE), state, rates)
            rows = write_extract(population, outcomes, rates)
            extract.append([rows[name] for name in EXTRACT_FIELDS])
            true_rows = write_education_truth(state, outcomes)
            truth.append([true_rows[name] for name in EDUCATION_TRUTH_FIELDS])
            yield population


def write_extract(
    population: Population, outcomes: StudentOutcomes, rates: EducationRates
) -> dict[str, Texts]:
    """Return the state's student rows, with the student file's local IDs.

    Where a child has two state IDs, the second one has the beginning of the year and no result.
    """
    file = population.files[SourceSystem.STATE]
    child = _children_of(population, SourceSystem.STATE)
    tags = file.truth["tags"]
    is_second = np.array(["registered_twice" in text.split("|") for text in tags], dtype=bool)
    has_second = np.zeros(len(population.state.births), dtype=bool)
    has_second[child[is_second]] = True
    row_outcomes = _format_outcomes(population.state, outcomes, child, is_second, has_second[child])
    is_in_extract = outcomes.is_student[child] | (outcomes.acgr_result[child] != "")
    rows = np.flatnonzero(is_in_extract & ~(is_second & ~outcomes.is_student[child]))
    size = len(child)
    columns = {
        "source": np.full(size, str(SourceSystem.STATE), dtype=object),
        "local_id": file.columns["local_id"],
        "school_year": np.full(size, rates.school_year, dtype=object),
        **row_outcomes,
    }
    return {name: column[rows] for name, column in columns.items()}


def write_education_truth(state: SimulatedState, outcomes: StudentOutcomes) -> dict[str, Texts]:
    """Write care, special populations and outcomes of each child with a row."""
    rows = np.flatnonzero(outcomes.is_student | (outcomes.acgr_result != "") | state.care.in_care)
    none = np.zeros(len(rows), dtype=bool)
    care = state.care
    numbers = (state.block.interleave(rows) + 1).astype(str)
    columns = {
        "person_id": np.char.add("P", numbers).astype(object),
        "in_care_afcars": _yes_no(care.in_care[rows]),
        "in_care_essa": _yes_no(care.in_care[rows] & (care.setting[rows] != TRIAL_HOME_VISIT)),
        "placements": _numbers(outcomes.placements[rows]),
        "is_known_to_child_welfare": _yes_no(care.is_known[rows]),
    }
    columns |= {name: _yes_no(state.flags.true[name][rows]) for name in POPULATIONS}
    return columns | _format_outcomes(state, outcomes, rows, none, none)


def _children_of(population: Population, source: SourceSystem) -> Ints:
    """Return the row of the child of each record of a source."""
    block = population.state.block
    persons = population.files[source].truth["person_id"]
    numbers = np.array([int(text[1:]) - 1 for text in persons], dtype=np.int64)
    return np.asarray((numbers - block.number) // block.block_count)


def _format_outcomes(
    state: SimulatedState, outcomes: StudentOutcomes, child: Ints, is_second: Bools, has_second: Bools
) -> dict[str, Texts]:
    """Format outcomes of children as texts; split days between two local IDs."""

    def split(values: Ints) -> Ints:
        first_part = values // 4
        return np.where(is_second, first_part, np.where(has_second, values - first_part, values))

    def final(values: Ints) -> Ints:
        return np.where(is_second, 0, values)

    student = outcomes.is_student[child]
    columns = {
        "grade": np.where(student, state.schooling.grade[child], blank_column(len(child))),
        "on_count_day": _yes_no(outcomes.on_count_day[child] & ~is_second),
        "days_enrolled": _numbers(split(outcomes.days_enrolled[child])),
        "days_absent": _numbers(split(outcomes.days_absent[child])),
        "school_changes": _numbers(final(outcomes.school_changes[child])),
        "suspensions": _numbers(final(outcomes.suspensions[child])),
        "expulsions": _numbers(final(outcomes.expulsions[child])),
        "credits_attempted": _numbers(final(outcomes.credits_attempted[child])),
        "credits_earned": _numbers(final(outcomes.credits_earned[child])),
        "retained": _yes_no(outcomes.retained[child] & ~is_second),
        "ela_level": _levels(final(outcomes.ela_level[child])),
        "math_level": _levels(final(outcomes.math_level[child])),
    }
    for name, values in (("acgr_cohort", outcomes.acgr_cohort), ("acgr_result", outcomes.acgr_result)):
        columns[name] = np.where(is_second, "", values[child])
    return columns


def _yes_no(selected: Bools) -> Texts:
    return text_column(["N", "Y"])[selected.astype(np.int64)]


def _numbers(values: Ints) -> Texts:
    return values.astype(str).astype(object)


def _levels(values: Ints) -> Texts:
    return np.where(values > 0, _numbers(values), "")
