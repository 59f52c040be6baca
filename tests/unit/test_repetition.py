"""Tests that repeat on PostgreSQL what others do are found by their statements."""

from types import SimpleNamespace

from tests.repetition import REPEATED_TESTS, RepetitionList, ServerLog, is_store_dependent


def find(seconds, kept=(), **statements):
    repetition = RepetitionList()
    repetition.seconds |= seconds
    repetition.statements |= {test: set(each) for test, each in statements.items()}
    repetition.kept |= set(kept)
    return repetition.find_repeated()


def test_a_test_is_left_out_whose_statements_the_others_run():
    assert find({"a": 1, "b": 1, "c": 1}, a=["1", "2"], b=["2", "3"], c=["1", "3"]) == {"c"}


def test_a_test_that_runs_a_statement_alone_is_kept():
    assert find({"a": 9, "b": 1}, a=["1", "2"], b=["1"]) == set()


def test_a_conformance_test_counts_and_is_never_left_out():
    assert find({"a": 9, "b": 1}, kept=["a"], a=["1"], b=["1"]) == {"b"}


def test_a_test_without_statements_is_kept():
    assert find({"a": 1}, a=[]) == set()


def test_a_test_of_stored_bytes_or_of_two_threads_is_never_left_out():
    def reads_bytes(index):
        assert b"Amara" not in all_stored_bytes(index)  # noqa: F821 - never called

    def runs_at_once():
        threading.Thread()  # noqa: F821 - never called

    assert is_store_dependent(reads_bytes)
    assert is_store_dependent(runs_at_once)
    assert not is_store_dependent(find)


def test_statements_are_alike_that_differ_in_values_and_in_the_length_of_lists(tmp_path):
    log = tmp_path / "log"
    log.write_text("LOG:  statement: SELECT 1 WHERE before\n")
    server_log = ServerLog(SimpleNamespace(folder=tmp_path))
    with log.open("a") as lines:
        lines.write(
            "2026-11-30 UTC [7] LOG:  execute _pg3_0: SELECT a\n\tFROM t WHERE b IN ($1::INT, $2::INT)\n"
            "2026-11-30 UTC [7] DETAIL:  Parameters: $1 = '3'\n"
            "2026-11-30 UTC [7] LOG:  execute <unnamed>: SELECT a FROM t WHERE b IN ($1::INT)\n"
            "2026-11-30 UTC [7] LOG:  statement: SET x = 'y'\n"
        )
    assert server_log.read_statements() == ["SELECT a FROM t WHERE b IN (?)", "SET x = ''"]


def test_the_list_names_no_conformance_test():
    assert not [test for test in REPEATED_TESTS.read_text().split() if test.startswith("tests/conformance/")]
