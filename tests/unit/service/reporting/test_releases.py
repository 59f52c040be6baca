"""Published reports on children are remembered, and protected against each other."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from mpi.domain.errors import ConflictError, InputError
from mpi.domain.source import SourceKind
from mpi.reports.report_table import write_report
from mpi.service.records.upsert import upsert
from mpi.service.reporting.child_reports import make_child_report, make_child_reports
from mpi.service.reporting.releases import find_release
from mpi.service.reporting.report_set import ReportRequest
from mpi.service.reporting.snapshots import freeze_report, repeat_report
from mpi.service.statements.sources import NewSource, add_source
from tests.cell_programs import bound
from tests.index import OPERATOR, load_rows, many_children, open_test_index

DAY = "2026-09-01"
STAY = {"type": "foster_family_home", "begin": "2026-01-10"}
TRIAL = {"type": "trial_home_visit", "begin": "2026-02-10"}
PAST = {"type": "foster_family_home", "begin": "2025-01-10", "end": "2026-05-01"}
LEARNER = {"population": "english_learner", "value": "Y", "definition": "ESEA Title III"}
NESTED = ("In care", "Expected in a school here", "Linked to a school record")
JUDGED = ("Changed school in the year", "Chronically absent: missed 10 % of the days or more")
ALL = ReportRequest("all", DAY, is_published=True)


@pytest.fixture
def index(tmp_path, manual_clock):
    manual_clock.now = datetime(2026, 9, 1, 9, tzinfo=UTC)
    with open_test_index(tmp_path / "home") as opened:
        add_source(opened, OPERATOR, NewSource("ccwis", kind=SourceKind.CCWIS))
        children = [place(number) for number in range(60)]
        for number in (*range(12), *range(40, 54)):
            children[number]["flags"] = [LEARNER]
        load_rows(opened, "ccwis", *children)
        yield opened


def place(number, **more):
    child = {**many_children(60)[number], "birth_date": f"2014-03-{1 + number % 28:02}"}
    return {**child, "placements": [STAY if number < 40 else TRIAL], **more}


def write_extract(tmp_path, days):
    """Write an extract of students by number, with the days that each was enrolled."""
    rows = [
        f"sis,c{n},2025-2026,{'N' if n % 5 == 4 else 'Y'},{d},{min(d, n % 3 * 9)},{n % 2}"
        for n, d in days.items()
    ]
    header = "source,local_id,school_year,on_count_day,days_enrolled,days_absent,school_changes"
    path = tmp_path / "education.csv"
    path.write_text("\n".join([header, *rows, ""]))
    return path


def add_students(index, numbers):
    """Add a school with some children, those in care by the numbers of ``place``."""
    add_source(index, OPERATOR, NewSource("sis", kind=SourceKind.SIS))
    born = {"birth_date": "2014-03-01"}
    pupils = [{**child, **(place(n) if n < 60 else born)} for n, child in enumerate(many_children(160))]
    load_rows(index, "sis", *({**pupils[n], "placements": []} for n in numbers))


def take_flags(index, numbers):
    for number in numbers:
        upsert(index, OPERATOR, "ccwis", place(number))


def read_numbers(index):
    with index.database.read(OPERATOR) as unit:
        return [stored.number for stored in reversed(unit.report_releases.latest(9))]


def read_publications(index):
    with index.database.read(OPERATOR) as unit:
        return [
            find_release(unit, stored.number).publication
            for stored in reversed(unit.report_releases.latest(9))
        ]


def test_all_tables_of_two_consecutive_days_bound_no_small_cell_tighter_than_the_rule(index, manual_clock):
    make_child_reports(index, OPERATOR, ALL)
    manual_clock.now += timedelta(days=1)
    # Ten of twenty have the flag now, for fourteen before: no count is small today, and six was yesterday.
    take_flags(index, range(50, 54))
    make_child_reports(index, OPERATOR, replace(ALL, day="2026-09-02"))
    first, second = read_publications(index)
    assert first.small
    for mine, other in ((first, second), (second, first)):
        for cell in mine.small:
            least, greatest = bound(cell, mine, other)
            assert least <= 1 + 1e-4, cell
            assert greatest >= 9 - 1e-4, cell


@pytest.mark.parametrize(
    ("days", "since"),
    [
        # Three of forty in care have no school record.
        (dict.fromkeys(range(3, 160), 170), None),
        # Three of forty are enrolled too short a time for their absence to be judged.
        (dict.fromkeys(range(3), 5) | dict.fromkeys(range(3, 160), 170), None),
        # Three are not in care any more.
        (dict.fromkeys(range(160), 170), "2025-08-15"),
    ],
)
def test_steps_and_outcomes_of_one_release_tell_no_small_count_together(index, tmp_path, days, since):
    add_students(index, days)
    for number in range(40, 43):
        upsert(index, OPERATOR, "ccwis", place(number, placements=[PAST]))
    request = replace(ALL, since=since, education=write_extract(tmp_path, days))
    waterfall, _, _, outcomes = make_child_reports(index, OPERATOR, request)
    # Each of these groups of children in care holds the next one, so the difference of two is a group, too.
    nested = [row[2] for row in waterfall.rows if row[0] in NESTED]
    nested += [row[2] for row in outcomes.rows if row[1] == "in care, 1 placement" and row[0] in JUDGED]
    assert len(nested) == 5
    shown = [count for count in nested if count]
    assert all(not 0 < one - other < 10 for one, other in permutations(shown, 2))
    [publication] = read_publications(index)
    assert publication.small
    for cell in publication.small:
        least, greatest = bound(cell, publication, publication)
        assert least <= 1 + 1e-4, cell
        assert greatest >= 9 - 1e-4, cell


def test_a_count_that_becomes_small_holds_the_earlier_reports(index, manual_clock):
    take_flags(index, range(50, 54))
    before = make_child_reports(index, OPERATOR, ALL)
    manual_clock.now += timedelta(days=1)
    take_flags(index, [49])
    request = replace(ALL, day="2026-09-02")
    after = make_child_reports(index, OPERATOR, request)
    assert after == before
    assert make_child_reports(index, OPERATOR, request) == after
    assert [each.is_held for each in read_publications(index)] == [False, True]


def test_another_extract_does_not_hide_that_a_count_of_another_report_became_small(
    index, tmp_path, manual_clock
):
    take_flags(index, range(50, 54))
    add_students(index, range(160))
    half = write_extract(tmp_path, dict.fromkeys(range(0, 160, 2), 170))
    before = make_child_reports(index, OPERATOR, replace(ALL, education=half))
    manual_clock.now += timedelta(days=1)
    take_flags(index, [49])
    whole = write_extract(tmp_path, dict.fromkeys(range(160), 170))
    assert make_child_reports(index, OPERATOR, replace(ALL, day="2026-09-02", education=whole)) == before
    assert [each.is_held for each in read_publications(index)] == [False, True]


def test_another_question_is_refused_for_four_weeks(index, manual_clock):
    make_child_reports(index, OPERATOR, replace(ALL, since=DAY))
    afcars, cohort = replace(ALL, care="afcars"), replace(ALL, since="2025-08-15")
    with pytest.raises(ConflictError, match=r"--care essa without --since.* after 2026-09-29 or use --exact"):
        make_child_reports(index, OPERATOR, afcars)
    with pytest.raises(ConflictError, match="begin --since after 2026-09-01 or use --exact"):
        make_child_reports(index, OPERATOR, cohort)
    with pytest.raises(ConflictError, match="answer another question"):
        freeze_report(index, OPERATOR, "fall", replace(afcars, name="waterfall"))
    manual_clock.now += timedelta(days=28)
    with pytest.raises(ConflictError, match="answer another question"):
        make_child_reports(index, OPERATOR, afcars)
    manual_clock.now += timedelta(days=1)
    assert make_child_reports(index, OPERATOR, afcars)[0].number == 60
    with pytest.raises(ConflictError, match="--care afcars without --since"):
        make_child_reports(index, OPERATOR, ALL)
    assert read_numbers(index) == [1, 2]


def test_a_new_school_year_is_asked_for_at_once(index, manual_clock):
    make_child_reports(index, OPERATOR, replace(ALL, since="2025-08-15"))
    manual_clock.now += timedelta(days=7)
    new = replace(ALL, day="2026-09-08", since="2026-09-02")
    assert make_child_reports(index, OPERATOR, new)[0].as_of == "2026-09-08"


def test_the_same_request_of_a_day_gives_the_same_release(index):
    reports = make_child_reports(index, OPERATOR, ALL)
    upsert(index, OPERATOR, "ccwis", {**many_children(61)[60], "placements": [STAY]})
    assert make_child_report(index, OPERATOR, replace(ALL, name="waterfall")) == reports[0]
    assert [report.name for report in reports] == ["waterfall", "populations", "combinations"]
    assert read_numbers(index) == [1]


def test_exact_reports_are_made_together_and_not_remembered(index):
    reports = make_child_reports(index, OPERATOR, replace(ALL, is_published=False))
    assert reports[0].rows[0][2] == 40
    assert reports[1].rows
    assert read_numbers(index) == []


def test_a_frozen_published_report_is_a_release_and_repeats_to_equal_bytes(index, manual_clock):
    make_child_reports(index, OPERATOR, ALL)
    frozen = freeze_report(index, OPERATOR, "fall", replace(ALL, name="populations"))
    assert read_numbers(index) == [1, 2]
    manual_clock.now += timedelta(days=1)
    upsert(index, OPERATOR, "ccwis", {**many_children(61)[60], "placements": [STAY]})
    again = repeat_report(index, OPERATOR, "fall", anew=True)
    assert write_report(again) == write_report(frozen)


def test_a_published_trend_tells_what_was_published_of_each_day_and_counts_nothing(index, manual_clock):
    trend = ReportRequest("trend", "2026-09-30", is_published=True)
    with pytest.raises(InputError, match="nothing was published"):
        make_child_report(index, OPERATOR, trend)
    [_, first, *_] = make_child_reports(index, OPERATOR, ALL)
    manual_clock.now += timedelta(days=1)
    take_flags(index, range(50, 54))
    [_, second, *_] = make_child_reports(index, OPERATOR, replace(ALL, day="2026-09-02"))
    report = make_child_report(index, OPERATOR, trend)
    assert list(report.rows) == [(each.as_of, *row) for each in (first, second) for row in each.rows]
    assert read_numbers(index) == [1, 2]
    # A later release of the same day takes the place of the earlier one.
    manual_clock.now += timedelta(days=1)
    for child in many_children(100)[60:]:
        upsert(index, OPERATOR, "ccwis", {**child, "placements": [STAY]})
    [_, third, *_] = make_child_reports(index, OPERATOR, replace(ALL, day="2026-09-02"))
    assert third.rows != second.rows
    report = make_child_report(index, OPERATOR, trend)
    assert list(report.rows) == [(each.as_of, *row) for each in (first, third) for row in each.rows]
    # One of what was known on an earlier day is no part of it.
    make_child_reports(index, OPERATOR, replace(ALL, day="2026-09-03", known_on="2026-09-01"))
    assert make_child_report(index, OPERATOR, trend).rows == report.rows
    with pytest.raises(InputError, match="cannot be frozen"):
        freeze_report(index, OPERATOR, "fall", trend)


def test_a_destroyed_release_is_made_again_and_later_ones_are_protected_against_both(index, manual_clock):
    make_child_reports(index, OPERATOR, ALL)
    [first] = read_publications(index)
    upsert(index, OPERATOR, "ccwis", place(40, flags=[LEARNER], restrictions=[{"kind": "sealed"}]))
    assert make_child_reports(index, OPERATOR, ALL)
    [restored] = read_publications(index)
    assert restored.counts != first.counts
    manual_clock.now += timedelta(days=1)
    take_flags(index, range(50, 54))
    make_child_reports(index, OPERATOR, replace(ALL, day="2026-09-02"))
    second = read_publications(index)[-1]
    for pair in ((first, restored), (first, second), (restored, second)):
        for mine, other in (pair, pair[::-1]):
            for cell in mine.small:
                least, greatest = bound(cell, mine, other)
                assert least <= 1 + 1e-4, cell
                assert greatest >= 9 - 1e-4, cell


def test_a_seal_keeps_reports_from_being_published_for_a_week_at_most(index, manual_clock):
    take_flags(index, range(10, 12))
    make_child_reports(index, OPERATOR, ALL)
    # Ten children with the flag were shown; nine beside them would tell the sealed one.
    upsert(index, OPERATOR, "ccwis", place(0, flags=[LEARNER], restrictions=[{"kind": "sealed"}]))
    manual_clock.now += timedelta(days=7)
    with pytest.raises(ConflictError, match="destroyed: publish again after 2026-09-08, or use"):
        make_child_reports(index, OPERATOR, ALL)
    manual_clock.now += timedelta(days=1)
    assert make_child_reports(index, OPERATOR, ALL)[0].number == 39
    assert read_numbers(index) == [1, 2]
