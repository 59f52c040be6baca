import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.eid import ALPHABET, is_test_eid, mint_eid, parse_eid
from mpi.domain.errors import EidError

SEEDS = st.integers(0, 2**32)


def mint(seed: int, *, test: bool = False) -> str:
    return mint_eid(test=test, randbelow=random.Random(seed).randrange)


def without_hyphens(eid: str) -> str:
    return eid.replace("-", "")


def is_refused(symbols: str) -> bool:
    try:
        parse_eid(symbols)
    except EidError:
        return True
    return False


@given(SEEDS, st.booleans())
def test_a_minted_id_parses_to_itself(seed, test):
    eid = mint(seed, test=test)
    assert parse_eid(eid) == eid
    assert [len(group) for group in eid.split("-")] == [4, 4, 4]


@given(SEEDS)
def test_every_single_wrong_symbol_is_caught(seed):
    symbols = without_hyphens(mint(seed))
    for position, right in enumerate(symbols):
        for wrong in ALPHABET:
            if wrong != right:
                assert is_refused(symbols[:position] + wrong + symbols[position + 1 :])


@given(SEEDS)
def test_every_swap_of_neighbors_is_caught(seed):
    symbols = without_hyphens(mint(seed))
    for position in range(len(symbols) - 1):
        left, right = symbols[position], symbols[position + 1]
        if left != right:
            assert is_refused(symbols[:position] + right + left + symbols[position + 2 :])


@given(SEEDS)
def test_only_ids_of_a_test_index_are_marked(seed):
    assert is_test_eid(mint(seed, test=True))
    assert not is_test_eid(mint(seed))


def test_ids_use_the_whole_alphabet():
    symbols = "".join(without_hyphens(mint(seed))[1:] for seed in range(400))
    assert set(symbols) == set(ALPHABET)


@given(SEEDS)
def test_an_id_is_parsed_as_people_type_it(seed):
    eid = mint(seed)
    assert parse_eid(eid.lower()) == eid
    assert parse_eid(f" {without_hyphens(eid)} ") == eid
    assert parse_eid(eid.replace("-", " ")) == eid


@given(SEEDS)
def test_letters_that_look_like_digits_are_read_as_digits(seed):
    eid = mint(seed)
    for digit, letters in (("0", "Oo"), ("1", "IiLl")):
        for letter in letters:
            assert parse_eid(eid.replace(digit, letter)) == eid


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "this has 0"),
        ("7K3M-92QX", "this has 8"),
        ("7K3M-92QX-0HTV-7", "this has 13"),
        ("7K3M-92QX-0HTU", "without I, L, O, U"),
        ("7K3M-92QX-0HT!", "without I, L, O, U"),
        ("7K3M-92QX-0HTé", "without I, L, O, U"),
    ],
)
def test_an_invalid_id_is_refused_with_the_rule_that_it_breaks(text, reason):
    with pytest.raises(EidError, match=reason):
        parse_eid(text)


def test_a_wrong_symbol_is_named_as_the_cause():
    symbols = without_hyphens(mint(7))
    with pytest.raises(EidError, match="a letter or digit is wrong, or two are swapped"):
        parse_eid(symbols[:-1] + ("0" if symbols[-1] != "0" else "2"))


def test_the_systems_randomness_is_the_default():
    assert len({mint_eid(test=False) for _ in range(50)}) == 50
