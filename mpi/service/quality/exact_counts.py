"""Exact counts from which published figures are made.

A record that another agency holds, or not, changes each of these counts by at most one, or by the few
persons that it joins. So a reader who adds many records about one child moves a count no further.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from mpi.domain import clock
from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.source import SourceKind
from mpi.service.quality.live_accuracy import MonthlyAccuracy
from mpi.service.quality.throughput import measure_throughput
from mpi.standardize.care_periods import FROM_FLAG
from mpi.storage.unit_of_work.units import ReadUnit

IN_CARE_FLAG = "foster_care"
"""Flag of a child who is in foster care."""
THROUGHPUT_DAYS = 28
"""Days that figures of answers cover."""
_SCHOOL_SOURCE_KINDS = (SourceKind.SIS.value, SourceKind.STATE_ID.value)


def count_in_care(unit: ReadUnit, today: str) -> tuple[int, int]:
    """Count children in care, and those whose school record is found."""
    return unit.figures.count_in_care(IN_CARE_FLAG, FROM_FLAG, _SCHOOL_SOURCE_KINDS, today)


def count_quality(unit: ReadUnit, now: datetime, months: tuple[MonthlyAccuracy, ...]) -> dict[str, int]:
    """Return the counts of the quality report by name.

    Args:
        unit: the transaction.
        now: moment of the measurement.
        months: blind samples by month, latest first.
    """
    in_care, found = count_in_care(unit, now.date().isoformat())
    since = clock.format_timestamp(now - timedelta(days=THROUGHPUT_DAYS))
    strata = months[0].strata if months else ()
    return {
        "in_care": in_care,
        "found": found,
        "questions": count_separate_questions(unit, now.date().isoformat()),
        "answers": sum(person.answers for person in measure_throughput(unit, since)),
        **count_decisions(unit),
        "linked_pairs": sum(stratum.pairs for stratum in strata if stratum.linked),
        **{f"stratum.{stratum.stratum}": stratum.pairs for stratum in strata},
    }


def count_decisions(unit: ReadUnit) -> dict[str, int]:
    """Count decisions in force: ``joined``, ``parted`` and ``asserted``."""
    counts = unit.figures.count_decisions()
    claimed = (Authority.SOURCE, Authority.MIGRATION)
    return {
        "joined": counts.get((Authority.STEWARD.value, DecisionKind.SAME.value), 0),
        "parted": counts.get((Authority.STEWARD.value, DecisionKind.DIFFERENT.value), 0),
        "asserted": sum(count for (authority, _), count in counts.items() if authority in claimed),
    }


def count_separate_questions(unit: ReadUnit, today: str) -> int:
    """Count open review questions, of each person at most one.

    Someone who sends a hundred records about one child opens a hundred questions, but only one of these.

    Args:
        unit: the transaction.
        today: day, ``YYYY-MM-DD``.
    """
    tasks = sorted(unit.figures.list_open_tasks(today))
    records = {record for _, low, high in tasks for record in (low, high)}
    persons = unit.persons.current_persons(records)
    return match_greedily((persons.get(low, -low), persons.get(high, -high)) for _, low, high in tasks)


def match_greedily(pairs: Iterable[tuple[int, int]]) -> int:
    """Count the pairs that a greedy matching takes, in the order given.

    Removing one number and its pairs changes the result by at most one. The two matchings differ along one
    path that starts at the number: after each pair, at most one other number is free in only one of them.

    Args:
        pairs: pairs of numbers; a pair of equal numbers takes one.
    """
    taken: set[int] = set()
    count = 0
    for low, high in pairs:
        if low not in taken and high not in taken:
            taken.update((low, high))
            count += 1
    return count


def count_summary(unit: ReadUnit) -> dict[str, int]:
    """Count records and persons of the index by state."""
    states: Counter[str] = Counter()
    for (_, state), count in unit.records.counts().items():
        states[state] += count
    persons = unit.persons.counts()
    return {
        "records.active": states["active"],
        "records.withdrawn": states["withdrawn"],
        "persons.active": persons.get("active", 0),
        "persons.retired": persons.get("retired", 0),
        "persons.empty": persons.get("empty", 0),
    }


def count_sources(unit: ReadUnit) -> dict[str, int]:
    """Count active and withdrawn records by source: ``CODE.active``."""
    counts = unit.records.counts()
    return {
        f"{source.code}.{state}": counts.get((source.code, state), 0)
        for source in unit.sources.all()
        for state in ("active", "withdrawn")
    }


def count_overlap(unit: ReadUnit) -> dict[str, int]:
    """Count persons by the sources that hold them: ``A + B``."""
    counts = unit.figures.count_persons_by_sources()
    return {" + ".join(sorted(sources)): count for sources, count in counts.items()}
