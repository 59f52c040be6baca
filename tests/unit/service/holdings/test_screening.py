"""Rows of a source with minimum holdings are stored only if they match a child in care."""

import pytest

from mpi.domain.snapshot import Snapshot
from mpi.service.holdings.runs import list_certificates
from mpi.service.loads.dry_run import dry_run
from mpi.service.loads.load import LoadOptions, load
from mpi.service.maintenance.verify import verify
from tests.index import (
    OPERATOR,
    all_stored_bytes,
    crosswalk,
    load_rows,
    make_child,
    many_children,
    rows,
    with_tuning,
)

CHILD = make_child("w1")
PUPIL = make_child("s1")
STRANGER = make_child("s2", first_name="Quentin", last_name="Zyxwvutsrq", birth_date="2011-11-30")
REVIEW_PUPIL = make_child("s3", first_name="Amare", last_name="Okonkwa", postal_code=None)
"""Pupil in review with the child: both names are alike, and the birth date is equal."""
FOSTER_FLAG = {"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2020-01-01"}
IN_CARE = {"flags": [FOSTER_FLAG]}


def test_only_rows_that_match_a_child_in_care_are_stored(index):
    load_rows(index, "welfare", CHILD)
    receipt = load_rows(index, "school", PUPIL, STRANGER, REVIEW_PUPIL)
    assert (receipt.received, receipt.created, receipt.dropped) == (3, 2, 1)
    assert receipt.adds_up
    ids = crosswalk(index)
    assert ids.keys() == {("welfare", "w1"), ("school", "s1"), ("school", "s3")}
    assert ids["welfare", "w1"] == ids["school", "s1"] != ids["school", "s3"]
    assert verify(index, OPERATOR) == []


def test_nothing_of_a_dropped_row_is_stored(index):
    load_rows(index, "welfare", CHILD)
    load_rows(index, "school", PUPIL, {**STRANGER, "local_id": "localid-98765"})
    stored = all_stored_bytes(index)
    assert b"Okonkwo" in stored
    assert b"zyxwvutsrq" not in stored.lower()
    assert b"localid-98765" not in stored


def test_a_certificate_tells_how_many_rows_were_dropped(index):
    load_rows(index, "welfare", CHILD)
    receipt = load_rows(index, "school", PUPIL, STRANGER)
    [certificate] = list_certificates(index, OPERATOR, "school")
    assert (certificate.rows, certificate.records, certificate.status) == (1, 0, "done")
    assert (certificate.load, certificate.is_intact) == (receipt.batch, True)


def test_a_child_who_enters_care_is_found_by_the_next_file_of_the_school(index):
    load_rows(index, "school", PUPIL, STRANGER)
    assert crosswalk(index) == {}
    load_rows(index, "welfare", CHILD)
    assert crosswalk(index).keys() == {("welfare", "w1")}
    load_rows(index, "school", PUPIL, STRANGER, snapshot=Snapshot.FULL)
    ids = crosswalk(index)
    assert ids["welfare", "w1"] == ids["school", "s1"]
    assert len(ids) == 2


def test_a_row_that_says_that_its_child_is_in_care_is_stored(index):
    ended = [{**FOSTER_FLAG, "end": "2021-01-01"}]
    placed = [{"type": "foster_family", "begin": "2020-01-01"}]
    receipt = load_rows(
        index,
        "school",
        {**STRANGER, **IN_CARE},
        {**many_children(1)[0], "flags": ended},
        {**many_children(1, 5)[0], "placements": placed},
    )
    assert receipt.dropped == 1
    assert crosswalk(index).keys() == {("school", "s2"), ("school", "c5")}


def test_a_row_that_seals_its_record_is_stored_so_that_the_seal_lasts(index):
    receipt = load_rows(index, "school", {**STRANGER, "restrictions": [{"kind": "sealed"}]})
    assert (receipt.created, receipt.dropped) == (1, 0)
    assert load_rows(index, "school", {**STRANGER, **IN_CARE}).rejects[0].reason == "sealed"


def test_dropped_rows_do_not_count_as_withdrawn_in_a_full_file(index):
    load_rows(index, "welfare", CHILD)
    pupils = many_children(60)
    load_rows(index, "school", PUPIL, *pupils, snapshot=Snapshot.FULL)
    receipt = load_rows(index, "school", PUPIL, *pupils[:50], snapshot=Snapshot.FULL)
    assert (receipt.status, receipt.withdrawn, receipt.unchanged, receipt.dropped) == ("loaded", 0, 1, 50)


BRIDGE = make_child("s1", ssn="412-53-7788")
RIVAL = make_child("s9", first_name="Zed", last_name="Unlike", ssn="412-53-7788")
"""Pupil who matches no child in care, and matches the pupil ``BRIDGE`` by SSN."""


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
@pytest.mark.parametrize("page", [1, 100])
def test_a_rival_of_a_matched_row_is_stored_in_any_order_of_rows(sqlite_index, order, page):
    index = with_tuning(sqlite_index, load={"smallest_window_statements": page})
    load_rows(index, "welfare", CHILD)
    file = [BRIDGE, RIVAL, STRANGER]
    receipt = load_rows(index, "school", *(file[position] for position in order))
    assert (receipt.created, receipt.dropped) == (2, 1)
    assert crosswalk(index).keys() == {("welfare", "w1"), ("school", "s1"), ("school", "s9")}
    assert verify(index, OPERATOR) == []


def test_a_rival_of_a_stored_record_is_held(index):
    # The pupil is nearly linked to the child: the rival has no pair with a child in care, and matters.
    near = make_child("s1", first_name="Amare", last_name="Okonkwa", ssn="412-53-7788")
    load_rows(index, "welfare", CHILD)
    load_rows(index, "school", near)
    ids = crosswalk(index)
    assert ids["school", "s1"] != ids["welfare", "w1"]
    receipt = load_rows(index, "school", RIVAL, STRANGER)
    assert (receipt.created, receipt.dropped) == (1, 1)
    # The run after the load judges by the same rule.
    assert ("school", "s9") in crosswalk(index)


def test_an_interrupted_load_is_resumed_and_adds_up(index):
    index = with_tuning(index, load={"sqlite_chunk_statements": 2, "postgresql_chunk_statements": 2})
    children = many_children(6)
    load_rows(index, "welfare", *({**child, "local_id": f"w{n}"} for n, child in enumerate(children)))
    file = [*children, STRANGER, *many_children(3, 500)]

    def interrupt(step, done, _total):
        if step == "loading records" and done >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(index, OPERATOR, "school", rows(*file), LoadOptions(digest="d"), interrupt)
    receipt = load(index, OPERATOR, "school", rows(*file), LoadOptions(digest="d"))
    assert (receipt.received, receipt.created, receipt.dropped) == (10, 6, 4)
    assert receipt.adds_up
    assert len(crosswalk(index)) == 12
    assert verify(index, OPERATOR) == []


def test_a_held_load_drops_nothing(index):
    load_rows(
        index, "welfare", *({**child, "local_id": f"w{n}"} for n, child in enumerate(many_children(30)))
    )
    load_rows(index, "school", *many_children(30))
    receipt = load_rows(index, "school", *many_children(5), STRANGER, snapshot=Snapshot.FULL)
    assert (receipt.status, receipt.held, receipt.dropped, receipt.adds_up) == ("held", 6, 0, True)
    assert len(list_certificates(index, OPERATOR)) == 1


def test_an_empty_file_is_loaded(index):
    receipt = load_rows(index, "school", snapshot=Snapshot.FULL)
    assert (receipt.received, receipt.dropped) == (0, 0)


def test_a_dry_run_counts_the_rows_that_would_be_dropped(index):
    load_rows(index, "welfare", CHILD)
    preview = dry_run(index, OPERATOR, "school", rows(PUPIL, STRANGER), LoadOptions())
    receipt = preview.receipt
    assert (receipt.created, receipt.dropped, receipt.adds_up) == (1, 1, True)
    assert list_certificates(index, OPERATOR) == []
