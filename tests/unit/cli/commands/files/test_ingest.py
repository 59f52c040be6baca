"""``mpi ingest``: receipts, rejects, guards, dry runs and invalid files."""

import csv
import stat
from pathlib import Path

import pytest

from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.service.maintenance import model_capacity
from mpi.service.maintenance.model_capacity import CapacityExcess
from tests.index import OPERATOR, load_rows, many_children
from tests.loads import SMALL_CHUNKS, interrupted_load
from tests.unit.cli.conftest import HEADER, is_one_line

ANA = "1,Ana,Lopez,2010-01-02,43001"
ANA_AGAIN = "2,Ana,Lopez,2010-01-02,43001"
BEN = "3,Ben,Kim,2011-04-05,43002"
NO_ID = ",Eve,Fox,2012-01-01,43003"


def test_a_receipt_adds_up_and_rejects_are_listed_by_line_without_values(mpi, home, write_csv):
    result = mpi("ingest", write_csv(ANA, NO_ID, BEN, ANA, "9,too,few"), "--source", "sis", "--json")
    receipt = result.json
    assert result.code == 0
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


def test_the_table_shows_the_sum_and_the_rejects_file(mpi, home, write_csv):
    result = mpi("ingest", write_csv(ANA, NO_ID), "--source", "sis", "--rejects", "bad.csv")
    assert [line.split() for line in result.out.splitlines()][-4:-1] == [
        ["received", "2"],
        ["=", "created", "1"],
        ["+", "rejected", "1"],
    ]
    assert result.err == "mpi: 1 of 2 rows were rejected: see bad.csv\n"
    assert not (home / "rejects").exists()


def test_rejected_rows_carry_their_local_id_field_and_file(mpi, home, write_csv, tmp_path):
    first = write_csv(ANA, NO_ID, name="a.csv")
    second = Path(write_csv("7,Eve,123-45-6789,2012-01-01,43003", BEN, name="b.csv"))
    second.write_text(second.read_text().replace("last_name", "middle_name"))
    result = mpi("ingest", first, str(second), "--source", "sis", "--rejects", "bad.csv", "--json")
    assert (result.json["created"], result.json["rejected"]) == (2, 2)
    with (tmp_path / "bad.csv").open(newline="") as file:
        rows = [
            (row["file"], row["line"], row["local_id"], row["field"], row["reason"])
            for row in csv.DictReader(file)
        ]
    assert rows == [
        ("a.csv", "3", "", "local_id", "missing"),
        ("b.csv", "2", "7", "middle_name", "misplaced-ssn"),
    ]


@pytest.mark.parametrize("place", ["none/bad.csv", "", "a.csv"])
def test_rejects_file_that_cannot_be_written_is_refused_before_the_load(mpi, home, write_csv, place):
    path = Path(write_csv(ANA, NO_ID, name="a.csv"))
    result = mpi("ingest", str(path), "--source", "sis", "--rejects", str(path.parent / place))
    assert (result.code, "--rejects" in result.err, is_one_line(result.err)) == (5, True, True)
    assert mpi("ingest", str(path), "--source", "sis", "--json").json["batch"] == 1


def test_receipt_counts_absent_records_that_were_stated_later(mpi, home, write_csv):
    mpi("ingest", write_csv(ANA, BEN), "--source", "sis", "--as-of", "2026-02-02")
    older = write_csv(ANA, name="older.csv")
    full = ("ingest", older, "--source", "sis", "--as-of", "2026-02-01", "--snapshot", "full")
    assert mpi(*full, "--dry-run", "--json").json["receipt"]["newer"] == 1
    receipt = mpi(*full, "--json").json
    assert (receipt["withdrawn"], receipt["newer"]) == (0, 1)


def test_total_below_the_rows_does_not_keep_absent_records(mpi, home, write_csv):
    mpi("ingest", write_csv(ANA, BEN), "--source", "sis")
    less = write_csv(ANA, "Total: 1,,,,", name="less.csv")
    receipt = mpi("ingest", less, "--source", "sis", "--snapshot", "full", "--confirm", "--json").json
    assert (receipt["withdrawn"], receipt["spared"], receipt["rejected"]) == (1, 0, 1)


def test_a_load_beyond_the_models_capacity_gives_a_warning(mpi, home, write_csv, monkeypatch):
    path = write_csv(ANA, BEN)
    assert mpi("ingest", path, "--source", "sis").err == ""
    monkeypatch.setattr(model_capacity, "find_capacity_excess", lambda *_: CapacityExcess(3_200, 100))
    result = mpi("ingest", path, "--source", "sis")
    assert (result.code, "for 100 records" in result.err, "5.0 bits too high" in result.err) == (
        0,
        True,
        True,
    )


def test_a_file_of_rejected_rows_only_fails(mpi, home, write_csv):
    assert mpi("ingest", write_csv(NO_ID, NO_ID), "--source", "sis").code == 4


def test_reloading_the_same_file_changes_nothing(mpi, home, write_csv):
    path = write_csv(ANA, BEN)
    mpi("ingest", path, "--source", "sis")
    receipt = mpi("ingest", path, "--source", "sis", "--json").json
    assert (receipt["unchanged"], receipt["created"], receipt["updated"]) == (2, 0, 0)


def test_a_load_held_by_a_guard_exits_3_and_loads_once_confirmed(mpi, home, write_csv):
    mpi("ingest", write_csv(ANA, BEN), "--source", "sis")
    smaller_file = write_csv(ANA, name="less.csv")
    held_result = mpi("ingest", smaller_file, "--source", "sis", "--snapshot", "full", "--json")
    assert held_result.code == 3
    assert (held_result.json["status"], held_result.json["held"], held_result.json["withdrawn"]) == (
        "held",
        1,
        0,
    )
    assert "--confirm" in held_result.err
    assert is_one_line(held_result.err)
    confirmed_result = mpi(
        "ingest", smaller_file, "--source", "sis", "--snapshot", "full", "--confirm", "--json"
    )
    assert (confirmed_result.code, confirmed_result.json["withdrawn"]) == (0, 1)


def test_an_unfinished_load_of_the_same_source_is_reported(mpi, home, write_csv, monkeypatch):
    index = open_index(Settings(), tuning=SMALL_CHUNKS)
    with interrupted_load(monkeypatch, 1):
        load_rows(index, "sis", *many_children(400), digest="another reading")
    index.database.dispose()
    result = mpi("ingest", write_csv(ANA), "--source", "sis")
    assert (result.code, is_one_line(result.err)) == (0, True)
    assert "load 1 of this source is not done" in result.err
    assert mpi("ingest", write_csv(ANA), "--source", "ccwis").err == ""
    assert mpi("load", "undo", "1").code == 0
    assert mpi("ingest", write_csv(BEN), "--source", "sis").err == ""


def test_yesterdays_file_after_todays_is_history(mpi, home, write_csv):
    mpi("ingest", write_csv(ANA), "--source", "sis", "--as-of", "2026-02-02")
    older_file = write_csv("1,Anna,Lopez,2010-01-02,43001", name="older.csv")
    assert (
        mpi("ingest", older_file, "--source", "sis", "--as-of", "2026-02-01", "--json").json["history"] == 1
    )


def test_where_loads_only_the_matching_rows(mpi, home, write_csv):
    receipt = mpi("ingest", write_csv(ANA, BEN), "--source", "sis", "--where", "last_name=Kim", "--json").json
    assert (receipt["received"], receipt["created"], receipt["passed_over"]) == (1, 1, 1)


def test_a_dry_run_tells_of_copies_that_would_be_compared_with_no_other(mpi, home, write_csv):
    path = write_csv(*(f"{number},Ana,Lopez,2010-01-02,43001" for number in range(65)))
    result = mpi("ingest", path, "--source", "sis", "--dry-run")
    assert "65 records would be compared with no other" in result.err
    assert "compared with no other" not in mpi("ingest", write_csv(ANA), "--source", "sis", "--dry-run").err


def test_a_dry_run_profiles_counts_and_samples_and_stores_nothing(mpi, home, write_csv):
    mpi("ingest", write_csv(ANA), "--source", "ccwis")
    path = write_csv(ANA_AGAIN, "4,Anna,Lopes,2010-01-02,", BEN, NO_ID)
    result = mpi("ingest", path, "--source", "sis", "--dry-run", "--json")
    dry_run = result.json
    assert result.code == 0
    assert dry_run["profile"]["rows"] == 4
    assert [dry_run["receipt"][name] for name in ("received", "created", "rejected")] == [4, 3, 1]
    assert dry_run["bands"] == {"LINK": 1, "REVIEW": 1, "NON_LINK": 1}
    best_matches = {sample_record["local_id"]: sample_record for sample_record in dry_run["sample"]}
    assert best_matches["2"]["band"] == "LINK"
    assert best_matches["2"]["enterprise_id"].startswith("T")
    assert not {"first_name", "last_name", "birth_date"} & best_matches["2"].keys()
    assert "Lopez" not in result.out
    summary = mpi("report", "summary", "--current", "--json").json["rows"]
    assert summary[0] == {"what": "records, active", "count": 1}


def test_a_dry_run_tells_which_values_are_set_aside_and_what_that_costs(mpi, home, write_csv):
    path = write_csv("1,Ana,Lopez,31.12.2010,unknown", "2,Ben,Kim,04.05.2011,SW1A 1AA", "3,Cy,Fox,,43001")
    result = mpi("ingest", path, "--source", "sis", "--dry-run")
    assert result.code == 0
    assert "unreadable-date (99.99.9999)" in " ".join(result.out.split())
    assert "invalid-postal-code (AAAAAAA)" in " ".join(result.out.split())
    assert "no value of birth_date can be used" in result.err
    assert "33% of the values of postal_code are set aside" in result.err
    assert "31.12" not in result.out + result.err


def test_a_dry_run_reports_that_the_load_would_be_held(mpi, home, write_csv):
    mpi("ingest", write_csv(ANA, BEN), "--source", "sis")
    result = mpi(
        "ingest", write_csv(ANA, name="less.csv"), "--source", "sis", "--snapshot", "full", "--dry-run"
    )
    assert result.code == 0
    assert "would be held" in result.err


def test_a_dry_run_counts_the_records_to_seal_permanently(mpi, home, write_csv, tmp_path):
    mpi("ingest", write_csv(ANA, BEN), "--source", "sis")
    (tmp_path / "all.toml").write_text(
        'local_id = "local_id"\nignore = ["postal_code"]\n[[restrictions]]\nkind = "expunged"\n'
        "[fields]\n" + "".join(f'{name} = "{name}"\n' for name in ("first_name", "last_name", "birth_date"))
    )
    arguments = ("ingest", write_csv(ANA, BEN), "--source", "sis", "--mapping", "all.toml", "--dry-run")
    assert mpi(*arguments, "--json").json["sealed"] == 2
    result = mpi(*arguments)
    assert "sealed or expunged, which cannot be undone" in result.out
    assert "it would seal or expunge 2 of 2" in result.err


def test_a_mapping_with_row_numbers_as_ids_requires_a_full_snapshot(mpi, home, tmp_path):
    (tmp_path / "rows.toml").write_text('local_id = {row = true}\n[fields]\nlast_name = "last_name"\n')
    (tmp_path / "names.csv").write_text("last_name\nKim\n")
    arguments = ("ingest", "names.csv", "--source", "sis", "--mapping", "rows.toml")
    result = mpi(*arguments)
    assert (result.code, "--snapshot full" in result.err) == (5, True)
    assert mpi(*arguments, "--snapshot", "full", "--json").json["created"] == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"local_id,first_name,frist_name\n1,Ana,x\n", "'frist_name'"),
        (b"local_id;first_name\n1;Ana\n", "separate"),
        (b"\x00\x01\x02PAR1", "file.csv"),
    ],
    ids=["empty", "unknown column", "wrong delimiter", "binary"],
)
def test_an_unreadable_file_gives_one_error_line_and_loads_nothing(mpi, home, tmp_path, content, message):
    (tmp_path / "file.csv").write_bytes(content)
    result = mpi("ingest", "file.csv", "--source", "sis")
    assert result.code == 5
    assert message in result.err
    assert is_one_line(result.err)
    assert result.out == ""
    assert mpi("report", "loads", "--json").json["rows"] == []


def test_a_header_without_rows_loads_nothing_and_is_reported(mpi, home, tmp_path):
    (tmp_path / "file.csv").write_text(HEADER)
    result = mpi("ingest", "file.csv", "--source", "sis", "--json")
    assert (result.code, result.json["received"]) == (0, 0)
    assert "no rows" in result.err


def test_an_unknown_source_error_lists_the_known_sources(mpi, home, write_csv):
    result = mpi("ingest", write_csv(ANA), "--source", "nobody")
    assert result.code == 6
    assert "ccwis, sis" in result.err
    assert is_one_line(result.err)


@pytest.mark.parametrize("time", ["yesterday", "2999-01-01", "2026-13-01", "0026-11-24"])
def test_an_invalid_as_of_date_is_refused(mpi, home, write_csv, time):
    result = mpi("ingest", write_csv(ANA), "--source", "sis", "--as-of", time)
    assert result.code == 5
    assert "--as-of" in result.err


def test_a_large_dry_run_finds_the_same_links_as_a_small_one(mpi, home, tmp_path):
    rows = [f"f{n},Given{n:04},Family{n * 7919 % 10007:05},2010-01-{1 + n % 28:02},43001" for n in range(520)]
    (tmp_path / "many.csv").write_text(HEADER + "\n".join([*rows, ANA, ANA_AGAIN]) + "\n")
    (tmp_path / "few.csv").write_text(HEADER + "\n".join([ANA, ANA_AGAIN]) + "\n")
    large = mpi("ingest", "many.csv", "--source", "sis", "--dry-run", "--json").json
    small = mpi("ingest", "few.csv", "--source", "sis", "--dry-run", "--json").json

    def weight(report):
        return next(
            sample_record["match_weight"]
            for sample_record in report["sample"]
            if sample_record["local_id"] == "1"
        )

    assert weight(large) == pytest.approx(weight(small), abs=1e-6)
    assert large["receipt"]["created"] == 522


def test_a_dry_run_does_not_compare_a_record_with_its_own_past(mpi, home, write_csv):
    mpi("ingest", write_csv(ANA), "--source", "sis")
    moved_file = write_csv("1,Ana,Lopez,2010-01-02,43999", name="moved.csv")
    report = mpi("ingest", moved_file, "--source", "sis", "--dry-run", "--json").json
    assert report["receipt"]["updated"] == 1
    assert report["bands"] == {"LINK": 0, "REVIEW": 0, "NON_LINK": 1}


def test_nothing_is_loaded_of_a_file_whose_tokens_are_encrypted(mpi, home, tmp_path):
    path = tmp_path / "tokens.csv"
    path.write_text("RecordId,RuleId,Token\nA1,T1,\nA2,T1,olt.V1.e30.a.b.c.d\n")
    for options in (("--dry-run",), ()):
        result = mpi("ingest", str(path), "--source", "sis", "--format", "openlinktoken", *options)
        assert (result.code, is_one_line(result.err)) == (5, True)
        assert "tokens.csv, row 2: Open Link Token encrypted" in result.err
        assert "olt decrypt" in result.err
    index = open_index(Settings())
    with index.database.read(OPERATOR) as unit:
        assert not unit.records.has_any(unit.sources.get_by_code("sis").id)
    index.database.dispose()
