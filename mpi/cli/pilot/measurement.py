"""Measures of a pilot's index: figures only, no value of a record."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mpi.cli.model_fit_view import describe_budget
from mpi.cli.pilot.inputs import ColumnUse, PilotFile
from mpi.cli.pilot.model_fit import PilotModel
from mpi.cli.pilot.review_work import ReviewWork, estimate_review_work
from mpi.domain import clock
from mpi.domain.source import SourceKind
from mpi.domain.viewer import Viewer
from mpi.matching.diagnostics.error_rates import ErrorRates
from mpi.matching.diagnostics.population_groups import EVERYONE
from mpi.service.core.index import Index
from mpi.service.data_quality.issues import summarize_issues
from mpi.service.data_quality.scorecard import FieldScore, read_scorecard
from mpi.service.data_quality.suggestions import suggest_correction
from mpi.service.loads.receipt import Receipt
from mpi.service.quality.calibration import measure_calibration
from mpi.service.quality.match_report import MatchGroup, report_matches
from mpi.service.recluster.proposal_view import MINUTES_A_TASK

MOST_SCORED_RECORDS = 50_000
"""Records of a file that are read for the completeness of its fields."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault of a file's data.

    Args:
        field: field of the fault; empty for the whole row.
        kind: code of the fault.
        count: rows or records that have it.
        of: rows or records that were looked at.
        advice: what is meant, or what the source does about it.
    """

    field: str
    kind: str
    count: int
    of: int
    advice: str


@dataclass(frozen=True, slots=True)
class FileMeasures:
    """Figures of one file.

    Args:
        file: name of the file.
        kind: kind of its source.
        program: program that wrote it, if it is known.
        received: rows of the file.
        rejected: rows that could not be used.
        records: records in the index.
        group: its records by outcome, and how many of those expected to be linked are.
        is_expected_whole: whether nearly all records should have a counterpart; else a low share is normal.
        reasons: linkable records without a link, by reason.
        expected: records that are not expected to be linked, by reason.
        repeated: records that share a person with an earlier one of the file.
        rejects: rejected rows by field and reason.
        issues: quality issues of the records by field and kind.
        fields: how complete and valid each field is.
        scored: records behind ``fields``.
        columns: what became of each column.
    """

    file: str
    kind: str
    program: str | None
    received: int
    rejected: int
    records: int
    group: MatchGroup
    is_expected_whole: bool
    reasons: dict[str, int]
    expected: dict[str, int]
    repeated: int
    rejects: tuple[Fault, ...]
    issues: tuple[Fault, ...]
    fields: tuple[FieldScore, ...]
    scored: int
    columns: tuple[ColumnUse, ...]


@dataclass(frozen=True, slots=True)
class PilotMeasures:
    """All figures of a pilot.

    Args:
        files: figures by file.
        records: records in the index.
        persons: persons that they became.
        shared: persons who have records of several files.
        work: review work.
        rates: false and missed links, by kind of evidence.
        chained: linked pairs that were never compared with each other.
        model: name of the model, and whether it was fitted to the files.
        budget: what the model says of its budget of false links.
        fit: how the model came about.
    """

    files: tuple[FileMeasures, ...]
    records: int
    persons: int
    shared: int
    work: ReviewWork
    rates: tuple[ErrorRates, ...]
    chained: int
    model: str
    budget: str
    fit: PilotModel


def measure_index(
    index: Index,
    viewer: Viewer,
    files: Sequence[tuple[PilotFile, Receipt]],
    fit: PilotModel,
    weekly_share: float,
    report: Callable[[float], None],
) -> PilotMeasures:
    """Measure the index of a pilot.

    Args:
        index: the open index, which holds the files and nothing else.
        viewer: who holds the database.
        files: the files with the receipts of their loads.
        fit: how the model came about.
        weekly_share: share of the records that are new or changed in a week.
        report: receives the share of the work that is done.
    """
    measured = []
    for place, (file, receipt) in enumerate(files):
        others = [other for other, _ in files if other is not file]
        measured.append(_measure_file(index, viewer, file, others, receipt))
        report((place + 1) / (len(files) + 1))
    calibration = measure_calibration(index, viewer)
    with index.database.read(viewer) as unit:
        persons = unit.persons.all_current_persons()
        sources = {record_id: label.source for record_id, label in unit.records.iterate_labels()}
        questions = unit.tasks.count(clock.today())
    held_by = Counter(person for person, _ in {(each, sources[record]) for record, each in persons.items()})
    return PilotMeasures(
        files=tuple(measured),
        records=len(persons),
        persons=len(held_by),
        shared=sum(count > 1 for count in held_by.values()),
        work=estimate_review_work(questions, len(persons), MINUTES_A_TASK, weekly_share),
        rates=tuple(rate for rate in calibration.rates if rate.group == EVERYONE),
        chained=calibration.chained,
        model=index.matcher.model.ref,
        budget=describe_budget(index.matcher.model),
        fit=fit,
    )


def _measure_file(
    index: Index, viewer: Viewer, file: PilotFile, others: Sequence[PilotFile], receipt: Receipt
) -> FileMeasures:
    """Measure the records of one file."""
    matches = report_matches(index, viewer, file.code, [other.code for other in others])
    issues = summarize_issues(index, viewer, file.code)
    card = read_scorecard(index, viewer, file.code, MOST_SCORED_RECORDS)
    refused = Counter((reject.field or "", reject.reason) for reject in receipt.rejects)
    details = {(reject.field or "", reject.reason): reject.detail for reject in receipt.rejects}
    rules = index.settings.declared_rules
    is_school = file.kind in {SourceKind.SIS, SourceKind.STATE_ID}
    meets_care = any(other.kind is SourceKind.CCWIS for other in others)
    return FileMeasures(
        file=file.path.name,
        kind=file.kind.value,
        program=file.program,
        received=receipt.received,
        rejected=receipt.rejected,
        records=issues.records,
        group=matches.groups[0] if matches.groups else MatchGroup("all", "", {}, 0, None),
        is_expected_whole=not (is_school and meets_care),
        reasons=dict(matches.reasons),
        expected=dict(matches.expected),
        repeated=matches.repeated,
        rejects=tuple(
            Fault(*place, count, receipt.received, details[place]) for place, count in refused.most_common()
        ),
        issues=tuple(
            Fault(each.field, each.kind, each.records, issues.records, suggest_correction(each.kind, rules))
            for each in issues.counts
        ),
        fields=card.fields,
        scored=card.records,
        columns=file.columns,
    )
