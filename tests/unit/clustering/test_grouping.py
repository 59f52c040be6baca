"""Grouping: every pair in doubt is in one question, whatever their order."""

import random

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from mpi.clustering.component import pair
from mpi.clustering.grouping import MOST_IN_A_GRID, Question, grouped

keys = st.integers(-(2**63), 2**63 - 1)
few = st.integers(0, 30)
edges = st.tuples(few, few).filter(lambda ends: ends[0] != ends[1]).map(lambda ends: pair(*ends))
pair_sets = st.sets(edges, max_size=60)


@given(pair_sets)
def test_every_pair_is_in_just_one_question_and_no_two_questions_bear_one_name(pairs):
    found = grouped(pairs)
    assert sorted(each for question in found for each in question.pairs) == sorted(pairs)
    assert len({question.key for question in found}) == len(found)


@given(pair_sets, st.integers(0, 9))
def test_the_order_of_the_pairs_makes_no_difference(pairs, seed):
    shuffled = sorted(pairs)
    random.Random(seed).shuffle(shuffled)
    assert grouped(shuffled) == grouped(sorted(pairs))


@given(pair_sets)
def test_a_question_hangs_together_and_is_a_star_or_fits_a_page(pairs):
    for question in grouped(pairs):
        records = {record for each in question.pairs for record in each}
        assert question.named_by in records
        if question.is_star:
            assert all(question.named_by in each for each in question.pairs)
        else:
            assert len(records) <= MOST_IN_A_GRID
            assert not any(all(record in each for each in question.pairs) for record in records)


@given(pair_sets, st.sets(st.tuples(st.integers(40, 60), st.integers(61, 80)), max_size=20))
def test_what_is_in_doubt_elsewhere_changes_no_question(pairs, elsewhere):
    assert set(grouped(pairs)) <= set(grouped(pairs | elsewhere))


@given(keys, keys)
def test_a_key_names_one_record_and_needs_no_escape_in_an_address(one, other):
    first, second = (Question(key, is_star=True, pairs=()).key for key in (one, other))
    assert (first == second) == (one == other)
    assert len(first) == 18
    assert first.removeprefix("q-").isalnum()


def test_three_candidates_of_one_record_are_one_question_about_it():
    [question] = grouped([(1, 9), (4, 9), (9, 12)])
    assert (question.named_by, question.is_star) == (9, True)


def test_one_candidate_less_leaves_the_question_its_name():
    assert grouped([(1, 9), (4, 9), (9, 12)])[0].key == grouped([(1, 9), (4, 9)])[0].key


def test_two_twins_in_each_of_two_sources_are_one_grid():
    [question] = grouped([(1, 3), (1, 4), (2, 3), (2, 4)])
    assert (question.named_by, question.is_star) == (1, False)


def test_more_than_fits_a_page_is_cut_into_stars_the_busiest_record_first():
    hub = [(0, leaf) for leaf in range(1, 13)]
    questions = grouped([*hub, (12, 13), (13, 14)])
    assert [(one.named_by, one.is_star, len(one.pairs)) for one in questions] == [
        (0, True, 12),
        (13, True, 2),
    ]


def test_a_chain_of_hundreds_is_cut_without_end():
    assert len(grouped([(n, n + 1) for n in range(500)])) > 100


def test_a_hundred_thousand_pairs_that_hang_together_are_cut_in_one_go_and_not_once_for_each_cut():
    assert len(grouped([(n, n + 1) for n in range(100_000)])) > 20_000


@given(st.one_of(pair_sets, st.sets(edges, min_size=10, max_size=20)), st.sets(edges, max_size=20))
def test_the_questions_are_those_of_the_rule_as_it_is_told(pairs, more):
    chain = {(100 + n, 101 + n) for n in range(14)}
    beyond = {(left + 50, right + 50) for left, right in more} | chain
    assert grouped(pairs | beyond) == _by_the_rule(sorted(pairs | beyond))


def _by_the_rule(pairs):
    """A part that fits a page and is no star is a grid; of another the star of its busiest record is cut."""
    found = []
    waiting = _parts(pairs)
    while waiting:
        part = waiting.pop()
        records = sorted({record for each in part for record in each})
        centre = max(records, key=lambda record: (sum(record in each for each in part), -record))
        mine = tuple(each for each in part if centre in each)
        if len(mine) < len(part) and len(records) <= MOST_IN_A_GRID:
            found.append(Question(records[0], is_star=False, pairs=tuple(part)))
        else:
            found.append(Question(centre, is_star=True, pairs=mine))
            waiting += _parts([each for each in part if centre not in each])
    return sorted(found, key=lambda question: question.named_by)


def _parts(pairs):
    parts = nx.connected_components(nx.Graph(pairs))
    return [[each for each in pairs if each[0] in records] for records in parts]
