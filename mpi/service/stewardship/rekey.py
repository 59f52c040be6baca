"""Re-key: give a source's records new local IDs without losing anything.

Records, decisions, links and enterprise IDs follow. The old local ID stays known as an alias. A new ID that
another record holds is not reassigned: it becomes a claim that both are one child. The claim links nothing,
and a task asks about it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index, canonical_key
from mpi.service.core.undoable_steps import add_step, check_reason
from mpi.service.core.visibility import find_nameable_records
from mpi.service.decisions.decision_log import DecisionDraft, add_decision, revoke_decisions
from mpi.service.resolution.resolve import resettle
from mpi.service.statements.boundary_orders import make_record_token
from mpi.service.statements.sources import require_own_source
from mpi.service.statements.tombstones import find_buried_records
from mpi.standardize.fields.scalars import parse_local_id, require_visible
from mpi.standardize.record_validation import refuse_ssn
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.sources.renames import Rename
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.repositories.steps.steps import Step
from mpi.storage.unit_of_work.units import WriteUnit

REKEY = "rekey"
_ANSWER_FIELDS = ("local_id", "outcome")
"""Fields of the ledger's line: which local IDs the source's records have."""


@dataclass(frozen=True, slots=True)
class RekeyResult:
    """Outcome of giving records of a source new local IDs.

    Args:
        source: code of the records' source.
        step: number that undo takes; None if no record got a new ID.
        rekeyed: number of records with a new local ID.
        review: new IDs that another record holds; each is a claim with a task.
        unknown: old IDs that no record holds.
    """

    source: str
    step: int | None
    rekeyed: int
    review: tuple[str, ...]
    unknown: tuple[str, ...]


def rekey(
    index: Index, viewer: Viewer, source_code: str, new_ids: Mapping[str, str], reason: str = REKEY
) -> RekeyResult:
    """Give records of a source new local IDs, all at once.

    Args:
        index: the open index.
        viewer: who asks.
        source_code: the source.
        new_ids: new local ID by old.
        reason: reason code.

    Raises:
        RecordError: a text is not a local ID, or a new one is written as an SSN.
        InputError: two records would get one ID, or the reason is invalid.
        NotFoundError: there is no such source, or no record holds the only old ID.
        AccessDenied: the viewer may not write to this source.
    """
    require_permission(viewer, Action.RECORD_WRITE, source_code)
    reason_code = check_reason(reason)
    renames = {parse_local_id(old): parse_local_id(new) for old, new in new_ids.items()}
    for new_id in renames.values():
        require_visible(new_id)
        refuse_ssn("local_id", new_id)
    if len(set(renames.values())) != len(renames):
        raise InputError("two records would get one local ID")
    with index.database.write(viewer, REKEY) as unit:
        stored_answer = find_stored_answer(unit, index, _ANSWER_FIELDS, Action.RECORD_WRITE)
        if stored_answer is not None:
            return RekeyResult(**stored_answer)
        source = unit.sources.get_by_code(source_code)
        require_own_source(source)
        records_by_id = find_nameable_records(unit, source.id, {*renames, *renames.values()})
        unknown_ids = tuple(sorted(old for old in renames if old not in records_by_id))
        is_none_known = len(renames) == 1 and bool(unknown_ids)
        applied = None if is_none_known else _apply(unit, index, source, renames, records_by_id, reason_code)
        if applied is not None:
            store_answer(unit, index, *applied)
        _refuse_under_new_ids(unit, index, source, {old: renames[old] for old in unknown_ids})
    if applied is None:
        raise NotFoundError(f"source {source_code!r} has no such record")
    result, affected_records = applied
    disclose(index, viewer, Action.RECORD_WRITE, affected_records, _ANSWER_FIELDS)
    return result


def _apply(
    unit: WriteUnit,
    index: Index,
    source: Source,
    renames: Mapping[str, str],
    records_by_id: Mapping[str, StoredRecord],
    reason_code: str,
) -> tuple[RekeyResult, set[int]]:
    """Give records new local IDs as one step.

    Returns the result and the records concerned.
    """
    moving, taken_ids = _separate_taken_ids(unit, index, source, renames, records_by_id)
    step_id = add_step(unit, REKEY, reason_code, {"records": [records_by_id[old].id for old in moving]})
    rename_records(unit, index, source.code, {records_by_id[old]: new for old, new in moving.items()})
    unit.renames.add(Rename(records_by_id[old].id, step_id, old, new) for old, new in moving.items())
    claimed_records = set()
    for old, new in taken_ids.items():
        if new in records_by_id:
            claimed_records |= _add_claim(unit, index, step_id, records_by_id[old], records_by_id[new])
    affected_records = {records_by_id[old].id for old in moving} | claimed_records
    if affected_records:
        resettle(unit, index, affected_records, REKEY)
    result = RekeyResult(
        source=source.code,
        step=step_id if moving else None,
        rekeyed=len(moving),
        review=tuple(sorted(taken_ids.values())),
        unknown=tuple(sorted(old for old in renames if old not in records_by_id)),
    )
    return result, affected_records


def _refuse_under_new_ids(
    unit: WriteUnit, index: Index, source: Source, unknown_renames: Mapping[str, str]
) -> None:
    """Refuse sealed and destroyed records under new local IDs too.

    Otherwise a record that was sealed would come back unsealed, under its new local ID. The answer to the
    source is that no record holds the old one.
    """
    owner = (source.id, source.code)
    sealed = {
        local_id: record
        for local_id, record in unit.records.find_by_local_ids(source.id, unknown_renames).items()
        if record.state == RecordState.SEALED
    }
    buried = find_buried_records(unit, index, owner, unknown_renames)
    new_ids = [unknown_renames[old] for old in {*sealed, *buried}]
    taken = {
        *unit.records.find_by_local_ids(source.id, new_ids),
        *find_buried_records(unit, index, owner, new_ids),
    }
    for old, record in {**sealed, **buried}.items():
        new = unknown_renames[old]
        if new in taken:
            continue
        if old in buried:
            token = make_record_token(index.keyed_hash, source.code, new)
            unit.tombstones.add(source.id, [(token, record.id)])
        else:
            number = unit.counters.take("record_alias")
            unit.renames.add_alias(number, source.id, new, record.id, unit.commit_no)


def undo_rekey(unit: WriteUnit, index: Index, step: Step) -> set[int]:
    """Undo a change of local IDs; return the records to recompute.

    Each record gets the local ID of its latest other re-key, or its first local ID.

    Raises:
        NotFoundError: the viewer may not see the records; sealed records stay as they are.
        ConflictError: the re-key was undone before, or another record holds an old ID now.
        AccessDenied: the viewer may not write to their source.
    """
    records = {
        source_id: record
        for source_id, record in unit.records.get(step.detail["records"]).items()
        if record.state != RecordState.SEALED
    }
    codes = {source.id: source.code for source in unit.sources.all()}
    sources = {(record.source_id, codes[record.source_id]) for record in records.values()}
    if not all(unit.viewer.may_see(source) for _, source in sources) or not sources:
        raise NotFoundError(f"there is no step {step.id}")
    [(source_id, source)] = sources
    require_permission(unit.viewer, Action.RECORD_WRITE, source)
    require_own_source(unit.sources.get_by_code(source))
    if step.undone_commit is not None:
        raise ConflictError(f"step {step.id} was undone before")
    ids_by_record = _compute_ids_without(unit, step, records)
    new_ids = {
        record: local_id
        for record_id, local_id in ids_by_record.items()
        if (record := records[record_id]).local_id != local_id
    }
    holders = {
        **unit.records.find_by_local_ids(source_id, new_ids.values()),
        **find_buried_records(unit, index, (source_id, source), new_ids.values()),
    }
    if {record.id for record in holders.values()} - {record.id for record in new_ids}:
        raise ConflictError("another record has an old local ID now: re-key that record first")
    rename_records(unit, index, source, new_ids)
    claims = [claim for claim in unit.decisions.of_step(step.id) if claim.status is DecisionStatus.REVIEW]
    revoke_decisions(unit, claims)
    return set(records) | {record for claim in claims for record in claim.seen}


def _compute_ids_without(unit: WriteUnit, step: Step, records: Mapping[int, StoredRecord]) -> dict[int, str]:
    """Return each record's local ID as without one re-key step."""
    renames = unit.renames.renames_of(records)
    remaining_steps = {rename.id for rename in unit.steps.steps_in_force_after(REKEY, 0)} - {step.id}
    if all(any(rename.step_id == step.id for rename in renames.get(record_id, ())) for record_id in records):
        return {
            record_id: next(
                (rename.after for rename in reversed(own_renames) if rename.step_id in remaining_steps),
                own_renames[0].before,
            )
            for record_id, own_renames in renames.items()
        }
    # Old re-keys did not store the IDs that they gave, so they must be undone latest first.
    earlier_ids = unit.renames.local_ids_until(records, step.commit_no)
    later_steps = (
        rename
        for rename in unit.steps.steps_in_force_after(REKEY, step.id)
        if records.keys() & set(rename.detail["records"])
    )
    if earlier_ids.keys() != records.keys() or next(later_steps, None) is not None:
        raise ConflictError("a record was re-keyed again since: undo that re-key first")
    return earlier_ids


def _separate_taken_ids(
    unit: WriteUnit,
    index: Index,
    source: Source,
    renames: Mapping[str, str],
    records_by_id: Mapping[str, StoredRecord],
) -> tuple[dict[str, str], dict[str, str]]:
    """Separate possible changes of local IDs from new IDs already in use.

    A sealed record keeps its ID too, and a destroyed one its tombstone.
    """
    actual_renames = {old: new for old, new in renames.items() if old in records_by_id and old != new}
    new_ids = set(actual_renames.values())
    sealed_ids = (
        unit.records.find_by_local_ids(source.id, new_ids).keys() - records_by_id.keys()
    ) | find_buried_records(unit, index, (source.id, source.code), new_ids).keys()
    possible = dict(actual_renames)
    while True:
        blocked = {
            old
            for old, new in possible.items()
            if (new in records_by_id and new not in possible) or new in sealed_ids
        }
        if not blocked:
            break
        possible = {old: new for old, new in possible.items() if old not in blocked}
    return possible, {old: new for old, new in actual_renames.items() if old not in possible}


def rename_records(unit: WriteUnit, index: Index, source: str, new_ids: Mapping[StoredRecord, str]) -> None:
    """Change local IDs, and tell the change feed.

    There are two passes, so that records can swap.
    """
    unit.records.rename(
        {
            record.id: (f"{REKEY}:{record.id}", canonical_key(index.keyed_hash, REKEY, str(record.id)))
            for record in new_ids
        }
    )
    unit.records.rename(
        {
            record.id: (new_id, canonical_key(index.keyed_hash, source, new_id))
            for record, new_id in new_ids.items()
        }
    )
    for record in new_ids:
        unit.renames.add_alias(
            unit.counters.take("record_alias"), record.source_id, record.local_id, record.id, unit.commit_no
        )
    persons = unit.persons.current_persons({record.id for record in new_ids})
    unit.identity_events.add_renamed_events(
        unit.commit_no, {record.id: persons.get(record.id) for record in new_ids}
    )


def _add_claim(
    unit: WriteUnit, index: Index, step_id: int, record: StoredRecord, holder: StoredRecord
) -> set[int]:
    """Store a claim that two records are one child; return both."""
    groups = ((record.id, holder.id),)
    draft = DecisionDraft(
        kind=DecisionKind.SAME,
        groups=groups,
        reason=REKEY,
        origin=REKEY,
        authority=Authority.SOURCE,
        asserting_record=record.id,
        is_claim=True,
    )
    add_decision(unit, index, step_id, draft)
    return {record.id, holder.id}
