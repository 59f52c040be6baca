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
from mpi.service.core.undoable_steps import add_step
from mpi.service.core.visibility import visible_labels
from mpi.service.decisions.decision_log import (
    DecisionDraft,
    add_decision,
    find_retained_records,
    revoke_decisions,
)
from mpi.service.statements.overlay_detection import HELD, OVERLAY, REFUSED
from mpi.storage.repositories.persons.persons import PersonStatus
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.units import WriteUnit

SAME_AS, NOT, MERGED_INTO = "same_as", "not", "merged_into"
STATED_MERGE, STATED_SPLIT, STATED_REUSE = "stated_merge", "stated_split", "stated_reuse"
"""Origins of what a source states about its own local IDs, apart from its records."""
STATED_ORIGINS = (STATED_MERGE, STATED_SPLIT, STATED_REUSE)
_KINDS = {SAME_AS: DecisionKind.SAME, NOT: DecisionKind.DIFFERENT, MERGED_INTO: DecisionKind.SAME}
MAX_NOT_EIDS = 20
WAITING_STATES = frozenset({HELD, OVERLAY, REFUSED})
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
        unit, record_id, [assertion for assertion in earlier_assertions if is_claim(assertion)]
    )
    effect = revoke_assertions(
        unit, [assertion for assertion in earlier_assertions if assertion.id not in newer_claims]
    )
    for eid_text in eid_texts:
        counterparts = _find_records_of_eid(unit, eid_text) - {record_id}
        groups = _build_groups(origin, record_id, counterparts)
        write_assertion(unit, index, record_id, origin, groups, is_claim=not counterparts)
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
        if is_claim(assertion)
    }
    waiting_versions = {
        claim_id: claim_version
        for claim_id, claim_version in claim_versions.items()
        if claim_version is None or claim_version.state in WAITING_STATES
    }
    if own_version is not None and any(
        claim_version is not None and claim_version.as_of > own_version.as_of
        for claim_version in waiting_versions.values()
    ):
        return AssertionEffect()
    effect = revoke_assertions(
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
        write_assertion(unit, index, record_id, origin, groups, is_claim=True, seen_versions=seen_versions)
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
        if version.state in WAITING_STATES and version.as_of > record.last_seen
    }
    return {claim.id for claim in claims if claim.seen.get(record_id) in newer_versions}


def is_claim(assertion: StoredDecision) -> bool:
    """Return whether a decision is a source's claim that awaits review."""
    return assertion.status is DecisionStatus.REVIEW


def _build_groups(origin: str, record_id: int, counterparts: Collection[int]) -> tuple[tuple[int, ...], ...]:
    """Build the record groups of a source's assertion of identity.

    The record stands alone if it has no counterpart.
    """
    if origin == SAME_AS or not counterparts:
        return ((record_id, *sorted(counterparts)),)
    return ((record_id,), tuple(sorted(counterparts)))


def revoke_assertions(unit: WriteUnit, assertions: Sequence[StoredDecision]) -> AssertionEffect:
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


def write_assertion(
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
