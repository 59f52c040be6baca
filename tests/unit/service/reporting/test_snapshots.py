"""Frozen reports repeat to equal bytes, unless a record was sealed or expunged since."""

from datetime import UTC, datetime, timedelta

import pytest

from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.source import SourceKind
from mpi.reports.report_table import write_report
from mpi.service.records.upsert import upsert
from mpi.service.reporting.report_set import ReportRequest
from mpi.service.reporting.snapshots import freeze_report, list_snapshots, repeat_report
from mpi.service.statements.sources import NewSource, add_source
from tests.index import OPERATOR, expunge, load_rows, many_children, open_test_index

DAY = "2026-09-01"
START = datetime(2026, 9, 1, 9, tzinfo=UTC)
STAY = {"type": "foster_family_home", "begin": "2026-01-10"}
REQUEST = ReportRequest("waterfall", DAY)
CHILDREN = [child | {"birth_date": f"2014-03-{1 + n:02}"} for n, child in enumerate(many_children(5))]


@pytest.fixture
def index(tmp_path, manual_clock):
    manual_clock.now = START
    with open_test_index(tmp_path / "home") as opened:
        add_source(opened, OPERATOR, NewSource("ccwis", kind=SourceKind.CCWIS))
        add_source(opened, OPERATOR, NewSource("sis", kind=SourceKind.SIS))
        load_rows(opened, "ccwis", *({**child, "placements": [STAY]} for child in CHILDREN))
        load_rows(opened, "sis", *CHILDREN[:3])
        yield opened


def in_care(report):
    return report.rows[0][2]


def contents(index):
    return [snapshot.content for snapshot in list_snapshots(index, OPERATOR)]


def test_yesterdays_snapshot_repeats_to_equal_bytes_after_other_changes(index, manual_clock):
    frozen = freeze_report(index, OPERATOR, "fall", REQUEST)
    manual_clock.now += timedelta(days=1)
    load_rows(index, "ccwis", CHILDREN[0])
    load_rows(index, "sis", *many_children(4, start=50))
    stored, again = (repeat_report(index, OPERATOR, "fall", anew=anew) for anew in (False, True))
    assert write_report(stored) == write_report(again) == write_report(frozen)
    assert in_care(again) == 5


@pytest.mark.parametrize("kind", ["sealed", "expunged", "load"])
def test_old_bytes_are_destroyed_for_all_snapshots_and_the_record_is_left_out(index, kind):
    freeze_report(index, OPERATOR, "one", REQUEST)
    freeze_report(index, OPERATOR, "two", ReportRequest("waterfall", "2025-01-01"))
    assert None not in contents(index)
    record = {**CHILDREN[0], "placements": [STAY]}
    sealed = {**record, "restrictions": [{"kind": "sealed"}]}
    if kind == "expunged":
        expunge(index, "ccwis", record)
    elif kind == "load":
        load_rows(index, "ccwis", sealed)
    else:
        upsert(index, OPERATOR, "ccwis", sealed)
    assert contents(index) == [None, None]
    assert [in_care(repeat_report(index, OPERATOR, code)) for code in ("one", "two")] == [4, 0]
    assert None not in contents(index)


def test_every_snapshot_carries_the_same_notice(index):
    before = freeze_report(index, OPERATOR, "fall", REQUEST)
    upsert(index, OPERATOR, "ccwis", {**CHILDREN[0], "restrictions": [{"kind": "sealed"}]})
    after = repeat_report(index, OPERATOR, "fall")
    same = [name for name, value in before.describe().items() if after.describe()[name] == value]
    assert set(before.describe()) - set(same) == {"n"}


def test_the_same_extract_is_needed_to_repeat(index, tmp_path):
    extract = tmp_path / "education.csv"
    extract.write_text("source,local_id,school_year,on_count_day,days_enrolled\nsis,c0,2025-2026,Y,180\n")
    other = tmp_path / "other.csv"
    other.write_text(extract.read_text() + "sis,c1,2025-2026,Y,180\n")
    frozen = freeze_report(index, OPERATOR, "fall", ReportRequest("waterfall", DAY, education=extract))
    assert repeat_report(index, OPERATOR, "fall") == frozen
    with pytest.raises(InputError, match="give --education"):
        repeat_report(index, OPERATOR, "fall", anew=True)
    with pytest.raises(InputError, match="not the extract"):
        repeat_report(index, OPERATOR, "fall", other, anew=True)
    assert repeat_report(index, OPERATOR, "fall", extract, anew=True) == frozen


def test_codes_are_checked_and_never_used_again(index):
    freeze_report(index, OPERATOR, "fall", REQUEST)
    with pytest.raises(ConflictError):
        freeze_report(index, OPERATOR, "fall", REQUEST)
    with pytest.raises(InputError, match="code"):
        freeze_report(index, OPERATOR, "../fall", REQUEST)
    with pytest.raises(NotFoundError):
        repeat_report(index, OPERATOR, "spring")
