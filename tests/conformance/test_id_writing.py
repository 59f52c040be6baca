"""Enterprise IDs written into a stand-in for an Ed-Fi API: what, when, for whom, and what the ledger says."""

from datetime import timedelta

import pytest

from mpi.connectors.api_session import ApiSession
from mpi.connectors.edfi.connector import EdfiConnector
from mpi.connectors.edfi.id_writer import EdfiIdWriter
from mpi.domain import clock
from mpi.domain.errors import AccessDenied, InputError, NotAuthenticated, RemoteSystemError
from mpi.service.access.clients import add_client, revoke_client
from mpi.service.agreements.register import approve_version, propose_version
from mpi.service.pulls.pull import PullOptions, pull
from mpi.service.pulls.write_ids import Recipient, write_ids
from mpi.service.stewardship.merge_split_move import StepOptions, merge
from tests.agreements import make_dsa
from tests.edfi_server import D, EdfiServer, serve_edfi
from tests.index import OPERATOR, crosswalk

SYSTEM = f"{D}StudentIdentificationSystemDescriptor#Enterprise ID"
OPTIONS = {"id_system": SYSTEM, "id_organization": "MPI", "overlap": 0}
OWNER = Recipient("sis-owner", "enrolment_coordination")
OTHER_CODE = {
    "studentIdentificationSystemDescriptor": f"{D}x#Local", "identificationCode": "77",
    "assigningOrganizationIdentificationCode": "255901",
}  # fmt: skip


@pytest.fixture(params=["5.2.0", "6.1.0"])
def api(request):
    with serve_edfi(EdfiServer(request.param)) as api:
        for number in range(4):
            api.put_student(
                f"s{number}", firstName=f"Ana{chr(97 + number)}", birthDate=f"201{number}-03-0{number + 1}"
            )
            values = {"studentIdentificationCodes": [OTHER_CODE], "hispanicLatinoEthnicity": True}
            api.describe(
                "studentEducationOrganizationAssociations",
                f"s{number}",
                **values if request.param < "6" else {},
            )
        yield api


@pytest.fixture
def source(index, api):
    add_client(index, OPERATOR, "sis-owner", ["crosswalk.read"], ["sis"])
    pull_again(index, api)
    return api


def pull_again(index, api):
    connection = api.connect(**OPTIONS)
    return pull(index, OPERATOR, connection, EdfiConnector(connection), PullOptions())


def write(index, api, recipient=OWNER, **options):
    connection = api.connect(**OPTIONS)
    writer = EdfiIdWriter(connection, lambda connection: ApiSession(connection, wait=lambda _: None))
    return write_ids(index, OPERATOR, connection, writer, recipient, **options)


def codes_of(api):
    """Return the enterprise IDs that an API holds, by student."""
    found = {}
    for resource in ("studentEducationOrganizationAssociations", "studentIdentificationCodes"):
        for _, item in api.items.get(resource, {}).values():
            for code in item.get("studentIdentificationCodes", [item]):
                if code.get("studentIdentificationSystemDescriptor") == SYSTEM:
                    assert code["assigningOrganizationIdentificationCode"] == "MPI"
                    found[item["studentReference"]["studentUniqueId"]] = code["identificationCode"]
    return found


def ids_of(index):
    return {local_id: person for (_, local_id), person in crosswalk(index).items()}


def list_lines(index):
    with index.database.ledger.read(OPERATOR) as unit:
        return [line for line in unit.disclosures.all() if line.client == "sis-owner"]


def list_writes(api):
    return [request for request in api.requests if request[0] != "GET" and "oauth" not in request[1]]


def test_ids_are_written_once_beside_what_is_there(index, source):
    trial = write(index, source, is_trial=True)
    assert (trial.written, list_lines(index), list_writes(source)) == (4, [], [])
    first = write(index, source)
    assert (first.written, first.unchanged, first.failed) == (4, 0, {})
    assert codes_of(source) == ids_of(index)
    for _, item in source.items["studentEducationOrganizationAssociations"].values():
        assert item.get("hispanicLatinoEthnicity", True)
        assert item.get("studentIdentificationCodes", [OTHER_CODE])[0] == OTHER_CODE
    written = len(list_writes(source))
    second = write(index, source)
    assert (second.written, second.unchanged) == (0, 4)
    assert len(list_writes(source)) == written


def test_the_ledger_says_who_gets_which_id_before_one_leaves(index, source):
    lines = []
    source.before_write = lambda *_: lines.append(len(list_lines(index)))
    write(index, source)
    assert lines == [1, 1, 1, 1]
    [line] = list_lines(index)
    assert (line.action, line.purpose, line.fields) == (
        "crosswalk.read", "enrolment_coordination", ("local_id", "enterprise_id"),
    )  # fmt: skip
    assert len(line.record_ids) == 4


def test_a_retired_id_is_replaced_by_the_one_that_holds_its_records(index, source):
    write(index, source)
    before = ids_of(index)
    merge(index, OPERATOR, [before["s0"], before["s1"]], StepOptions("other"))
    after = ids_of(index)
    assert after["s0"] == after["s1"]
    result = write(index, source)
    assert (result.written, result.unchanged) == (1, 3)
    assert codes_of(source) == after


def test_what_was_written_is_no_evidence_and_changes_no_record(index, source):
    write(index, source)
    receipt = pull_again(index, source)
    assert (receipt.load.received, receipt.load.unchanged) == (4, 4)


def test_a_change_that_somebody_else_made_meanwhile_is_kept(index, source):
    write(index, source)
    resource = "studentIdentificationCodes"
    if resource not in source.items:
        resource = "studentEducationOrganizationAssociations"
    before = ids_of(index)
    merge(index, OPERATOR, [before["s0"], before["s1"]], StepOptions("other"))
    others = iter(range(2))

    def interfere(_resource):
        if next(others, None) is not None:
            for _, item in list(source.items[resource].values()):
                source.put(resource, **item | {"note": "changed"})

    source.before_write = interfere
    assert write(index, source).written == 1
    assert codes_of(source) == ids_of(index)
    assert {item.get("note") for _, item in source.items[resource].values()} == {"changed"}
    others = iter(range(9))
    source.items[resource] = {
        key: [version, item | {"identificationCode": "old"} if "identificationCode" in item
              else item | {"studentIdentificationCodes": []}]
        for key, (version, item) in source.items[resource].items()
    }  # fmt: skip
    assert write(index, source).failed == {"412": 3}


def test_a_student_whom_the_index_does_not_know_is_left(index, source):
    source.put_student("new")
    source.describe("studentEducationOrganizationAssociations", "new")
    result = write(index, source)
    assert (result.written, result.unassigned) == (4, 1)
    assert "new" not in codes_of(source)


def test_a_client_without_the_right_gets_nothing(index, source):
    add_client(index, OPERATOR, "writer", ["record.write"], ["sis"])
    add_client(index, OPERATOR, "other", ["crosswalk.read"], ["ccwis"])
    asked = len(source.requests)
    for client in ("writer", "other"):
        with pytest.raises(AccessDenied):
            write(index, source, Recipient(client, "enrolment_coordination"))
    with pytest.raises(NotAuthenticated):
        write(index, source, Recipient("nobody", None))
    with pytest.raises(InputError, match="emergency"):
        write(index, source, Recipient("sis-owner", "emergency_breakglass"))
    assert len(source.requests) == asked
    assert list_lines(index) == []


def test_writing_ends_with_the_rights_of_the_client(index, source):
    for number in range(110):
        source.put_student(f"t{number:03}")
        source.describe("studentEducationOrganizationAssociations", f"t{number:03}")
    revoked = iter([lambda: revoke_client(index, OPERATOR, "sis-owner")])
    source.before_write = lambda *_: next(revoked, lambda: None)()
    with pytest.raises(NotAuthenticated):
        write(index, source)
    # One line of the ledger, and one batch of students, had been begun.
    assert len(list_lines(index)) == 1
    assert len(list_writes(source)) == 4


def test_a_client_that_receives_others_records_may_not_pass_ids_on(index, source):
    today = clock.now().date()
    agreement = make_dsa(begins=today - timedelta(days=1), ends=today + timedelta(days=200))
    propose_version(index, OPERATOR, agreement)
    approve_version(index, OPERATOR, agreement.code, alone=True)
    add_client(index, OPERATOR, "wide", ["crosswalk.read"], ["sis", "ccwis"], "dsa-1", "district")
    with pytest.raises(AccessDenied, match="forbids to pass answers on"):
        write(index, source, Recipient("wide", "school_stability"))
    assert list_writes(source) == []
    add_client(index, OPERATOR, "narrow", ["crosswalk.read"], ["sis"], "dsa-1", "district")
    assert write(index, source, Recipient("narrow", "school_stability")).written == 4


def test_a_claim_set_that_forbids_writing_is_named(index, source):
    source._write = lambda *_: (403, {}, {"detail": "no"})
    with pytest.raises(RemoteSystemError, match="does not allow Update of student"):
        write(index, source)


def test_nothing_is_written_without_being_asked_for(source):
    with pytest.raises(InputError, match=r"id_system and options\.id_organization"):
        EdfiIdWriter(source.connect())
