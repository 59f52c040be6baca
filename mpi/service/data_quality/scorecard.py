"""Scorecard: how complete, valid, timely and distinct a source's records are.

Every figure has its denominator. It follows from the source's own statements and says nothing of links. Only
``consistency`` does, which the package ``quality`` adds from published figures. At most ``MOST_RECORDS``
records are read, drawn at random, so that no request costs more in a large index. Shares are then estimates
with 95 % intervals.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mpi.domain.statistics.sampling import Estimate, estimate_share
from mpi.domain.statistics.small_cells import SMALLEST_SHOWN_COUNT, suppress_cells
from mpi.domain.viewer import Viewer
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.data_quality.consistency_score import Consistency
from mpi.service.data_quality.field_measures import FieldMeasures, GroupCount, Spike
from mpi.service.data_quality.issues import find_reading_action, may_list_issues, require_issue_reader
from mpi.service.data_quality.rule_count import RuleCount
from mpi.service.data_quality.timeliness import (
    Delay,
    list_event_delays,
    measure_feed_delay,
    summarize_delays,
)
from mpi.service.holdings.settings import find_limited_sources
from mpi.standardize.quality.declared_rules import Check
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.sources.quality_issues import parse_issues
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit

MOST_RECORDS = 2000
"""Most records that are read for one scorecard."""
_CHUNK = 1000
_TREND_LOADS = 12
_MAX_GROUPS = 100
FIELDS = ("scorecard",)


@dataclass(frozen=True, slots=True)
class FieldScore:
    """How complete and valid one field is.

    Args:
        field: the field.
        present: records with a value that is meant as one.
        completeness: their share of the records that were read.
        valid: records with a value and no issue of it.
        validity: their share of those with a value; None if there are none.
        placeholders: records whose value stands for no value; they count as without one.
    """

    field: str
    present: int
    completeness: Estimate
    valid: int
    validity: Estimate | None
    placeholders: int


@dataclass(frozen=True, slots=True)
class GroupScore:
    """How complete and valid the records of one county or district are.

    Args:
        kind: ``county`` or ``district``.
        group: code as sent; empty for records that name none.
        records: records of the group that were read.
        completeness: share with every field by which records are matched.
        issues: share with an issue.
    """

    kind: str
    group: str
    records: int
    completeness: Estimate
    issues: Estimate


@dataclass(frozen=True, slots=True)
class RuleScore:
    """How many records break one declared rule.

    Args:
        rule: name of the rule.
        title: what the source does about it.
        checked: records that the rule applies to.
        broken: records that break it; for a value that should be unique, those that repeat one. None if only
            a draw was read, which says nothing of repetitions.
    """

    rule: str
    title: str
    checked: int
    broken: int | None


@dataclass(frozen=True, slots=True)
class LoadScore:
    """How many rows of one load were rejected or had an issue.

    Args:
        load: number of the load.
        at: when it was loaded (ISO, UTC).
        received: rows of the file.
        rejected: rejected rows.
        issues: issues of accepted rows; None for a load from before they were kept.
    """

    load: int
    at: str
    received: int
    rejected: int
    issues: int | None


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Scorecard of one source.

    Args:
        source: code of the source.
        active: active records of the source.
        records: records that were read; fewer than ``active`` are a random draw.
        complete: share with every field by which records are matched; None without a record.
        issues: share with an issue; None without a record.
        repeated: records whose name and birth date another record of the source has too; None if not all
            records were read.
        fields: scores by field.
        rules: scores of the declared rules, as they are now.
        groups: scores by county and district, largest first; small groups are left out for readers who may
            not list the records.
        spikes: values that far too many records share.
        delays: how late events and files are.
        trend: the latest loads, newest first.
        hidden: whether all figures are left out, because they tell who is in care.
        consistency: how often linked records of other agencies agree; None where the viewer does not see both
            sides, or nothing is published yet.
    """

    source: str
    active: int
    records: int
    complete: Estimate | None = None
    issues: Estimate | None = None
    repeated: int | None = None
    fields: tuple[FieldScore, ...] = ()
    rules: tuple[RuleScore, ...] = ()
    groups: tuple[GroupScore, ...] = ()
    spikes: tuple[Spike, ...] = ()
    delays: tuple[Delay, ...] = ()
    trend: tuple[LoadScore, ...] = ()
    hidden: bool = False
    consistency: Consistency | None = None

    @property
    def is_sample(self) -> bool:
        """Whether the figures are of a random draw of records."""
        return self.records < self.active


def read_scorecard(index: Index, viewer: Viewer, source_code: str, most: int = MOST_RECORDS) -> Scorecard:
    """Return the scorecard of a source, measured now.

    Args:
        index: the open index.
        viewer: who asks.
        source_code: the source.
        most: most records that are read; only who holds the database may raise it.

    Raises:
        NotFoundError: there is no such source.
        AccessDenied: the viewer is neither data owner nor sender of the source.
    """
    require_issue_reader(viewer, source_code)
    may_list = may_list_issues(viewer, source_code)
    with index.database.read(viewer) as unit:
        source = unit.sources.get_by_code(source_code)
        if not may_list and source_code in find_limited_sources(unit):
            return Scorecard(source_code, 0, 0, hidden=True)
        active = unit.records.count_active(source.id)
        record_ids = unit.quality_issues.draw_records(most, source.id)
        rule_counts = [RuleCount(rule) for rule in index.settings.declared_rules]
        measures, feed_delays = _measure(unit, record_ids, rule_counts)
        delays = [*_list_event_delays(unit, record_ids), summarize_delays("feed to index", feed_delays)]
        trend = _list_loads(unit, source)
    disclose(index, viewer, find_reading_action(viewer, source_code), (), FIELDS, f"source:{source_code}")
    return Scorecard(
        source=source_code,
        active=active,
        records=measures.records,
        complete=_share(measures.complete, measures.records),
        issues=_share(measures.with_issue, measures.records),
        repeated=measures.count_repeated() if measures.records >= active else None,
        fields=tuple(_score_fields(measures)),
        rules=tuple(_score_rules(rule_counts, is_whole=measures.records >= active)),
        groups=tuple(_score_groups(measures.groups, 1 if may_list else SMALLEST_SHOWN_COUNT)),
        spikes=tuple(measures.find_spikes(shows_values=may_list)),
        delays=tuple(delay for delay in delays if delay is not None),
        trend=trend,
    )


def _measure(
    unit: ReadUnit, record_ids: list[int], rules: list[RuleCount]
) -> tuple[FieldMeasures, list[float]]:
    """Measure the active versions of records, and how late they were loaded."""
    measures, feed_delays = FieldMeasures(), list[float]()
    for start in range(0, len(record_ids), _CHUNK):
        versions = unit.record_versions.active_versions(record_ids[start : start + _CHUNK]).values()
        commits = unit.commit_info({version.received_commit for version in versions})
        for version in versions:
            record = record_from_bytes(version.payload)
            measures.add(record, parse_issues(version.issues))
            for rule in rules:
                rule.add(record)
            feed_delays.append(measure_feed_delay(version.as_of, commits[version.received_commit][0]))
    return measures, feed_delays


def _list_event_delays(unit: ReadUnit, record_ids: list[int]) -> list[Delay | None]:
    """Return how late each kind of event was stated.

    Only records with several versions tell it.
    """
    by_kind: dict[str, list[int]] = {}
    changed = sorted(unit.quality_issues.with_several_versions(record_ids))
    for start in range(0, len(changed), _CHUNK):
        histories = unit.record_versions.versions_of_records(changed[start : start + _CHUNK])
        for versions in histories.values():
            stated = [
                (version.as_of, record_from_bytes(version.payload))
                for version in versions
                if version.state in ("active", "superseded")
            ]
            for kind, days in list_event_delays(stated):
                by_kind.setdefault(kind, []).append(days)
    return [summarize_delays(kind, days) for kind, days in sorted(by_kind.items())]


def _list_loads(unit: ReadUnit, source: Source) -> tuple[LoadScore, ...]:
    """Return a source's latest loads that are in force, newest first."""
    batches = [
        batch for batch in unit.batches.latest(_TREND_LOADS, source=source.code) if batch.status == "loaded"
    ]
    commits = unit.commit_info({batch.commit_no for batch in batches})
    return tuple(
        LoadScore(
            load=batch.id,
            at=commits[batch.commit_no][0],
            received=batch.counts.get("received", 0),
            rejected=batch.counts.get("rejected", 0),
            issues=None if batch.issues is None else sum(batch.issues.values()),
        )
        for batch in batches
    )


def _score_fields(measures: FieldMeasures) -> Iterable[FieldScore]:
    """Yield the score of each field, if any record was read."""
    if not measures.records:
        return
    for name, count in measures.fields.items():
        valid = count.present - count.invalid
        yield FieldScore(
            field=name,
            present=count.present,
            completeness=estimate_share(count.present, measures.records),
            valid=valid,
            validity=_share(valid, count.present),
            placeholders=count.missing_kinds,
        )


def _score_rules(counts: Iterable[RuleCount], *, is_whole: bool) -> Iterable[RuleScore]:
    """Yield the score of each declared rule."""
    for count in counts:
        is_known = is_whole or count.rule.check is not Check.UNIQUE
        yield RuleScore(
            count.rule.name, count.rule.title, count.checked, count.count_broken() if is_known else None
        )


def _score_groups(groups: Mapping[str, Mapping[str, GroupCount]], smallest: int) -> Iterable[GroupScore]:
    """Yield the largest groups of each kind, unless no record names one."""
    for kind, counts in groups.items():
        if not any(counts):
            continue
        shown = suppress_cells({group: count.records for group, count in counts.items()}, smallest)
        ordered = sorted(counts.items(), key=lambda item: (-item[1].records, item[0]))
        for group, count in ordered[:_MAX_GROUPS]:
            if shown[group] is not None:
                yield GroupScore(
                    kind=kind,
                    group=group,
                    records=count.records,
                    completeness=estimate_share(count.complete, count.records),
                    issues=estimate_share(count.with_issue, count.records),
                )


def _share(part: int, whole: int) -> Estimate | None:
    """Return a share with its interval; None of nothing."""
    return estimate_share(part, whole) if whole else None
