"""Loads of files over HTTP: upload, dry run, receipt, rejected rows, guards and bounds."""

import csv
import gzip
import io
import json
import os
import time
import zipfile

import pytest
from openpyxl import Workbook

from mpi.api.app import create_app
from mpi.api.uploads import multipart_form
from mpi.domain.source import Holdings
from mpi.domain.viewer import Action
from mpi.service.holdings.settings import add_source
from mpi.service.jobs.job_state import JobKind, begin_job
from mpi.service.loads.sent_files import upload
from mpi.service.statements.sources import NewSource
from mpi.storage.repositories.steps.jobs import JobState
from tests.index import OPERATOR, open_test_index, with_settings
from tests.oneroster_bundles import Bundle
from tests.unit.api.live import add_key, calling, problem

HEADER = b"local_id,first_name,last_name,birth_date\n"
AMARA = b"1,Amara,Okonkwo,2014-03-09\n"
FILE = HEADER + AMARA + b"2,Bo,Lindqvist,2012-11-30\n,Nobody,Noid,2012-01-01\n"


@pytest.fixture(scope="module")
def loads_index(tmp_path_factory):
    with open_test_index(tmp_path_factory.mktemp("loads"), "D01", "D02", "CCWIS") as index:
        yield index


@pytest.fixture(scope="module")
def loading(loads_index):
    with calling(create_app(loads_index), add_key(loads_index, "loader")) as client:
        yield client


def send(client, data: bytes = FILE, source: str = "D01", name: str = "students.csv", **fields):
    return client.post(f"/v1/sources/{source}/loads", files={"file": (name, data)}, data=fields)


def pack(name: str):
    """Return a function that packs CSV as the ending of a name says."""
    return {"xlsx": to_workbook, "gz": gzip.compress, "zip": to_zip}[name.lower().rpartition(".")[2]]


def to_workbook(data: bytes) -> bytes:
    book, target = Workbook(), io.BytesIO()
    for row in csv.reader(io.StringIO(data.decode())):
        book.active.append(row)
    book.save(target)
    return target.getvalue()


def to_zip(data: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export/students.csv", data)
    return target.getvalue()


def count_lines(index) -> int:
    with index.database.ledger.read(OPERATOR) as unit:
        return sum(1 for _ in unit.disclosures.all())


def finish(client, answer):
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    deadline = time.monotonic() + 120
    while (job := client.get(answer.headers["location"]).json())["state"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return job


def files_left(index) -> list:
    return [path for path in (index.home / "uploads").rglob("*") if path.is_file()]


def test_a_file_is_tried_loaded_and_accounted_for(loading, loads_index):
    tried = finish(loading, send(loading, dry_run="true"))
    assert (tried["kind"], tried["state"], tried["source"], tried["result"]) == (
        "dry-run",
        "done",
        "D01",
        None,
    )
    assert (
        tried["report"]["counts"] | {"received": 3, "created": 2, "rejected": 1} == tried["report"]["counts"]
    )
    assert tried["report"]["bands"]["NON_LINK"] == 2
    assert [reject["line"] for reject in tried["report"]["rejects"]] == [4]
    assert loading.get("/v1/loads").json() == []
    done = finish(loading, send(loading))
    assert (done["kind"], done["state"], done["target"], done["error"]) == ("load", "done", None, None)
    receipt = loading.get(f"/v1/loads/{done['result']}").json()
    assert (receipt["entry"]["status"], receipt["entry"]["by"]) == ("loaded", "loader")
    assert receipt["entry"]["counts"] == tried["report"]["counts"]
    rejects = loading.get(f"/v1/loads/{done['result']}/rejects").json()
    assert [reject.pop("local_id") for reject in rejects] == [None]
    assert rejects == receipt["rejects"] == tried["report"]["rejects"]
    assert "Nobody" not in json.dumps([tried, receipt, rejects])
    [listed] = loading.get("/v1/loads?source=D01").json()
    assert listed == receipt["entry"]
    assert loading.get("/v1/sources/D01/records/1").json()["record"]["last_name"] == "Okonkwo"
    assert files_left(loads_index) == []


def test_rejected_rows_name_their_local_id_and_field_with_a_line_of_the_ledger(loading, loads_index):
    data = b"local_id,last_name,as_of\nr1,Rejected,once\n"
    number = finish(loading, send(loading, data))["result"]
    before = count_lines(loads_index)
    [reject] = loading.get(f"/v1/loads/{number}/rejects").json()
    assert (reject["local_id"], reject["field"], "Rejected" in json.dumps(reject)) == ("r1", "as_of", False)
    assert count_lines(loads_index) == before + 1


@pytest.mark.parametrize("name", ["students.xlsx", "students.csv.gz", "students.zip", "STUDENTS.CSV.GZ"])
def test_a_workbook_and_a_compressed_file_are_loaded(loading, name):
    content, local_id = pack(name), f"p{len(name)}{name[0]}"
    packed = content(HEADER + f"{local_id},Paula,Packed,2013-02-03\n".encode())
    done = finish(loading, send(loading, packed, name=name))
    assert (done["state"], done["error"]) == ("done", None)
    assert loading.get(f"/v1/sources/D01/records/{local_id}").json()["record"]["birth_date"] == "2013-02-03"


def test_delta_bundle_withdraws_deleted_users_and_is_refused_as_full(tmp_path):
    def pack_bundle(count, *, deleted=0):
        bundle = Bundle("1.1")
        for number in range(count):
            bundle.add_student(number, status="tobedeleted" if number < deleted else "active")
        if deleted:
            bundle.modes |= {"users": "delta", "demographics": "delta"}
        return bundle.write_zip(tmp_path / "bundle.zip").read_bytes()

    with (
        open_test_index(tmp_path / "index", "D01") as index,
        calling(create_app(index), add_key(index, "loader")) as client,
    ):
        finish(client, send(client, pack_bundle(6), name="a.zip", snapshot="full"))
        delta = pack_bundle(3, deleted=2)
        for dry_run in ("true", "false"):
            answer = send(client, delta, name="b.zip", snapshot="full", dry_run=dry_run)
            assert "changes only" in problem(answer, 400, "invalid-input")["detail"]
        tried = finish(client, send(client, delta, name="b.zip", dry_run="true"))
        done = finish(client, send(client, delta, name="b.zip"))
        counts = client.get(f"/v1/loads/{done['result']}").json()["entry"]["counts"]
        assert (counts["withdrawn"], counts["unchanged"], tried["report"]["counts"]) == (2, 1, counts)


def test_receipt_counts_absent_records_that_stay_and_the_page_says_why(tmp_path):
    rows = [f"{number},Ana{number},Lopez{number},2010-01-02\n".encode() for number in range(30)]
    with (
        open_test_index(tmp_path, "D01") as index,
        calling(create_app(index), add_key(index, "loader")) as client,
        calling(create_app(index, open_pages=True), None) as people,
    ):
        people.cookies.set("mpi-acting-as", "operator")
        finish(client, send(client, HEADER + b"".join(rows), snapshot="full"))
        for content, as_of, spared, newer, said in (
            ([*rows[:20], b",Nobody,Noid,2010-01-01\n"], "", 10, 0, "10 records that the file lacks stay"),
            (rows[:29], "2020-01-01", 0, 1, "its source sent it later than this file"),
        ):
            fields = {"snapshot": "full", "as_of": as_of}
            tried = finish(client, send(client, HEADER + b"".join(content), **fields, dry_run="true"))
            done = finish(client, send(client, HEADER + b"".join(content), **fields))
            receipt = client.get(f"/v1/loads/{done['result']}").json()
            assert receipt["entry"]["counts"]["withdrawn"] == 0
            for told in (receipt, tried["report"]):
                assert (told["spared"], told["newer"]) == (spared, newer)
            for path in (f"/loads/{done['result']}", f"/jobs/{tried['id']}"):
                assert said in people.get(path).text


@pytest.mark.parametrize("second", ["b.csv", "b.txt", "b"])
def test_a_second_file_of_a_form_is_refused(loading, loads_index, second):
    parts = [("file", ("a.csv", HEADER + AMARA)), ("file", (second, HEADER + AMARA))]
    refused = problem(loading.post("/v1/sources/D01/loads", files=parts), 400, "invalid-input")
    assert "one file" in refused["detail"]
    assert files_left(loads_index) == []


@pytest.mark.parametrize("name", ["bomb.csv.gz", "bomb.zip"])
def test_a_file_that_becomes_too_large_is_refused_before_it_is_read(loads_index, name):
    small = with_settings(loads_index, max_upload_bytes=1_000_000)
    bomb = pack(name)(HEADER + b"\n" * 2_000_000)
    assert len(bomb) < 100_000
    with calling(create_app(small), add_key(loads_index, f"bomber-{name}")) as client:
        answer = problem(send(client, bomb, name=name), 400, "unreadable-file")
    assert "1,000,000 bytes" in answer["detail"]
    assert files_left(loads_index) == []


def test_a_damaged_or_disguised_file_is_called_what_it_is(loading, loads_index):
    whole = pack("students.csv.gz")(FILE * 500)
    for data, name, said in (
        (whole[:-20], "students.csv.gz", "cut short"),
        (b"PK\x03\x04 nothing", "students.zip", "ZIP"),
        (pack("students.xlsx")(FILE), "students.csv", "workbook"),
        (FILE, "students.xlsx", "workbook"),
    ):
        assert said in problem(send(loading, data, name=name), 400, "unreadable-file")["detail"]
    assert files_left(loads_index) == []


def test_the_same_file_again_changes_nothing(loading):
    finish(loading, send(loading))
    again = finish(loading, send(loading))
    assert loading.get(f"/v1/loads/{again['result']}").json()["entry"]["counts"]["unchanged"] == 2


def test_a_load_of_the_api_is_undone_by_the_api(loading):
    load = finish(loading, send(loading, HEADER + b"u1,Una,Undone,2011-01-05\n"))["result"]
    assert loading.post(f"/v1/loads/{load}:undo", json={"reason": "bad-file"}).status_code == 200
    assert loading.get(f"/v1/loads/{load}").json()["entry"]["status"] == "undone"


def test_a_guard_holds_a_file_until_it_is_confirmed(loading):
    rows = [f"g{n},Given{n},Guarded{n},2010-01-{n % 27 + 1:02}\n".encode() for n in range(60)]
    finish(loading, send(loading, HEADER + b"".join(rows), source="D02", snapshot="full"))
    shrunk = HEADER + rows[0]
    tried = finish(loading, send(loading, shrunk, source="D02", snapshot="full", dry_run="true"))
    assert (tried["report"]["status"], bool(tried["report"]["held_reason"])) == ("held", True)
    held = finish(loading, send(loading, shrunk, source="D02", snapshot="full"))
    receipt = loading.get(f"/v1/loads/{held['result']}").json()
    assert (receipt["entry"]["status"], bool(receipt["held_reason"])) == ("held", True)
    confirmed = finish(loading, send(loading, shrunk, source="D02", snapshot="full", confirm="true"))
    assert loading.get(f"/v1/loads/{confirmed['result']}").json()["entry"]["counts"]["withdrawn"] == 59


def test_a_mapping_is_named_or_sent(loading):
    mapping = b'local_id = "id"\n[fields]\nlast_name = "family"\nfirst_name = "given"\n'
    data = b"id,family,given\nm1,Mapped,Mia\n"
    files = {"file": ("x.csv", data), "mapping": ("ours.toml", mapping)}
    answer = loading.post("/v1/sources/D01/loads", files=files)
    assert finish(loading, answer)["state"] == "done"
    assert loading.get("/v1/sources/D01/records/m1").json()["record"]["last_name"] == "Mapped"
    for name in ("/etc/passwd", "../../x", "no-such"):
        assert "mapping" in problem(send(loading, mapping=name), 400, "invalid-input")["detail"]
    broken = loading.post("/v1/sources/D01/loads", files=files | {"mapping": ("m.toml", b"= x")})
    problem(broken, 400, "invalid-mapping")


def test_conditions_choose_rows_and_are_not_stored_with_the_job(loading, loads_index):
    data = HEADER + b"w1,Wanda,Where,2013-05-06\nw2,Walt,Where,2013-05-07\n"
    fields = {"where": ["first_name=Wanda", "last_name=Where"]}
    job = finish(loading, loading.post("/v1/sources/D01/loads", files={"file": ("w.csv", data)}, data=fields))
    assert loading.get("/v1/sources/D01/records/w2").status_code == 404
    with loads_index.database.read(OPERATOR) as unit:
        assert unit.jobs.get(job["id"]).detail.keys() == {"source", "upload"}


def test_a_compressed_form_is_read(loading):
    request = loading.build_request("POST", "/v1/sources/D01/loads", files={"file": ("z.csv", FILE)})
    body, headers = request.read(), {"Content-Type": request.headers["content-type"]}
    answer = loading.post(
        "/v1/sources/D01/loads", content=gzip.compress(body), headers=headers | {"Content-Encoding": "gzip"}
    )
    assert finish(loading, answer)["state"] == "done"


def test_a_larger_file_is_loaded_by_another_process_and_its_error_is_told(loading, loads_index):
    rows = b"".join(f"b{n},Big{n},Bigname{n},2009-03-04\n".encode() for n in range(8_000))
    assert len(rows) > upload.SMALL_BYTES
    answer = send(loading, HEADER + rows + b"end,Bad\xff,Bad,2009-03-04\n", dry_run="true")
    assert answer.json()["state"] == "running"
    problem(send(loading, HEADER + AMARA, dry_run="true"), 409, "conflict")
    job = finish(loading, answer)
    assert (job["state"] == "failed") == (job["error"] is not None)
    assert job["report"] is not None or "Big" not in job["error"]
    assert files_left(loads_index) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"snapshot": "half"}, "snapshot"),
        ({"dry_run": "yes"}, "dry_run"),
        ({"confirm": "1"}, "confirm"),
        ({"as_of": "soon"}, "as_of"),
        ({"as_of": "2999-01-01"}, "as_of"),
        ({"as_of": "0026-11-24"}, "as_of: lies before 1900"),
        ({"as_of": "0001-01-01T00:00:00+14:00"}, "as_of"),
        ({"format": "docx"}, "format"),
        ({"where": "Okonkwo"}, "where"),
        ({"snapshot": ["full", "delta"]}, "once"),
        ({"Okonkwo": "x"}, "unknown field"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_kept(loading, loads_index, fields, said):
    detail = problem(send(loading, **fields), 400, "invalid-input")["detail"]
    assert said in detail
    assert "Okonkwo" not in detail
    assert files_left(loads_index) == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "multipart/form-data; boundary=b"),
        (b"--b--\r\n", "multipart/form-data; boundary=b"),
        (b"no form", "multipart/form-data; boundary=b"),
        (b"{}", "application/json"),
        (FILE, "text/csv"),
        (b"--b\r\n", "multipart/form-data"),
        (b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\nlocal_id\n1',
         "multipart/form-data; boundary=b"),
        (b'--b\r\nContent-Disposition: form-data; name="snapshot"\r\n\r\n\xff\r\n--b--\r\n',
         "multipart/form-data; boundary=b"),
        (b"--b\r\n" + b"X: y\r\n" * 50 + b"\r\nz\r\n--b--\r\n", "multipart/form-data; boundary=b"),
        (b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n' * 2 + b"--b--\r\n",
         "multipart/form-data; boundary=b"),
        (b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\nx\r\n' * 60 + b"--b--\r\n",
         "multipart/form-data; boundary=b"),
    ],
)  # fmt: skip
def test_a_body_that_is_no_complete_form_is_refused(loading, loads_index, body, kind):
    answer = loading.post("/v1/sources/D01/loads", content=body, headers={"Content-Type": kind})
    problem(answer, 400, "invalid-input")
    assert files_left(loads_index) == []


def test_columns_that_are_not_known_are_refused_before_a_job_begins(loading, loads_index):
    jobs = len(loading.get("/v1/jobs").json())
    problem(send(loading, b"local_id,favorite_color\n1,red\n"), 400, "invalid-mapping")
    problem(send(loading, b"PAR1 no parquet", name="x.parquet"), 400, "unreadable-file")
    problem(send(loading, name="x.exe"), 400, "unreadable-file")
    assert len(loading.get("/v1/jobs").json()) == jobs
    assert files_left(loads_index) == []


def test_a_file_and_a_field_that_are_too_large_are_refused(loading, loads_index, monkeypatch):
    monkeypatch.setattr(multipart_form, "MAX_FIELD_BYTES", 100)
    problem(send(loading, snapshot="f" * 200), 413, "too-large")
    small = with_settings(loads_index, max_upload_bytes=len(FILE) - 1)
    with calling(create_app(small), add_key(loads_index, "limited-upload")) as client:
        detail = problem(send(client), 413, "too-large")["detail"]
    assert "MPI_MAX_UPLOAD_MB" in detail
    assert files_left(loads_index) == []


def test_no_file_is_taken_while_the_disk_is_nearly_full(loads_index):
    full = with_settings(loads_index, min_free_bytes=1 << 62)
    with calling(create_app(full), add_key(loads_index, "full-disk")) as client:
        problem(send(client), 503, "store-unusable")


def test_a_file_lies_where_only_the_index_reads_it(loads_index):
    arriving = upload.begin_upload(loads_index, OPERATOR)
    with arriving.create_file("../../evil.CSV") as target:
        target.write(FILE)
    folder = loads_index.home / "uploads" / arriving.code
    assert [path.name for path in folder.iterdir()] == ["file.csv"]
    assert (folder / "file.csv").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == folder.parent.stat().st_mode & 0o777 == 0o700
    arriving.remove()
    assert not folder.exists()


def test_what_a_killed_process_left_is_removed_when_the_next_file_arrives(loads_index):
    left, arriving = (upload.begin_upload(loads_index, OPERATOR) for _ in range(2))
    folder = loads_index.home / "uploads"
    long_ago = time.time() - upload.STALE_S - 60
    os.utime(folder / left.code, (long_ago, long_ago))
    upload.begin_upload(loads_index, OPERATOR).remove()
    assert not (folder / left.code).exists()
    assert (folder / arriving.code).exists()
    arriving.remove()


def test_a_source_has_one_load_at_a_time(loading, loads_index):
    job = begin_job(loads_index, OPERATOR, JobKind.LOAD, source="CCWIS", upload="none")
    assert str(job.id) in problem(send(loading, source="CCWIS"), 409, "conflict")["detail"]
    assert finish(loading, send(loading, source="D01"))["state"] == "done"
    assert files_left(loads_index) == []
    with loads_index.database.write(OPERATOR, "job") as unit:
        unit.jobs.end(job.id, JobState.FAILED, "2026-01-01T00:00:00.000000Z")


def test_who_may_not_load_a_source_can_neither_send_nor_watch(loading, loads_index):
    job = finish(loading, send(loading, source="CCWIS"))
    for name, actions, sources in (
        ("writes-only", frozenset({Action.RECORD_WRITE}), None),
        ("other-source", frozenset({Action.LOAD}), {"D02"}),
    ):
        key = {"Authorization": f"Bearer {add_key(loads_index, name, actions, sources)}"}
        answer = loading.post("/v1/sources/CCWIS/loads", files={"file": ("a.csv", FILE)}, headers=key)
        problem(answer, 403, "access-denied")
        watched = loading.get(f"/v1/jobs/{job['id']}", headers=key).status_code
        receipt = loading.get(f"/v1/loads/{job['result']}", headers=key).status_code
        assert {watched, receipt} <= {403, 404}
        assert all(each["source"] != "CCWIS" for each in list_own(loading, key))
    problem(send(loading, source="NOPE"), 404, "not-found")


def list_own(client, headers) -> list:
    answer = client.get("/v1/loads", headers=headers)
    return answer.json() if answer.status_code == 200 else []


def test_a_client_of_one_source_learns_nothing_of_matches_with_other_records(loading, loads_index):
    finish(loading, send(loading, HEADER + b"h1,Hidden,Hiddenson,2011-11-11\n", source="CCWIS"))
    key = add_key(loads_index, "own-source", frozenset({Action.LOAD, Action.RECORD_READ}), {"D02"})
    headers = {"Authorization": f"Bearer {key}"}
    reports = []
    for row in (b"q1,Hidden,Hiddenson,2011-11-11\n", b"q1,Absent,Absentsson,2011-11-12\n"):
        answer = loading.post(
            "/v1/sources/D02/loads", files={"file": ("a.csv", HEADER + row)}, data={"dry_run": "true"},
            headers=headers,
        )  # fmt: skip
        reports.append(answer.json()["report"])
    assert reports[0] == reports[1]
    assert reports[0]["bands"] is None


def test_outcomes_of_a_source_of_linked_records_are_hidden_from_who_may_not_read_records(tmp_path):
    with open_test_index(tmp_path, "CCWIS", "D01") as index:
        add_source(index, OPERATOR, NewSource("CARE", kind="ccwis"), Holdings.ALL)
        add_source(index, OPERATOR, NewSource("SIS", kind="sis"), Holdings.LINKED)
        reader = add_key(index, "reader")
        loader = {"Authorization": f"Bearer {add_key(index, 'load-only', frozenset({Action.LOAD}))}"}
        with calling(create_app(index), reader) as client:
            job = finish(client, send(client, HEADER + AMARA, source="SIS", dry_run="true"))
            assert job["report"]["counts"]["dropped"] == 1
            seen = client.get(f"/v1/jobs/{job['id']}", headers=loader).json()
    assert seen["report"]["counts"].keys() == {"received", "rejected"}
    assert seen["report"]["bands"] is None


def test_an_interrupted_upload_is_not_carried_on_by_the_page(loads_index):
    job = begin_job(loads_index, OPERATOR, JobKind.LOAD, source="D02", upload="gone")
    with loads_index.database.write(OPERATOR, "job") as unit:
        unit.jobs.end(job.id, JobState.FAILED, "2026-01-01T00:00:00.000000Z", error="killed")
    with calling(create_app(loads_index, open_pages=True), None) as people:
        people.cookies.set("mpi-acting-as", "operator")
        page = people.get(f"/jobs/{job.id}").text
        assert "Send the same file again" in page
        assert "Carry on</button>" not in page
        assert "Load a file of D02" in page
