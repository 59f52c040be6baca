"""OneRoster CSV bundles: rows, manifest, deltas, duplicates, damaged and hostile files."""

import zipfile

import pytest

from mpi.domain.errors import FileError
from mpi.intake.containers import zip_file
from mpi.intake.oneroster.student import StateIdRule, StudentRules
from mpi.intake.reader import open_file
from mpi.intake.rows import CanonicalRow
from tests.oneroster_bundles import Bundle

RULES = StudentRules(StateIdRule("OH", user_id_type="SSID"), "district_a")


@pytest.fixture(params=["1.1", "1.2"])
def bundle(request):
    return Bundle(request.param)


def read(path, rules=RULES):
    """Return the canonical fields, and reason and local ID of each rejected row."""
    rows = list(open_file(path, None, None, rules))
    accepted = [row.fields for row in rows if isinstance(row, CanonicalRow)]
    return accepted, [(row.reason, row.local_id) for row in rows if not isinstance(row, CanonicalRow)]


@pytest.mark.parametrize("form", ["folder", "zip", "zip with a folder"])
def test_student_of_a_bundle_becomes_a_canonical_row(bundle, tmp_path, form):
    bundle.add_student(7, agentSourcedIds="g1,nobody")
    bundle.add_user("g1", "parent")
    bundle.add_user("t1", "teacher")
    enrollment = {"userSourcedId": "s007", "schoolSourcedId": "school-1", "role": "student"}
    bundle.rows["enrollments"] = [
        enrollment | {"sourcedId": "e1", "beginDate": "2025-08-15"},
        enrollment | {"sourcedId": "e2", "beginDate": "2026-01-10", "endDate": "2026-05-30"},
    ]
    if form == "folder":
        path = bundle.write_folder(tmp_path / "bundle")
    else:
        path = bundle.write_zip(tmp_path / "bundle.zip", "export/" if form == "zip with a folder" else "")
    accepted, rejected = read(path)
    assert rejected == []
    assert accepted == [
        {
            "local_id": "s007",
            "first_name": "Amarah",
            "last_name": "Okonkwoa",
            "birth_date": "2017-08-08",
            "sex": "female",
            "race": ["White"],
            "identifiers": [
                {"system": "state_student_id", "assigner": "OH", "value": "900000007"},
                {"system": "local_student_id", "assigner": "district_a", "value": "000007"},
            ],
            "enrollments": [
                {"school_id": "S-12", "district_id": "D-77", "grade": "03", "entry_date": "2025-08-15"}
            ],
            "guardians": [
                {
                    "guardian_first_name": "Ngozi",
                    "guardian_last_name": "Okonkwo",
                    "guardian_relationship": "parent",
                }
            ],
        }
    ]


def test_state_id_may_be_in_a_metadata_column(bundle, tmp_path):
    bundle.add_student(1, **{"metadata.stateId": "M-1"})
    rules = StudentRules(StateIdRule("OH", metadata="stateId"))
    accepted, _ = read(bundle.write_zip(tmp_path / "b.zip"), rules)
    assert accepted[0]["identifiers"][0]["value"] == "M-1"


def test_deleted_users_are_told_and_give_no_row(bundle, tmp_path):
    bundle.add_student(1)
    bundle.add_student(2, status="tobedeleted")
    rows = open_file(bundle.write_zip(tmp_path / "b.zip"), None, None)
    assert (rows.gone, rows.holds_all) == ({"s002"}, True)
    assert [row.fields["local_id"] for row in rows] == ["s001"]
    assert rows.bytes_read == rows.size_bytes


def test_duplicates_are_rejected_by_name(bundle, tmp_path):
    for number in range(4):
        bundle.add_student(number)
    bundle.rows["users"].append(bundle.rows["users"][1] | {"givenName": "Other"})
    bundle.rows["users"].append(bundle.rows["users"][1] | {"status": "tobedeleted"})
    bundle.rows["demographics"].append(bundle.rows["demographics"][2] | {"birthDate": "2011-01-01"})
    path = bundle.write_zip(tmp_path / "b.zip")
    assert open_file(path, None, None).gone == set()
    accepted, rejected = read(path)
    assert [fields["local_id"] for fields in accepted] == ["s000", "s003"]
    assert rejected == [
        ("duplicate-id", "s001"),
        ("duplicate-demographics", "s002"),
        ("duplicate-id", "s001"),
    ]


def test_student_with_a_name_alone_or_without_id_is_rejected(bundle, tmp_path):
    bundle.add_student(1, userIds="")
    bundle.add_student(2)
    bundle.rows["demographics"] = [{"sourcedId": "s001", "sex": "male"}]
    if bundle.version == "1.1":
        bundle.add_user("", "student")
    accepted, rejected = read(bundle.write_zip(tmp_path / "b.zip"))
    assert [fields["local_id"] for fields in accepted] == ["s002"]
    assert ("name-alone", "s001") in rejected
    assert bundle.version == "1.2" or ("no-local-id", None) in rejected


def test_delta_gives_whole_students_and_rejects_the_others(bundle, tmp_path):
    bundle.add_student(1)
    bundle.add_student(2)
    bundle.add_student(3, status="tobedeleted")
    bundle.rows["demographics"] = [row for row in bundle.rows["demographics"] if row["sourcedId"] != "s002"]
    bundle.modes |= {"users": "delta", "demographics": "delta"}
    path = bundle.write_zip(tmp_path / "b.zip")
    rows = open_file(path, None, None)
    assert (rows.holds_all, rows.gone) == (False, {"s003"})
    accepted, rejected = read(path)
    assert [fields["local_id"] for fields in accepted] == ["s001"]
    assert rejected == [("incomplete-delta", "s002")]


@pytest.mark.parametrize(
    ("modes", "message"),
    [
        ({"demographics": "absent"}, "linked by name alone"),
        ({"demographics": "delta"}, "demographics.csv holds changes only"),
        ({"users": "absent"}, "no users.csv"),
        ({"users": "delta", "orgs": "delta"}, "orgs.csv holds changes only"),
        ({"users": "delta", "enrollments": "delta"}, "enrollments.csv holds changes only"),
        ({"users": "sometimes"}, "file.users: bulk, delta or absent"),
        ({"roles": "absent"}, "no roles.csv"),
    ],
)
def test_bundle_that_makes_no_whole_records_is_refused(tmp_path, modes, message):
    bundle = Bundle("1.2")
    bundle.add_student(1)
    bundle.modes |= modes
    with pytest.raises(FileError, match=message):
        open_file(bundle.write_zip(tmp_path / "b.zip"), None, None)


def test_missing_files_and_columns_are_named(bundle, tmp_path):
    bundle.add_student(1)
    folder = bundle.write_folder(tmp_path / "bundle")
    users = (folder / "users.csv").read_text()
    (folder / "users.csv").write_text(users.replace("familyName", "surname"))
    with pytest.raises(FileError, match=r"users\.csv has no column familyName"):
        open_file(folder, None, None)
    (folder / "users.csv").write_text(users.replace("sourcedId", "SourcedID", 1))
    assert read(folder)[0][0]["local_id"] == "s001"
    (folder / "orgs.csv").unlink()
    with pytest.raises(FileError, match=r"orgs\.csv is missing"):
        open_file(folder, None, None)
    (folder / "manifest.csv").unlink()
    with pytest.raises(FileError, match=r"manifest\.csv is missing"):
        open_file(folder, None, None)


def test_unknown_version_is_refused(bundle, tmp_path):
    bundle.version = "1.0"
    with pytest.raises(FileError, match=r"oneroster\.version"):
        open_file(bundle.write_zip(tmp_path / "b.zip"), None, None)


def test_bad_row_of_users_is_rejected_and_one_of_demographics_refuses_the_bundle(bundle, tmp_path):
    bundle.add_student(1)
    folder = bundle.write_folder(tmp_path / "bundle")
    with (folder / "users.csv").open("a") as file:
        file.write("too,few\r\n")
    accepted, rejected = read(folder)
    assert (len(accepted), rejected) == (1, [("wrong-field-count", None)])
    with (folder / "demographics.csv").open("a") as file:
        file.write("too,few\r\n")
    with pytest.raises(FileError, match=r"demographics.csv: line 3 cannot be read \(wrong-field-count\)"):
        read(folder)


def test_zip_bomb_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("users.csv", b"0" * 30_000_000)
    with pytest.raises(FileError, match="200 times as large"):
        open_file(path, None, None)
    bundle = Bundle()
    bundle.add_student(1)
    whole = bundle.write_zip(tmp_path / "whole.zip")
    monkeypatch.setattr(zip_file, "MAX_BYTES", 300)
    with pytest.raises(FileError, match="more than 300 bytes"):
        open_file(whole, None, None)
    monkeypatch.setattr(zip_file, "MAX_MEMBERS", 2)
    with pytest.raises(FileError, match="more than 2 files"):
        open_file(whole, None, None)


def test_damaged_encrypted_and_doubled_zip_files_are_refused(tmp_path):
    bundle = Bundle()
    for number in range(50):
        bundle.add_student(number)
    whole = bundle.write_zip(tmp_path / "whole.zip").read_bytes()
    path = tmp_path / "b.zip"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileError, match="no whole ZIP file"):
        open_file(path, None, None)
    place = whole.index(b"users.csv") + 200
    path.write_bytes(whole[:place] + b"\xff" * 40 + whole[place + 40 :])
    with pytest.raises(FileError, match=r"no whole ZIP file|cannot be read|UTF-8"):
        read(path)
    path.write_bytes(b"not a zip file at all")
    with pytest.raises(FileError, match="no whole ZIP file"):
        open_file(path, None, None)
    with pytest.raises(FileError, match="cannot be opened"):
        open_file(tmp_path / "none.zip", None, None)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/users.csv", "sourcedId\n")
        archive.writestr("b/users.csv", "sourcedId\n")
    with pytest.raises(FileError, match=r"users\.csv is in it twice"):
        open_file(path, None, None)
    encrypted = bytearray(whole)
    encrypted[whole.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(encrypted))
    with pytest.raises(FileError, match="is encrypted"):
        open_file(path, None, None)


def test_rules_change_the_digest_and_belong_to_bundles_alone(tmp_path):
    bundle = Bundle()
    bundle.add_student(1)
    path = bundle.write_zip(tmp_path / "b.zip")
    with_rules, without = (open_file(path, None, None, rules).compute_digest() for rules in (RULES, None))
    assert with_rules != without
    table = tmp_path / "a.csv"
    table.write_text("local_id\n1\n")
    with pytest.raises(FileError, match="only OneRoster"):
        open_file(table, None, None, RULES)
