"""Registration of one child by hand, after a look for existing children.

The look is a person search: it counts and is limited as any other, and finds what the viewer may see. What
the viewer decides travels with the record as its source's assertion: ``same_as`` for an existing child,
``not`` for a new one. The reason of a new child goes on the disclosure ledger.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, NotFoundError, StaleError
from mpi.domain.record_ref import RecordRef
from mpi.domain.survivorship.values import STEWARD_SOURCE_KIND
from mpi.domain.viewer import Action, Viewer, is_allowed_on, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import check_reason
from mpi.service.core.visibility import find_shown_record_numbers, find_visible_records
from mpi.service.persons.persons import look_up_person
from mpi.service.persons.search import SearchResult, search_persons
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.records.upsert_result import Outcome, UpsertResult
from mpi.service.records.version_tag import CHANGED, make_version_tag
from mpi.service.resolution.source_assertions import NOT, SAME_AS
from mpi.service.statements.tombstones import find_buried_records
from mpi.standardize.fields.scalars import parse_local_id
from mpi.standardize.record_validation import validate_record
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit

ENTRY_FIELDS = (
    "first_name", "middle_name", "last_name", "suffix", "birth_date", "sex", "address_line1",
    "address_line2", "city", "state", "postal_code", "phone", "guardian_first_name", "guardian_last_name",
    "school_id", "grade",
)  # fmt: skip
"""Canonical fields that can be entered by hand."""
REASON_FIELD = "reason:"
"""Beginning of the name under which the ledger holds the reason of a new child."""
_NOT_STORED = frozenset({Outcome.REFUSED, Outcome.DROPPED})


@dataclass(frozen=True, slots=True)
class LikelyChild:
    """Child that a record to register may be about.

    Args:
        result: the child with the evidence.
        own_records: records of the same source that the child has already.
        tags: tag of the versions of each of these records.
    """

    result: SearchResult
    own_records: tuple[RecordRef, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RegistrationChoice:
    """What the viewer decided after the look for an existing child.

    Args:
        same_as: enterprise ID of the existing child; None for a new one.
        shown: enterprise IDs that were shown, and are other children than a new one.
        reason: reason code of a new child; needed if children were shown.
    """

    same_as: str | None = None
    shown: tuple[str, ...] = ()
    reason: str | None = None


def list_entry_sources(index: Index, viewer: Viewer) -> list[Source]:
    """Return the sources for which a person may enter records by hand.

    The person is granted each by name. Sources whose records are sent to a scope are left out.
    """
    require_permission(viewer, Action.RECORD_WRITE)
    with index.database.read(viewer) as unit:
        return [
            source
            for source in unit.sources.all()
            if viewer.sources is not None
            and source.code in viewer.sources
            and source.scope is None
            and source.kind != STEWARD_SOURCE_KIND
            and is_allowed_on(viewer, Action.RECORD_WRITE, source.code)
        ]


def find_likely_children(
    index: Index, viewer: Viewer, source: str, submitted: Mapping[str, object]
) -> tuple[LikelyChild, ...]:
    """Return the children that a record to register may be about.

    The best match comes first.

    Args:
        index: the open index.
        viewer: who registers the child.
        source: code of the record's source.
        submitted: the record, with its local ID.

    Raises:
        RecordError: a field is wrong, or there is too little to search by.
        ConflictError: the source has a record with that local ID.
        SearchLimitError: the viewer has searched too often.
        AccessDenied: the viewer may not write this source, or may not search.
    """
    require_permission(viewer, Action.RECORD_WRITE, source)
    _require_unused(index, viewer, source, submitted)
    return add_own_records(index, viewer, source, search_persons(index, viewer, submitted))


def add_own_records(
    index: Index, viewer: Viewer, source: str, results: Sequence[SearchResult]
) -> tuple[LikelyChild, ...]:
    """Return found children with their records of one source.

    A child who has been sealed since the search is left out.

    Args:
        index: the open index.
        viewer: who searched.
        source: code of the source.
        results: the children that the search found.
    """
    likely = []
    for result in results:
        try:
            tags = _tag_own_records(index, viewer, source, result.enterprise_id)
        except NotFoundError:
            continue
        likely.append(LikelyChild(result, tuple(tags), tuple(tags.values())))
    return tuple(likely)


def register_child(
    index: Index, viewer: Viewer, source: str, submitted: Mapping[str, object], choice: RegistrationChoice
) -> UpsertResult:
    """Store a new record for an existing or a new child.

    Args:
        index: the open index.
        viewer: who registers the child.
        source: code of the record's source.
        submitted: the record, with its local ID.
        choice: whose record it is.

    Raises:
        RecordError: the record is refused; nothing of it is stored.
        InputError: a reason is missing.
        ConflictError: the source has a record with that local ID, or did not keep this one.
        AccessDenied: the viewer may not write this source.
    """
    require_permission(viewer, Action.RECORD_WRITE, source)
    if not _is_repeated(index, viewer):
        _require_unused(index, viewer, source, submitted)
    if choice.same_as is not None:
        return _store(index, viewer, source, {**submitted, SAME_AS: choice.same_as})
    if not choice.shown:
        return _store(index, viewer, source, submitted)
    if choice.reason is None:
        raise InputError("reason: say why it is none of the children shown")
    reason = check_reason(choice.reason)
    stored = _store(index, viewer, source, {**submitted, NOT: list(choice.shown)})
    _write_reason(index, viewer, RecordRef(stored.source, stored.local_id), reason)
    return stored


def update_record(
    index: Index, viewer: Viewer, record: RecordRef, submitted: Mapping[str, object], tag: str
) -> UpsertResult:
    """Store typed values over those of a record entered by hand.

    A record is always sent whole: a value that was not typed stays as it is.

    Args:
        index: the open index.
        viewer: who updates the record.
        record: the record, of a source that the viewer may write.
        submitted: the typed values, by ``ENTRY_FIELDS``.
        tag: tag of the record as ``find_likely_children`` returned it.

    Raises:
        StaleError: the record has changed since, or the viewer may no longer know of it.
        ConflictError: the record has values that cannot be entered by hand, and would be lost.
        RecordError: the record is refused; nothing of it is stored.
        AccessDenied: the viewer may not write or read this source.
    """
    require_permission(viewer, Action.RECORD_WRITE, record.source)
    try:
        stored = read(index, viewer, record.source, record.local_id)["record"]
    except NotFoundError:
        raise StaleError(CHANGED) from None
    entered = {name: stored[name] for name in ENTRY_FIELDS if name in stored}
    if not _is_entered_by_hand(index, viewer, record, entered):
        raise ConflictError("this record holds more than can be entered by hand: change it in its own system")
    sent = {**entered, **submitted, "local_id": record.local_id}
    return _store(index, viewer, record.source, sent, tag)


def _is_entered_by_hand(index: Index, viewer: Viewer, ref: RecordRef, entered: Mapping[str, object]) -> bool:
    """Return whether sending only some fields would keep a record unchanged."""
    with index.database.read(viewer) as unit:
        [number] = find_shown_record_numbers(unit, [ref]) or [None]
        payload = None if number is None else unit.record_versions.payloads([number]).get(number)
    if payload is None:
        return False
    stored = record_from_bytes(payload[1])
    sent = {**entered, "local_id": ref.local_id}
    rebuilt = validate_record(sent, index.keyed_hash, clock.now()).record
    return rebuilt._replace(as_of=stored.as_of) == stored


def _tag_own_records(index: Index, viewer: Viewer, source: str, eid: str) -> dict[RecordRef, str]:
    """Return the tags of a child's records of one source."""
    refs = [record for record in look_up_person(index, viewer, eid).records if record.source == source]
    with index.database.read(viewer) as unit:
        number = unit.sources.get_by_code(source).id
        stored = find_visible_records(unit, number, [ref.local_id for ref in refs])
        return {
            ref: make_version_tag(unit, index, stored[ref.local_id]) for ref in refs if ref.local_id in stored
        }


def _write_reason(index: Index, viewer: Viewer, ref: RecordRef, reason: str) -> None:
    """Write to the ledger why a record is of a new child."""
    with index.database.read(viewer) as unit:
        numbers = find_shown_record_numbers(unit, [ref])
    disclose(index, viewer, Action.RECORD_WRITE, numbers, ("enterprise_id", f"{REASON_FIELD}{reason}"))


def _store(
    index: Index, viewer: Viewer, source: str, sent: Mapping[str, object], expected_tag: str | None = None
) -> UpsertResult:
    """Store a record, or refuse its local ID as in use.

    The refusal has the words of a local ID in use. The stored record is sealed, or the source's holdings
    leave this one out. Other words would tell it.
    """
    stored = upsert(index, viewer, source, sent, expected_tag)
    if stored.outcome in _NOT_STORED:
        raise _make_refusal(source)
    return stored


def _require_unused(index: Index, viewer: Viewer, source: str, submitted: Mapping[str, object]) -> None:
    """Refuse a local ID that a record of the source has.

    A sealed record counts like any other.
    """
    local_id = parse_local_id(submitted.get("local_id"))
    with index.database.read(viewer) as unit:
        number = unit.sources.get_by_code(source).id
        is_buried = bool(find_buried_records(unit, index, (number, source), [local_id]))
        record = unit.records.find_by_local_ids(number, [local_id]).get(local_id)
        is_used = is_buried or (record is not None and _is_in_use(unit, record))
    if is_used:
        raise _make_refusal(source)


def _is_in_use(unit: ReadUnit, record: StoredRecord) -> bool:
    """Return whether a record is sealed, or has a statement left."""
    versions = unit.record_versions.versions_of_records([record.id]).get(record.id, [])
    is_stated = any(version.id == record.version_id or version.state == "held" for version in versions)
    return is_stated or record.state == RecordState.SEALED


def _make_refusal(source: str) -> ConflictError:
    return ConflictError(
        f"nothing was saved: source {source!r} has a record with this local ID. Give another one"
    )


def _is_repeated(index: Index, viewer: Viewer) -> bool:
    """Return whether the viewer's call was answered before."""
    call = viewer.idempotent_call
    if call is None:
        return False
    with index.database.read(viewer) as unit:
        return unit.idempotent_answers.get(viewer.client, call.key) is not None
