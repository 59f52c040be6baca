"""Least disclosure: fields and flags that the policy lets an answer hold.

What the purpose, the role or the agreement does not carry is left out before the answer and its ledger line
are made. The log says which fields were left out, and of no person.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from mpi.domain.viewer import (
    NAMED_POPULATIONS,
    OTHER_POPULATIONS,
    Action,
    RecordAccess,
    StatedFacts,
    StatedPopulations,
    Viewer,
)
from mpi.service.core.visibility import read_populations_by_child
from mpi.storage.unit_of_work.units import ReadUnit

_log = logging.getLogger("mpi.policy")
_FLAGS = "flags"
_FLAG_PREFIX = f"{_FLAGS}."
_Value = TypeVar("_Value")


class SourcedFlag(Protocol):
    """A flag of a source's record."""

    @property
    def population(self) -> str:
        """The special population."""

    @property
    def source(self) -> str:
        """Code of the record's source."""


_Flag = TypeVar("_Flag", bound=SourcedFlag)


def find_populations(unit: ReadUnit, record_ids: Collection[int]) -> StatedPopulations:
    """Return a child's populations, by flags in force, with who states them.

    Arguments as for one child of ``find_populations_by_child``.
    """
    return find_populations_by_child(unit, {0: record_ids})[0]


def find_populations_by_child(
    unit: ReadUnit, records_by_child: Mapping[int, Collection[int]]
) -> dict[int, StatedPopulations]:
    """Return the populations of each child, with who states them.

    The populations come from the flags in force. Flags of records that the viewer may not see count as well:
    the policy says whose flags count for which record. Empty where no decision of the viewer's policy depends
    on them.

    Args:
        unit: the transaction of the viewer.
        records_by_child: all records of each child, by a number of the child.
    """
    rights = unit.viewer.rights
    if rights is None or not rights.needs_populations:
        return dict.fromkeys(records_by_child, frozenset())
    return read_populations_by_child(unit, records_by_child)


def keep_carried_flags(
    viewer: Viewer, action: Action, flags: Iterable[_Flag], populations: StatedFacts = frozenset()
) -> tuple[_Flag, ...]:
    """Return the flags that an answer may hold, and log the others."""
    flags = tuple(flags)
    rights = viewer.rights
    if rights is None or not flags:
        return flags
    kept = tuple(
        flag for flag in flags if rights.carried(action, flag.source, populations).has_flag(flag.population)
    )
    if len(kept) < len(flags):
        _log_stripped(
            viewer, action, {f"{_FLAG_PREFIX}{flag.population}" for flag in flags if flag not in kept}
        )
    return kept


def keep_carried_fields(
    viewer: Viewer,
    action: Action,
    source: str,
    values: Mapping[str, Any],
    populations: StatedFacts = frozenset(),
) -> dict[str, Any]:
    """Return a record's fields that an answer may hold; log the others.

    Args:
        viewer: who asks.
        action: the kind of request.
        source: code of the record's source.
        values: values by canonical field; flags are objects with a population.
        populations: populations of the child, and consents to disclose the record.
    """
    rights = viewer.rights
    if rights is None:
        return dict(values)
    carried = rights.carried(action, source, populations)
    kept = {name: value for name, value in values.items() if name in carried.fields or name == _FLAGS}
    stripped = values.keys() - kept.keys()
    if _FLAGS in kept:
        flags = [flag for flag in kept[_FLAGS] if carried.has_flag(flag["population"])]
        stripped |= {f"{_FLAGS}.{flag['population']}" for flag in kept[_FLAGS] if flag not in flags}
        kept = {name: flags if name == _FLAGS else value for name, value in kept.items()}
        if not flags:
            del kept[_FLAGS]
    if stripped:
        _log_stripped(viewer, action, stripped)
    return kept


def may_tell_of_field(
    viewer: Viewer, action: Action, source: str, field: str, populations: StatedFacts
) -> bool:
    """Return whether an answer may tell that a record states a field.

    A source is told of every field that it sent, also of those that no answer holds.
    """
    if viewer.rights is None or viewer.rights.find_access(source, populations) is RecordAccess.OWN:
        return True
    return field in viewer.rights.carried(action, source, populations).fields


def may_hold_value(
    viewer: Viewer, source: str, attribute: str, value: object, populations: StatedFacts
) -> bool:
    """Return whether a golden record may hold a source's value.

    Args:
        viewer: who asks.
        source: code of the source.
        attribute: attribute of the golden record.
        value: the value; a flag is an object with a population.
        populations: populations of the child, and consents to disclose the record.
    """
    if viewer.rights is None:
        return True
    carried = viewer.rights.carried(Action.PERSON_READ, source, populations)
    if attribute == _FLAGS and isinstance(value, Mapping):
        return carried.has_flag(str(value["population"]))
    return attribute in carried.fields


def keep_carried_populations(
    viewer: Viewer, action: Action, source: str, populations: Iterable[str]
) -> set[str]:
    """Return the populations of a record's flags that an answer may name."""
    if viewer.rights is None:
        return set(populations)
    carried = viewer.rights.carried(action, source)
    return {population for population in populations if carried.has_flag(population)}


def sees_all_flags(viewer: Viewer) -> bool:
    """Return whether the viewer may see the flags of every record.

    Only then may an order depend on flags.
    """
    return viewer.sources is None and (viewer.rights is None or viewer.rights.carries_all_flags)


def _log_stripped(viewer: Viewer, action: Action, names: Iterable[str]) -> None:
    """Log which fields and flags an answer leaves out.

    Names are the program's own.
    """
    purpose = viewer.purpose or "no purpose"
    logged = sorted({_hide_sent_code(name) for name in names})
    _log.info("%s for %s (%s): left out %s", action, viewer.client, purpose, ", ".join(logged))


def _hide_sent_code(name: str) -> str:
    """Return a name for the log.

    A population's code that a source made up may tell of a child.
    """
    population = name.removeprefix(_FLAG_PREFIX)
    if population == name or population in NAMED_POPULATIONS:
        return name
    return f"{_FLAG_PREFIX}{OTHER_POPULATIONS}"
