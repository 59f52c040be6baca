"""States that the desk's pages need to be measured: a proposal, a job, a case, a seal, a link."""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path

from mpi.domain import clock
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Viewer, make_operator
from mpi.intake.proposal.proposal import ProposalOptions
from mpi.policy.cases.subject_rights import CaseKind, Identification, Inspection, Relation
from mpi.policy.cases.subpoena import Subpoena
from mpi.service.access.accounts.account_rights import grant_actions
from mpi.service.access.clients import list_clients
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.access.sign_in import sign_in
from mpi.service.audit.incidents import list_incidents
from mpi.service.core.index import Index
from mpi.service.jobs.job_recorder import end_job
from mpi.service.jobs.job_state import JobKind, begin_job, list_jobs
from mpi.service.legal.subpoena_cases import list_cases, open_case
from mpi.service.loads.load_log import list_loads
from mpi.service.loads.sent_files.draft import begin_draft, finish_draft, remove_drafts
from mpi.service.notices.desk_links import link_child
from mpi.service.persons.persons import look_up_crosswalk, look_up_person
from mpi.service.recluster.proposals import list_proposals, propose
from mpi.service.records.upsert import upsert
from mpi.service.rights import cases as rights_cases
from mpi.service.rights.requests import RightsRequest
from mpi.service.rights.requests import open_case as open_rights_case
from mpi.service.rights.source_rules import set_rule
from mpi.service.stewardship.merge_split_move import StepOptions, merge, split
from mpi.service.stewardship.unseal_requests import request_unseals
from mpi.storage.repositories.steps.jobs import JobState
from tests.accounts import PASSWORD, add_person
from tests.bench import simulated_index

CLERK = "clerk"
"""Account that handles subpoenas, consents and rights cases of the last source."""
KEEPER = "keeper"
"""Account of an operator."""
_GRANTS = {
    "district": [Action.RECORD_WRITE],
    "privacy": [Action.RECORD_SEAL],
    CLERK: [Action.SUBPOENA_MANAGE, Action.CONSENT_RECORD, Action.RIGHTS_MANAGE],
}
_CASE_RECORDS = 3


@dataclass(frozen=True, slots=True)
class PageStates:
    """What the addresses of pages name.

    Args:
        by_path: value of the parameter of a page's address, by its path in the route table.
        link: path of a link into the pages.
    """

    by_path: dict[str, str]
    link: str


def make_page_states(index: Index, sources: tuple[str, ...], files: Path) -> PageStates:
    """Make what pages show that no load makes, unless an earlier benchmark made it."""
    operator, source = make_operator(), sources[-1]
    local_ids = [
        str(row["local_id"]) for row in islice(simulated_index.read_records(files, source), _CASE_RECORDS)
    ]
    with index.database.read(operator) as unit:
        is_made = unit.accounts.find_by_name(CLERK) is not None
    if not is_made:
        _add_rights(index, source)
        _add_sealed_record(index, source)
        _add_work(index)
    load = str(list_loads(index, operator, source)[0].number)
    client = list_clients(index, operator)[0].name
    values = {
        "/runs/{number}": str(list_proposals(index, operator)[0].id),
        "/jobs/{number}": str(list_jobs(index, operator)[0].id),
        "/subpoenas/{code}": _find_case(index, source, local_ids),
        "/incidents/{code}": _find_incident(index, *sources[:2]),
        "/rights/{code}": _find_rights_case(index, source, local_ids[0]),
        **dict.fromkeys(("/sources/{source}", "/sources/{source}/rule"), source),
        **dict.fromkeys(("/accounts/{name}", "/accounts/{name}/end"), "steward"),
        **dict.fromkeys(("/clients/{name}", "/clients/{name}/end"), client),
        **dict.fromkeys(("/files/{upload}", "/files/{upload}/mapping.toml"), _add_file(index)),
        **dict.fromkeys(("/loads/{number}", "/loads/{number}/rejects.csv", "/loads/{number}/undo"), load),
    }
    return PageStates(values, link_child(index, operator, RecordRef(source, local_ids[0])).path)


def _add_file(index: Index) -> str:
    """Add a file that waits on the pages of the operator's account; return its code."""
    keeper = make_operator(KEEPER)
    remove_drafts(index, KEEPER)  # those of earlier benchmarks
    upload = begin_draft(index, keeper)
    with upload.create_file("students.csv") as file:
        file.write(b"Student_Number,First_Name,Last_Name,DOB\n7,Zeno,Zimmer,01/02/2012\n")
    finish_draft(index, upload, "students.csv", ProposalOptions())
    return upload.code


def _add_rights(index: Index, source: str) -> None:
    """Add the clerk, and grant by name what no role permits."""
    add_person(index, CLERK, Role.SOURCE_OWNER, {source}, "A clerk of the benchmark")
    for name, actions in _GRANTS.items():
        grant_actions(index, make_operator(), name, [action.value for action in actions])


def _add_sealed_record(index: Index, source: str) -> None:
    """Add a sealed record, and a request to lift its seal."""
    record = {
        "local_id": "bench-sealed",
        "first_name": "Zebulonia",
        "last_name": "Quillfeather",
        "birth_date": "2012-02-03",
    }
    upsert(index, make_operator(), source, record)
    upsert(index, make_operator(), source, {**record, "restrictions": [{"kind": "sealed"}]})
    request_unseals(index, make_operator("counsel"), source, ["bench-sealed"], "26-JV-0412")


def _find_incident(index: Index, first: str, second: str) -> str:
    """Return the code of an incident, opened if there is none.

    A client was told of two linked records before they were parted. Neither source has an owner, whose
    consent the parting would wait for.
    """
    incidents = list_incidents(index, make_operator())
    if incidents:
        return incidents[0].code
    operator = make_operator()
    names = {"first_name": "Zebulonia", "last_name": "Hartwell-Quill", "birth_date": "2011-09-30"}
    refs = [RecordRef(source, "bench-parted") for source in (first, second)]
    eids = {
        str(upsert(index, operator, ref.source, names | {"local_id": ref.local_id}).enterprise_id)
        for ref in refs
    }
    if len(eids) > 1:
        merge(index, operator, sorted(eids), StepOptions("same-child"))
    eid = look_up_crosswalk(index, operator, first, "bench-parted").enterprise_id
    reader = Viewer("bench-reader", "data_quality", frozenset({Action.PERSON_READ}), None)
    look_up_person(index, reader, eid)
    split(index, operator, eid, [[ref] for ref in refs], StepOptions("different-children"))
    return list_incidents(index, operator)[0].code


def _add_work(index: Index) -> None:
    """Add a proposal, and the job that made it."""
    operator = make_operator()
    job = begin_job(index, operator, JobKind.PROPOSE)
    proposal = propose(index, operator, index.matcher)
    end_job(index, operator, job.id, JobState.DONE, result=proposal.id)


def _find_case(index: Index, source: str, local_ids: list[str]) -> str:
    """Return the code of the clerk's case, opened if there is none."""
    clerk = authenticate_session(index, sign_in(index, CLERK, PASSWORD)).viewer
    cases = list_cases(index, clerk)
    if cases:
        return cases[0].case.code
    today = date.fromisoformat(clock.today())
    served = Subpoena(
        source=source,
        court="Juvenile Court of Quill County",
        reference="26-JV-0413",
        served_by="Office of the Public Defender",
        received=today - timedelta(days=9),
        due=today + timedelta(days=5),
    )
    return open_case(index, clerk, served, tuple(local_ids), ("first_name", "last_name", "enrollments"))


def _find_rights_case(index: Index, source: str, local_id: str) -> str:
    """Return the code of the clerk's rights case, opened if there is none."""
    clerk = authenticate_session(index, sign_in(index, CLERK, PASSWORD)).viewer
    cases = rights_cases.list_cases(index, clerk)
    if cases:
        return cases[0].code
    set_rule(index, make_operator(), source, inspection=Inspection.OWN, citation="FERPA, 34 CFR 99.10")
    request = RightsRequest(
        kind=CaseKind.INSPECT,
        source=source,
        local_id=local_id,
        relation=Relation.PARENT,
        identification=Identification.PHOTO_ID,
        identified_by="R. Registrar",
        reference="26-RR-0414",
        received=date.fromisoformat(clock.today()),
        owner="Records office",
    )
    return open_rights_case(index, clerk, request)
