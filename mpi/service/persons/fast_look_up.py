"""Fast path of the two commonest look-ups, by one SQL statement each.

What one statement cannot answer is read in full.
"""

from mpi.domain import eid as eids
from mpi.domain.errors import EidError, RecordError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, RecordAccess, require_permission
from mpi.service.core.disclosure import build_disclosure
from mpi.service.core.index import Index
from mpi.service.core.minimization import keep_carried_flags
from mpi.service.persons.etags import hash_etag
from mpi.service.persons.look_up import ViewerForClient
from mpi.service.persons.persons import CrosswalkEntry, PersonView, to_flag_view
from mpi.standardize.fields.scalars import parse_local_id
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.repositories.persons.persons import PersonStatus
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.unit_of_work.units import ReadUnit


def look_up_crosswalk_fast(
    unit: ReadUnit, key_hash: str, viewer_for: ViewerForClient, source: str, local_id: str
) -> tuple[CrosswalkEntry, Disclosure] | None:
    """Look up a record's enterprise ID by a single SQL statement.

    Answers as ``read_crosswalk`` does.

    Returns:
        The answer and its ledger entry; None where more must be read, or where the call is to be refused.
    """
    try:
        checked_id = parse_local_id(local_id)
    except RecordError:
        return None
    row = unit.fast_look_ups.find_by_local_id(key_hash, source, checked_id)
    if row is None:
        return None
    viewer = viewer_for(row.client)
    require_permission(viewer, Action.CROSSWALK_READ, source)
    if viewer.rights is not None and viewer.rights.find_access(source) is RecordAccess.HIDDEN:
        return None  # Whether the agreement covers this child depends on the child.
    entry = build_disclosure(viewer, Action.CROSSWALK_READ, [row.record_id], ("enterprise_id",))
    return CrosswalkEntry(source, checked_id, row.eid), entry


def look_up_person_fast(
    unit: ReadUnit, key_hash: str, viewer_for: ViewerForClient, index: Index, text: str
) -> tuple[PersonView, Disclosure] | None:
    """Look up an enterprise ID's person by a single SQL statement.

    Answers as ``read_person`` does. For a viewer of some sources, and for a person of whom a record was
    sealed, the status depends on the person's history (``mpi.service.persons.person_status``), so this path
    does not answer.

    Returns:
        The answer and its ledger entry; None where more must be read, or where the call is to be refused.
    """
    try:
        eid = eids.parse_eid(text)
    except EidError:
        return None
    answer = unit.fast_look_ups.find_by_eid(key_hash, eid)
    if answer is None:
        return None
    client, rows = answer
    viewer = viewer_for(client)
    require_permission(viewer, Action.PERSON_READ)
    needs_populations = viewer.rights is not None and viewer.rights.needs_populations
    if viewer.sources is not None or needs_populations or rows[0].has_held_sealed:
        return None
    visible_rows = {row.record_id: row for row in rows if row.state != RecordState.SEALED}
    if not visible_rows:
        return None
    labels = {
        record_id: RecordRef(visible_rows[record_id].code, visible_rows[record_id].local_id)
        for record_id in sorted(visible_rows)
    }
    flag_rows = sorted(
        (row for row in rows if row.seq is not None), key=lambda row: (row.canonical_key, row.seq)
    )
    all_flags = (to_flag_view(row, labels[row.record_id]) for row in flag_rows)
    flags = keep_carried_flags(viewer, Action.PERSON_READ, all_flags)
    versions = [(record_id, visible_rows[record_id].version_id) for record_id in labels]
    view = PersonView(
        enterprise_id=eid,
        status=PersonStatus.ACTIVE,
        now=(eid,),
        records=tuple(labels.values()),
        flags=flags,
        since=rows[0].since,
        etag=hash_etag(index, [(eid, PersonStatus.ACTIVE, versions)]),
    )
    fields = ("now", "records", *(("flags",) if flags else ()))
    return view, build_disclosure(viewer, Action.PERSON_READ, labels, fields)
