"""Review pairs are grouped into questions, independent of order; changes have local effect."""

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
low_numbers = st.integers(0, 30)
hub_numbers = st.integers(0, 2)
edges = (
    st.tuples(st.one_of(low_numbers, hub_numbers), low_numbers)
    .filter(lambda ends: ends[0] != ends[1])
    .map(lambda e: order_pair(*e))
)
pair_sets = st.sets(edges, max_size=60)
small_pair_sets = st.sets(edges, max_size=6)


def group(pairs):
    return ReviewPairGraph.from_pairs(pairs).group_into_questions(pairs)


def pairs_by_question(pairs):
    """Return the pairs of each question."""
    pairs_of = defaultdict(set)
    for pair, question in group(pairs).items():
        pairs_of[question].add(pair)
    return dict(pairs_of)


@given(pair_sets)
def test_every_pair_is_in_exactly_one_question_and_keys_are_unique(pairs):
    questions = group(pairs)
    assert questions.keys() == pairs
    assert len({question.key for question in questions.values()}) == len(set(questions.values()))


@given(pair_sets, st.integers(0, 9))
def test_the_order_of_the_pairs_makes_no_difference(pairs, seed):
    shuffled = sorted(pairs)
    random.Random(seed).shuffle(shuffled)
    assert group(shuffled) == group(sorted(pairs))


@given(pair_sets)
def test_a_question_is_connected_and_is_a_star_or_fits_a_page(pairs):
    for question, own_pairs in pairs_by_question(pairs).items():
        records = {record for pair in own_pairs for record in pair}
        assert question.named_by in records
        match question.shape:
            case QuestionShape.COUPLE:
                assert len(own_pairs) == 1
            case QuestionShape.STAR:
                assert all(question.named_by in pair for pair in own_pairs)
            case QuestionShape.GRID:
                assert len(records) <= MAX_GRID_RECORDS
                assert nx.is_connected(nx.Graph(own_pairs))
                assert not any(all(record in pair for pair in own_pairs) for record in records)


@given(pair_sets, st.sets(st.tuples(st.integers(40, 60), st.integers(61, 80)), max_size=20))
def test_doubtful_pairs_elsewhere_change_no_question(pairs, other_pairs):
    assert group(pairs).items() <= group(pairs | other_pairs).items()


@given(keys, keys)
def test_a_key_identifies_one_record_and_needs_no_url_escape(first_record, second_record):
    first, second = (PairQuestion(key, QuestionShape.STAR).key for key in (first_record, second_record))
    assert (first == second) == (first_record == second_record)
    assert len(first) == 18
    assert first.removeprefix("q-").isalnum()


def test_three_candidates_of_one_record_are_one_question():
    assert pairs_by_question([(1, 9), (4, 9), (9, 12)]) == {
        PairQuestion(9, QuestionShape.STAR): {(1, 9), (4, 9), (9, 12)}
    }


def test_removing_a_candidate_keeps_the_questions_key():
    assert {*group([(1, 9), (4, 9), (9, 12)]).values()} == {*group([(1, 9), (4, 9)]).values()}


def test_two_records_alone_are_a_couple():
    assert group([(1, 9)]) == {(1, 9): PairQuestion(1, QuestionShape.COUPLE)}


def test_two_twins_in_each_of_two_sources_are_one_grid():
    assert {*group([(1, 3), (1, 4), (2, 3), (2, 4)]).values()} == {PairQuestion(1, QuestionShape.GRID)}


def test_a_part_larger_than_a_page_is_cut_into_a_star_and_separate_questions():
    hub = [(0, leaf) for leaf in range(1, 13)]
    square = [(12, 13), (13, 14), (14, 15), (12, 15)]
    assert pairs_by_question([*hub, *square]) == {
        PairQuestion(0, QuestionShape.STAR): {*hub},
        PairQuestion(12, QuestionShape.GRID): {*square},
    }


def test_a_pair_of_two_hubs_belongs_to_the_larger_hub():
    assert BUSY_CANDIDATES < 8
    larger_hub = [(0, leaf) for leaf in range(100, 108)]
    smaller_hub = [(1, leaf) for leaf in range(200, 206)]
    assert group([*larger_hub, *smaller_hub, (0, 1)])[0, 1] == PairQuestion(0, QuestionShape.STAR)


def test_pairs_of_a_long_chain_belong_to_their_record_with_more_candidates():
    chain = [(n, n + 1) for n in range(500)]
    assert pairs_by_question(chain)[PairQuestion(1, QuestionShape.STAR)] == {(0, 1), (1, 2)}
    assert all(len(own_pairs) <= 2 for own_pairs in pairs_by_question(chain).values())


@st.composite
def parts_near_page_size(draw):
    """Draw parts that just fit a page or just do not, with or without hubs."""
    pairs = set()
    for first in range(draw(st.integers(1, 4))):
        records = range(first * 8, first * 8 + draw(st.integers(2, 14)))
        chain = {(record, record + 1) for record in records[:-1]}
        star = {
            order_pair(records[0], leaf) for leaf in records[1 : draw(st.integers(0, BUSY_CANDIDATES + 1))]
        }
        pairs |= chain | star
    return pairs


@given(st.one_of(pair_sets, parts_near_page_size()), small_pair_sets, small_pair_sets)
@settings(max_examples=300)
def test_a_change_reports_every_renamed_question(pairs, added, removed):
    after = (pairs | added) - removed
    assert _questions_after_change(pairs, after) == group(after)
    assert _questions_after_change(after, pairs) == group(pairs)


def _questions_after_change(before, after):
    """Return the questions that remain and those that the change regroups."""
    changed = {end for pair in before ^ after for end in pair}
    regrouped = regroup_questions(
        ReviewPairGraph.from_pairs(before), ReviewPairGraph.from_pairs(after), changed
    )
    return {pair: question for pair, question in group(before).items() if pair in after} | regrouped


def test_two_parts_that_fit_a_page_are_cut_as_a_whole_once_joined():
    two_parts = {(n, n + 1) for n in (*range(9), *range(20, 29))}
    joined = two_parts | {(9, 20)}
    assert len({*group(two_parts).values()}) == 2
    assert _questions_after_change(two_parts, joined) == group(joined)
    assert _questions_after_change(joined, two_parts) == group(two_parts)


def test_a_change_reads_few_pairs_however_large_the_part():
    def count_reads(length):
        chain = {(n, n + 1) for n in range(length)}
        records_read = set()

        def counting_graph(doubts):
            return ReviewPairGraph(
                lambda records: records_read.update(records) or {r: doubts.get_candidates(r) for r in records}
            )

        middle = length // 2
        before, after = (
            ReviewPairGraph.from_pairs(chain),
            ReviewPairGraph.from_pairs({*chain, (middle, length + 7)}),
        )
        regroup_questions(counting_graph(before), counting_graph(after), {middle, length + 7})
        return len(records_read)

    assert count_reads(10_000) == count_reads(100) < 100
