"""How often linked records of two agencies agree: published, and for who may see both sides."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from mpi.domain.quality_rules import PublicationRules
from mpi.domain.source import SourceKind
from mpi.service.data_quality.scorecard import read_scorecard
from mpi.service.quality.consistency import read_whole_scorecard
from mpi.service.quality.consistency_counts import (
    FACTOR,
    MOST_CHANGED,
    count_consistency,
    find_consistency_rules,
)
from mpi.service.quality.publication import publish_figures
from mpi.service.records.upsert import upsert
from mpi.service.statements.sources import NewSource, add_source
from tests.index import OPERATOR, load_rows, many_children, open_test_index, with_settings

RULES = PublicationRules(base=5)
FLAG = {"population": "foster_care", "value": "Y", "definition": "ESSA"}
KNOWN, SPELLED, MOVED = 300, 40, 30


@pytest.fixture(scope="module")
def clock_and_index(tmp_path_factory):
    with open_test_index(tmp_path_factory.mktemp("home"), secret="5" * 64) as opened:
        for source, kind in (
            ("cw", SourceKind.CCWIS),
            ("sis", SourceKind.SIS),
            ("state", SourceKind.STATE_ID),
        ):
            add_source(opened, OPERATOR, NewSource(source, kind=kind))
        children = many_children(KNOWN + 20)
        load_rows(opened, "cw", *({**child, "flags": [FLAG]} for child in children[:KNOWN]))
        pupils = [
            {
                **child,
                "first_name": child["first_name"].upper() if number < SPELLED else child["first_name"],
                "sex": "" if number < MOVED else child.get("sex"),
                "flags": [FLAG] if number % 2 else [],
            }
            for number, child in enumerate(children)
        ]
        load_rows(opened, "sis", *pupils)
        yield with_settings(opened, publication_rules=RULES)


@pytest.fixture
def index(clock_and_index, manual_clock):
    manual_clock.now = datetime(2026, 11, 3, 9, tzinfo=UTC)
    return clock_and_index


def count(index):
    with index.database.read(OPERATOR) as unit:
        return count_consistency(unit)


def test_linked_children_are_counted_by_source_partner_and_field(index):
    counts = count(index)
    known = counts["cw|sis|last_name.agree"]
    assert KNOWN * 0.9 < known <= KNOWN
    assert counts["sis|ccwis|last_name.agree"] == known
    # Capital letters are no difference, a missing value is not known, and a flag of one side is one.
    assert counts["cw|sis|first_name.agree"] == known
    assert counts["cw|sis|sex.agree"] == known - MOVED
    assert counts["cw|sis|foster_care.agree"] + counts["cw|sis|foster_care.differ"] == known
    assert abs(counts["cw|sis|foster_care.differ"] - known / 2) < 5
    assert not any("state" in name for name in counts)


def test_one_record_more_changes_each_count_by_at_most_one(index):
    before = count(index)
    child = many_children(KNOWN)[5]
    upsert(index, OPERATOR, "state", {**child, "local_id": "once more"})
    after = count(index)
    changes = [after.get(name, 0) - before.get(name, 0) for name in before.keys() | after.keys()]
    assert set(changes) <= {-1, 0, 1}
    assert 0 < sum(map(abs, changes)) <= MOST_CHANGED


def test_scorecard_shows_published_figures_of_an_earlier_day_to_who_sees_both_sides(index, manual_clock):
    assert read_whole_scorecard(index, OPERATOR, "cw").consistency is None
    assert publish_figures(index, OPERATOR)
    manual_clock.now += timedelta(days=1)
    card = read_whole_scorecard(index, OPERATOR, "cw")
    assert card.consistency.as_of == "2026-11-03"
    shares = {(one.partner, one.field): one for one in card.consistency.fields}
    assert abs(shares["sis", "birth_date"].share.value - 1) < 0.5
    assert all(one.known >= find_consistency_rules(RULES).smallest_shown for one in shares.values())
    assert find_consistency_rules(RULES).smallest_shown == FACTOR * RULES.smallest_shown
    assert {partner for partner, _ in shares} == {"sis"}
    # A reader of one side gets the scorecard without it, whatever the other agency holds.
    for sources in ({"cw"}, {"cw", "state"}):
        reader = replace(OPERATOR, client="one-side", sources=frozenset(sources))
        one_side = read_whole_scorecard(index, reader, "cw").consistency
        assert one_side is None or not one_side.fields
    assert asdict(read_scorecard(index, OPERATOR, "cw"))["consistency"] is None
