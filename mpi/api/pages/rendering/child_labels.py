"""Labels of children in lists: name and age before any ID."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from mpi.api.pages.rendering.dates import format_age
from mpi.api.pages.rendering.record_values import format_day
from mpi.domain import clock
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer
from mpi.service.core.index import Index
from mpi.service.persons.child_names import ChildName, ChildNames, look_up_child_names
from mpi.service.statements.sources import list_readable_sources
from mpi.standardize.name.title_case import format_name

ChildrenOf = Callable[[Iterable[RecordRef]], tuple["ChildLabel", ...]]
"""Function that labels the children of some records."""


@dataclass(frozen=True, slots=True)
class ChildLabel:
    """How a page names one child.

    Args:
        name: in title case; empty if the viewer may not see one.
        born: the birth date; empty like the name.
        age: age today, such as "8 years"; empty without a whole birth date.
        enterprise_id: the child's ID; None for a record that takes no part.
        records: those of the child's records that the list is about.
    """

    name: str
    born: str
    age: str
    enterprise_id: str | None
    records: tuple[RecordRef, ...] = ()

    @property
    def spoken(self) -> str:
        """Name for a screen reader: the child's, else an ID."""
        return self.name or self.enterprise_id or ", ".join(record.local_id for record in self.records)


def label_child(child: ChildName | None, records: Sequence[RecordRef] = ()) -> ChildLabel:
    """Return the label of a child, nameless if it is unknown."""
    if child is None:
        return ChildLabel("", "", "", None, tuple(records))
    return ChildLabel(
        name=format_name(child.first_name, child.middle_name, child.last_name, child.suffix),
        born=format_day(child.birth_date or ""),
        age=format_age(child.birth_date, clock.today()),
        enterprise_id=child.enterprise_id,
        records=tuple(records),
    )


def label_children(names: ChildNames, records: Iterable[RecordRef]) -> tuple[ChildLabel, ...]:
    """Return a label for each child of some records, in order.

    A record without a child that the viewer may see is a label of its own.
    """
    records_by_child: dict[object, list[RecordRef]] = {}
    for record in records:
        child = names.by_record.get(record)
        key = record if child is None or child.enterprise_id is None else child.enterprise_id
        records_by_child.setdefault(key, []).append(record)
    return tuple(label_child(names.by_record.get(group[0]), group) for group in records_by_child.values())


def make_child_labeler(
    index: Index, viewer: Viewer, action: Action, records: Iterable[RecordRef]
) -> ChildrenOf:
    """Return a function that labels the children of a page's records.

    Args:
        index: the open index.
        viewer: who is shown the page.
        action: the action by which the names are shown.
        records: all records that the page names.
    """
    return partial(label_children, look_up_child_names(index, viewer, action, dict.fromkeys(records)))


def name_systems(index: Index, viewer: Viewer) -> dict[str, str]:
    """Return the readable systems' names, by source code."""
    return {source.code: source.name for source in list_readable_sources(index, viewer)}
