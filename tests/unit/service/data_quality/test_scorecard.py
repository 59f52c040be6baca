"""Scorecards: denominators, validity, spikes, delays and groups, for who may read them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mpi.domain.errors import AccessDenied, NotFoundError
from mpi.domain.viewer import Action, Viewer
from mpi.service.data_quality.scorecard import read_scorecard
from tests.index import OPERATOR, load_rows, make_child, many_children
from tests.unit.service.data_quality.test_issues import OWNER


def at(day: int) -> datetime:
    return datetime(2026, 3, day, tzinfo=UTC)


def field(card, name: str):
    [score] = [score for score in card.fields if score.field == name]
    return score


def test_completeness_counts_values_that_mean_something_and_validity_those_without_issue(index):
    good, wrong, empty, placeholder = many_children(4)
    load_rows(
        index,
        "sis",
        {**good, "phone": "614-555-0134"},
        {**wrong, "phone": "12"},
        empty,
        {**placeholder, "first_name": "Baby Boy", "phone": "N/A"},
    )
    card = read_scorecard(index, OPERATOR, "sis")
    phone, first_name = field(card, "phone"), field(card, "first_name")
    assert (card.records, card.active, card.is_sample) == (4, 4, False)
    assert (phone.present, phone.valid, phone.placeholders) == (2, 1, 1)
    assert (phone.completeness.value, phone.validity.value) == (0.5, 0.5)
    assert (first_name.present, first_name.placeholders) == (3, 1)
    assert field(card, "email").validity is None
    assert card.issues.value == 0.5


def test_a_large_source_is_measured_on_a_draw_that_is_always_the_same(index):
    load_rows(index, "sis", *many_children(60))
    cards = [read_scorecard(index, OPERATOR, "sis", 20) for _ in range(2)]
    assert (cards[0].records, cards[0].active, cards[0].is_sample, cards[0].repeated) == (20, 60, True, None)
    assert cards[0] == cards[1]
    assert field(cards[0], "sex").completeness.low < 1


def test_a_default_date_is_a_spike_whose_value_only_the_owner_sees(index):
    children = many_children(50)
    load_rows(
        index,
        "sis",
        *({**child, "birth_date": "2010-01-01"} for child in children[:25]),
        *children[25:],
        confirm=True,
    )
    [spike] = read_scorecard(index, OWNER, "sis").spikes
    assert (spike.field, spike.value, spike.of) == ("birth_date", "2010-01-01", 50)
    assert spike.records >= 25
    sender_of_all = Viewer("loader", None, frozenset({Action.LOAD}), None, rights=_Rights())
    [hidden] = read_scorecard(index, sender_of_all, "sis").spikes
    assert (hidden.value, hidden.records) == (None, spike.records)


def test_a_repeated_name_and_birth_date_is_counted_once_more(index):
    load_rows(index, "sis", make_child("1"), make_child("2", first_name="AMARA"), make_child("3", sex="M"))
    assert read_scorecard(index, OPERATOR, "sis").repeated == 2


def test_delays_are_of_events_that_a_later_file_states_first(index):
    entry = {"entry_date": "2026-02-01", "school_id": "S1"}
    load_rows(index, "sis", make_child(enrollments=[entry]), as_of=at(1))
    later = [entry, {"entry_date": "2026-03-02", "school_id": "S2"}]
    load_rows(index, "sis", make_child(enrollments=later), as_of=at(9))
    delays = {delay.kind: delay for delay in read_scorecard(index, OPERATOR, "sis").delays}
    assert (delays["school entry"].count, delays["school entry"].median) == (1, 7)
    assert delays["feed to index"].count == 1


def test_groups_have_their_own_denominator_and_small_ones_are_for_the_owner(index):
    children = many_children(43)
    load_rows(
        index,
        "sis",
        *({**child, "address_line1": "1 Elm St", "county": "049"} for child in children[:12]),
        *({**child, "county": "041"} for child in children[12:15]),
        *({**child, "county": "045"} for child in children[15:23]),
        *({**child, "county": "047"} for child in children[23:]),
        confirm=True,
    )
    groups = {group.group: group for group in read_scorecard(index, OWNER, "sis").groups}
    assert {name: group.records for name, group in groups.items()} == {
        "047": 20,
        "049": 12,
        "041": 3,
        "045": 8,
    }
    assert (groups["049"].completeness.value, groups["041"].completeness.value) == (1, 0)
    sender_of_all = Viewer("loader", None, frozenset({Action.LOAD}), None, rights=_Rights())
    assert {group.group for group in read_scorecard(index, sender_of_all, "sis").groups} == {"047"}


def test_the_trend_is_of_loads_in_force(index):
    load_rows(index, "sis", make_child(sex="Q"), {"local_id": "9", "colour": "x"})
    [load] = read_scorecard(index, OPERATOR, "sis").trend
    assert (load.received, load.rejected, load.issues) == (2, 1, 1)


def test_an_empty_source_has_an_empty_card(index):
    card = read_scorecard(index, OPERATOR, "sis")
    assert (card.records, card.complete, card.fields) == (0, None, ())


def test_a_scorecard_is_for_owner_and_sender_of_the_source(index):
    load_rows(index, "sis", make_child())
    for viewer in (OWNER, OPERATOR):
        assert read_scorecard(index, viewer, "sis").records == 1
    for viewer, source in ((OWNER, "d02"), (replace(OWNER, actions=frozenset({Action.RECORD_READ})), "sis")):
        with pytest.raises(AccessDenied):
            read_scorecard(index, viewer, source)
    with pytest.raises(NotFoundError):
        read_scorecard(index, OPERATOR, "no-such")


class _Rights:
    """Rights of a caller of all sources who may load, as an operator has them."""

    forbids_redisclosure = False

    def find_refusal(self, *_):
        return None
