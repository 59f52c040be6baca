import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.keyed_hash import SECRET_BYTES, KeyedHash

SEAL, OTHER = KeyedHash(b"a" * SECRET_BYTES), KeyedHash(b"b" * SECRET_BYTES)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT)
def test_the_same_text_has_the_same_hash_only_under_the_same_secret(text):
    assert SEAL.to_token("ssn", text) == KeyedHash(b"a" * SECRET_BYTES).to_token("ssn", text)
    assert SEAL.to_token("ssn", text) != OTHER.to_token("ssn", text)
    assert SEAL.to_int64("key", text) != OTHER.to_int64("key", text)


@given(TEXT)
def test_tokens_of_different_kinds_differ(text):
    assert SEAL.to_token("ssn", text) != SEAL.to_token("ssn4", text)
    assert SEAL.to_int64("ssn", text) != SEAL.to_int64("ssn4", text)


@given(TEXT)
def test_integers_fit_the_signed_columns_of_both_stores(text):
    assert -(2**63) <= SEAL.to_int64("key", text) < 2**63


def test_integers_use_both_signs():
    signs = {SEAL.to_int64("key", str(number)) < 0 for number in range(50)}
    assert signs == {True, False}


def test_hashes_are_stable_across_releases():
    # Every index stores them: a change would lose each SSN token, blocking key and tie-break.
    assert SEAL.to_token("ssn", "219099998") == "6022bbf5e1534625592395d20d0bb858"
    assert SEAL.to_int64("key", "ANA") == -3245251890778741970


@given(TEXT)
def test_a_token_has_32_hexadecimal_digits(text):
    assert len(SEAL.to_token("ssn", text)) == 32
    assert set(SEAL.to_token("ssn", text)) <= set("0123456789abcdef")


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_secret_of_another_length_is_refused(length):
    with pytest.raises(ValueError, match="32 bytes"):
        KeyedHash(b"a" * length)


def test_the_secret_is_never_shown():
    assert "aaaa" not in repr(SEAL)
    assert "aaaa" not in str(SEAL)


@given(st.lists(TEXT))
def test_bulk_tokens_equal_single_tokens(texts):
    assert SEAL.to_tokens("near", texts) == [SEAL.to_token("near", text) for text in texts]


@given(st.lists(st.tuples(st.sampled_from(("key:a", "key:b")), st.lists(TEXT))))
def test_bulk_integers_equal_single_integers(texts):
    one_by_one = [SEAL.to_int64(domain, text) for domain, domain_texts in texts for text in domain_texts]
    assert list(SEAL.to_int64s(texts)) == one_by_one
