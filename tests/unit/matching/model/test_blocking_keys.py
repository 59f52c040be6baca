import pickle

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpi.domain.errors import ModelError
from mpi.domain.features import Features
from mpi.domain.keyed_hash import KeyedHash
from mpi.matching.model.blocking_keys import BlockingSpec, compute_keys, compute_keys_by_rule
from mpi.matching.scoring.splink_engine import find_all_candidate_pairs, find_large_blocks

SEAL = KeyedHash(b"k" * 32)
SPEC = BlockingSpec.parse(
    {
        "birth": ["birth_dates|birth_date_swapped", "surname:3"],
        "day": ["given_forms", "birth_date:-5"],
        "home": ["addresses"],
    }
)


def share(left: Features, right: Features, spec: BlockingSpec = SPEC) -> bool:
    return bool(set(compute_keys(left, spec, SEAL)) & set(compute_keys(right, spec, SEAL)))


def test_keys_are_sorted_unique_signed_64_bit_integers():
    found = compute_keys(
        Features(
            addresses=("1 A", "2 B"), given_forms=("A", "B"), birth_date="2011-02-03", birth_dates=("x",)
        ),
        SPEC,
        SEAL,
    )
    assert found == sorted(set(found))
    assert len(found) == 4
    assert all(-(2**63) <= key < 2**63 for key in found)


def test_keys_are_those_that_each_rule_tells_of():
    spec = BlockingSpec.parse(
        {
            "one": ["email"],
            "list": ["phones"],
            "cut": ["given_roots:2", "surname:-3"],
            "either": ["birth_dates|birth_date_swapped:7", "birth_year"],
        }
    )
    child = Features(
        email="a@b.us",
        phones=("+16145550134", "+16145550199"),
        given_roots=("ANA", "ANNA", "BO"),
        surname="RUIZ",
        birth_dates=("2012-03-04", "2012-03-05", "2014-01-01"),
        birth_date_swapped="2012-04-03",
        birth_year=2012,
    )
    told = compute_keys_by_rule(child, spec, SEAL)
    assert [text for _, text in told] == [
        "a@b.us",
        "+16145550134",
        "+16145550199",
        "AN\x1fUIZ",
        "BO\x1fUIZ",
        "2012-03\x1f2012",
        "2014-01\x1f2012",
        "2012-04\x1f2012",
    ]
    assert compute_keys(child, spec, SEAL) == sorted(told.values())


def test_a_spec_that_was_used_can_be_sent_to_another_process():
    features = Features(addresses=("1 A",), given_forms=("ANA",), birth_date="2011-02-03")
    used = compute_keys(features, SPEC, SEAL)
    sent = pickle.loads(pickle.dumps(SPEC))
    assert compute_keys(features, sent, SEAL) == used


def test_a_rule_with_a_missing_part_gives_no_key():
    assert compute_keys(Features(birth_dates=("2011-02-03",)), SPEC, SEAL) == []


def test_any_of_a_list_meets_any_of_another_list():
    assert share(Features(addresses=("1 A", "2 B")), Features(addresses=("2 B", "3 C")))
    assert not share(Features(addresses=("1 A",)), Features(addresses=("3 C",)))


def test_a_prefix_and_a_suffix_are_all_that_must_agree():
    left = Features(surname="VANDENBERG", birth_dates=("2011-02-03",))
    assert share(left, Features(surname="VANDERBILT", birth_dates=("2011-02-03",)))
    assert share(
        Features(given_forms=("ANA",), birth_date="2011-02-03"),
        Features(given_forms=("ANA",), birth_date="2012-02-03"),
    )


def test_alternatives_meet_each_other():
    assert share(
        Features(surname="BELL", birth_dates=("2011-02-03",), birth_date_swapped="2011-03-02"),
        Features(surname="BELL", birth_dates=("2011-03-02",)),
    )


def test_the_rule_is_part_of_the_hash_and_so_are_the_borders_of_its_parts():
    spec = BlockingSpec.parse({"one": ["given"], "two": ["surname"], "both": ["given", "surname"]})
    assert not share(Features(given="A"), Features(surname="A"), spec)
    assert not share(Features(given="AB", surname="C"), Features(given="A", surname="BC"), spec)


def test_another_secret_gives_other_keys():
    features = Features(addresses=("1 A",))
    assert compute_keys(features, SPEC, SEAL) != compute_keys(features, SPEC, KeyedHash(b"x" * 32))


@pytest.mark.parametrize(
    "rules", [{}, {"a": []}, {"a": ["no_such"]}, {"a": ["given:0"]}, {"a": ["given;"]}, {"A b": ["given"]},
              {"a-name-too-long": ["given"]}]
)  # fmt: skip
def test_a_wrong_spec_is_refused(rules):
    with pytest.raises(ModelError):
        BlockingSpec.parse(rules)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 8)), unique=True), st.sets(st.integers(0, 8)))
def test_candidates_are_the_distinct_pairs_that_share_a_key(rows, touched):
    table = pa.table(
        {
            "key": pa.array([k for k, _ in rows], pa.int64()),
            "record_id": pa.array([r for _, r in rows], pa.int64()),
        }
    )
    expected = {(a, b) for k, a in rows for j, b in rows if k == j and a < b}

    def pairs(found):
        listed = list(zip(found["lo"].to_pylist(), found["hi"].to_pylist(), strict=True))
        assert len(listed) == len(set(listed))
        return set(listed)

    assert pairs(find_all_candidate_pairs(table)) == expected
    some = find_all_candidate_pairs(table, pa.array(sorted(touched), pa.int64()))
    assert pairs(some) == {pair for pair in expected if touched & set(pair)}


def test_large_blocks_are_told_and_still_paired():
    table = pa.table({"key": pa.array([7] * 5 + [8], pa.int64()), "record_id": pa.array([*range(5), 0])})
    assert find_large_blocks(table, 4).to_pylist() == [{"key": 7, "size": 5}]
    assert find_large_blocks(table, 5).num_rows == 0
    assert find_all_candidate_pairs(table).num_rows == 10


def test_a_stopped_key_is_nobodys_and_its_rules_refinement_stands_for_it():
    spec = BlockingSpec.parse(
        {"names": ["given_roots", "surname"], "postal": ["postal_code", "given:1"]}, {"names": ["birth_year"]}
    )
    child = Features(
        given="ANA", given_roots=("ANA", "ANNA"), surname="GARCIA", birth_year=2014, postal_code="43001"
    )
    plain = compute_keys_by_rule(child, spec, SEAL)
    names = plain["names", "ANA\x1fGARCIA"]
    without = compute_keys_by_rule(child, spec.with_stopped_keys(frozenset({names})), SEAL)
    assert set(without) - set(plain) == {("names", "ANA\x1fGARCIA\x1f2014")}
    assert set(plain) - set(without) == {("names", "ANA\x1fGARCIA")}
    assert names not in without.values()
    finer = without["names", "ANA\x1fGARCIA\x1f2014"]
    both = compute_keys_by_rule(child, spec.with_stopped_keys(frozenset({names, finer})), SEAL)
    assert both.keys() == plain.keys() - {("names", "ANA\x1fGARCIA")}
    postal = plain["postal", "43001\x1fA"]
    unrefined = compute_keys_by_rule(child, spec.with_stopped_keys(frozenset({postal})), SEAL)
    assert unrefined.keys() == plain.keys() - {("postal", "43001\x1fA")}


def test_a_refinement_of_a_rule_that_there_is_not_is_refused():
    with pytest.raises(ModelError, match="surnames"):
        BlockingSpec.parse({"names": ["surname"]}, {"surnames": ["birth_year"]})
