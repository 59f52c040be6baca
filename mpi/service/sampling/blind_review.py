"""Blind review: stewards judge sampled pairs without weight, band or earlier verdicts.

A verdict changes nothing by itself. A verdict that contradicts the index becomes a claim, like a reported
link. Where a second steward contradicts the first, the claim goes to the approvers.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from mpi.domain import clock
from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.record import CanonicalRecord
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import APPROVER_ASSIGNEE
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.domain.weight import Band, round_weight
from mpi.service.core.confidential_addresses import WITHHELD_FIELDS, has_confidential_address
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.core.undoable_steps import add_step
from mpi.service.core.visibility import visible_labels
from mpi.service.core.visible_features import find_partial_records, load_visible_features
from mpi.service.decisions.decision_log import DecisionDraft, add_decision
from mpi.service.gates.own_reports import JUDGES
from mpi.service.resolution.resolve import resettle
from mpi.service.resolution.review_tasks import CLAIM
from mpi.service.resolution.work_log_visibility import ASSIGNED, DOUBTS
from mpi.service.sampling.blind_sample import Stratum
from mpi.standardize.serialization import record_from_bytes, to_canonical_fields
from mpi.storage.repositories.review.blind_pairs import BlindAnswer, BlindPair
from mpi.storage.repositories.review.task_work import OPEN, QuestionAction, QuestionWork
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

SAME, DIFFERENT, UNSURE = "same", "different", "unsure"
VERDICTS = (SAME, DIFFERENT, UNSURE)
REASON, SECOND_REASON = "blind-review", "second-review"
"""Reason codes of the claims that blind verdicts become."""

ESCALATE = "escalate"
"""Logged action that assigns a question to the approvers."""

HIDDEN_FIELDS = frozenset({
    "local_id", "as_of", "flags", "restrictions", "placements", "race", "ethnicity", "merged_into", "subject",
})  # fmt: skip
"""Record fields hidden from judges: no evidence, or needlessly revealing."""
_SHARE_SCALE = 2**63


@dataclass(frozen=True, slots=True)
class BlindRecord:
    """One record of a pair in blind review, without its match weight.

    Args:
        label: its source and local ID.
        as_of: date of the statement.
        values: shown values, by canonical field.
    """

    label: RecordRef
    as_of: str | None
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class BlindView:
    """Pair of records to judge in blind review.

    Args:
        id: its number, which reveals nothing.
        records: the two records, in an order that reveals nothing.
        left: how many more pairs wait for the viewer.
    """

    id: int
    records: tuple[BlindRecord, BlindRecord]
    left: int


@dataclass(frozen=True, slots=True)
class BlindResult:
    """What a judge is shown after a blind verdict.

    Args:
        match_weight: of the pair, in bits, without contact details withheld from the judge.
        band: band of that weight alone.
        linked: whether the records were one person when the pair was drawn.
        first_verdict: the first steward's verdict, in a second review.
        claim: number of the claim that the verdict became; None where it contradicts nothing.
    """

    match_weight: float
    band: Band
    linked: bool
    first_verdict: str | None
    claim: int | None


def get_next_blind_pair(index: Index, viewer: Viewer) -> BlindView | None:
    """Return the viewer's next record pair to judge blind, if any.

    Args:
        index: the open index.
        viewer: the judge; pairs with hidden records, or first judged by the viewer, are left out.

    Raises:
        AccessDenied: the viewer may not work on tasks.
    """
    require_permission(viewer, Action.TASK_WORK)
    with index.database.read(viewer) as unit:
        waiting_pairs = _select_answerable(unit, unit.blind_pairs.unanswered_for(viewer.client))
        if not waiting_pairs:
            return None
        # Each judge has a different order, so that two rarely get the same pair.
        order = {
            pair.id: index.keyed_hash.to_int64("blind-next", f"{viewer.client}|{pair.id}")
            for pair in waiting_pairs
        }
        pair = min(waiting_pairs, key=lambda blind_record: order[blind_record.id])
        blind_records = _load_blind_records(unit, index, pair)
    fields = sorted({name for blind_record in blind_records for name in blind_record.values})
    disclose(index, viewer, Action.TASK_READ, (pair.lo, pair.hi), ("source", "local_id", *fields))
    return BlindView(pair.id, blind_records, len(waiting_pairs) - 1)


def answer_blind_pair(index: Index, viewer: Viewer, pair_id: int, verdict: str) -> BlindResult:
    """Store a blind verdict; return the pair's weight and link.

    Args:
        index: the open index.
        viewer: the judge.
        pair_id: the pair.
        verdict: ``same``, ``different`` or ``unsure``.

    Raises:
        InputError: there is no such verdict.
        NotFoundError: there is no such pair that the viewer may judge.
        ConflictError: the pair was judged already, or one of its records has changed.
        AccessDenied: the viewer may not work on tasks.
    """
    require_permission(viewer, Action.TASK_WORK)
    if verdict not in VERDICTS:
        raise InputError(f"verdict: one of {', '.join(VERDICTS)}")
    with index.database.write(viewer, "blind-answer") as unit:
        pair = unit.blind_pairs.get(pair_id)
        if pair is None or pair.first_by == viewer.client or _is_hidden(unit, pair):
            raise NotFoundError("there is no such pair for you to judge")
        if unit.blind_pairs.answers_to([pair_id]):
            raise ConflictError("this pair was judged already: take the next")
        if not _select_answerable(unit, [pair]):
            raise ConflictError("a record of this pair has changed since it was drawn: take the next")
        unit.blind_pairs.add_answer(
            BlindAnswer(pair_id, viewer.client, verdict, clock.format_timestamp(clock.now()))
        )
        claim_id = _add_claim_if_contradicted(unit, index, pair, verdict)
        weight = _load_visible_weight(unit, index, pair)
    disclose(index, viewer, Action.TASK_READ, (pair.lo, pair.hi), ("match_weight", "linked"))
    return BlindResult(
        match_weight=weight,
        band=index.matcher.model.thresholds.classify(weight),
        linked=pair.linked,
        first_verdict=pair.first_verdict,
        claim=claim_id,
    )


def _load_visible_weight(unit: ReadUnit, index: Index, pair: BlindPair) -> float:
    """Return a pair's weight in bits, as the viewer may compare it."""
    ends = (pair.lo, pair.hi)
    if not find_partial_records(unit, ends):
        return pair.bits
    features = load_visible_features(unit, index, ends).by_record
    return round_weight(index.matcher.scorer.weigh(features[pair.lo], features[pair.hi]))


def sample_second_review(
    unit: WriteUnit, index: Index, actor: str, verdicts: Sequence[tuple[int, int, str]]
) -> int:
    """Draw a share of a steward's verdicts for a second, blind review.

    Call it where verdicts are given. The index's secret and the time determine the draw, so that nobody can
    predict it.

    Args:
        unit: the transaction of the answer, before it is settled: the pair's published state is stored as it
            is.
        index: the open index.
        actor: the steward, who is never asked again about these pairs.
        verdicts: (record, record, ``same``, ``different`` or ``unsure``) of each pair; other verdicts are
            left out.

    Returns:
        How many verdicts were drawn.
    """
    now = clock.format_timestamp(clock.now())
    share = round(index.settings.quality_rules.second_share * _SHARE_SCALE)
    sampled = [
        (min(left, right), max(left, right), verdict)
        for left, right, verdict in verdicts
        if verdict in VERDICTS
        and index.keyed_hash.to_int64("second-review", f"{actor}|{left}|{right}|{now}") + _SHARE_SCALE
        < 2 * share
    ]
    if not sampled:
        return 0
    ends = {end for lo, hi, _ in sampled for end in (lo, hi)}
    records = unit.records.get(ends)
    person_by_record = unit.persons.current_persons(ends)
    config_id = index.config_id(unit)
    features = load_features(unit, config_id, ends)
    usable = [
        (lo, hi, verdict)
        for lo, hi, verdict in sampled
        if lo in features and hi in features and records[lo].version_id and records[hi].version_id
    ]
    first_number = unit.counters.take("blind_pair", len(usable)) if usable else 0
    unit.blind_pairs.add(
        [
            BlindPair(
                id=first_number + offset,
                stratum=Stratum.SECOND,
                stratum_pairs=0,
                stratum_seen=0,
                month=now[: len("2026-01")],
                drawn_at=now,
                config_id=config_id,
                lo=lo,
                hi=hi,
                lo_version=records[lo].version_id or 0,
                hi_version=records[hi].version_id or 0,
                bits=round_weight(index.matcher.scorer.weigh(features[lo], features[hi])),
                linked=person_by_record.get(lo) is not None
                and person_by_record.get(lo) == person_by_record.get(hi),
                first_by=actor,
                first_verdict=verdict,
            )
            for offset, (lo, hi, verdict) in enumerate(usable)
        ]
    )
    return len(usable)


def find_unchanged_pairs(unit: ReadUnit, pairs: Collection[BlindPair]) -> set[int]:
    """Return sampled pairs whose records are active and unchanged since the draw."""
    records = unit.records.get({end for pair in pairs for end in (pair.lo, pair.hi)})
    return {
        pair.id
        for pair in pairs
        if all(
            records[end].state == RecordState.ACTIVE and records[end].version_id == version
            for end, version in ((pair.lo, pair.lo_version), (pair.hi, pair.hi_version))
        )
    }


def _is_hidden(unit: ReadUnit, pair: BlindPair) -> bool:
    """Return whether a record of a sampled pair is hidden."""
    ends = {pair.lo, pair.hi}
    return visible_labels(unit, ends).keys() != ends


def _select_answerable(unit: ReadUnit, pairs: Sequence[BlindPair]) -> list[BlindPair]:
    """Select the blind-review pairs whose records are visible and unchanged."""
    labels = visible_labels(unit, {end for pair in pairs for end in (pair.lo, pair.hi)})
    visible = [pair for pair in pairs if pair.lo in labels and pair.hi in labels]
    unchanged_ids = find_unchanged_pairs(unit, visible)
    return [pair for pair in visible if pair.id in unchanged_ids]


def _load_blind_records(unit: ReadUnit, index: Index, pair: BlindPair) -> tuple[BlindRecord, BlindRecord]:
    """Load a blind-review pair's two records, in an order that reveals nothing."""
    ends = (pair.lo, pair.hi)
    labels, payloads = visible_labels(unit, ends), unit.record_versions.payloads(ends)
    hidden_fields = HIDDEN_FIELDS | WITHHELD_FIELDS if has_confidential_address(unit, ends) else HIDDEN_FIELDS
    low_record, high_record = (
        _build_blind_record(labels[end], record_from_bytes(payloads[end][1]), hidden_fields) for end in ends
    )
    # Record numbers follow the order of arrival, which would reveal the source.
    return (
        (low_record, high_record)
        if index.keyed_hash.to_int64("blind-order", str(pair.id)) % 2
        else (high_record, low_record)
    )


def _build_blind_record(
    label: RecordRef, record: CanonicalRecord, hidden_fields: frozenset[str]
) -> BlindRecord:
    """Build a record of blind review without its hidden fields."""
    values = {name: value for name, value in to_canonical_fields(record).items() if name not in hidden_fields}
    return BlindRecord(label, record.as_of, values)


def _add_claim_if_contradicted(unit: WriteUnit, index: Index, pair: BlindPair, verdict: str) -> int | None:
    """Report a blind verdict that contradicts index or first steward."""
    if verdict == UNSURE:
        return None
    if pair.first_by is not None:
        if pair.first_verdict in (verdict, UNSURE):
            return None
        return _add_claim(unit, index, pair, verdict, SECOND_REASON)
    person_by_record = unit.persons.current_persons((pair.lo, pair.hi))
    is_linked = person_by_record.get(pair.lo) == person_by_record.get(pair.hi)
    is_in_review = pair.stratum in (Stratum.NEAR, Stratum.REVIEW)
    if is_linked == (verdict == SAME) or (verdict == SAME and is_in_review):
        return None
    return _add_claim(unit, index, pair, verdict, REASON)


def _add_claim(unit: WriteUnit, index: Index, pair: BlindPair, verdict: str, reason: str) -> int:
    """Store a blind verdict as a claim; return its number."""
    kind = DecisionKind.SAME if verdict == SAME else DecisionKind.DIFFERENT
    groups = ((pair.lo, pair.hi),) if kind is DecisionKind.SAME else ((pair.lo,), (pair.hi,))
    judges = [] if pair.first_by is None else [pair.first_by]
    step_id = add_step(unit, "report", reason, {"groups": groups, JUDGES: judges})
    draft = DecisionDraft(
        kind=kind, groups=groups, reason=reason, origin="report", authority=Authority.SOURCE, is_claim=True
    )
    claim_id = add_decision(unit, index, step_id, draft)
    resettle(unit, index, draft.record_ids, "report")
    if reason == SECOND_REASON:
        _escalate(unit, claim_id, pair)
    return claim_id


def _escalate(unit: WriteUnit, claim_id: int, pair: BlindPair) -> None:
    """Assign the clerical-review question about a claim to the approvers.

    The claim is a disagreement between two stewards.
    """
    task_key = f"{CLAIM}:{claim_id}"
    question_key = unit.queue.question_of(task_key)
    if question_key is None:
        return
    moment = clock.format_timestamp(clock.now())
    about = {
        "records": sorted((pair.lo, pair.hi)),
        "decisions": {task_key: [claim_id]},
        DOUBTS: [[CLAIM, "unconfirmed"]],
    }
    work = unit.task_work.get([question_key]).get(question_key) or QuestionWork(
        question_key, OPEN, moment, about=about
    )
    unit.task_work.save(replace(work, assigned_to=APPROVER_ASSIGNEE, about={**work.about, ASSIGNED: about}))
    number = unit.counters.take("task_action")
    detail = {"reason": SECOND_REASON, **about}
    unit.task_work.add_action(
        QuestionAction(
            id=number,
            question=question_key,
            at=moment,
            actor=unit.viewer.client,
            action=ESCALATE,
            detail=detail,
        )
    )
