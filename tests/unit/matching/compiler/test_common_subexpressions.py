"""Common subexpressions of conditions are computed once, with unchanged results."""

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
_comparisons_of_other_types = st.sampled_from(
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


def _combine(expressions):
    combined = st.tuples(expressions, st.sampled_from(["AND", "OR"]), expressions).map(
        lambda operands: f"({operands[0]} {operands[1]} {operands[2]})"
    )
    return (
        combined
        | expressions.map(lambda operands: f"(NOT {operands})")
        | expressions.map(lambda operands: f"({operands}) IS NOT TRUE")
    )


conditions = st.recursive(_texts | _comparisons_of_other_types | _lists, _combine, max_leaves=8)
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
def test_shared_conditions_give_the_results_of_the_original_ones(conditions_drawn, rows_drawn):
    schema = pa.schema({**COLUMNS, **LISTS})
    columns = dict(zip(schema.names, map(list, zip(*rows_drawn, strict=True)), strict=True))
    shared = share_subexpressions(conditions_drawn, "s_")
    with duckdb.connect() as connection:
        connection.register("pairs", pa.table(columns, schema=schema))
        expected = connection.sql(f"SELECT {', '.join(conditions_drawn)} FROM pairs").fetchall()
        actual = connection.sql(
            f"SELECT {', '.join(shared.conditions)} FROM ({shared.write_query('FROM pairs')})"
        )
        assert actual.fetchall() == expected


def test_a_repeated_expression_becomes_a_column_and_a_single_one_does_not():
    shared = share_subexpressions(
        ["f(a_l, a_r) >= 0.9 AND n_l = n_r", "f(a_l, a_r) >= 0.8", "g(a_l) = 1"], "s_"
    )
    [[term]] = shared.layers
    assert term == ("s_0", "(F(a_l, a_r))")
    assert shared.conditions == ("((s_0 >= 0.9) AND (n_l = n_r))", "(s_0 >= 0.8)", "((G(a_l)) = 1)")


def test_a_shared_expression_uses_other_shared_expressions():
    home = "(f(a_l) OR g(a_l))"
    shared = share_subexpressions([f"{home} AND t_l", f"{home} AND n_l = 1", "f(a_l) AND n_l = 2"], "s_")
    first, second = shared.layers
    assert [term.sql for term in first] == ["(F(a_l))"]
    assert [term.sql for term in second] == ["(s_0 OR (G(a_l)))"]
    assert shared.conditions == ("(s_1 AND t_l)", "(s_1 AND (n_l = 1))", "(s_0 AND (n_l = 2))")


def test_an_expression_repeated_only_inside_a_shared_one_is_no_column():
    shared = share_subexpressions(["f(a_l) AND g(a_l)", "(f(a_l) AND g(a_l))"], "s_")
    assert [[term.sql for term in layer] for layer in shared.layers] == [["((F(a_l)) AND (G(a_l)))"]]
    assert shared.conditions == ("s_0", "s_0")


def test_a_lambda_is_shared_as_a_whole():
    inner = "list_max(list_transform(x_l, lambda y: length(y)))"
    shared = share_subexpressions([f"{inner} > 1", f"{inner} > 2"], "s_")
    [[term]] = shared.layers
    assert "LAMBDA y" in term.sql


def test_the_default_model_computes_no_expression_twice_for_near_pairs():
    model = load_model(find_model_folder())
    lowering = [
        comparison for comparison in compile_scorer(model).parameters.comparisons if comparison.only_lowers
    ]
    conditions_used = [
        level.condition
        for comparison in lowering
        for level in comparison.levels
        if level.condition is not None
    ]
    conditions_used += model.cautions.conditions.values()
    shared = share_subexpressions(conditions_used, "shared_")
    sql_text = " ".join([*shared.conditions, *(term.sql for layer in shared.layers for term in layer)])
    calls = re.findall(r"[a-z_]+_[lr] && [a-z_]+_[lr]|[A-Z_]+\([a-z_]+_[lr], [a-z_]+_[lr]\)", sql_text)
    assert len(calls) > 25
    assert len(calls) == len(set(calls))
