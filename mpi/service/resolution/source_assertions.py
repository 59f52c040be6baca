"""Source assertions about identity: same as, not, or merged with another record.

Assertions arrive with an upsert or as a merge of two local IDs. They are decisions of low authority that the
source can revoke. A steward's decision takes precedence: the partition suspends the assertion and a task
shows the conflict. An assertion that cannot be believed (a mistyped enterprise ID, a local ID that now
stands for another child) is stored as a claim: it links nothing, and a task asks about it.

An assertion counts with the statement that it came with. While that waits or was refused, it is a claim.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mpi.domain import eid as eids
from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import EidError, InputError
from mpi.service.core.index import Index
from mpi.service.core.name_and_birth_key import identity_key
from mpi.service.core.undoable_steps import add_step
from mpi.service.core.visibility import visible_labels
from mpi.service.decisions.decision_log import (
    DecisionDraft,
    add_decision,
    find_retained_records,
    revoke_decisions,
)
from mpi.service.indexing.reindex import ChangedRecord
from mpi.service.statements.overlay_detection import HELD, OVERLAY, REFUSED
from mpi.service.statements.placeholders import add_placeholders
from mpi.service.statements.tombstones import find_buried_records
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.persons.persons import PersonStatus
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.units import WriteUnit

SAME_AS, NOT, MERGED_INTO = "same_as", "not", "merged_into"
_KINDS = {SAME_AS: DecisionKind.SAME, NOT: DecisionKind.DIFFERENT, MERGED_INTO: DecisionKind.SAME}
MAX_NOT_EIDS = 20
_WAITING = frozenset({HELD, OVERLAY, REFUSED})
_MISSING = object()


@dataclass(slots=True)
class AssertionEffect:
    """Records that source assertions affect, and persons' IDs that must stay.

    Args:
        records: records to settle.
        kept_records: for revoked assertions, the records that a person's ID stays with, as before the
            assertion, by person.
    """

    records: set[int] = field(default_factory=set)
    kept_records: dict[int, frozenset[int]] = field(default_factory=dict)

    def merge(self, other: "AssertionEffect") -> None:
        """Add the records and enterprise IDs of another effect to this one."""
        self.records |= other.records
        self.kept_records |= other.kept_records


@dataclass(frozen=True, slots=True)
class PersonAssertions:
    """Enterprise IDs that an upsert asserts for its record, or denies.

    Args:
        same_as: enterprise ID that the source takes the record for; None revokes the earlier one.
        has_same_as: whether the upsert has the member ``same_as``.
        not_eids: enterprise IDs that the record is not.
        has_not: whether the upsert has the member ``not``.
    """

    same_as: str | None = None
    has_same_as: bool = False
    not_eids: tuple[str, ...] = ()
    has_not: bool = False


def extract_assertions(sent_fields: Mapping[str, object]) -> tuple[dict[str, object], PersonAssertions]:
    """Separate assertions of identity from the other fields of a sent record.

    They are the members ``same_as`` and ``not``.

    Returns:
        The remaining fields and the assertions.

    Raises:
        InputError: the members are not enterprise IDs as text.
    """
    record_fields = dict(sent_fields)
    same_as, not_value = record_fields.pop(SAME_AS, _MISSING), record_fields.pop(NOT, _MISSING)
    if same_as is not _MISSING and same_as is not None and not isinstance(same_as, str):
        raise InputError("same_as: give an enterprise ID, or null to take it back")
    not_list = [] if not_value in (_MISSING, None) else not_value
    if (
        not isinstance(not_list, list)
        or len(not_list) > MAX_NOT_EIDS
        or not all(isinstance(eid, str) for eid in not_list)
    ):
        raise InputError(f"not: give a list of at most {MAX_NOT_EIDS} enterprise IDs")
    return record_fields, PersonAssertions(
        same_as if isinstance(same_as, str) else None,
        same_as is not _MISSING,
        tuple(not_list),
        not_value is not _MISSING,
    )


def record_assertions(
    unit: WriteUnit, index: Index, record_id: int, assertions: PersonAssertions, *, waits: bool = False
) -> AssertionEffect:
    """Store which enterprise IDs an upsert asserts or denies for its record.

    Only the kinds that the upsert has (``same_as``, ``not``) are replaced. Earlier assertions of such a kind
    are revoked, except those of newer statements that wait or were refused. If the upsert's own statement
    waits, its assertions become claims, and only claims of waiting or refused statements are revoked. If
    there are claims of a newer such statement, nothing changes.

    Args:
        unit: the transaction, after the upsert's statement is written.
        index: the open index.
        record_id: the record.
        assertions: the upsert's assertions.
        waits: whether the statement does not count yet, because its source is paused or an overlay is
            suspected.
    """
    replace_assertions = _replace_waiting_claims if waits else _replace_assertions
    effect = AssertionEffect()
    if assertions.has_same_as:
        eids_asserted = [] if assertions.same_as is None else [assertions.same_as]
        effect.merge(replace_assertions(unit, index, record_id, SAME_AS, eids_asserted))
    if assertions.has_not:
        effect.merge(replace_assertions(unit, index, record_id, NOT, assertions.not_eids))
    return effect


def _replace_assertions(
    unit: WriteUnit, index: Index, record_id: int, origin: str, eid_texts: Iterable[str]
) -> AssertionEffect:
    """Replace a record's earlier identity assertions of one kind by new ones."""
    earlier_assertions = unit.decisions.assertions_of_record(record_id, origin)
    newer_claims = _find_newer_waiting_claims(
        unit, record_id, [assertion for assertion in earlier_assertions if _is_claim(assertion)]
    )
    effect = _revoke_assertions(
        unit, [assertion for assertion in earlier_assertions if assertion.id not in newer_claims]
    )
    for eid_text in eid_texts:
        counterparts = _find_records_of_eid(unit, eid_text) - {record_id}
        groups = _build_groups(origin, record_id, counterparts)
        _write_assertion(unit, index, record_id, origin, groups, is_claim=not counterparts)
        effect.records |= {record_id, *counterparts}
    return effect


def _replace_waiting_claims(
    unit: WriteUnit, index: Index, record_id: int, origin: str, eid_texts: Iterable[str]
) -> AssertionEffect:
    """Store identity assertions of a waiting statement as claims, which link nothing.

    Assertions already in force are not stored again. A statement older than another waiting one is ignored.
    """
    versions = {version.id: version for version in unit.record_versions.versions(record_id)}
    # None where a paused source repeated the current version, which creates no version.
    own_version = next(
        (version for version in versions.values() if version.received_commit == unit.commit_no), None
    )
    earlier_assertions = unit.decisions.assertions_of_record(record_id, origin)
    claim_versions = {
        assertion.id: versions.get(assertion.seen.get(record_id) or 0)
        for assertion in earlier_assertions
        if _is_claim(assertion)
    }
    waiting_versions = {
        claim_id: claim_version
        for claim_id, claim_version in claim_versions.items()
        if claim_version is None or claim_version.state in _WAITING
    }
    if own_version is not None and any(
        claim_version is not None and claim_version.as_of > own_version.as_of
        for claim_version in waiting_versions.values()
    ):
        return AssertionEffect()
    effect = _revoke_assertions(
        unit, [assertion for assertion in earlier_assertions if assertion.id in waiting_versions]
    )
    asserted_sets = [
        set(assertion.seen) for assertion in earlier_assertions if assertion.status is DecisionStatus.IN_FORCE
    ]
    is_same_child = own_version is None or own_version.state == HELD
    seen_versions = {record_id: None if own_version is None else own_version.id}
    for eid_text in eid_texts:
        counterparts = _find_records_of_eid(unit, eid_text) - {record_id}
        if is_same_child and {record_id, *counterparts} in asserted_sets:
            continue
        groups = _build_groups(origin, record_id, counterparts)
        _write_assertion(unit, index, record_id, origin, groups, is_claim=True, seen_versions=seen_versions)
        effect.records |= {record_id, *counterparts}
    return effect


def _find_newer_waiting_claims(unit: WriteUnit, record_id: int, claims: Sequence[StoredDecision]) -> set[int]:
    """Return numbers of claims that came with waiting, newer record versions."""
    if not claims:
        return set()
    [record] = unit.records.get([record_id]).values()
    newer_versions = {
        version.id
        for version in unit.record_versions.versions(record_id)
        if version.state in _WAITING and version.as_of > record.last_seen
    }
    return {claim.id for claim in claims if claim.seen.get(record_id) in newer_versions}


def _is_claim(assertion: StoredDecision) -> bool:
    """Return whether a decision is a source's claim that awaits review."""
    return assertion.status is DecisionStatus.REVIEW


def _build_groups(origin: str, record_id: int, counterparts: Collection[int]) -> tuple[tuple[int, ...], ...]:
    """Build the record groups of a source's assertion of identity.

    The record stands alone if it has no counterpart.
    """
    if origin == SAME_AS or not counterparts:
        return ((record_id, *sorted(counterparts)),)
    return ((record_id,), tuple(sorted(counterparts)))


def _revoke_assertions(unit: WriteUnit, assertions: Sequence[StoredDecision]) -> AssertionEffect:
    """Revoke source assertions; return affected records and IDs that must stay."""
    if not assertions:
        return AssertionEffect()
    revoke_decisions(unit, assertions)
    records = {record for assertion in assertions for record in assertion.seen}
    return AssertionEffect(
        records, find_retained_records(unit, records, min(assertion.commit_no for assertion in assertions))
    )


def _find_records_of_eid(unit: WriteUnit, eid_text: str) -> set[int]:
    """Return an enterprise ID's visible records; none if invalid or unknown."""
    try:
        person = unit.persons.find_by_eid(eids.parse_eid(eid_text))
    except EidError:
        return set()
    if person is None:
        return set()
    if person.status == PersonStatus.RETIRED:
        last_records = unit.persons.last_held_records([person])[person.id]
        current_holders = set(unit.persons.current_persons(visible_labels(unit, last_records)).values())
        # After a split it is unknown which of the persons is meant.
        if len(current_holders) != 1:
            return set()
        return set(visible_labels(unit, unit.persons.members(current_holders)[current_holders.pop()]))
    return set(visible_labels(unit, unit.persons.members([person.id])[person.id]))


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
    effect = _revoke_assertions(
        unit, [merge for merge in merges if merge.status is not DecisionStatus.REVOKED]
    )
    if target is not None:
        groups = ((record_id, target),)
        _write_assertion(unit, index, record_id, MERGED_INTO, groups, is_claim=False)
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
        if (assertion.status is DecisionStatus.IN_FORCE or _is_claim(assertion)) and len(assertion.seen) > 1
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
    confirmed_assertions = [assertion for assertion in latest_assertions if _is_claim(assertion)]
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
            is_counting = seen_version.state not in _WAITING and not _is_another_child(
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


def _write_assertion(
    unit: WriteUnit,
    index: Index,
    record_id: int,
    origin: str,
    groups: tuple[tuple[int, ...], ...],
    *,
    is_claim: bool,
    seen_versions: Mapping[int, int | None] | None = None,
) -> int:
    """Write a source's assertion of identity as an undoable decision."""
    step_id = add_step(unit, "assertion", origin, {"record": record_id})
    draft = DecisionDraft(
        kind=_KINDS[origin],
        groups=groups,
        reason=origin,
        origin=origin,
        authority=Authority.SOURCE,
        asserting_record=record_id,
        is_claim=is_claim,
        seen_versions=seen_versions or {},
    )
    return add_decision(unit, index, step_id, draft)
