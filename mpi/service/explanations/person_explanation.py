"""Explain a person: the links and decisions that connect its records.

The connections form a maximum spanning tree: removing one leaves two parts that no stronger connection joins.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import combinations

from mpi.clustering.union_find import UnionFind
from mpi.domain import eid as eids
from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.features import Features
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.domain.weight import Band, Thresholds
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.service.core.visible_features import load_visible_features
from mpi.service.decisions.decision_log import find_visible_groups
from mpi.service.explanations import wording
from mpi.service.explanations.pair_evidence import collect_evidence
from mpi.service.explanations.pair_explanation import FIELDS, summarize_evidence
from mpi.service.explanations.pair_weights import Pair, load_pair_weights
from mpi.service.persons.child_conditions import UNKNOWN_ID, make_not_found
from mpi.service.persons.person_status import find_visible_status
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.units import ReadUnit


class _ConnectionRank(IntEnum):
    """Rank of record pairs in a person's spanning tree: links first."""

    LINKED, DECIDED, REVIEW, WEAK = range(4)


@dataclass(frozen=True, slots=True)
class RecordConnection:
    """Link or decision that connects two records of a person.

    Args:
        left: one record.
        right: the other record.
        because: ``model`` or ``decision``.
        match_weight: of the pair, in bits; None where a record is not compared.
        band: band of the pair alone.
        decision: number of the connecting decision, if any.
        sentence: the connection in words.
    """

    left: RecordRef
    right: RecordRef
    because: str
    match_weight: float | None
    band: Band | None
    decision: int | None
    sentence: str


@dataclass(frozen=True, slots=True)
class PersonExplanation:
    """Reasons why a person's records are one person, for a viewer.

    Args:
        enterprise_id: the person.
        sentence: summary in one plain sentence.
        lines: connections between the records, strongest first.
        parts: records by connected part. There are several parts where a chain of weaker evidence, a held
            change, or only records hidden from the viewer connect them.
    """

    enterprise_id: str
    sentence: str
    lines: tuple[RecordConnection, ...]
    parts: tuple[tuple[RecordRef, ...], ...]


def explain_person(index: Index, viewer: Viewer, eid_text: str) -> PersonExplanation:
    """Explain which links and decisions make a person's records one person.

    Contact details that are withheld from the viewer are not compared, nor are fields that the agreement does
    not permit.

    Args:
        index: the open index.
        viewer: who asks.
        eid_text: the enterprise ID as typed.

    Raises:
        EidError: the text is not an enterprise ID.
        NotFoundError: the enterprise ID was never minted here, or none of its records is visible to the
            viewer.
        AccessDenied: the viewer may not read persons and records.
    """
    require_permission(viewer, Action.PERSON_READ)
    require_permission(viewer, Action.RECORD_READ)
    with index.database.read(viewer) as unit:
        person = unit.persons.find_by_eid(eids.parse_eid(eid_text))
        if person is None or find_visible_status(unit, person) is None:
            raise make_not_found(viewer, UNKNOWN_ID)
        labels = visible_labels(unit, unit.persons.members([person.id])[person.id])
        visible = load_visible_features(unit, index, list(labels))
        features_by_record = visible.by_record
        keys = {number: record.canonical_key for number, record in unit.records.get(list(labels)).items()}
        weights = load_pair_weights(unit, index, visible)
        same_decisions = _load_same_decisions(unit, labels)
    connected_pairs, parts = _build_tree(weights, same_decisions, keys, index.matcher.model.thresholds)
    connections = tuple(
        _build_connection(index, labels, features_by_record, weights, same_decisions, pair)
        for pair in connected_pairs
    )
    disclose(index, viewer, Action.PERSON_READ, labels, FIELDS)
    labeled_parts = tuple(tuple(labels[record] for record in part) for part in parts)
    return PersonExplanation(
        person.eid, _summarize_person(connections, labeled_parts), connections, labeled_parts
    )


def _load_same_decisions(unit: ReadUnit, labels: Mapping[int, RecordRef]) -> dict[Pair, StoredDecision]:
    """Load the strongest, then latest, SAME decision for each pair of records."""
    decision_by_pair: dict[Pair, StoredDecision] = {}
    decisions = unit.decisions.of_records(list(labels))
    groups_by_decision = find_visible_groups(unit, decisions.values())
    for decision in sorted(decisions.values(), key=lambda stored: (stored.authority, stored.id)):
        # A hold is not a decision of a person: the records that it keeps together show as parts.
        if decision.authority is Authority.HOLD or decision.status is not DecisionStatus.IN_FORCE:
            continue
        groups = groups_by_decision[decision.id]
        if decision.kind is DecisionKind.SAME and groups is not None:
            for pair in combinations(sorted(record for record in groups[0] if record in labels), 2):
                decision_by_pair[pair] = decision
    return decision_by_pair


def _build_tree(
    weights: Mapping[Pair, float],
    same_decisions: Mapping[Pair, StoredDecision],
    keys: Mapping[int, int],
    thresholds: Thresholds,
) -> tuple[list[Pair], list[list[int]]]:
    """Return the strongest connections between a person's records, and their parts.

    The connections are a maximum spanning tree of each part: links of the model first, then decisions, then
    pairs in the review band. Weaker pairs connect nothing. A part is the records that the connections join.
    """

    def rank_pair(pair: Pair) -> tuple[_ConnectionRank, float, tuple[int, ...]]:
        bits = weights.get(pair, 0.0)
        ends = tuple(sorted(keys[record] for record in pair))
        if bits >= thresholds.link:
            return _ConnectionRank.LINKED, -bits, ends
        if pair in same_decisions:
            return _ConnectionRank.DECIDED, -bits, ends
        return (_ConnectionRank.REVIEW if bits >= thresholds.review else _ConnectionRank.WEAK), -bits, ends

    sets = UnionFind()
    connected_pairs = []
    for pair in sorted({*weights, *same_decisions}, key=rank_pair):
        left, right = map(sets.find, pair)
        if left != right and rank_pair(pair)[0] is not _ConnectionRank.WEAK:
            sets.join_all(pair)
            connected_pairs.append(pair)
    parts: dict[int, list[int]] = {}
    for record in sorted(keys, key=keys.__getitem__):
        parts.setdefault(sets.find(record), []).append(record)
    return connected_pairs, sorted(parts.values(), key=lambda part: (-len(part), keys[part[0]]))


def _build_connection(
    index: Index,
    labels: Mapping[int, RecordRef],
    features_by_record: Mapping[int, Features],
    weights: Mapping[Pair, float],
    same_decisions: Mapping[Pair, StoredDecision],
    pair: Pair,
) -> RecordConnection:
    """Describe the link or decision that connects two records of a person."""
    left, right = pair
    bits = weights.get(pair)
    band = None if bits is None else index.matcher.model.thresholds.classify(bits)
    summary = ""
    if bits is not None and band is not None and left in features_by_record and right in features_by_record:
        evidence = collect_evidence(index.matcher.scorer, features_by_record[left], features_by_record[right])
        summary = summarize_evidence(evidence, index.matcher.model.thresholds)
    decision = same_decisions.get(pair)
    if decision is None or band is Band.LINK:
        return RecordConnection(
            left=labels[left],
            right=labels[right],
            because="model",
            match_weight=bits,
            band=band,
            decision=None,
            sentence=summary,
        )
    authority = wording.describe_authority(decision.authority.name)
    text = f"{wording.format_sentence(f'{authority} answered “same child” (#{decision.id})')} {summary}"
    return RecordConnection(
        left=labels[left],
        right=labels[right],
        because="decision",
        match_weight=bits,
        band=band,
        decision=decision.id,
        sentence=text.strip(),
    )


def _summarize_person(
    connections: Iterable[RecordConnection], parts: tuple[tuple[RecordRef, ...], ...]
) -> str:
    """Return one sentence on what connects a person's records."""
    count = sum(len(part) for part in parts)
    if count <= 1:
        return "This child has one record." if count else "This child has no record now."
    reasons = [connection.because for connection in connections]
    phrases = [
        wording.format_count(number, singular, plural)
        for number, singular, plural in (
            (reasons.count("model"), "automatic link", "automatic links"),
            (reasons.count("decision"), "decision", "decisions"),
        )
        if number
    ]
    joined_text = (
        f"{count:,} records are one child through {wording.join_phrases(phrases)}" if phrases else ""
    )
    if len(parts) == 1:
        return wording.format_sentence(joined_text)
    remainder = f"you cannot see what joins {len(parts):,} groups of these records"
    return wording.format_sentence(f"{joined_text}; {remainder}" if joined_text else remainder)
