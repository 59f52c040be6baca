"""Preview of a file load, storing nothing."""

from array import array
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

from mpi.domain import clock
from mpi.domain.features import Features
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.domain.weight import Band, round_weight
from mpi.intake.rows import CanonicalRow, RejectedRow
from mpi.matching.model.blocking_keys import BlockingSpec, compute_keys
from mpi.matching.model.data_profile import LEAST_RECORDS, ProfileDifference
from mpi.matching.scoring.batch_scorer import ScoringResources
from mpi.service.core.comparable_record import ComparableRecord, PackedRecord, unpack_features
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.indexing.model_comparison import SAMPLED_RECORDS, compare_features
from mpi.service.indexing.pair_scorer import score_candidate_pairs
from mpi.service.indexing.pairing_limits import DUCKDB_MEMORY
from mpi.service.indexing.reindex import Progress, ignore_progress, read_blocks
from mpi.service.indexing.scored_pairs import BlockSizeLimit
from mpi.service.loads.file_impact import assess_file, find_load_hold
from mpi.service.loads.load import LoadOptions, choose_file_as_of, receive_rows
from mpi.service.loads.receipt import Receipt, count_verdicts, receipt_from
from mpi.service.loads.row_intake import ValidatedFile
from mpi.service.loads.row_screening import preview_screening
from mpi.service.loads.standardize_pool import StandardizePool
from mpi.service.statements.statement import Statement
from mpi.service.statements.statement_judgement import StatementOutcome, judge_statements
from mpi.standardize.serialization import features_to_bytes
from mpi.storage.repositories.derived.features_and_edges import Edges
from mpi.storage.repositories.sources.records import StoredRecord
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit

SAMPLE_PER_BAND = 5
"""Sample records per band."""


@dataclass(frozen=True, slots=True)
class DryRunSample:
    """Record of a previewed file with its best match, without personal values.

    Args:
        local_id: the record.
        line: its line of the file.
        band: band (link, review or non-link) of its best match.
        match_weight: weight of its best match, in bits.
        enterprise_id: the person of the best match; None if that is another record of the file.
        other_local_id: the best match, if it is another record of the file.
    """

    local_id: str
    line: int
    band: Band
    match_weight: float
    enterprise_id: str | None
    other_local_id: str | None


@dataclass(frozen=True, slots=True)
class DryRun:
    """Result of a load preview.

    Args:
        receipt: the receipt that the load would return; ``held`` if a guard would hold it.
        sealed: active records that the load would seal or expunge, which cannot be undone.
        bands: new and changed records by the band of their best match, in the index or in the file. NON_LINK
            also counts records without a match. A band is of one pair's weight: the rest of a component may
            still turn a LINK into a review.
        sample: per band, the records whose weight is nearest to the link threshold.
        model: name and version of the index's model.
        uncompared: records that no other is compared with, as too many records hold each of their keys.
        differences: where the new and changed records are unlike those that the model was fitted on.
    """

    receipt: Receipt
    sealed: int
    bands: dict[Band, int]
    sample: tuple[DryRunSample, ...]
    model: str
    uncompared: int
    differences: tuple[ProfileDifference, ...] = ()


def dry_run(
    index: Index,
    viewer: Viewer,
    source_code: str,
    rows: Iterable[CanonicalRow | RejectedRow],
    options: LoadOptions,
    progress: Progress = ignore_progress,
) -> DryRun:
    """Preview a file load without storing anything.

    Args:
        index: the open index.
        viewer: who asks.
        source_code: the source of the rows.
        rows: as for ``mpi.service.loads.load.load``.
        options: as for ``mpi.service.loads.load.load``.
        progress: receives the progress of long steps.

    Raises:
        NotFoundError: no such source.
        AccessDenied: the viewer may not load this source.
    """
    require_permission(viewer, Action.LOAD, source_code)
    default_as_of = options.as_of or clock.now()
    with closing(receive_rows(index, viewer, source_code, rows, default_as_of)) as file_rows:
        with index.database.read(viewer) as unit:
            source = unit.sources.get_by_code(source_code)
        dropped = preview_screening(index, viewer, source, file_rows, progress)
        preview = _preview_file(index, viewer, file_rows, options, default_as_of, progress)
    preview.receipt.dropped = dropped
    return preview


def _preview_file(
    index: Index,
    viewer: Viewer,
    file_rows: ValidatedFile,
    options: LoadOptions,
    default_as_of: datetime,
    progress: Progress,
) -> DryRun:
    """Preview the load of a file's rows that would be stored."""
    with index.database.read(viewer) as unit:
        source = unit.sources.get_by_code(file_rows.validator.source)
        receipt = receipt_from(source.code, file_rows)
        statements = {statement.local_id: statement for statement in _standardize_statements(file_rows)}
        existing = unit.records.all_of_source(source.id)
        judged = judge_statements(unit, index, source, statements.values(), existing)
        verdicts = judged.outcomes
        sealed_count = _predict_hold(
            unit, receipt, options, choose_file_as_of(file_rows, default_as_of, options), source, file_rows
        )
        if receipt.held_reason is None:
            count_verdicts(receipt, statements.values(), existing, verdicts)
        effective = [
            statement
            for statement in statements.values()
            if verdicts[statement.local_id] in (StatementOutcome.CREATED, StatementOutcome.UPDATED)
        ]
        numbered = _NumberedFile(
            index=index,
            blocking=index.blocking_of(unit, index.config_id(unit)),
            effective=effective,
            standardized=judged.features,
            existing=existing,
        )
        edges, purged_keys = _score_pairs(unit, index, numbered, progress)
        best_pairs = _find_best_pairs(edges, numbered.features)
        return DryRun(
            receipt,
            sealed_count,
            _count_bands(index, numbered, best_pairs),
            _draw_samples(unit, index, numbered, best_pairs),
            index.matcher.model.ref,
            sum(1 for keys in numbered.keys.values() if keys and purged_keys.issuperset(keys)),
            _compare_with_model(index, numbered.features, edges),
        )


def _compare_with_model(
    index: Index, features: Mapping[int, Features], edges: Edges
) -> tuple[ProfileDifference, ...]:
    """List where records and their pairs are unlike those of the model.

    Nothing is listed for fewer than ``LEAST_RECORDS`` records.
    """
    if len(features) < LEAST_RECORDS:
        return ()
    link = index.matcher.model.thresholds.link
    linked = (
        (features[lo], features[hi])
        for (lo, hi), bits in edges.items()
        if bits >= link and lo in features and hi in features
    )
    sample = list(features.values())[:: -(-len(features) // SAMPLED_RECORDS)]
    return compare_features(index, sample, linked)


def _standardize_statements(file: ValidatedFile) -> list[Statement]:
    """Standardize the record statements of a previewed file in parallel."""
    with StandardizePool(file) as pool:
        return pool.collect(pool.submit(list(file.read_statements())))


def _predict_hold(
    unit: ReadUnit, receipt: Receipt, options: LoadOptions, as_of: str, source: Source, file: ValidatedFile
) -> int:
    """Add to a preview receipt the expected hold or withdrawals.

    Returns:
        The number of active records that the load would seal or expunge.
    """
    full = options.snapshot is Snapshot.FULL
    impact = assess_file(unit, source.id, file, as_of, full=full, gone=options.gone)
    receipt.spared = impact.spared_count
    receipt.newer = impact.newer_count if full or options.gone else 0
    reason = None
    if not options.confirm:
        reason = find_load_hold(unit, source, file, impact, as_of, full=full, gone=options.gone)
    if reason is not None:
        receipt.status, receipt.held_reason, receipt.held = "held", reason, len(file.headings)
        return impact.sealed_count
    missing_count = len(impact.select_missing_active(as_of))
    receipt.withdrawn = missing_count
    receipt.received += missing_count
    return impact.sealed_count


class _NumberedFile:
    """New and changed records of a previewed file, numbered for scoring.

    A stored record keeps its number, so that it is never compared with its own past; a new record gets a
    negative number, which no stored record has.
    """

    def __init__(
        self,
        index: Index,
        blocking: BlockingSpec,
        effective: Collection[Statement],
        standardized: Mapping[str, ComparableRecord],
        existing: Mapping[str, StoredRecord],
    ) -> None:
        self.statements: dict[int, Statement] = {}
        self.features: dict[int, Features] = {}
        self.keys: dict[int, list[int]] = {}
        for position, statement in enumerate(effective, 1):
            stored = existing.get(statement.local_id)
            number = -position if stored is None else stored.id
            self.statements[number] = statement
            self.features[number] = unpack_features(standardized[statement.local_id])
            self.keys[number] = compute_keys(self.features[number], blocking, index.keyed_hash)


def _score_pairs(
    unit: ReadUnit, index: Index, file: _NumberedFile, progress: Progress
) -> tuple[Edges, set[int]]:
    """Score every candidate pair with at least one record of the file.

    Returns:
        The pairs; and the file's blocking keys that bring no pairs.
    """
    config_id = index.config_id(unit)
    if len(file.statements) < index.tuning.scoring.duckdb_records:
        return _score_small_file(unit, index, config_id, file)
    return _score_large_file(unit, index, config_id, file, progress)


def _score_small_file(
    unit: ReadUnit, index: Index, config_id: int, file: _NumberedFile
) -> tuple[Edges, set[int]]:
    """Score a small file's pairs one at a time."""
    blocks = _find_blocks(unit, index, config_id, file)
    pairs = {
        pair
        for block in blocks.values()
        for pair in combinations(sorted(block), 2)
        if not file.statements.keys().isdisjoint(pair)
    }
    numbers = {number for pair in pairs for number in pair}
    stored = load_features(unit, config_id, numbers.difference(file.statements))
    features = stored | file.features
    weigh = index.matcher.scorer.weigh
    edges = {(lo, hi): round_weight(weigh(features[lo], features[hi])) for lo, hi in pairs}
    return edges, {key for keys in file.keys.values() for key in keys}.difference(blocks)


def _find_blocks(unit: ReadUnit, index: Index, config_id: int, file: _NumberedFile) -> dict[int, set[int]]:
    """Return a file's records by blocking key, without purged keys."""
    # The stored keys of a changed record are outdated; only its new keys count.
    blocks = {
        key: set(records).difference(file.statements)
        for key, records in read_blocks(unit, config_id, file.keys, None).items()
    }
    for number, record_keys in file.keys.items():
        for key in record_keys:
            blocks.setdefault(key, set()).add(number)
    purged_keys = unit.keys.purged_blocks.select_purged(config_id, blocks.keys())
    limit = index.settings.block_limits.paired
    return {key: block for key, block in blocks.items() if key not in purged_keys and len(block) <= limit}


def _score_large_file(
    unit: ReadUnit, index: Index, config_id: int, file: _NumberedFile, progress: Progress
) -> tuple[Edges, set[int]]:
    """Score a large file's pairs with the batch engine."""
    records = {
        number: PackedRecord(features_to_bytes(file.features[number]), array("q", record_keys).tobytes(), "")
        for number, record_keys in file.keys.items()
    }
    place = ScoringResources(
        index.home,
        DUCKDB_MEMORY,
        lambda done, total: progress("scoring pairs", done, total),
        index.tuning.scoring,
    )
    size_limit = BlockSizeLimit(index.settings.block_limits.paired)
    scored = score_candidate_pairs(unit, index.matcher, config_id, records, place, size_limit=size_limit)
    return scored.to_edges(), set(scored.block_sizes.purged_keys.tolist())


def _find_best_pairs(edges: Edges, numbers: Collection[int]) -> dict[int, tuple[float, int]]:
    """Return each file record's heaviest pair: match weight and matched record."""
    best_pairs: dict[int, tuple[float, int]] = {}
    for (lo, hi), bits in edges.items():
        for number, match in ((lo, hi), (hi, lo)):
            if number in numbers and (number not in best_pairs or (bits, match) > best_pairs[number]):
                best_pairs[number] = (bits, match)
    return best_pairs


def _count_bands(
    index: Index, file: _NumberedFile, best_pairs: Mapping[int, tuple[float, int]]
) -> dict[Band, int]:
    """Count the file's records by the band of their best match."""
    counts = dict.fromkeys(Band, 0)
    for bits, _ in best_pairs.values():
        counts[index.matcher.model.thresholds.classify(bits)] += 1
    counts[Band.NON_LINK] += len(file.statements) - len(best_pairs)
    return counts


def _draw_samples(
    unit: ReadUnit, index: Index, file: _NumberedFile, best_pairs: Mapping[int, tuple[float, int]]
) -> tuple[DryRunSample, ...]:
    """Choose in each band the file's records nearest to the link threshold."""
    thresholds = index.matcher.model.thresholds
    nearest = sorted(
        best_pairs,
        key=lambda candidate: (
            abs(best_pairs[candidate][0] - thresholds.link),
            file.statements[candidate].local_id,
        ),
    )
    sample_numbers = [
        number
        for band in Band
        for number in [
            candidate for candidate in nearest if thresholds.classify(best_pairs[candidate][0]) is band
        ][:SAMPLE_PER_BAND]
    ]
    persons = unit.persons.current_persons(
        [
            best_pairs[candidate][1]
            for candidate in sample_numbers
            if best_pairs[candidate][1] not in file.statements
        ]
    )
    eids = {number: person.eid for number, person in unit.persons.by_ids(set(persons.values())).items()}
    return tuple(
        _sample_from(
            file,
            thresholds.classify(best_pairs[candidate][0]),
            candidate,
            best_pairs[candidate],
            persons,
            eids,
        )
        for candidate in sample_numbers
    )


def _sample_from(
    file: _NumberedFile,
    band: Band,
    number: int,
    match: tuple[float, int],
    persons: Mapping[int, int],
    eids: Mapping[int, str],
) -> DryRunSample:
    """Build the preview sample of one record and its best match."""
    statement, (bits, best_number) = file.statements[number], match
    best_statement = file.statements.get(best_number)
    return DryRunSample(
        local_id=statement.local_id,
        line=statement.line_number,
        band=band,
        match_weight=bits,
        enterprise_id=None if best_statement is not None else eids.get(persons.get(best_number, 0)),
        other_local_id=None if best_statement is None else best_statement.local_id,
    )
