"""An index of children in care with reports that were published some days ago, for tests."""

from dataclasses import replace
from datetime import timedelta

from mpi.domain import clock
from mpi.domain.roles import Role
from mpi.domain.source import SourceKind
from mpi.policy.agreement import HOUSE, Agreement
from mpi.service.access.viewers import Caller, build_viewer
from mpi.service.agreements.house import build_house_agreement
from mpi.service.reporting.child_reports import make_child_reports
from mpi.service.reporting.report_set import ReportRequest
from mpi.service.statements.sources import NewSource, add_source
from tests.index import OPERATOR, load_rows, many_children

STAY = {"type": "foster_family_home", "begin": "2026-01-10"}
CARE_DAY = "2026-09-01"
PUBLISHED = ReportRequest("all", CARE_DAY, is_published=True)


def make_children(count: int) -> list[dict[str, object]]:
    """Return children of school age in care."""
    return [
        {**child, "birth_date": f"2014-03-{1 + number % 28:02}", "placements": [STAY]}
        for number, child in enumerate(many_children(count))
    ]


def add_children(index, count: int = 40, at_school: int = 24) -> None:
    """Add two sources with children in care, of whom some have a school record."""
    add_source(index, OPERATOR, NewSource("ccwis", kind=SourceKind.CCWIS))
    add_source(index, OPERATOR, NewSource("sis", kind=SourceKind.SIS))
    children = make_children(count)
    load_rows(index, "ccwis", *children)
    pupils = [{name: value for name, value in child.items() if name != "placements"} for child in children]
    load_rows(index, "sis", *pupils[:at_school])


def publish_ago(index, days: int = 2, request: ReportRequest = PUBLISHED):
    """Publish the reports some days ago; return them."""
    with clock.fixed_clock(clock.now() - timedelta(days=days)):
        return make_child_reports(index, OPERATOR, request)


def make_reader(
    role: Role | None = Role.ANALYST,
    purpose: str | None = "program_evaluation",
    terms: Agreement | None = None,
    granted=frozenset(),
    sources=None,
):
    """Return the viewer of a reader under some terms, by default those of the operator."""
    caller = Caller("ann", granted, sources, HOUSE, 0, role=role)
    return build_viewer(caller, purpose, terms or narrow_house(), clock.now().date())


def narrow_house(**changes: object) -> Agreement:
    """Return the operator's terms, in force and changed."""
    return replace(build_house_agreement(), **{"is_approved": True, **changes})
