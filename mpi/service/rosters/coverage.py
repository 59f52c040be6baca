"""Sources of which a viewer's list of children in care is made.

A list tells that child welfare holds a child. It is made of the records alone that the viewer's agreement
discloses together with the flag of foster care. A source that is disclosed by consent is left out, as it is
from exports and the change feed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

import orjson

from mpi.domain.source import CARE_KINDS, SourceKind
from mpi.domain.viewer import Action, RecordAccess, StatedFacts, Viewer
from mpi.standardize.care_periods import FROM_FLAG, FROM_PLACEMENT
from mpi.storage.repositories.rosters.care_rosters import RosterRow, RosterSources
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit

FOSTER_CARE = "foster_care"
_PLACEMENTS = "placements"
_FINGERPRINT_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Coverage:
    """Sources of which a viewer's list is made.

    Args:
        schools: the viewer's sources of schools, by number.
        cares: sources of child welfare, by number, with the kinds of statements that may be told.
    """

    schools: dict[int, Source]
    cares: dict[int, tuple[Source, frozenset[str]]]

    @property
    def is_empty(self) -> bool:
        """Whether no child can be on the list."""
        return not self.schools or not self.cares

    @property
    def fingerprint(self) -> str:
        """Text that only the same sources and kinds have."""
        cares = sorted((number, *sorted(kinds)) for number, (_, kinds) in self.cares.items())
        return sha256(orjson.dumps([sorted(self.schools), cares])).hexdigest()[:_FINGERPRINT_DIGITS]

    @property
    def roster_sources(self) -> RosterSources:
        """Sources and kinds whose rows are listed if ``covers`` admits them."""
        kinds = {kind for _, told in self.cares.values() for kind in told}
        return RosterSources(self.schools.keys(), self.cares.keys(), kinds)

    def covers(self, row: RosterRow) -> bool:
        """Return whether a row of the roster may be told."""
        return row.kind in self.cares[row.care_source_id][1]


def find_coverage(unit: ReadUnit, action: Action = Action.PERSON_READ) -> Coverage:
    """Return of which sources the viewer's list is made.

    Args:
        unit: the transaction of the viewer.
        action: the action whose answers tell who is in care.
    """
    viewer = unit.viewer
    sources = [source for source in unit.sources.all() if viewer.may_see(source.code)]
    return Coverage(
        schools={source.id: source for source in sources if _is_own_school(viewer, source)},
        cares={
            source.id: (source, kinds)
            for source in sources
            if source.kind in CARE_KINDS and (kinds := find_disclosed_kinds(viewer, source.code, action))
        },
    )


def find_disclosed_kinds(
    viewer: Viewer, care_source: str, action: Action = Action.PERSON_READ
) -> frozenset[str]:
    """Return which statements of "in care" a source discloses to a viewer.

    Args:
        viewer: who reads.
        care_source: code of the source of child welfare.
        action: the action whose answers tell of them.
    """
    rights = viewer.rights
    if rights is None:
        return frozenset({FROM_FLAG, FROM_PLACEMENT})
    kinds = set()
    in_care = state_care([care_source])
    if rights.find_access(care_source, in_care) is not RecordAccess.HIDDEN:
        carried = rights.carried(action, care_source, in_care)
        kinds |= {FROM_FLAG} if carried.has_flag(FOSTER_CARE) else set()
    if rights.find_access(care_source) is not RecordAccess.HIDDEN:
        carried = rights.carried(action, care_source)
        kinds |= {FROM_PLACEMENT} if _PLACEMENTS in carried.fields else set()
    return frozenset(kinds)


def state_care(care_sources: Iterable[str]) -> StatedFacts:
    """Return the facts that child welfare states of a child in care."""
    return frozenset((source, FOSTER_CARE) for source in care_sources)


def find_carried_fields(
    viewer: Viewer, source: str, facts: StatedFacts, action: Action = Action.PERSON_READ
) -> frozenset[str] | None:
    """Return a source's fields that a list may hold; None for all."""
    if viewer.rights is None:
        return None
    return viewer.rights.carried(action, source, facts).fields


def may_hold(fields: frozenset[str] | None, name: str) -> bool:
    """Return whether a field is among those that a list may hold."""
    return fields is None or name in fields


def _is_own_school(viewer: Viewer, source: Source) -> bool:
    """Return whether a source is a school's that the viewer wholly reads.

    The viewer's party owns it, or the agreement discloses it for every child.
    """
    if source.kind != SourceKind.SIS:
        return False
    return viewer.rights is None or viewer.rights.find_access(source.code) is not RecordAccess.HIDDEN
