"""The lists of a simulated state differ from its truth by wrong and missing links alone."""

import csv

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.domain.source import SourceKind
from mpi.domain.viewer import Viewer, make_operator
from mpi.service.rosters.caseload_intake import read_caseload_path, replace_caseload
from mpi.service.rosters.children import read_children
from mpi.service.rosters.students import read_students
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.index import OPERATOR, crosswalk, load_rows, open_test_index
from training.simulate.files.output import save_populations
from training.simulate.people.names import build_faker_names
from training.simulate.rates import load_rates
from training.simulate.simulation import simulate_in_blocks

KINDS = {"ccwis": SourceKind.CCWIS, "district_north": SourceKind.SIS, "district_south": SourceKind.SIS}


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """A simulated state, loaded: its folder, the index, and the person of each record."""
    folder = tmp_path_factory.mktemp("state")
    rates = load_rates()
    book = build_faker_names(rates.names.tail_share, rates.names.surname_tail_share)
    save_populations(simulate_in_blocks(900, 5, None, book, rates, lambda *_: None), folder)
    with open_test_index(tmp_path_factory.mktemp("index")) as index:
        for code, kind in KINDS.items():
            add_source(index, OPERATOR, NewSource(code, kind=kind))
            records = [{name: value for name, value in row.items() if value} for row in read(folder, code)]
            load_rows(index, code, *records)
        truth = {(row["source"], row["local_id"]): row for row in read(folder, "truth")}
        _link(index, truth)
        yield folder, index, truth


def _link(index, truth):
    """Link the children in care with their records of schools, all but one."""
    care = {row["person_id"]: key for key, row in truth.items() if "in_care" in row["tags"].split("|")}
    pairs = [
        (care[row["person_id"]], key)
        for key, row in sorted(truth.items())
        if key[0].startswith("district") and row["person_id"] in care
    ]
    present = crosswalk(index)
    for pair in pairs[1:]:
        if all(key in present for key in pair):
            groups = [[RecordRef(*key) for key in pair]]
            decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, groups, "test"))


def read(folder, name):
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def list_in_care(truth, links):
    """Return the child-welfare records of children in care that take part."""
    return [key for key, row in truth.items() if "in_care" in row["tags"].split("|") and key in links]


def test_a_district_sees_its_students_in_care_but_for_wrong_links(state):
    folder, index, truth = state
    links = crosswalk(index)
    district = reader("district_north")
    listed = {one.record.local_id for one in read_students(index, district, size=10_000).students}
    enrolled = {
        row["local_id"]
        for row in read(folder, "district_north")
        if row["entry_date"] and not row["exit_date"]
    }
    care = list_in_care(truth, links)
    linked = {links[key] for key in care if key[0] == "ccwis"}
    persons = {truth[key]["person_id"] for key in care if key[0] == "ccwis"}
    keys = {name: ("district_north", name) for name in enrolled if ("district_north", name) in links}
    by_links = {name for name, key in keys.items() if links[key] in linked}
    by_truth = {name for name, key in keys.items() if truth[key]["person_id"] in persons}
    assert len(by_truth) > 3
    assert listed == by_links
    assert len(listed & by_truth) > len(by_truth) / 2


def reader(*sources):
    """Return a viewer with every action on some sources and on child welfare."""
    return Viewer("reader", "school_stability", make_operator().actions, frozenset({*sources, "ccwis"}))


def test_each_caseworker_sees_the_own_children(state):
    folder, index, _ = state
    path = folder / "caseload.csv"
    receipt = replace_caseload(index, OPERATOR, "ccwis", read_caseload_path(path))
    rows = read(folder, "caseload")
    assert receipt.rows == len(rows) == receipt.begun + receipt.unknown
    links = crosswalk(index)
    for code in {row["caseworker"] for row in rows}:
        own = {row["local_id"] for row in rows if row["caseworker"] == code} & {
            local_id for source, local_id in links if source == "ccwis"
        }
        children = read_children(index, reader("district_north", "district_south"), code).children
        assert {child.record.local_id for child in children} == own
        for child in children:
            eid = links["ccwis", child.record.local_id]
            assert child.enterprise_id == eid
            assert {links[school.record.source, school.record.local_id] for school in child.schools} <= {eid}
