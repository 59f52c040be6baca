"""Everything that shows figures declares their class."""

import ast
from pathlib import Path

import pytest

from mpi.api.app import create_app
from mpi.api.middleware.metrics import Metrics
from mpi.cli.catalog import COMMANDS
from mpi.policy import figure_classes
from mpi.policy.figure_classes import FIGURE_CLASSES, FigureClass
from mpi.service.quality.reports import REPORT_NAMES
from mpi.service.reporting.report_set import CHILD_REPORTS
from tests.index import open_test_index

ROOT = Path(__file__).parents[3]
CURRENT_FIGURES = {
    "measure_quality",
    "make_current_report",
    "count_in_care",
    "count_summary",
    "count_overlap",
}
"""Functions that return exact figures over the whole index."""


def list_routes(routes):
    for route in routes:
        nested = getattr(route, "original_router", None)
        if nested is not None:
            yield from list_routes(nested.routes)
        else:
            yield from (f"{method} {route.path}" for method in route.methods - {"HEAD"})


@pytest.fixture(scope="module")
def surfaces(tmp_path_factory):
    with open_test_index(tmp_path_factory.mktemp("figures")) as index:
        routes = set(list_routes(create_app(index).routes))
    commands = {f"mpi {path}" for path, entry in COMMANDS.items() if entry.target is not None}
    reports = {f"report {name}" for name in (*REPORT_NAMES, *CHILD_REPORTS, "transparency", "splink-charts")}
    metrics = {f"metric {family.name}" for family in Metrics()._registry.collect()}
    return routes | commands | reports | metrics


def test_everything_declares_the_class_of_its_figures(surfaces):
    assert surfaces - FIGURE_CLASSES.keys() == set()


def test_the_table_lists_nothing_that_is_gone(surfaces):
    options = {"mpi quality --current", "mpi report --current"}
    assert FIGURE_CLASSES.keys() - surfaces == options


def test_nothing_is_listed_twice():
    lists = [value for name, value in vars(figure_classes).items() if isinstance(value, tuple)]
    assert sum(map(len, lists)) == len(FIGURE_CLASSES)


def test_the_quality_routes_and_reports_are_published():
    for name in ("GET /v1/quality", "GET /quality", "mpi quality", "report summary", "report overlap"):
        assert FigureClass.PUBLISHED in FIGURE_CLASSES[name]


def test_no_route_and_no_page_uses_current_figures():
    used = {
        (path.name, node.id if isinstance(node, ast.Name) else node.attr)
        for path in (ROOT / "mpi" / "api").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name | ast.Attribute)
    }
    assert {name for name in used if name[1] in CURRENT_FIGURES} == set()
