"""Release of what counsel decided in a subpoena case.

The answer holds exactly the decided fields of the decided records, as far as they exist for the viewer. Each
person among them gets a line on the disclosure ledger that names the case.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mpi.domain import clock
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.cases.subpoena import CaseScope
from mpi.policy.tiers import FLAGS_FIELD, POPULATION_TIERS, Tier
from mpi.service.core.confidential_addresses import WITHHELD_FIELDS, has_confidential_address
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.service.legal.references import require_reference
from mpi.service.legal.subpoena_cases import add_release, get_case
from mpi.standardize.serialization import record_from_bytes, to_canonical_fields
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.unit_of_work.units import ReadUnit

RELEASE = "subpoena.release"
"""Kind of request on the disclosure ledger."""


@dataclass(frozen=True, slots=True)
class ReleasedRecord:
    """A record as a subpoena case releases it.

    Args:
        source: code of its source.
        local_id: its local ID.
        values: the decided fields that have a value.
        withheld: decided fields that are withheld, since the whereabouts of the child are confidential.
    """

    source: str
    local_id: str
    values: Mapping[str, Any]
    withheld: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SubpoenaRelease:
    """Answer to a subpoena.

    Args:
        code: code of the case.
        reference: the court's own number.
        records: the records, by local ID.
    """

    code: str
    reference: str
    records: tuple[ReleasedRecord, ...]


def release_case(index: Index, viewer: Viewer, code: str, reference: str | None = None) -> SubpoenaRelease:
    """Release the decided fields of the decided records.

    Records that were sealed, destroyed or withdrawn since are left out. Each release is on the ledger, also a
    repeated one.

    Args:
        index: the open index.
        viewer: who releases them.
        code: code of the case.
        reference: the court's own number, to be sure; None to do without.

    Raises:
        InputError: the reference is another case's.
        NotFoundError: there is no such case that the viewer may handle.
        ConflictError: counsel has not permitted a release, or the parents were not notified.
        StoreError: the ledger cannot be written; nothing is answered.
        AccessDenied: the viewer may not handle cases.
    """
    require_permission(viewer, Action.SUBPOENA_MANAGE)
    with index.database.write(viewer, "subpoena-release") as unit:
        is_repeated = find_stored_answer(unit, index) is not None
        case = get_case(unit, Action.SUBPOENA_MANAGE, code)
        require_reference(reference, case.subpoena.reference)
        scope = case.require_release()
        records = _read_records(unit, scope)
        persons = _group_by_person(unit, records)
        if not is_repeated:
            add_release(unit, code)
            store_answer(unit, index, {"code": code}, records)
    for group in persons:
        index.store.ledger.write(index.database, viewer, _make_line(viewer, code, group, records))
    ordered = sorted(records.values(), key=lambda record: (record.source, record.local_id))
    return SubpoenaRelease(code, case.subpoena.reference, tuple(ordered))


def _read_records(unit: ReadUnit, scope: CaseScope) -> dict[int, ReleasedRecord]:
    """Return what may be released, by record number."""
    labels = visible_labels(unit, scope.record_ids)
    payloads = unit.record_versions.payloads(labels)
    return {
        record_id: _build_record(unit, record_id, labels[record_id], payload, scope)
        for record_id, (_, payload) in payloads.items()
    }


def _build_record(
    unit: ReadUnit, record_id: int, label: RecordRef, payload: bytes, scope: CaseScope
) -> ReleasedRecord:
    is_confidential = has_confidential_address(unit, [record_id])
    withheld = scope.fields & WITHHELD_FIELDS if is_confidential else frozenset[str]()
    values = {
        name: _drop_sealed_flags(name, value)
        for name, value in to_canonical_fields(record_from_bytes(payload)).items()
        if name in scope.fields - withheld
    }
    return ReleasedRecord(
        label.source,
        label.local_id,
        {name: value for name, value in values.items() if value not in (None, [])},
        tuple(sorted(withheld)),
    )


def _drop_sealed_flags(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a value without flags that no answer carries."""
    if name != FLAGS_FIELD:
        return value
    return [flag for flag in value if POPULATION_TIERS.get(flag["population"]) is not Tier.SEALED]


def _group_by_person(unit: ReadUnit, record_ids: Collection[int]) -> list[list[int]]:
    """Return the records of each person; one without a person stands alone."""
    person_by_record = unit.persons.current_persons(record_ids)
    groups: dict[tuple[bool, int], list[int]] = {}
    for record_id in sorted(record_ids):
        has_person = record_id in person_by_record
        groups.setdefault((has_person, person_by_record.get(record_id, record_id)), []).append(record_id)
    return list(groups.values())


def _make_line(
    viewer: Viewer, code: str, record_ids: Collection[int], records: Mapping[int, ReleasedRecord]
) -> Disclosure:
    """Return the ledger's line about one person, with the case as purpose."""
    fields = {name for record_id in record_ids for name in records[record_id].values}
    return Disclosure(
        at=clock.format_timestamp(clock.now()),
        client=viewer.client,
        purpose=f"subpoena:{code}",
        action=RELEASE,
        record_ids=tuple(sorted(record_ids)),
        fields=("local_id", *sorted(fields - {"local_id"})),
        agreement=viewer.agreement,
    )
