import time
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.errors import RecordError
from mpi.domain.record import SENT_FIELDS, Address, Enrollment, Flag, Guardian, OtherName
from mpi.standardize.record_validation import validate_record
from tests.unit.standardize.record_factory import NOW, SEAL, issues_of, record_of, validate

STATE_ID = {"system": "state_student_id", "assigner": "SEA"}


def refusal(**fields: object) -> RecordError:
    with pytest.raises(RecordError) as caught:
        validate(**fields)
    return caught.value


def refusal_or_none(fields: dict[str, object]) -> RecordError | None:
    try:
        validate_record(fields, SEAL, NOW)
    except RecordError as error:
        return error
    return None


class TestFields:
    def test_an_unknown_field_is_refused_by_name_with_the_nearest_known_one(self):
        error = refusal(frist_name="Ana")
        assert (error.field, error.reason) == ("record", "unknown-field")
        assert "'frist_name'" in error.detail
        assert "'first_name'" in error.detail

    @pytest.mark.parametrize("header", ["219-09-9998", "Ana Ruiz 2012-03-04", "12 Oak St, Apt 3", "x" * 65])
    def test_a_field_name_that_may_be_a_childs_data_is_not_repeated(self, header):
        error = refusal(**{header: "x"})
        assert error.reason == "unknown-field"
        assert header not in str(error)

    def test_a_field_name_that_is_no_text_is_refused(self):
        with pytest.raises(RecordError, match="no field name"):
            validate_record({"local_id": "r1", 7: "x"}, SEAL, NOW)  # type: ignore[dict-item]

    def test_every_published_field_may_be_empty(self):
        fields = dict.fromkeys(SENT_FIELDS, "") | {"local_id": "r1"}
        validated = validate_record(fields, SEAL, NOW)
        assert validated.issues == ()
        assert validated.record == record_of()

    def test_text_is_trimmed_and_empty_text_is_missing(self):
        record = record_of(first_name="  Ana\t", last_name=" \n ")
        assert (record.first_name, record.last_name) == ("Ana", None)

    def test_whole_numbers_are_read_as_their_digits(self):
        assert record_of(local_id=12345).local_id == "12345"
        assert record_of(merged_into=77.0).merged_into == "77"
        assert record_of(local_id=Decimal(101)).local_id == "101"
        assert record_of(local_id=2**53 - 1.0).local_id == "9007199254740991"

    @pytest.mark.parametrize("value", [2.0**53, -(2.0**53), 123456789012345678901.0])
    def test_a_number_that_may_have_lost_digits_is_refused(self, value):
        error = refusal(local_id=value)
        assert (error.field, error.reason) == ("local_id", "inexact-number")
        assert "send it as text" in str(error)
        assert (
            refusal(identifiers=[{"system": "s", "assigner": "a", "value": value}]).reason == "inexact-number"
        )

    @pytest.mark.parametrize(
        "field",
        [
            {"local_id": "412-55-9182"},
            {"subject": " 412 55 9182 "},
            {"middle_name": "412-55-9182"},
            {"household_ids": ["F1", "412-55-9182"]},
            {"merged_into": "412-55-9182"},
        ],
    )
    def test_record_with_an_ssn_in_another_field_is_refused_without_showing_it(self, field):
        error = refusal(**field)
        assert (error.field, error.reason) == (next(iter(field)), "misplaced-ssn")
        assert "9182" not in str(error)

    @pytest.mark.parametrize(
        "text", ["412559182", "412-559182", "412-55 9182", "000-55-9182", "666-55-9182", "900-55-9182",
                 "X412-55-9182", "412-55-91823", "2014-03-09"],
    )  # fmt: skip
    def test_text_that_is_not_written_as_an_ssn_is_accepted(self, text):
        record = record_of(local_id=text, subject=text, household_ids=[text])
        assert (record.local_id, record.subject, record.household_ids) == (text, text, (text,))

    def test_a_postal_code_sent_as_a_number_gets_its_leading_zero_back(self):
        assert record_of(postal_code=2138).addresses == (Address(postal_code="02138"),)
        assert record_of(addresses=[{"postal_code": 2138}]).addresses[0].postal_code == "02138"

    def test_a_postal_code_sent_as_text_is_kept_as_written(self):
        assert record_of(postal_code="2138").addresses[0].postal_code == "2138"
        assert ("postal_code", "invalid-postal-code") not in issues_of(postal_code="2138"), "its zero is lost"
        assert ("postal_code", "invalid-postal-code") in issues_of(postal_code="unknown")

    def test_dates_of_a_parquet_file_are_read_as_text(self):
        assert record_of(birth_date=date(2012, 3, 4)).birth_date == "2012-03-04"

    def test_nan_is_missing(self):
        assert record_of(first_name=float("nan"), identifiers=float("nan")) == record_of()

    @pytest.mark.parametrize(
        "value", [True, 1.5, float("inf"), Decimal("1.5"), ["Ana"], {"a": 1}, b"Ana", object()]
    )
    def test_a_value_that_is_no_text_is_refused(self, value):
        assert refusal(first_name=value).reason == "not-text"


class TestLocalId:
    @pytest.mark.parametrize("value", [None, "", "   "])
    def test_a_local_id_is_required(self, value):
        error = refusal(local_id=value)
        assert (error.field, error.reason) == ("local_id", "missing")

    def test_200_characters_are_accepted_and_201_are_not(self):
        assert record_of(local_id="é" * 200).local_id == "é" * 200
        assert refusal(local_id="é" * 201).reason == "too-long"

    @pytest.mark.parametrize("value", ["a\nb", "a\x1fb", "a\x7fb", "a\x85b"])
    def test_control_characters_are_refused(self, value):
        assert refusal(local_id=value).reason == "control-character"

    @pytest.mark.parametrize("value", ["D01/12345", "a:b", "ünïcode 王", "a|b", "%2F"])
    def test_any_other_text_is_accepted_unchanged(self, value):
        assert record_of(local_id=value).local_id == value


class TestHostileText:
    @pytest.mark.parametrize("field", ["local_id", "first_name", "city", "phone", "merged_into", "subject"])
    def test_nul_is_refused(self, field):
        assert refusal(**{field: "a\0b"}).reason == "nul-character"

    @pytest.mark.parametrize("field", ["local_id", "last_name", "guardian_last_name"])
    def test_a_lone_surrogate_is_refused(self, field):
        assert refusal(**{field: "a\ud800b"}).reason == "not-unicode"

    def test_nul_and_surrogates_are_refused_inside_lists(self):
        assert refusal(race=["White", "a\0"]).reason == "nul-character"
        assert refusal(other_names=[{"first_name": "\udfff"}]).reason == "not-unicode"
        assert refusal(household_ids="H1|H\0").reason == "nul-character"

    def test_a_value_of_more_than_10_000_characters_is_refused(self):
        assert record_of(first_name="a" * 10_000).first_name == "a" * 10_000
        assert refusal(first_name="a" * 10_001).reason == "too-long"
        assert refusal(flags="[" + " " * 10_000 + "]").reason == "too-long"
        assert refusal(household_ids=["a" * 10_001]).reason == "too-long"
        assert refusal(merged_into=10**5000).reason == "too-long"

    def test_a_list_of_more_than_200_entries_is_refused(self):
        assert refusal(household_ids=[str(n) for n in range(201)]).reason == "too-many"

    @given(st.dictionaries(st.sampled_from(SENT_FIELDS), st.text(max_size=40) | st.integers() | st.none()))
    def test_any_text_is_accepted_or_refused_by_field_and_never_quoted(self, fields):
        error = refusal_or_none(fields)
        if error is not None:
            assert error.field in SENT_FIELDS
            assert error.__context__ is None


class TestLists:
    def test_python_lists_json_cells_and_bars_are_equivalent(self):
        for cell in (["H1", "H2"], '["H1", "H2"]', "H1|H2", " H1 | H2 | ", ["H1", "H2", "H1", None, ""]):
            assert record_of(household_ids=cell).household_ids == ("H1", "H2")

    def test_a_single_number_is_a_list_of_one(self):
        assert record_of(household_ids=17).household_ids == ("17",)

    def test_objects_are_accepted_as_lists_or_as_json(self):
        flag = Flag("foster_care", "Y", "source", begin="2026-01-01")
        row = {"population": "foster_care", "value": "Y", "begin": "2026-01-01"}
        assert record_of(flags=[row]).flags == (flag,)
        cell = '[{"population": "foster_care", "value": "Y", "begin": "2026-01-01"}]'
        assert record_of(flags=cell).flags == (flag,)

    @pytest.mark.parametrize(
        "cell", ["{}", '{"kind": "sealed"}', "[", "sealed|expunged", "[1]", '["sealed"]', 5, True, [["kind"]]]
    )
    def test_a_malformed_list_is_refused(self, cell):
        error = refusal(restrictions=cell)
        assert (error.field, error.reason) == ("restrictions", "malformed-list")

    def test_an_unknown_key_of_an_entry_is_refused_by_name(self):
        error = refusal(addresses=[{"address_line1": "1 Oak St", "postcode": "43001"}])
        assert (error.field, error.reason) == ("addresses", "unknown-field")
        assert "'postal_code'" in error.detail

    def test_a_refused_cell_is_not_part_of_the_error(self):
        error = refusal(identifiers='[{"system": "SSN", "value": "219-09-9998"')
        assert error.__context__ is None
        assert error.__cause__ is None
        assert "219" not in repr(error)

    def test_other_names_may_be_plain_full_names(self):
        assert record_of(other_names="Emma Rose de la Cruz|Diaz, Emma|Liz|John Hayes Jr").other_names == (
            OtherName("Emma", "Rose", "de la Cruz"),
            OtherName("Emma", None, "Diaz"),
            OtherName("Liz"),
            OtherName("John", None, "Hayes Jr"),
        )

    def test_an_empty_entry_is_omitted(self):
        assert record_of(addresses=[{}, {"city": " "}, {"city": "Dayton"}]).addresses == (
            Address(city="Dayton"),
        )


class TestFlatColumns:
    def test_flat_columns_alone_are_a_list_of_one(self):
        record = record_of(
            address_line1="1 Oak St", city="Dayton", guardian_last_name="Diaz", school_id="S1", grade=3
        )
        assert record.addresses == (Address("1 Oak St", city="Dayton"),)
        assert record.guardians == (Guardian(guardian_last_name="Diaz"),)
        assert record.enrollments == (Enrollment("S1", grade="3"),)

    def test_flat_columns_that_repeat_the_first_entry_are_accepted(self):
        rows = [{"city": "Dayton", "state": "OH", "begin": "2025-01-01"}, {"city": "Lima"}]
        record = record_of(city=" Dayton ", addresses=rows)
        assert record.addresses == (
            Address(city="Dayton", state="OH", begin="2025-01-01"),
            Address(city="Lima"),
        )

    @pytest.mark.parametrize(
        "fields",
        [
            {"city": "Lima", "addresses": [{"city": "Dayton"}]},
            {"state": "OH", "addresses": [{"city": "Dayton"}]},
            {"guardian_last_name": "Diaz", "guardians": '[{"guardian_last_name": "Ruiz"}]'},
            {"school_id": "S1", "enrollments": [{"school_id": "S2"}]},
        ],
    )
    def test_flat_columns_that_differ_from_the_first_entry_are_refused(self, fields):
        assert refusal(**fields).reason == "conflict"


class TestIdentifiers:
    @pytest.mark.parametrize("lacking", ["system", "assigner"])
    def test_an_identifier_without_its_namespace_is_refused(self, lacking):
        row = {"system": "local", "assigner": "D01", "value": "7"}
        del row[lacking]
        assert refusal(identifiers=[row]).reason == "missing"

    def test_an_identifier_without_a_value_is_omitted(self):
        assert record_of(identifiers=[{"system": "local", "assigner": "D01", "value": ""}]).identifiers == ()


class TestFlags:
    def test_the_definition_is_the_sources_own_unless_named(self):
        assert record_of(flags=[{"population": "homeless", "value": "N"}]).flags[0].definition == "source"
        named = [{"population": "homeless", "value": "N", "definition": "ESSA"}]
        assert record_of(flags=named).flags[0].definition == "ESSA"

    @pytest.mark.parametrize(
        ("population", "value"),
        [("Foster Care", "Y"), ("foster-care", "Y"), ("foster_care", "maybe"), ("1a", "Y")],
    )
    def test_unknown_flag_code_costs_the_flag_and_not_the_child(self, population, value):
        good = {"population": "homeless", "value": "N"}
        flags = [{"population": population, "value": value}, good]
        assert [flag.population for flag in record_of(flags=flags).flags] == ["homeless"]
        assert ("flags", "unknown-code") in issues_of(flags=flags)

    @pytest.mark.parametrize(("text", "value"), [("yes", "Y"), ("1", "Y"), ("False", "N"), ("unk", "U")])
    def test_words_for_yes_no_and_unknown_are_read(self, text, value):
        assert record_of(flags=[{"population": "homeless", "value": text}]).flags[0].value == value

    @pytest.mark.parametrize("lacking", ["population", "value"])
    def test_a_flag_without_population_or_value_is_refused(self, lacking):
        row = {"population": "homeless", "value": "Y"}
        del row[lacking]
        assert refusal(flags=[row]).reason == "missing"


class TestRestrictions:
    @pytest.mark.parametrize(
        "kind", ["sealed", "expunged", "address_confidential", "protective_order", "opt_out"]
    )
    def test_the_five_kinds_of_restriction_are_accepted(self, kind):
        assert record_of(restrictions=[{"kind": kind}]).restrictions[0].kind == kind

    @pytest.mark.parametrize("kind", ["Sealed", "acp", "sealed_adoption"])
    def test_an_unknown_kind_of_restriction_is_refused(self, kind):
        assert refusal(restrictions=[{"kind": kind}]).reason == "unknown-code"


class TestAsOf:
    @pytest.fixture(autouse=True)
    def _restore_time_zone(self):
        yield
        time.tzset()

    def test_the_default_is_the_time_of_receipt(self):
        assert record_of().as_of == "2026-09-01T12:00:00.000000Z"

    @pytest.mark.parametrize(
        ("as_of", "stored"),
        [
            ("2026-08-01", "2026-08-01T00:00:00.000000Z"),
            ("2026-08-01T10:30:00", "2026-08-01T10:30:00.000000Z"),
            ("2026-08-01T10:30:00-05:00", "2026-08-01T15:30:00.000000Z"),
            ("2026-08-01T10:30:00.5Z", "2026-08-01T10:30:00.500000Z"),
            (date(2026, 8, 1), "2026-08-01T00:00:00.000000Z"),
            (datetime(2026, 8, 1, 10, tzinfo=timezone(timedelta(hours=2))), "2026-08-01T08:00:00.000000Z"),
        ],
    )
    def test_an_as_of_time_is_stored_in_utc_and_read_as_utc_without_a_zone(self, as_of, stored, monkeypatch):
        monkeypatch.setenv("TZ", "America/Chicago")
        time.tzset()
        assert record_of(as_of=as_of).as_of == stored

    @pytest.mark.parametrize(
        "as_of",
        [
            "yesterday",
            "08/01/2026",
            "2026-02-30",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            7,
        ],
    )
    def test_a_malformed_as_of_time_is_refused(self, as_of):
        error = refusal(as_of=as_of)
        assert (error.field, error.reason) == ("as_of", "malformed-time")

    def test_an_as_of_time_may_be_at_most_one_day_ahead(self):
        tomorrow = NOW.astimezone(UTC) + timedelta(days=1)
        assert record_of(as_of=tomorrow).as_of is not None
        assert refusal(as_of=tomorrow + timedelta(seconds=1)).reason == "future-date"


class TestMultipleBirth:
    @pytest.mark.parametrize(
        ("value", "stored"), [(True, True), ("Y", True), ("no", False), (0, False), ("U", None)]
    )
    def test_yes_no_and_unknown_are_read(self, value, stored):
        assert record_of(multiple_birth=value).multiple_birth is stored
        assert issues_of(multiple_birth=value) == set()

    def test_any_other_code_is_missing_and_reported(self):
        assert record_of(multiple_birth="perhaps").multiple_birth is None
        assert issues_of(multiple_birth="perhaps") == {("multiple_birth", "unknown-code")}


class TestBirthOrder:
    def test_a_place_is_kept_as_sent(self):
        assert record_of(birth_order=2).birth_order == "2"
        assert issues_of(birth_order="20") == set()

    @pytest.mark.parametrize("value", ["0", "21", "-1", "second", "2.5", "²", "0" * 5000])
    def test_any_other_text_is_reported(self, value):
        assert issues_of(birth_order=value) == {("birth_order", "unknown-code")}


class TestIssues:
    @pytest.mark.parametrize(
        ("fields", "issue"),
        [
            ({"birth_date": "2015-02-30"}, ("birth_date", "impossible-date")),
            ({"birth_date": "2099-01-01"}, ("birth_date", "future-date")),
            ({"birth_date": "9999-12-31"}, ("birth_date", "sentinel-date")),
            ({"birth_date": "spring"}, ("birth_date", "unreadable-date")),
            ({"birth_date": "2015"}, ("birth_date", "partial-date")),
            ({"death_date": "2015-02-30"}, ("death_date", "impossible-date")),
            ({"previous_birth_dates": "2015-02-30"}, ("previous_birth_dates", "impossible-date")),
            ({"placements": [{"begin": "66666666"}]}, ("placements", "sentinel-date")),
            ({"entry_date": "2015-02-30"}, ("enrollments", "impossible-date")),
            ({"restrictions": [{"kind": "sealed", "end": "soon"}]}, ("restrictions", "unreadable-date")),
            ({"sex": "Q"}, ("sex", "unknown-code")),
            ({"birth_date_quality": "good"}, ("birth_date_quality", "unknown-code")),
            ({"phone": "000-0000"}, ("phone", "invalid-phone")),
            ({"email": "nobody"}, ("email", "invalid-email")),
            ({"email": "none"}, ("email", "placeholder-value")),
            ({"postal_code": "00000"}, ("postal_code", "invalid-postal-code")),
            ({"first_name": "Baby Boy"}, ("first_name", "placeholder-name")),
            ({"last_name": "Unknown"}, ("last_name", "placeholder-name")),
            ({"first_name": "(blank)"}, ("first_name", "placeholder-name")),
            ({"first_name": "Grand total"}, ("first_name", "placeholder-name")),
            ({"identifiers": [STATE_ID | {"value": "1.23E+09"}]}, ("identifiers", "inexact-number")),
            ({"identifiers": [STATE_ID | {"value": "#N/A"}]}, ("identifiers", "placeholder-value")),
            ({"household_ids": "4.1E+05"}, ("household_ids", "inexact-number")),
            ({"household_ids": "nan"}, ("household_ids", "placeholder-value")),
            ({"address_line1": "#N/A"}, ("addresses", "placeholder-value")),
            ({"city": "nan"}, ("addresses", "placeholder-value")),
            ({"middle_name": "(blank)"}, ("middle_name", "placeholder-value")),
            ({"preferred_name": "nan"}, ("preferred_name", "placeholder-value")),
            ({"other_names": [{"last_name": "#REF!"}]}, ("other_names", "placeholder-value")),
            ({"guardian_last_name": "null"}, ("guardians", "placeholder-value")),
            ({"birth_city": "nan"}, ("birth_city", "placeholder-value")),
        ],
    )
    def test_an_unusable_value_is_reported_and_the_record_kept(self, fields, issue):
        assert issues_of(**fields) == {issue}

    @pytest.mark.parametrize("marker", ["#N/A", "nan", "(blank)", "null"])
    @pytest.mark.parametrize(
        "field",
        [
            "suffix", "birth_date", "birth_date_quality", "death_date", "sex", "ssn", "ssn_last4", "phone",
            "email", "postal_code", "multiple_birth", "race", "ethnicity",
        ],
    )  # fmt: skip
    def test_a_text_for_no_value_is_reported_alike_in_every_coded_field(self, field, marker):
        assert issues_of(**{field: marker}) == {(field, "placeholder-value")}

    @pytest.mark.parametrize("marker", ["#N/A", "nan", "(blank)"])
    def test_a_flag_without_a_value_is_left_out_and_reported(self, marker):
        flags = [{"population": "homeless", "value": marker}, {"population": "foster_care", "value": "N"}]
        assert [flag.population for flag in record_of(flags=flags).flags] == ["foster_care"]
        assert issues_of(flags=flags) == {("flags", "placeholder-value")}

    @pytest.mark.parametrize("marker", ["#N/A", "nan", "(blank)", "null ", "N/A"])
    def test_a_text_for_no_value_is_no_local_id(self, marker):
        error = refusal(local_id=marker)
        assert (error.field, error.reason) == ("local_id", "placeholder-value")

    def test_a_local_id_that_lost_digits_is_refused_because_two_children_would_be_one(self):
        error = refusal(local_id="9.1E+09")
        assert (error.field, error.reason) == ("local_id", "inexact-number")
        assert "9.1" not in str(error)

    def test_an_enrollment_may_end_in_the_future(self):
        assert issues_of(entry_date="2026-08-20", exit_date="2027-06-01") == set()

    def test_each_field_and_code_is_reported_once(self):
        assert len(validate(previous_birth_dates="spring|summer").issues) == 1

    def test_a_clean_record_has_no_issues(self):
        assert issues_of(first_name="Ana", birth_date="2012-03-04", sex="F", phone="614-555-0134") == set()


class TestInvisibleCharacters:
    @pytest.mark.parametrize(
        "character", ["\u200b", "\u202e", "\u2066", "\ufeff", "\u00ad", "\u200e", "\U000e0041"]
    )
    def test_they_are_removed_from_a_value_and_reported_once(self, character):
        names = {"first_name": f"An{character}n{character}e", "last_name": "Ruiz"}
        validated = validate(**names, guardians=[{"guardian_last_name": f"Ru{character}iz"}])
        assert validated.record.first_name == "Anne"
        assert validated.record.guardians[0].guardian_last_name == "Ruiz"
        issues = [issue.field for issue in validated.issues if issue.code == "invisible-character"]
        assert issues == ["first_name", "guardians"]

    @pytest.mark.parametrize(
        "name",
        [
            "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
            "\u0915\u094d\u200d\u0937",
            "\u0d36\u0d4d\u0d30\u0d40\u200c\u0d28",
        ],
    )
    def test_joiners_stay_between_letters_of_scripts_that_need_them(self, name):
        validated = validate(first_name=name)
        assert validated.record.first_name == name
        assert not any(issue.code == "invisible-character" for issue in validated.issues)

    @pytest.mark.parametrize(
        "name",
        [
            "A\u200dnn",
            "\u200c\u0639\u0644\u06cc",
            "\u0639\u0644\u06cc\u200c",
            "\u0639\u0644\u06cc\u200c\u200c\u0631\u0636\u0627",
        ],
    )
    def test_joiners_are_removed_elsewhere(self, name):
        assert "\u200c" not in record_of(first_name=name).first_name
        assert "\u200d" not in record_of(first_name=name).first_name

    @pytest.mark.parametrize("value", ["A\u200b1", "\u202e1A", "1\ufeff2", "1\u200d2"])
    def test_a_new_local_id_with_one_is_refused(self, value):
        assert refusal(local_id=value).reason == "invisible-character"

    def test_a_value_of_them_alone_is_missing(self):
        assert record_of(first_name="\u200b\u2060").first_name is None
