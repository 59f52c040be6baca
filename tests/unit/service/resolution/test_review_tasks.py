"""Questions: which pairs in doubt a steward is shown at once, in which order, and which are not asked."""

import random
from datetime import UTC, datetime

import pytest

from mpi.clustering.question_groups import ReviewPairGraph
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.records.upsert import upsert, withdraw
from mpi.service.resolution.review_tasks import format_pair_key, parse_pair_key
from mpi.service.stewardship.rekey import rekey
from tests.index import OPERATOR, a_child, an_index, crosswalk, load_rows

CRUZ = {
    "first_name": "Jayden",
    "last_name": "Cruz",
    "birth_date": "2014-01-20",
    "postal_code": None,
    "sex": None,
}


@pytest.fixture
def index(tmp_path):
    with an_index(tmp_path / "home", "sis", "ccwis") as index:
        yield index


def put(index, source: str, local_id: str, **changes):
    return upsert(index, OPERATOR, source, a_child(local_id, **{**CRUZ, **changes}))


def asked(index):
    """Every task, with the labels of its ends and its subject."""
    with index.database.read(OPERATOR) as unit:
        tasks = unit.tasks.all()
        labels = unit.records.labels({end for t in tasks for end in (t.lo, t.hi)})
        named = {n: f"{label.source}/{label.local_id}" for n, label in labels.items()}
        return [(task, {named[task.lo], named[task.hi]}, named.get(task.subject)) for task in tasks]


def questions(index):
    """By question: its pairs and subject."""
    found: dict[str, tuple[set[frozenset[str]], str | None]] = {}
    for task, ends, subject in asked(index):
        found.setdefault(task.question, (set(), subject))[0].add(frozenset(ends))
    return found


def candidates(index, source="ccwis", years=(2012, 2013, 2014)):
    """Children of one name and place, who are nobody to each other by their birth dates."""
    for n, year in enumerate(years, 1):
        put(index, source, f"C{n}", birth_date=f"{year}-01-20", postal_code="43001")


def unborn(index, local_id="1", **changes):
    """A record that may be any of them: it has no birth date."""
    return put(index, "sis", local_id, **{"birth_date": None, "postal_code": "43001", **changes})


def test_three_candidates_of_one_record_are_one_question_about_it(index):
    candidates(index)
    unborn(index)
    [(pairs, subject)] = questions(index).values()
    assert pairs == {frozenset({"sis/1", f"ccwis/C{n}"}) for n in (1, 2, 3)}
    assert subject == "sis/1"


def test_a_candidate_less_leaves_the_question_its_name_and_the_rest(index):
    candidates(index)
    unborn(index)
    [key] = questions(index)
    withdraw(index, OPERATOR, "ccwis", "C2")
    [(left, (pairs, subject))] = questions(index).items()
    assert (left, subject, len(pairs)) == (key, "sis/1", 2)


def test_two_records_alike_in_each_of_two_sources_are_one_grid(index):
    candidates(index, years=(2013, 2014))
    for n in (1, 2):
        unborn(index, str(n), ssn=f"219-09-999{n}")
    [(pairs, subject)] = questions(index).values()
    assert pairs == {frozenset({f"sis/{n}", f"ccwis/C{m}"}) for n in (1, 2) for m in (1, 2)}
    assert subject is None


def test_a_question_that_reaches_beyond_what_changed_is_named_anew_as_a_whole(index):
    candidates(index, years=(2013,))
    unborn(index)
    before = questions(index)
    unborn(index, "2", ssn="219-09-9998")
    put(index, "ccwis", "C2", birth_date="2010-01-20", postal_code="43001", ssn="219-09-9997")
    # Only the last record was settled, and all four are one question now.
    [(pairs, subject)] = questions(index).values()
    assert (len(before), len(pairs), subject) == (1, 4, None)
    withdraw(index, OPERATOR, "ccwis", "C2")
    withdraw(index, OPERATOR, "sis", "2")
    assert questions(index) == before


def as_cut_at_once(index):
    """By pair of canonical keys: the question that all stored pairs, put together at once, give it."""
    pairs = {parse_pair_key(task.key) for task, _, _ in asked(index)}
    return {
        format_pair_key(each): one.key
        for each, one in ReviewPairGraph.from_pairs(pairs).group_into_questions(pairs).items()
    }


def as_stored(index):
    return {task.key: task.question for task, _, _ in asked(index)}


@pytest.mark.parametrize("seed", range(3))
def test_what_hangs_together_beyond_a_page_is_cut_as_if_at_once_while_records_come_and_go(index, seed):
    chance = random.Random(seed)
    candidates(index, years=range(2002, 2010))
    many = most = 0
    for _ in range(24):
        local_id = str(chance.randint(1, 9))
        if chance.random() < 0.7:
            unborn(index, local_id, ssn=f"219-09-999{local_id}")
        elif local_id in {ends.pop().removeprefix("sis/") for _, ends, _ in asked(index)}:
            withdraw(index, OPERATOR, "sis", local_id)
        assert as_stored(index) == as_cut_at_once(index)
        many = max(many, len({*as_stored(index).values()}))
        most = max(most, len(as_stored(index)))
    assert (many > 1, most > 30) == (True, True)


def test_a_record_with_a_new_local_id_leaves_questions_that_are_those_made_again(index):
    names = [("sis", "1"), *(("ccwis", f"C{n}") for n in (1, 2, 3))]
    candidates(index)
    unborn(index)
    chance = random.Random(1)
    for n in range(12):
        place = chance.randrange(len(names))
        source, old = names[place]
        names[place] = (source, f"new-{n}")
        rekey(index, OPERATOR, source, {old: f"new-{n}"})
        after = asked(index)
        rebuild(index, OPERATOR)
        assert sorted(asked(index), key=str) == sorted(after, key=str)


def test_of_two_records_the_one_stated_last_is_asked_about_and_the_name_stays(index):
    unborn(index, as_of="2026-03-01")
    put(index, "ccwis", "C1", birth_date="2013-01-20", postal_code="43001", as_of="2026-02-01")
    [(key, (_, subject))] = questions(index).items()
    put(index, "ccwis", "C1", birth_date="2013-01-20", postal_code="43001", grade="02", as_of="2026-04-01")
    assert subject == "sis/1"
    assert questions(index) == {key: ({frozenset({"sis/1", "ccwis/C1"})}, "ccwis/C1")}


def twins(index, *sources: str, names=("Jayden", "Jaylen")):
    for source in sources:
        for n, name in enumerate(names, 1):
            put(index, source, str(n), first_name=name, ssn=f"219-09-999{n}")


def test_no_question_where_each_twin_has_an_exact_partner(index):
    twins(index, "sis", "ccwis")
    assert len(set(crosswalk(index).values())) == 2
    assert questions(index) == {}


def test_twins_are_asked_about_where_one_has_no_partner(index):
    twins(index, "sis")
    put(index, "ccwis", "1", first_name="Jayden", ssn="219-09-9991")
    assert len(asked(index)) == 2


def test_a_nickname_in_two_systems_makes_no_twin_of_a_child(index):
    twins(index, "sis", "ccwis", names=("Kate", "Katie"))
    assert asked(index) != []


def test_pairs_of_one_load_that_differ_in_one_way_bear_its_number_and_one_pattern(index):
    put(index, "sis", "1", first_name="Jayden")
    receipt = load_rows(index, "ccwis", a_child("C1", **{**CRUZ, "first_name": "Jaydon"}))
    [(task, _, _)] = asked(index)
    assert (task.pattern, task.batch_id) == ("given: alike", receipt.batch)
    put(index, "sis", "1", first_name="Jayden", grade="02")
    [(task, _, _)] = asked(index)
    assert task.batch_id is None


def test_tasks_are_the_same_when_they_are_made_again_in_whatever_order_records_came(index, tmp_path):
    records = [("sis", "1", {"birth_date": None}), ("sis", "2", {"birth_date": None, "ssn": "219-09-9998"})]
    records += [("ccwis", f"C{n}", {"birth_date": f"{2010 + n}-01-20"}) for n in range(3)]
    said = [(s, i, {"postal_code": "43001", "as_of": f"2026-01-0{n}", **c}) for n, (s, i, c) in
            enumerate(records, 1)]  # fmt: skip

    def kept(of):
        named = {f"{ends}": (t.question, subject, t.harm) for t, ends, subject in
                 ((t, sorted(e), s) for t, e, s in asked(of))}  # fmt: skip
        assert named
        return named

    for source, local_id, changes in said:
        put(index, source, local_id, **changes)
    expected = kept(index)
    rebuild(index, OPERATOR)
    assert kept(index) == expected
    secret = (tmp_path / "home" / "secret.key").read_text()
    for seed in range(3):
        with an_index(tmp_path / f"other-{seed}", "sis", "ccwis", secret=secret) as other:
            for source, local_id, changes in random.Random(seed).sample(said, len(said)):
                put(other, source, local_id, **changes)
            assert kept(other) == expected


def test_a_load_taken_back_leaves_no_question_of_it(index):
    unborn(index)
    receipt = load_rows(
        index, "ccwis", a_child("C1", **{**CRUZ, "birth_date": "2013-01-20", "postal_code": "43001"}),
        as_of=datetime(2026, 3, 1, tzinfo=UTC),
    )  # fmt: skip
    assert len(questions(index)) == 1
    undo_load(index, OPERATOR, receipt.batch)
    assert questions(index) == {}
