"""Search: who might this be? Nothing is stored."""

from collections.abc import Mapping
from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.errors import RecordError
from mpi.domain.features import Features
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.domain.weight import Band, compute_probability, round_weight
from mpi.matching.compiler.online_scorer import WeightContribution
from mpi.matching.model.blocking_keys import keys
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features, split_into_batches
from mpi.service.indexing.reindex import find_candidates
from mpi.standardize.record import standardize
from mpi.standardize.record_validation import validate_record
from mpi.standardize.shared_values import without_shared
from mpi.storage.unit_of_work.unit import ReadUnit

MAX_RESULTS = 10
"""A search finds; it does not browse."""
QUERY_SOURCE = "search"
FIELDS = ("enterprise_id", "match_weight", "explanation")
_QUERY_NUMBER = 0
"""Stands for the record searched for; no stored record has this number."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A person that the record searched for might be; explained by comparison, without values."""

    enterprise_id: str
    match_weight: float
    probability: float
    band: Band
    explanation: tuple[WeightContribution, ...]


def search_persons(index: Index, viewer: Viewer, submitted: Mapping[str, object]) -> list[SearchResult]:
    """Persons that the record might be, best first, at or above the review threshold.

    Args:
        index: the open index.
        viewer: who asks.
        submitted: a canonical record; ``local_id`` and ``source`` are not needed.

    Raises:
        RecordError: a field is wrong, or there is too little to search by.
        AccessDenied: the viewer may not search.
    """
    require_permission(viewer, Action.PERSON_SEARCH)
    fields = {name: value for name, value in submitted.items() if name != "source"}
    came = validate_record({**fields, "local_id": "-"}, index.keyed_hash, clock.now())
    sent_features = standardize(came.record, QUERY_SOURCE, index.keyed_hash)
    # Asked of what was sent: that an address is a shared one is nobody's to learn from an error.
    if not keys(sent_features, index.matcher.model.blocking, index.keyed_hash):
        raise RecordError("record", "too-little", "give a name with a birth date, or an identifier")
    with index.database.read(viewer) as unit:
        config_id = index.config_id(unit)
        query = without_shared(sent_features, index.shared_values_of(unit, config_id), index.keyed_hash)
        own_keys = keys(query, index.blocking_of(unit, config_id), index.keyed_hash)
        near = _visible_candidates(
            unit, viewer, find_candidates(unit, config_id, {_QUERY_NUMBER: own_keys})[_QUERY_NUMBER]
        )
        persons = unit.persons.current_persons(near)
        best: dict[int, tuple[float, int]] = {}
        known: dict[int, Features] = {}
        for part in split_into_batches(sorted(near)):  # a common name may have more records than memory holds
            known.update(load_features(unit, config_id, part))
            best = _best_records(index, query, known, persons)
            known = {record: known[record] for _, record in best.values()}
        eids = {number: one.eid for number, one in unit.persons.by_ids(best).items()}
    ranked = sorted(best, key=lambda person: (-best[person][0], eids[person]))[:MAX_RESULTS]
    disclose(index, viewer, Action.PERSON_SEARCH, (best[person][1] for person in ranked), FIELDS)
    return [_to_result(index, query, eids[p], best[p][0], known[best[p][1]]) for p in ranked]


def _visible_candidates(unit: ReadUnit, viewer: Viewer, near: set[int]) -> set[int]:
    """The candidates that exist for this viewer: the others must not even be scored (law 7)."""
    if viewer.sources is None:
        return near
    labels = unit.records.labels(near)
    return {record for record in near if record in labels and viewer.may_see(labels[record].source)}


def _best_records(
    index: Index, query: Features, known: Mapping[int, Features], persons: Mapping[int, int]
) -> dict[int, tuple[float, int]]:
    """Each person's best record, at or above the review threshold: (bits, record) by person."""
    best: dict[int, tuple[float, int]] = {}
    for record, features in known.items():
        bits = round_weight(index.matcher.scorer.weight(query, features))
        person = persons.get(record)
        if person is None or bits < index.matcher.model.thresholds.review:
            continue
        if person not in best or (bits, -record) > (best[person][0], -best[person][1]):
            best[person] = (bits, record)
    return best


def _to_result(index: Index, query: Features, eid: str, bits: float, features: Features) -> SearchResult:
    return SearchResult(
        eid,
        bits,
        compute_probability(bits),
        index.matcher.model.thresholds.band(bits),
        tuple(index.matcher.scorer.explain(query, features)),
    )
