"""Dry run: what loading a file would do, with nothing stored."""

from array import array
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.features import Features
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Action, Viewer, permit
from mpi.domain.weight import Band, rounded
from mpi.intake.rows import RejectedRow, SentRow
from mpi.matching.model.blocking_keys import BlockingSpec, keys
from mpi.matching.scoring.load_scorer import Place
from mpi.service.core.comparable_record import Comparable, Packed, unpacked
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.indexing.pairing import MEMORY, pair_up
from mpi.service.indexing.reindex import BATCH_RECORDS, Progress, candidates, silent
from mpi.service.loads.guards import find_hold_reason
from mpi.service.loads.load import LoadOptions, choose_file_as_of, receive_rows
from mpi.service.loads.receipt import Receipt, count_verdicts, receipt_from
from mpi.service.loads.row_intake import ValidatedFile
from mpi.service.loads.snapshots import assess_file
from mpi.service.loads.standardize_pool import StandardizePool
from mpi.service.statements.intake import Verdict, judge_all
from mpi.service.statements.statement import Statement
from mpi.standardize.payload import features_to_bytes
from mpi.storage.repositories.derived.derived import Edges
from mpi.storage.repositories.sources.records import StoredRecord
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.unit import ReadUnit

SAMPLE_PER_BAND = 5


@dataclass(frozen=True, slots=True)
class DryRunSample:
    """A record of the file and its best match, to look at; no personal values.

    Args:
        local_id: the record.
        line: its line of the file.
        band: of its best match.
        match_weight: of its best match, in bits.
        enterprise_id: the person of the best match; None where that is another record of the file.
        other_local_id: the best match, where it is another record of the file.
    """

    local_id: str
    line: int
    band: Band
    match_weight: float
    enterprise_id: str | None
    other_local_id: str | None


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a load would do.

    Args:
        receipt: as the load would give it; ``held`` where a guard would hold it.
        sealed: active records that it would seal or expunge, which cannot be undone.
        bands: new and changed records by the band of their best match, in the index or in the file;
            NON_LINK also counts those that match nothing. A band is of a pair on its own weight: the
            rest of a component may still turn a LINK into a review.
        sample: per band the records whose weight is nearest to the link threshold.
    """

    receipt: Receipt
    sealed: int
    bands: dict[Band, int]
    sample: tuple[DryRunSample, ...]


def dry_run(
    index: Index,
    viewer: Viewer,
    source_code: str,
    rows: Iterable[SentRow | RejectedRow],
    options: LoadOptions,
    progress: Progress = silent,
) -> DryRun:
    """Do everything of a load that stores nothing.

    Args:
        index: the open index.
        viewer: who asks.
        source_code: the source that the rows are of.
        rows: as for ``mpi.service.loads.load.load``.
        options: as for ``mpi.service.loads.load.load``.
        progress: told of long steps.

    Raises:
        NotFoundError: no such source.
        AccessDenied: the viewer may not load this source.
    """
    permit(viewer, Action.LOAD, source_code)
    moment = options.as_of or clock.now()
    with (
        closing(receive_rows(index, viewer, source_code, rows, moment)) as sent,
        index.database.read(viewer) as unit,
    ):
        source = unit.sources.by_code(source_code)
        receipt = receipt_from(source_code, sent)
        said = {one.local_id: one for one in _standardize_statements(sent)}
        existing = unit.records.of_source(source.id)
        judged = judge_all(unit, index, source, said.values(), existing)
        verdicts = judged.verdicts
        sealed = _predict_hold(unit, receipt, options, choose_file_as_of(sent, moment, options), source, sent)
        if receipt.held_reason is None:
            count_verdicts(receipt, said.values(), existing, verdicts)
        news = [one for one in said.values() if verdicts[one.local_id] in (Verdict.CREATED, Verdict.UPDATED)]
        file = _NumberedFile(
            index, index.blocking_of(unit, index.config_id(unit)), news, judged.features, existing
        )
        best = _find_best_pairs(_score_pairs(unit, index, file, progress), file.features)
        return DryRun(
            receipt, sealed, _count_bands(index, file, best), _draw_samples(unit, index, file, best)
        )


def _standardize_statements(sent: ValidatedFile) -> list[Statement]:
    with StandardizePool(sent) as meanwhile:
        return meanwhile.collect(meanwhile.submit(list(sent.read_statements())))


def _predict_hold(
    unit: ReadUnit, receipt: Receipt, options: LoadOptions, as_of: str, source: Source, sent: ValidatedFile
) -> int:
    """Put into the receipt whether the load would be held, and what it would withdraw.

    Returns how many active records it would seal or expunge.
    """
    found = assess_file(unit, source.id, sent, as_of, full=options.snapshot is Snapshot.FULL)
    receipt.spared = found.spared_count
    reason = None if options.confirm else find_hold_reason(found.to_effect(as_of))
    if reason is not None:
        receipt.status, receipt.held_reason, receipt.held = "held", reason, len(sent.headings)
        return found.sealed_count
    absent = len(found.select_missing_active(as_of))
    receipt.withdrawn = absent
    receipt.received += absent
    return found.sealed_count


class _NumberedFile:
    """The file's new and changed records under numbers of their own.

    A record that the index has keeps its number, so that it is never compared with its own past; a new one
    gets a negative number, which no stored record has.
    """

    def __init__(
        self,
        index: Index,
        blocking: BlockingSpec,
        news: Collection[Statement],
        made: Mapping[str, Comparable],
        existing: Mapping[str, StoredRecord],
    ) -> None:
        self.statements: dict[int, Statement] = {}
        self.features: dict[int, Features] = {}
        self.keys: dict[int, list[int]] = {}
        for position, one in enumerate(news, 1):
            old = existing.get(one.local_id)
            number = -position if old is None else old.id
            self.statements[number] = one
            self.features[number] = unpacked(made[one.local_id])
            self.keys[number] = keys(self.features[number], blocking, index.keyed_hash)


def _score_pairs(unit: ReadUnit, index: Index, file: _NumberedFile, progress: Progress) -> Edges:
    """Weights of every pair that has an end in the file, as a load would find them."""
    config_id = index.config_id(unit)
    if len(file.statements) < BATCH_RECORDS:
        return _score_small_file(unit, index, config_id, file)
    return _score_large_file(unit, index, config_id, file, progress)


def _score_small_file(unit: ReadUnit, index: Index, config_id: int, file: _NumberedFile) -> Edges:
    near = candidates(unit, config_id, file.keys)
    by_key: dict[int, list[int]] = {}
    for number, own_keys in file.keys.items():
        for key in own_keys:
            by_key.setdefault(key, []).append(number)
    stored = load_features(unit, config_id, {n for found in near.values() for n in found})
    known = stored | file.features
    edges: Edges = {}
    for number, own_keys in file.keys.items():
        # A changed record's stored keys are its old ones: it is found by its new ones only.
        found = {n for n in near[number] if n not in file.statements}
        found |= {n for key in own_keys for n in by_key[key]} - {number}
        for other in found:
            edge = (number, other) if number < other else (other, number)
            if edge not in edges:
                edges[edge] = rounded(index.matcher.scorer.weight(known[number], known[other]))
    return edges


def _score_large_file(
    unit: ReadUnit, index: Index, config_id: int, file: _NumberedFile, progress: Progress
) -> Edges:
    mine = {
        number: Packed(features_to_bytes(file.features[number]), array("q", own).tobytes(), "")
        for number, own in file.keys.items()
    }
    told = Place(index.home, MEMORY, lambda done, total: progress("scoring pairs", done, total))
    return pair_up(unit, index.matcher, config_id, mine, told).edges()


def _find_best_pairs(edges: Edges, mine: Collection[int]) -> dict[int, tuple[float, int]]:
    """Each record's best pair: (bits, the other record)."""
    best: dict[int, tuple[float, int]] = {}
    for (lo, hi), bits in edges.items():
        for number, other in ((lo, hi), (hi, lo)):
            if number in mine and (number not in best or (bits, other) > best[number]):
                best[number] = (bits, other)
    return best


def _count_bands(index: Index, file: _NumberedFile, best: Mapping[int, tuple[float, int]]) -> dict[Band, int]:
    counts = dict.fromkeys(Band, 0)
    for bits, _ in best.values():
        counts[index.matcher.model.thresholds.band(bits)] += 1
    counts[Band.NON_LINK] += len(file.statements) - len(best)
    return counts


def _draw_samples(
    unit: ReadUnit, index: Index, file: _NumberedFile, best: Mapping[int, tuple[float, int]]
) -> tuple[DryRunSample, ...]:
    thresholds = index.matcher.model.thresholds
    nearest = sorted(best, key=lambda n: (abs(best[n][0] - thresholds.link), file.statements[n].local_id))
    chosen = [
        number
        for band in Band
        for number in [n for n in nearest if thresholds.band(best[n][0]) is band][:SAMPLE_PER_BAND]
    ]
    persons = unit.persons.current([best[n][1] for n in chosen if best[n][1] not in file.statements])
    eids = {number: one.eid for number, one in unit.persons.get(set(persons.values())).items()}
    return tuple(_sample_from(file, thresholds.band(best[n][0]), n, best[n], persons, eids) for n in chosen)


def _sample_from(
    file: _NumberedFile,
    band: Band,
    number: int,
    match: tuple[float, int],
    persons: Mapping[int, int],
    eids: Mapping[int, str],
) -> DryRunSample:
    said, (bits, other) = file.statements[number], match
    other_said = file.statements.get(other)
    return DryRunSample(
        said.local_id,
        said.line,
        band,
        bits,
        None if other_said is not None else eids.get(persons.get(other, 0)),
        None if other_said is None else other_said.local_id,
    )
