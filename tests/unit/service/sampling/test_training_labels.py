"""Test export of training labels: decided pairs, once each, and their disclosure."""

import csv
from dataclasses import replace

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action
from mpi.service.records.upsert import upsert
from mpi.service.sampling.blind_review import answer_blind_pair, get_next_blind_pair
from mpi.service.sampling.blind_sample import draw_blind_sample
from mpi.service.sampling.training_labels import HEADER, export_labels
from mpi.service.stewardship.decisions import DecisionRequest, decide, report_link
from mpi.service.stewardship.undo import undo_decision
from tests.index import OPERATOR, crosswalk, load_rows, many_children, open_test_index
from tests.unit.service.sampling.test_blind_review import add_second_review, steward


@pytest.fixture
def linked_index(tmp_path):
    """An index of four children, each known to both sources."""
    with open_test_index(tmp_path / "home", "sis", "ccwis") as opened:
        load_rows(opened, "sis", *many_children(4))
        load_rows(opened, "ccwis", *many_children(4))
        yield opened


def sis_records(*numbers):
    return [RecordRef("sis", f"c{n}") for n in numbers]


def ccwis_records(*numbers):
    return [RecordRef("ccwis", f"c{n}") for n in numbers]


def labels_by_pair(index, viewer=OPERATOR, **options):
    return {
        (f"{row.left_source}:{row.left_local_id}", f"{row.right_source}:{row.right_local_id}"): (
            row.label,
            row.reason,
        )
        for row in export_labels(index, viewer, **options)
    }


def test_every_pair_named_by_a_decision_is_a_label(linked_index):
    decide(
        linked_index,
        OPERATOR,
        DecisionRequest(DecisionKind.SAME, [[*sis_records(0), *ccwis_records(0)]], "same-child"),
    )
    decide(
        linked_index,
        OPERATOR,
        DecisionRequest(
            DecisionKind.DIFFERENT, [sis_records(1), [*sis_records(2), *ccwis_records(2)]], "twin"
        ),
    )
    decide(
        linked_index,
        OPERATOR,
        DecisionRequest(DecisionKind.UNSURE, [[*sis_records(3), *sis_records(0)]], "unclear"),
    )
    assert labels_by_pair(linked_index) == {
        ("sis:c0", "ccwis:c0"): ("SAME", "same-child"),
        ("sis:c1", "sis:c2"): ("DIFFERENT", "twin"),
        ("sis:c1", "ccwis:c2"): ("DIFFERENT", "twin"),
    }


def test_source_assertion_is_no_label(linked_index):
    statement = {**many_children(1)[0], "same_as": crosswalk(linked_index)["ccwis", "c1"]}
    upsert(linked_index, OPERATOR, "sis", statement)
    with linked_index.database.read(OPERATOR) as unit:
        assert [entry.decision.authority.name for entry in unit.decisions_in_force.all_in_force()] == [
            "SOURCE"
        ]
    assert labels_by_pair(linked_index) == {}


def test_undone_superseded_or_claimed_decision_is_no_label(linked_index):
    report_link(
        linked_index,
        OPERATOR,
        DecisionRequest(DecisionKind.DIFFERENT, [sis_records(3), ccwis_records(3)], "wrong-link"),
    )
    undone = decide(
        linked_index, OPERATOR, DecisionRequest(DecisionKind.SAME, [sis_records(0, 1)], "same-child")
    ).decisions[0]
    undo_decision(linked_index, OPERATOR, undone, "slip")
    superseded = decide(
        linked_index, OPERATOR, DecisionRequest(DecisionKind.SAME, [sis_records(1, 2)], "same-child")
    ).decisions[0]
    superseding = DecisionRequest(
        DecisionKind.DIFFERENT, [sis_records(1), sis_records(2)], "sibling", supersedes=(superseded,)
    )
    decide(linked_index, OPERATOR, superseding)
    assert labels_by_pair(linked_index) == {("sis:c1", "sis:c2"): ("DIFFERENT", "sibling")}


def test_blind_answers_are_labels_on_request_and_decisions_outrank_them(linked_index):
    draw_blind_sample(linked_index, OPERATOR)
    ana = steward("ana")
    while (shown := get_next_blind_pair(linked_index, ana)) is not None:
        verdict = "unsure" if shown.records[0].label.local_id == "c3" else "same"
        answer_blind_pair(linked_index, ana, shown.id, verdict)
    decide(
        linked_index,
        OPERATOR,
        DecisionRequest(DecisionKind.DIFFERENT, [sis_records(1), ccwis_records(1)], "twin"),
    )
    assert labels_by_pair(linked_index) == {("sis:c1", "ccwis:c1"): ("DIFFERENT", "twin")}
    assert labels_by_pair(linked_index, with_blind=True) == {
        ("sis:c0", "ccwis:c0"): ("SAME", "blind-review"),
        ("sis:c1", "ccwis:c1"): ("DIFFERENT", "twin"),
        ("sis:c2", "ccwis:c2"): ("SAME", "blind-review"),
    }


def test_pair_with_disagreeing_stewards_is_no_label(linked_index):
    add_second_review(linked_index, "ana", "same")
    answer_blind_pair(
        linked_index, steward("ben"), get_next_blind_pair(linked_index, steward("ben")).id, "different"
    )
    assert labels_by_pair(linked_index, with_blind=True) == {}
    add_second_review(linked_index, "ana", "same")
    answer_blind_pair(
        linked_index, steward("ben"), get_next_blind_pair(linked_index, steward("ben")).id, "same"
    )
    assert labels_by_pair(linked_index, with_blind=True) == {}


def test_client_of_one_source_gets_only_pairs_of_its_own_records(linked_index):
    decide(
        linked_index,
        OPERATOR,
        DecisionRequest(DecisionKind.SAME, [[*sis_records(0, 1), *ccwis_records(0)]], "same-child"),
    )
    only_sis = replace(OPERATOR, client="district", sources=frozenset({"sis"}))
    assert set(labels_by_pair(linked_index, only_sis)) == {("sis:c0", "sis:c1")}
    with linked_index.database.read(OPERATOR) as unit:
        received = unit.disclosures.all()[-1]
        shown = {label.local_id for label in unit.records.labels(received.record_ids).values()}
    assert (received.client, received.action, shown) == ("district", "crosswalk.export", {"c0", "c1"})
    with pytest.raises(AccessDenied):
        export_labels(linked_index, replace(OPERATOR, actions=OPERATOR.actions - {Action.CROSSWALK_EXPORT}))


def test_header_has_the_columns_that_training_reads():
    assert next(csv.reader([",".join(HEADER)]))[:5] == [
        "left_source", "left_local_id", "right_source", "right_local_id", "label",
    ]  # fmt: skip
