"""Tables and progress bars on a terminal of 80 columns and in a pipe."""

import io
from types import SimpleNamespace

import pytest

from mpi.cli import output, progress
from mpi.cli.output import format_value, print_facts, print_table

LONG = "x" * 200
EID = "7K3M-92QX-0HTV"


class _Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    screen = _Terminal()
    # pytest puts its own streams back for the test's call, so sys itself cannot be patched here.
    streams = SimpleNamespace(stdout=screen, stderr=screen)
    monkeypatch.setattr(output, "sys", streams)
    monkeypatch.setattr(progress, "sys", streams)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    return screen


def test_a_table_that_fits_the_terminal_is_printed_as_a_table(terminal):
    print_table(("source", "count"), [("sis", 1_234)])
    assert terminal.getvalue().splitlines() == [
        " source   count",
        " ──────────────",
        " sis      1,234",
        "",
    ]


def test_a_table_wider_than_the_terminal_is_printed_as_a_complete_list(terminal):
    print_table(("local ID", "enterprise ID"), [(LONG, EID), ("2", EID)])
    text = terminal.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("x") == 200
    assert text.count(EID) == 2


def test_a_pipe_gets_complete_lines_without_color(capsys):
    print_table(("local ID", "enterprise ID"), [(LONG, EID)], "Title")
    text = capsys.readouterr().out
    assert any(LONG in line and EID in line for line in text.splitlines())
    assert "\x1b" not in text
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_markup_in_values_is_printed_literally(capsys):
    print_facts({"name": "[red]Köln[/red] :smile:"})
    assert "[red]Köln[/red] :smile:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "yes"), (12_345, "12,345"), (0.126, "0.13"), (("a", "b"), "a, b"), ("4711", "4711")],
)
def test_values_are_formatted_for_people(value, text):
    assert format_value(value) == text


def test_a_progress_bar_appears_only_after_some_time(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    with progress.show_progress() as report:
        report("reading", 1, 10)
    assert terminal.getvalue() == ""
    with progress.show_progress(patience_s=-1.0) as report:
        report("reading", 5, 10)
    assert "reading" in terminal.getvalue()


def test_no_progress_bar_is_drawn_without_a_terminal(capsys):
    with progress.show_progress(patience_s=-1.0) as report:
        report("reading", 5, 10)
    assert capsys.readouterr().err == ""
