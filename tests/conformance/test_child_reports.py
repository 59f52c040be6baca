"""Reports on children are read and released alike on both stores."""

from dataclasses import replace
from datetime import timedelta

import orjson

from mpi.domain.source import SourceKind
from mpi.service.loads.load_undo import undo_load
from mpi.service.records.upsert import upsert
from mpi.service.reporting.child_reports import make_child_report, make_child_reports
from mpi.service.reporting.report_set import ReportRequest
from mpi.service.reporting.snapshots import freeze_report, repeat_report
from mpi.service.statements.sources import NewSource, add_source
from mpi.storage.repositories.review.report_releases import StoredRelease
from tests.index import OPERATOR, load_rows, many_children

REQUEST = ReportRequest("all", "2026-09-01")
STAY = {"type": "foster_family_home", "begin": "2026-01-10"}
LEARNER = {"population": "english_learner", "value": "Y", "definition": "ESEA Title III"}
HOMELESS = {"population": "homeless", "value": "Y", "definition": "McKinney-Vento"}


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


def test_published_and_frozen_reports_are_destroyed_and_made_again_without_a_sealed_record(index):
    add_source(index, OPERATOR, NewSource("cw", kind=SourceKind.CCWIS))
    children = [{**child, "placements": [STAY]} for child in many_children(24)]
    load_rows(index, "cw", *children)
    published = replace(REQUEST, is_published=True)
    assert make_child_reports(index, OPERATOR, published)[0].number == 24
    frozen = freeze_report(index, OPERATOR, "fall", replace(published, name="waterfall"))
    upsert(index, OPERATOR, "cw", {**children[0], "restrictions": [{"kind": "sealed"}]})
    stored = list_releases(index)
    assert [each.reports for each in stored] == ["", ""]
    again = make_child_reports(index, OPERATOR, published)[0]
    assert (again.number, again.describe()["notice"]) == (23, frozen.describe()["notice"])
    assert repeat_report(index, OPERATOR, "fall").number == 23
    restored = list_releases(index)
    assert [each.number for each in restored] == [each.number for each in stored]
    # What readers hold of the destroyed ones protects those that come later.
    for old, new in zip(stored, restored, strict=True):
        assert orjson.loads(new.earlier) == [old.cells]
        assert new.cells != old.cells


def test_flags_known_on_a_day_stay_so_after_the_undo_of_its_load(index, manual_clock):
    add_source(index, OPERATOR, NewSource("cw", kind=SourceKind.CCWIS))
    first, second = ({**child, "placements": [STAY]} for child in many_children(2))
    days = [(manual_clock.now + timedelta(days=n)).date().isoformat() for n in (1, 2, 3)]
    manual_clock.advance(days=1)
    load_rows(index, "cw", {**first, "flags": [LEARNER, HOMELESS]}, second)
    manual_clock.advance(days=1)
    receipt = load_rows(index, "cw", first, {**second, "flags": [HOMELESS]})
    manual_clock.advance(days=1)
    assert [count_flagged(index, day) for day in days] == [(1, 1), (0, 1), (0, 1)]
    undo_load(index, OPERATOR, receipt.batch)
    assert [count_flagged(index, day) for day in days] == [(1, 1), (0, 1), (1, 1)]


def count_flagged(index, known_on):
    """Count the English learners and homeless children in care, as known on a day."""
    report = make_child_report(index, OPERATOR, replace(REQUEST, name="populations", known_on=known_on))
    figures = {row[1]: row[3] for row in report.rows if row[0].startswith("ESSA")}
    return figures["English learner"], figures["Homeless"]


def test_what_readers_no_longer_remember_is_forgotten(index):
    with index.database.write(OPERATOR, "test") as unit:
        for number, reports in enumerate(("[]", "", "", "[]"), 1):
            unit.report_releases.add(
                StoredRelease(number, "2026-09-01", "{}", "x", "c", reports, "{}", '["c"]')
            )
        unit.report_releases.forget_before(4, kept=[3])
    found = [(each.number, each.moment, each.earlier) for each in list_releases(index)]
    assert found == [(1, "", "null"), (3, "", "null"), (4, "{}", '["c"]')]


def list_releases(index):
    with index.database.read(OPERATOR) as unit:
        return list(reversed(unit.report_releases.latest(7)))
