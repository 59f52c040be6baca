"""Triage of the review queue: filter and sort by the children.

Names, birth dates, counties and flags are no columns of the task table: they stand in the records, and depend
on what the viewer may see. So triage reads the most urgent questions, at most ``MAX_TRIAGED``, as the viewer
may see them, and filters and sorts these. A value that the viewer may not see takes no part (law 7). The
order by name is that of the names that the queue shows.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.domain.record import CanonicalRecord
from mpi.domain.viewer import NAMED_POPULATIONS, Action
from mpi.service.core.confidential_addresses import find_withheld_records
from mpi.service.core.index import Index
from mpi.service.core.minimization import keep_carried_populations
from mpi.service.core.visibility import visible_labels
from mpi.service.persons.child_names import load_child_names
from mpi.service.review.open_questions import OpenQuestion
from mpi.service.review.queue_search import Filters, QueueItem
from mpi.standardize.fields.dates import is_within_period, to_birth_day
from mpi.standardize.serialization import record_from_bytes
from mpi.standardize.text_folding import split_words, squeeze
from mpi.storage.repositories.review.task_work import CLOSED
from mpi.storage.unit_of_work.units import ReadUnit

MAX_TRIAGED = 500
"""Most questions that triage reads; the most urgent ones."""
MAX_AGE = 120
"""Highest age in years that a filter can ask for."""
URGENT, NAME, AGE, COUNTY, SYSTEM, OLDEST, NEWEST = (
    "urgent", "name", "age", "county", "system", "oldest", "newest",
)  # fmt: skip
SORTS = (URGENT, NAME, AGE, COUNTY, SYSTEM, OLDEST, NEWEST)
"""Orders of the queue: by urgency, by the child, or by the age of the question."""
_TASK_READ = Action.TASK_READ
_READ_FIELDS = frozenset({"first_name", "middle_name", "last_name", "birth_date"})
"""Fields of a record that triage reads in any case."""
_COUNTY_FIELDS = frozenset({"addresses", "restrictions"})
"""Fields that tell a county, and whether it may be told."""


def needs_triage(filters: Filters) -> bool:
    """Return whether filters ask for what only the records tell."""
    return filters.sort != URGENT or _filters_children(filters)


def check_triage(filters: Filters) -> None:
    """Refuse an order or an age that the queue does not have.

    Raises:
        InputError: no such order, an age out of range, or triage of closed questions.
    """
    if filters.sort not in SORTS:
        raise InputError(f"sort: one of {', '.join(SORTS)}")
    ages = (filters.min_age, filters.max_age)
    if any(age is not None and not 0 <= age <= MAX_AGE for age in ages):
        raise InputError(f"age: give whole years from 0 to {MAX_AGE}")
    if filters.state == CLOSED and needs_triage(filters):
        raise InputError("sort: closed questions are listed by the time of their closing alone")


def list_flags(unit: ReadUnit) -> tuple[str, ...]:
    """Return the populations by whose flags the viewer may filter the queue.

    These are the populations whose flags the viewer may see of at least one source.
    """
    viewer = unit.viewer
    sources = [source.code for source in unit.sources.all() if viewer.may_see(source.code)]
    return tuple(
        sorted(
            {
                population
                for source in sources
                for population in keep_carried_populations(viewer, _TASK_READ, source, NAMED_POPULATIONS)
            }
        )
    )


def sort_and_filter(
    unit: ReadUnit, index: Index, items: Sequence[QueueItem], filters: Filters
) -> list[QueueItem]:
    """Return the matching queue items, in the order asked for.

    A burst stands for many children: it matches no filter by child, and comes last in an order by child.

    Args:
        unit: the transaction of the viewer.
        index: the open index, for its rules of survivorship.
        items: questions and bursts, most urgent first.
        filters: the filters.

    Raises:
        InputError: the viewer may not see the flag of the filter.
    """
    if filters.flag is not None and filters.flag not in list_flags(unit):
        raise InputError("flag: you may not filter by this flag")
    questions = {item.key: item for _, item in items if isinstance(item, OpenQuestion)}
    needs_facts = _filters_children(filters) or filters.sort in _SORT_KEYS
    facts = _FactReader(unit, filters).read(questions.values()) if needs_facts else {}
    matching = [
        (position, item)
        for position, item in items
        if not _filters_children(filters)
        or (isinstance(item, OpenQuestion) and _matches(facts[item.key], filters))
    ]
    if filters.sort == URGENT:
        return matching
    if filters.sort in {OLDEST, NEWEST}:
        return sorted(matching, key=lambda entry: _opening_commit(entry[1]), reverse=filters.sort == NEWEST)
    if filters.sort == NAME:
        matching_questions = [item for _, item in matching if isinstance(item, OpenQuestion)]
        keys: Mapping[str, Any] = _read_name_keys(unit, index, matching_questions)
    else:
        keys = {key: _SORT_KEYS[filters.sort](found) for key, found in facts.items()}
    known = [entry for entry in matching if _sort_value(entry, keys) is not None]
    unknown = [entry for entry in matching if _sort_value(entry, keys) is None]
    return [*sorted(known, key=lambda entry: _sort_value(entry, keys)), *unknown]


def _sort_value(entry: QueueItem, keys: Mapping[str, Any]) -> Any:  # noqa: ANN401 - text or a pair of texts
    """Return the sort value of a queue item.

    The result is None for a burst, and for a question of which nothing is known.
    """
    item = entry[1]
    return keys.get(item.key) if isinstance(item, OpenQuestion) else None


def _read_name_keys(
    unit: ReadUnit, index: Index, questions: Collection[OpenQuestion]
) -> dict[str, tuple[str, str]]:
    """Return last and first name of each question's first child.

    The queue shows the same names. A child without a last name is sorted by the first. A child without a name
    that may be shown is skipped, so that the next child gives the name.
    """
    keys: dict[str, tuple[str, str]] = {}
    positions = range(max((len(question.records) for question in questions), default=0))
    for position in positions:
        records = {
            question.key: question.records[position]
            for question in questions
            if question.key not in keys and position < len(question.records)
        }
        if not records:
            break
        names = load_child_names(unit, index, _TASK_READ, set(records.values())).by_record
        for key, record in records.items():
            child = names.get(record)
            if child is not None and (child.last_name or child.first_name):
                first, last = (squeeze(name or "") for name in (child.first_name, child.last_name))
                keys[key] = last or first, first
    return keys


@dataclass(frozen=True, slots=True)
class _RecordFacts:
    """What the viewer may see of one record of a question.

    Args:
        words: every word of the name, folded; empty where it is missing, hidden or not filtered by.
        birth_date: ``YYYY-MM-DD``; None where it is not whole.
        age: age today in whole years; None without a birth date.
        counties: counties of the child's present addresses.
        populations: populations of the flags in force.
        system: name of the record's source.
    """

    words: tuple[str, ...]
    birth_date: str | None
    age: int | None
    counties: frozenset[str]
    populations: frozenset[str]
    system: str


_Facts = tuple[_RecordFacts, ...]
"""What the viewer may see of a question's records, the one asked about first."""


class _FactReader:
    """Reads what the viewer may see of the records of questions.

    Args:
        unit: the transaction of the viewer.
        filters: the filters, which tell whether counties and flags are needed.
    """

    def __init__(self, unit: ReadUnit, filters: Filters) -> None:
        self._unit = unit
        self._filters = filters
        self._needs_counties = filters.county is not None or filters.sort == COUNTY
        self._needs_flags = filters.flag is not None
        self._needs_names = filters.child is not None
        self._read_fields = _READ_FIELDS | (_COUNTY_FIELDS if self._needs_counties else frozenset())
        self._day = clock.today()
        self._carried: dict[str, frozenset[str] | None] = {}

    def read(self, questions: Collection[OpenQuestion]) -> dict[str, _Facts]:
        """Return the facts of each question, by key.

        Counties are read for questions that meet the other filters: to tell whether an address is withheld
        takes all records of the child.
        """
        unit = self._unit
        labels = visible_labels(unit, {record for question in questions for record in question.records})
        systems = {source.code: source.name for source in unit.sources.all()}
        records = {
            number: record_from_bytes(payload, self._read_fields)
            for number, (_, payload) in unit.record_versions.payloads(labels).items()
        }
        populations = self._read_populations({number: labels[number].source for number in records})
        facts = {
            number: self._describe(
                record,
                labels[number].source,
                systems[labels[number].source],
                populations.get(number, frozenset()),
            )
            for number, record in records.items()
        }
        if self._needs_counties:
            numbers = self._list_candidates(questions, facts)
            counties = self._read_counties({number: records[number] for number in numbers})
            for number, names in counties.items():
                if self._carries_addresses(labels[number].source):
                    facts[number] = replace(facts[number], counties=names)
        return _group_by_question(questions, facts)

    def _list_candidates(
        self, questions: Collection[OpenQuestion], facts: Mapping[int, _RecordFacts]
    ) -> set[int]:
        """Return the records of questions that meet all filters except the county."""
        others = replace(self._filters, county=None)
        candidates: set[int] = set()
        for question in questions:
            numbers = [number for number in question.records if number in facts]
            if any(_record_matches(facts[number], others) for number in numbers):
                candidates.update(numbers)
        return candidates

    def _describe(
        self,
        record: CanonicalRecord,
        source: str,
        system: str,
        populations: frozenset[str],
    ) -> _RecordFacts:
        carried = self._carried_fields(source)

        def read(name: str) -> str:
            return (getattr(record, name) or "") if carried is None or name in carried else ""

        words: tuple[str, ...] = ()
        if self._needs_names:
            words = split_words(f"{read('first_name')} {read('middle_name')} {read('last_name')}")
        birth_date = to_birth_day(read("birth_date"))
        return _RecordFacts(
            words=words,
            birth_date=birth_date,
            age=_compute_age(birth_date, self._day),
            counties=frozenset(),
            populations=populations,
            system=system,
        )

    def _carried_fields(self, source: str) -> frozenset[str] | None:
        """Return a source's fields that the queue may use; None for all."""
        if source not in self._carried:
            rights = self._unit.viewer.rights
            self._carried[source] = None if rights is None else rights.carried(_TASK_READ, source).fields
        return self._carried[source]

    def _carries_addresses(self, source: str) -> bool:
        carried = self._carried_fields(source)
        return carried is None or "addresses" in carried

    def _read_counties(self, records: Mapping[int, CanonicalRecord]) -> dict[int, frozenset[str]]:
        """Return the counties of present addresses, none where they are withheld."""
        counties = {
            number: frozenset(
                squeeze(address.county)
                for address in record.addresses
                if address.county and is_within_period(None, address.end, self._day)
            )
            for number, record in records.items()
        }
        stated = {number for number, names in counties.items() if names}
        withheld = find_withheld_records(self._unit, stated, known=records)
        return {number: counties[number] for number in stated - withheld}

    def _read_populations(self, source_by_record: Mapping[int, str]) -> dict[int, frozenset[str]]:
        """Return the populations of flags in force that the policy carries."""
        if not self._needs_flags:
            return {}
        stated: dict[int, set[str]] = {}
        for row in self._unit.record_versions.flags(source_by_record):
            if row.value == "Y" and is_within_period(row.begin, row.end, self._day):
                stated.setdefault(row.record_id, set()).add(row.population)
        return {
            record: frozenset(
                keep_carried_populations(self._unit.viewer, _TASK_READ, source_by_record[record], populations)
            )
            for record, populations in stated.items()
        }


def _group_by_question(
    questions: Collection[OpenQuestion], facts: Mapping[int, _RecordFacts]
) -> dict[str, _Facts]:
    """Return the facts of the records of each question, by its key."""
    return {
        question.key: tuple(facts[number] for number in question.records if number in facts)
        for question in questions
    }


def _filters_children(filters: Filters) -> bool:
    """Return whether filters ask for certain children."""
    texts = (filters.child, filters.county, filters.flag)
    return any(text is not None for text in (*texts, filters.min_age, filters.max_age))


def _matches(facts: _Facts, filters: Filters) -> bool:
    """Return whether one record of a question meets all filters by child."""
    return any(_record_matches(record, filters) for record in facts)


def _record_matches(record: _RecordFacts, filters: Filters) -> bool:
    if filters.child is not None and not _begins_words(split_words(filters.child), record.words):
        return False
    if filters.county is not None and squeeze(filters.county) not in record.counties:
        return False
    if filters.flag is not None and filters.flag not in record.populations:
        return False
    if filters.min_age is None and filters.max_age is None:
        return True
    return record.age is not None and (filters.min_age or 0) <= record.age <= (
        MAX_AGE if filters.max_age is None else filters.max_age
    )


def _begins_words(typed: Sequence[str], words: Sequence[str]) -> bool:
    """Return whether each typed word begins a word of a name."""
    return bool(typed) and all(any(word.startswith(each) for word in words) for each in typed)


def _compute_age(birth_date: str | None, day: str) -> int | None:
    """Return the age on a day in whole years, or None."""
    if birth_date is None:
        return None
    born, today = date.fromisoformat(birth_date), date.fromisoformat(day)
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _opening_commit(item: Any) -> int:  # noqa: ANN401 - a question or a burst
    """Return the commit at which a question or burst was opened."""
    if isinstance(item, OpenQuestion):
        return min(task.opened_commit for task in item.asked_tasks or item.tasks)
    return int(item.opened_commit)


def _age_key(facts: _Facts) -> str | None:
    """Return a key that puts the youngest child first."""
    born = next((each.birth_date for each in facts if each.birth_date), None)
    return None if born is None else "".join(chr(ord("9") - int(digit)) for digit in born.replace("-", ""))


def _county_key(facts: _Facts) -> str | None:
    return min((county for each in facts for county in each.counties), default=None)


def _system_key(facts: _Facts) -> str | None:
    return facts[0].system.casefold() if facts else None


_SORT_KEYS: Mapping[str, Callable[[_Facts], Any]] = {
    AGE: _age_key, COUNTY: _county_key, SYSTEM: _system_key,
}  # fmt: skip
