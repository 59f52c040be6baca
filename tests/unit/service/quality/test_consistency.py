"""How often linked records of two agencies agree: published, and for who may see both sides."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from mpi.api.app import create_app
from mpi.domain.decision import DecisionKind
from mpi.domain.quality_rules import PublicationRules
from mpi.domain.record_ref import RecordRef
from mpi.domain.source import SourceKind
from mpi.domain.viewer import Action
from mpi.service.data_quality.scorecard import read_scorecard
from mpi.service.quality.consistency import read_whole_scorecard
from mpi.service.quality.consistency_counts import (
    FACTOR,
    MOST_CHANGED,
    MOST_CHANGED_BY_JOIN,
    choose_every,
    count_consistency,
    find_consistency_rules,
)
from mpi.service.quality.publication import publish_figures
from mpi.service.records.upsert import upsert
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.index import OPERATOR, load_rows, many_children, open_test_index, with_settings
from tests.unit.api.live import PLAIN, add_key, calling, serving

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
            ("health", SourceKind.OTHER),
        ):
            add_source(opened, OPERATOR, NewSource(source, kind=kind))
        children = many_children(KNOWN + 20)
        load_rows(opened, "cw", *({**child, "flags": [FLAG]} for child in children[:KNOWN]))
        pupils = [
            {
                **child,
                "first_name": child["first_name"].upper() if number < SPELLED else child["first_name"],
                "sex": "" if number < MOVED else child.get("sex"),
                "flags": [FLAG] if number % 2 else [{**FLAG, "begin": "1/1/2020", "end": "6/1/2021"}],
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
        return count_consistency(unit, index.keyed_hash)


def add_up_changes(before, after):
    """Return how many counts changed, of which each may change by one alone."""
    changes = [after.get(name, 0) - before.get(name, 0) for name in before.keys() | after.keys()]
    assert set(changes) <= {-1, 0, 1}
    return sum(map(abs, changes))


def test_linked_children_are_counted_by_source_partner_and_field(index):
    counts = count(index)
    known = counts["cw|sis|last_name.agree"]
    assert KNOWN * 0.9 < known <= KNOWN
    assert counts["sis|ccwis|last_name.agree"] == known
    # Capital letters are no difference, and a missing value is not known. A flag of one side alone is a
    # difference, also where the other side's has ended.
    assert counts["cw|sis|first_name.agree"] == known
    assert counts["cw|sis|sex.agree"] == known - MOVED
    assert counts["cw|sis|foster_care.agree"] + counts["cw|sis|foster_care.differ"] == known
    assert abs(counts["cw|sis|foster_care.differ"] - known / 2) < 5
    assert not any("state" in name for name in counts)


def test_one_record_more_changes_each_count_by_at_most_one(index):
    flags = [FLAG, {**FLAG, "population": "disability", "definition": "IDEA"}]
    counts, changes = [count(index)], []
    for child in many_children(4, 7_000):
        for source in ("cw", "sis", "state", "health"):
            upsert(index, OPERATOR, source, {**child, "flags": flags})
            counts.append(count(index))
            changes.append(add_up_changes(*counts[-2:]))
        # A second record of a source says nothing more of the child, even where it says something else.
        upsert(index, OPERATOR, "sis", {**child, "local_id": f"again {child['local_id']}", "sex": ""})
        assert count(index) == counts[-1]
    assert max(changes) <= MOST_CHANGED
    assert sum(changes) >= 4 * MOST_CHANGED / 2, "two kinds of each child count by all fields and flags"


def test_a_person_more_or_less_by_a_decision_changes_no_more_counts_than_stated(index):
    left, right = many_children(2, 7_500)
    for child in (left, right):
        for source in ("cw", "sis", "state"):
            upsert(index, OPERATOR, source, {**child, "flags": [FLAG]})
    before = count(index)
    refs = tuple(RecordRef("sis", child["local_id"]) for child in (left, right))
    decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, (refs,), "test"))
    changes = [count(index).get(name, 0) - value for name, value in before.items()]
    assert 0 < sum(map(abs, changes)) <= MOST_CHANGED_BY_JOIN


def test_a_large_index_is_measured_on_a_draw_that_its_published_number_of_persons_sets(index):
    assert [choose_every(persons) for persons in (0, 20_000, 20_010, 1_000_000)] == [1, 1, 2, 50]
    whole = count(index)
    with index.database.read(OPERATOR) as unit:
        half = count_consistency(unit, index.keyed_hash, 2)
    assert 0.3 < half["cw|sis|last_name.agree"] / whole["cw|sis|last_name.agree"] < 0.7


def test_scorecard_shows_published_figures_of_an_earlier_day_to_who_sees_both_sides(index, manual_clock):
    assert read_whole_scorecard(index, OPERATOR, "cw").consistency is None
    assert publish_figures(index, OPERATOR)
    manual_clock.now += timedelta(days=1)
    card = read_whole_scorecard(index, OPERATOR, "cw")
    assert (card.consistency.as_of, card.consistency.every) == ("2026-11-03", 1)
    shares = {(one.partner, one.field): one for one in card.consistency.fields}
    # None differ, and of the flag half; the noise of a count has a deviation of 70 (4 times 17.5).
    assert shares["sis", "birth_date"].share.value > 0.75
    assert 0.2 < shares["sis", "foster_care"].share.value < 0.75
    assert all(one.known >= find_consistency_rules(RULES).smallest_shown for one in shares.values())
    assert find_consistency_rules(RULES).smallest_shown == FACTOR * RULES.smallest_shown
    assert {partner for partner, _ in shares} == {"sis"}
    # A reader of one side gets the scorecard without it, whatever the other agency holds.
    reader = replace(OPERATOR, client="both-sides", sources=frozenset({"cw", "sis"}))
    assert read_whole_scorecard(index, reader, "cw").consistency == card.consistency
    for sources in ({"cw"}, {"cw", "state"}):
        reader = replace(OPERATOR, client="one-side", sources=frozenset(sources))
        one_side = read_whole_scorecard(index, reader, "cw").consistency
        assert one_side is None or not one_side.fields
    assert asdict(read_scorecard(index, OPERATOR, "cw"))["consistency"] is None


def test_page_shows_agreement_to_an_operator_and_the_api_nothing_to_a_sender_of_one_side(index, manual_clock):
    publish_figures(index, OPERATOR)
    manual_clock.now += timedelta(days=1)
    with serving(create_app(index, open_pages=True)) as url:
        cookies = {"mpi-acting-as": "operator"}
        page = httpx.get(f"{url}/scorecard?source=cw", cookies=cookies, timeout=30, verify=PLAIN)
    assert page.status_code == 200
    assert "Same values at other agencies" in page.text
    with calling(create_app(index), add_key(index, "state", {Action.LOAD}, None)) as client:
        both = client.get("/v1/sources/cw/scorecard").json()["consistency"]
    # How many agree, or do not, is not told: it may be less than the smallest count that is shown.
    assert {tuple(sorted(one)) for one in both["fields"]} == {("field", "known", "partner", "share")}
    with calling(create_app(index), add_key(index, "feed", {Action.LOAD}, {"cw"})) as client:
        card = client.get("/v1/sources/cw/scorecard").json()
    assert card["records"] > 0
    assert card["consistency"] is None
