"""Review on an ordinary night: what a feed's new and changed records ask of stewards.

A night on which every record was never seen before is the hardest there is; in life nearly all of a feed is
about children whom the index knows. Weekly feeds of a simulated state are followed, and the tasks that were
not there the week before are counted against the records that the week wrote or changed.
"""

from collections.abc import Iterator
from pathlib import Path

from mpi.domain.record import SENT_FIELDS
from mpi.matching.model.model import MatchModel
from training.evaluate.datasets.dataset import standardize_records
from training.evaluate.datasets.simulated_state import SEED, load_name_book
from training.evaluate.measures.intervals import Estimate, estimate_share
from training.evaluate.model_clusters import partition_records, score_records
from training.records import RawRow
from training.simulate.files.feeds import BlockFeed, WeekFile, estimate_cast_size, estimate_children
from training.simulate.people.blocks import Block
from training.simulate.rates import load_rates

WEEKS, COUNTED_WEEKS = 6, 3
_NEVER_COMPARED_KINDS = ("sealed", "expunged")

RecordKey = tuple[str, str]
"""Source and local ID."""


def measure_feed_review(model: MatchModel, records: int, names: Path | None) -> Estimate:
    """Tasks a new or changed record, over the last weeks of a feed.

    Args:
        model: that decides.
        records: how many the first week's files hold, about.
        names: the folder of census tables, where there is one.
    """
    asked = written = 0
    before: set[frozenset[RecordKey]] | None = None
    for week, (held, changed) in enumerate(_replay_weeks(records, names)):
        if week < WEEKS - COUNTED_WEEKS:
            continue
        tasks = _find_tasks(model, held)
        if before is not None:
            asked += len(tasks - before)
            written += len(changed & held.keys())
        before = tasks
    return estimate_share(asked, max(written, asked))


def _replay_weeks(records: int, names: Path | None) -> Iterator[tuple[dict[RecordKey, RawRow], set[RecordKey]]]:
    """Week by week, every record on the books and the keys of those that the week wrote or changed."""
    rates, book = load_rates(), load_name_book(names)
    children = estimate_children(records, SEED, WEEKS, rates, book)
    feed = BlockFeed(Block(SEED), estimate_cast_size(children, WEEKS, rates), WEEKS, rates, book)
    held: dict[RecordKey, RawRow] = {}
    week, changed = 0, set[RecordKey]()
    for file in feed.generate_weeks():
        if file.week > week:
            yield dict(held), changed
            week, changed = file.week, set()
        came = dict(_to_rows(file))
        if file.full:
            for gone in [key for key in held if key[0] == str(file.source) and key not in came]:
                del held[gone]
        changed |= {key for key, row in came.items() if key not in held or held[key].fields != row.fields}
        held |= came
        for key in [key for key, row in came.items() if _is_never_compared(row)]:
            del held[key]
    yield dict(held), changed


def _to_rows(file: WeekFile) -> Iterator[tuple[RecordKey, RawRow]]:
    columns = list(zip(SENT_FIELDS, file.columns, strict=True))
    source = str(file.source)
    for row in range(len(file)):
        fields = {name: values[row] for name, values in columns if values[row]}
        yield (source, str(fields["local_id"])), RawRow(source, fields, {})


def _is_never_compared(row: RawRow) -> bool:
    return any(kind in str(row.fields.get("restrictions", "")) for kind in _NEVER_COMPARED_KINDS)


def _find_tasks(model: MatchModel, held: dict[RecordKey, RawRow]) -> set[frozenset[RecordKey]]:
    keys = sorted(held)
    weighed = score_records(model, standardize_records([held[key] for key in keys]))
    found = partition_records(weighed, model.thresholds)
    return {frozenset((keys[left], keys[right])) for left, right in found.tasks}
