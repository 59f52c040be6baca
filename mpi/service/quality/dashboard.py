"""Figures of the quality dashboard: workload, match rate, accuracy and throughput.

Every figure covers the whole index, so a viewer limited to some sources gets none. For a viewer who may not
read records, counts small enough to identify a child are suppressed.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from mpi.domain import clock
from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.rater_agreement import measure_agreement
from mpi.domain.sampling import Estimate, estimate_share
from mpi.domain.small_cells import suppress_cells, suppress_cells_in_parts, suppress_count
from mpi.domain.source import SourceKind
from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.service.core.index import Index
from mpi.service.quality.forecast import permit_figures
from mpi.service.quality.live_accuracy import (
    MonthlyAccuracy,
    measure_live_accuracy,
    suppress_month,
    suppress_stratum_sizes,
)
from mpi.service.quality.throughput import Throughput, measure_throughput, suppress_throughputs
from mpi.service.review.waiting_count import count_waiting_questions
from mpi.service.sampling.blind_sample import Stratum
from mpi.storage.unit_of_work.units import ReadUnit

SAMPLE_MONTHS = 12
"""Number of months of blind samples on the dashboard."""
NEW_DAYS, THROUGHPUT_DAYS = 7, 28
"""Days that count as new, and days that throughput covers."""
AGE_CUTOFF_DAYS = (30, 7, 1)
"""Ages in days that divide open questions into groups, oldest first."""
AGE_NAMES = ("over 30 days", "8 to 30 days", "2 to 7 days", "up to a day")
"""Names of the age groups of open questions, oldest first."""
IN_CARE_FLAG = "foster_care"
"""Flag of a child who is in foster care."""
_SLOW_COUNT_S, _CACHE_FACTOR = 0.1, 20
_SCHOOL_SOURCE_KINDS = (SourceKind.SIS.value, SourceKind.STATE_ID.value)


@dataclass(frozen=True, slots=True)
class KindCount:
    """Numbers of open and new review questions of one kind.

    A count is None if it is too small to be shown.
    """

    kind: str
    open: int | None
    new: int | None


@dataclass(frozen=True, slots=True)
class AgeCount:
    """Number of open review questions of one age group.

    The count is None if it is too small to be shown.
    """

    age: str
    open: int | None


@dataclass(frozen=True, slots=True)
class Workload:
    """Open review questions, and those closed in the last ``NEW_DAYS`` days.

    Counts are None if they are too small to be shown.

    Args:
        open: open questions.
        new: open questions that were opened in those days.
        claimed: open questions that somebody has claimed.
        asleep: questions deferred to a later day.
        waiting: questions that wait for a source owner.
        answered: questions that a person answered in those days.
        went: questions that closed unanswered in those days, because their reason was gone.
        kinds: open questions by kind.
        ages: open questions by age, oldest first.
        oldest_days: age of the oldest open question, in days.
    """

    open: int | None
    new: int | None
    claimed: int | None
    asleep: int | None
    waiting: int | None
    answered: int | None
    went: int | None
    kinds: tuple[KindCount, ...]
    ages: tuple[AgeCount, ...]
    oldest_days: int | None


@dataclass(frozen=True, slots=True)
class MatchRate:
    """Share of children in care whose school record is found.

    Args:
        in_care: persons who are in care today, according to child welfare.
        found: of them, persons with a record of a school or of the state student ID system.
        rate: the share; None if nobody is in care or the share would disclose a small count. Not every child
            in care is enrolled, so the share is below 1 even if every school is found.
    """

    in_care: int | None
    found: int | None
    rate: Estimate | None


@dataclass(frozen=True, slots=True)
class StewardAgreement:
    """Agreement of two stewards on pairs that both judged.

    Args:
        first: one steward; the two are ordered by name.
        second: the other steward.
        pairs: number of pairs that both judged; None if too small to be shown.
        agreed: number of pairs with equal verdicts; None if that number or its complement is too small.
        kappa: Cohen's kappa (agreement beyond chance) with its 95 % interval; None if ``pairs`` is.
    """

    first: str
    second: str
    pairs: int | None
    agreed: int | None
    kappa: Estimate | None


@dataclass(frozen=True, slots=True)
class StratumLinks:
    """Number of record pairs in one stratum of the latest blind sample.

    Args:
        stratum: name of the stratum.
        linked: whether its pairs are linked.
        pairs: number of pairs; None if too small to be shown.
        estimated: whether the number is an estimate.
    """

    stratum: Stratum
    linked: bool
    pairs: int | None
    estimated: bool


@dataclass(frozen=True, slots=True)
class LinkCounts:
    """Numbers of automatic links, decisions and source assertions in force.

    Args:
        month: month of the blind sample that counted the pairs, ``YYYY-MM``; None before the first.
        bands: pairs by stratum.
        automatic: pairs that the index linked without a person.
        joined: steward decisions in force that join records.
        parted: steward decisions in force that separate records.
        asserted: assertions of sources and migrations in force.
    """

    month: str | None
    bands: tuple[StratumLinks, ...]
    automatic: int | None
    joined: int | None
    parted: int | None
    asserted: int | None


@dataclass(frozen=True, slots=True)
class QualityFigures:
    """All figures of the quality dashboard.

    Args:
        at: when the figures were counted (ISO, UTC).
        suppressed: whether small counts are suppressed.
        workload: open and recently closed questions.
        match_rate: share of children in care whose school record is found.
        live: precision and recall by month, latest first.
        agreement: agreement by pair of stewards.
        seconds_waiting: second reviews that wait for an answer.
        links: what joins and separates records.
        throughput: answers by person in the last ``THROUGHPUT_DAYS`` days.
    """

    at: str
    suppressed: bool
    workload: Workload
    match_rate: MatchRate
    live: tuple[MonthlyAccuracy, ...]
    agreement: tuple[StewardAgreement, ...]
    seconds_waiting: int | None
    links: LinkCounts
    throughput: tuple[Throughput, ...]


def measure_quality(index: Index, viewer: Viewer) -> QualityFigures:
    """Measure all figures of the quality dashboard in one snapshot.

    Raises:
        AccessDenied: the viewer may not read figures, or does not see every source.
    """
    permit_figures(viewer)
    suppress = not is_allowed(viewer, Action.RECORD_READ)
    now = clock.now()
    with index.database.read(viewer) as unit:
        months = measure_live_accuracy(
            unit, _format_earlier_month(now, SAMPLE_MONTHS - 1), now.strftime("%Y-%m")
        )
        stewards = measure_throughput(unit, clock.format_timestamp(now - timedelta(days=THROUGHPUT_DAYS)))
        show_count = suppress_count if suppress else _keep_count
        return QualityFigures(
            at=clock.format_timestamp(now),
            suppressed=suppress,
            workload=_measure_workload(unit, now, suppress=suppress),
            match_rate=_compute_match_rate(
                _count_in_care(unit, index, now.date().isoformat()), suppress=suppress
            ),
            live=tuple(map(suppress_month, months)) if suppress else months,
            agreement=_measure_agreement(unit, suppress=suppress),
            seconds_waiting=show_count(unit.blind_pairs.count_unanswered_second_reviews()),
            links=_count_links(unit, months, suppress=suppress),
            throughput=suppress_throughputs(stewards) if suppress else stewards,
        )


def _format_earlier_month(now: datetime, months: int) -> str:
    """Return the month that lies a number of months back, ``YYYY-MM``."""
    month_number = now.year * 12 + now.month - 1 - months
    return f"{month_number // 12:04}-{month_number % 12 + 1:02}"


def _measure_workload(unit: ReadUnit, now: datetime, *, suppress: bool) -> Workload:
    """Count open and recently closed review questions by kind and age."""
    today, moment = now.date().isoformat(), clock.format_timestamp(now)
    commit_cutoffs = [
        unit.commit_at(clock.format_timestamp(now - timedelta(days=days))) for days in AGE_CUTOFF_DAYS
    ]
    waiting_counts = count_waiting_questions(unit, now, commit_cutoffs)
    new_age = AGE_CUTOFF_DAYS.index(NEW_DAYS) + 1
    kinds = sorted({row.kind for row in waiting_counts})
    by_kind = {kind: sum(row.questions for row in waiting_counts if row.kind == kind) for kind in kinds}
    new_by_kind = {
        kind: sum(row.questions for row in waiting_counts if row.kind == kind and row.age >= new_age)
        for kind in kinds
    }
    by_age = {
        name: sum(row.questions for row in waiting_counts if row.age == age)
        for age, name in enumerate(AGE_NAMES)
    }
    work_counts = unit.figures.count_by_state(moment)
    closed_counts = unit.figures.count_closed(clock.format_timestamp(now - timedelta(days=NEW_DAYS)))
    oldest_opened_at = unit.figures.oldest_opened_at(today)
    show_count = suppress_count if suppress else _keep_count
    open_total, new_total = sum(by_kind.values()), sum(new_by_kind.values())
    # The total and the new questions together disclose the number of older ones.
    new_shown = None if show_count(open_total - new_total) is None else show_count(new_total)
    new_cells: Mapping[str, int | None] = dict.fromkeys(kinds)
    if None not in (show_count(by_kind[kind] - new_by_kind[kind]) for kind in kinds):
        new_cells = _suppress_cells(new_by_kind, suppress=suppress)
    cells = _suppress_cells(by_kind, suppress=suppress)
    age_cells = _suppress_cells(by_age, suppress=suppress)
    if suppress and new_shown is not None:
        age_cells = suppress_cells_in_parts(
            [{name: by_age[name] for name in names} for names in (AGE_NAMES[:new_age], AGE_NAMES[new_age:])]
        )
    return Workload(
        open=show_count(open_total),
        new=new_shown,
        claimed=show_count(work_counts.get("claimed", 0)),
        asleep=show_count(work_counts.get("asleep", 0)),
        waiting=show_count(work_counts.get("waiting", 0)),
        answered=show_count(closed_counts.get("answered", 0)),
        went=show_count(closed_counts.get("went", 0)),
        kinds=tuple(KindCount(kind, cells[kind], new_cells[kind]) for kind in kinds),
        ages=tuple(AgeCount(name, age_cells[name]) for name in AGE_NAMES),
        oldest_days=None
        if oldest_opened_at is None
        else (now - datetime.fromisoformat(oldest_opened_at)).days,
    )


def _keep_count(count: int) -> int | None:
    """Return a count unchanged, for viewers who may see small counts."""
    return count


def _suppress_cells(counts: Mapping[str, int], *, suppress: bool) -> Mapping[str, int | None]:
    """Return the counts of a table, small ones suppressed where required."""
    return suppress_cells(counts) if suppress else counts


def _count_in_care(unit: ReadUnit, index: Index, today: str) -> tuple[int, int]:
    """Count children in care, and those whose school is found.

    The counts are cached until the next commit. On a large index counting is slow and commits are frequent,
    so a slow count stays valid for ``_CACHE_FACTOR`` times as long as it took: counting takes a twentieth of
    the time at most.
    """
    stamp, started = (unit.last_commit(), today), time.monotonic()
    cached = index.caches.figures.get(IN_CARE_FLAG)
    if isinstance(cached, _CachedCount) and (cached.stamp == stamp or started < cached.valid_until):
        return cached.counts
    counts = unit.figures.count_in_care(IN_CARE_FLAG, (SourceKind.CCWIS.value,), _SCHOOL_SOURCE_KINDS, today)
    seconds = time.monotonic() - started
    extra_seconds = _CACHE_FACTOR * seconds if seconds > _SLOW_COUNT_S else 0.0
    index.caches.figures[IN_CARE_FLAG] = _CachedCount(stamp, started + seconds + extra_seconds, counts)
    return counts


@dataclass(frozen=True, slots=True)
class _CachedCount:
    """Cached counts of children in care and of those in a school.

    Args:
        stamp: commit number and day of the count.
        valid_until: until when the counts are valid even after a commit (monotonic clock, seconds).
        counts: children in care, and those whose school is found.
    """

    stamp: tuple[int, str]
    valid_until: float
    counts: tuple[int, int]


def _compute_match_rate(counts: tuple[int, int], *, suppress: bool) -> MatchRate:
    """Compute the share of children in care whose school record is found."""
    in_care, found_count = counts
    rate = estimate_share(found_count, in_care) if in_care else None
    if not suppress:
        return MatchRate(in_care, found_count, rate)
    cells = suppress_cells({"found": found_count, "not": in_care - found_count})
    is_hidden = None in cells.values()
    return MatchRate(suppress_count(in_care), cells["found"], None if is_hidden else rate)


def _measure_agreement(unit: ReadUnit, *, suppress: bool) -> tuple[StewardAgreement, ...]:
    """Measure the agreement of each pair of stewards on second reviews."""
    counts: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
    for first, second, first_verdict, second_verdict, count in unit.blind_pairs.count_second_reviews():
        is_swapped = second < first
        people, verdicts = (
            ((second, first), (second_verdict, first_verdict))
            if is_swapped
            else ((first, second), (first_verdict, second_verdict))
        )
        pair_counts = counts.setdefault(people, {})
        pair_counts[verdicts] = pair_counts.get(verdicts, 0) + count
    agreements = []
    for (first, second), verdicts_of in sorted(counts.items()):
        judged = measure_agreement(verdicts_of)
        cells = _suppress_cells(
            {"agreed": judged.agreed, "not": judged.pairs - judged.agreed}, suppress=suppress
        )
        pairs = suppress_count(judged.pairs) if suppress else judged.pairs
        kappa = None if pairs is None else judged.kappa
        agreements.append(
            StewardAgreement(first=first, second=second, pairs=pairs, agreed=cells["agreed"], kappa=kappa)
        )
    return tuple(agreements)


def _count_links(unit: ReadUnit, months: tuple[MonthlyAccuracy, ...], *, suppress: bool) -> LinkCounts:
    """Count automatic links, and the decisions that join or separate records."""
    counts = unit.figures.count_decisions()
    steward = {kind: counts.get((Authority.STEWARD.value, kind.value), 0) for kind in DecisionKind}
    asserted = sum(
        count
        for (authority, _), count in counts.items()
        if authority in (Authority.SOURCE, Authority.MIGRATION)
    )
    strata = months[0].strata if months else ()
    show_count = suppress_count if suppress else _keep_count
    sizes = (
        suppress_stratum_sizes(strata) if suppress else {stratum.stratum: stratum.pairs for stratum in strata}
    )
    return LinkCounts(
        month=months[0].month if months else None,
        bands=tuple(
            StratumLinks(stratum.stratum, stratum.linked, sizes[stratum.stratum], stratum.estimated)
            for stratum in strata
        ),
        automatic=show_count(sum(stratum.pairs or 0 for stratum in strata if stratum.linked))
        if months
        else None,
        joined=show_count(steward[DecisionKind.SAME]),
        parted=show_count(steward[DecisionKind.DIFFERENT]),
        asserted=show_count(asserted),
    )
