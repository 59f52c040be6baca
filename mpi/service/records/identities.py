"""Placeholder records of identities, made before a system sends its own record.

An identity is asked for with a name and a birth date. The index stores them as a placeholder record of a
source, resolves it like any other record, and answers the ID of its person. The system's own record joins
that person later, as any record does, or by ``same_as``.

The local ID of a placeholder follows from its content by a keyed hash, so that a repeated or interrupted
request finds the same record. Where the state lets the index assign unique IDs, the local ID is the unique
ID.
"""

from collections.abc import Mapping, Sequence

import orjson

from mpi.domain import clock
from mpi.domain import eid as eids
from mpi.domain.errors import ConflictError, EidError, NotFoundError
from mpi.domain.survivorship.values import STEWARD_SOURCE_KIND
from mpi.domain.unique_ids import IdPattern
from mpi.domain.viewer import Action, Viewer, is_allowed_on, require_permission
from mpi.service.core.index import Index
from mpi.service.persons.persons import look_up_person
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.records.upsert_result import UpsertResult
from mpi.service.resolution.source_assertions import NOT
from mpi.service.statements.tombstones import find_buried_records
from mpi.standardize.record_validation import validate_record
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.sources.records import StoredRecord
from mpi.storage.unit_of_work.units import ReadUnit

_PREFIX = "identity-"
"""Beginning of the local ID of a placeholder without an assigned unique ID."""
_HASH_USE = "identity"
MAX_ATTEMPTS = 20
"""Unique IDs that are tried before the pattern counts as used up."""
UNKNOWN = "there is no such identity"


class NoIdentitySourceError(ConflictError):
    """Error: the caller has not exactly one source for placeholder records."""

    code = "no-identity-source"


def find_identity_source(index: Index, viewer: Viewer) -> str:
    """Return the code of the source that holds the viewer's placeholder records.

    It is the one source that the viewer may write, of those that the settings name, if they name any.

    Raises:
        NoIdentitySourceError: there is none, or more than one.
        AccessDenied: the viewer may not write records.
    """
    require_permission(viewer, Action.RECORD_WRITE)
    sources = _list_identity_sources(index, viewer, Action.RECORD_WRITE)
    if len(sources) != 1:
        raise NoIdentitySourceError(
            f"this client may write {len(sources)} sources that take identities, and needs one: "
            "set MPI_EDFI_SOURCES, or grant the client one source"
        )
    return sources[0]


def _list_identity_sources(index: Index, viewer: Viewer, action: Action) -> list[str]:
    named = index.settings.identities.sources
    with index.database.read(viewer) as unit:
        return [
            source.code
            for source in unit.sources.all()
            if source.scope is None
            and source.kind != STEWARD_SOURCE_KIND
            and (not named or source.code in named)
            and is_allowed_on(viewer, action, source.code)
        ]


def find_placeholder(
    index: Index, viewer: Viewer, source: str, fields: Mapping[str, object]
) -> tuple[str, bool]:
    """Return the local ID of a placeholder, and whether it is stored.

    Args:
        index: the open index.
        viewer: who asks for the identity.
        source: code of the source of placeholders.
        fields: canonical fields, without the local ID.

    Raises:
        RecordError: a field is wrong.
        ConflictError: no free unique ID was found.
    """
    require_permission(viewer, Action.RECORD_WRITE, source)
    content = orjson.dumps(dict(fields), option=orjson.OPT_SORT_KEYS).decode()
    pattern = index.settings.identities.pattern
    with index.database.read(viewer) as unit:
        source_id = unit.sources.get_by_code(source).id
        if pattern is None:
            local_id = _PREFIX + index.keyed_hash.to_token(_HASH_USE, f"{source}|{content}")
            stored = unit.records.find_by_local_ids(source_id, [local_id]).get(local_id)
            return local_id, stored is not None and stored.version_id is not None
        for attempt in range(MAX_ATTEMPTS):
            local_id = _draw_unique_id(index, pattern, f"{source}|{attempt}|{content}")
            stored = unit.records.find_by_local_ids(source_id, [local_id]).get(local_id)
            if stored is not None:
                if _has_content(unit, index, stored, {**fields, "local_id": local_id}):
                    return local_id, True
            elif not find_buried_records(unit, index, (source_id, source), [local_id]):
                return local_id, False
    raise ConflictError("no free unique ID was found: give MPI_EDFI_ID_PATTERN more digits")


def _draw_unique_id(index: Index, pattern: IdPattern, text: str) -> str:
    """Return the unique ID that the keyed hash of a text draws."""
    return pattern.make(index.keyed_hash.to_int64(_HASH_USE, text) % 2**63)


def _has_content(unit: ReadUnit, index: Index, stored: StoredRecord, sent: Mapping[str, object]) -> bool:
    """Return whether a stored record has the content of a placeholder."""
    payload = unit.record_versions.payloads([stored.id]).get(stored.id)
    if payload is None:
        return False
    record = record_from_bytes(payload[1])
    return validate_record(sent, index.keyed_hash, clock.now()).record._replace(as_of=record.as_of) == record


def store_placeholder(
    index: Index,
    viewer: Viewer,
    source: str,
    fields: Mapping[str, object],
    other_persons: Sequence[str] = (),
) -> UpsertResult:
    """Store a placeholder record, and return the effect with its enterprise ID.

    Args:
        index: the open index.
        viewer: who asks for the identity.
        source: code of the source of placeholders.
        fields: canonical fields of the record, with its local ID.
        other_persons: enterprise IDs of persons that it is not.

    Raises:
        RecordError: the record is refused; nothing of it is stored.
        AgreementLapsed: no agreement that covers the source is in force.
        AccessDenied: the viewer may not write this source.
        StoreError: the store cannot be used.
    """
    assertion = {NOT: list(other_persons)} if other_persons else {}
    return upsert(index, viewer, source, {**fields, **assertion})


def find_enterprise_id(index: Index, viewer: Viewer, unique_id: str) -> str:
    """Return the enterprise ID that a unique ID stands for.

    A unique ID is an enterprise ID, written exactly as the index writes it. Where the index assigns unique
    IDs, it is the local ID of a placeholder record that the viewer may see.

    Raises:
        NotFoundError: the viewer may see no such identity.
        AccessDenied: the viewer may not read persons and records.
    """
    require_permission(viewer, Action.PERSON_READ)
    require_permission(viewer, Action.RECORD_READ)
    pattern = index.settings.identities.pattern
    if pattern is None:
        try:
            is_exact = eids.parse_eid(unique_id) == unique_id
        except EidError:
            is_exact = False
        if is_exact:
            return unique_id
    elif pattern.is_id(unique_id):
        return _find_person_of_placeholder(index, viewer, unique_id)
    raise NotFoundError(UNKNOWN)


def _find_person_of_placeholder(index: Index, viewer: Viewer, local_id: str) -> str:
    """Return the enterprise ID of the placeholder with an assigned unique ID."""
    missing = NotFoundError(UNKNOWN)
    for source in _list_identity_sources(index, viewer, Action.RECORD_READ):
        try:
            enterprise_id: str | None = read(index, viewer, source, local_id)["enterprise_id"]
        except NotFoundError as error:
            # A child whom the policy hides is recorded as refused by the caller.
            missing = error
            continue
        if enterprise_id is not None:
            return enterprise_id
    raise missing


def find_unique_id(index: Index, viewer: Viewer, enterprise_id: str) -> str | None:
    """Return a person's oldest unique ID that the viewer may see.

    None where the index assigns unique IDs, and the person has none yet.

    Args:
        index: the open index.
        viewer: who asks.
        enterprise_id: ID of an active person.

    Raises:
        NotFoundError: the viewer may see no such person.
        AccessDenied: the viewer may not read persons.
    """
    pattern = index.settings.identities.pattern
    if pattern is None:
        return enterprise_id
    sources = set(_list_identity_sources(index, viewer, Action.RECORD_READ))
    records = look_up_person(index, viewer, enterprise_id).records
    return next(
        (ref.local_id for ref in records if ref.source in sources and pattern.is_id(ref.local_id)), None
    )
