"""``mpi ingest``: receipts, rejects, guards, dry runs, and files that are wrong."""

import csv
import stat

import pytest

from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.service.maintenance import model_capacity
from mpi.service.maintenance.model_capacity import CapacityExcess
from tests.index import load_rows, many_children
from tests.loads import in_small_chunks, stopped_after
from tests.unit.cli.conftest import HEADER, is_one_line

ANA = "1,Ana,Lopez,2010-01-02,43001"
ANA_AGAIN = "2,Ana,Lopez,2010-01-02,43001"
BEN = "3,Ben,Kim,2011-04-05,43002"
NO_ID = ",Eve,Fox,2012-01-01,43003"


def test_a_receipt_adds_up_and_its_rejects_are_listed_by_line_without_text(mpi, home, a_file):
    ended = mpi("ingest", a_file(ANA, NO_ID, BEN, ANA, "9,too,few"), "--source", "sis", "--json")
    receipt = ended.json
    assert ended.code == 0
    assert receipt["received"] == 5
    parts = ("created", "updated", "unchanged", "withdrawn", "history", "superseded", "held", "rejected")
    assert sum(receipt[part] for part in parts) == 5
    assert (receipt["created"], receipt["superseded"], receipt["rejected"]) == (2, 1, 2)
    path = home / "rejects" / f"{receipt['batch']}.csv"
    assert receipt["rejects_file"] == str(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted((row["line"], row["field"], row["reason"]) for row in rows) == [
        ("3", "local_id", "missing"),
        ("6", "", "wrong-field-count"),
    ]
    assert "Fox" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_table_shows_the_sum_and_where_the_rejects_are(mpi, home, a_file):
    ended = mpi("ingest", a_file(ANA, NO_ID), "--source", "sis", "--rejects", "bad.csv")
    assert [line.split() for line in ended.out.splitlines()][-4:-1] == [
        ["received", "2"],
        ["=", "created", "1"],
        ["+", "rejected", "1"],
    ]
    assert ended.err == "mpi: 1 of 2 rows were rejected: see bad.csv\n"
    assert not (home / "rejects").exists()


def test_it_says_so_where_there_are_many_more_records_than_the_model_was_fitted_for(
    mpi, home, a_file, monkeypatch
):
    path = a_file(ANA, BEN)
    assert mpi("ingest", path, "--source", "sis").err == ""
    monkeypatch.setattr(model_capacity, "find_capacity_excess", lambda *_: CapacityExcess(3_200, 100))
    ended = mpi("ingest", path, "--source", "sis")
    assert (ended.code, "for 100 records" in ended.err, "5.0 bits too high" in ended.err) == (0, True, True)


def test_a_file_of_which_every_row_is_rejected_has_failed(mpi, home, a_file):
    assert mpi("ingest", a_file(NO_ID, NO_ID), "--source", "sis").code == 4


def test_the_same_file_again_changes_nothing(mpi, home, a_file):
    path = a_file(ANA, BEN)
    mpi("ingest", path, "--source", "sis")
    again = mpi("ingest", path, "--source", "sis", "--json").json
    assert (again["unchanged"], again["created"], again["updated"]) == (2, 0, 0)


def test_a_load_that_a_guard_holds_exits_3_and_loads_once_confirmed(mpi, home, a_file):
    mpi("ingest", a_file(ANA, BEN), "--source", "sis")
    less = a_file(ANA, name="less.csv")
    held = mpi("ingest", less, "--source", "sis", "--snapshot", "full", "--json")
    assert held.code == 3
    assert (held.json["status"], held.json["held"], held.json["withdrawn"]) == ("held", 1, 0)
    assert "--confirm" in held.err
    assert is_one_line(held.err)
    loaded = mpi("ingest", less, "--source", "sis", "--snapshot", "full", "--confirm", "--json")
    assert (loaded.code, loaded.json["withdrawn"]) == (0, 1)


def test_it_says_so_where_another_load_of_the_source_is_not_done(mpi, home, a_file, monkeypatch):
    in_small_chunks(monkeypatch)
    index = open_index(Settings())
    with stopped_after(monkeypatch, 1):
        load_rows(index, "sis", *many_children(400), digest="another reading")
    index.database.dispose()
    ended = mpi("ingest", a_file(ANA), "--source", "sis")
    assert (ended.code, is_one_line(ended.err)) == (0, True)
    assert "load 1 of this source is not done" in ended.err
    assert mpi("ingest", a_file(ANA), "--source", "ccwis").err == ""
    assert mpi("load", "undo", "1").code == 0
    assert mpi("ingest", a_file(BEN), "--source", "sis").err == ""


def test_yesterdays_file_after_todays_is_history(mpi, home, a_file):
    mpi("ingest", a_file(ANA), "--source", "sis", "--as-of", "2026-02-02")
    older = a_file("1,Anna,Lopez,2010-01-02,43001", name="older.csv")
    assert mpi("ingest", older, "--source", "sis", "--as-of", "2026-02-01", "--json").json["history"] == 1


def test_where_takes_only_the_rows_asked_for(mpi, home, a_file):
    receipt = mpi("ingest", a_file(ANA, BEN), "--source", "sis", "--where", "last_name=Kim", "--json").json
    assert (receipt["received"], receipt["created"], receipt["passed_over"]) == (1, 1, 1)


def test_a_dry_run_profiles_counts_and_samples_and_stores_nothing(mpi, home, a_file):
    mpi("ingest", a_file(ANA), "--source", "ccwis")
    path = a_file(ANA_AGAIN, "4,Anna,Lopes,2010-01-02,", BEN, NO_ID)
    ended = mpi("ingest", path, "--source", "sis", "--dry-run", "--json")
    found = ended.json
    assert ended.code == 0
    assert found["profile"]["rows"] == 4
    assert [found["receipt"][name] for name in ("received", "created", "rejected")] == [4, 3, 1]
    assert found["bands"] == {"LINK": 1, "REVIEW": 1, "NON_LINK": 1}
    best = {one["local_id"]: one for one in found["sample"]}
    assert best["2"]["band"] == "LINK"
    assert best["2"]["enterprise_id"].startswith("T")
    assert not {"first_name", "last_name", "birth_date"} & best["2"].keys()
    assert "Lopez" not in ended.out
    report = mpi("report", "summary", "--json").json["rows"]
    assert report[0] == {"what": "records, active", "count": 1}


def test_a_dry_run_says_that_the_load_would_be_held(mpi, home, a_file):
    mpi("ingest", a_file(ANA, BEN), "--source", "sis")
    ended = mpi("ingest", a_file(ANA, name="less.csv"), "--source", "sis", "--snapshot", "full", "--dry-run")
    assert ended.code == 0
    assert "would be held" in ended.err


def test_a_dry_run_says_how_many_records_it_would_seal_for_good(mpi, home, a_file, tmp_path):
    mpi("ingest", a_file(ANA, BEN), "--source", "sis")
    (tmp_path / "all.toml").write_text(
        'local_id = "local_id"\nignore = ["postal_code"]\n[[restrictions]]\nkind = "expunged"\n'
        "[fields]\n" + "".join(f'{name} = "{name}"\n' for name in ("first_name", "last_name", "birth_date"))
    )
    arguments = ("ingest", a_file(ANA, BEN), "--source", "sis", "--mapping", "all.toml", "--dry-run")
    assert mpi(*arguments, "--json").json["sealed"] == 2
    ended = mpi(*arguments)
    assert "sealed or expunged, which cannot be undone" in ended.out
    assert "it would seal or expunge 2 of 2" in ended.err


def test_a_mapping_that_takes_ids_from_rows_asks_for_a_full_snapshot(mpi, home, tmp_path):
    (tmp_path / "rows.toml").write_text('local_id = {row = true}\n[fields]\nlast_name = "last_name"\n')
    (tmp_path / "names.csv").write_text("last_name\nKim\n")
    arguments = ("ingest", "names.csv", "--source", "sis", "--mapping", "rows.toml")
    refused = mpi(*arguments)
    assert (refused.code, "--snapshot full" in refused.err) == (5, True)
    assert mpi(*arguments, "--snapshot", "full", "--json").json["created"] == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"local_id,first_name,frist_name\n1,Ana,x\n", "'frist_name'"),
        (b"local_id;first_name\n1;Ana\n", "separate"),
        (b"\x00\x01\x02PAR1", "file.csv"),
    ],
    ids=["empty", "unknown column", "wrong delimiter", "binary"],
)
def test_a_file_that_cannot_be_read_is_one_line_and_loads_nothing(mpi, home, tmp_path, content, says):
    (tmp_path / "file.csv").write_bytes(content)
    ended = mpi("ingest", "file.csv", "--source", "sis")
    assert ended.code == 5
    assert says in ended.err
    assert is_one_line(ended.err)
    assert ended.out == ""
    assert mpi("report", "loads", "--json").json["rows"] == []


def test_a_header_without_rows_loads_nothing_and_says_so(mpi, home, tmp_path):
    (tmp_path / "file.csv").write_text(HEADER)
    ended = mpi("ingest", "file.csv", "--source", "sis", "--json")
    assert (ended.code, ended.json["received"]) == (0, 0)
    assert "no rows" in ended.err


def test_an_unknown_source_names_those_there_are(mpi, home, a_file):
    ended = mpi("ingest", a_file(ANA), "--source", "nobody")
    assert ended.code == 6
    assert "ccwis, sis" in ended.err
    assert is_one_line(ended.err)


@pytest.mark.parametrize("time", ["yesterday", "2999-01-01", "2026-13-01"])
def test_an_as_of_that_cannot_be_is_refused(mpi, home, a_file, time):
    ended = mpi("ingest", a_file(ANA), "--source", "sis", "--as-of", time)
    assert ended.code == 5
    assert "--as-of" in ended.err


def test_many_rows_find_the_same_links_in_a_dry_run_as_few(mpi, home, tmp_path):
    rows = [f"f{n},Given{n:04},Family{n * 7919 % 10007:05},2010-01-{1 + n % 28:02},43001" for n in range(520)]
    (tmp_path / "many.csv").write_text(HEADER + "\n".join([*rows, ANA, ANA_AGAIN]) + "\n")
    (tmp_path / "few.csv").write_text(HEADER + "\n".join([ANA, ANA_AGAIN]) + "\n")
    many = mpi("ingest", "many.csv", "--source", "sis", "--dry-run", "--json").json
    few = mpi("ingest", "few.csv", "--source", "sis", "--dry-run", "--json").json

    def weight(found):
        return next(one["match_weight"] for one in found["sample"] if one["local_id"] == "1")

    assert weight(many) == pytest.approx(weight(few), abs=1e-6)
    assert many["receipt"]["created"] == 522


def test_a_dry_run_compares_no_record_with_its_own_past(mpi, home, a_file):
    mpi("ingest", a_file(ANA), "--source", "sis")
    moved = a_file("1,Ana,Lopez,2010-01-02,43999", name="moved.csv")
    found = mpi("ingest", moved, "--source", "sis", "--dry-run", "--json").json
    assert found["receipt"]["updated"] == 1
    assert found["bands"] == {"LINK": 0, "REVIEW": 0, "NON_LINK": 1}
