import json
import re

import pytest

from mpi.client.retries import RetryPolicy
from mpi.connectors.api_session import ApiSession
from mpi.connectors.edfi.connector import EdfiConnector
from mpi.domain.errors import InputError, RemoteSystemError
from tests.edfi_server import D, EdfiServer, serve_edfi

NO_OVERLAP = {"overlap": 0}


class RecordingSink:
    """Rows, removals and new local IDs of one pull."""

    def __init__(self):
        self.rows, self.removed, self.renamed, self.rejected = {}, [], [], []

    def add(self, fields):
        assert fields["local_id"] not in self.rows
        self.rows[fields["local_id"]] = fields

    def reject(self, reason, detail, local_id=None):
        self.rejected.append((reason, detail, local_id))

    def remove(self, local_id):
        self.removed.append(local_id)

    def rename(self, old_local_id, new_local_id):
        self.renamed.append((old_local_id, new_local_id))


def open_session(connection):
    return ApiSession(connection, RetryPolicy(attempts=3), wait=lambda _: None)


def pull(api, cursor=None, **options):
    """Pull from an API, and return the sink and the result."""
    sink = RecordingSink()
    result = EdfiConnector(api.connect(**options), open_session).pull(cursor, sink, lambda *_: None)
    return sink, result


@pytest.fixture
def make_api():
    servers = []

    def make(standard="5.2.0", **features):
        servers.append(serve_edfi(EdfiServer(standard, **features)))
        return servers[-1].__enter__()

    yield make
    for server in servers:
        server.__exit__(None, None, None)


def fill(api, count):
    for number in range(count):
        api.put_student(f"{number:03}")
        api.enroll(f"{number:03}")


def list_reads(api, resource):
    return [parameters for _, path, parameters, *_ in api.requests if path.endswith(f"/{resource}")]


@pytest.mark.parametrize("standard", ["4.0.0", "5.2.0", "6.1.0"])
def test_a_first_pull_gives_each_student_with_all_that_is_known(make_api, standard):
    api = make_api(standard)
    api.put_student("1", birthSexDescriptor=f"{D}SexDescriptor#Female")
    api.put_student("2", birthDate=None)
    api.put_contact("1", "7")
    api.enroll("1", entryGradeLevelDescriptor=f"{D}GradeLevelDescriptor#Fifth grade")
    code = {"studentIdentificationSystemDescriptor": f"{D}x#State", "identificationCode": "S1",
            "assigningOrganizationIdentificationCode": "TX"}  # fmt: skip
    reached = {"telephones": [{"telephoneNumber": "555-0100"}]}
    if standard < "6":
        api.describe(
            "studentEducationOrganizationAssociations", "1", studentIdentificationCodes=[code], **reached
        )
    else:
        api.describe("studentIdentificationCodes", "1", **code)
        api.describe("studentDirectories", "1", **reached)
    sink, result = pull(api)
    assert result.is_full
    assert not sink.rejected
    assert sink.rows["2"] == {"local_id": "2", "first_name": "Ana2", "last_name": "Ek"}
    assert sink.rows["1"] == {
        "local_id": "1", "first_name": "Ana1", "last_name": "Ek", "birth_date": "2014-11-13", "sex": "Female",
        "phone": "555-0100",
        "identifiers": [{"system": "state_student_id", "assigner": "TX", "value": "S1"}],
        "enrollments": [{"school_id": "255901001", "grade": "Fifth grade", "entry_date": "2025-08-20"}],
        "guardians": [
            {"guardian_first_name": "Bo7", "guardian_last_name": "Ek", "guardian_relationship": "Mother"}
        ],
    }  # fmt: skip


def test_programs_are_read_as_flags_where_the_connection_asks_for_them(make_api):
    api = make_api()
    api.put_student("1")
    api.put(
        "studentHomelessProgramAssociations",
        studentReference={"studentUniqueId": "1"},
        beginDate="2025-09-01",
    )
    assert "flags" not in pull(api)[0].rows["1"]
    [flag] = pull(api, parts=["programs"])[0].rows["1"]["flags"]
    assert (flag["population"], flag["begin"]) == ("homeless", "2025-09-01")


@pytest.mark.parametrize("features", [{}, {"has_tokens": True}, {"has_changes": False},
                                      {"has_changes": False, "has_tokens": True}])  # fmt: skip
def test_every_page_of_a_large_collection_is_read(make_api, features):
    api = make_api(**features)
    fill(api, 83)
    sink, result = pull(api, page_size=10)
    assert len(sink.rows) == 83
    assert all("enrollments" in row for row in sink.rows.values())
    assert result.is_full
    again, _ = pull(api, result.cursor, page_size=10, **NO_OVERLAP)
    assert len(again.rows) == (0 if api.has_changes else 83)


def test_many_items_of_one_change_version_are_read_page_by_page(make_api):
    api = make_api()
    fill(api, 30)
    for stored in api.items["students"].values():
        stored[0] = 4  # as after an upgrade of the API's database
    sink, _ = pull(api, page_size=10)
    assert len(sink.rows) == 30


@pytest.mark.parametrize("features", [{}, {"has_tokens": True}])
def test_nothing_is_lost_when_data_changes_between_two_pages(make_api, features):
    api = make_api(**features)
    fill(api, 60)
    api.put_student("last")
    changes = iter([
        lambda: api.delete_student("000"),  # an earlier item goes, so that later ones move up
        lambda: api.put_student("040", firstName="New"),  # moves behind the present window
        lambda: api.put_student("late"),
        lambda: api.rename_student("050", "x50"),
    ])  # fmt: skip

    def change(resource, parameters):
        if resource == "students" and parameters.get("minChangeVersion", "0") != "0":
            next(changes, lambda: None)()

    api.before_answer = change
    sink, result = pull(api, page_size=10)
    assert next(changes, None) is None
    expected = {f"{number:03}" for number in range(1, 60)} - {"050"} | {"last", "late", "x50"}
    assert sink.rows.keys() == expected
    assert sink.rows["040"]["first_name"] == "New"
    assert "enrollments" in sink.rows["x50"]
    assert result.is_full


def test_a_collection_without_change_versions_is_read_again_if_it_changed(make_api):
    api = make_api(has_changes=False)
    fill(api, 30)
    deletions = iter(["000"])

    def change(resource, parameters):
        if resource == "students" and parameters.get("offset") == "10":
            for student in deletions:
                api.delete_student(student)

    api.before_answer = change
    sink, _ = pull(api, page_size=10)
    assert len(sink.rows) == 29
    api.before_answer = lambda *_: api.put_student(str(api.version))
    with pytest.raises(RemoteSystemError, match="students: the collection changes while it is read"):
        pull(api, page_size=10)


def test_a_later_pull_gives_what_changed_and_no_more(make_api):
    api = make_api()
    fill(api, 9)
    api.put_contact("003", "7")
    number = api.enroll("004", 255901002)
    _, first = pull(api)
    api.put_student("000", firstName="New")
    api.put_student("new")
    api.delete_student("001")
    api.rename_student("002", "x02")
    api.items["contacts"][next(iter(api.items["contacts"]))][1]["firstName"] = "Cy"
    api.put("contacts", **next(iter(api.items["contacts"].values()))[1])
    api.delete("studentSchoolAssociations", number)
    api.describe("studentEducationOrganizationAssociations", "005", sexDescriptor=f"{D}x#Male")
    sink, result = pull(api, first.cursor, **NO_OVERLAP)
    assert not result.is_full
    assert sink.rows.keys() == {"000", "new", "x02", "003", "004", "005"}
    assert sink.removed == ["001"]
    assert sink.renamed == [("002", "x02")]
    assert sink.rows["000"]["first_name"] == "New"
    assert sink.rows["003"]["guardians"][0]["guardian_first_name"] == "Cy"
    assert len(sink.rows["004"]["enrollments"]) == 1
    assert sink.rows["005"]["sex"] == "Male"
    assert "enrollments" in sink.rows["x02"]
    again, _ = pull(api, result.cursor, **NO_OVERLAP)
    assert (again.rows, again.removed, again.renamed) == ({}, [], [])


def test_a_write_that_was_not_committed_is_found_by_the_next_pull(make_api):
    api = make_api()
    fill(api, 5)
    version, student = api.items["students"].pop(api.put_student("slow"))
    fill(api, 5)
    _, first = pull(api)
    api.items["students"][student["id"]] = [version, student]
    sink, _ = pull(api, first.cursor)
    assert "slow" in sink.rows
    missed, _ = pull(api, first.cursor, **NO_OVERLAP)
    assert "slow" not in missed.rows


def test_new_ids_are_given_in_an_order_in_which_each_is_free(make_api):
    api = make_api()
    for student in "ABCDEF":
        api.put_student(student)
    _, first = pull(api)
    api.rename_student("A", "A1")
    api.rename_student("A1", "A2")
    api.rename_student("C", "C1")
    api.rename_student("B", "C")
    api.rename_student("D", "D1")
    api.put_student("D", firstName="Other")
    api.rename_student("E", "swap")
    api.rename_student("F", "E")
    api.rename_student("swap", "F")
    sink, second = pull(api, first.cursor)
    held = {student: student for student in "ABCDEF"}
    for old_id, new_id in sink.renamed:
        assert new_id not in held
        held[new_id] = held.pop(old_id)
    assert held == {"A2": "A", "C": "B", "C1": "C", "D1": "D", "F": "E", "E": "F"}
    assert {"A2", "C", "C1", "D", "D1", "E", "F"} <= sink.rows.keys()
    assert sink.rows["D"]["first_name"] == "Other"
    api.rename_student("A2", "A3")
    third, _ = pull(api, second.cursor)
    assert third.renamed == [("A2", "A3")]  # what was told already is not told again


def test_a_full_pull_tells_new_ids_since_the_last_pull(make_api):
    api = make_api()
    fill(api, 3)
    _, first = pull(api)
    api.rename_student("001", "x01")
    sink = RecordingSink()
    connector = EdfiConnector(api.connect(), open_session)
    result = connector.pull_all(first.cursor, sink, lambda *_: None)
    assert result.is_full
    assert sink.renamed == [("001", "x01")]
    assert sink.rows.keys() == {"000", "x01", "002"}
    again = RecordingSink()
    connector.pull_all(result.cursor, again, lambda *_: None)
    assert again.renamed == []


def test_a_pull_is_full_where_changes_cannot_be_told(make_api):
    api = make_api()
    fill(api, 12)
    _, first = pull(api)
    assert json.loads(first.cursor)["version"] == api.version
    assert pull(api, first.cursor, parts=["descriptions"])[1].is_full  # other resources than before
    assert pull(api, "no cursor")[1].is_full
    api.put_student("000", firstName="New")
    assert pull(api, first.cursor, most_students=0)[1].is_full
    assert not pull(api, first.cursor)[1].is_full
    api.deleted.append((api.version, "students", "0", {}))  # as APIs of old
    assert pull(api, first.cursor)[1].is_full
    api.version = 3  # a restored database
    assert pull(api, first.cursor)[1].is_full


def test_an_interruption_is_survived(make_api):
    api = make_api()
    fill(api, 25)
    api.answers = [(429, {"Retry-After": "1"}), (500, {}), (503, {})]
    api.calls_of_token = 4
    faults = iter([(500, {}), (429, {"Retry-After": "2"})])
    api.before_answer = lambda *_: api.answers.extend([fault] if (fault := next(faults, None)) else [])
    with pytest.raises(RemoteSystemError):
        pull(api, page_size=10)  # three errors in a row are more than it tries
    sink, _ = pull(api, page_size=10)
    assert len(sink.rows) == 25
    signed_in = sum(path.endswith("/oauth/token") for _, path, *_ in api.requests)
    assert signed_in > 2


@pytest.mark.parametrize("credentials", ["mpi:s%25cret", "mpi:s%cret"])
def test_credentials_are_sent_encoded_and_as_they_are(make_api, credentials):
    api = make_api()
    fill(api, 1)
    api.credentials = credentials
    assert pull(api)[0].rows
    api.credentials = "mpi:other"
    api.tokens.clear()
    with pytest.raises(RemoteSystemError, match="sign-in was refused with status 401"):
        pull(api)


@pytest.mark.parametrize(("resource", "action"), [
    ("studentContactAssociations", "Read"), ("students/deletes", "ReadChanges"),
])  # fmt: skip
def test_a_resource_that_the_claim_set_forbids_is_named(make_api, resource, action):
    api = make_api()
    fill(api, 1)
    _, first = pull(api)
    api.forbidden.add(resource)
    with pytest.raises(RemoteSystemError, match=re.escape(f"does not allow {action} of {resource}")):
        pull(api, first.cursor)
    if action == "Read":
        assert len(pull(api, parts=["descriptions", "enrollments"])[0].rows) == 1


def test_students_without_any_birth_date_are_refused(make_api):
    api = make_api()
    for number in range(3):
        api.items.setdefault("students", {})
        key = api.put_student(str(number))
        del api.items["students"][key][1]["birthDate"]
    with pytest.raises(RemoteSystemError, match="names alone link nobody"):
        pull(api)


def test_an_item_that_names_no_student_is_counted(make_api):
    api = make_api()
    fill(api, 1)
    api.put("studentSchoolAssociations", studentReference={})
    sink, _ = pull(api)
    assert [reason for reason, *_ in sink.rejected] == ["no-student-or-contact-id"]


def test_a_snapshot_is_asked_for_in_each_call(make_api):
    api = make_api()
    fill(api, 1)
    pull(api, use_snapshot=True)
    asked = [headers.get("use-snapshot") for _, path, _, headers, _ in api.requests if "/data/" in path]
    assert asked
    assert set(asked) == {"true"}
    api.has_changes = False
    with pytest.raises(RemoteSystemError, match="no snapshot"):
        pull(api, use_snapshot=True)


def test_the_id_that_was_written_back_is_no_evidence(make_api):
    own = f"{D}StudentIdentificationSystemDescriptor#State"
    code = {"studentIdentificationSystemDescriptor": own, "identificationCode": "T7K3-M92Q-X0HN",
            "assigningOrganizationIdentificationCode": "MPI"}  # fmt: skip
    for standard in ("5.2.0", "6.1.0"):
        api = make_api(standard)
        api.put_student("1")
        if standard < "6":
            api.describe("studentEducationOrganizationAssociations", "1", studentIdentificationCodes=[code])
        else:
            api.describe("studentIdentificationCodes", "1", **code)
        assert "identifiers" in pull(api)[0].rows["1"]
        assert "identifiers" not in pull(api, id_system=own)[0].rows["1"]


@pytest.mark.parametrize(("options", "fault"), [
    ({"page_size": 501}, "page_size: a number from 1 to 500"),
    ({"page_size": True}, "page_size"),
    ({"parts": ["grades"]}, "parts: a list of descriptions"),
    ({"use_snapshot": "yes"}, "use_snapshot: true or false"),
    ({"data_path": "data"}, "data_path: a path"),
    ({"id_system": "Enterprise ID"}, "id_system: a descriptor"),
    ({"cohort": 1}, "options.cohort"),
    ({"version": "2.2"}, "version: the data standard"),
])  # fmt: skip
def test_a_wrong_option_is_refused_by_name(make_api, options, fault):
    with pytest.raises(InputError, match=fault):
        pull(make_api(), **options)


def test_an_api_that_asks_for_a_school_year_or_says_nothing_is_refused(make_api):
    api = make_api()
    api._describe_api = lambda: {
        "dataModels": [{"name": "Ed-Fi", "version": "5.2.0"}],
        "urls": {"dataManagementApi": f"{api.url}/data/v3/{{schoolYearFromRoute}}"},
    }
    with pytest.raises(InputError, match="school year"):
        pull(api)
    api._describe_api = lambda: ["surprise"]
    with pytest.raises(RemoteSystemError, match="does not say where its data is"):
        pull(api)
    fill(api, 1)
    assert pull(api, data_path="/data/v3", changes_path="/changeQueries/v1", version="5.2")[0].rows


def test_answers_that_are_no_lists_are_refused(make_api):
    api = make_api()
    api._list = lambda *_: (200, {}, {"error": "Ana Ek"})
    with pytest.raises(RemoteSystemError, match=r"students: the answer is no list of objects$"):
        pull(api)


def test_few_requests_read_sparse_change_versions(make_api):
    api = make_api()
    for number in range(200):
        api.version += 10_000 if number % 50 == 0 else 3
        api.put_student(f"{number:03}")
    sink, _ = pull(api, page_size=20, parts=[])
    assert len(sink.rows) == 200
    assert len(list_reads(api, "students")) < 100
