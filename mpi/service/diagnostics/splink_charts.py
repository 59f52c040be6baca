"""Splink's charts of the model and of records that are visible.

The charts of the model tell of no record. Those of records are for who may read every record and every
question, as exact figures are: a count over records that a reader may not see would tell of them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.features import Features
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.matching.compiler.online_scorer import compute_level_bits
from mpi.matching.diagnostics.splink_charts import (
    UNLINKABLE_STEP,
    draw_dashboards,
    draw_model_charts,
    draw_unlinkables,
    draw_waterfall,
)
from mpi.service.access.colleague_rights import view_as
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.service.core.visible_features import limits_comparisons, load_visible_features
from mpi.service.explanations.pair_explanation import Explanation, explain_compared_pair, find_pair_numbers
from mpi.service.explanations.wording import CAUTION
from mpi.service.quality.figure_access import sees_every_question
from mpi.storage.unit_of_work.units import ReadUnit

DEFAULT_SAMPLE, MAX_SAMPLE = 1_000, 20_000
"""Records that are drawn, by default and at most."""
_MAX_LISTED_RECORDS = 1_000
"""Most records that a line of the ledger names."""
_FIELDS = ("charts", "match_weight")


@dataclass(frozen=True, slots=True)
class ChartRequest:
    """Which charts are wanted.

    Args:
        account: name of the account whose rights count; None for those of who asks.
        pair: two records whose match weight is drawn; None for none.
        sample: records that are drawn at random.
    """

    account: str | None = None
    pair: tuple[RecordRef, RecordRef] | None = None
    sample: int = DEFAULT_SAMPLE


@dataclass(frozen=True, slots=True)
class FigureTable:
    """A table with the figures of a chart.

    Args:
        title: title of the table.
        columns: titles of the columns.
        rows: cells of each row.
        texts: number of columns that hold texts; they come first.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    texts: int = 2


@dataclass(slots=True)
class SplinkCharts:
    """Charts with the tables of their figures.

    Args:
        model: name and version of the model.
        day: day of the charts, ``YYYY-MM-DD``.
        pages: HTML of each chart by name.
        tables: tables with the same figures.
        sampled: records that were drawn; None where the reader gets no chart of records.
        compared: pairs of these records, and of records linked to them, that are compared.
        cautions: what caps the weight of the pair, in words; Splink's chart has no cautions.
    """

    model: str
    day: str
    pages: dict[str, str]
    tables: list[FigureTable]
    sampled: int | None = None
    compared: int = 0
    cautions: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class _Sample:
    """Records whose charts are drawn.

    Args:
        drawn: numbers of the records that were drawn.
        features: features by number, of the drawn records and of those that belong to them.
        pairs: pairs of these records that the index has compared.
        persons: number of the person of each record.
    """

    drawn: tuple[int, ...]
    features: dict[int, Features]
    pairs: list[tuple[int, int]]
    persons: dict[int, int]


def make_splink_charts(index: Index, viewer: Viewer, request: ChartRequest, work_dir: Path) -> SplinkCharts:
    """Return Splink's charts for a reader, without a value of a record.

    Args:
        index: the open index.
        viewer: who makes the charts.
        request: for whom, and of which records.
        work_dir: private folder for temporary files.

    Raises:
        AccessDenied: the reader may not take charts away, or the pair is one that the reader may not read; or
            the viewer may not administer accounts and names one.
        NotFoundError: there is no such account or record.
        ConflictError: a record of the pair is not active, so it is not compared.
        InputError: the sample is too small or too large, or the pair is one record.
    """
    if not 1 <= request.sample <= MAX_SAMPLE:
        raise InputError(f"sample: give a number of records from 1 to {MAX_SAMPLE:,}")
    reader = _find_reader(index, viewer, request.account)
    require_permission(reader, Action.CHARTS_EXPORT)
    model = index.matcher.model
    charts = SplinkCharts(model.ref, clock.today(), draw_model_charts(model), [_tabulate_model(index)])
    if request.pair is not None:
        _add_pair(index, reader, charts, request.pair, work_dir)
    if sees_every_question(reader) and not limits_comparisons(reader):
        _add_sample(index, reader, charts, request.sample, work_dir)
    if request.pair is None and not charts.sampled:
        disclose(index, reader, Action.CHARTS_EXPORT, (), ("charts",))
    return charts


def _find_reader(index: Index, viewer: Viewer, account_name: str | None) -> Viewer:
    """Return the viewer whose rights count."""
    if account_name is None:
        return viewer
    require_permission(viewer, Action.ACCOUNT_ADMIN)
    with index.database.read(viewer) as unit:
        account = unit.accounts.find_by_name(account_name)
        if account is None or account.ended_commit is not None:
            raise NotFoundError(f"there is no account {account_name!r}, or it has ended")
        return view_as(index, unit, account)


def _tabulate_model(index: Index) -> FigureTable:
    """Return the parameters of each comparison level."""
    rows = tuple(
        (
            comparison.name,
            level.label,
            "" if level.m is None else f"{level.m:.6f}",
            "" if level.u is None else f"{level.u:.6f}",
            f"{compute_level_bits(level):+.2f}",
        )
        for comparison in index.matcher.scorer.parameters.comparisons
        for level in comparison.levels
    )
    return FigureTable(
        "Match weights and parameters",
        ("comparison", "level", "m: share of matches", "u: share of others", "weight in bits"),
        rows,
    )


def _add_pair(
    index: Index, reader: Viewer, charts: SplinkCharts, pair: tuple[RecordRef, RecordRef], work_dir: Path
) -> None:
    """Add the chart of one pair that the reader may see."""
    require_permission(reader, Action.RECORD_READ)
    with index.database.read(reader) as unit:
        numbers = find_pair_numbers(unit, *pair)
        visible = load_visible_features(unit, index, numbers)
        explanation = explain_compared_pair(unit, index, visible, numbers)
    if explanation is None:
        raise ConflictError("one of the records is not active, so it is not compared")
    left, right = (visible.by_record[number] for number in numbers)
    charts.pages["waterfall"] = draw_waterfall(index.matcher.model, left, right, work_dir)
    charts.tables.append(_tabulate_pair(explanation))
    charts.cautions = explanation.cautions
    disclose(index, reader, Action.CHARTS_EXPORT, numbers, _FIELDS)


def _tabulate_pair(explanation: Explanation) -> FigureTable:
    """Return the weight of each level of a pair.

    What a value's frequency adds is left out, since it may tell the value. So is the caution: its bits depend
    on the whole weight.
    """
    weights = [
        (part.comparison, part.level, part.bits - part.frequency_bits)
        for part in explanation.parts
        if part.comparison != CAUTION
    ]
    weights.append(("all together", "", sum(bits for *_, bits in weights)))
    return FigureTable(
        "How the pair gets its weight",
        ("comparison", "level", "weight in bits"),
        tuple((comparison, level, f"{bits:+.2f}") for comparison, level, bits in weights),
    )


def _add_sample(index: Index, reader: Viewer, charts: SplinkCharts, size: int, work_dir: Path) -> None:
    """Add the charts of records that are drawn at random."""
    with index.database.read(reader) as unit:
        sample = _draw_sample(unit, index, size)
    if not sample.drawn:
        charts.sampled = 0
        return
    model = index.matcher.model
    page, shares = draw_unlinkables(model, [sample.features[number] for number in sample.drawn])
    charts.pages["unlinkables"] = page
    rows = [(f"{each.bits:+}", f"{each.share:.1%}") for each in shares if each.bits % UNLINKABLE_STEP == 0]
    charts.tables.append(
        FigureTable(
            f"Of {len(sample.drawn):,} records: share that weighs less beside itself",
            ("weight in bits", "share of records"),
            tuple(rows),
            texts=1,
        )
    )
    numbers = sorted(sample.features)
    places = {number: place for place, number in enumerate(numbers)}
    persons = sorted(set(sample.persons.values()))
    names = {person: name for name, person in enumerate(persons, 1)}
    charts.pages |= draw_dashboards(
        model,
        [sample.features[number] for number in numbers],
        [(places[lo], places[hi]) for lo, hi in sample.pairs],
        {places[number]: names[person] for number, person in sorted(sample.persons.items())},
        work_dir,
    )
    charts.sampled, charts.compared = len(sample.drawn), len(sample.pairs)
    _disclose_sample(index, reader, numbers)


def _draw_sample(unit: ReadUnit, index: Index, size: int) -> _Sample:
    """Draw records that the reader may see whole, with their pairs."""
    config_id = index.config_id(unit)
    # The same records each time: two draws would tell more than one.
    chosen = sorted(visible_labels(unit, unit.quality_issues.draw_records(size)))
    floor = index.matcher.model.thresholds.storage_floor
    edges = unit.derived_data.edges_of(config_id, chosen, floor)
    joined = {number for pair in edges for number in pair}
    members = unit.persons.members(set(unit.persons.current_persons({*chosen, *joined}).values()))
    wanted = {*chosen, *joined, *(number for numbers in members.values() for number in numbers)}
    visible = load_visible_features(unit, index, visible_labels(unit, wanted))
    features = {number: own for number, own in visible.by_record.items() if number not in visible.partial}
    persons = unit.persons.current_persons(features)
    pairs = _list_pairs(unit.derived_data.edges_of(config_id, features, floor), features)
    drawn = tuple(number for number in chosen if number in features)
    return _Sample(
        drawn, features, pairs, {number: persons[number] for number in features if number in persons}
    )


def _list_pairs(edges: Collection[tuple[int, int]], records: Collection[int]) -> list[tuple[int, int]]:
    """Return the pairs of which both records are there."""
    return sorted((lo, hi) for lo, hi in edges if lo in records and hi in records)


def _disclose_sample(index: Index, reader: Viewer, numbers: Sequence[int]) -> None:
    """Write the line of the charts of records."""
    if len(numbers) <= _MAX_LISTED_RECORDS:
        disclose(index, reader, Action.CHARTS_EXPORT, numbers, _FIELDS)
        return
    handle = f"charts@{clock.format_timestamp(clock.now())}"
    disclose(index, reader, Action.CHARTS_EXPORT, (), _FIELDS, handle)
