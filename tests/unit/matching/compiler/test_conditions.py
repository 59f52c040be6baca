import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mpi.matching.compiler.common_subexpressions import share_subexpressions
from mpi.matching.compiler.conditions import Translator
from mpi.matching.compiler.runtime_functions import NAMESPACE
from mpi.matching.compiler.sql_functions import NotCompilableError

CONDITIONS = [
    "given_l = given_r",
    "given_l <> given_r",
    "NOT (given_l = given_r)",
    "NOT (given_l = given_r AND middle_l = middle_r)",
    "NOT (given_l = given_r OR middle_l = middle_r)",
    "(given_l = given_r) IS NOT TRUE",
    "(given_l = middle_r) IS FALSE",
    "given_l IS NULL OR middle_r IS NOT NULL",
    "given_l IN ('A', 'B') AND NOT given_r IN ('A', 'C')",
    "given_l BETWEEN 'A' AND 'M'",
    "NOT given_l < given_r",
    "jaro_winkler_similarity(given_l, given_r) >= 0.88",
    "jaro_similarity(given_l, given_r) > 0.7",
    "levenshtein(given_l, given_r) <= 1",
    "damerau_levenshtein(given_l, given_r) <= 1",
    "starts_with(given_l, given_r) OR starts_with(given_r, given_l)",
    "substr(given_l, 1, 2) = substr(given_r, 1, 2)",
    "left(given_l, 1) = middle_r",
    "length(given_l) = 1 AND NOT length(given_r) > 2",
    "list_has_any(phones_l, phones_r)",
    "NOT list_has_any(phones_l, phones_r)",
    "phones_l && phones_r",
    "array_length(list_intersect(phones_l, phones_r)) >= 2",
    "list_contains(phones_l, given_r)",
    "abs(birth_year_l - birth_year_r) <= 1",
    "nullif(given_l, 'A') = middle_r",
    "nullif(given_l, 'A') IS NULL",
    "nullif(regexp_extract(given_l, '^[A-B]+', 0), '') = nullif(regexp_extract(given_r, '[^B]{2}'), '')",
    "regexp_extract(given_l, '^[^Z]+B?') = regexp_extract(given_r, 'B*A', 0)",
    "least(length(given_l), length(given_r)) < 2",
    "greatest(birth_year_l, birth_year_r, 2001) = 2001",
    "least(birth_year_l, birth_year_r) IS NULL",
    "jaccard(given_l, middle_r) >= 0.5",
    "birth_year_l * 2 - 1 > birth_year_r + birth_year_l",
    "abs(birth_year_l - birth_year_r) * cast(0.1 as double) <= 0.3",
    "levenshtein(given_l, given_r) <= length(given_l) * 3e-1",
    "least(length(given_l), 0.5) = 0.5",
    "levenshtein(substr(given_l, 3, 2), substr(given_r, 3, 2)) <= 1",
    "jaccard(left(given_l, 2), left(given_r, 2)) >= 0.4",
    "jaccard(nullif(substr(given_l, 3, 2), ''), nullif(substr(given_r, 3, 2), '')) >= 0.4",
    "jaro_winkler_similarity(nullif(substr(given_l, 2, 3), ''), nullif(substr(given_r, 2, 3), '')) >= 0.6",
    "jaro_similarity(nullif(regexp_extract(given_l, '[A-B]+'), ''), middle_r) >= 0.6",
    "multiple_birth_l OR multiple_birth_r",
    "NOT multiple_birth_l AND given_l IS NOT NULL",
    "try_strptime(birth_date_l, '%Y-%m-%d') IS NULL",
    "epoch(try_strptime(birth_date_l, '%Y-%m-%d')) - epoch(try_strptime(birth_date_r, '%Y-%m-%d')) <= 86400",
]
TYPES = {"phones": "VARCHAR[]", "birth_year": "INTEGER", "multiple_birth": "BOOLEAN"}
COLUMNS = ("given", "middle", "phones", "birth_year", "multiple_birth", "birth_date")

texts = st.none() | st.text(alphabet="ABÉ李Z", min_size=1, max_size=4)
values = st.tuples(
    texts,
    texts,
    st.none() | st.lists(st.sampled_from(["A", "B", "É"]), min_size=1, max_size=3, unique=True),
    st.none() | st.integers(2000, 2003),
    st.none() | st.booleans(),
    st.none() | st.sampled_from(["2011-01-31", "2011-02-01", "2012-02-29", "2011-02-30"]),
)


def compile_conditions():
    translator = Translator()
    return [
        eval(  # noqa: S307 - the generated code is what is tested
            f"lambda {', '.join(f'{c}_l, {c}_r' for c in COLUMNS)}: {translator.translate_condition(sql)}",
            NAMESPACE,
        )
        for sql in CONDITIONS
    ]


COMPILED = compile_conditions()


def duckdb_evaluator(shared=False):
    connection = duckdb.connect(":memory:")
    cells = [
        f"CAST(? AS {TYPES.get(column, 'VARCHAR')}) AS {column}_{side}" for column in COLUMNS for side in "lr"
    ]
    pair = f"SELECT {', '.join(cells)}"
    # Each condition stands twice, so that every expression is shared.
    terms = share_subexpressions([*CONDITIONS, *CONDITIONS], "shared_")
    conditions, pair = (
        (terms.conditions[: len(CONDITIONS)], terms.write_query(pair)) if shared else (CONDITIONS, pair)
    )
    sql = f"SELECT {', '.join(f'coalesce({sql}, false)' for sql in conditions)} FROM ({pair})"
    return lambda row: connection.execute(sql, row).fetchone()


ANSWERS = duckdb_evaluator()
ANSWERS_OF_SHARED = duckdb_evaluator(shared=True)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(values, values)
@example((None,) * 6, (None,) * 6)
def test_every_condition_holds_for_the_same_pairs_as_in_duckdb(left, right):
    row = [value for pair in zip(left, right, strict=True) for value in pair]
    expected = ANSWERS(row)
    cells = [tuple(value) if isinstance(value, list) else value for value in row]
    actual = tuple(bool(condition(*cells)) for condition in COMPILED)
    differing = [sql for sql, a, b in zip(CONDITIONS, actual, expected, strict=True) if a != b]
    assert not differing
    assert ANSWERS_OF_SHARED(row) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "given_l = birth_year_r",
        "soundex(given_l) = soundex(given_r)",
        "substr(given_l, -2, 1) = 'A'",
        "try_strptime(birth_date_l, '%d/%m/%Y') IS NULL",
        "given_l LIKE 'A%'",
        "given = given_r",
        "no_such_column_l = 1",
        "coalesce(given_l, 'A') = 'A'",
        "birth_year_l / 2 = 1000",
        "abs(birth_year_l - birth_year_r) * 0.1 <= 0.3",
        "levenshtein(given_l, given_r) <= 0.2 * length(given_l)",
        "greatest(birth_year_l, 0.1) * 3 <= 0.3",
        "birth_year_l * 2000000 > birth_year_r",
        "birth_year_l + 100 * 365 * 86400 > birth_year_r",
        "jaro_similarity(given_l, given_r) > 0.8800000000000000001",
        "jaccard(substr(given_l, 2, 2), given_r) > 0.5",
        "jaccard(left(given_l, 0), given_r) > 0.5",
        "jaro_similarity(given_l, '') > 0.5",
        "jaro_winkler_similarity(regexp_extract(given_l, 'B'), given_r) > 0.5",
        "jaro_winkler_similarity(nullif(substr(given_l, 2, 2), 'A'), given_r) > 0.5",
        "phones_l < phones_r",
        "given_l",
        "CASE WHEN given_l = 'A' THEN true END",
    ],
)
def test_a_condition_without_an_exact_translation_is_refused(sql):
    with pytest.raises(NotCompilableError):
        Translator().translate_condition(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "given_l = given_r",
        "given_l = surname_r OR surname_l = given_r",
        "length(given_l) > 1 AND length(given_r) > 1",
        "given_l = given_r AND length(given_l) > 1",
        "(given_l = given_r AND length(given_r) > 1) IS NOT TRUE",
        "birth_year_l < 2000 AND 2000 > birth_year_r",
        "abs(birth_year_l - birth_year_r) <= 1",
        "least(length(given_l), length(given_r)) > 2",
    ],
)
def test_a_symmetric_condition_is_accepted(sql):
    translated = Translator().translate_symmetric(sql)
    compile(translated, "condition", "eval")
    assert translated


@pytest.mark.parametrize(
    "sql",
    [
        "given_l = surname_r",
        "given_l = 'ANA'",
        "birth_year_l < birth_year_r",
        "birth_year_l - birth_year_r <= 1",
        "starts_with(given_l, given_r)",
        "given_l IS NULL AND given_r IS NOT NULL",
        "given_l = given_r OR length(given_l) > 1",
        # Where one name is missing, the record whose side is tested decides whether the whole is FALSE or
        # NULL.
        "NOT (given_l = given_r AND length(given_l) > 1)",
        "(given_l = given_r AND length(given_l) > 1) IS FALSE",
    ],
)
def test_an_asymmetric_condition_is_refused(sql):
    with pytest.raises(NotCompilableError, match="left"):
        Translator().translate_symmetric(sql)


@pytest.mark.parametrize(
    "pattern",
    [r"\w+", "a$", "(a|b)", "[[:alpha:]]", "a.c", "(?i)a", "a*?", "[é]", "[z-a]", "", "a{1001}", "^", "[&&]"],
)
def test_a_pattern_that_engines_may_read_differently_is_refused(pattern):
    with pytest.raises(NotCompilableError, match="pattern"):
        Translator().translate_condition(f"regexp_extract(given_l, '{pattern}', 0) = given_r")


def test_a_value_in_a_condition_cannot_inject_code():
    hostile = "given_l = '\"); import os; (\"'"
    code = Translator().translate_condition(hostile)
    assert eval(code, {**NAMESPACE, "given_l": '"); import os; ("'}) is True  # noqa: S307
