"""The two look-ups that are asked most, each by one statement; what it does not answer is read in full."""

from mpi.domain import eid as eids
from mpi.domain.errors import EidError, RecordError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, require_permission
from mpi.service.core.disclosure import build_disclosure
from mpi.service.core.index import Index
from mpi.service.persons.etags import hash_etag
from mpi.service.persons.look_up import ViewerForClient
from mpi.service.persons.persons import CrosswalkEntry, PersonView, to_flag_view
from mpi.standardize.fields.scalars import parse_local_id
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.repositories.persons.persons import PersonStatus
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.unit_of_work.unit import ReadUnit


def look_up_crosswalk_fast(
    unit: ReadUnit, key_hash: str, who: ViewerForClient, source: str, local_id: str
) -> tuple[CrosswalkEntry, Disclosure] | None:
    """What ``crosswalk_in`` answers; None where more has to be read, or it is to be refused."""
    try:
        named = parse_local_id(local_id)
    except RecordError:
        return None
    found = unit.fast_look_ups.find_by_local_id(key_hash, source, named)
    if found is None:
        return None
    viewer = who(found.client)
    require_permission(viewer, Action.CROSSWALK_READ, source)
    line = build_disclosure(viewer, Action.CROSSWALK_READ, [found.record_id], ("enterprise_id",))
    return CrosswalkEntry(source, named, found.eid), line


def look_up_person_fast(
    unit: ReadUnit, key_hash: str, who: ViewerForClient, index: Index, text: str
) -> tuple[PersonView, Disclosure] | None:
    """What ``person_in`` answers; None where more has to be read, or it is to be refused.

    How a person appears to a viewer of some sources is told from its history (``mpi.service.persons.person_status``).
    """
    try:
        eid = eids.parse_eid(text)
    except EidError:
        return None
    found = unit.fast_look_ups.find_by_eid(key_hash, eid)
    if found is None:
        return None
    client, rows = found
    viewer = who(client)
    require_permission(viewer, Action.PERSON_READ)
    if viewer.sources is not None:
        return None
    shown = {row.record_id: row for row in rows if row.state != RecordState.SEALED}
    if not shown:
        return None
    labels = {number: RecordRef(shown[number].code, shown[number].local_id) for number in sorted(shown)}
    flagged = sorted(
        (row for row in rows if row.seq is not None), key=lambda row: (row.canonical_key, row.seq)
    )
    flags = tuple(to_flag_view(row, labels[row.record_id]) for row in flagged)
    held = [(number, shown[number].version_id) for number in labels]
    view = PersonView(
        eid,
        PersonStatus.ACTIVE,
        (eid,),
        tuple(labels.values()),
        flags,
        rows[0].since,
        hash_etag(index, [(eid, PersonStatus.ACTIVE, held)]),
    )
    fields = ("now", "records", *(("flags",) if flags else ()))
    return view, build_disclosure(viewer, Action.PERSON_READ, labels, fields)
