"""Labels: what stewards decided, once a pair, as the fit takes it; and who received them."""

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
from tests.index import OPERATOR, an_index, crosswalk, load_rows, many_children
from tests.unit.service.sampling.test_blind_review import seconds, steward


@pytest.fixture
def index(tmp_path):
    with an_index(tmp_path / "home", "sis", "ccwis") as made:
        load_rows(made, "sis", *many_children(4))
        load_rows(made, "ccwis", *many_children(4))
        yield made


def sis(*numbers):
    return [RecordRef("sis", f"c{n}") for n in numbers]


def ccwis(*numbers):
    return [RecordRef("ccwis", f"c{n}") for n in numbers]


def labelled(index, viewer=OPERATOR, **options):
    return {
        (f"{row.left_source}:{row.left_local_id}", f"{row.right_source}:{row.right_local_id}"): (
            row.label,
            row.reason,
        )
        for row in export_labels(index, viewer, **options)
    }


def test_every_pair_that_a_decision_names_is_a_label(index):
    decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, [[*sis(0), *ccwis(0)]], "same-child"))
    decide(index, OPERATOR, DecisionRequest(DecisionKind.DIFFERENT, [sis(1), [*sis(2), *ccwis(2)]], "twin"))
    decide(index, OPERATOR, DecisionRequest(DecisionKind.UNSURE, [[*sis(3), *sis(0)]], "unclear"))
    assert labelled(index) == {
        ("sis:c0", "ccwis:c0"): ("SAME", "same-child"),
        ("sis:c1", "sis:c2"): ("DIFFERENT", "twin"),
        ("sis:c1", "ccwis:c2"): ("DIFFERENT", "twin"),
    }


def test_what_a_source_says_is_none(index):
    said = {**many_children(1)[0], "same_as": crosswalk(index)["ccwis", "c1"]}
    upsert(index, OPERATOR, "sis", said)
    with index.database.read(OPERATOR) as unit:
        assert [named.decision.authority.name for named in unit.decisions.all_in_force()] == ["SOURCE"]
    assert labelled(index) == {}


def test_what_was_taken_back_superseded_or_only_claimed_is_none(index):
    report_link(index, OPERATOR, DecisionRequest(DecisionKind.DIFFERENT, [sis(3), ccwis(3)], "wrong-link"))
    taken_back = decide(
        index, OPERATOR, DecisionRequest(DecisionKind.SAME, [sis(0, 1)], "same-child")
    ).decisions[0]
    undo_decision(index, OPERATOR, taken_back, "slip")
    old = decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, [sis(1, 2)], "same-child")).decisions[0]
    other = DecisionRequest(DecisionKind.DIFFERENT, [sis(1), sis(2)], "sibling", supersedes=(old,))
    decide(index, OPERATOR, other)
    assert labelled(index) == {("sis:c1", "sis:c2"): ("DIFFERENT", "sibling")}


def test_blind_answers_are_labels_where_asked_for_and_decisions_go_before_them(index):
    draw_blind_sample(index, OPERATOR)
    ana = steward("ana")
    while (shown := get_next_blind_pair(index, ana)) is not None:
        verdict = "unsure" if shown.records[0].label.local_id == "c3" else "same"
        answer_blind_pair(index, ana, shown.id, verdict)
    decide(index, OPERATOR, DecisionRequest(DecisionKind.DIFFERENT, [sis(1), ccwis(1)], "twin"))
    assert labelled(index) == {("sis:c1", "ccwis:c1"): ("DIFFERENT", "twin")}
    assert labelled(index, with_blind=True) == {
        ("sis:c0", "ccwis:c0"): ("SAME", "blind-review"),
        ("sis:c1", "ccwis:c1"): ("DIFFERENT", "twin"),
        ("sis:c2", "ccwis:c2"): ("SAME", "blind-review"),
    }


def test_a_pair_on_which_two_stewards_disagree_is_no_label(index):
    seconds(index, "ana", "same")
    answer_blind_pair(index, steward("ben"), get_next_blind_pair(index, steward("ben")).id, "different")
    assert labelled(index, with_blind=True) == {}
    seconds(index, "ana", "same")
    answer_blind_pair(index, steward("ben"), get_next_blind_pair(index, steward("ben")).id, "same")
    assert labelled(index, with_blind=True) == {}


def test_a_client_of_one_source_is_given_pairs_of_its_own_records_only(index):
    decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, [[*sis(0, 1), *ccwis(0)]], "same-child"))
    only_sis = replace(OPERATOR, client="district", sources=frozenset({"sis"}))
    assert set(labelled(index, only_sis)) == {("sis:c0", "sis:c1")}
    with index.database.read(OPERATOR) as unit:
        received = unit.disclosures.all()[-1]
        shown = {label.local_id for label in unit.records.labels(received.record_ids).values()}
    assert (received.client, received.action, shown) == ("district", "crosswalk.export", {"c0", "c1"})
    with pytest.raises(AccessDenied):
        export_labels(index, replace(OPERATOR, actions=OPERATOR.actions - {Action.CROSSWALK_EXPORT}))


def test_the_header_is_what_the_fit_reads():
    assert next(csv.reader([",".join(HEADER)]))[:5] == [
        "left_source", "left_local_id", "right_source", "right_local_id", "label",
    ]  # fmt: skip
