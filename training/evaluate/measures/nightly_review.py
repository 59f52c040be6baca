"""Review tasks that a night's feed of new and changed records causes.

A night on which every record is new is the hardest there is; usually nearly all of a feed is about
children whom the index knows. Weekly feeds of a simulated state stand for the nights. Tasks that did
not exist the week before are counted against the records that the week wrote or changed.
"""

from collections.abc import Iterator
from pathlib import Path

from mpi.domain.record import SENT_FIELDS
from mpi.matching.model.match_model import MatchModel
from training.evaluate.datasets.dataset import standardize_records
from training.evaluate.datasets.simulated_state import SEED, load_name_book
from training.evaluate.measures.intervals import IntervalEstimate, estimate_share
from training.evaluate.model_clusters import partition_records, score_records
from training.records import RecordRow
from training.simulate.files.feeds import BlockFeed, WeekFile, estimate_cast_size, estimate_children
from training.simulate.people.blocks import Block
from training.simulate.rates import load_rates

WEEKS, COUNTED_WEEKS = 6, 3
_NEVER_COMPARED_KINDS = ("sealed", "expunged")

RecordKey = tuple[str, str]
"""Source and local ID."""


def measure_feed_review(model: MatchModel, records: int, names: Path | None) -> IntervalEstimate:
    """Measure clerical-review tasks per new or changed record of weekly feeds.

    Args:
        model: model that decides.
        records: approximate number of records in the first week's files.
        names: folder of census tables; None for Faker's names.
    """
    task_count = written_count = 0
    earlier_tasks: set[frozenset[RecordKey]] | None = None
    for week, (held_rows, changed_keys) in enumerate(_replay_weeks(records, names)):
        if week < WEEKS - COUNTED_WEEKS:
            continue
        tasks = _find_tasks(model, held_rows)
        if earlier_tasks is not None:
            task_count += len(tasks - earlier_tasks)
            written_count += len(changed_keys & held_rows.keys())
        earlier_tasks = tasks
    return estimate_share(task_count, max(written_count, task_count))


def _replay_weeks(
    records: int, names: Path | None
) -> Iterator[tuple[dict[RecordKey, RecordRow], set[RecordKey]]]:
    """Yield each week's records on file and the keys of changed ones."""
    rates, book = load_rates(), load_name_book(names)
    children = estimate_children(records, SEED, WEEKS, rates, book)
    feed = BlockFeed(Block(SEED), estimate_cast_size(children, WEEKS, rates), WEEKS, rates, book)
    held_rows: dict[RecordKey, RecordRow] = {}
    week, changed_keys = 0, set[RecordKey]()
    for file in feed.generate_weeks():
        if file.week > week:
            yield dict(held_rows), changed_keys
            week, changed_keys = file.week, set()
        file_rows = dict(_to_rows(file))
        if file.full:
            for missing_key in [
                key for key in held_rows if key[0] == str(file.source) and key not in file_rows
            ]:
                del held_rows[missing_key]
        changed_keys |= {
            key
            for key, row in file_rows.items()
            if key not in held_rows or held_rows[key].fields != row.fields
        }
        held_rows |= file_rows
        for key in [key for key, row in file_rows.items() if _is_never_compared(row)]:
            del held_rows[key]
    yield dict(held_rows), changed_keys


def _to_rows(file: WeekFile) -> Iterator[tuple[RecordKey, RecordRow]]:
    """Yield the records of one source's weekly file with their keys."""
    columns = list(zip(SENT_FIELDS, file.columns, strict=True))
    source = str(file.source)
    for row in range(len(file)):
        fields = {name: values[row] for name, values in columns if values[row]}
        yield (source, str(fields["local_id"])), RecordRow(source, fields, {})


def _is_never_compared(row: RecordRow) -> bool:
    """Return whether a record is sealed or expunged."""
    return any(kind in str(row.fields.get("restrictions", "")) for kind in _NEVER_COMPARED_KINDS)


def _find_tasks(model: MatchModel, held_rows: dict[RecordKey, RecordRow]) -> set[frozenset[RecordKey]]:
    """Return the clerical-review tasks that a model raises among held records."""
    keys = sorted(held_rows)
    scored = score_records(model, standardize_records([held_rows[key] for key in keys]))
    partition = partition_records(scored, model.thresholds)
    return {frozenset((keys[left], keys[right])) for left, right in partition.tasks}
