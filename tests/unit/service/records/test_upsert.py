"""One record online: laws 1, 2, 6, 7 and 8."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from mpi.domain.errors import NotFoundError, RecordError
from mpi.service.maintenance.verify import verify
from mpi.service.persons.persons import look_up_crosswalk as look_up
from mpi.service.persons.persons import look_up_lineage, look_up_person
from mpi.service.persons.search import search_persons
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.upsert import Outcome, read, upsert, withdraw
from tests.index import OPERATOR, a_child, an_index, crosswalk, load_rows, many_children, partition_of


def put(index, source, **changes):
    return upsert(index, OPERATOR, source, a_child(**changes))


def test_a_new_child_gets_an_id_of_a_test_index_and_the_same_child_elsewhere_gets_the_same(index):
    first = put(index, "sis", local_id="s1")
    assert (first.outcome, first.record) == (Outcome.CREATED, "created")
    assert first.enterprise_id.startswith("T")
    second = put(index, "ccwis", local_id="c1")
    assert (second.outcome, second.enterprise_id) == (Outcome.LINKED, first.enterprise_id)
    assert put(index, "ccwis", local_id="c1").outcome is Outcome.UNCHANGED


def test_a_doubtful_record_gets_a_provisional_id_of_its_own_and_a_task(index):
    known = put(index, "sis", local_id="s1")
    doubtful = put(index, "ccwis", local_id="c1", birth_date="2014-05-21")
    assert doubtful.outcome is Outcome.REVIEW
    assert doubtful.provisional
    assert len(doubtful.tasks) == 1
    assert doubtful.enterprise_id != known.enterprise_id


def test_a_changed_record_moves_and_other_peoples_ids_stay(index):
    load_rows(index, "sis", *many_children(10))
    put(index, "sis", local_id="s1")
    before = crosswalk(index)
    put(index, "ccwis", local_id="c1", first_name="Bolanle", last_name="Adeyemi")
    moved = put(index, "ccwis", local_id="c1")
    assert (moved.outcome, moved.record) == (Outcome.MOVED, "updated")
    after = crosswalk(index)
    assert after["ccwis", "c1"] == after["sis", "s1"]
    assert {record: after[record] for record in before} == before


def test_a_withdrawn_record_leaves_its_person_and_returns_to_it(index):
    mine = put(index, "sis", local_id="s1").enterprise_id
    put(index, "ccwis", local_id="c1")
    withdraw(index, OPERATOR, "sis", "s1")
    assert look_up_person(index, OPERATOR, mine).status == "active"
    withdraw(index, OPERATOR, "ccwis", "c1")
    assert look_up_person(index, OPERATOR, mine).status == "empty"
    back = put(index, "ccwis", local_id="c1")
    assert back.enterprise_id == mine
    assert verify(index, OPERATOR) == []


def test_a_newcomer_may_part_a_link_that_was_safe_without_it_and_a_retired_id_says_who_holds_its_records(
    index,
):
    first = put(index, "sis", local_id="s1")
    put(index, "ccwis", local_id="c1")
    rival = put(index, "sis", local_id="s2", postal_code="49999")
    assert rival.enterprise_id is not None
    assert verify(index, OPERATOR) == []
    steps = look_up_lineage(index, OPERATOR, first.enterprise_id)
    assert steps[0].after == first.enterprise_id
    assert [step.cause for step in steps][:2] == ["upsert", "upsert"]


def test_a_merge_retires_one_id_which_answers_with_the_survivor_and_lives_again_on_parting(index):
    one = put(index, "sis", local_id="s1").enterprise_id
    other = put(index, "ccwis", local_id="c1", first_name="Bolanle", last_name="Adeyemi").enterprise_id
    merged = put(index, "ccwis", local_id="c1")
    assert merged.enterprise_id == one
    retired = look_up_person(index, OPERATOR, other)
    assert (retired.status, retired.now) == ("retired", (one,))
    parted = put(index, "ccwis", local_id="c1", first_name="Bolanle", last_name="Adeyemi")
    assert parted.enterprise_id == other
    assert look_up_person(index, OPERATOR, other).status == "active"


def test_an_id_emptied_and_then_retired_answers_with_whoever_its_record_joined(index):
    emptied = put(index, "ccwis", local_id="c1", first_name="Bolanle", last_name="Adeyemi").enterprise_id
    withdraw(index, OPERATOR, "ccwis", "c1")
    holder = put(index, "sis", local_id="s1").enterprise_id
    assert put(index, "ccwis", local_id="c1").enterprise_id == holder
    retired = look_up_person(index, OPERATOR, emptied)
    assert (retired.status, retired.now) == ("retired", (holder,))
    assert verify(index, OPERATOR) == []


def test_any_past_moment_can_be_asked(index):
    put(index, "sis", local_id="s1")
    alone = put(index, "ccwis", local_id="c1", first_name="Bolanle", last_name="Adeyemi").enterprise_id
    between = look_up_lineage(index, OPERATOR, alone)[0].at
    put(index, "ccwis", local_id="c1")
    assert look_up(index, OPERATOR, "ccwis", "c1", between).enterprise_id == alone
    assert look_up(index, OPERATOR, "ccwis", "c1").enterprise_id != alone
    with pytest.raises(NotFoundError):
        look_up_person(index, OPERATOR, crosswalk(index)["sis", "s1"], "2020-01-01T00:00:00.000000Z")


def test_one_partition_in_every_order_one_by_one_by_set_and_by_recluster(tmp_path):
    children = many_children(12)
    family = [
        a_child("f1", first_name="Jayden", last_name="Cruz", birth_date="2014-01-20"),
        a_child("f2", first_name="Jaylen", last_name="Cruz", birth_date="2014-01-20"),
        a_child("f3", first_name="Jayden", last_name="Cruz", birth_date="2014-01-20", postal_code="43009"),
    ]
    sent = [("sis", c) for c in children + family] + [("ccwis", c) for c in children[:6] + family]
    answers = set()
    for seed in range(4):
        random.Random(seed).shuffle(sent)
        with an_index(tmp_path / str(seed), "sis", "ccwis", secret="ab" * 32) as index:
            for source, child in sent:
                upsert(index, OPERATOR, source, child)
            answers.add(frozenset(partition_of(index)))
            assert recluster(index, OPERATOR, index.matcher, apply=False).is_empty
    with an_index(tmp_path / "set", "sis", "ccwis", secret="ab" * 32) as index:
        for code in ("ccwis", "sis"):
            load_rows(index, code, *(child for source, child in sent if source == code))
        answers.add(frozenset(partition_of(index)))
    assert len(answers) == 1


def test_a_recluster_changes_no_id_and_shows_its_plan_without_changing_anything(index):
    load_rows(index, "sis", *many_children(20))
    load_rows(index, "ccwis", *many_children(10))
    before = crosswalk(index)
    plan = recluster(index, OPERATOR, index.matcher, apply=False)
    assert (plan.is_empty, plan.keep, plan.mint, plan.merge, plan.split) == (True, 20, 0, 0, 0)
    assert recluster(index, OPERATOR, index.matcher, apply=True).is_empty
    assert crosswalk(index) == before


def test_flags_change_no_weight_and_no_partition_and_show_with_their_provenance(tmp_path):
    flag = {"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2026-01-01"}
    answers = []
    for number, flags in enumerate(([], [flag])):
        with an_index(tmp_path / str(number), "sis", "ccwis", secret="ab" * 32) as index:
            put(index, "sis", local_id="s1")
            eid = put(index, "ccwis", local_id="c1", flags=flags).enterprise_id
            answers.append(
                (partition_of(index), search_persons(index, OPERATOR, a_child(flags=flags))[0].match_weight)
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


def test_a_search_finds_without_storing_and_explains_without_values(index):
    eid = put(index, "sis", local_id="s1").enterprise_id
    [found] = search_persons(index, OPERATOR, a_child(None))
    assert found.enterprise_id == eid
    assert found.band == "LINK"
    assert abs(sum(part.bits for part in found.explanation) - found.match_weight) < 1e-5
    assert "OKONKWO" not in str(found).upper()
    assert list(crosswalk(index)) == [("sis", "s1")]


def test_a_search_by_nothing_is_refused(index):
    with pytest.raises(RecordError, match="birth date"):
        search_persons(index, OPERATOR, {"sex": "F"})


def test_a_refused_record_leaves_nothing(index):
    with pytest.raises(RecordError):
        upsert(index, OPERATOR, "sis", a_child("s1", first_name="A\x00"))
    assert crosswalk(index) == {}


def test_a_record_reads_as_sent_without_its_ssn(index):
    put(index, "ccwis", local_id="c1", ssn="219-09-9998")
    shown = read(index, OPERATOR, "ccwis", "c1")
    assert shown["record"]["first_name"] == "Amara"
    assert "219" not in str(shown["record"].get("ssn", ""))


def test_concurrent_creates_of_one_child_give_one_id(index):
    def create(number):
        return put(index, "sis" if number % 2 else "ccwis", local_id=f"n{number // 2}").enterprise_id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(create, range(24)))
    assert len(set(crosswalk(index).values())) == 1
    assert len(ids) == 1


def test_local_ids_of_any_shape_are_one_record_each(index):
    shapes = ["D01/12345", "a:merge", "%25", "x y", "ñ", "..", "'; DROP TABLE record; --"]
    for shape in shapes:
        put(index, "sis", local_id=shape)
    assert {local_id for _, local_id in crosswalk(index)} == set(shapes)


def test_what_states_no_moment_is_as_of_its_receipt_even_where_the_clock_was_set_back(index, set_clock):
    put(index, "sis", local_id="s1")
    set_clock(lambda: datetime.now(UTC) - timedelta(hours=1))
    assert put(index, "sis", local_id="s1", postal_code="44001").record == "updated"
    withdraw(index, OPERATOR, "sis", "s1")
    assert put(index, "sis", local_id="s1").record == "updated"
    assert list(crosswalk(index)) == [("sis", "s1")]
