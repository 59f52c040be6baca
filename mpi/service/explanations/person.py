"""Explain a person: the strongest links and the decisions that make its records one person, as a tree.

A tree, because it leaves out nothing that holds the records together and says nothing twice: taking one of
its lines away leaves two parts of which no stronger line was left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import combinations

from mpi.domain import eid as eids
from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import NotFoundError
from mpi.domain.features import Features
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.domain.weight import Band, Thresholds, round_weight
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.core.visibility import visible_labels
from mpi.service.decisions.decision_log import visible_groups
from mpi.service.explanations import wording
from mpi.service.explanations.pair import FIELDS, summarize_pair
from mpi.service.persons.golden_record import UNKNOWN_ID
from mpi.service.persons.person_status import find_visible_status
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.unit import ReadUnit

MAX_SCORED_RECORDS = 100
"""Up to so many records every pair is weighed; beyond, those that the index holds as edges."""
Pair = tuple[int, int]


class _ConnectionRank(IntEnum):
    """In which order lines are taken into the tree: what the model links first, then what people said."""

    LINKED, DECIDED, REVIEW, WEAK = range(4)


@dataclass(frozen=True, slots=True)
class RecordConnection:
    """What joins two records of a person.

    Args:
        left: the one.
        right: the other.
        because: ``model`` or ``decision``.
        match_weight: of the pair, in bits; None where one of the two is not compared.
        band: what the model makes of the pair by itself.
        decision: the number of the decision, where that is what joins them.
        sentence: the same in words.
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
    """Why the records of a person are one person, as far as the viewer may see them.

    Args:
        enterprise_id: the person.
        sentence: the whole in one plain sentence.
        lines: what joins the records, the strongest first.
        parts: the records by what the lines join: more than one part where what joins them is a chain of
            weaker evidence, a held change, or nothing that the viewer may see.
    """

    enterprise_id: str
    sentence: str
    lines: tuple[RecordConnection, ...]
    parts: tuple[tuple[RecordRef, ...], ...]


def explain_person(index: Index, viewer: Viewer, text: str) -> PersonExplanation:
    """Why the records of a person are one person.

    Args:
        index: the open index.
        viewer: who asks.
        text: the enterprise ID as typed.

    Raises:
        EidError: it is not an enterprise ID.
        NotFoundError: it was never minted here, or holds nothing that the viewer may know of.
        AccessDenied: the viewer may not read persons and records.
    """
    require_permission(viewer, Action.PERSON_READ)
    require_permission(viewer, Action.RECORD_READ)
    with index.database.read(viewer) as unit:
        found = unit.persons.find_by_eid(eids.parse_eid(text))
        if found is None or find_visible_status(unit, found) is None:
            raise NotFoundError(UNKNOWN_ID)
        labels = visible_labels(unit, unit.persons.members([found.id])[found.id])
        known = load_features(unit, index.config_id(unit), list(labels))
        keys = {number: record.canonical_key for number, record in unit.records.get(list(labels)).items()}
        weights = _load_weights(unit, index, known)
        decided = _load_same_decisions(unit, labels)
    lines, parts = _build_tree(weights, decided, keys, index.matcher.model.thresholds)
    told = tuple(_build_connection(index, labels, known, weights, decided, pair) for pair in lines)
    disclose(index, viewer, Action.PERSON_READ, labels, FIELDS)
    grouped = tuple(tuple(labels[record] for record in part) for part in parts)
    return PersonExplanation(found.eid, _summarize_person(told, grouped), told, grouped)


def _load_weights(unit: ReadUnit, index: Index, known: Mapping[int, Features]) -> dict[Pair, float]:
    if len(known) <= MAX_SCORED_RECORDS:
        scorer = index.matcher.scorer
        return {(a, b): round_weight(scorer.weight(known[a], known[b])) for a, b in combinations(sorted(known), 2)}
    floor = index.matcher.model.thresholds.stored_from
    edges = unit.derived_data.edges_of(index.config_id(unit), list(known), floor)
    return {edge: bits for edge, bits in edges.items() if edge[0] in known and edge[1] in known}


def _load_same_decisions(unit: ReadUnit, labels: Mapping[int, RecordRef]) -> dict[Pair, StoredDecision]:
    """The decision that says of a pair that it is one child; of several the weightiest, then the latest."""
    found: dict[Pair, StoredDecision] = {}
    made = unit.decisions.of_records(list(labels)).values()
    for one in sorted(made, key=lambda each: (each.authority, each.id)):
        # A held change is nobody's word: what it keeps together is shown as parts.
        if one.authority is Authority.HOLD or one.status is not DecisionStatus.IN_FORCE:
            continue
        groups = visible_groups(unit, one)
        if one.kind is DecisionKind.SAME and groups is not None:
            for pair in combinations(sorted(record for record in groups[0] if record in labels), 2):
                found[pair] = one
    return found


def _build_tree(
    weights: Mapping[Pair, float],
    decided: Mapping[Pair, StoredDecision],
    keys: Mapping[int, int],
    thresholds: Thresholds,
) -> tuple[list[Pair], list[list[int]]]:
    """The strongest lines that join the records, and the parts that no line joins."""

    def strength(pair: Pair) -> tuple[_ConnectionRank, float, tuple[int, ...]]:
        bits = weights.get(pair, 0.0)
        ends = tuple(sorted(keys[record] for record in pair))
        if bits >= thresholds.link:
            return _ConnectionRank.LINKED, -bits, ends
        if pair in decided:
            return _ConnectionRank.DECIDED, -bits, ends
        return (_ConnectionRank.REVIEW if bits >= thresholds.review else _ConnectionRank.WEAK), -bits, ends

    root = {record: record for record in keys}

    def find(record: int) -> int:
        while root[record] != record:
            root[record] = root[root[record]]
            record = root[record]
        return record

    lines = []
    for pair in sorted({*weights, *decided}, key=strength):
        left, right = map(find, pair)
        if left != right and strength(pair)[0] is not _ConnectionRank.WEAK:
            root[right] = left
            lines.append(pair)
    parts: dict[int, list[int]] = {}
    for record in sorted(keys, key=keys.__getitem__):
        parts.setdefault(find(record), []).append(record)
    return lines, sorted(parts.values(), key=lambda part: (-len(part), keys[part[0]]))


def _build_connection(
    index: Index,
    labels: Mapping[int, RecordRef],
    known: Mapping[int, Features],
    weights: Mapping[Pair, float],
    decided: Mapping[Pair, StoredDecision],
    pair: Pair,
) -> RecordConnection:
    left, right = pair
    bits = weights.get(pair)
    band = None if bits is None else index.matcher.model.thresholds.band(bits)
    compared = ""
    if bits is not None and band is not None and left in known and right in known:
        compared = summarize_pair(index.matcher.scorer.explain(known[left], known[right]), bits, band)
    decision = decided.get(pair)
    if decision is None or band is Band.LINK:
        return RecordConnection(labels[left], labels[right], "model", bits, band, None, compared)
    says = f"Decision {decision.id} of {wording.describe_authority(decision.authority.name)} says so. {compared}"
    return RecordConnection(labels[left], labels[right], "decision", bits, band, decision.id, says.strip())


def _summarize_person(lines: Iterable[RecordConnection], parts: tuple[tuple[RecordRef, ...], ...]) -> str:
    count = sum(len(part) for part in parts)
    if count < len(("one", "other")):
        return "There is only one record of this person." if count else "This person holds no record now."
    because = [line.because for line in lines]
    joined = [
        wording.format_count(number, one, many)
        for number, one, many in (
            (because.count("model"), "link of the model", "links of the model"),
            (because.count("decision"), "decision", "decisions"),
        )
        if number
    ]
    said = f"{count:,} records are one person by {wording.join_phrases(joined)}" if joined else ""
    if len(parts) == 1:
        return wording.format_sentence(said)
    rest = f"what joins {len(parts):,} parts of the records is not among what can be shown"
    return wording.format_sentence(f"{said}; {rest}" if said else rest)
