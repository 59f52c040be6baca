"""Source assertions of identity, adjusted to the current versions of their records.

An assertion that cannot be believed any more becomes a claim: it links nothing, and a task asks about it.
"""

from collections.abc import Collection, Mapping, Sequence

from mpi.service.core.index import Index
from mpi.service.core.name_and_birth_key import identity_key
from mpi.service.decisions.decision_log import find_retained_records
from mpi.service.indexing.changed_record import ChangedRecord
from mpi.service.resolution.source_assertions import (
    MERGED_INTO,
    NOT,
    SAME_AS,
    WAITING_STATES,
    AssertionEffect,
    is_claim,
    revoke_assertions,
    write_assertion,
)
from mpi.service.statements.placeholders import add_placeholders
from mpi.service.statements.tombstones import find_buried_records
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.units import WriteUnit


def update_assertions(
    unit: WriteUnit, index: Index, changed: Mapping[int, ChangedRecord], reassessed: Collection[int] = ()
) -> AssertionEffect:
    """Adjust source assertions of identity to their records' current versions.

    A record that states ``merged_into`` becomes the same as that record; without the statement it no longer
    is. A record whose name and birth date have both changed describes another child, because its local ID was
    reused: its assertions become claims until the earlier child's data is current again.

    Args:
        unit: the transaction, after the changed records are indexed.
        index: the open index.
        changed: records with another active version, by record number.
        reassessed: records of which other statements count, although the active version is the same.
    """
    earlier_records = {record for record, change in changed.items() if not change.is_new}
    own_records = _select_own_records(unit, earlier_records | set(reassessed))
    records_by_origin = unit.decisions.records_by_origin(own_records)
    effect = AssertionEffect()
    for origin in (SAME_AS, NOT):
        for record_id in sorted(records_by_origin.get(origin, ())):
            effect.merge(_update_person_assertions(unit, record_id, origin))
    merging_records = records_by_origin.get(MERGED_INTO, set())
    for record_id in sorted(
        merging_records | {merging_record for merging_record, change in changed.items() if change.merged_into}
    ):
        change = changed.get(record_id)
        target_id = _load_merge_statement(unit, record_id) if change is None else change.merged_into
        effect.merge(_update_merge(unit, index, record_id, target_id))
    return effect


def _select_own_records(unit: WriteUnit, record_ids: set[int]) -> set[int]:
    """Return those of the records that are sent to this index.

    What a source of a scope asserts follows as the scope's decision.
    """
    scoped_sources = {source.id for source in unit.sources.all() if source.scope is not None}
    if not scoped_sources or not record_ids:
        return record_ids
    sources = unit.records.source_ids_of(record_ids)
    return {record for record in record_ids if sources.get(record) not in scoped_sources}


def _load_merge_statement(unit: WriteUnit, record_id: int) -> str | None:
    """Return the local ID that a record was merged into, if any.

    It is ``merged_into`` of the record's latest counting version.
    """
    version = _find_latest_counting_version(unit, record_id)
    if version is None:
        return None
    return record_from_bytes(unit.record_versions.payloads_of_versions([version])[version]).merged_into


def _update_merge(unit: WriteUnit, index: Index, record_id: int, target_id: str | None) -> AssertionEffect:
    """Replace a record's merge assertion by what its source now states."""
    target = None if target_id is None else _find_merge_target(unit, index, record_id, target_id)
    merges = unit.decisions.assertions_of_record(record_id, MERGED_INTO, revoked=True)
    if target is not None and any(_is_same_merge(unit, merge, target) for merge in merges[-1:]):
        return AssertionEffect()
    effect = revoke_assertions(
        unit, [merge for merge in merges if merge.status is not DecisionStatus.REVOKED]
    )
    if target is not None:
        groups = ((record_id, target),)
        write_assertion(unit, index, record_id, MERGED_INTO, groups, is_claim=False)
        effect.records |= {record_id, target}
    return effect


def _is_same_merge(unit: WriteUnit, merge: StoredDecision, target: int) -> bool:
    """Return whether an equal merge assertion is in force or manually undone."""
    if target not in merge.seen:
        return False
    if merge.status is not DecisionStatus.REVOKED:
        return True
    # Only a person undoes the step. A source that changes its statement ends the decision alone.
    step = None if merge.step_id is None else unit.steps.get(merge.step_id)
    return step is not None and step.undone_commit is not None


def _find_merge_target(unit: WriteUnit, index: Index, record_id: int, target_id: str) -> int | None:
    """Return the record that another was merged into, or a new placeholder.

    A placeholder makes the order of arrival irrelevant.
    """
    [record] = unit.records.get([record_id]).values()
    target = unit.records.find_by_local_ids(record.source_id, [target_id]).get(target_id)
    if target is not None:
        return None if target.id == record_id or target.state == RecordState.SEALED else target.id
    [code] = [source.code for source in unit.sources.all() if source.id == record.source_id]
    if find_buried_records(unit, index, (record.source_id, code), [target_id]):
        return None
    record_place = (record.source_id, code, record.group_id)
    return add_placeholders(unit, index, record_place, [target_id])[target_id]


def _update_person_assertions(unit: WriteUnit, record_id: int, origin: str) -> AssertionEffect:
    """Put a record's identity assertions in force, or turn them into claims.

    Of the assertions that count, those of the latest statement are in force.
    """
    assertions = [
        assertion
        for assertion in unit.decisions.assertions_of_record(record_id, origin)
        # An assertion without counterpart was mistyped: it stays a claim.
        if (assertion.status is DecisionStatus.IN_FORCE or is_claim(assertion)) and len(assertion.seen) > 1
    ]
    ranks = _rank_counting_assertions(unit, record_id, assertions)
    latest_rank = max(ranks.values(), default=None)
    latest_assertions = [
        assertion for assertion in assertions if assertion.id in ranks and ranks[assertion.id] == latest_rank
    ]
    demoted_assertions = [
        assertion
        for assertion in assertions
        if assertion not in latest_assertions and assertion.status is DecisionStatus.IN_FORCE
    ]
    confirmed_assertions = [assertion for assertion in latest_assertions if is_claim(assertion)]
    unit.decisions.set_status([assertion.id for assertion in demoted_assertions], DecisionStatus.REVIEW, None)
    unit.decisions.set_status(
        [assertion.id for assertion in confirmed_assertions], DecisionStatus.IN_FORCE, None
    )
    effect = AssertionEffect(
        {record for assertion in (*demoted_assertions, *confirmed_assertions) for record in assertion.seen}
    )
    if demoted_assertions:
        demoted_records = {record for assertion in demoted_assertions for record in assertion.seen}
        effect.kept_records = find_retained_records(
            unit, demoted_records, min(assertion.commit_no for assertion in demoted_assertions)
        )
    return effect


def _rank_counting_assertions(
    unit: WriteUnit, record_id: int, assertions: Sequence[StoredDecision]
) -> dict[int, tuple[str, int]]:
    """Return the time rank of each identity assertion that counts.

    The rank is the version's as-of, then the commit. An assertion counts where its version counts and
    describes the child that the record now describes. Another name together with another birth date is
    another child, because the local ID was reused.
    """
    if not assertions:
        return {}
    versions_by_id = {version.id: version for version in unit.record_versions.versions(record_id)}
    current_version = versions_by_id.get(_find_latest_counting_version(unit, record_id) or 0)
    ranks = {}
    for assertion in assertions:
        seen_version = versions_by_id.get(assertion.seen.get(record_id) or 0)
        if current_version is None:
            is_counting = assertion.status is DecisionStatus.IN_FORCE
        elif seen_version is None:
            # A paused source's assertion about the current version waits only for the source.
            is_counting = assertion.status is DecisionStatus.IN_FORCE or not _is_paused(unit, record_id)
        else:
            is_counting = seen_version.state not in WAITING_STATES and not _is_another_child(
                seen_version.payload, current_version.payload
            )
        ranked_version = seen_version or current_version
        if is_counting:
            ranks[assertion.id] = (
                "" if ranked_version is None else ranked_version.as_of,
                assertion.commit_no,
            )
    return ranks


def _is_another_child(earlier_payload: bytes, current_payload: bytes) -> bool:
    """Return whether both name and birth date differ between two versions."""
    *names, birth_date = identity_key(record_from_bytes(earlier_payload))
    *new_names, new_birth_date = identity_key(record_from_bytes(current_payload))
    return names != new_names and birth_date != new_birth_date


def _find_latest_counting_version(unit: WriteUnit, record_id: int) -> int | None:
    """Return a record's current version, or its last one before withdrawal."""
    received = unit.record_assertions.assertions_about([record_id])[record_id]
    counting = [
        assertion for assertion in received if not assertion.is_held and assertion.version_id is not None
    ]
    return max(counting, key=lambda assertion: assertion.sort_key).version_id if counting else None


def _is_paused(unit: WriteUnit, record_id: int) -> bool:
    """Return whether a record's source is paused, so that its statements wait."""
    [record] = unit.records.get([record_id]).values()
    return any(source.paused for source in unit.sources.all() if source.id == record.source_id)
