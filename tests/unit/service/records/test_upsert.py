"""Test single-record upsert, withdrawal and search (laws 1, 2, 6, 7 and 8)."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from mpi.domain.errors import NotFoundError, RecordError
from mpi.service.maintenance.verify import verify
from mpi.service.persons.lineage import look_up_lineage
from mpi.service.persons.persons import look_up_crosswalk as look_up
from mpi.service.persons.persons import look_up_person
from mpi.service.persons.search import search_persons
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.records.upsert_result import Outcome
from mpi.service.records.withdrawal import withdraw
from tests.index import (
    OPERATOR,
    crosswalk,
    load_rows,
    make_child,
    many_children,
    open_test_index,
    partition_of,
)


def upsert_child(index, source, **changes):
    return upsert(index, OPERATOR, source, make_child(**changes))


def test_new_child_gets_a_test_id_and_the_same_child_elsewhere_gets_the_same(index):
    first = upsert_child(index, "sis", local_id="s1")
    assert (first.outcome, first.record) == (Outcome.CREATED, "created")
    assert first.enterprise_id.startswith("T")
    second = upsert_child(index, "ccwis", local_id="c1")
    assert (second.outcome, second.enterprise_id) == (Outcome.LINKED, first.enterprise_id)
    assert upsert_child(index, "ccwis", local_id="c1").outcome is Outcome.UNCHANGED


def test_doubtful_record_gets_a_provisional_id_and_a_task(index):
    known = upsert_child(index, "sis", local_id="s1")
    doubtful = upsert_child(index, "ccwis", local_id="c1", birth_date="2014-05-21")
    assert doubtful.outcome is Outcome.REVIEW
    assert doubtful.provisional
    assert len(doubtful.tasks) == 1
    assert doubtful.enterprise_id != known.enterprise_id


def test_changed_record_moves_and_other_ids_stay(index):
    load_rows(index, "sis", *many_children(10))
    upsert_child(index, "sis", local_id="s1")
    before = crosswalk(index)
    upsert_child(index, "ccwis", local_id="c1", first_name="Bolanle", last_name="Adeyemi")
    moved = upsert_child(index, "ccwis", local_id="c1")
    assert (moved.outcome, moved.record) == (Outcome.MOVED, "updated")
    after = crosswalk(index)
    assert after["ccwis", "c1"] == after["sis", "s1"]
    assert {record: after[record] for record in before} == before


def test_withdrawn_record_leaves_its_person_and_returns_to_it(index):
    eid = upsert_child(index, "sis", local_id="s1").enterprise_id
    upsert_child(index, "ccwis", local_id="c1")
    withdraw(index, OPERATOR, "sis", "s1")
    assert look_up_person(index, OPERATOR, eid).status == "active"
    withdraw(index, OPERATOR, "ccwis", "c1")
    assert look_up_person(index, OPERATOR, eid).status == "empty"
    returned = upsert_child(index, "ccwis", local_id="c1")
    assert returned.enterprise_id == eid
    assert verify(index, OPERATOR) == []


def test_new_record_may_separate_a_link_and_a_retired_id_names_its_holders(
    index,
):
    first = upsert_child(index, "sis", local_id="s1")
    upsert_child(index, "ccwis", local_id="c1")
    rival = upsert_child(index, "sis", local_id="s2", postal_code="49999")
    assert rival.enterprise_id is not None
    assert verify(index, OPERATOR) == []
    steps = look_up_lineage(index, OPERATOR, first.enterprise_id)
    assert steps[0].after == first.enterprise_id
    assert [step.cause for step in steps][:2] == ["upsert", "upsert"]


def test_merge_retires_one_id_which_names_the_survivor_and_revives_on_separation(index):
    survivor = upsert_child(index, "sis", local_id="s1").enterprise_id
    retired_eid = upsert_child(
        index, "ccwis", local_id="c1", first_name="Bolanle", last_name="Adeyemi"
    ).enterprise_id
    merged = upsert_child(index, "ccwis", local_id="c1")
    assert merged.enterprise_id == survivor
    retired = look_up_person(index, OPERATOR, retired_eid)
    assert (retired.status, retired.now) == ("retired", (survivor,))
    separated = upsert_child(index, "ccwis", local_id="c1", first_name="Bolanle", last_name="Adeyemi")
    assert separated.enterprise_id == retired_eid
    assert look_up_person(index, OPERATOR, retired_eid).status == "active"


def test_emptied_and_retired_id_names_the_person_its_record_joined(index):
    emptied = upsert_child(
        index, "ccwis", local_id="c1", first_name="Bolanle", last_name="Adeyemi"
    ).enterprise_id
    withdraw(index, OPERATOR, "ccwis", "c1")
    holder = upsert_child(index, "sis", local_id="s1").enterprise_id
    assert upsert_child(index, "ccwis", local_id="c1").enterprise_id == holder
    retired = look_up_person(index, OPERATOR, emptied)
    assert (retired.status, retired.now) == ("retired", (holder,))
    assert verify(index, OPERATOR) == []


def test_past_state_can_be_queried(index):
    upsert_child(index, "sis", local_id="s1")
    earlier_eid = upsert_child(
        index, "ccwis", local_id="c1", first_name="Bolanle", last_name="Adeyemi"
    ).enterprise_id
    moment = look_up_lineage(index, OPERATOR, earlier_eid)[0].at
    upsert_child(index, "ccwis", local_id="c1")
    assert look_up(index, OPERATOR, "ccwis", "c1", moment).enterprise_id == earlier_eid
    assert look_up(index, OPERATOR, "ccwis", "c1").enterprise_id != earlier_eid
    with pytest.raises(NotFoundError):
        look_up_person(index, OPERATOR, crosswalk(index)["sis", "s1"], "2020-01-01T00:00:00.000000Z")


def test_partition_is_the_same_in_every_order_by_load_and_by_recluster(tmp_path):
    children = many_children(12)
    family = [
        make_child("f1", first_name="Jayden", last_name="Cruz", birth_date="2014-01-20"),
        make_child("f2", first_name="Jaylen", last_name="Cruz", birth_date="2014-01-20"),
        make_child("f3", first_name="Jayden", last_name="Cruz", birth_date="2014-01-20", postal_code="43009"),
    ]
    sent = [("sis", c) for c in children + family] + [("ccwis", c) for c in children[:6] + family]
    partitions = set()
    for seed in range(4):
        random.Random(seed).shuffle(sent)
        with open_test_index(tmp_path / str(seed), "sis", "ccwis", secret="ab" * 32) as index:
            for source, child in sent:
                upsert(index, OPERATOR, source, child)
            partitions.add(frozenset(partition_of(index)))
            assert recluster(index, OPERATOR, index.matcher, apply=False).is_empty
    with open_test_index(tmp_path / "set", "sis", "ccwis", secret="ab" * 32) as index:
        for code in ("ccwis", "sis"):
            load_rows(index, code, *(child for source, child in sent if source == code))
        partitions.add(frozenset(partition_of(index)))
    assert len(partitions) == 1


def test_recluster_moves_no_id_and_its_plan_changes_nothing(index):
    load_rows(index, "sis", *many_children(20))
    load_rows(index, "ccwis", *many_children(10))
    before = crosswalk(index)
    plan = recluster(index, OPERATOR, index.matcher, apply=False)
    assert (plan.is_empty, plan.keep, plan.mint, plan.merge, plan.split) == (True, 20, 0, 0, 0)
    assert recluster(index, OPERATOR, index.matcher, apply=True).is_empty
    assert crosswalk(index) == before


def test_flags_change_no_weight_and_no_partition_and_show_their_provenance(tmp_path):
    flag = {"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2026-01-01"}
    answers = []
    for number, flags in enumerate(([], [flag])):
        with open_test_index(tmp_path / str(number), "sis", "ccwis", secret="ab" * 32) as index:
            upsert_child(index, "sis", local_id="s1")
            eid = upsert_child(index, "ccwis", local_id="c1", flags=flags).enterprise_id
            answers.append(
                (
                    partition_of(index),
                    search_persons(index, OPERATOR, make_child(flags=flags))[0].match_weight,
                )
            )
            shown = look_up_person(index, OPERATOR, eid).flags
    assert answers[0] == answers[1]
    [view] = shown
    assert (view.population, view.source, view.local_id, view.definition) == (
        "foster_care",
        "ccwis",
        "c1",
        "ESSA",
    )


def test_search_stores_nothing_and_explains_without_values(index):
    eid = upsert_child(index, "sis", local_id="s1").enterprise_id
    [candidate] = search_persons(index, OPERATOR, make_child(None))
    assert candidate.enterprise_id == eid
    assert candidate.band == "LINK"
    assert abs(sum(part.bits for part in candidate.explanation) - candidate.match_weight) < 1e-5
    assert "OKONKWO" not in str(candidate).upper()
    assert list(crosswalk(index)) == [("sis", "s1")]


def test_search_without_criteria_is_refused(index):
    with pytest.raises(RecordError, match="birth date"):
        search_persons(index, OPERATOR, {"sex": "F"})


def test_refused_record_leaves_nothing(index):
    with pytest.raises(RecordError):
        upsert(index, OPERATOR, "sis", make_child("s1", first_name="A\x00"))
    assert crosswalk(index) == {}


def test_record_reads_as_sent_without_its_ssn(index):
    upsert_child(index, "ccwis", local_id="c1", ssn="219-09-9998")
    shown = read(index, OPERATOR, "ccwis", "c1")
    assert shown["record"]["first_name"] == "Amara"
    assert "219" not in str(shown["record"].get("ssn", ""))


def test_concurrent_creates_of_one_child_give_one_id(index):
    def create(number):
        return upsert_child(index, "sis" if number % 2 else "ccwis", local_id=f"n{number // 2}").enterprise_id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(create, range(24)))
    assert len(set(crosswalk(index).values())) == 1
    assert len(ids) == 1


def test_local_ids_of_any_shape_are_one_record_each(index):
    shapes = ["D01/12345", "a:merge", "%25", "x y", "ñ", "..", "'; DROP TABLE record; --"]
    for shape in shapes:
        upsert_child(index, "sis", local_id=shape)
    assert {local_id for _, local_id in crosswalk(index)} == set(shapes)


def test_undated_record_is_as_of_its_receipt_even_if_the_clock_was_set_back(index, set_clock):
    upsert_child(index, "sis", local_id="s1")
    set_clock(lambda: datetime.now(UTC) - timedelta(hours=1))
    assert upsert_child(index, "sis", local_id="s1", postal_code="44001").record == "updated"
    withdraw(index, OPERATOR, "sis", "s1")
    assert upsert_child(index, "sis", local_id="s1").record == "updated"
    assert list(crosswalk(index)) == [("sis", "s1")]
