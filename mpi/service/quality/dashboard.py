"""Figures of the quality dashboard: workload, match rate, accuracy and throughput.

Figures that follow from questions are *named* for a viewer who may read every question, and then exact and
current. All others are *published*: see ``publication``. The match rate is published for everybody.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mpi.domain import clock
from mpi.domain.quality_rules import PublicationRules
from mpi.domain.statistics.rater_agreement import measure_agreement
from mpi.domain.statistics.sampling import Estimate, estimate_share
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.quality.exact_counts import THROUGHPUT_DAYS, count_decisions, count_in_care
from mpi.service.quality.figure_access import permit_figures, sees_every_question
from mpi.service.quality.live_accuracy import MonthlyAccuracy, measure_recent_accuracy
from mpi.service.quality.model_fit import ModelFit, read_model_fit
from mpi.service.quality.new_records import NewRecordsRow, count_new_records, list_rows
from mpi.service.quality.publication import (
    CREATES,
    QUALITY,
    Publication,
    PublicationDay,
    find_next_day,
    read_months,
    read_publication,
)
from mpi.service.quality.published_counts import estimate_published_share
from mpi.service.quality.throughput import Throughput, measure_throughput
from mpi.service.review.waiting_count import count_waiting_questions
from mpi.service.sampling.blind_sample import LINKED, NOT_LINKED, Stratum
from mpi.storage.unit_of_work.units import ReadUnit

NEW_DAYS = 7
"""Days that count as new."""
AGE_CUTOFF_DAYS = (30, 7, 1)
"""Ages in days that divide open questions into groups, oldest first."""
AGE_NAMES = ("over 30 days", "8 to 30 days", "2 to 7 days", "up to a day")
"""Names of the age groups of open questions, oldest first."""


@dataclass(frozen=True, slots=True)
class KindCount:
    """Numbers of open and new review questions of one kind."""

    kind: str
    open: int
    new: int


@dataclass(frozen=True, slots=True)
class AgeCount:
    """Number of open review questions of one age group."""

    age: str
    open: int


@dataclass(frozen=True, slots=True)
class Workload:
    """Open review questions, and those closed in the last ``NEW_DAYS`` days.

    A published workload has the open questions alone, and the rest is None or empty.

    Args:
        open: open questions; in a published workload, such that no person is in two of them.
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
        in_care: persons who are in care, according to child welfare; None if not shown.
        found: of them, persons with a record of a school or of the state student ID system; None if not
            shown.
        rate: the share; None if a count is not shown or nobody is in care. Not every child in care is
            enrolled, so the share is below 1 even if every school is found.
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
        pairs: number of pairs that both judged.
        agreed: number of pairs with equal verdicts.
        kappa: Cohen's kappa (agreement beyond chance) with its 95 % interval; None if it is undefined.
    """

    first: str
    second: str
    pairs: int
    agreed: int
    kappa: Estimate | None


@dataclass(frozen=True, slots=True)
class StratumLinks:
    """Number of record pairs in one stratum of the latest blind sample.

    Args:
        stratum: name of the stratum.
        linked: whether its pairs are linked.
        pairs: number of pairs; None if too small to be shown.
        estimated: whether the number is an estimate; a published one is.
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
        at: when the named figures were counted, or the published ones were measured (ISO, UTC); empty if
            there are none yet.
        suppressed: whether all figures are published ones: with noise, rounded, and without small counts.
        publication: when the published figures are shown, and of which day they are; None before the first.
        next_publication: day on which the next figures are published, ``YYYY-MM-DD``.
        workload: open and recently closed questions.
        match_rate: share of children in care whose school record is found.
        live: precision and recall by month, latest first.
        agreement: agreement by pair of stewards.
        seconds_waiting: second reviews that wait for an answer.
        links: what joins and separates records.
        throughput: answers by person in the last ``THROUGHPUT_DAYS`` days.
        model_fit: whether the records are like those that the model was fitted on; None until it is read.
        new_records: published counts of records that clients sent as new, by month and client.
    """

    at: str
    suppressed: bool
    publication: PublicationDay | None
    next_publication: str
    workload: Workload
    match_rate: MatchRate
    live: tuple[MonthlyAccuracy, ...]
    agreement: tuple[StewardAgreement, ...]
    seconds_waiting: int | None
    links: LinkCounts
    throughput: tuple[Throughput, ...]
    model_fit: ModelFit | None = None
    new_records: tuple[NewRecordsRow, ...] = ()


def read_quality(index: Index, viewer: Viewer) -> QualityFigures:
    """Return the figures of the quality dashboard for a reader.

    Raises:
        AccessDenied: the viewer may not read figures, or does not see every source.
    """
    permit_figures(viewer)
    with index.database.read(viewer) as unit:
        publication = read_publication(unit, index, QUALITY)
        next_day = find_next_day(unit, index)
        model_fit = read_model_fit(unit, index)
        creates = read_publication(unit, index, CREATES)
        new_records = () if creates is None else list_rows(creates.counts, creates.day.smallest_shown)
        if not sees_every_question(viewer):
            published = _build_published_figures(publication, next_day)
            return replace(published, model_fit=model_fit, new_records=new_records)
        named = _measure_figures(unit, clock.now(), MatchRate(None, None, None))
    return replace(
        named,
        model_fit=model_fit,
        new_records=new_records,
        publication=None if publication is None else publication.day,
        next_publication=next_day,
        match_rate=build_published_rate(publication),
    )


def measure_quality(index: Index, viewer: Viewer) -> QualityFigures:
    """Measure all figures exactly, as they are now.

    Only for who holds the database: two answers tell what changed in between.

    Raises:
        AccessDenied: the viewer may not read figures, or does not see every source.
    """
    permit_figures(viewer)
    now = clock.now()
    with index.database.read(viewer) as unit:
        in_care, found_count = count_in_care(unit, now.date().isoformat())
        rate = estimate_share(found_count, in_care) if in_care else None
        figures = _measure_figures(unit, now, MatchRate(in_care, found_count, rate))
        return replace(
            figures,
            next_publication=find_next_day(unit, index),
            model_fit=read_model_fit(unit, index),
            new_records=list_rows(count_new_records(unit, index, now), smallest=1),
        )


def _measure_figures(unit: ReadUnit, now: datetime, match_rate: MatchRate) -> QualityFigures:
    """Measure the figures that follow from questions, answers and decisions."""
    months = measure_recent_accuracy(unit, now)
    return QualityFigures(
        at=clock.format_timestamp(now),
        suppressed=False,
        publication=None,
        next_publication="",
        workload=_measure_workload(unit, now),
        match_rate=match_rate,
        live=months,
        agreement=measure_steward_agreement(unit),
        seconds_waiting=unit.blind_pairs.count_unanswered_second_reviews(),
        links=_count_links(unit, months),
        throughput=measure_throughput(unit, clock.format_timestamp(now - timedelta(days=THROUGHPUT_DAYS))),
    )


def _measure_workload(unit: ReadUnit, now: datetime) -> Workload:
    """Count open and recently closed review questions by kind and age."""
    today, moment = now.date().isoformat(), clock.format_timestamp(now)
    commit_cutoffs = [
        unit.commit_at(clock.format_timestamp(now - timedelta(days=days))) for days in AGE_CUTOFF_DAYS
    ]
    waiting_counts = count_waiting_questions(unit, now, commit_cutoffs)
    new_age = AGE_CUTOFF_DAYS.index(NEW_DAYS) + 1
    kinds = tuple(
        KindCount(
            kind,
            open=sum(row.questions for row in waiting_counts if row.kind == kind),
            new=sum(row.questions for row in waiting_counts if row.kind == kind and row.age >= new_age),
        )
        for kind in sorted({row.kind for row in waiting_counts})
    )
    ages = tuple(
        AgeCount(name, sum(row.questions for row in waiting_counts if row.age == age))
        for age, name in enumerate(AGE_NAMES)
    )
    work_counts = unit.figures.count_by_state(moment)
    closed_counts = unit.figures.count_closed(clock.format_timestamp(now - timedelta(days=NEW_DAYS)))
    oldest_opened_at = unit.figures.oldest_opened_at(today)
    return Workload(
        open=sum(kind.open for kind in kinds),
        new=sum(kind.new for kind in kinds),
        claimed=work_counts.get("claimed", 0),
        asleep=work_counts.get("asleep", 0),
        waiting=work_counts.get("waiting", 0),
        answered=closed_counts.get("answered", 0),
        went=closed_counts.get("went", 0),
        kinds=kinds,
        ages=ages,
        oldest_days=None
        if oldest_opened_at is None
        else (now - datetime.fromisoformat(oldest_opened_at)).days,
    )


def measure_steward_agreement(unit: ReadUnit) -> tuple[StewardAgreement, ...]:
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
        agreements.append(StewardAgreement(first, second, judged.pairs, judged.agreed, judged.kappa))
    return tuple(agreements)


def _count_links(unit: ReadUnit, months: tuple[MonthlyAccuracy, ...]) -> LinkCounts:
    """Count automatic links, and the decisions that join or separate records."""
    strata = months[0].strata if months else ()
    decisions = count_decisions(unit)
    return LinkCounts(
        month=months[0].month if months else None,
        bands=tuple(
            StratumLinks(stratum.stratum, stratum.linked, stratum.pairs, stratum.estimated)
            for stratum in strata
        ),
        automatic=sum(stratum.pairs for stratum in strata if stratum.linked) if months else None,
        joined=decisions["joined"],
        parted=decisions["parted"],
        asserted=decisions["asserted"],
    )


def _build_published_figures(publication: Publication | None, next_day: str) -> QualityFigures:
    """Build the figures of a reader who may not read every question."""
    return QualityFigures(
        at="" if publication is None else publication.computed_at,
        suppressed=True,
        publication=None if publication is None else publication.day,
        next_publication=next_day,
        workload=_build_published_workload(publication),
        match_rate=build_published_rate(publication),
        live=() if publication is None else read_months(publication),
        agreement=(),
        seconds_waiting=None,
        links=_build_published_links(publication),
        throughput=(),
    )


def _build_published_workload(publication: Publication | None) -> Workload:
    """Build the published workload, which has the number of open questions alone."""
    return Workload(
        open=None if publication is None else publication.count("questions"),
        new=None,
        claimed=None,
        asleep=None,
        waiting=None,
        answered=None,
        went=None,
        kinds=(),
        ages=(),
        oldest_days=None,
    )


def build_published_rate(publication: Publication | None) -> MatchRate:
    """Build the match rate from published counts alone, in whole percents."""
    if publication is None:
        return MatchRate(None, None, None)
    in_care, found_count = publication.count("in_care"), publication.count("found")
    if in_care is None or found_count is None:
        return MatchRate(in_care, found_count, None)
    rules = PublicationRules(publication.day.base)
    return MatchRate(in_care, found_count, estimate_published_share(found_count, in_care, rules))


def _build_published_links(publication: Publication | None) -> LinkCounts:
    """Build the published numbers of pairs and decisions."""
    if publication is None:
        return LinkCounts(None, (), None, None, None, None)
    return LinkCounts(
        month=publication.sample_month,
        bands=tuple(
            StratumLinks(stratum, stratum in LINKED, publication.count(f"stratum.{stratum}"), estimated=True)
            for stratum in (*LINKED, *NOT_LINKED)
            if f"stratum.{stratum}" in publication.counts
        ),
        automatic=publication.count("linked_pairs"),
        joined=publication.count("joined"),
        parted=publication.count("parted"),
        asserted=publication.count("asserted"),
    )
