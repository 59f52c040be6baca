"""Creation of identities: a placeholder record and its person's unique ID."""

from mpi.api.edfi.lists import IdentityReader
from mpi.api.edfi.mapping import PROPERTIES, to_canonical
from mpi.api.edfi.outcomes import Fault, IdentityStatus, Outcome
from mpi.api.edfi.schemas import IdentityCreateRequest
from mpi.domain.errors import RecordError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.persons.search import search_persons
from mpi.service.records.birth_order import TwinRelation, needs_birth_order, relate
from mpi.service.records.identities import (
    find_identity_source,
    find_placeholder,
    find_unique_id,
    store_placeholder,
)

IDENTITIES_PATH = "/identity/v2/identities/"
_ASK = (
    "a student with the same last name and birth date may be this student's twin: give the place in the "
    "order of the birth, 1 for the first"
)


class _TwinError(Exception):
    """Birth order is missing, and would tell the student from a twin."""


def create_identity(index: Index, viewer: Viewer, request: IdentityCreateRequest) -> Outcome:
    """Store a student who needs a unique ID, and return that ID.

    The same request again returns the same ID. So does a request about a student whom the index would link:
    it makes no second identity of that student.

    Raises:
        NoIdentitySourceError: the client has not exactly one source for identities.
        SearchLimitError: the client has searched too often.
        AgreementLapsed: no agreement that covers the source is in force.
        AccessDenied: the viewer may not write, search or read.
        StoreError: the store cannot be used.
    """
    source = find_identity_source(index, viewer)
    fields = to_canonical(request)
    try:
        local_id, is_stored = find_placeholder(index, viewer, source, fields)
        twins = [] if is_stored else _find_twins(index, viewer, fields)
        stored = store_placeholder(index, viewer, source, {**fields, "local_id": local_id}, twins)
    except RecordError as error:
        fault = Fault(PROPERTIES.get(error.field, error.field), error.detail)
        return Outcome(IdentityStatus.INVALID_PROPERTIES, faults=(fault,))
    except _TwinError:
        return Outcome(IdentityStatus.INVALID_PROPERTIES, faults=(Fault("BirthOrder", _ASK),))
    if stored.enterprise_id is None:
        text = "the record waits, or is not kept: its source says why"
        return Outcome(IdentityStatus.INCOMPLETE, faults=(Fault(stored.outcome, text),))
    # A client that may write its placeholders, and not read them, is answered the ID that was drawn.
    unique_id = find_unique_id(index, viewer, stored.enterprise_id) or local_id
    return Outcome(IdentityStatus.SUCCESS, unique_id, location=f"{IDENTITIES_PATH}{unique_id}")


def _find_twins(index: Index, viewer: Viewer, fields: dict[str, object]) -> list[str]:
    """Return the enterprise IDs of persons who are twins of a student.

    Raises:
        _TwinError: a person may be the twin, and birth order is missing.
        RecordError: a field is wrong, or there is too little to search by.
        SearchLimitError: the client has searched too often.
    """
    reader = IdentityReader(index, viewer)
    eids = [result.enterprise_id for result in search_persons(index, viewer, fields)]
    known = {eid: person.values for eid in eids if (person := reader.read_person(eid)) is not None}
    if needs_birth_order(fields, known.values()):
        raise _TwinError
    return [eid for eid, values in known.items() if relate(fields, values) is TwinRelation.TWIN]
