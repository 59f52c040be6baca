"""Test review questions: which doubtful pairs are shown together, and which are not asked."""

import random
from datetime import UTC, datetime

import pytest

from mpi.clustering.question_groups import ReviewPairGraph
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.resolution.review_tasks import format_pair_key, parse_pair_key
from mpi.service.stewardship.rekey import rekey
from tests.index import OPERATOR, crosswalk, load_rows, make_child, open_test_index

CRUZ = {
    "first_name": "Jayden",
    "last_name": "Cruz",
    "birth_date": "2014-01-20",
    "postal_code": None,
    "sex": None,
}


def upsert_child(index, source: str, local_id: str, **changes):
    return upsert(index, OPERATOR, source, make_child(local_id, **{**CRUZ, **changes}))


def read_tasks(index):
    """Return every task with the labels of its two records and its subject."""
    with index.database.read(OPERATOR) as unit:
        tasks = unit.tasks.all()
        labels = unit.records.labels({end for each_task in tasks for end in (each_task.lo, each_task.hi)})
        names = {record: f"{label.source}/{label.local_id}" for record, label in labels.items()}
        return [(task, {names[task.lo], names[task.hi]}, names.get(task.subject)) for task in tasks]


def questions_by_key(index):
    """Return the pairs and the subject of each question."""
    by_key: dict[str, tuple[set[frozenset[str]], str | None]] = {}
    for task, ends, subject in read_tasks(index):
        by_key.setdefault(task.question, (set(), subject))[0].add(frozenset(ends))
    return by_key


def upsert_candidates(index, source="ccwis", years=(2012, 2013, 2014)):
    """Add children of one name and place with different birth dates."""
    for n, year in enumerate(years, 1):
        upsert_child(index, source, f"C{n}", birth_date=f"{year}-01-20", postal_code="43001")


def upsert_undated(index, local_id="1", **changes):
    """Add a record without birth date, which may be any candidate."""
    return upsert_child(index, "sis", local_id, **{"birth_date": None, "postal_code": "43001", **changes})


def test_three_candidates_of_one_record_are_one_question(sqlite_index):
    upsert_candidates(sqlite_index)
    upsert_undated(sqlite_index)
    [(pairs, subject)] = questions_by_key(sqlite_index).values()
    assert pairs == {frozenset({"sis/1", f"ccwis/C{n}"}) for n in (1, 2, 3)}
    assert subject == "sis/1"


def test_question_keeps_its_key_when_a_candidate_is_withdrawn(sqlite_index):
    upsert_candidates(sqlite_index)
    upsert_undated(sqlite_index)
    [key] = questions_by_key(sqlite_index)
    withdraw(sqlite_index, OPERATOR, "ccwis", "C2")
    [(remaining_key, (pairs, subject))] = questions_by_key(sqlite_index).items()
    assert (remaining_key, subject, len(pairs)) == (key, "sis/1", 2)


def test_two_similar_records_in_each_source_are_one_grid_question(sqlite_index):
    upsert_candidates(sqlite_index, years=(2013, 2014))
    for n in (1, 2):
        upsert_undated(sqlite_index, str(n), ssn=f"219-09-999{n}")
    [(pairs, subject)] = questions_by_key(sqlite_index).values()
    assert pairs == {frozenset({f"sis/{n}", f"ccwis/C{m}"}) for n in (1, 2) for m in (1, 2)}
    assert subject is None


def test_question_beyond_the_changed_records_is_rebuilt_completely(sqlite_index):
    upsert_candidates(sqlite_index, years=(2013,))
    upsert_undated(sqlite_index)
    before = questions_by_key(sqlite_index)
    upsert_undated(sqlite_index, "2", ssn="219-09-9998")
    upsert_child(sqlite_index, "ccwis", "C2", birth_date="2010-01-20", postal_code="43001", ssn="219-09-9997")
    # Only the last record was resolved, but all four are one question now.
    [(pairs, subject)] = questions_by_key(sqlite_index).values()
    assert (len(before), len(pairs), subject) == (1, 4, None)
    withdraw(sqlite_index, OPERATOR, "ccwis", "C2")
    withdraw(sqlite_index, OPERATOR, "sis", "2")
    assert questions_by_key(sqlite_index) == before


def regrouped_questions(index):
    """Return the question of each stored pair when all are grouped at once."""
    pairs = {parse_pair_key(task.key) for task, _, _ in read_tasks(index)}
    return {
        format_pair_key(pair): question.key
        for pair, question in ReviewPairGraph.from_pairs(pairs).group_into_questions(pairs).items()
    }


def stored_questions(index):
    return {task.key: task.question for task, _, _ in read_tasks(index)}


@pytest.mark.parametrize("seed", range(3))
def test_large_group_is_split_as_if_all_records_came_at_once(sqlite_index, seed):
    random_source = random.Random(seed)
    upsert_candidates(sqlite_index, years=range(2002, 2010))
    most_questions = most_tasks = 0
    for _ in range(24):
        local_id = str(random_source.randint(1, 9))
        if random_source.random() < 0.7:
            upsert_undated(sqlite_index, local_id, ssn=f"219-09-999{local_id}")
        elif local_id in {ends.pop().removeprefix("sis/") for _, ends, _ in read_tasks(sqlite_index)}:
            withdraw(sqlite_index, OPERATOR, "sis", local_id)
        assert stored_questions(sqlite_index) == regrouped_questions(sqlite_index)
        most_questions = max(most_questions, len({*stored_questions(sqlite_index).values()}))
        most_tasks = max(most_tasks, len(stored_questions(sqlite_index)))
    assert (most_questions > 1, most_tasks > 30) == (True, True)


@pytest.mark.slow
def test_rekeyed_record_leaves_the_questions_a_rebuild_would_make(sqlite_index):
    names = [("sis", "1"), *(("ccwis", f"C{n}") for n in (1, 2, 3))]
    upsert_candidates(sqlite_index)
    upsert_undated(sqlite_index)
    random_source = random.Random(1)
    for n in range(12):
        position = random_source.randrange(len(names))
        source, old_id = names[position]
        names[position] = (source, f"new-{n}")
        rekey(sqlite_index, OPERATOR, source, {old_id: f"new-{n}"})
        after = read_tasks(sqlite_index)
        rebuild(sqlite_index, OPERATOR)
        assert sorted(read_tasks(sqlite_index), key=str) == sorted(after, key=str)


def test_latest_record_is_the_subject_and_the_key_stays(sqlite_index):
    upsert_undated(sqlite_index, as_of="2026-03-01")
    upsert_child(
        sqlite_index, "ccwis", "C1", birth_date="2013-01-20", postal_code="43001", as_of="2026-02-01"
    )
    [(key, (_, subject))] = questions_by_key(sqlite_index).items()
    upsert_child(
        sqlite_index,
        "ccwis",
        "C1",
        birth_date="2013-01-20",
        postal_code="43001",
        grade="02",
        as_of="2026-04-01",
    )
    assert subject == "sis/1"
    assert questions_by_key(sqlite_index) == {key: ({frozenset({"sis/1", "ccwis/C1"})}, "ccwis/C1")}


def upsert_twins(index, *sources: str, names=("Jayden", "Jaylen")):
    for source in sources:
        for n, name in enumerate(names, 1):
            upsert_child(index, source, str(n), first_name=name, ssn=f"219-09-999{n}")


def test_twins_with_exact_partners_are_not_asked_about(sqlite_index):
    upsert_twins(sqlite_index, "sis", "ccwis")
    assert len(set(crosswalk(sqlite_index).values())) == 2
    assert questions_by_key(sqlite_index) == {}


def test_twin_without_a_partner_is_asked_about(sqlite_index):
    upsert_twins(sqlite_index, "sis")
    upsert_child(sqlite_index, "ccwis", "1", first_name="Jayden", ssn="219-09-9991")
    assert len(read_tasks(sqlite_index)) == 2


def test_nickname_in_two_systems_makes_no_twin(sqlite_index):
    upsert_twins(sqlite_index, "sis", "ccwis", names=("Kate", "Katie"))
    assert read_tasks(sqlite_index) != []


def test_pairs_of_one_load_with_one_difference_share_batch_and_pattern(sqlite_index):
    upsert_child(sqlite_index, "sis", "1", first_name="Jayden")
    receipt = load_rows(sqlite_index, "ccwis", make_child("C1", **{**CRUZ, "first_name": "Jaydon"}))
    [(task, _, _)] = read_tasks(sqlite_index)
    assert (task.pattern, task.batch_id) == ("given: alike", receipt.batch)
    upsert_child(sqlite_index, "sis", "1", first_name="Jayden", grade="02")
    [(task, _, _)] = read_tasks(sqlite_index)
    assert task.batch_id is None


def test_tasks_do_not_depend_on_the_order_of_records(sqlite_index, tmp_path):
    records = [("sis", "1", {"birth_date": None}), ("sis", "2", {"birth_date": None, "ssn": "219-09-9998"})]
    records += [("ccwis", f"C{n}", {"birth_date": f"{2010 + n}-01-20"}) for n in range(3)]
    statements = [
        (source, local_id, {"postal_code": "43001", "as_of": f"2026-01-0{day}", **changes})
        for day, (source, local_id, changes) in enumerate(records, 1)
    ]

    def summarize_tasks(index):
        summary = {
            f"{sorted(ends)}": (task.question, subject, task.harm)
            for task, ends, subject in read_tasks(index)
        }
        assert summary
        return summary

    for source, local_id, changes in statements:
        upsert_child(sqlite_index, source, local_id, **changes)
    expected = summarize_tasks(sqlite_index)
    rebuild(sqlite_index, OPERATOR)
    assert summarize_tasks(sqlite_index) == expected
    secret = (tmp_path / "home" / "secret.key").read_text()
    for seed in range(3):
        with open_test_index(tmp_path / f"other-{seed}", "sis", "ccwis", secret=secret) as other_index:
            for source, local_id, changes in random.Random(seed).sample(statements, len(statements)):
                upsert_child(other_index, source, local_id, **changes)
            assert summarize_tasks(other_index) == expected


def test_undo_of_a_load_removes_its_questions(sqlite_index):
    upsert_undated(sqlite_index)
    receipt = load_rows(
        sqlite_index,
        "ccwis",
        make_child("C1", **{**CRUZ, "birth_date": "2013-01-20", "postal_code": "43001"}),
        as_of=datetime(2026, 3, 1, tzinfo=UTC),
    )
    assert len(questions_by_key(sqlite_index)) == 1
    undo_load(sqlite_index, OPERATOR, receipt.batch)
    assert questions_by_key(sqlite_index) == {}
