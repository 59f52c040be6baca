import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.errors import StoreError
from mpi.domain.features import FEATURE_COLUMNS, LIST_COLUMNS, Features
from mpi.domain.record import SENT_FIELDS, CanonicalRecord
from mpi.standardize.fields.record_shape import ITEM_KINDS, SCALAR_LISTS
from mpi.standardize.serialization import (
    compute_content_hash,
    features_from_bytes,
    features_to_bytes,
    have_same_given_name,
    record_from_bytes,
    record_to_bytes,
    to_canonical_fields,
)
from tests.unit.standardize.record_factory import record_of, validate

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
MAYBE = st.none() | TEXT


def items(kind: type) -> st.SearchStrategy[object]:
    required = {"system", "assigner", "value", "population", "definition", "exchange", "rule", "token"} | (
        {"kind"} if kind is ITEM_KINDS["restrictions"] else set()
    )
    return st.builds(kind, **{name: TEXT if name in required else MAYBE for name in kind._fields})


def records() -> st.SearchStrategy[CanonicalRecord]:
    columns: dict[str, st.SearchStrategy[object]] = {}
    for name in CanonicalRecord._fields:
        if name in ITEM_KINDS:
            columns[name] = st.lists(items(ITEM_KINDS[name]), max_size=2).map(tuple)
        elif name in SCALAR_LISTS:
            columns[name] = st.lists(TEXT, max_size=2).map(tuple)
        else:
            columns[name] = MAYBE
    columns |= {"local_id": TEXT, "multiple_birth": st.none() | st.booleans()}
    return st.builds(CanonicalRecord, **columns)


FULL = {
    "first_name": "Ana", "last_name": "Ruiz", "birth_date": "2012-03-04", "ssn": "219-09-9998",
    "multiple_birth": False, "race": ["White"], "household_ids": ["H|1"], "other_names": "Ana Diaz",
    "identifiers": [{"system": "ssid", "assigner": "OH", "value": "9"}],
    "addresses": [{"address_line1": "1 Oak St", "begin": "2025-01-01"}, {"city": "Lima"}],
    "guardian_first_name": "Dana", "school_id": "S1", "placements": [{"begin": "2025-01-01"}],
    "flags": [{"population": "homeless", "value": "U"}], "restrictions": [{"kind": "opt_out"}],
}  # fmt: skip


NAMES = st.none() | st.text('A",\\é', max_size=4)


@given(NAMES, NAMES, st.sampled_from([(), ("A",)]), st.sampled_from([(), ("A",)]))
def test_equal_given_names_are_recognized_in_stored_features(name, other_name, forms, other_forms):
    first_features, second_features = (
        features_to_bytes(Features(given=text, given_forms=name_forms))
        for text, name_forms in ((name, forms), (other_name, other_forms))
    )
    is_same = have_same_given_name(first_features, second_features)
    assert not is_same or (name == other_name and name is not None)
    if name == other_name and name is not None and name.isalpha():
        assert is_same


@given(records())
def test_a_record_survives_its_payload_unchanged(record):
    assert record_from_bytes(record_to_bytes(record)) == record


@given(record=records(), fields=st.sets(st.sampled_from(CanonicalRecord._fields)))
def test_a_part_of_a_record_is_that_of_the_whole(record, fields):
    part = record_from_bytes(record_to_bytes(record), fields)
    missing = CanonicalRecord(record.local_id)
    for name in CanonicalRecord._fields:
        is_read = name in fields or name == "local_id"
        assert getattr(part, name) == getattr(record if is_read else missing, name)


def test_a_payload_is_compact_sorted_and_omits_missing_values():
    record = CanonicalRecord("r1", last_name="Ruiz", birth_date="2012-03-04")
    assert record_to_bytes(record) == b'{"birth_date":"2012-03-04","last_name":"Ruiz","local_id":"r1"}'


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"{}", b'{"local_id":"r1","unknown":1}', b'{"local_id":"r1","race":3}']
)
def test_an_invalid_payload_is_refused_without_being_quoted(data):
    with pytest.raises(StoreError, match="cannot be read") as caught:
        record_from_bytes(data)
    assert caught.value.__context__ is None


def test_the_content_hash_ignores_only_the_as_of_date():
    record = record_of(**FULL)
    assert compute_content_hash(record._replace(as_of="2020-01-01T00:00:00.000000Z")) == compute_content_hash(
        record
    )
    changes = {"local_id": "r2", "ssn_token": None, "race": (), "flags": (), "multiple_birth": True}
    hashes = {compute_content_hash(record._replace(**{name: value})) for name, value in changes.items()}
    assert len(hashes | {compute_content_hash(record)}) == 6


def test_the_content_hash_is_stable_across_releases():
    # Every version stores it: a change would make each record of the next load look updated.
    assert compute_content_hash(CanonicalRecord("r1", first_name="Ana")) == "34ec45b99cbc72a3915a813d7e811ac6"


def test_a_reader_gets_canonical_fields_with_flat_columns_and_no_tokens():
    fields = to_canonical_fields(record_of(**FULL))
    assert fields.keys() <= set(SENT_FIELDS)
    assert fields["address_line1"] == "1 Oak St"
    assert fields["guardian_first_name"] == "Dana"
    assert fields["addresses"] == [{"address_line1": "1 Oak St", "begin": "2025-01-01"}, {"city": "Lima"}]


def test_fields_shown_to_a_reader_can_be_sent_again():
    record = record_of(**FULL)
    second_record = validate(**to_canonical_fields(record)).record
    assert second_record == record._replace(ssn_token=None, ssn_last4_token=None)


FEATURES = st.builds(
    Features,
    **{
        name: st.lists(TEXT, max_size=3).map(tuple) if name in LIST_COLUMNS else MAYBE
        for name in FEATURE_COLUMNS
        if name not in {"birth_year", "multiple_birth"}
    },
    birth_year=st.none() | st.integers(1900, 2100),
    multiple_birth=st.none() | st.booleans(),
)


@given(FEATURES)
def test_features_survive_their_bytes_unchanged(features):
    assert features_from_bytes(features_to_bytes(features)) == features


def test_features_stored_before_a_new_column_have_it_missing():
    stored = features_to_bytes(Features(given="ANA", placement_homes=("9 LAKE DR|43011",)))
    older_bytes = orjson.dumps(orjson.loads(stored)[: FEATURE_COLUMNS.index("placement_homes")])
    assert features_from_bytes(older_bytes) == Features(given="ANA")
