"""Re-key: a source gives its records new local IDs. Records, decisions, links and enterprise IDs follow.

The old ID stays known as an alias. A new ID that another record bears is never taken for it: that is a claim
that the two are one, which links nothing, and a task asks about it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index, canonical_key
from mpi.service.core.steps import add_step, check_reason
from mpi.service.core.visibility import find_nameable_records
from mpi.service.decisions.decision_log import DecisionDraft, add_decision, revoke_decisions
from mpi.service.resolution.resolve import resettle
from mpi.standardize.fields.scalars import parse_local_id
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.sources.renames import Rename
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.repositories.steps.steps import Step
from mpi.storage.unit_of_work.unit import WriteUnit

REKEY = "rekey"


@dataclass(frozen=True, slots=True)
class RekeyResult:
    """What became of new local IDs.

    Args:
        source: the records' source.
        step: number under which it can be undone; None where nothing was re-keyed.
        rekeyed: how many records bear their new ID.
        review: new IDs that another record bears; each is a claim with a task.
        unknown: old IDs that no record bears.
    """

    source: str
    step: int | None
    rekeyed: int
    review: tuple[str, ...]
    unknown: tuple[str, ...]


def rekey(
    index: Index, viewer: Viewer, source_code: str, new_of: Mapping[str, str], reason: str = REKEY
) -> RekeyResult:
    """Give records of a source new local IDs, all at once.

    Args:
        index: the open index.
        viewer: who asks.
        source_code: the source.
        new_of: new local ID by old.
        reason: a code.

    Raises:
        RecordError: a text is no local ID.
        InputError: two records would get one ID, or the reason is none.
        NotFoundError: no such source, or a single old ID that no record bears.
        AccessDenied: the viewer may not write this source.
    """
    require_permission(viewer, Action.RECORD_WRITE, source_code)
    code = check_reason(reason)
    wanted = {parse_local_id(old): parse_local_id(new) for old, new in new_of.items()}
    if len(set(wanted.values())) != len(wanted):
        raise InputError("two records would get one local ID")
    with index.database.write(viewer, REKEY) as unit:
        if (kept := find_stored_answer(unit, index)) is not None:
            return RekeyResult(**kept)
        source = unit.sources.get_by_code(source_code)
        known = find_nameable_records(unit, source.id, {*wanted, *wanted.values()})
        unknown = tuple(sorted(old for old in wanted if old not in known))
        if len(wanted) == 1 and unknown:
            raise NotFoundError(f"source {source_code!r} has no such record")
        moving, taken = _separate_taken_ids(unit, source.id, wanted, known)
        step_id = add_step(unit, REKEY, code, {"records": [known[old].id for old in moving]})
        _rename_records(unit, index, source_code, {known[old]: new for old, new in moving.items()})
        unit.renames.add(Rename(known[old].id, step_id, old, new) for old, new in moving.items())
        claimed = set()
        for old, new in taken.items():
            if new in known:
                claimed |= _add_claim(unit, index, step_id, known[old], known[new])
        touched = {known[old].id for old in moving} | claimed
        if touched:
            resettle(unit, index, touched, REKEY)
        done = RekeyResult(
            source_code, step_id if moving else None, len(moving), tuple(sorted(taken.values())), unknown
        )
        store_answer(unit, index, done, touched)
        return done


def undo_rekey(unit: WriteUnit, index: Index, of: Step) -> set[int]:
    """Give records the local IDs that they would have without a re-key; returns those to be settled.

    That is what the latest other re-key of it gave a record, or the first that it ever had.

    Raises:
        NotFoundError: the viewer may not know of them; a sealed record stays as it is.
        ConflictError: it was taken back before, or another record bears an old ID by now.
        AccessDenied: the viewer may not write their source.
    """
    records = {
        number: record
        for number, record in unit.records.get(of.detail["records"]).items()
        if record.state != RecordState.SEALED
    }
    codes = {source.id: source.code for source in unit.sources.all()}
    sources = {(record.source_id, codes[record.source_id]) for record in records.values()}
    if not all(unit.viewer.may_see(source) for _, source in sources) or not sources:
        raise NotFoundError(f"there is no step {of.id}")
    [(number, source)] = sources
    require_permission(unit.viewer, Action.RECORD_WRITE, source)
    if of.undone_commit is not None:
        raise ConflictError(f"step {of.id} was undone before")
    names = _compute_ids_without(unit, of, records)
    changed = {record: name for n, name in names.items() if (record := records[n]).local_id != name}
    held = unit.records.find_by_local_ids(number, changed.values())
    if {record.id for record in held.values()} - {record.id for record in changed}:
        raise ConflictError("an old local ID is another record's by now")
    _rename_records(unit, index, source, changed)
    claims = [one for one in unit.decisions.of_step(of.id) if one.status is DecisionStatus.REVIEW]
    revoke_decisions(unit, claims)
    return set(records) | {record for one in claims for record in one.seen}


def _compute_ids_without(unit: WriteUnit, of: Step, records: Mapping[int, StoredRecord]) -> dict[int, str]:
    renames = unit.renames.renames_of(records)
    standing = {one.id for one in unit.steps.steps_in_force_after(REKEY, 0)} - {of.id}
    if all(any(one.step_id == of.id for one in renames.get(number, ())) for number in records):
        return {
            number: next((one.after for one in reversed(mine) if one.step_id in standing), mine[0].before)
            for number, mine in renames.items()
        }
    # Made before it was kept what each re-key gave: so the latest goes first.
    old = unit.records.local_ids_until(records, of.commit_no)
    later = (one for one in unit.steps.steps_in_force_after(REKEY, of.id) if records.keys() & set(one.detail["records"]))
    if old.keys() != records.keys() or next(later, None) is not None:
        raise ConflictError("a record has got another local ID since: undo that first")
    return old


def _separate_taken_ids(
    unit: WriteUnit, source_id: int, wanted: Mapping[str, str], known: Mapping[str, StoredRecord]
) -> tuple[dict[str, str], dict[str, str]]:
    """What can be renamed, and what is claimed of an ID that is, or was sealed as, another record's."""
    real = {old: new for old, new in wanted.items() if old in known and old != new}
    sealed = set(unit.records.find_by_local_ids(source_id, real.values())) - known.keys()
    moving = dict(real)
    while True:
        stuck = {old for old, new in moving.items() if (new in known and new not in moving) or new in sealed}
        if not stuck:
            break
        moving = {old: new for old, new in moving.items() if old not in stuck}
    return moving, {old: new for old, new in real.items() if old not in moving}


def _rename_records(unit: WriteUnit, index: Index, source: str, names: Mapping[StoredRecord, str]) -> None:
    """Two passes, so that a record may take the ID that another gives up."""
    unit.records.rename(
        {
            record.id: (f"{REKEY}:{record.id}", canonical_key(index.keyed_hash, REKEY, str(record.id)))
            for record in names
        }
    )
    unit.records.rename(
        {record.id: (new, canonical_key(index.keyed_hash, source, new)) for record, new in names.items()}
    )
    for record in names:
        unit.records.add_alias(
            unit.counters.take("record_alias"), record.source_id, record.local_id, record.id, unit.commit_no
        )


def _add_claim(
    unit: WriteUnit, index: Index, step_id: int, record: StoredRecord, bearer: StoredRecord
) -> set[int]:
    groups = ((record.id, bearer.id),)
    said = DecisionDraft(
        DecisionKind.SAME, groups, REKEY, REKEY, Authority.SOURCE, asserting_record=record.id, doubtful=True
    )
    add_decision(unit, index, step_id, said)
    return {record.id, bearer.id}
