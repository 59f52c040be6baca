"""What sources say about who is who: with an upsert, or by merging records of their own.

Assertions are decisions of little authority, revocable by the source: a steward's word goes before them, and
where they meet one the partition suspends them and a task shows the chain. What cannot be believed (an
enterprise ID mistyped, a local ID that now stands for somebody else) is kept as a claim: it links nothing,
and a task asks about it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mpi.domain import eid as eids
from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import EidError, InputError
from mpi.service.context import Index
from mpi.service.deciding import Statement, as_before, revoke, write_down
from mpi.service.named import visible
from mpi.service.places import empty_places
from mpi.service.reindex import Changed
from mpi.service.steps import add_step
from mpi.service.who import who
from mpi.standardize.payload import from_payload
from mpi.storage.repositories.decisions import DecisionStatus, StoredDecision
from mpi.storage.repositories.persons import PersonStatus
from mpi.storage.repositories.records import RecordState
from mpi.storage.unit import WriteUnit

SAME_AS, NOT, MERGED_INTO = "same_as", "not", "merged_into"
MOST_NOT = 20
_MISSING = object()


@dataclass(slots=True)
class Touched:
    """What assertions bear on.

    Args:
        records: records to be settled.
        keeps: of what was taken back, the records that a person's ID stays with, as before it was said.
    """

    records: set[int] = field(default_factory=set)
    keeps: dict[int, frozenset[int]] = field(default_factory=dict)

    def add(self, other: "Touched") -> None:
        """Take in what something else bears on."""
        self.records |= other.records
        self.keeps |= other.keeps


@dataclass(frozen=True, slots=True)
class Asserted:
    """What an upsert says about the record's person, beside the record.

    Args:
        same_as: the enterprise ID that its source takes it for; None takes that back.
        says_same_as: whether the upsert speaks of it at all.
        not_these: the enterprise IDs that it is not.
        says_not: whether the upsert speaks of them at all.
    """

    same_as: str | None = None
    says_same_as: bool = False
    not_these: tuple[str, ...] = ()
    says_not: bool = False


def taken_out(sent: Mapping[str, object]) -> tuple[dict[str, object], Asserted]:
    """Take ``same_as`` and ``not`` out of what was sent: they are not the record's.

    Raises:
        InputError: they are no enterprise IDs as text.
    """
    rest = dict(sent)
    same_as, not_these = rest.pop(SAME_AS, _MISSING), rest.pop(NOT, _MISSING)
    if same_as is not _MISSING and same_as is not None and not isinstance(same_as, str):
        raise InputError("same_as: give an enterprise ID, or null to take it back")
    listed = [] if not_these in (_MISSING, None) else not_these
    if not isinstance(listed, list) or len(listed) > MOST_NOT or not all(isinstance(e, str) for e in listed):
        raise InputError(f"not: give a list of at most {MOST_NOT} enterprise IDs")
    return rest, Asserted(
        same_as if isinstance(same_as, str) else None,
        same_as is not _MISSING,
        tuple(listed),
        not_these is not _MISSING,
    )


def assert_persons(unit: WriteUnit, index: Index, record_id: int, said: Asserted) -> Touched:
    """Write down what an upsert says about the record's person.

    What it said before of the same sort is revoked: its source has spoken anew.
    """
    touched = Touched()
    if said.says_same_as:
        wanted = [] if said.same_as is None else [said.same_as]
        touched.add(_say(unit, index, record_id, SAME_AS, DecisionKind.SAME, wanted))
    if said.says_not:
        touched.add(_say(unit, index, record_id, NOT, DecisionKind.DIFFERENT, said.not_these))
    return touched


def _say(
    unit: WriteUnit, index: Index, record_id: int, origin: str, kind: DecisionKind, texts: Iterable[str]
) -> Touched:
    touched = _take_back(unit, unit.decisions.asserted_by(record_id, origin))
    for text in texts:
        others = _records_of(unit, text) - {record_id}
        if not others:
            groups: tuple[tuple[int, ...], ...] = ((record_id,),)
        elif kind is DecisionKind.SAME:
            groups = ((record_id, *sorted(others)),)
        else:
            groups = ((record_id,), tuple(sorted(others)))
        _write(unit, index, record_id, origin, kind, groups, doubtful=not others)
        touched.records |= {record_id, *others}
    return touched


def _take_back(unit: WriteUnit, said: Sequence[StoredDecision]) -> Touched:
    if not said:
        return Touched()
    revoke(unit, said)
    records = {record for one in said for record in one.seen}
    return Touched(records, as_before(unit, records, min(one.commit_no for one in said)))


def _records_of(unit: WriteUnit, text: str) -> set[int]:
    """The records of an enterprise ID as its source may see them; none of one that cannot be meant."""
    try:
        person = unit.persons.by_eid(eids.parse(text))
    except EidError:
        return set()
    if person is None:
        return set()
    if person.status == PersonStatus.RETIRED:
        held = unit.persons.last_held([person])[person.id]
        holders = set(unit.persons.current(visible(unit, held)).values())
        # Where it was split, nobody can tell which of them is meant.
        if len(holders) != 1:
            return set()
        return set(visible(unit, unit.persons.members(holders)[holders.pop()]))
    return set(visible(unit, unit.persons.members([person.id])[person.id]))


def follow(
    unit: WriteUnit, index: Index, changed: Mapping[int, Changed], untold: Collection[int] = ()
) -> Touched:
    """Let assertions follow what sources now state.

    A record that states ``merged_into`` is the same as that one; stated without it, it no longer is. A record
    that has changed both its name and its birth date is another's now: its local ID was used again, and what
    its source asserted of it becomes a claim.

    Args:
        unit: the transaction, the changed records indexed.
        index: for the secret.
        changed: records whose active version is another.
        untold: records of which nothing that was said counts any more.
    """
    known = {record for record, change in changed.items() if not change.fresh}
    asserting = unit.decisions.asserting(known | set(untold))
    touched = _reused(unit, asserting.get(SAME_AS, set()) & changed.keys())
    merged = asserting.get(MERGED_INTO, set())
    for record_id in sorted(merged | {r for r, change in changed.items() if change.merged_into}):
        wanted = changed[record_id].merged_into if record_id in changed else None
        touched.add(_follow_merge(unit, index, record_id, wanted))
    return touched


def _follow_merge(unit: WriteUnit, index: Index, record_id: int, wanted: str | None) -> Touched:
    target = None if wanted is None else _target(unit, index, record_id, wanted)
    said = unit.decisions.asserted_by(record_id, MERGED_INTO, revoked=True)
    if target is not None and any(_holds(unit, one, target) for one in said[-1:]):
        return Touched()
    touched = _take_back(unit, [one for one in said if one.status is not DecisionStatus.REVOKED])
    if target is not None:
        groups = ((record_id, target),)
        _write(unit, index, record_id, MERGED_INTO, DecisionKind.SAME, groups, doubtful=False)
        touched.records |= {record_id, target}
    return touched


def _holds(unit: WriteUnit, one: StoredDecision, target: int) -> bool:
    """Whether the last word about the merge is the same: in force, or taken back by a person."""
    if target not in one.seen:
        return False
    if one.status is not DecisionStatus.REVOKED or one.ended_commit is None:
        return True
    return unit.commit_info({one.ended_commit})[one.ended_commit][2] == "undo"


def _target(unit: WriteUnit, index: Index, record_id: int, wanted: str) -> int | None:
    """The record that is meant; one that has not come yet gets an empty place, so that order is no matter."""
    [record] = unit.records.get([record_id]).values()
    found = unit.records.find(record.source_id, [wanted]).get(wanted)
    if found is not None:
        return None if found.id == record_id or found.state == RecordState.SEALED else found.id
    [code] = [source.code for source in unit.sources.all() if source.id == record.source_id]
    place = (record.source_id, code, record.group_id)
    return empty_places(unit, index, place, [wanted])[wanted]


def _reused(unit: WriteUnit, record_ids: Collection[int]) -> Touched:
    """Make claims of what was asserted of records that now stand for somebody else."""
    asserted = [
        one
        for record in record_ids
        for one in unit.decisions.asserted_by(record, SAME_AS)
        if one.status is DecisionStatus.IN_FORCE
    ]
    restated = unit.decisions.restated([one.id for one in asserted])
    payloads = unit.records.payloads_of({version for _, *versions in restated for version in versions})
    asserting = {one.id for one in asserted}
    claims = set()
    for number, seen, now in restated:
        *names, born = who(from_payload(payloads[seen]))
        *new_names, new_born = who(from_payload(payloads[now]))
        if number in asserting and names != new_names and born != new_born:
            claims.add(number)
    unit.decisions.set_status(claims, DecisionStatus.REVIEW, None)
    doubted = [one for one in asserted if one.id in claims]
    if not doubted:
        return Touched()
    records = {record for one in doubted for record in one.seen}
    return Touched(records, as_before(unit, records, min(one.commit_no for one in doubted)))


def _write(
    unit: WriteUnit,
    index: Index,
    record_id: int,
    origin: str,
    kind: DecisionKind,
    groups: tuple[tuple[int, ...], ...],
    *,
    doubtful: bool,
) -> int:
    step_id = add_step(unit, "assertion", origin, {"record": record_id})
    said = Statement(
        kind,
        groups,
        origin,
        origin,
        Authority.SOURCE,
        asserting_record=record_id,
        doubtful=doubtful,
    )
    return write_down(unit, index, step_id, said)
