"""Reading of source records as last stated."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mpi.domain.errors import AccessDenied, MpiError, NotFoundError
from mpi.domain.record import CanonicalRecord
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import (
    Action,
    ConsentScope,
    StatedPopulations,
    Viewer,
    is_own_source,
    require_permission,
)
from mpi.service.core.confidential_addresses import (
    WITHHELD_FIELDS,
    are_record_whereabouts_withheld,
    has_confidential_address,
)
from mpi.service.core.disclosure import disclose
from mpi.service.core.disclosure_consents import read_consents
from mpi.service.core.index import Index
from mpi.service.core.minimization import find_populations_by_child, keep_carried_fields, may_tell_of_field
from mpi.service.core.visibility import find_visible_records
from mpi.service.persons.child_conditions import make_not_found, require_child_conditions
from mpi.service.statements.correction_records import find_bound_records
from mpi.standardize.serialization import record_from_bytes, to_canonical_fields
from mpi.storage.repositories.sources.record_versions import StoredVersion, add_restrictions
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.unit_of_work.units import ReadUnit

_OWN_FIELDS = frozenset({"restrictions"})
"""Fields that only viewers named for a record's source read."""


def read(index: Index, viewer: Viewer, source_code: str, local_id: str) -> dict[str, Any]:
    """Return a record as last stated, with enterprise ID and quality issues.

    If the record, or another of its person, has a confidential address or a protective order, only a viewer
    whose own source it is reads where the child is. For others ``withheld`` names all fields that are left
    out then, whether or not they have a value. Only such a viewer reads the restrictions.

    Args:
        index: the open index.
        viewer: who asks.
        source_code: the record's source.
        local_id: its local ID.

    Raises:
        NotFoundError: no such source, or no such record that the viewer may know of.
        AccessDenied: the viewer may not read this source's records.
    """
    require_permission(viewer, Action.RECORD_READ, source_code)
    [answer] = read_all(index, viewer, [RecordRef(source_code, local_id)])
    if isinstance(answer, MpiError):
        raise answer
    return answer


def read_all(
    index: Index, viewer: Viewer, records: Iterable[RecordRef]
) -> list[dict[str, Any] | AccessDenied | NotFoundError]:
    """Return records like ``read``, of one moment.

    What concerns a whole person is read once for all its records.

    Args:
        index: the open index.
        viewer: who asks.
        records: source and local ID of each record.

    Returns:
        For each record its answer, or the error that ``read`` would raise.
    """
    answers: list[dict[str, Any] | AccessDenied | NotFoundError] = []
    disclosed: dict[tuple[str, ...], list[int]] = {}
    with index.database.read(viewer) as unit:
        reader = _RecordReader(unit, list(records))
        for label in reader.labels:
            try:
                record, answer = reader.read(label)
            except (AccessDenied, NotFoundError) as error:
                answers.append(error)
                continue
            answers.append(answer)
            fields = ("enterprise_id", *answer["record"], *(["statements"] if "statements" in answer else []))
            disclosed.setdefault(fields, []).append(record.id)
    for fields, record_ids in disclosed.items():
        disclose(index, viewer, Action.RECORD_READ, record_ids, fields)
    return answers


class _RecordReader:
    """Reader of the records of one answer.

    It reads all data of one kind with one query.

    Args:
        unit: the transaction of the viewer.
        labels: source and local ID of each record.
    """

    def __init__(self, unit: ReadUnit, labels: Sequence[RecordRef]) -> None:
        self.labels = labels
        self._unit = unit
        self._records = self._find_records()
        record_ids = [record.id for record in self._records.values()]
        self._versions = unit.record_versions.versions_of_records(record_ids)
        self._consents = read_consents(unit, record_ids)
        self._persons = _PersonReader(unit, record_ids)
        self._statements = unit.rights_cases.statements(record_ids)

    def read(self, label: RecordRef) -> tuple[StoredRecord, dict[str, Any]]:
        """Return a record and the answer about it.

        Raises:
            NotFoundError: no such source, or no such record that the viewer may know of.
            AccessDenied: the viewer may not read this source's records.
        """
        require_permission(self._unit.viewer, Action.RECORD_READ, label.source)
        self._unit.sources.get_by_code(label.source)
        record = self._records.get(label)
        if record is None:
            raise make_not_found(self._unit.viewer, describe_unknown_record(label.source))
        person = self._persons.read_person_of(record, label.source)
        version = _choose_version(record, self._versions.get(record.id, []))
        consents = self._consents.get(record.id, frozenset())
        answer = _build_answer(self._unit, label, record, person, version, consents)
        return record, self._add_statements(record, answer)

    def _add_statements(self, record: StoredRecord, answer: dict[str, Any]) -> dict[str, Any]:
        """Add statements that persons attached to the answer's values.

        34 CFR 99.21(c)(2): a statement goes along with the contested part of the record [K].
        """
        statements = [
            statement.text
            for statement in self._statements.get(record.id, ())
            if statement.field in answer["record"] or is_own_source(self._unit.viewer, answer["source"])
        ]
        return {**answer, "statements": statements} if statements else answer

    def _find_records(self) -> dict[RecordRef, StoredRecord]:
        """Return the records that the viewer may see.

        The viewer must also be permitted to read their sources, which ``read`` checks.
        """
        sources = {source.code: source.id for source in self._unit.sources.all()}
        local_ids: dict[str, list[str]] = {}
        for label in self.labels:
            if label.source in sources:
                local_ids.setdefault(label.source, []).append(label.local_id)
        return {
            RecordRef(code, local_id): record
            for code, ids in local_ids.items()
            for local_id, record in find_visible_records(self._unit, sources[code], ids).items()
        }


@dataclass(frozen=True, slots=True)
class _PersonOfRecord:
    """What reading a record needs of its person.

    Args:
        enterprise_id: None for a record without a person.
        populations: populations that the person's records state.
        is_confidential: whether the person's whereabouts are, by a record that the viewer may see.
    """

    enterprise_id: str | None
    populations: StatedPopulations
    is_confidential: bool


class _PersonReader:
    """Reads what concerns whole persons, once for all their records.

    Args:
        unit: the transaction of the viewer.
        record_ids: numbers of all records that are read.
    """

    def __init__(self, unit: ReadUnit, record_ids: Collection[int]) -> None:
        self._unit = unit
        self._person_by_record = unit.persons.current_persons(record_ids)
        numbers = set(self._person_by_record.values())
        self._members = unit.persons.members(numbers)
        self._persons = unit.persons.by_ids(numbers)
        # A record of no person stands for a child of its own, under its negative number.
        alone = {-record: [record] for record in record_ids if record not in self._person_by_record}
        self._populations = find_populations_by_child(unit, {**alone, **self._members})
        self._known: dict[int, _PersonOfRecord] = {}

    def read_person_of(self, record: StoredRecord, source_code: str) -> _PersonOfRecord:
        """Return a record's person, if the viewer's policy permits this child.

        Raises:
            NotFoundError: a condition of the policy does not hold.
        """
        unit, number = self._unit, self._person_by_record.get(record.id)
        child = -record.id if number is None else number
        if child not in self._known:
            members = [record.id] if number is None else self._members[number]
            require_child_conditions(unit, members, describe_unknown_record(source_code))
            eid = None if number is None else self._persons[number].eid
            is_confidential = has_confidential_address(unit, [record.id])
            self._known[child] = _PersonOfRecord(eid, self._populations[child], is_confidential)
        return self._known[child]


def _build_answer(
    unit: ReadUnit,
    label: RecordRef,
    record: StoredRecord,
    person: _PersonOfRecord,
    version: StoredVersion,
    consents: frozenset[ConsentScope],
) -> dict[str, Any]:
    """Return the answer about one record that the viewer may see."""
    viewer, source_code = unit.viewer, label.source
    canonical = record_from_bytes(_add_carried(version, record))
    stated = person.populations | consents
    carried_values = keep_carried_fields(
        viewer, Action.RECORD_READ, source_code, to_canonical_fields(canonical), stated
    )
    withheld = (
        WITHHELD_FIELDS
        if _are_whereabouts_withheld(unit, source_code, record, canonical, person)
        else frozenset[str]()
    )
    hidden = withheld if is_own_source(viewer, source_code) else withheld | _OWN_FIELDS
    return {
        "source": source_code,
        "local_id": label.local_id,
        "state": record.state,
        "enterprise_id": person.enterprise_id,
        "record": {name: value for name, value in carried_values.items() if name not in hidden},
        "withheld": sorted(withheld),
        # An issue tells that its field has a value.
        "issues": [
            issue
            for issue in orjson.loads(version.issues)
            if issue["field"] not in hidden
            and may_tell_of_field(viewer, Action.RECORD_READ, source_code, issue["field"], stated)
        ],
    }


def _choose_version(record: StoredRecord, versions: Sequence[StoredVersion]) -> StoredVersion:
    """Return a record's active version, else its held one."""
    shown = [v for v in versions if v.id == record.version_id] or [v for v in versions if v.state == "held"]
    if not shown:
        # It has no statement left, because its load was undone.
        raise NotFoundError("there is no such record")
    return shown[-1]


def _add_carried(version: StoredVersion, record: StoredRecord) -> bytes:
    """Return a version's content, with restrictions that stay in force."""
    is_current = version.id == record.version_id
    return add_restrictions(version.payload, record.carried_restrictions if is_current else None)


def _are_whereabouts_withheld(
    unit: ReadUnit,
    source_code: str,
    record: StoredRecord,
    canonical: CanonicalRecord,
    person: _PersonOfRecord,
) -> bool:
    """Return whether the viewer may not know where the record's child is."""
    if is_own_source(unit.viewer, source_code):
        return False
    if are_record_whereabouts_withheld(canonical):
        return True
    if record.state == RecordState.ASIDE:
        return has_confidential_address(unit, find_bound_records(unit, record.id))
    return person.is_confidential


def describe_unknown_record(source_code: str) -> str:
    """Return the message for a record that a source does not have."""
    return f"source {source_code!r} has no such record"
