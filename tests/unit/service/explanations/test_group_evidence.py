"""Comparison of two groups of records: the strongest pair, bounds, and what a viewer may know."""

import pytest

from mpi.domain.errors import AccessDenied, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer
from mpi.service.explanations.group_evidence import MAX_COMPARED, MAX_SHOWN, compare_groups
from mpi.service.explanations.pair_evidence import FieldVerdict
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from tests.index import OPERATOR, make_child

ANNA = {"first_name": "Annalise", "last_name": "Sparrowhawk", "birth_date": "2013-04-05"}
ALIKE = {**ANNA, "first_name": "Annalisa"}
OTHER = {"first_name": "Bruno", "last_name": "Winterbottom", "birth_date": "2007-12-01", "sex": "M"}


def put(index, source, local_id, **child):
    upsert(index, OPERATOR, source, make_child(local_id, **child))
    return RecordRef(source, local_id)


def test_the_strongest_pair_is_explained_and_shown_first(index):
    left = [put(index, "sis", "o1", **OTHER), put(index, "sis", "a1", **ANNA)]
    right = [put(index, "ccwis", "o2", **{**OTHER, "sex": "F"}), put(index, "ccwis", "a2", **ALIKE)]
    withdraw(index, OPERATOR, "ccwis", "o2")
    evidence = compare_groups(index, OPERATOR, left, [right[1]])
    assert evidence.left == (left[1], left[0])
    assert evidence.right == (right[1],)
    assert evidence.explanation is not None
    assert evidence.explanation.match_weight > 0
    assert evidence.verdicts[right[1]]["birth_date"] is FieldVerdict.SAME
    assert evidence.verdicts[left[0]]["last_name"] is FieldVerdict.DIFFERENT
    assert left[1] not in evidence.verdicts


def test_few_records_are_shown_and_a_bounded_number_is_compared(index):
    left = [put(index, "sis", f"o{number}", **OTHER) for number in range(MAX_COMPARED)]
    left.append(put(index, "sis", "last", **ANNA))
    right = [put(index, "ccwis", "a2", **ALIKE)]
    evidence = compare_groups(index, OPERATOR, left, right)
    assert len(evidence.left) == MAX_SHOWN
    assert RecordRef("sis", "last") not in evidence.left


def test_a_group_that_is_not_compared_has_no_explanation(index):
    left, right = put(index, "sis", "a1", **ANNA), put(index, "ccwis", "a2", **ALIKE)
    withdraw(index, OPERATOR, "ccwis", "a2")
    evidence = compare_groups(index, OPERATOR, [left], [right])
    assert (evidence.explanation, evidence.verdicts) == (None, {})
    assert (evidence.left, evidence.right) == ((left,), (right,))


def test_a_hidden_record_is_answered_as_an_unknown_one(index):
    left, right = put(index, "sis", "a1", **ANNA), put(index, "ccwis", "a2", **ALIKE)
    district = Viewer("district", "data_quality", frozenset({Action.RECORD_READ}), frozenset({"sis"}))
    messages = []
    for other in (right, RecordRef("ccwis", "never")):
        with pytest.raises(NotFoundError) as error:
            compare_groups(index, district, [left], [other])
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    with pytest.raises(AccessDenied):
        compare_groups(index, Viewer("nobody"), [left], [right])


def test_the_ledger_names_the_shown_records(index):
    left, right = put(index, "sis", "a1", **ANNA), put(index, "ccwis", "a2", **ALIKE)
    compare_groups(index, OPERATOR, [left], [right])
    with index.database.ledger.read(OPERATOR) as unit:
        line = unit.disclosures.all()[-1]
    assert line.action == Action.RECORD_READ
    assert set(line.fields) == {"match_weight", "explanation"}
    assert len(line.record_ids) == 2
