"""The match report counts linkable records, by who linked them and why the others are not."""

from dataclasses import replace

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, InputError, NotFoundError
from mpi.domain.source import SourceKind
from mpi.domain.viewer import Action
from mpi.service.quality.match_report import report_matches
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.merge_split_move import StepOptions, merge
from tests.index import OPERATOR, crosswalk, load_rows, many_children, open_test_index

YEAR = clock.now().year


@pytest.fixture(scope="module")
def matched(tmp_path_factory):
    """Care records: one linked, one joined by a steward, one young, one without birth date, one alone."""
    with open_test_index(tmp_path_factory.mktemp("matches")) as index:
        add_source(index, OPERATOR, NewSource("care", kind=SourceKind.CCWIS))
        add_source(index, OPERATOR, NewSource("school", kind=SourceKind.SIS))
        children = [
            {**child, "birth_date": f"{YEAR - 10}-01-0{n}"} for n, child in enumerate(many_children(6), 1)
        ]
        linked, joined, young, undated, alone, twice = children
        flag = {"population": "foster_care", "value": "Y", "definition": "ESSA"}
        load_rows(
            index,
            "care",
            {**linked, "county": "049", "flags": [flag]},
            {**joined, "county": "049"},
            {**young, "birth_date": f"{YEAR - 2}-01-01", "county": "041"},
            {name: value for name, value in undated.items() if name != "birth_date"},
            {**alone, "placements": [{"type": "1", "begin": "2026-01-01"}]},
            confirm=True,
        )
        load_rows(index, "school", linked, {**twice, "local_id": "other"}, confirm=True)
        ids = crosswalk(index)
        merge(
            index,
            OPERATOR,
            [ids["care", joined["local_id"]], ids["school", "other"]],
            StepOptions("same-child"),
        )
        yield index, [child["local_id"] for child in children]


def group(report, kind, name=""):
    [found] = [each for each in report.groups if (each.kind, each.group) == (kind, name)]
    return found


def test_the_rate_is_of_linkable_records_by_who_linked_them(matched):
    report = report_matches(matched[0], OPERATOR, "care")
    everybody = group(report, "all")
    assert dict(everybody.counts) == {"automatic": 1, "reviewed": 1, "open": 0, "unlinked": 2, "expected": 1}
    assert (everybody.linkable, everybody.rate.value) == (4, 0.5)
    assert dict(report.expected) == {"below school age": 1}
    assert dict(report.reasons) == {"no birth date": 1, "nobody like it": 1}
    assert (report.counterparts, report.repeated) == (("school",), 0)


def test_groups_have_their_own_denominator(matched):
    report = report_matches(matched[0], OPERATOR, "care")
    assert group(report, "county", "049").rate.value == 1
    assert (group(report, "county", "041").linkable, group(report, "county", "041").rate) == (0, None)
    assert group(report, "placement", "1").linkable == 1
    assert group(report, "population", "foster_care").counts["automatic"] == 1


def test_unmatched_records_have_a_reason_and_a_suggestion_and_no_value(matched):
    index, local_ids = matched
    report = report_matches(index, OPERATOR, "care")
    assert {(each.local_id, each.reason) for each in report.unmatched} == {
        (local_ids[3], "no birth date"),
        (local_ids[4], "nobody like it"),
    }
    assert all(each.suggestion for each in report.unmatched)


def test_exact_figures_about_links_are_for_who_holds_the_database(matched):
    with pytest.raises(AccessDenied):
        report_matches(matched[0], replace(OPERATOR, sources=frozenset({"care"})), "care")
    with pytest.raises(AccessDenied):
        report_matches(matched[0], replace(OPERATOR, actions=frozenset({Action.LOAD})), "care")
    with pytest.raises(NotFoundError):
        report_matches(matched[0], OPERATOR, "no-such")


def test_a_source_without_counterparts_is_refused(tmp_path):
    with open_test_index(tmp_path, "d01") as index, pytest.raises(InputError, match="counterparts"):
        report_matches(index, OPERATOR, "d01")
