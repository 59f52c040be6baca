"""Legal holds and open requests: which records may not be destroyed.

A hold on a child reaches every record of the person that holds the named record, and the named record itself,
in the sources that the hold reaches. A link that changes later changes what is held. A record that has left
its person, since it was withdrawn or sealed to be expunged, is held on account of its last person.
"""

from collections.abc import Collection, Mapping, Sequence

from mpi.domain import clock
from mpi.domain.errors import ConflictError
from mpi.policy.cases.subject_rights import CaseKind, add_days
from mpi.storage.repositories.access.legal_holds import StoredLegalHold
from mpi.storage.repositories.access.rights_cases import StoredCase, StoredStep
from mpi.storage.unit_of_work.units import ReadUnit

CHILD, SOURCE, AGREEMENT = "child", "source", "agreement"


def find_held_records(unit: ReadUnit, record_ids: Collection[int]) -> set[int]:
    """Return the records that a standing legal hold reaches.

    Args:
        unit: the transaction.
        record_ids: records of any state.
    """
    holds = unit.legal_holds.all_in_force() if record_ids else []
    if not holds:
        return set()
    codes = {source.id: source.code for source in unit.sources.all()}
    source_ids = unit.records.source_ids_of(record_ids)
    children = _find_children(unit, [hold for hold in holds if hold.target == CHILD], record_ids)
    return {
        record
        for record, source_id in source_ids.items()
        if any(_reaches(hold, record, codes[source_id], source_id, children) for hold in holds)
    }


def find_kept_records(unit: ReadUnit, record_ids: Collection[int]) -> set[int]:
    """Return the records that a hold, rights case or subpoena keeps.

    34 CFR 99.10(e): no record is destroyed while a request to inspect it is outstanding [K].
    """
    kept = find_held_records(unit, record_ids)
    named = set(record_ids) - kept
    asked: set[int] = set()
    if named:
        asked = {case.record_id for case, steps in unit.rights_cases.all() if _is_pending(case, steps)}
        for history in unit.subpoenas.all():
            if history.is_open:
                asked.update(history.subpoena.record_ids)
    return kept | (named & asked)


def require_not_kept(unit: ReadUnit, record_ids: Collection[int]) -> None:
    """Refuse to destroy records that a hold or open request keeps.

    Raises:
        ConflictError: one of them is kept. The message names neither hold nor request.
    """
    kept = find_kept_records(unit, record_ids)
    if kept:
        raise ConflictError(
            f"a legal hold or an open request keeps {len(kept)} of these records, so nothing was destroyed: "
            "see mpi legal-hold list, mpi rights list and mpi subpoena list"
        )


def _is_pending(case: StoredCase, steps: Sequence[StoredStep]) -> bool:
    """Return whether a case keeps its record.

    It is undecided, or a request to amend: refused while a hearing may still be asked for, at a hearing, or
    granted, since the source may not have corrected the record yet.
    """
    if not steps:
        return True
    last = steps[-1]
    if case.kind == CaseKind.INSPECT:
        return False
    if last.kind == "refuse":
        refused = clock.parse_day(last.details["day"], "day")
        return clock.now().date() <= add_days(refused, case.details["days"]["hearing"])
    return last.kind in {"grant", "ask_hearing", "amend"}


def _find_children(
    unit: ReadUnit, holds: Collection[StoredLegalHold], record_ids: Collection[int]
) -> dict[str, frozenset[int]]:
    """Return the records of each hold's child, by code of hold.

    Args:
        unit: the transaction.
        holds: holds on a child.
        record_ids: records that are asked about; those that left their person are looked for among them.
    """
    if not holds:
        return {}
    departed = _find_last_persons(unit, record_ids, only_departed=True)
    return {
        hold.code: _find_child(unit, hold.record_id, departed) for hold in holds if hold.record_id is not None
    }


def _find_child(unit: ReadUnit, named: int, departed: Mapping[int, int]) -> frozenset[int]:
    """Return the records of the child of a record.

    Args:
        unit: the transaction.
        named: the record.
        departed: last person of records that are of no person now.
    """
    last = unit.persons.by_ids(set(_find_last_persons(unit, [named]).values()))
    core = {named}.union(*unit.persons.last_held_records(last.values()).values())
    present = set(unit.persons.current_persons(core).values())
    members = core.union(*unit.persons.members(present).values())
    former = unit.persons.persons_ever_holding(members) if departed else set()
    return frozenset(members | {record for record, person in departed.items() if person in former})


def _find_last_persons(
    unit: ReadUnit, record_ids: Collection[int], *, only_departed: bool = False
) -> dict[int, int]:
    """Return the last person of each record.

    ``only_departed`` leaves out records that are of a person now.
    """
    return {
        record: max(of_record, key=lambda membership: membership.from_commit).person_id
        for record, of_record in unit.persons.memberships_of(record_ids).items()
        if of_record and not (only_departed and any(each.to_commit is None for each in of_record))
    }


def _reaches(
    hold: StoredLegalHold, record: int, source: str, source_id: int, children: dict[str, frozenset[int]]
) -> bool:
    """Return whether a hold reaches a record."""
    if hold.target == SOURCE:
        return hold.source_id == source_id
    if hold.sources is not None and source not in hold.sources:
        return False
    return hold.target == AGREEMENT or record in children.get(hold.code, frozenset())
