"""Tests of spelling errors and of recorded names and birth dates."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from training.simulate import typing_errors
from training.simulate.columns import DRAW_LIMIT, draw_events, text_column
from training.simulate.rates import load_rates
from training.simulate.sources.recorded_names import (
    RecordedNames,
    draw_placeholders,
    write_birth_dates,
    write_names,
)

DRAW = st.integers(0, DRAW_LIMIT - 1)
NAMES = st.text(st.characters(categories=["Lu", "Ll"], max_codepoint=0x17F), min_size=1, max_size=20)
SIZE = 4_000


@given(NAMES, DRAW)
def test_misspelling_keeps_the_first_letter_and_the_length(name: str, draw: int) -> None:
    misspelled = typing_errors.misspell(name, draw)
    assert misspelled[0] == name[0]
    assert abs(len(misspelled) - len(name)) <= 2


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=12), DRAW)
def test_keyboard_slip_is_one_edit(name: str, draw: int) -> None:
    assert OSA.distance(name, typing_errors.make_keyboard_slip(name, draw)) <= 1


@given(st.from_regex(r"[0-9]{3}-[0-9]{2}-[0-9]{4}", fullmatch=True), DRAW)
def test_changed_digit_keeps_the_format_of_a_number(number: str, draw: int) -> None:
    changed = typing_errors.change_digit(number, draw)
    assert [letter.isdigit() for letter in changed] == [letter.isdigit() for letter in number]
    assert (
        sum(
            changed_letter != letter_of_number
            for changed_letter, letter_of_number in zip(changed, number, strict=True)
        )
        <= 2
    )


@pytest.mark.parametrize(
    ("rule", "name", "allowed"),
    [
        (typing_errors.to_nickname, "Elizabeth", {"Liz", "Beth", "Eliza", "Betty", "Libby", "Lizzie"}),
        (typing_errors.to_nickname, "Xyzzy", {"Xyzzy"}),
        (typing_errors.respell, "Ahmed", {"Ahmad"}),
        (typing_errors.join_surnames, "García López", {"García-López", "Garcíalópez", "López García"}),
        (typing_errors.join_surnames, "Smith", {"Smith"}),
        (typing_errors.keep_one_surname, "García López", {"García", "López"}),
        (typing_errors.remove_accents, "Nuñez", {"Nunez"}),
        (typing_errors.spell_out_street, "12 Oak St", {"12 Oak Street"}),
        (typing_errors.spell_out_street, "12 Oak Way", {"12 Oak Way"}),
        (typing_errors.restyle_phone, "(614) 555-1234", {"6145551234", "614-555-1234", "+16145551234"}),
    ],
)
def test_spelling_rule_gives_accepted_variants(rule, name: str, allowed: set[str]) -> None:
    written = {rule(name, draw) for draw in range(60)}
    assert written & allowed
    if rule is not typing_errors.to_nickname:
        assert written == allowed


def record_birth_dates(kind: str, **changes: float) -> tuple[list[str], list[str], list[str]]:
    rates = load_rates()
    noise, missing = rates.noise[kind], rates.missing[kind]
    rng = np.random.default_rng(4)
    days = np.datetime64("2010-01-01") + rng.integers(0, 5_000, SIZE).astype("timedelta64[D]")
    written, quality = write_birth_dates(rng, days, noise, missing, rates.state.today)
    return days.astype(str).tolist(), written.tolist(), quality.tolist()


def test_recorded_birth_dates_are_valid_and_not_in_the_future() -> None:
    for written in record_birth_dates("ccwis")[1]:
        assert not written or date.fromisoformat(written) <= date(2026, 9, 1)


def test_wrong_birth_dates_occur_at_the_source_rates() -> None:
    noise, missing = load_rates().noise["ccwis"], load_rates().missing["ccwis"]
    true, written, _ = record_birth_dates("ccwis")
    typical_rate = noise.birth_wrong_digit + noise.birth_off_by_one + noise.birth_placeholder
    wrong_share = sum(bool(w) and t != w for t, w in zip(true, written, strict=True)) / SIZE
    # A swap shows only where the day can be a month, and is the same date on twelve days a year.
    assert typical_rate * 0.7 < wrong_share < (typical_rate + noise.birth_swapped) * 1.3
    assert written.count("") / SIZE == pytest.approx(missing.birth_date, abs=0.012)


def test_estimated_birth_dates_are_the_first_of_january() -> None:
    _, written, quality = record_birth_dates("ccwis")
    estimated = [day for day, day_quality in zip(written, quality, strict=True) if day_quality == "estimated"]
    assert len(estimated) > 20
    assert all(day.endswith("-01-01") for day in estimated)


def test_infants_of_a_multiple_birth_get_distinct_letters() -> None:
    given_names = draw_placeholders(
        np.random.default_rng(1),
        np.array([10, 10, 10, 3_000]),
        np.array([1, 0, 1, 1]),
        np.array([0, 1, 0, 0]),
        np.array([True, True, False, False]),
        1.0,
    )
    assert given_names.tolist() == ["Baby Boy A", "Baby Girl B", "Baby Boy", ""]


def test_names_are_truncated_and_placeholders_kept() -> None:
    rates = load_rates()
    first = text_column(["Christopher-Michael", "Baby Boy"] * 500)
    names = RecordedNames(
        first=first,
        middle=text_column(["", ""] * 500),
        last=text_column(["Featherstonehaugh-Smythe", "Núñez"] * 500),
        suffix=text_column(["", ""] * 500),
        placeholder=np.array([False, True] * 500),
    )
    write_names(np.random.default_rng(2), names, rates.noise["ccwis"], rates.missing["ccwis"], upper=False)
    longest = rates.noise["ccwis"].truncated_at
    assert max(map(len, [*names.first, *names.last])) == longest
    assert set(names.first[1::2]) == {"Baby Boy"}
    assert "Christopher-Mic" in names.first


def test_state_file_is_upper_case_without_accents() -> None:
    rates = load_rates()
    names = RecordedNames(
        *(text_column([text] * 50) for text in ("José", "Ángel", "Peña", "Jr")), np.zeros(50, dtype=bool)
    )
    write_names(np.random.default_rng(2), names, rates.noise["state"], rates.missing["state"], upper=True)
    assert all(name.isascii() and name == name.upper() for name in [*names.first, *names.last])


def test_event_happens_at_its_rate() -> None:
    assert draw_events(np.random.default_rng(0), 0.3, 20_000).mean() == pytest.approx(0.3, abs=0.02)
