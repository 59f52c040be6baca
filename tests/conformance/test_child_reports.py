"""Reports on children are read and released alike on both stores."""

from dataclasses import replace

from mpi.domain.source import SourceKind
from mpi.service.records.upsert import upsert
from mpi.service.reporting.child_reports import make_child_report, make_child_reports
from mpi.service.reporting.report_set import ReportRequest
from mpi.service.statements.sources import NewSource, add_source
from tests.index import OPERATOR, load_rows, many_children

REQUEST = ReportRequest("all", "2026-09-01")
STAY = {"type": "foster_family_home", "begin": "2026-01-10"}
LEARNER = {"population": "english_learner", "value": "Y", "definition": "ESEA Title III"}


def test_reports_hold_the_latest_statement_of_every_record(index):
    add_source(index, OPERATOR, NewSource("cw", kind=SourceKind.CCWIS))
    children = many_children(4)
    load_rows(index, "cw", *({**child, "placements": [STAY], "flags": [LEARNER]} for child in children))
    upsert(index, OPERATOR, "cw", {**children[0], "flags": [LEARNER]})
    upsert(index, OPERATOR, "cw", {**children[1], "placements": [STAY]})
    waterfall, populations, _ = make_child_reports(index, OPERATOR, REQUEST)
    assert waterfall.number == 3
    figures = {row[1]: row[2:4] for row in populations.rows if row[0].startswith("ESSA")}
    assert figures["English learner"] == (3, 2)
    published = replace(REQUEST, name="waterfall", is_published=True)
    assert make_child_report(index, OPERATOR, published).rows[0][2] is None
    assert make_child_report(index, OPERATOR, published).number is None
