"""Items of children on a list.

An item is known, or missing and due on a day.

An item is read from the child's records, as far as agreement and role permit. What was stated before the
present stay in care does not count for it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from mpi.domain import clock
from mpi.domain.children.items import ITEM_OWNERS, SCHOOL_ITEMS, ItemKind, ItemOwner
from mpi.storage.repositories.rosters.child_items import StoredItem
from mpi.storage.unit_of_work.units import ReadUnit

Permitted = frozenset[str] | None
"""Fields of a record that a list may hold; None for all."""
STAY = "stay"
"""Best-interest decision that the child stays in the school of origin."""
_TELL_PLACE = SCHOOL_ITEMS | {ItemKind.SCHOOL_OF_ORIGIN}
"""Items that tell where the child goes to school."""


@dataclass(frozen=True, slots=True)
class ChildItem:
    """One item of a child.

    Args:
        kind: what it is.
        owner: role of who answers for it.
        party: code of the source whose office that is; None where the school is not known.
        value: values by column of the file; None where it is missing.
        as_of: latest day for which it was stated; None where it is missing.
        stated_by: code of the source that states it; None where it is missing.
        due: day by which a missing item is due; None where no clock runs.
        days_left: days until then, negative afterwards; None likewise.
    """

    kind: ItemKind
    owner: ItemOwner
    party: str | None
    value: Mapping[str, str] | None = None
    as_of: str | None = None
    stated_by: str | None = None
    due: str | None = None
    days_left: int | None = None

    @property
    def is_missing(self) -> bool:
        """Whether nobody has stated it."""
        return self.value is None

    @property
    def is_late(self) -> bool:
        """Whether it is missing after its day."""
        return self.days_left is not None and self.days_left < 0


@dataclass(frozen=True, slots=True)
class ItemSubject:
    """A child whose items are read.

    Args:
        care_records: child-welfare records: code of the source and fields that may be told, by number.
        school_records: records of schools, likewise.
        care_begin: first day in care; empty where it is not known.
        enrolled_begin: first day in the present school; empty where it is not known.
        is_of_school_age: whether the child has to be in school.
        is_withheld: whether a record of the child keeps the whereabouts confidential.
    """

    care_records: Mapping[int, tuple[str, Permitted]]
    school_records: Mapping[int, tuple[str, Permitted]] = field(default_factory=dict)
    care_begin: str = ""
    enrolled_begin: str = ""
    is_of_school_age: bool = True
    is_withheld: bool = False


def read_items(unit: ReadUnit, subjects: Sequence[ItemSubject]) -> list[tuple[ChildItem, ...]]:
    """Return the items of children, each child's in the order of ``ItemKind``.

    Items that do not concern a child and that nobody has stated are left out.

    Args:
        unit: the viewer's transaction.
        subjects: the children.
    """
    records = {number for each in subjects for number in (*each.care_records, *each.school_records)}
    stored: dict[tuple[int, str], StoredItem] = {
        (item.record_id, item.kind): item for item in unit.child_items.current(records)
    }
    return [_read_subject(unit, subject, stored) for subject in subjects]


def list_told_fields(items: Collection[ChildItem]) -> tuple[str, ...]:
    """Return the ledger's names of the items that an answer tells."""
    return tuple(sorted({item.kind.value for item in items}))


def count_days_left(due: str) -> int:
    """Return the days until a day, negative afterwards."""
    return (date.fromisoformat(due) - clock.now().date()).days


def _read_subject(
    unit: ReadUnit, subject: ItemSubject, stored: Mapping[tuple[int, str], StoredItem]
) -> tuple[ChildItem, ...]:
    statements = {kind: _choose_statement(subject, kind, stored) for kind in ItemKind}
    items = []
    for kind in ItemKind:
        if not _may_tell(subject, kind):
            continue
        statement = statements[kind]
        begin = _find_begin(subject, kind, statements[ItemKind.BEST_INTEREST])
        home = _home_of(subject, kind)
        party = next((code for code, _ in home.values()), None)
        if statement is not None and statement.value is not None:
            source = {**subject.care_records, **subject.school_records}[statement.record_id][0]
            items.append(ChildItem(kind, ITEM_OWNERS[kind], party, statement.value, statement.as_of, source))
        elif begin is not None:
            due = _find_due(unit, kind, begin)
            left = None if due is None else count_days_left(due)
            items.append(ChildItem(kind, ITEM_OWNERS[kind], party, due=due, days_left=left))
    return tuple(items)


def _home_of(subject: ItemSubject, kind: ItemKind) -> Mapping[int, tuple[str, Permitted]]:
    """Return the records of the side that answers for an item."""
    return subject.school_records if kind in SCHOOL_ITEMS else subject.care_records


def _may_tell(subject: ItemSubject, kind: ItemKind) -> bool:
    """Return whether an item may be told, also that it is missing.

    It is missing only as far as the viewer may know what the answering side states. Transport may be stated
    by either side.
    """
    if subject.is_withheld and kind in _TELL_PLACE:
        return False
    home = _home_of(subject, kind)
    if kind is ItemKind.TRANSPORT:
        home = {**subject.care_records, **subject.school_records}
    return bool(home) and all(fields is None or kind in fields for _, fields in home.values())


def _choose_statement(
    subject: ItemSubject, kind: ItemKind, stored: Mapping[tuple[int, str], StoredItem]
) -> StoredItem | None:
    """Return the latest statement of an item that may be told."""
    records = {**subject.care_records, **subject.school_records}
    found = [
        stored[number, kind]
        for number, (_, fields) in records.items()
        if (number, kind) in stored and (fields is None or kind in fields)
    ]
    current = [each for each in found if each.as_of >= subject.care_begin]
    return max(current, key=lambda each: (each.as_of, each.value is not None, each.record_id), default=None)


def _find_begin(subject: ItemSubject, kind: ItemKind, decision: StoredItem | None) -> str | None:
    """Return since when a child needs an item.

    It is empty where that is not known, and None where the child needs none.
    """
    if kind is ItemKind.TRANSPORT:
        value = {} if decision is None or decision.value is None else decision.value
        needs = bool(subject.school_records) and value.get("best_interest_decision") == STAY
        return value["best_interest_date"] if needs else None
    if kind in SCHOOL_ITEMS:
        has_moved = bool(subject.care_begin) and subject.enrolled_begin > subject.care_begin
        return subject.enrolled_begin if has_moved else None
    return subject.care_begin if subject.is_of_school_age else None


def _find_due(unit: ReadUnit, kind: ItemKind, begin: str) -> str | None:
    """Return the day by which an item is due under the agreement."""
    rights = unit.viewer.rights
    days = None if rights is None else rights.find_clock(kind)
    return None if days is None else add_days(begin, days)


def add_days(begin: str, days: int) -> str | None:
    """Return the day some days after another; None without a whole date."""
    try:
        return (date.fromisoformat(begin) + timedelta(days)).isoformat()
    except (ValueError, OverflowError):
        return None
