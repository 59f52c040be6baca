"""What sources say about who is who: with an upsert, or by merging records of their own.

Assertions are decisions of little authority, revocable by the source: a steward's word goes before them, and
where they meet one the partition suspends them and a task shows the chain. What cannot be believed (an
enterprise ID mistyped, a local ID that now stands for somebody else) is kept as a claim: it links nothing,
and a task asks about it.

What comes with a statement counts with it: while that waits, or was refused, it is a claim too.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mpi.domain import eid as eids
from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import EidError, InputError
from mpi.service.core.identity_key import identity_key
from mpi.service.core.index import Index
from mpi.service.core.steps import add_step
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
from mpi.standardize.payload import record_from_bytes
from mpi.storage.repositories.persons.persons import PersonStatus
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.unit import WriteUnit

SAME_AS, NOT, MERGED_INTO = "same_as", "not", "merged_into"
_KINDS = {SAME_AS: DecisionKind.SAME, NOT: DecisionKind.DIFFERENT, MERGED_INTO: DecisionKind.SAME}
MAX_NOT_EIDS = 20
_WAITING = frozenset({HELD, OVERLAY, REFUSED})
_MISSING = object()


@dataclass(slots=True)
class AssertionEffect:
    """What assertions bear on.

    Args:
        records: records to be settled.
        kept_records: of what was taken back, the records that a person's ID stays with, as before it was said.
    """

    records: set[int] = field(default_factory=set)
    kept_records: dict[int, frozenset[int]] = field(default_factory=dict)

    def merge(self, other: "AssertionEffect") -> None:
        """Take in what something else bears on."""
        self.records |= other.records
        self.kept_records |= other.kept_records


@dataclass(frozen=True, slots=True)
class PersonAssertions:
    """What an upsert says about the record's person, beside the record.

    Args:
        same_as: the enterprise ID that its source takes it for; None takes that back.
        has_same_as: whether the upsert speaks of it at all.
        not_eids: the enterprise IDs that it is not.
        has_not: whether the upsert speaks of them at all.
    """

    same_as: str | None = None
    has_same_as: bool = False
    not_eids: tuple[str, ...] = ()
    has_not: bool = False


def extract_assertions(sent: Mapping[str, object]) -> tuple[dict[str, object], PersonAssertions]:
    """Take ``same_as`` and ``not`` out of what was sent: they are not the record's.

    Raises:
        InputError: they are no enterprise IDs as text.
    """
    rest = dict(sent)
    same_as, not_these = rest.pop(SAME_AS, _MISSING), rest.pop(NOT, _MISSING)
    if same_as is not _MISSING and same_as is not None and not isinstance(same_as, str):
        raise InputError("same_as: give an enterprise ID, or null to take it back")
    listed = [] if not_these in (_MISSING, None) else not_these
    if not isinstance(listed, list) or len(listed) > MAX_NOT_EIDS or not all(isinstance(e, str) for e in listed):
        raise InputError(f"not: give a list of at most {MAX_NOT_EIDS} enterprise IDs")
    return rest, PersonAssertions(
        same_as if isinstance(same_as, str) else None,
        same_as is not _MISSING,
        tuple(listed),
        not_these is not _MISSING,
    )


def record_assertions(
    unit: WriteUnit, index: Index, record_id: int, said: PersonAssertions, *, waits: bool = False
) -> AssertionEffect:
    """Write down what an upsert says about the record's person.

    What it said before of the same sort is revoked: its source has spoken anew. What waits and is newer is
    left; and what waits itself revokes nothing but what waited before it.

    Args:
        unit: the transaction, the upsert's statement written.
        index: for the secret.
        record_id: the record.
        said: what is said.
        waits: whether the statement that it came with does not count yet.
    """
    say = _replace_waiting_claims if waits else _replace_assertions
    touched = AssertionEffect()
    if said.has_same_as:
        wanted = [] if said.same_as is None else [said.same_as]
        touched.merge(say(unit, index, record_id, SAME_AS, wanted))
    if said.has_not:
        touched.merge(say(unit, index, record_id, NOT, said.not_eids))
    return touched


def _replace_assertions(unit: WriteUnit, index: Index, record_id: int, origin: str, texts: Iterable[str]) -> AssertionEffect:
    said = unit.decisions.assertions_of_record(record_id, origin)
    later = _find_newer_waiting_claims(unit, record_id, [one for one in said if _is_claim(one)])
    touched = _revoke_assertions(unit, [one for one in said if one.id not in later])
    for text in texts:
        others = _find_records_of_eid(unit, text) - {record_id}
        groups = _build_groups(origin, record_id, others)
        _write_assertion(unit, index, record_id, origin, groups, doubtful=not others)
        touched.records |= {record_id, *others}
    return touched


def _replace_waiting_claims(unit: WriteUnit, index: Index, record_id: int, origin: str, texts: Iterable[str]) -> AssertionEffect:
    """Keep as claims what came with a statement that waits.

    What is in force already is not said again, and one that is older than another that waits says nothing.
    """
    versions = {each.id: each for each in unit.records.versions(record_id)}
    # None where a paused source said again what stands: that is no version of its own.
    mine = next((each for each in versions.values() if each.received_commit == unit.commit_no), None)
    said = unit.decisions.assertions_of_record(record_id, origin)
    claims = {one.id: versions.get(one.seen.get(record_id) or 0) for one in said if _is_claim(one)}
    waiting = {number: came for number, came in claims.items() if came is None or came.state in _WAITING}
    if mine is not None and any(came is not None and came.as_of > mine.as_of for came in waiting.values()):
        return AssertionEffect()
    touched = _revoke_assertions(unit, [one for one in said if one.id in waiting])
    in_force = [set(one.seen) for one in said if one.status is DecisionStatus.IN_FORCE]
    of_this_child = mine is None or mine.state == HELD
    seen = {record_id: None if mine is None else mine.id}
    for text in texts:
        others = _find_records_of_eid(unit, text) - {record_id}
        if of_this_child and {record_id, *others} in in_force:
            continue
        groups = _build_groups(origin, record_id, others)
        _write_assertion(unit, index, record_id, origin, groups, doubtful=True, seen=seen)
        touched.records |= {record_id, *others}
    return touched


def _find_newer_waiting_claims(unit: WriteUnit, record_id: int, claims: Sequence[StoredDecision]) -> set[int]:
    """Those of a record's claims that came with a version that waits and is newer than what stands."""
    if not claims:
        return set()
    [record] = unit.records.get([record_id]).values()
    newer = {
        each.id
        for each in unit.records.versions(record_id)
        if each.state in _WAITING and each.as_of > record.last_seen
    }
    return {one.id for one in claims if one.seen.get(record_id) in newer}


def _is_claim(one: StoredDecision) -> bool:
    return one.status is DecisionStatus.REVIEW


def _build_groups(origin: str, record_id: int, others: Collection[int]) -> tuple[tuple[int, ...], ...]:
    """The groups of a word; where nobody else is meant that can be, the record alone."""
    if origin == SAME_AS or not others:
        return ((record_id, *sorted(others)),)
    return ((record_id,), tuple(sorted(others)))


def _revoke_assertions(unit: WriteUnit, said: Sequence[StoredDecision]) -> AssertionEffect:
    if not said:
        return AssertionEffect()
    revoke_decisions(unit, said)
    records = {record for one in said for record in one.seen}
    return AssertionEffect(records, find_retained_records(unit, records, min(one.commit_no for one in said)))


def _find_records_of_eid(unit: WriteUnit, text: str) -> set[int]:
    """The records of an enterprise ID as its source may see them; none of one that cannot be meant."""
    try:
        person = unit.persons.find_by_eid(eids.parse_eid(text))
    except EidError:
        return set()
    if person is None:
        return set()
    if person.status == PersonStatus.RETIRED:
        held = unit.persons.last_held_records([person])[person.id]
        holders = set(unit.persons.current_persons(visible_labels(unit, held)).values())
        # Where it was split, nobody can tell which of them is meant.
        if len(holders) != 1:
            return set()
        return set(visible_labels(unit, unit.persons.members(holders)[holders.pop()]))
    return set(visible_labels(unit, unit.persons.members([person.id])[person.id]))


def update_assertions(
    unit: WriteUnit, index: Index, changed: Mapping[int, ChangedRecord], others: Collection[int] = ()
) -> AssertionEffect:
    """Let assertions follow what sources now state.

    A record that states ``merged_into`` is the same as that one; stated without it, it no longer is. A record
    that has changed both its name and its birth date is another's now: its local ID was used again, and what
    its source asserted of it becomes a claim, until the child that it was said of stands again.

    Args:
        unit: the transaction, the changed records indexed.
        index: for the secret.
        changed: records whose active version is another.
        others: those of which something else counts than before, and of which no other version is active.
    """
    known = {record for record, change in changed.items() if not change.fresh}
    asserting = unit.decisions.records_by_origin(known | set(others))
    touched = AssertionEffect()
    for origin in (SAME_AS, NOT):
        for record_id in sorted(asserting.get(origin, ())):
            touched.merge(_update_person_assertions(unit, record_id, origin))
    merged = asserting.get(MERGED_INTO, set())
    for record_id in sorted(merged | {r for r, change in changed.items() if change.merged_into}):
        change = changed.get(record_id)
        wanted = _load_merge_statement(unit, record_id) if change is None else change.merged_into
        touched.merge(_update_merge(unit, index, record_id, wanted))
    return touched


def _load_merge_statement(unit: WriteUnit, record_id: int) -> str | None:
    """The ``merged_into`` of what stands for a record, or stood last; None where nothing of it counts."""
    version = _find_latest_counting_version(unit, record_id)
    if version is None:
        return None
    return record_from_bytes(unit.records.payloads_of_versions([version])[version]).merged_into


def _update_merge(unit: WriteUnit, index: Index, record_id: int, wanted: str | None) -> AssertionEffect:
    target = None if wanted is None else _find_merge_target(unit, index, record_id, wanted)
    said = unit.decisions.assertions_of_record(record_id, MERGED_INTO, revoked=True)
    if target is not None and any(_is_same_merge(unit, one, target) for one in said[-1:]):
        return AssertionEffect()
    touched = _revoke_assertions(unit, [one for one in said if one.status is not DecisionStatus.REVOKED])
    if target is not None:
        groups = ((record_id, target),)
        _write_assertion(unit, index, record_id, MERGED_INTO, groups, doubtful=False)
        touched.records |= {record_id, target}
    return touched


def _is_same_merge(unit: WriteUnit, one: StoredDecision, target: int) -> bool:
    """Whether the last word about the merge is the same: in force, or taken back by a person."""
    if target not in one.seen:
        return False
    if one.status is not DecisionStatus.REVOKED:
        return True
    # Only a person takes back the step: what a source states otherwise, or no more, ends the decision alone.
    of = None if one.step_id is None else unit.steps.get(one.step_id)
    return of is not None and of.undone_commit is not None


def _find_merge_target(unit: WriteUnit, index: Index, record_id: int, wanted: str) -> int | None:
    """The record that is meant; one that has not come yet gets an empty place, so that order is no matter."""
    [record] = unit.records.get([record_id]).values()
    found = unit.records.find_by_local_ids(record.source_id, [wanted]).get(wanted)
    if found is not None:
        return None if found.id == record_id or found.state == RecordState.SEALED else found.id
    [code] = [source.code for source in unit.sources.all() if source.id == record.source_id]
    place = (record.source_id, code, record.group_id)
    return add_placeholders(unit, index, place, [wanted])[wanted]


def _update_person_assertions(unit: WriteUnit, record_id: int, origin: str) -> AssertionEffect:
    """Let what came with a record be in force or a claim, by the version that it came with and what stands.

    Of what counts the latest is in force: its source has spoken anew.
    """
    words = [
        one
        for one in unit.decisions.assertions_of_record(record_id, origin)
        # One that names nobody else was mistyped: it stays a claim.
        if (one.status is DecisionStatus.IN_FORCE or _is_claim(one)) and len(one.seen) > 1
    ]
    places = _rank_counting_assertions(unit, record_id, words)
    last = max(places.values(), default=None)
    binding = [one for one in words if one.id in places and places[one.id] == last]
    claims = [one for one in words if one not in binding and one.status is DecisionStatus.IN_FORCE]
    believed = [one for one in binding if _is_claim(one)]
    unit.decisions.set_status([one.id for one in claims], DecisionStatus.REVIEW, None)
    unit.decisions.set_status([one.id for one in believed], DecisionStatus.IN_FORCE, None)
    touched = AssertionEffect({record for one in (*claims, *believed) for record in one.seen})
    if claims:
        doubted = {record for one in claims for record in one.seen}
        touched.kept_records = find_retained_records(unit, doubted, min(one.commit_no for one in claims))
    return touched


def _rank_counting_assertions(unit: WriteUnit, record_id: int, words: Sequence[StoredDecision]) -> dict[int, tuple[str, int]]:
    """Where each word that counts is in the order in which the latest stands: as-of of its version, receipt.

    One counts whose version does, and is of the child for whom the record now stands. Another name and
    another birth date are another child: its local ID was used again.
    """
    if not words:
        return {}
    versions = {each.id: each for each in unit.records.versions(record_id)}
    stands = versions.get(_find_latest_counting_version(unit, record_id) or 0)
    found = {}
    for one in words:
        seen = versions.get(one.seen.get(record_id) or 0)
        if stands is None:
            counts = one.status is DecisionStatus.IN_FORCE
        elif seen is None:
            # What a paused source said of what stood already waits for the source alone.
            counts = one.status is DecisionStatus.IN_FORCE or not _is_paused(unit, record_id)
        else:
            counts = seen.state not in _WAITING and not _is_another_child(seen.payload, stands.payload)
        came = seen or stands
        if counts:
            found[one.id] = ("" if came is None else came.as_of, one.commit_no)
    return found


def _is_another_child(before: bytes, now: bytes) -> bool:
    *names, born = identity_key(record_from_bytes(before))
    *new_names, new_born = identity_key(record_from_bytes(now))
    return names != new_names and born != new_born


def _find_latest_counting_version(unit: WriteUnit, record_id: int) -> int | None:
    """The version that stands for a record, or stood last where that is withdrawn."""
    heard = unit.record_assertions.assertions_about([record_id])[record_id]
    counting = [one for one in heard if not one.is_held and one.version_id is not None]
    return max(counting, key=lambda one: one.sort_key).version_id if counting else None


def _is_paused(unit: WriteUnit, record_id: int) -> bool:
    [record] = unit.records.get([record_id]).values()
    return any(source.paused for source in unit.sources.all() if source.id == record.source_id)


def _write_assertion(
    unit: WriteUnit,
    index: Index,
    record_id: int,
    origin: str,
    groups: tuple[tuple[int, ...], ...],
    *,
    doubtful: bool,
    seen: Mapping[int, int | None] | None = None,
) -> int:
    step_id = add_step(unit, "assertion", origin, {"record": record_id})
    said = DecisionDraft(
        _KINDS[origin],
        groups,
        origin,
        origin,
        Authority.SOURCE,
        asserting_record=record_id,
        doubtful=doubtful,
        seen=seen or {},
    )
    return add_decision(unit, index, step_id, said)
