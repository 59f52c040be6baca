import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.standardize.name.names import (
    MAX_NAME_LETTERS,
    parse_given_name,
    parse_middle_name,
    parse_suffix,
    parse_surname,
)
from tests.unit.standardize.record_factory import features_of

# Words that names consist of, and what people and systems put between and around them.
WORDS = st.sampled_from(
    [
        "Ana",
        "José",
        "Nguyễn",
        "O'Brien",
        "Mc",
        "Mac",
        "van",
        "de",
        "la",
        "al-",
        "bin",
        "Jr",
        "Sr",
        "II",
        "III",
        "3rd",
        "Baby",
        "Boy",
        "Girl",
        "A",
        "B",
        "Twin",
        "Unknown",
        "X",
        "王",
        "小明",
        "St.",
        "y",
        '"Bill"',
        "(Liz)",
        "J.R.",
        "Ruiz-Díaz",
        "N/A",
        "-",
        "2",
        "Saint",
        "Le",
        "Do",
    ]
)
STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
NAMES = st.lists(WORDS, max_size=5).map(" ".join) | STORABLE


class TestGivenNames:
    @pytest.mark.parametrize(
        ("written", "name"),
        [
            ("Mary Ann", "MARYANN"), ("Mary-Ann", "MARYANN"), ("maryann", "MARYANN"), ("D'Angelo", "DANGELO"),
            ("D\u2019Angelo", "DANGELO"), ("José", "JOSE"), ("Jose\u0301", "JOSE"), ("J. R.", "JR"),
            ("Łukasz", "LUKASZ"),
            ("\uff21\uff2e\uff21", "ANA"), ("😀 Ana ™", "ANA"), ("Ana3", "ANA"), ("王小明", "WANGXIAOMING"),
            ("Ka\u02bbimi", "KAIMI"), ("An\u00ada", "ANA"),
        ],
    )  # fmt: skip
    def test_one_name_has_one_spelling(self, written, name):
        assert parse_given_name(written).name == name

    def test_a_compound_name_has_its_parts_as_forms(self):
        assert features_of(first_name="Christopher-Mic").given_forms == (
            "CHRISTOPHER",
            "CHRISTOPHERMIC",
            "MIC",
        )

    def test_an_initial_alone_is_no_additional_form(self):
        assert features_of(first_name="Mary J").given_forms == ("MARY", "MARYJ")
        assert features_of(first_name="J").given_forms == ("J",)

    def test_a_nickname_in_quotes_or_brackets_is_a_form_and_not_part_of_the_name(self):
        for written in ('William "Bill"', "William (Bill)", "William “Bill”", "(Bill) William"):
            features = features_of(first_name=written)
            assert (features.given, features.given_forms) == ("WILLIAM", ("BILL", "WILLIAM"))

    def test_a_placeholder_with_a_suffix_is_a_placeholder(self):
        assert features_of(first_name="Baby Jr", last_name="Unknown Jr").given_forms == ()
        assert features_of(first_name="Baby Jr", last_name="Unknown Jr").surname is None

    def test_a_name_in_brackets_after_a_placeholder_is_a_form(self):
        features = features_of(first_name="Baby Boy (Noah)")
        assert (features.given, features.given_forms) == (None, ("NOAH",))

    def test_preferred_and_other_names_are_forms(self):
        features = features_of(
            first_name="Elizabeth", preferred_name="Liz", other_names=[{"first_name": "Betsy"}]
        )
        assert features.given == "ELIZABETH"
        assert features.given_forms == ("BETSY", "ELIZABETH", "LIZ")

    def test_a_preferred_name_may_repeat_or_replace_the_last_name(self):
        repeated = features_of(first_name="Tyrone", last_name="Dyer", preferred_name="Ty Dyer")
        assert repeated.given_forms == ("TY", "TYRONE")
        replaced = features_of(first_name="Tyrone", last_name="Dyer", preferred_name="Dye, Ty")
        assert replaced.given_forms == ("TY", "TYRONE")
        assert replaced.surname_forms == ("DYE", "DYER")

    def test_a_very_long_name_is_cut_to_the_comparable_length(self):
        assert len(features_of(first_name="Ab " * 3000).given) == MAX_NAME_LETTERS
        assert len(features_of(first_name="Ab" * 5000).given) == MAX_NAME_LETTERS


class TestNicknames:
    @pytest.mark.parametrize(
        ("nickname", "formal_name"),
        [
            ("Liz", "Elizabeth"),
            ("Bill", "William"),
            ("Kate", "Katherine"),
            ("Alex", "Alexandra"),
            ("Tony", "Anthony"),
        ],
    )
    def test_a_nickname_and_its_formal_name_share_a_root(self, nickname, formal_name):
        shared = set(features_of(first_name=nickname).given_roots) & set(
            features_of(first_name=formal_name).given_roots
        )
        assert formal_name.upper() in shared

    @pytest.mark.parametrize(
        ("first_name", "second_name"), [("Jayden", "Jaylen"), ("Marcus", "Malik"), ("Ava", "Eva")]
    )
    def test_names_that_only_look_similar_share_no_root(self, first_name, second_name):
        assert not set(features_of(first_name=first_name).given_roots) & set(
            features_of(first_name=second_name).given_roots
        )

    def test_a_form_is_among_its_roots(self):
        features = features_of(first_name="Thandiwe Liz")
        assert set(features.given_forms) <= set(features.given_roots)


class TestSurnames:
    @pytest.mark.parametrize(
        ("written", "name", "tokens"),
        [
            ("Van Den Berg", "VANDENBERG", ("BERG",)),
            ("Vandenberg", "VANDENBERG", ("VANDENBERG",)),
            ("de la Cruz", "DELACRUZ", ("CRUZ",)),
            ("Al-Hassan", "ALHASSAN", ("HASSAN",)),
            ("bin Laden", "BINLADEN", ("LADEN",)),
            ("Mac Donald", "MACDONALD", ("MACDONALD",)),
            ("McDonald", "MCDONALD", ("MCDONALD",)),
            ("O\u2019 Brien", "OBRIEN", ("OBRIEN",)),
            ("O'Brien", "OBRIEN", ("OBRIEN",)),
            ("St. Clair", "STCLAIR", ("STCLAIR",)),
            ("Garcia Martinez", "GARCIAMARTINEZ", ("GARCIA", "MARTINEZ")),
            ("Lopez-Ramirez", "LOPEZRAMIREZ", ("LOPEZ", "RAMIREZ")),
            ("Ramirez Lopez", "RAMIREZLOPEZ", ("LOPEZ", "RAMIREZ")),
            ("Ortega y Gasset", "ORTEGAYGASSET", ("GASSET", "ORTEGA")),
            ("Nguyen Le", "NGUYENLE", ("LE", "NGUYEN")),
            ("Do", "DO", ("DO",)),
            ("Van", "VAN", ("VAN",)),
            ("Mac", "MAC", ("MAC",)),
            ("Kim Kim", "KIMKIM", ("KIM",)),
        ],
    )
    def test_particles_prefixes_and_two_last_names_are_distinguished(self, written, name, tokens):
        surname = parse_surname(written)
        assert (surname.name, surname.tokens) == (name, tokens)

    def test_every_last_name_of_the_record_is_a_form(self):
        features = features_of(last_name="Olsen", other_names="Emma Diaz|Emma de la Cruz")
        assert features.surname == "OLSEN"
        assert features.surname_forms == ("DELACRUZ", "DIAZ", "OLSEN")

    def test_a_single_name_repeated_to_fill_the_field_is_no_last_name(self):
        features = features_of(
            first_name="Htoo", last_name="HTOO", other_names=[{"first_name": "A", "last_name": "a"}]
        )
        assert features.given == "HTOO"
        assert (features.surname, features.surname_tokens, features.surname_forms) == (None, (), ())

    def test_a_placeholder_repeated_as_the_last_name_is_no_last_name(self):
        assert features_of(first_name="Test", last_name="Test").surname is None
        assert features_of(first_name="Ana", last_name="Test").surname == "TEST"


class TestSuffixes:
    @pytest.mark.parametrize(
        ("fields", "suffix"),
        [
            ({"suffix": "Jr."}, "JR"), ({"suffix": "junior"}, "JR"), ({"suffix": "3rd"}, "III"),
            ({"last_name": "Hayes Jr"}, "JR"), ({"last_name": "Hayes, Jr."}, "JR"),
            ({"last_name": "Hayes II"}, "II"),
            ({"first_name": "John III"}, "III"), ({"middle_name": "Lee Sr"}, "SR"), ({"middle_name": "IV"},
            "IV"),
            ({"suffix": "Sr", "last_name": "Hayes Jr"}, "SR"),
            ({"suffix": "MD"}, None), ({"last_name": "Junior"}, None), ({"first_name": "Jr"}, None),
        ],
    )  # fmt: skip
    def test_a_generational_suffix_is_found_in_every_name_field(self, fields, suffix):
        assert features_of(**fields).suffix == suffix

    def test_a_suffix_is_removed_from_the_name(self):
        features = features_of(first_name="John III", middle_name="Lee Jr", last_name="Hayes Jr")
        assert (features.given, features.middle, features.surname) == ("JOHN", "LEE", "HAYES")

    def test_a_middle_name_that_is_only_a_suffix_is_missing(self):
        assert features_of(middle_name="Jr").middle is None

    @given(st.text(max_size=10))
    def test_the_suffix_field_gives_one_of_five_values_or_nothing(self, text):
        assert parse_suffix(text) in {None, "JR", "SR", "II", "III", "IV"}


class TestMiddleNames:
    def test_a_middle_name_has_an_initial(self):
        features = features_of(middle_name="De'Shawn")
        assert (features.middle, features.middle_initial) == ("DESHAWN", "D")

    @pytest.mark.parametrize("written", ["NMN", "N/A", "none", "-", "", "No Middle Name", "XX"])
    def test_a_placeholder_is_missing(self, written):
        features = features_of(middle_name=written)
        assert (features.middle, features.middle_initial) == (None, None)


@given(NAMES)
def test_parsing_a_parsed_name_changes_nothing(text):
    for parse in (parse_given_name, parse_middle_name, parse_surname):
        parsed = parse(text)
        if parsed.name is not None:
            assert parse(parsed.name).name == parsed.name
    for token in parse_surname(text).tokens:
        assert parse_surname(token).tokens in {(token,), ()}


@given(NAMES)
def test_names_are_missing_or_non_empty_ascii_capitals(text):
    features = features_of(
        first_name=text, middle_name=text, last_name=text, other_names=[{"first_name": text}]
    )
    columns = [features.given, features.middle, features.surname]
    columns += [
        *features.given_forms,
        *features.given_roots,
        *features.surname_tokens,
        *features.surname_forms,
    ]
    for name in columns:
        assert name is None or (name.isascii() and name.isalpha() and name.isupper())
