"""Exact counts of how often linked records of two agencies agree.

One record more changes at most ``MOST_CHANGED`` of these counts by one. So their noise is ``FACTOR`` times
that of other published counts.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

from mpi.domain.quality_rules import PublicationRules
from mpi.domain.record import CanonicalRecord
from mpi.standardize.fields.codes import parse_sex
from mpi.standardize.fields.dates import to_iso_day
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.persons.linked_records import LinkedRecord
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit

FIELDS = ("first_name", "last_name", "birth_date", "sex")
"""Fields that are compared."""
FLAGS = ("foster_care", "disability")
"""Populations whose flags are compared."""
FACTOR = 4
"""How much larger noise, steps and the smallest count are than those of other published counts."""
MOST_SOURCES = 4
"""Most sources of one person that are counted, those of its earliest records."""
MOST_CHANGED = 30
"""Most counts that one record changes: its own, and those in which it is the partner of three others."""
_MOST_PERSONS = 20_000
_CHUNK = 1000


def find_consistency_rules(rules: PublicationRules) -> PublicationRules:
    """Return the rules by which these counts are published."""
    return replace(rules, base=FACTOR * rules.base)


def count_every(unit: ReadUnit) -> int:
    """Return of how many persons one is looked at, so that large indexes are measured on a draw."""
    return max(1, -(-unit.persons.counts().get("active", 0) // _MOST_PERSONS))


def count_consistency(unit: ReadUnit) -> dict[str, int]:
    """Count linked children by source, kind of partner and field: ``SOURCE|KIND|FIELD.agree`` or ``.differ``.

    A child counts at most once in each, by the earliest record of the source and of the kind.
    """
    sources = {source.id: source for source in unit.sources.all()}
    linked = unit.linked_records.list_linked(count_every(unit))
    counts: Counter[str] = Counter()
    persons = [list(records) for _, records in groupby(linked, key=attrgetter("person_id"))]
    for start in range(0, len(persons), _CHUNK):
        pairs = [
            pair for records in persons[start : start + _CHUNK] for pair in _list_pairs(records, sources)
        ]
        contents = _read_contents(unit, {record for _, *both in pairs for record in both})
        for name, own, partner in pairs:
            if own in contents and partner in contents:
                for field, agrees in _compare(contents[own], contents[partner]):
                    counts[f"{name}|{field}.{'agree' if agrees else 'differ'}"] += 1
    return dict(counts)


def _list_pairs(
    records: Sequence[LinkedRecord], sources: Mapping[int, Source]
) -> Iterator[tuple[str, int, int]]:
    """Yield ``SOURCE|KIND`` and two records for each source of a person and kind of its others."""
    by_source: dict[int, int] = {}
    by_kind: dict[str, int] = {}
    for record in records:
        by_source.setdefault(record.source_id, record.record_id)
        by_kind.setdefault(sources[record.source_id].kind, record.record_id)
    for source_id, own in list(by_source.items())[:MOST_SOURCES]:
        source = sources[source_id]
        for kind, partner in by_kind.items():
            if kind != source.kind:
                yield f"{source.code}|{kind}", own, partner


def _read_contents(unit: ReadUnit, record_ids: Iterable[int]) -> dict[int, CanonicalRecord]:
    versions = unit.record_versions.active_versions(sorted(record_ids))
    return {record_id: record_from_bytes(version.payload) for record_id, version in versions.items()}


def _compare(own: CanonicalRecord, partner: CanonicalRecord) -> Iterator[tuple[str, bool]]:
    """Yield each field that both state, and whether they state the same."""
    for field in FIELDS:
        values = [_normalize(field, getattr(record, field)) for record in (own, partner)]
        if all(values):
            yield field, values[0] == values[1]
    for population in FLAGS:
        stated = [_states_flag(record, population) for record in (own, partner)]
        if any(stated):
            yield population, all(stated)


def _normalize(field: str, text: str | None) -> str | None:
    """Return a value without differences of spelling that mean nothing."""
    if text is None:
        return None
    if field == "birth_date":
        return to_iso_day(text)
    if field == "sex":
        return parse_sex(text)
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if letter.isalnum())


def _states_flag(record: CanonicalRecord, population: str) -> bool:
    return any(flag.population == population and flag.value == "Y" for flag in record.flags)
