"""Reports on children: who is counted, as of which day, and for whom."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, FileError, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.source import SourceKind
from mpi.domain.viewer import Viewer
from mpi.reports.report_page import write_html_page
from mpi.reports.waterfall import TITLES
from mpi.service.access.ledger import LedgerFilter, export_ledger
from mpi.service.records.upsert import upsert
from mpi.service.reporting.child_reports import make_child_report, make_child_reports
from mpi.service.reporting.report_set import ReportRequest
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.index import OPERATOR, load_rows, many_children, open_test_index

DAY = "2026-09-01"
START = datetime(2026, 9, 1, 9, tzinfo=UTC)
STAY = {"type": "foster_family_home", "begin": "2026-01-10"}
TRIAL = {"type": "trial_home_visit", "begin": "2026-02-10"}
EXTRACT = "source,local_id,school_year,on_count_day,days_enrolled,days_absent\n"
WATERFALL = ReportRequest("waterfall", DAY)


@pytest.fixture
def index(tmp_path, manual_clock):
    manual_clock.now = START
    with open_test_index(tmp_path / "home") as opened:
        add_source(opened, OPERATOR, NewSource("ccwis", kind=SourceKind.CCWIS))
        add_source(opened, OPERATOR, NewSource("sis", kind=SourceKind.SIS))
        children = [
            child | {"birth_date": f"2014-03-{1 + n % 28:02}"} for n, child in enumerate(many_children(9))
        ]
        placed = [child | {"placements": [STAY]} for child in children[:5]]
        placed.append(children[5] | {"placements": [TRIAL]})
        placed.append(children[6] | {"placements": [STAY | {"end": "2026-05-01"}]})
        placed.append(children[7] | {"placements": [STAY], "birth_date": "2025-03-01"})
        load_rows(opened, "ccwis", *placed)
        load_rows(opened, "sis", *children[:4], children[8])
        yield opened


@pytest.fixture
def education(tmp_path):
    path = tmp_path / "education.csv"
    path.write_text(EXTRACT + "sis,c0,2025-2026,Y,180,20\nsis,c1,2025-2026,Y,0,0\nsis,c2,2025-2026,N,80,1\n")
    return path


def count(index, request=WATERFALL, viewer=OPERATOR):
    names = {title: name for name, title in TITLES.items()}
    return {names[row[0]]: row[2] for row in make_child_report(index, viewer, request).rows}


def list_outcomes(index, path, text):
    """Return each outcome with its judged students and those who have it."""
    path.write_text(text)
    report = make_child_report(index, OPERATOR, ReportRequest("outcomes", DAY, education=path))
    return {
        row[0].split(":")[0].split(" in ")[0]: row[2:4] for row in report.rows if row[1] == "all students"
    }


def test_outcome_that_the_extract_does_not_tell_judges_no_student(index, tmp_path):
    text = "source,local_id,school_year,days_enrolled\nsis,c0,2025-2026,170\nsis,c1,2025-2026,170\n"
    outcomes = list_outcomes(index, tmp_path / "education.csv", text)
    assert set(outcomes.values()) == {(0, 0)}


def test_students_without_a_value_dilute_no_rate(index, tmp_path):
    text = (
        "source,local_id,school_year,days_enrolled,days_absent,suspensions,retained,credits_attempted,"
        "credits_earned\nsis,c0,2025-2026,100,20,1,Y,6,6\nsis,c1,2025-2026,170,,,,6,\nsis,c2,2025-2026,170,0,0,N,6,5\n"
    )
    outcomes = list_outcomes(index, tmp_path / "education.csv", text)
    assert outcomes["Chronically absent"] == outcomes["Suspended at least once"] == (2, 1)
    assert (
        outcomes["Repeats the grade"] == outcomes["Earned every credit attempted (grades 9 to 12)"] == (2, 1)
    )
    assert outcomes["Changed school"] == (0, 0)


def test_absence_is_judged_by_the_districts_that_state_it(index, tmp_path):
    add_source(index, OPERATOR, NewSource("sis_south", kind=SourceKind.SIS))
    load_rows(index, "sis_south", many_children(1)[0] | {"birth_date": "2014-03-01"})
    text = (
        "source,local_id,school_year,days_enrolled,days_absent\n"
        "sis,c0,2025-2026,60,12\nsis_south,c0,2025-2026,120,\n"
    )
    assert list_outcomes(index, tmp_path / "education.csv", text)["Chronically absent"] == (1, 1)


@pytest.mark.parametrize(
    ("results", "figures"),
    [
        (("removed", "graduate"), (1, 1)),
        (("not_graduate", "graduate"), (1, 1)),
        (("removed", "not_graduate"), (1, 0)),
        (("removed", ""), (0, 0)),
    ],
)
def test_graduate_is_one_whatever_another_district_says(index, tmp_path, results, figures):
    add_source(index, OPERATOR, NewSource("sis_south", kind=SourceKind.SIS))
    load_rows(index, "sis_south", many_children(1)[0] | {"birth_date": "2014-03-01"})
    text = "source,local_id,school_year,acgr_result\n" + "".join(
        f"{source},c0,2025-2026,{result}\n"
        for source, result in zip(("sis", "sis_south"), results, strict=True)
    )
    assert list_outcomes(index, tmp_path / "education.csv", text)["Graduated"] == figures


def test_each_step_says_who_is_left_out_and_why(index, education):
    steps = count(index, replace(WATERFALL, education=education))
    assert steps == {
        "in_care": 6,
        "age_unknown": 0,
        "not_of_school_age": 1,
        "of_school_age": 5,
        "in_another_state": 0,
        "expected_here": 5,
        "open_question": 0,
        "no_school_record": 1,
        "linked": 4,
        "linked_automatically": 4,
        "linked_by_person": 0,
        "not_enrolled_on_count_day": 2,
        "enrolled_on_count_day": 2,
        "no_outcome": 1,
        "in_outcome": 1,
    }


def test_dates_with_slashes_count_as_iso_dates_do(index):
    before = count(index)
    born = {"birth_date": "03/01/2014"}
    stays = (("01/10/2026", "03/01/2026"), ("12/10/2026", None), ("01/10/2026", "12/10/2026"))
    load_rows(
        index,
        "ccwis",
        *(
            child | born | {"placements": [STAY | {"begin": begin, "end": end}]}
            for child, (begin, end) in zip(many_children(12)[9:], stays, strict=True)
        ),
    )
    steps = count(index)
    assert {name: steps[name] - before[name] for name in steps if steps[name] != before[name]} == {
        "in_care": 1, "of_school_age": 1, "expected_here": 1, "no_school_record": 1,
    }  # fmt: skip


def test_a_flag_counts_by_its_dates_in_any_form(index):
    flag = {"population": "foster_care", "value": "Y", "definition": "ESSA"}
    dates = ({"begin": "1/10/2019", "end": "3/1/2020"}, {"begin": "12/31/2031"}, {"end": "12/31/2031"})
    children = many_children(12)[9:]
    load_rows(
        index,
        "ccwis",
        *({**child, "flags": [flag | each]} for child, each in zip(children, dates, strict=True)),
    )
    assert count(index, replace(WATERFALL, care="stated"))["in_care"] == 1


def test_definitions_of_care_differ(index):
    assert count(index)["in_care"] == 6
    assert count(index, replace(WATERFALL, care="afcars"))["in_care"] == 7
    assert count(index, replace(WATERFALL, care="stated"))["in_care"] == 0
    assert count(index, replace(WATERFALL, day="2026-04-01"))["in_care"] == 7
    with pytest.raises(InputError, match="afcars, essa, stated"):
        count(index, replace(WATERFALL, care="lcff"))


def test_flags_count_of_the_kinds_of_sources_that_a_definition_names(index, tmp_path):
    flag = {"flags": [{"population": "foster_care", "value": "Y", "definition": "ESSA"}]}
    children = [child | {"birth_date": "2014-03-01"} for child in many_children(83)]
    load_rows(index, "sis", *(child | flag for child in children[80:82]))
    load_rows(index, "ccwis", children[82] | flag)
    file = tmp_path / "definitions.toml"
    section = '[own]\ntitle = "Own"\nauthority = "state law"\nflag = "foster_care"\n'
    for kinds, in_care in (("", 3), ('kinds = ["sis"]', 2), ('kinds = ["ccwis", "sis"]', 3)):
        file.write_text(section + kinds)
        assert count(index, replace(WATERFALL, care="own", definitions=file))["in_care"] == in_care
    assert count(index, replace(WATERFALL, care="stated"))["in_care"] == 1
    for wrong in ("kinds = []", 'kinds = ["school"]', 'kinds = "sis"'):
        file.write_text(section + wrong)
        with pytest.raises(FileError, match="kinds of sources: sis, ccwis"):
            count(index, replace(WATERFALL, care="own", definitions=file))


def test_a_link_that_a_person_made_counts_as_such(index):
    groups = [[RecordRef("ccwis", "c4"), RecordRef("sis", "c8")]]
    decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, groups, "the same child"))
    steps = count(index)
    assert (steps["linked"], steps["linked_by_person"], steps["no_school_record"]) == (5, 1, 0)


def test_a_report_is_repeated_as_known_on_a_day(index, manual_clock):
    before = make_child_report(index, OPERATOR, replace(WATERFALL, known_on=DAY))
    manual_clock.now += timedelta(days=2)
    load_rows(index, "ccwis", many_children(1)[0] | {"birth_date": "2014-03-01"})
    load_rows(index, "sis", *many_children(3, start=70))
    assert count(index)["in_care"] == 5
    assert make_child_report(index, OPERATOR, replace(WATERFALL, known_on=DAY)) == before


@pytest.mark.parametrize("source", ["ccwis", "sis"])
def test_a_sealed_record_is_in_no_repeated_report_and_leaves_no_mark(index, manual_clock, source):
    before = make_child_report(index, OPERATOR, replace(WATERFALL, known_on=DAY))
    manual_clock.now += timedelta(days=2)
    sealed = many_children(1)[0] | {"birth_date": "2014-03-01", "restrictions": [{"kind": "sealed"}]}
    upsert(index, OPERATOR, source, sealed)
    after = make_child_report(index, OPERATOR, replace(WATERFALL, known_on=DAY))
    column = {row[0]: row[2] for row in after.rows}
    assert column["In care"] == (5 if source == "ccwis" else 6)
    assert column["Linked to a school record"] == 3
    assert after.describe()["notice"] == before.describe()["notice"]


def test_published_report_hides_small_counts(index):
    report = make_child_report(index, OPERATOR, replace(WATERFALL, is_published=True))
    assert all(row[2] in (None, 0) for row in report.rows)


def test_reader_name_and_fields_are_on_the_ledger(index):
    count(index)
    line = [line for line in export_ledger(index, OPERATOR, LedgerFilter()) if line.action == "report"][-1]
    assert line.client == OPERATOR.client
    assert {"report:waterfall", "children", "exact"} <= set(line.fields)


def test_reader_of_some_sources_or_without_records_is_refused(index):
    analyst = Viewer("ana", "program_evaluation", ACTIONS_BY_ROLE[Role.ANALYST], None)
    own = replace(OPERATOR, sources=frozenset({"sis"}))
    for viewer in (analyst, own):
        with pytest.raises(AccessDenied):
            count(index, viewer=viewer)


def test_wrong_requests_are_refused(index):
    with pytest.raises(
        NotFoundError, match="waterfall, populations, combinations, trend, outcomes, reconciliation"
    ):
        count(index, ReportRequest("none", DAY))
    with pytest.raises(InputError, match="--day"):
        count(index, ReportRequest("waterfall", "soon"))
    with pytest.raises(InputError, match="--education"):
        count(index, ReportRequest("outcomes", DAY))
    with pytest.raises(InputError, match="--since"):
        count(index, ReportRequest("waterfall", DAY, since="2027-01-01"))


def write_afcars(path, *children):
    records = "".join(
        f"<record><E4_child_record_number>{number}</E4_child_record_number><E5_date_of_birth>{born}</E5_date_of_birth>"
        f"<E69_E186_removals><removal_2020><E69_removal_date>{begin}</E69_removal_date><E153_exit_date>{end}"
        "</E153_exit_date></removal_2020></E69_E186_removals></record>"
        for number, born, begin, end in children
    )
    path.write_text(
        '<acf:data xmlns:acf="http://www.acf.hhs.gov"><E1_title_iv_agency>39</E1_title_iv_agency>'
        f"<E2_report_date>202609</E2_report_date><records>{records}</records></acf:data>"
    )
    return path


def test_afcars_file_is_reconciled_by_age(index, tmp_path):
    file = write_afcars(
        tmp_path / "afcars.xml",
        ("R1", "20140301", "20260110", ""),
        ("R1", "20140301", "20260110", ""),
        ("R2", "20250301", "20260110", ""),
        ("R3", "77777777", "20260110", ""),
        ("R4", "20140301", "20260110", "20260501"),
    )
    report = make_child_report(index, OPERATOR, ReportRequest("reconciliation", DAY, afcars=file))
    rows = {row[0]: row[1:] for row in report.rows}
    assert rows["all"] == (3, 7, 4)
    assert rows["0 to 4 years"] == (1, 1, 0)
    assert rows["5 to 13 years"] == (1, 6, 5)
    assert rows["birth date unknown"] == (1, 0, -1)
    assert "1 records of the file repeat" in report.notes[1]


def test_reconciliation_needs_its_file_and_is_not_published(index, tmp_path):
    file = write_afcars(tmp_path / "afcars.xml", ("", "20140301", "20260110", ""))
    for options in ({}, {"afcars": file, "is_published": True}):
        with pytest.raises(InputError, match="--afcars"):
            make_child_report(index, OPERATOR, ReportRequest("reconciliation", DAY, **options))
    with pytest.raises(FileError, match="has no number"):
        make_child_report(index, OPERATOR, ReportRequest("reconciliation", DAY, afcars=file))


def test_edfacts_files_are_reconciled_beside_an_afcars_file(index, tmp_path):
    file = tmp_path / "fs222.csv"
    file.write_text("SEA FOSTER CARE ENROLLED,1,x,V22,2026-2027,\n1,39,01,,,FOSTER,,Y,,6\n")
    request = ReportRequest("reconciliation", DAY, since="2026-04-01", edfacts=(("FS222", file),))
    report = make_child_report(index, OPERATOR, request)
    figures = {row[1]: row[2] for row in report.rows}
    assert (figures["in the file"], figures["in the index"], figures["index less file"]) == (6, 4, -2)
    assert figures["not counted: in care, no school record is linked"] == 3
    afcars = write_afcars(tmp_path / "afcars.xml", ("R1", "20140301", "20260110", ""))
    reports = make_child_reports(index, OPERATOR, replace(request, name="all", afcars=afcars))
    assert [each.name for each in reports][-2:] == ["reconciliation", "edfacts"]
    for options in ({"afcars": afcars}, {"is_published": True}, {"edfacts": (("FS999", file),)}):
        with pytest.raises(InputError, match="--edfacts"):
            make_child_report(index, OPERATOR, replace(request, **options))


def test_an_exact_trend_counts_each_quarter_by_dates_of_placements(index):
    report = make_child_report(index, OPERATOR, ReportRequest("trend", DAY, since="2025-12-15"))
    in_care = {row[0]: row[3] for row in report.rows if row[1].startswith("AFCARS")}
    assert in_care == {"2026-01-01": 0, "2026-04-01": 8, "2026-07-01": 7, DAY: 7}
    assert "<svg" in write_html_page(report)
    with pytest.raises(InputError, match="ten years"):
        make_child_report(index, OPERATOR, ReportRequest("trend", DAY, since="2010-01-01"))
