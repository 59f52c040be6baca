"""Search for persons by a record that is not stored.

Contact details that are withheld from the viewer are not compared: the result is that of an index which does
not have them (ADR 0081). Of another party's record, only the fields are compared that the viewer's agreement
permits (ADR 0090). A record that is opted out is found by clients named for its source alone: for all
others the result is that of an index without the record (ADR 0088).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.errors import RecordError
from mpi.domain.features import Features
from mpi.domain.viewer import Action, Viewer, require_permission, sees_only_own
from mpi.domain.weight import Band, compute_probability, round_weight
from mpi.matching.compiler.online_scorer import WeightContribution
from mpi.matching.model.blocking_keys import compute_keys
from mpi.service.core.confidential_addresses import find_restricted_records, withhold_contacts
from mpi.service.core.disclosure import build_disclosure
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features, split_into_batches
from mpi.service.core.visibility import visible_labels
from mpi.service.core.visible_features import limit_features
from mpi.service.indexing.reindex import find_candidates
from mpi.service.persons.search_limits import disclose_search, require_search_left
from mpi.standardize.record_validation import validate_record
from mpi.standardize.shared_values import drop_shared_values
from mpi.standardize.standardizer import standardize
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.unit_of_work.units import ReadUnit

MAX_RESULTS = 10
"""Most persons in a search result: search finds, it does not browse."""
QUERY_SOURCE = "search"
FIELDS = ("enterprise_id", "match_weight", "explanation")
_QUERY_NUMBER = 0
"""Record number of the query, which no stored record has."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A person that the searched record might be, with the evidence.

    The evidence names comparison levels and holds no values.
    """

    enterprise_id: str
    match_weight: float
    probability: float
    band: Band
    explanation: tuple[WeightContribution, ...]


@dataclass(frozen=True, slots=True)
class FoundPersons:
    """Persons that a search found, before the ledger allows the answer.

    Args:
        results: the persons, the best first.
        disclosure: line of the ledger, to be written before they leave.
        members: the records of each.
    """

    results: tuple[SearchResult, ...]
    disclosure: Disclosure
    members: tuple[Collection[int], ...]


def search_persons(index: Index, viewer: Viewer, submitted: Mapping[str, object]) -> list[SearchResult]:
    """Return persons that match a record at or above the review threshold.

    The best come first. The record is not stored.

    Args:
        index: the open index.
        viewer: who asks.
        submitted: a canonical record; ``local_id`` and ``source`` are not needed.

    Raises:
        RecordError: a field is wrong, or the record has too little to search by.
        SearchLimitError: the client has searched too often, or has found one of the persons too often.
        AccessDenied: the viewer may not search.
    """
    require_permission(viewer, Action.PERSON_SEARCH)
    query = read_query(index, submitted)
    with index.database.read(viewer) as unit:
        found = find_persons(unit, index, query)
    disclose_search(index, viewer, [found.disclosure], found.members)
    return list(found.results)


def read_query(index: Index, submitted: Mapping[str, object]) -> Features:
    """Return the comparison features of a record to search by.

    Raises:
        RecordError: a field is wrong, or the record has too little to search by.
    """
    fields = {name: value for name, value in submitted.items() if name != "source"}
    validated = validate_record({**fields, "local_id": "-"}, index.keyed_hash, clock.now())
    features = standardize(validated.record, QUERY_SOURCE, index.keyed_hash)
    # Checked before shared values are removed: an error must not reveal which address is shared.
    if not compute_keys(features, index.matcher.model.blocking, index.keyed_hash):
        raise RecordError("record", "too-little", "give a name with a birth date, or an identifier")
    return features


def find_persons(unit: ReadUnit, index: Index, sent: Features) -> FoundPersons:
    """Find persons that match a record, without writing to the ledger.

    The caller writes the line with ``disclose_search`` before anything leaves.

    Args:
        unit: the transaction of a viewer who may search.
        index: the open index.
        sent: comparison features of the record, of ``read_query``.

    Raises:
        SearchLimitError: the client has searched too often.
    """
    require_search_left(unit, index)
    config_id = index.config_id(unit)
    features = drop_shared_values(sent, index.shared_values_of(unit, config_id), index.keyed_hash)
    query = _Query(features, compute_keys(features, index.blocking_of(unit, config_id), index.keyed_hash))
    best, features_by_record = _find_best_records(unit, index, config_id, query)
    eids = {person_id: one.eid for person_id, one in unit.persons.by_ids(best).items()}
    canonical_keys = unit.records.canonical_keys([record for _, record in best.values()])
    ranked = sorted(best, key=lambda person: (-best[person][0], canonical_keys[best[person][1]]))
    ranked = ranked[:MAX_RESULTS]
    shown_records = (best[person][1] for person in ranked)
    return FoundPersons(
        results=tuple(
            _to_result(index, features, eids[person], best[person][0], features_by_record[best[person][1]])
            for person in ranked
        ),
        disclosure=build_disclosure(unit.viewer, Action.PERSON_SEARCH, shown_records, FIELDS),
        members=tuple(unit.persons.members(ranked).values()),
    )


def weigh_record(unit: ReadUnit, index: Index, own_record: int, others: Collection[int]) -> dict[int, float]:
    """Return the match weight of a record with each of others.

    The weights are in bits. The others are compared as a search compares them: by what the viewer may
    compare. One that only a value finds which the viewer may not compare is left out, and so is one that is
    opted out.

    Args:
        unit: the transaction of the viewer.
        index: the open index.
        own_record: a record of the viewer's own sources.
        others: records that the viewer may see.
    """
    config_id = index.config_id(unit)
    features = load_features(unit, config_id, [own_record, *others])
    own = features.pop(own_record, None)
    if own is None:
        return {}
    query = _Query(own, compute_keys(own, index.blocking_of(unit, config_id), index.keyed_hash))
    compared = _limit_candidates(unit, index, config_id, query, features)
    weigh = index.matcher.scorer.weigh
    return {record: round_weight(weigh(own, each)) for record, each in compared.items()}


@dataclass(frozen=True, slots=True)
class _Query:
    """The searched record.

    Args:
        features: its comparison features.
        keys: its blocking keys.
    """

    features: Features
    keys: list[int]


def _find_best_records(
    unit: ReadUnit, index: Index, config_id: int, query: _Query
) -> tuple[dict[int, tuple[float, int]], dict[int, Features]]:
    """Return each person's best record, its weight and its features."""
    blocks = find_candidates(unit, config_id, {_QUERY_NUMBER: query.keys}, with_purged=True)
    candidate_ids = _visible_candidates(unit, unit.viewer, blocks[_QUERY_NUMBER])
    persons = unit.persons.current_persons(candidate_ids)
    best: dict[int, tuple[float, int]] = {}
    features: dict[int, Features] = {}
    # A common name may have more records than memory holds.
    for batch in split_into_batches(unit, sorted(candidate_ids)):
        loaded = load_features(unit, config_id, batch)
        features.update(_limit_candidates(unit, index, config_id, query, loaded))
        best = _best_records(index, query.features, features, persons)
        features = {record: features[record] for _, record in best.values()}
    return best, features


def _visible_candidates(unit: ReadUnit, viewer: Viewer, candidate_ids: set[int]) -> set[int]:
    """Return the candidate records that the viewer may see.

    Hidden records must not even be scored (law 7).
    """
    if viewer.sources is None:
        return candidate_ids
    return set(visible_labels(unit, candidate_ids))


def _limit_candidates(
    unit: ReadUnit, index: Index, config_id: int, query: _Query, features_by_record: Mapping[int, Features]
) -> dict[int, Features]:
    """Return candidates as the viewer may compare them.

    A candidate that only a value found which the viewer may not compare is left out, and so is one that is
    opted out. So are candidates below the review threshold, for which it need not be known whether anything
    is withheld.
    """
    if sees_only_own(unit.viewer):
        return dict(features_by_record)
    limited = limit_features(unit, index, features_by_record)
    weigh, review = index.matcher.scorer.weigh, index.matcher.model.thresholds.review
    possible_matches = {
        record: features
        for record, features in {**features_by_record, **limited}.items()
        if any(
            round_weight(weigh(query.features, compared)) >= review
            for compared in (features, withhold_contacts(features))
        )
    }
    visible_features: dict[int, Features] = {}
    restricted = find_restricted_records(unit, possible_matches)
    blocking = index.blocking_of(unit, config_id)
    for record, features in possible_matches.items():
        if record in restricted.opted_out:
            continue
        if record not in restricted.withheld and record not in limited:
            visible_features[record] = features
            continue
        compared = withhold_contacts(features) if record in restricted.withheld else features
        keys = compute_keys(compared, blocking, index.keyed_hash)
        if not set(query.keys).isdisjoint(keys):
            visible_features[record] = compared
    return visible_features


def _best_records(
    index: Index, query: Features, features_by_record: Mapping[int, Features], persons: Mapping[int, int]
) -> dict[int, tuple[float, int]]:
    """Return each person's best matching record with its match weight."""
    best: dict[int, tuple[float, int]] = {}
    for record, features in features_by_record.items():
        bits = round_weight(index.matcher.scorer.weigh(query, features))
        person = persons.get(record)
        if person is None or bits < index.matcher.model.thresholds.review:
            continue
        if person not in best or (bits, -record) > (best[person][0], -best[person][1]):
            best[person] = (bits, record)
    return best


def _to_result(index: Index, query: Features, eid: str, bits: float, features: Features) -> SearchResult:
    return SearchResult(
        enterprise_id=eid,
        match_weight=bits,
        probability=compute_probability(bits),
        band=index.matcher.model.thresholds.classify(bits),
        explanation=tuple(index.matcher.scorer.explain(query, features)),
    )
