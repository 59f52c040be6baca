"""Conditions on a child before a caseworker or a school sees it.

A child for whom a condition does not hold is answered as an unknown one, in the same words: that the child is
in the index would be news to the caller. Both go to the record of refusals, so that neither takes longer.
"""

from collections.abc import Callable, Collection, Iterable
from types import MappingProxyType

from mpi.domain import clock
from mpi.domain.errors import NotFoundError, RefusedCall, UnmetConditionError
from mpi.domain.record import CanonicalRecord
from mpi.domain.viewer import Action, Viewer
from mpi.policy.reasons import ReasonCode
from mpi.policy.role_rules import Condition
from mpi.service.core.visibility import visible_labels
from mpi.standardize.fields.dates import is_within_period
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.unit_of_work.units import ReadUnit

UNKNOWN_ID = "this index never gave out that enterprise ID"
_UNKNOWN_CHILD = "not-found"
_CARE_KIND, _SCHOOL_KIND = "ccwis", "sis"
_CUSTODY = "foster_care"


def require_child_conditions(unit: ReadUnit, record_ids: Collection[int], unknown: str = UNKNOWN_ID) -> None:
    """Refuse a child who does not meet the viewer's conditions.

    Args:
        unit: the transaction of the viewer.
        record_ids: the child's records.
        unknown: the caller's own message about a child that does not exist.

    Raises:
        UnmetConditionError: a condition does not hold; its message is ``unknown``.
    """
    rights = unit.viewer.rights
    if rights is None or not rights.conditions:
        return
    records = _read_named_records(unit, record_ids)
    day = clock.today()
    for condition in Condition:
        if condition in rights.conditions and not _CHECKS[condition](records, day):
            call = _refused_call(unit.viewer, Action.PERSON_READ)
            raise UnmetConditionError(unknown, _REASONS[condition], call)


def make_not_found(viewer: Viewer, unknown: str) -> NotFoundError:
    """Return the error about a child unknown to the viewer.

    For a viewer with conditions the call is recorded as one about a hidden child is. Otherwise the time of an
    answer would tell them apart.

    Args:
        viewer: who asks.
        unknown: the message.
    """
    if viewer.rights is None or not viewer.rights.conditions:
        return NotFoundError(unknown)
    return UnmetConditionError(unknown, _UNKNOWN_CHILD, _refused_call(viewer, Action.PERSON_READ))


def _refused_call(viewer: Viewer, action: Action) -> RefusedCall:
    return RefusedCall(viewer.client, action, viewer.purpose, viewer.agreement)


_KindAndRecord = tuple[str, CanonicalRecord]


def _read_named_records(unit: ReadUnit, record_ids: Collection[int]) -> list[_KindAndRecord]:
    """Return records of sources granted by name, with their source's kind."""
    if unit.viewer.sources is None:
        return []
    kinds = {source.id: source.kind for source in unit.sources.all()}
    payloads = unit.record_versions.payloads(visible_labels(unit, record_ids))
    return [(kinds[source_id], record_from_bytes(payload)) for source_id, payload in payloads.values()]


def _has_open_custody(records: Iterable[_KindAndRecord], day: str) -> bool:
    """Return whether the care agency's record says "in care"."""
    return any(
        kind == _CARE_KIND and (_has_care_flag(record, day) or _is_placed(record, day))
        for kind, record in records
    )


def _has_care_flag(record: CanonicalRecord, day: str) -> bool:
    return any(
        flag.population == _CUSTODY and flag.value == "Y" and is_within_period(flag.begin, flag.end, day)
        for flag in record.flags
    )


def _is_placed(record: CanonicalRecord, day: str) -> bool:
    return any(
        placement.begin is not None and is_within_period(placement.begin, placement.end, day)
        for placement in record.placements
    )


def _has_case(records: Iterable[_KindAndRecord], _day: str) -> bool:
    """Return whether the caller is named for the child's care source."""
    return any(kind == _CARE_KIND for kind, _ in records)


def _is_enrolled(records: Iterable[_KindAndRecord], day: str) -> bool:
    """Return whether the school's own record says that the child is enrolled."""
    return any(
        kind == _SCHOOL_KIND and is_within_period(enrollment.entry_date, enrollment.exit_date, day)
        for kind, record in records
        for enrollment in record.enrollments
    )


_CHECKS: MappingProxyType[Condition, Callable[[Iterable[_KindAndRecord], str], bool]] = MappingProxyType({
    Condition.LEGAL_RESPONSIBILITY: _has_open_custody,
    Condition.CASE_PLAN_ACCESS: _has_case,
    Condition.ENROLLMENT: _is_enrolled,
})  # fmt: skip
_REASONS = MappingProxyType({
    Condition.LEGAL_RESPONSIBILITY: ReasonCode.NO_LEGAL_RESPONSIBILITY,
    Condition.CASE_PLAN_ACCESS: ReasonCode.NO_CASE_PLAN_ACCESS,
    Condition.ENROLLMENT: ReasonCode.NOT_ENROLLED,
})  # fmt: skip
