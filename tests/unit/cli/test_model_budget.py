"""The budget of false links that commands print."""

from dataclasses import replace

import pytest

from mpi.cli.model_fit_view import describe_budget
from mpi.matching.model.link_budget import LinkBudget
from mpi.matching.model.match_model import find_model_folder, load_model

_COMMANDS = [("calibration",), ("verify", "--model-fit"), ("ingest", "FILE", "--source", "sis", "--dry-run")]


@pytest.mark.parametrize("command", _COMMANDS, ids=" ".join)
def test_commands_print_the_link_threshold_and_whether_it_keeps_a_budget(mpi, home, write_csv, command):
    path = write_csv("1,Ana,Lopez,2010-01-02,43001")
    arguments = [path if part == "FILE" else part for part in command]
    assert "link from 12 bits up: tiny/1 states no budget of false links" in mpi(*arguments).err
    figures = mpi(*arguments, "--json").json
    assert (figures["link_bits"], figures["link_budget"]) == (12.0, None)


def test_a_budget_is_told_with_what_is_expected():
    shipped = load_model(find_model_folder())
    model = replace(shipped, link_budget=LinkBudget(20.0, 4.0, 5_000, 4.0))
    assert describe_budget(model).endswith(
        "up: the budget is 20 false links in 10,000, and children/7 expects 8.0 (95 %: 0.2 to 15.8) in the "
        "data that it was fitted on"
    )
