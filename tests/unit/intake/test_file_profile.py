from datetime import UTC, datetime

import pytest

from mpi.domain.keyed_hash import KeyedHash
from mpi.intake.file_profile import profile_file

SEAL = KeyedHash(b"k" * 32)
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def csv_text(rows):
    return "local_id,first_name,birth_date\n" + "".join(",".join(row) + "\n" for row in rows)


def test_every_row_is_accepted_or_rejected_with_its_reason(open_content):
    rows = [("1", "Ana", "2010-01-02"), ("", "Bo", "2010-01-03"), ("3", "Cy")]
    profile = profile_file(open_content(csv_text(rows)), SEAL, NOW)
    assert (profile.rows, profile.accepted, profile.rejected) == (3, 1, 2)
    assert profile.rejects == (("local_id: missing", 1), ("wrong-field-count", 1))


def test_fields_are_counted_and_shown_by_shape_never_by_value(open_content):
    rows = [("1", "Ana", "2010-01-02"), ("2", "Åsa-Li", ""), ("22", "Bo", "2010-01-02")]
    profile = profile_file(open_content(csv_text(rows)), SEAL, NOW)
    assert [(f.name, f.filled, f.distinct, f.shapes) for f in profile.fields] == [
        ("local_id", 3, 3, (("9", 2), ("99", 1))),
        ("first_name", 3, 3, (("a", 2), ("a-a", 1))),
        ("birth_date", 2, 1, (("9999-99-99", 2),)),
    ]
    assert not any(value in repr(profile) for value in ("Ana", "Åsa", "2010"))


def test_distinct_values_are_estimated_within_ten_percent(open_content):
    rows = [(str(n), f"N{n % 5000}", "") for n in range(10_000)]
    fields = {f.name: f for f in profile_file(open_content(csv_text(rows)), SEAL, NOW).fields}
    assert fields["local_id"].distinct == pytest.approx(10_000, rel=0.1)
    assert fields["first_name"].distinct == pytest.approx(5_000, rel=0.1)
    assert (fields["local_id"].is_estimate, fields["first_name"].is_estimate) == (True, True)


def test_few_distinct_values_are_counted_exactly_and_said_to_be(open_content):
    fields = profile_file(open_content(csv_text([(str(n), "A", "") for n in range(1_000)])), SEAL, NOW).fields
    assert [(field.distinct, field.is_estimate) for field in fields[:2]] == [(1_000, False), (1, False)]


def test_repeated_local_ids_and_a_frequent_birth_date_are_reported(open_content):
    rows = [("1", "A", "2010-01-02"), ("2", "B", "1999-07-15"), ("2", "C", "1999-07-15")]
    profile = profile_file(open_content(csv_text([*rows, ("2", "D", "1999-07-15")])), SEAL, NOW)
    assert profile.repeated_local_ids == 2
    assert (profile.commonest_birth_date, profile.commonest_birth_date_line) == (3, 3)


def test_issues_of_mapping_and_validation_are_counted_once_per_row(open_content, make_mapping):
    mapping = make_mapping(
        'local_id = "id"\n[fields]\nbirth_date = {column = "b", date_format = "%m/%d/%Y"}\n'
        'sex = {column = "s", codes = {"1" = "M"}}\n'
    )
    file = open_content("id,b,s\n1,02/31/2010,1\n2,nonsense,7\n3,01/02/2090,\n", mapping=mapping)
    assert profile_file(file, SEAL, NOW).issues == (
        ("birth_date", "future-date", 1),
        ("birth_date", "impossible-date", 1),
        ("birth_date", "unreadable-date", 1),
        ("sex", "unknown-code", 1),
    )


def uses_of(profile):
    """Return what is read, used and set aside of each column with a value set aside."""
    return {
        use.name: (use.read, use.used, [(part.reason, part.rows, part.shapes) for part in use.set_aside])
        for use in profile.columns
        if use.set_aside
    }


def test_values_that_are_not_compared_are_counted_with_reason_and_shape(open_content):
    text = (
        "local_id,first_name,birth_date,postal_code,phone\n"
        "1,Ana,2010-01-02,SW1A 1AA,614-555-0134\n"
        "2,Bo,04.03.2012,unknown,555\n"
        "3,Unknown,9999-12-31,4300I,\n"
        "4,Cy,2012,43001,\n"
    )
    profile = profile_file(open_content(text), SEAL, NOW)
    assert profile.accepted == 4
    assert uses_of(profile) == {
        "first_name": (4, 3, [("placeholder-name", 1, ("AAAAAAA",))]),
        "birth_date": (
            4, 2, [("sentinel-date", 1, ("9999-99-99",)), ("unreadable-date", 1, ("99.99.9999",))],
        ),
        "postal_code": (4, 2, [("invalid-postal-code", 2, ("9999A", "AAAAAAA"))]),
        "phone": (2, 1, [("invalid-phone", 1, ("999",))]),
    }  # fmt: skip
    assert not any(value in repr(profile) for value in ("Unknown", "unknown", "04.03", "4300I"))


def test_values_that_the_mapping_cannot_read_count_as_read(open_content, make_mapping):
    value = '{column = "b", date_format = "%m/%d/%y", first_year = 2000}'
    mapping = make_mapping(f'local_id = "id"\n[fields]\nbirth_date = {value}\n')
    file = open_content("id,b\n1,02/03/2010\n2,1999\n3,\n4,02/03/10\n", mapping=mapping)
    assert uses_of(profile_file(file, SEAL, NOW)) == {
        "birth_date": (3, 1, [("early-date", 1, ()), ("unreadable-date", 1, ())])
    }


def test_a_value_of_a_list_is_counted_against_its_flat_column(open_content):
    text = "local_id,school_id,entry_date\n1,S1,2020-01-02\n2,S1,spring\n3,S1,\n"
    assert uses_of(profile_file(open_content(text), SEAL, NOW)) == {
        "enrollments": (3, 2, [("unreadable-date", 1, ())])
    }


def test_filtered_rows_are_counted_separately(open_content, make_mapping):
    mapping = make_mapping('local_id = "id"\nwhere = {s = "a"}\n')
    profile = profile_file(open_content("id,s\n1,a\n2,b\n", mapping=mapping), SEAL, NOW)
    assert (profile.rows, profile.passed_over) == (1, 1)


def test_an_empty_table_has_an_empty_profile(open_content):
    profile = profile_file(open_content(csv_text([])), SEAL, NOW)
    assert (profile.rows, profile.fields, profile.commonest_birth_date_line) == (0, (), None)
