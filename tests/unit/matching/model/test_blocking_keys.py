import pickle
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpi.domain.errors import ModelError
from mpi.domain.features import Features
from mpi.domain.keyed_hash import KeyedHash
from mpi.matching.model.blocking_keys import (
    BlockingSpec,
    compute_finer_keys,
    compute_keys,
    compute_keys_by_rule,
)
from mpi.matching.scoring.splink_engine import find_all_candidate_pairs

SEAL = KeyedHash(b"k" * 32)
SPEC = BlockingSpec.parse(
    {
        "birth": ["birth_dates|birth_date_swapped", "surname:3"],
        "day": ["given_forms", "birth_date:-5"],
        "home": ["addresses"],
    }
)


def share_a_key(left: Features, right: Features, spec: BlockingSpec = SPEC) -> bool:
    return bool(set(compute_keys(left, spec, SEAL)) & set(compute_keys(right, spec, SEAL)))


def test_keys_are_sorted_unique_signed_64_bit_integers():
    keys = compute_keys(
        Features(
            addresses=("1 A", "2 B"), given_forms=("A", "B"), birth_date="2011-02-03", birth_dates=("x",)
        ),
        SPEC,
        SEAL,
    )
    assert keys == sorted(set(keys))
    assert len(keys) == 4
    assert all(-(2**63) <= key < 2**63 for key in keys)


def test_keys_equal_those_of_each_rule():
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
    keys_by_rule = compute_keys_by_rule(child, spec, SEAL)
    assert [text for _, text in keys_by_rule] == [
        "a@b.us",
        "+16145550134",
        "+16145550199",
        "AN\x1fUIZ",
        "BO\x1fUIZ",
        "2012-03\x1f2012",
        "2014-01\x1f2012",
        "2012-04\x1f2012",
    ]
    assert compute_keys(child, spec, SEAL) == sorted(keys_by_rule.values())


def test_a_used_spec_can_be_pickled():
    features = Features(addresses=("1 A",), given_forms=("ANA",), birth_date="2011-02-03")
    keys = compute_keys(features, SPEC, SEAL)
    unpickled = pickle.loads(pickle.dumps(SPEC))
    assert compute_keys(features, unpickled, SEAL) == keys


def test_a_rule_with_a_missing_part_gives_no_key():
    assert compute_keys(Features(birth_dates=("2011-02-03",)), SPEC, SEAL) == []


def test_any_value_of_a_list_matches_any_of_another_list():
    assert share_a_key(Features(addresses=("1 A", "2 B")), Features(addresses=("2 B", "3 C")))
    assert not share_a_key(Features(addresses=("1 A",)), Features(addresses=("3 C",)))


def test_only_a_prefix_or_a_suffix_must_agree():
    left = Features(surname="VANDENBERG", birth_dates=("2011-02-03",))
    assert share_a_key(left, Features(surname="VANDERBILT", birth_dates=("2011-02-03",)))
    assert share_a_key(
        Features(given_forms=("ANA",), birth_date="2011-02-03"),
        Features(given_forms=("ANA",), birth_date="2012-02-03"),
    )


def test_alternatives_match_each_other():
    assert share_a_key(
        Features(surname="BELL", birth_dates=("2011-02-03",), birth_date_swapped="2011-03-02"),
        Features(surname="BELL", birth_dates=("2011-03-02",)),
    )


def test_the_hash_covers_the_rule_and_the_boundaries_of_its_parts():
    spec = BlockingSpec.parse({"one": ["given"], "two": ["surname"], "both": ["given", "surname"]})
    assert not share_a_key(Features(given="A"), Features(surname="A"), spec)
    assert not share_a_key(Features(given="AB", surname="C"), Features(given="A", surname="BC"), spec)


def test_another_secret_gives_other_keys():
    features = Features(addresses=("1 A",))
    assert compute_keys(features, SPEC, SEAL) != compute_keys(features, SPEC, KeyedHash(b"x" * 32))


@pytest.mark.parametrize(
    "rules", [{}, {"a": []}, {"a": ["no_such"]}, {"a": ["given:0"]}, {"a": ["given;"]}, {"A b": ["given"]},
              {"a-name-too-long": ["given"]}]
)  # fmt: skip
def test_an_invalid_spec_is_refused(rules):
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

    def pairs(result):
        pair_list = list(zip(result["lo"].to_pylist(), result["hi"].to_pylist(), strict=True))
        assert len(pair_list) == len(set(pair_list))
        return set(pair_list)

    assert pairs(find_all_candidate_pairs(table)) == expected
    restricted = find_all_candidate_pairs(table, pa.array(sorted(touched), pa.int64()))
    assert pairs(restricted) == {pair for pair in expected if touched & set(pair)}


def test_records_of_a_large_block_are_still_paired():
    table = pa.table({"key": pa.array([7] * 5 + [8], pa.int64()), "record_id": pa.array([*range(5), 0])})
    assert find_all_candidate_pairs(table).num_rows == 10


def test_a_stopped_key_is_replaced_by_its_rules_refinement():
    spec = BlockingSpec.parse(
        {"names": ["given_roots", "surname"], "postal": ["postal_code", "given:1"]}, {"names": ["birth_year"]}
    )
    child = Features(
        given="ANA", given_roots=("ANA", "ANNA"), surname="GARCIA", birth_year=2014, postal_code="43001"
    )
    all_keys = compute_keys_by_rule(child, spec, SEAL)
    name_key = all_keys["names", "ANA\x1fGARCIA"]
    with_stop = compute_keys_by_rule(child, spec.with_stopped_keys(frozenset({name_key})), SEAL)
    assert set(with_stop) - set(all_keys) == {("names", "ANA\x1fGARCIA\x1f2014")}
    assert set(all_keys) - set(with_stop) == {("names", "ANA\x1fGARCIA")}
    assert name_key not in with_stop.values()
    refined_key = with_stop["names", "ANA\x1fGARCIA\x1f2014"]
    with_both_stopped = compute_keys_by_rule(
        child, spec.with_stopped_keys(frozenset({name_key, refined_key})), SEAL
    )
    assert with_both_stopped.keys() == all_keys.keys() - {("names", "ANA\x1fGARCIA")}
    postal_key = all_keys["postal", "43001\x1fA"]
    unrefined = compute_keys_by_rule(child, spec.with_stopped_keys(frozenset({postal_key})), SEAL)
    assert unrefined.keys() == all_keys.keys() - {("postal", "43001\x1fA")}


def test_a_refinement_of_an_unknown_rule_is_refused():
    with pytest.raises(ModelError, match="surnames"):
        BlockingSpec.parse({"names": ["surname"]}, {"surnames": ["birth_year"]})


def test_finer_keys_are_those_that_a_stop_would_give():
    spec = BlockingSpec.parse(
        {"names": ["given_forms", "surname"], "home": ["addresses"]}, {"names": ["birth_year"]}
    )
    child = Features(given_forms=("ANA", "BO"), surname="RUIZ", birth_year=2012, addresses=("1 A",))
    own = set(compute_keys(child, spec, SEAL))
    for refined in (set(), own, {min(own)}, {max(own), 7}):
        stopping = spec.with_stopped_keys(frozenset(refined))
        gained = set(compute_keys(child, stopping, SEAL)) - own
        assert compute_finer_keys(child, spec, SEAL, refined) == sorted(gained)
    assert len(compute_finer_keys(child, spec, SEAL, own)) == 2
    assert compute_finer_keys(replace(child, birth_year=None), spec, SEAL, own) == []


def test_finer_key_that_is_stopped_is_left_out():
    spec = BlockingSpec.parse({"names": ["surname"]}, {"names": ["birth_year"]})
    child = Features(surname="RUIZ", birth_year=2012)
    own = compute_keys(child, spec, SEAL)
    [finer] = compute_finer_keys(child, spec, SEAL, own)
    assert compute_finer_keys(child, spec.with_stopped_keys(frozenset({finer})), SEAL, own) == []
