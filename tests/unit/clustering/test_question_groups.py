"""Grouping: every pair in doubt is in one question, whatever their order, and a change is felt near by."""

import random
from collections import defaultdict

import networkx as nx
from hypothesis import given, settings
from hypothesis import strategies as st

from mpi.clustering.component import order_pair
from mpi.clustering.question_groups import (
    BUSY_CANDIDATES,
    MAX_GRID_RECORDS,
    PairQuestion,
    QuestionShape,
    ReviewPairGraph,
    regroup_questions,
)

keys = st.integers(-(2**63), 2**63 - 1)
few = st.integers(0, 30)
hubs = st.integers(0, 2)
edges = (
    st.tuples(st.one_of(few, hubs), few).filter(lambda ends: ends[0] != ends[1]).map(lambda e: order_pair(*e))
)
pair_sets = st.sets(edges, max_size=60)
few_pairs = st.sets(edges, max_size=6)


def grouped(pairs):
    return ReviewPairGraph.from_pairs(pairs).group_into_questions(pairs)


def shown(pairs):
    """The pairs of each question."""
    found = defaultdict(set)
    for each, question in grouped(pairs).items():
        found[question].add(each)
    return dict(found)


@given(pair_sets)
def test_every_pair_is_in_just_one_question_and_no_two_questions_bear_one_name(pairs):
    found = grouped(pairs)
    assert found.keys() == pairs
    assert len({question.key for question in found.values()}) == len(set(found.values()))


@given(pair_sets, st.integers(0, 9))
def test_the_order_of_the_pairs_makes_no_difference(pairs, seed):
    shuffled = sorted(pairs)
    random.Random(seed).shuffle(shuffled)
    assert grouped(shuffled) == grouped(sorted(pairs))


@given(pair_sets)
def test_a_question_hangs_together_and_is_a_star_or_fits_a_page(pairs):
    for question, its in shown(pairs).items():
        records = {record for each in its for record in each}
        assert question.named_by in records
        match question.shape:
            case QuestionShape.COUPLE:
                assert len(its) == 1
            case QuestionShape.STAR:
                assert all(question.named_by in each for each in its)
            case QuestionShape.GRID:
                assert len(records) <= MAX_GRID_RECORDS
                assert nx.is_connected(nx.Graph(its))
                assert not any(all(record in each for each in its) for record in records)


@given(pair_sets, st.sets(st.tuples(st.integers(40, 60), st.integers(61, 80)), max_size=20))
def test_what_is_in_doubt_elsewhere_changes_no_question(pairs, elsewhere):
    assert grouped(pairs).items() <= grouped(pairs | elsewhere).items()


@given(keys, keys)
def test_a_key_names_one_record_and_needs_no_escape_in_an_address(one, other):
    first, second = (PairQuestion(key, QuestionShape.STAR).key for key in (one, other))
    assert (first == second) == (one == other)
    assert len(first) == 18
    assert first.removeprefix("q-").isalnum()


def test_three_candidates_of_one_record_are_one_question_about_it():
    assert shown([(1, 9), (4, 9), (9, 12)]) == {
        PairQuestion(9, QuestionShape.STAR): {(1, 9), (4, 9), (9, 12)}
    }


def test_one_candidate_less_leaves_the_question_its_name():
    assert {*grouped([(1, 9), (4, 9), (9, 12)]).values()} == {*grouped([(1, 9), (4, 9)]).values()}


def test_two_records_alone_are_a_couple():
    assert grouped([(1, 9)]) == {(1, 9): PairQuestion(1, QuestionShape.COUPLE)}


def test_two_twins_in_each_of_two_sources_are_one_grid():
    assert {*grouped([(1, 3), (1, 4), (2, 3), (2, 4)]).values()} == {PairQuestion(1, QuestionShape.GRID)}


def test_more_than_fits_a_page_is_cut_into_the_star_of_who_is_busy_and_rests_that_are_questions_as_they_are():
    hub = [(0, leaf) for leaf in range(1, 13)]
    square = [(12, 13), (13, 14), (14, 15), (12, 15)]
    assert shown([*hub, *square]) == {
        PairQuestion(0, QuestionShape.STAR): {*hub},
        PairQuestion(12, QuestionShape.GRID): {*square},
    }


def test_a_pair_of_two_busy_records_is_asked_about_the_busier():
    assert BUSY_CANDIDATES < 8
    busier = [(0, leaf) for leaf in range(100, 108)]
    busy = [(1, leaf) for leaf in range(200, 206)]
    assert grouped([*busier, *busy, (0, 1)])[0, 1] == PairQuestion(0, QuestionShape.STAR)


def test_in_a_long_chain_of_records_alike_each_pair_is_asked_about_its_busier_record():
    chain = [(n, n + 1) for n in range(500)]
    assert shown(chain)[PairQuestion(1, QuestionShape.STAR)] == {(0, 1), (1, 2)}
    assert all(len(its) <= 2 for its in shown(chain).values())


@st.composite
def parts_of_a_page(draw):
    """Parts that just fit a page or just do not, with hubs or without: what a pair more or less turns."""
    found = set()
    for first in range(draw(st.integers(1, 4))):
        records = range(first * 8, first * 8 + draw(st.integers(2, 14)))
        chain = {(one, one + 1) for one in records[:-1]}
        star = {
            order_pair(records[0], other) for other in records[1 : draw(st.integers(0, BUSY_CANDIDATES + 1))]
        }
        found |= chain | star
    return found


@given(st.one_of(pair_sets, parts_of_a_page()), few_pairs, few_pairs)
@settings(max_examples=300)
def test_what_a_change_renames_is_told_whatever_else_there_is(pairs, come, gone):
    after = (pairs | come) - gone
    assert _followed(pairs, after) == grouped(after)
    assert _followed(after, pairs) == grouped(pairs)


def _followed(before, after):
    """What is kept of the questions before, and what is told anew."""
    changed = {end for each in before ^ after for end in each}
    told = regroup_questions(ReviewPairGraph.from_pairs(before), ReviewPairGraph.from_pairs(after), changed)
    return {each: question for each, question in grouped(before).items() if each in after} | told


def test_two_parts_that_fit_a_page_and_are_joined_are_cut_as_a_whole():
    two = {(n, n + 1) for n in (*range(9), *range(20, 29))}
    joined = two | {(9, 20)}
    assert len({*grouped(two).values()}) == 2
    assert _followed(two, joined) == grouped(joined)
    assert _followed(joined, two) == grouped(two)


def test_a_change_asks_for_no_more_pairs_however_much_hangs_together():
    def read_for(length):
        chain = {(n, n + 1) for n in range(length)}
        asked = set()

        def told_of(doubts):
            return ReviewPairGraph(
                lambda records: asked.update(records) or {r: doubts.get_candidates(r) for r in records}
            )

        middle = length // 2
        before, after = (
            ReviewPairGraph.from_pairs(chain),
            ReviewPairGraph.from_pairs({*chain, (middle, length + 7)}),
        )
        regroup_questions(told_of(before), told_of(after), {middle, length + 7})
        return len(asked)

    assert read_for(10_000) == read_for(100) < 100
