"""Test the calibration of a whole index, by evidence and group."""

from dataclasses import replace

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action
from mpi.matching.diagnostics.error_rates import Evidence
from mpi.service.quality.calibration import measure_calibration
from mpi.service.quality.link_reliability import measure_reliability
from mpi.service.sampling.blind_sample import draw_blind_sample
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.index import OPERATOR, load_rows, many_children
from tests.unit.service.sampling.test_blind_review import judge, load_linked_and_doubtful_pairs, steward

FAMILIES = 12
SSNS = [f"2{n:02}45{1000 + n}" for n in range(FAMILIES)]


def find_rates(calibration, evidence, group="all"):
    return next(each for each in calibration.rates if (each.evidence, each.group) == (evidence, group))


def load_numbered_children(index, *, parted=0):
    """Load each child in both sources with one SSN; part some by a decision."""
    children = [{**child, "ssn": ssn} for child, ssn in zip(many_children(FAMILIES), SSNS, strict=True)]
    load_rows(index, "sis", *children)
    load_rows(index, "ccwis", *children)
    for child in children[:parted]:
        local_id = str(child["local_id"])
        groups = ((RecordRef("sis", local_id),), (RecordRef("ccwis", local_id),))
        decide(index, OPERATOR, DecisionRequest(DecisionKind.DIFFERENT, groups, "test"))


def test_calibration_needs_quality_read_and_every_source(sqlite_index):
    for viewer in (
        replace(OPERATOR, sources=frozenset({"sis", "ccwis"})),
        replace(OPERATOR, actions=OPERATOR.actions - {Action.QUALITY_READ}),
    ):
        with pytest.raises(AccessDenied):
            measure_calibration(sqlite_index, viewer)


def test_empty_index_has_no_rates(sqlite_index):
    calibration = measure_calibration(sqlite_index, OPERATOR)
    assert (calibration.rates, calibration.chained, calibration.recall.recall) == ((), 0, None)


def test_model_and_numbers_rate_links_by_group(sqlite_index):
    load_numbered_children(sqlite_index)
    calibration = measure_calibration(sqlite_index, OPERATOR)
    model, numbers = (find_rates(calibration, each) for each in (Evidence.MODEL, Evidence.NUMBERS))
    assert (model.pairs, numbers.pairs) == (FAMILIES, FAMILIES)
    assert 0 < model.false_links.value < 10
    assert (numbers.false_links.value, numbers.missed_links.value) == (0, 0)
    assert numbers.false_links.high > 1_000, "twelve pairs prove little"
    assert {each.group for each in calibration.rates} == {"all"}, "no group differs from all"


def test_groups_that_differ_from_all_are_told(sqlite_index):
    children = many_children(2 * FAMILIES)
    numbered = [{**child, "ssn": ssn} for child, ssn in zip(children, SSNS, strict=False)]
    for source in ("sis", "ccwis"):
        load_rows(sqlite_index, source, *numbered, *children[FAMILIES:])
    calibration = measure_calibration(sqlite_index, OPERATOR)
    assert find_rates(calibration, Evidence.MODEL).pairs == 2 * FAMILIES
    for group in ("number in both", "number missing"):
        assert find_rates(calibration, Evidence.MODEL, group).pairs == FAMILIES
    assert find_rates(calibration, Evidence.NUMBERS).pairs == FAMILIES


def test_pairs_are_weighed_again_without_the_numbers_that_tell_their_truth(sqlite_index):
    load_numbered_children(sqlite_index)
    with_numbers = find_rates(measure_calibration(sqlite_index, OPERATOR), Evidence.HIDDEN_NUMBERS)
    assert (with_numbers.pairs, with_numbers.missed_links.value) == (FAMILIES, 0)
    strangers = [
        {"local_id": f"x{n}", "first_name": f"Zed{'abcdefghijkl'[n]}", "ssn": SSNS[n]}
        for n in range(FAMILIES)
    ]
    load_rows(sqlite_index, "sis", *strangers)
    hidden = find_rates(measure_calibration(sqlite_index, OPERATOR), Evidence.HIDDEN_NUMBERS)
    assert hidden.pairs == FAMILIES, "a number alone links no pair from which it is hidden"
    assert hidden.missed_links.value == pytest.approx(10_000 * 2 / 3)


def test_sure_pairs_apart_are_missed_links(sqlite_index):
    load_numbered_children(sqlite_index, parted=1)
    calibration = measure_calibration(sqlite_index, OPERATOR)
    for evidence in (Evidence.MODEL, Evidence.NUMBERS):
        rates = find_rates(calibration, evidence)
        assert rates.pairs == FAMILIES - 1
        assert rates.missed_links.value == pytest.approx(10_000 / FAMILIES, rel=0.01)


def test_blind_answers_rate_links_and_bound_recall(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index, families=6)
    drawn = sum(stratum.drawn for stratum in draw_blind_sample(sqlite_index, OPERATOR).strata)
    for _ in range(drawn):
        judge(sqlite_index, steward("ana"), "same")
    recall = measure_calibration(sqlite_index, OPERATOR).recall
    assert recall.verdicts == drawn
    assert 0 < recall.recall.low <= recall.recall.value < 1


def test_predicted_matches_are_compared_with_observed_ones_by_range_of_weight(sqlite_index):
    load_numbered_children(sqlite_index)
    ranges = measure_reliability(sqlite_index, OPERATOR)
    numbers = [each for each in ranges if each.evidence is Evidence.NUMBERS]
    assert sum(each.pairs for each in numbers) == FAMILIES
    assert all(each.observed.value == 1 and each.predicted > 0.9 for each in numbers)
    for each in ranges:
        assert each.least is None or each.below is None or each.least < each.below
        assert each.is_as_predicted == (each.observed.low <= each.predicted <= each.observed.high)


def test_blind_answers_that_contradict_the_weight_show_that_the_model_promises_too_much(sqlite_index):
    load_linked_and_doubtful_pairs(sqlite_index)
    draw_blind_sample(sqlite_index, OPERATOR)
    for _ in range(6):
        judge(sqlite_index, steward("ana"), "different")
    judged = [
        each for each in measure_reliability(sqlite_index, OPERATOR) if each.evidence is Evidence.ANSWERS
    ]
    assert judged
    assert all(each.observed.value == 0 for each in judged)
    assert not judged[-1].is_as_predicted
