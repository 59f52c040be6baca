"""Figures of a simulated state equal its truth within what errors of its links explain."""

import csv
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

from mpi.bootstrap import init_index
from mpi.config import Settings
from mpi.domain.source import SourceKind
from mpi.intake.rows import CanonicalRow
from mpi.reports.cell_bounds import CellProgram, CellRule
from mpi.reports.combinations import COMBINATIONS, name_combination
from mpi.reports.definitions import read_definitions
from mpi.reports.outcomes import MEASURES, NEVER
from mpi.reports.populations import POPULATIONS
from mpi.reports.suppression import publish_tables
from mpi.service.loads.load import LoadOptions, load
from mpi.service.records.upsert import upsert
from mpi.service.reporting.child_reports import make_child_report
from mpi.service.reporting.report_set import ReportRequest, count_reports, open_children
from mpi.service.statements.sources import NewSource, add_source
from tests.index import OPERATOR, crosswalk
from training.simulate.education.extract import write_education
from training.simulate.files.output import save_populations
from training.simulate.files.tables import FileFormat
from training.simulate.simulation import simulate

DAY = "2026-09-01"
KINDS = {
    "ccwis": SourceKind.CCWIS,
    "state_ssid": SourceKind.STATE_ID,
    "district_north": SourceKind.SIS,
    "district_south": SourceKind.SIS,
}


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@dataclass
class State:
    """An index of a simulated state, and the truth about its children."""

    index: object
    folder: Path
    truth: dict
    count_wrong: object

    @property
    def wrong(self):
        """Wrong links of all children."""
        return self.count_wrong(self.truth)

    @property
    def wrong_in_care(self):
        """Wrong links of the children in care."""
        return self.count_wrong([child for child, row in self.truth.items() if row["in_care_afcars"] == "Y"])

    def report(self, name, **options):
        request = ReportRequest(name, DAY, education=self.folder / "education.csv", **options)
        return make_child_report(self.index, OPERATOR, request)


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    folder = tmp_path_factory.mktemp("state")
    save_populations(write_education([simulate(records=3_000, seed=11)], folder, FileFormat.CSV), folder)
    home = tmp_path_factory.mktemp("home")
    index, _ = init_index(Settings(home=home, model=None, database_url=None, secret_file=None), is_test=True)
    for source, kind in KINDS.items():
        add_source(index, OPERATOR, NewSource(source, kind=kind))
        rows = [
            CanonicalRow(line, None, {name: value for name, value in row.items() if value})
            for line, row in enumerate(read(folder / f"{source}.csv"), 2)
        ]
        load(index, OPERATOR, source, rows, LoadOptions())
    truth = {row["person_id"]: row for row in read(folder / "education_truth.csv")}
    yield State(index, folder, truth, count_wrong_links(index, folder))
    index.database.dispose()


def count_wrong_links(index, folder):
    """Return a function that counts wrong links of some children: parted ones, and others at their ID."""
    eids = crosswalk(index)
    by_child, by_eid = defaultdict(set), defaultdict(set)
    for row in read(folder / "truth.csv"):
        eid = eids.get((row["source"], row["local_id"]))
        if eid is not None and row["source"] in {"ccwis", "state_ssid"}:
            by_child[row["person_id"]].add(eid)
            by_eid[eid].add(row["person_id"])

    def count(children):
        held = {eid for child in children for eid in by_child[child]}
        parted = sum(max(0, len(by_child[child]) - 1) for child in children)
        return parted + sum(len(by_eid[eid]) - 1 for eid in held)

    return count


def test_links_are_good_enough_for_the_test_to_mean_something(state):
    assert 0 < state.wrong < 0.05 * len(state.truth)
    assert state.wrong_in_care < 0.15 * sum(row["in_care_afcars"] == "Y" for row in state.truth.values())


@pytest.mark.parametrize("definition", ["essa", "afcars"])
def test_children_in_care_and_linked_equal_the_truth_within_wrong_links(state, definition):
    steps = {row[0]: row[2] for row in state.report("waterfall", care=definition).rows}
    true = [row for row in state.truth.values() if row[f"in_care_{definition}"] == "Y"]
    assert len(true) > 50
    assert abs(steps["In care"] - len(true)) <= state.wrong_in_care
    enrolled = sum(row["on_count_day"] == "Y" for row in true)
    unusable = steps["left out: birth date unknown"] + steps["left out: not of school age"]
    least, most = enrolled - state.wrong_in_care - unusable, enrolled + state.wrong_in_care
    assert least <= steps["Enrolled on count day"] <= most


def is_judged(row, measure):
    days, attempted = int(row["days_enrolled"]), int(row["credits_attempted"])
    return {
        "chronically_absent": days >= 10,
        "earned_all_credits": attempted > 0,
        "proficient_reading": row["ela_level"] != "",
        "proficient_math": row["math_level"] != "",
        "graduated": row["acgr_result"] in {"graduate", "not_graduate"},
    }.get(measure, days > 0)


def has_outcome(row, measure):
    return {
        "chronically_absent": int(row["days_absent"]) * 10 >= int(row["days_enrolled"]),
        "changed_school": row["school_changes"] != "0",
        "suspended": row["suspensions"] != "0",
        "expelled": row["expulsions"] != "0",
        "repeats_grade": row["retained"] == "Y",
        "earned_all_credits": row["credits_earned"] == row["credits_attempted"],
        "proficient_reading": row["ela_level"] >= "3",
        "proficient_math": row["math_level"] >= "3",
        "graduated": row["acgr_result"] == "graduate",
    }[measure]


@pytest.mark.parametrize("measure", MEASURES)
def test_outcomes_of_each_group_equal_the_truth_within_wrong_links(state, measure):
    rows = [row for row in state.report("outcomes").rows if row[0] == MEASURES[measure]]
    figures = {row[1]: row[2:4] for row in rows}
    judged = [row for row in state.truth.values() if is_judged(row, measure)]
    for group in (NEVER, "all students"):
        true = [row for row in judged if group == "all students" or row["in_care_essa"] == "N"]
        having = sum(has_outcome(row, measure) for row in true)
        assert abs(figures[group][0] - len(true)) <= state.wrong
        assert abs(figures[group][1] - having) <= state.wrong
    in_care = [row for row in judged if row["in_care_essa"] == "Y"]
    counted = sum(figures[group][0] for group in figures if group not in {NEVER, "all students"})
    assert abs(counted - len(in_care)) <= state.wrong_in_care


def test_students_in_care_with_more_placements_equal_the_truth(state):
    rows = state.report("outcomes", since="2020-01-01").rows
    figures = {row[1]: row[2] for row in rows if row[0] == MEASURES["suspended"]}
    true = sum(
        row["placements"] == "2" and row["in_care_afcars"] == "Y" and int(row["days_enrolled"]) > 0
        for row in state.truth.values()
    )
    assert abs(figures["in care, 2 placements or more"] - true) <= state.wrong_in_care


def test_special_populations_of_children_in_care_do_not_exceed_the_truth(state):
    rows = state.report("populations").rows
    for population, title in (("english_learner", "English learner"), ("homeless", "Homeless")):
        true = sum(row[population] == "Y" and row["in_care_afcars"] == "Y" for row in state.truth.values())
        [figure] = [row[3] for row in rows if row[0].startswith("AFCARS") and row[1] == title]
        # Schools report nine in ten of their true flags.
        assert figure <= true + state.wrong_in_care
        assert figure >= 0.7 * true - state.wrong_in_care


def list_true_combinations(state):
    """Return the combination of populations that the files state of each true child."""
    children = {
        (row["source"], row["local_id"]): row["person_id"] for row in read(state.folder / "truth.csv")
    }
    stated = defaultdict(set)
    for source in KINDS:
        for row in read(state.folder / f"{source}.csv"):
            for flag in json.loads(row["flags"] or "[]"):
                is_open = flag.get("begin", "") <= DAY < flag.get("end", "9999")
                if flag["population"] in POPULATIONS and flag["value"] == "Y" and is_open:
                    stated[children[source, row["local_id"]]].add(flag["population"])
    return {child: "|".join(sorted(stated[child])) for child in state.truth}


@pytest.mark.parametrize("definition", ["essa", "afcars"])
def test_combinations_of_populations_in_care_equal_the_truth_within_wrong_links(state, definition):
    combination = list_true_combinations(state)
    in_care = [child for child, row in state.truth.items() if row[f"in_care_{definition}"] == "Y"]
    true = Counter(combination[child] for child in in_care)
    title = read_definitions()[definition].title
    figures = {row[0]: row[2] for row in state.report("combinations").rows if row[1] == title}
    assert len(true) > 5
    # A wrong link takes a child out of one combination and may bring it into another.
    missed = sum(abs(figures.get(name_combination(each), 0) - true[each]) for each in COMBINATIONS)
    assert missed <= 2 * state.wrong_in_care


def test_an_edfacts_file_of_the_truth_differs_by_no_more_than_its_reasons_and_wrong_links(state, tmp_path):
    file = tmp_path / "fs222.csv"
    enrolled = [row for row in state.truth.values() if row["days_enrolled"] != "0"]
    true = sum(row["in_care_essa"] == "Y" for row in enrolled)
    file.write_text(f"SEA FOSTER CARE ENROLLED,1,x,V22,2026-2027,\n1,39,01,,,FOSTER,,Y,,{true}\n")
    report = state.report("reconciliation", edfacts=(("FS222", file),))
    figures = {row[1]: row[2] for row in report.rows}
    assert figures["in the file"] == true > 50
    least, most = (figures[f"{name} that these reasons explain"] for name in ("fewest", "most"))
    assert least - state.wrong_in_care <= true <= most + state.wrong_in_care
    rows = read(state.folder / "truth.csv")
    pupils = {row["person_id"] for row in rows if row["source"] != "ccwis"}
    linked = sum(row["in_care_essa"] == "Y" and child in pupils for child, row in state.truth.items())
    assert abs(figures["in the index"] - linked) <= state.wrong_in_care


def publish_all(state, day, previous=()):
    """Publish every report of a day as the product does, after those of the day before."""
    request = ReportRequest("all", day, education=state.folder / "education.csv", is_published=True)
    with state.index.database.read(OPERATOR) as unit, open_children(unit, request) as tables:
        return publish_tables(count_reports(tables, request).list_tables(), previous=previous)


def test_no_small_cell_is_bounded_by_all_tables_of_two_consecutive_days(state):
    first = publish_all(state, DAY)
    child = {"local_id": "new", "first_name": "Zo", "last_name": "Newcomer", "birth_date": "2015-05-05"}
    stay = {"type": "trial_home_visit", "begin": "2026-09-01"}
    upsert(state.index, OPERATOR, "ccwis", {**child, "placements": [stay]})
    second = publish_all(state, "2026-09-02", [first])
    known = [first, second]
    assert sum(len(each.small) for each in known) > 20
    for mine, other in (known, reversed(known)):
        program = CellProgram(CellRule(), [mine, other])
        for cell in mine.small:
            least, greatest = program.bound(cell)
            assert least <= 1 + 1e-6, cell
            assert greatest >= 9 - 1e-6, cell
