"""What conditions have in common is computed once, and says what they said."""

import re

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from mpi.matching.compiler.common_subexpressions import share_subexpressions
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.model.match_model import find_model_folder, load_model

COLUMNS = {"a_l": pa.string(), "a_r": pa.string(), "n_l": pa.int64(), "n_r": pa.int64(), "t_l": pa.bool_()}
LISTS = {"x_l": pa.list_(pa.string()), "x_r": pa.list_(pa.string())}

_texts = st.sampled_from(
    ["a_l = a_r", "a_l <> 'A'", "starts_with(a_l, a_r)", "length(a_l) = 1", "a_l IS NULL"]
)
_others = st.sampled_from(
    [
        "n_l - n_r <= 1",
        "n_l > n_r",
        "n_l BETWEEN 1 AND 2",
        "a_l IN ('A', 'B')",
        "t_l",
        "TRUE",
        "NULL::BOOLEAN",
    ]
)
_lists = st.sampled_from(
    [
        "list_has_any(x_l, x_r)",
        "list_contains(x_l, a_r)",
        "list_max(list_transform(x_l, lambda y: length(y))) > 1",
    ]
)


def _joined(some):
    either = st.tuples(some, st.sampled_from(["AND", "OR"]), some).map(
        lambda it: f"({it[0]} {it[1]} {it[2]})"
    )
    return either | some.map(lambda it: f"(NOT {it})") | some.map(lambda it: f"({it}) IS NOT TRUE")


conditions = st.recursive(_texts | _others | _lists, _joined, max_leaves=8)
rows = st.lists(
    st.tuples(
        st.none() | st.sampled_from(["", "A", "AB"]),
        st.none() | st.sampled_from(["A", "B"]),
        st.none() | st.integers(0, 2),
        st.none() | st.integers(0, 2),
        st.none() | st.booleans(),
        st.none() | st.lists(st.none() | st.sampled_from(["A", "AB"]), max_size=2),
        st.none() | st.lists(st.sampled_from(["A", "AB"]), max_size=2),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(conditions, min_size=1, max_size=4), rows)
def test_each_condition_says_what_it_said(stated, drawn):
    schema = pa.schema({**COLUMNS, **LISTS})
    columns = dict(zip(schema.names, map(list, zip(*drawn, strict=True)), strict=True))
    shared = share_subexpressions(stated, "s_")
    with duckdb.connect() as connection:
        connection.register("pairs", pa.table(columns, schema=schema))
        before = connection.sql(f"SELECT {', '.join(stated)} FROM pairs").fetchall()
        after = connection.sql(
            f"SELECT {', '.join(shared.conditions)} FROM ({shared.write_query('FROM pairs')})"
        )
        assert after.fetchall() == before


def test_what_is_said_twice_is_a_column_and_what_is_said_once_is_none():
    shared = share_subexpressions(
        ["f(a_l, a_r) >= 0.9 AND n_l = n_r", "f(a_l, a_r) >= 0.8", "g(a_l) = 1"], "s_"
    )
    [[term]] = shared.layers
    assert term == ("s_0", "(F(a_l, a_r))")
    assert shared.conditions == ("((s_0 >= 0.9) AND (n_l = n_r))", "(s_0 >= 0.8)", "((G(a_l)) = 1)")


def test_what_is_shared_is_itself_written_with_what_it_shares():
    home = "(f(a_l) OR g(a_l))"
    shared = share_subexpressions([f"{home} AND t_l", f"{home} AND n_l = 1", "f(a_l) AND n_l = 2"], "s_")
    first, second = shared.layers
    assert [term.sql for term in first] == ["(F(a_l))"]
    assert [term.sql for term in second] == ["(s_0 OR (G(a_l)))"]
    assert shared.conditions == ("(s_1 AND t_l)", "(s_1 AND (n_l = 1))", "(s_0 AND (n_l = 2))")


def test_what_is_said_twice_within_a_thing_that_is_shared_is_no_column_of_its_own():
    shared = share_subexpressions(["f(a_l) AND g(a_l)", "(f(a_l) AND g(a_l))"], "s_")
    assert [[term.sql for term in layer] for layer in shared.layers] == [["((F(a_l)) AND (G(a_l)))"]]
    assert shared.conditions == ("s_0", "s_0")


def test_a_lambda_is_taken_whole():
    inner = "list_max(list_transform(x_l, lambda y: length(y)))"
    shared = share_subexpressions([f"{inner} > 1", f"{inner} > 2"], "s_")
    [[term]] = shared.layers
    assert "LAMBDA y" in term.sql


def test_the_default_model_computes_nothing_twice_for_a_pair_that_is_near():
    model = load_model(find_model_folder())
    lowering = [one for one in compile_scorer(model).parameters.comparisons if one.only_lowers]
    stated = [level.condition for one in lowering for level in one.levels if level.condition is not None]
    stated += model.cautions.conditions.values()
    shared = share_subexpressions(stated, "shared_")
    written = " ".join([*shared.conditions, *(term.sql for layer in shared.layers for term in layer)])
    calls = re.findall(r"[a-z_]+_[lr] && [a-z_]+_[lr]|[A-Z_]+\([a-z_]+_[lr], [a-z_]+_[lr]\)", written)
    assert len(calls) > 25
    assert len(calls) == len(set(calls))
