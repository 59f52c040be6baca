"""A child in school and in care, and the people who read lists of such children, for tests."""

from datetime import timedelta

from mpi.domain import clock
from mpi.domain.roles import Role
from mpi.domain.viewer import Action
from mpi.policy.agreement import Clock, Grant
from mpi.policy.parties import ALL
from mpi.service.access.viewers import Caller, build_viewer
from mpi.service.records.upsert import upsert
from mpi.service.rosters.caseload_intake import CaseloadRow, replace_caseload
from mpi.service.statements.sources import NewSource, add_source
from mpi.storage.repositories.rosters.caseloads import Caseworker
from tests.agreements import make_care_terms
from tests.index import OPERATOR, make_child

MARISOL = {"first_name": "Marisol", "last_name": "Quennell", "birth_date": "2013-07-04"}
WORKER = Caseworker("cal", "Cal Caseworker", "614-555-0100", "cal@agency.example")
TO_DISTRICT = frozenset({"flags.foster_care", "caseworker"})


def days_ago(number: int) -> str:
    """Return the day so many days before today."""
    return (clock.now().date() - timedelta(number)).isoformat()


def in_care(since: str, until: str | None = None) -> dict[str, object]:
    """Return the fields of a child in care."""
    flag = {"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": since}
    return {"flags": [flag if until is None else {**flag, "end": until}]}


def add_sources(index) -> None:
    """Add two districts and child welfare."""
    add_source(index, OPERATOR, NewSource("CCWIS", kind="ccwis"))
    for code in ("D01", "D02"):
        add_source(index, OPERATOR, NewSource(code, kind="sis"))


def put_student(index, local_id="s1", source="D01", child=MARISOL, **enrollment):
    """Store a district's record of a child who is enrolled."""
    entry = {"school_id": "1042", "grade": "07", "entry_date": days_ago(90), **enrollment}
    return upsert(index, OPERATOR, source, make_child(local_id, **child, enrollments=[entry]))


def put_child(index, local_id="c1", child=MARISOL, since=None, **fields):
    """Store a child-welfare record of a child in care."""
    care = in_care(since or days_ago(30)) | fields
    return upsert(index, OPERATOR, "CCWIS", make_child(local_id, **child, **care))


def assign(index, *local_ids, worker=WORKER, **options):
    """Replace the caseload by one that gives some children to one caseworker."""
    rows = [CaseloadRow(local_id, worker) for local_id in local_ids]
    return replace_caseload(index, OPERATOR, "CCWIS", rows, **options)


def make_terms(
    population="foster_care", to_district=TO_DISTRICT, days=3, of_schools="foster_care", **changes
):
    """Return terms in force between child welfare and a district."""
    grants = (
        Grant("agency", "district", population, "state_statute", frozenset({"school_stability"}),
              frozenset(to_district), frozenset()),
        Grant("district", "agency", of_schools, "ferpa_caseworker", frozenset({"case_planning"}),
              frozenset({ALL}), frozenset()),
    )  # fmt: skip
    return make_care_terms(*grants, clocks=(Clock("school_known", days),), **changes)


def person_of(role, purpose, terms=None, granted=(), name=None):
    """Return the viewer of a person who was granted both sources by name."""
    terms = terms or make_terms()
    caller = Caller(name or str(role), frozenset(granted), frozenset({"CCWIS", "D01"}), terms.code, 1, role)
    return build_viewer(caller, purpose, terms, clock.now().date())


def contact(terms=None, *granted: Action):
    """Return the district's point of contact."""
    return person_of(Role.POINT_OF_CONTACT, "school_stability", terms, granted, "pat")


def caseworker(terms=None, *granted: Action):
    """Return the caseworker whom the caseload names."""
    return person_of(Role.CASEWORKER, "case_planning", terms, granted, WORKER.code)
