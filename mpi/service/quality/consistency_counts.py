"""Exact counts of how often linked records of two agencies agree.

A person counts for two kinds of sources alone, in at most ``MOST_OF_PERSON`` counts and in each once. So one
record more or less, or another value, changes at most ``MOST_CHANGED`` counts by one. Their noise is
``FACTOR`` times that of other published counts.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, groupby
from operator import attrgetter

from mpi.domain import clock
from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.quality_rules import PublicationRules
from mpi.domain.record import CanonicalRecord
from mpi.domain.source import SourceKind
from mpi.standardize.fields.codes import parse_sex
from mpi.standardize.fields.dates import is_within_period, to_iso_day
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
MOST_OF_PERSON = 2 * (len(FIELDS) + len(FLAGS))
"""Most counts to which one person adds: each of two kinds beside the other, by field and flag."""
MOST_CHANGED = 2 * MOST_OF_PERSON
"""Most counts that one record changes if it joins no persons: all of a person's before, and all after."""
MOST_CHANGED_BY_JOIN = 3 * MOST_OF_PERSON
"""Most counts that change if two persons become one, or one becomes two."""
_DRAW_DOMAIN = "consistency-draw"
_MOST_PERSONS = 20_000
_CHUNK = 1000


def find_consistency_rules(rules: PublicationRules) -> PublicationRules:
    """Return the rules by which these counts are published."""
    return replace(rules, base=FACTOR * rules.base)


def choose_every(persons: int) -> int:
    """Return of how many persons one is looked at.

    Large indexes are measured on a draw.

    Args:
        persons: number of persons as published, since this is published too.
    """
    return max(1, -(-persons // _MOST_PERSONS))


def count_consistency(unit: ReadUnit, keyed_hash: KeyedHash, every: int = 1) -> dict[str, int]:
    """Count linked children by source, kind of partner and field.

    The counts are named ``SOURCE|KIND|FIELD.agree`` or ``.differ``. A child counts by the earliest record of
    each of two kinds. If more kinds know it, a draw takes two.

    Args:
        unit: the transaction.
        keyed_hash: keyed hash of the index, for the draw.
        every: one person of so many is looked at.
    """
    sources = {source.id: source for source in unit.sources.all()}
    day = clock.today()
    linked = unit.linked_records.list_linked(every)
    counts: Counter[str] = Counter()
    persons = [list(records) for _, records in groupby(linked, key=attrgetter("person_id"))]
    for start in range(0, len(persons), _CHUNK):
        pairs = [
            pair
            for records in persons[start : start + _CHUNK]
            for pair in _list_pairs(records, sources, keyed_hash)
        ]
        contents = _read_contents(unit, {record for _, *both in pairs for record in both})
        for name, own, partner in pairs:
            if own in contents and partner in contents:
                for field, agrees in _compare(contents[own], contents[partner], day):
                    counts[f"{name}|{field}.{'agree' if agrees else 'differ'}"] += 1
    return dict(counts)


def _list_pairs(
    records: Sequence[LinkedRecord], sources: Mapping[int, Source], keyed_hash: KeyedHash
) -> Iterator[tuple[str, int, int]]:
    """Yield ``SOURCE|KIND`` and a person's two records, from each kind's side."""
    earliest: dict[str, LinkedRecord] = {}
    for record in records:
        kind = sources[record.source_id].kind
        if kind != SourceKind.STEWARD:
            earliest.setdefault(kind, record)
    pairs = list(combinations(sorted(earliest), 2))
    if not pairs:
        return
    drawn = keyed_hash.to_int64(_DRAW_DOMAIN, str(records[0].person_id)) % len(pairs)
    first, second = pairs[drawn]
    for own, partner in ((first, second), (second, first)):
        code = sources[earliest[own].source_id].code
        yield f"{code}|{partner}", earliest[own].record_id, earliest[partner].record_id


def _read_contents(unit: ReadUnit, record_ids: Iterable[int]) -> dict[int, CanonicalRecord]:
    versions = unit.record_versions.active_versions(sorted(record_ids))
    return {record_id: record_from_bytes(version.payload) for record_id, version in versions.items()}


def _compare(own: CanonicalRecord, partner: CanonicalRecord, day: str) -> Iterator[tuple[str, bool]]:
    """Yield each field that both state, and whether it agrees."""
    for field in FIELDS:
        values = [_normalize(field, getattr(record, field)) for record in (own, partner)]
        if all(values):
            yield field, values[0] == values[1]
    for population in FLAGS:
        stated = [_states_flag(record, population, day) for record in (own, partner)]
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


def _states_flag(record: CanonicalRecord, population: str, day: str) -> bool:
    """Return whether a record states a population's flag for a day."""
    return any(
        flag.population == population and flag.value == "Y" and is_within_period(flag.begin, flag.end, day)
        for flag in record.flags
    )
