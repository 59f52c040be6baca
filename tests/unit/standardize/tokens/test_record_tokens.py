"""Features of token records, and of records in clear text whose tokens are made."""

import string
from datetime import UTC, datetime

import pytest

from mpi.domain.errors import InputError, RecordError
from mpi.domain.keyed_hash import KeyedHash, TokenExchange
from mpi.standardize.record_validation import validate_record
from mpi.standardize.serialization import record_from_bytes, record_to_bytes, to_canonical_fields
from mpi.standardize.standardizer import standardize
from mpi.standardize.token_rows import TokenMaker
from mpi.standardize.tokens.record_tokens import carry_tokens
from mpi.standardize.tokens.rules import BLANK_TOKEN, TokenRule

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
SCHOOLS, HEALTH = TokenExchange("schools", b"s" * 32), TokenExchange("health", b"h" * 32)
WITH_SCHOOLS = KeyedHash(b"i" * 32, exchanges=(SCHOOLS,))
CHILD = {
    "local_id": "1", "first_name": "Ana", "last_name": "Ruiz", "birth_date": "2012-03-04", "sex": "F",
    "postal_code": "43215",
}  # fmt: skip
COLUMNS = ("tokens_initial", "tokens_place", "tokens_name", "tokens_short")


def record_of(keyed_hash=WITH_SCHOOLS, **fields):
    return validate_record({"local_id": "1", **fields}, keyed_hash, NOW).record


def features_of(keyed_hash=WITH_SCHOOLS, **fields):
    return standardize(record_of(keyed_hash, **fields), "sis", keyed_hash)


def tokens_of(child=CHILD, exchange=SCHOOLS, kept=(), **changes):
    maker = TokenMaker(exchange, frozenset(TokenRule), frozenset(kept), WITH_SCHOOLS)
    return maker.make_row({**child, **changes}, NOW)


def test_a_token_record_shares_its_tokens_with_the_same_child_in_clear_text():
    sent, clear = features_of(**tokens_of()), features_of(**CHILD)
    for column in COLUMNS:
        assert getattr(sent, column) == getattr(clear, column) != ()
    assert (sent.given, sent.surname, sent.birth_date, clear.given) == (None, None, None, "ANA")
    assert sent.token_exchanges == clear.token_exchanges


def test_tokens_of_another_secret_are_not_shared():
    sent = features_of(**tokens_of(exchange=TokenExchange("schools", b"t" * 32)))
    clear = features_of(**CHILD)
    assert not any(set(getattr(sent, column)) & set(getattr(clear, column)) for column in COLUMNS)


def test_tokens_of_an_exchange_that_was_left_are_no_evidence():
    both = KeyedHash(b"i" * 32, exchanges=(HEALTH, SCHOOLS))
    record = record_of(both, **tokens_of(), first_name=None, birth_date="2012-03-04")
    features = standardize(record, "sis", KeyedHash(b"i" * 32, exchanges=(HEALTH,)))
    assert all(getattr(features, column) == () for column in COLUMNS)
    assert (features.token_exchanges, features.birth_date) == ((), "2012-03-04")


def test_one_token_has_one_text():
    row = tokens_of()
    sent = row["linkage_tokens"][0]["token"]
    # The last letter before "=" carries two bits that no byte has.
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
    other = f"{sent[:42]}{alphabet[alphabet.index(sent[42]) + 1]}="
    entry = {"rule": "T1", "token": other}
    assert record_of(linkage_tokens=[entry]).linkage_tokens[0].token == sent


def test_without_an_exchange_features_are_as_before():
    plain = KeyedHash(b"i" * 32)
    assert features_of(plain, **CHILD).tokens_name == ()


def test_a_token_record_keeps_its_year_and_loses_what_tokens_stand_for():
    row = tokens_of(kept=("birth_year", "sex", "birth_date"))
    assert row["birth_date"] == "2012-03-04"
    features = features_of(**row)
    assert (features.birth_year, features.birth_date, features.birth_dates, features.sex) == (
        2012,
        None,
        (),
        "F",
    )


def test_a_token_file_holds_nothing_but_what_is_kept():
    assert set(tokens_of()) == {"local_id", "linkage_tokens"}
    assert tokens_of(kept=("birth_year",))["birth_date"] == "2012"
    with pytest.raises(InputError, match="names a child"):
        tokens_of(kept=("first_name",))
    with pytest.raises(InputError, match="not a field"):
        tokens_of(kept=("shoe_size",))


def test_a_placeholder_name_makes_no_token_of_a_name():
    assert tokens_of(first_name="Baby Boy")["linkage_tokens"] == []
    assert features_of(**{**CHILD, "first_name": "Baby Boy"}).tokens_name == ()


def test_no_answer_holds_a_token():
    record = record_of(**tokens_of())
    assert record.linkage_tokens == record_from_bytes(record_to_bytes(record)).linkage_tokens
    assert "linkage_tokens" not in to_canonical_fields(record)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"rule": "T3", "token": "abc"}, "malformed-token"),
        ({"rule": "T3", "token": "0" * 63 + "1"}, "malformed-token"),
        ({"rule": "T3", "token": "olt.V1.a.b.c"}, "encrypted-token"),
        ({"rule": "T3", "token": "ot.V1.a.b.c"}, "encrypted-token"),
        ({"rule": "T3", "token": "QUJD" * 24}, "encrypted-token"),
        ({"exchange": "others", "rule": "T3", "token": "A" * 43 + "="}, "unknown-exchange"),
        ({"rule": "T3", "token": "A" * 43 + "=", "name": "Ana"}, "unknown-field"),
    ],
)
def test_a_text_that_is_no_token_is_refused_without_repeating_it(entry, reason):
    with pytest.raises(RecordError) as caught:
        record_of(linkage_tokens=[entry])
    assert (caught.value.field, caught.value.reason) == ("linkage_tokens", reason)
    assert entry["token"] not in str(caught.value)


def test_an_entry_names_its_exchange_where_there_are_two_or_none():
    entry = {"rule": "T3", "token": "A" * 43 + "="}
    assert record_of(linkage_tokens=[entry]).linkage_tokens[0].exchange == "schools"
    for exchanges in ((), (HEALTH, SCHOOLS)):
        with pytest.raises(RecordError, match="no 'exchange'"):
            record_of(KeyedHash(b"i" * 32, exchanges=exchanges), linkage_tokens=[entry])


def test_blank_tokens_are_left_out_and_unknown_rules_reported():
    validated = validate_record(
        {
            "local_id": "1",
            "linkage_tokens": [
                {"rule": "T2", "token": BLANK_TOKEN},
                {"rule": "T1"},
                {"rule": "ML1", "token": "A" * 43 + "="},
            ],
        },
        WITH_SCHOOLS,
        NOW,
    )
    assert validated.record.linkage_tokens == ()
    assert [(issue.field, issue.code) for issue in validated.issues] == [("linkage_tokens", "unknown-code")]


def test_a_viewer_of_tokens_compares_by_them_and_not_by_withheld_names():
    whole = features_of(**CHILD)
    kept = features_of(local_id="1", birth_date="2012-03-04", sex="F")
    carried = carry_tokens(kept, whole)
    assert carried.tokens_name == whole.tokens_name
    assert (carried.given, carried.birth_date, carried.birth_year) == (None, None, 2012)


@pytest.mark.parametrize("secret", [b"", b"short"])
def test_a_short_secret_is_refused(secret):
    with pytest.raises(InputError, match="16 bytes"):
        TokenExchange("schools", secret)


def test_a_secret_is_not_shown():
    assert "ssss" not in repr(WITH_SCHOOLS)
    assert SCHOOLS.secret.hex() not in repr(WITH_SCHOOLS)
