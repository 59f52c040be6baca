"""Counts of new records, by search and by duplicate.

The disclosure ledger says whom a client's search found, and not what it asked for. So a search counts for a
new record if it found the same child or a record that was compared with it, or if it found nobody.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mpi.domain import clock
from mpi.domain.viewer import Action
from mpi.service.core.index import Index
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.repositories.review.new_records import NewRecord
from mpi.storage.unit_of_work.units import ReadUnit

SEARCH_WINDOW = timedelta(minutes=30)
"""Time before a new record in which a search counts for it."""
MONTHS = 3
"""Months that the report covers, the present one included."""
PEOPLE = "(people)"
"""Name of all people who enter records by hand; no client has such a name."""
_SENT, _SEARCHED, _DUPLICATE_SEARCHED, _DUPLICATE = FIELDS = (
    "sent", "searched", "duplicates_searched", "duplicates_unsearched",
)  # fmt: skip
"""Fields of the counts."""
_SEPARATOR = "|"
_COMMIT_KIND = "upsert"
_ANY_WEIGHT = -1_000.0


@dataclass(frozen=True, slots=True)
class NewRecordsRow:
    """New records of a client in a month.

    A count is None if it is not shown.

    Args:
        month: the month, ``YYYY-MM``.
        client: name of the client; ``PEOPLE`` for all people together.
        sent: records that it sent as new.
        searched: of them, records of which it had searched for the child.
        duplicates_searched: children of whom it sent a duplicate after a search.
        duplicates_unsearched: children of whom it sent a duplicate without a search.
    """

    month: str
    client: str
    sent: int | None
    searched: int | None
    duplicates_searched: int | None
    duplicates_unsearched: int | None


def count_new_records(unit: ReadUnit, index: Index, now: datetime) -> dict[str, int]:
    """Return the counts of new records, by ``MONTH|CLIENT|FIELD``.

    A duplicate is a new record whose child has an older record: of the same source, or of another one with
    which it was joined later. A child counts once for each client, for the first duplicate, so that who sends
    many records about one child moves one count by one.

    Args:
        unit: the transaction.
        index: the open index.
        now: moment of the measurement.
    """
    start = unit.commit_at(_find_start(now))
    clients = {client.name for client, _, _ in unit.clients.all_with_commits()}
    sent_by: dict[str, list[NewRecord]] = defaultdict(list)
    for record in unit.new_records.iterate(start, _COMMIT_KIND):
        sent_by[record.client].append(record)
    counts: Counter[str] = Counter()
    duplicates: dict[tuple[str, int], str] = {}
    for client, records in sent_by.items():
        searched = _find_searched(unit, index, client, records)
        name = client if client in clients else PEOPLE
        for record in records:
            is_searched = record.record_id in searched
            prefix = f"{record.at[: len('2026-01')]}{_SEPARATOR}{name}{_SEPARATOR}"
            counts[prefix + _SENT] += 1
            counts[prefix + _SEARCHED] += is_searched
            if record.has_older_of_source or (record.has_older and record.was_alone):
                field = _DUPLICATE_SEARCHED if is_searched else _DUPLICATE
                duplicates.setdefault((name, record.person_id), prefix + field)
    counts.update(duplicates.values())
    return dict(counts)


def list_rows(counts: Mapping[str, int], smallest: int) -> tuple[NewRecordsRow, ...]:
    """Return counts as rows, the latest month first.

    Args:
        counts: counts by name, as ``count_new_records`` names them.
        smallest: smallest count that is shown; a client that sent fewer records has no row.
    """
    rows: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for name, count in counts.items():
        month, client, field = name.split(_SEPARATOR)
        rows[month, client][field] = count
    shown = [
        NewRecordsRow(month, client, *(_show(values.get(field, 0), smallest) for field in FIELDS))
        for (month, client), values in rows.items()
        if values.get(_SENT, 0) >= smallest
    ]
    return tuple(sorted(shown, key=lambda row: (-int(row.month.replace("-", "")), row.client)))


def _show(count: int, smallest: int) -> int | None:
    return count if count >= smallest else None


def _find_start(now: datetime) -> str:
    """Return the first moment of the earliest month of the report."""
    month = now.year * 12 + now.month - MONTHS
    return clock.format_timestamp(
        now.replace(year=month // 12, month=month % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0)
    )


def _find_searched(unit: ReadUnit, index: Index, client: str, records: Sequence[NewRecord]) -> set[int]:
    """Return a client's new records that followed a search."""
    earliest = datetime.fromisoformat(records[0].at) - SEARCH_WINDOW
    searches = unit.disclosures.lines_of_client(
        client, [Action.PERSON_SEARCH], clock.format_timestamp(earliest)
    )
    found = {record for search in searches for record in search.record_ids}
    persons = unit.persons.current_persons(found)
    return match_searches(records, searches, persons, _list_compared(unit, index, found))


def _list_compared(unit: ReadUnit, index: Index, found: Collection[int]) -> Mapping[int, set[int]]:
    """Return the found records that were compared with each record."""
    compared: dict[int, set[int]] = defaultdict(set)
    if found:
        for low, high in unit.derived_data.edges_of(index.config_id(unit), found, _ANY_WEIGHT):
            compared[low].add(high)
            compared[high].add(low)
    return compared


def match_searches(
    records: Sequence[NewRecord],
    searches: Sequence[Disclosure],
    person_of: Mapping[int, int],
    compared: Mapping[int, Collection[int]],
) -> set[int]:
    """Return the new records whose child a client had searched for.

    A search that found nobody counts for one new record.

    Args:
        records: the client's new records, oldest first.
        searches: its searches, oldest first.
        person_of: present person of each record that a search found.
        compared: found records that were compared with each new record.
    """
    searched: set[int] = set()
    record_times: dict[int, datetime] = {}
    person_times: dict[int, datetime] = {}
    vain_searches: list[datetime] = []
    following = iter(searches)
    search = next(following, None)
    for record in records:
        at = datetime.fromisoformat(record.at)
        while search is not None and (search_time := datetime.fromisoformat(search.at)) <= at:
            record_times.update(dict.fromkeys(search.record_ids, search_time))
            person_times.update(
                (person_of[found], search_time) for found in search.record_ids if found in person_of
            )
            if not search.record_ids:
                vain_searches.append(search_time)
            search = next(following, None)
        times = [record_times[found] for found in compared.get(record.record_id, ()) if found in record_times]
        if record.person_id in person_times:
            times.append(person_times[record.person_id])
        if any(at - time <= SEARCH_WINDOW for time in times):
            searched.add(record.record_id)
        elif vain_searches and at - vain_searches[-1] <= SEARCH_WINDOW:
            vain_searches.pop()
            searched.add(record.record_id)
    return searched
