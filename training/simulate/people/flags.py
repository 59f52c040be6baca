"""Special populations of children, and the flags that sources assert.

They overlap as in life: poverty with homelessness, care with disability and mobility, language with
migrant work. Immigration flags, removal circumstances and the like are never made: an index never
loads them.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.simulate.columns import (
    Bools,
    Dates,
    Ints,
    Rng,
    Texts,
    blank_column,
    draw_choices,
    draw_events,
    text_column,
    to_iso_dates,
)
from training.simulate.people.care import Care
from training.simulate.people.families import Births, Homes
from training.simulate.people.names import AFRICAN, ASIAN, HISPANIC
from training.simulate.rates import Rates

POPULATIONS = {
    "disability": "IDEA",
    "section_504": "Section 504",
    "english_learner": "ESEA Title III",
    "homeless": "McKinney-Vento",
    "migrant": "ESEA Title I-C",
    "economic_disadvantage": "NSLP",
    "military_connected": "ESSA",
}
"""Populations that schools assert, with the defining law or program."""

FOSTER_CARE, FOSTER_CARE_DEFINITION = "foster_care", "ESSA"

_DETAILS = {
    "disability": (("SLD", "SLI", "OHI", "AUT", "DD", "EMN", "ID", "MD"), (33, 19, 16, 13, 7, 5, 5, 2)),
    "homeless": (("DoubledUp", "HotelMotel", "SheltersTransitionalHousing", "Unsheltered"), (76, 9, 11, 4)),
    "military_connected": (("ActiveDuty", "NationalGuardOrReserve"), (65, 35)),
}
"""CEDS codes with their rough national shares in hundredths."""


@dataclass(slots=True)
class Flags:
    """Special populations that each simulated child truly belongs to.

    Some populations have detail codes.
    """

    true: dict[str, Bools]
    detail: dict[str, Texts]


def draw_flags(rng: Rng, births: Births, homes: Homes, care: Care, rates: Rates) -> Flags:
    """Draw each simulated child's special populations, recorded or not."""
    size, share = len(births), rates.flags
    group, poor = homes.group[births.home], homes.poor[births.home]
    has_disability = draw_events(
        rng, np.where(care.in_care | care.left_care, share.disability_in_care, share.disability), size
    )
    learner_rate = np.where(group == HISPANIC, share.english_learner_hispanic, 0.0)
    learner_rate[(group == ASIAN) | (group == AFRICAN)] = share.english_learner_other
    is_homeless = draw_events(rng, share.homeless_poor, len(homes))[births.home] & poor & ~care.in_care
    is_homeless |= care.left_care & draw_events(rng, share.homeless_formerly_in_care, size)
    is_migrant = draw_events(rng, share.migrant_hispanic, len(homes))[births.home] & (group == HISPANIC)
    true = {
        "disability": has_disability,
        "section_504": ~has_disability & draw_events(rng, share.section_504, size),
        "english_learner": draw_events(rng, learner_rate, size),
        "homeless": is_homeless,
        "migrant": is_migrant,
        "economic_disadvantage": poor | is_homeless | is_migrant | care.in_care,
        "military_connected": draw_events(rng, share.military, len(homes))[births.home],
    }
    detail = {}
    for population, (codes, shares) in _DETAILS.items():
        detail[population] = text_column(codes)[draw_choices(rng, shares, size)]
    return Flags(true, detail)


# Numpy's stubs take a date plus a duration of these units for a duration.
_TO_AUGUST: Any = np.timedelta64(7, "M")
_TO_THE_15TH: Any = np.timedelta64(14, "D")
_A_YEAR: Any = np.timedelta64(1, "Y")


def school_opening_day(year: Dates) -> Dates:
    """Return the 15th of August of each year."""
    august = year.astype("datetime64[M]") + _TO_AUGUST
    opening_day: Dates = august.astype("datetime64[D]") + _TO_THE_15TH
    return opening_day


def write_school_flags(rng: Rng, flags: Flags, children: Ints, as_of: Dates, rates: Rates) -> Texts:
    """Write the special-population flags cell of each simulated school record.

    Schools assert flags by the school year: each begins with the year in which the record was true.
    """
    begin = to_iso_dates(school_year_start(as_of))
    flag_lists: list[list[dict[str, str]]] = [[] for _ in range(len(children))]
    for population, definition in POPULATIONS.items():
        is_reported = flags.true[population][children] & draw_events(rng, rates.flags.reported, len(children))
        for row in np.flatnonzero(is_reported).tolist():
            flag = {"population": population, "value": "Y", "definition": definition}
            if population in flags.detail:
                flag["detail"] = flags.detail[population][children[row]]
            flag["begin"] = begin[row]
            flag_lists[row].append(flag)
    return to_json_cells(flag_lists)


def school_year_start(days: Dates) -> Dates:
    """Return the latest 15th of August up to each day."""
    year = days.astype("datetime64[Y]")
    opening, previous_opening = school_opening_day(year), school_opening_day(year - _A_YEAR)
    return np.where(opening <= days, opening, previous_opening)


def write_care_flags(rng: Rng, flags: Flags, care: Care, children: Ints, rates: Rates) -> Texts:
    """Write the special-population flags cell of each simulated child-welfare record.

    It holds foster care with its dates, and disability.
    """
    removal, end = to_iso_dates(care.removed_on[children]), to_iso_dates(care.ended_on[children])
    is_reported = care.in_care[children] | draw_events(rng, rates.flags.foster_care_ended_kept, len(children))
    has_disability = flags.true["disability"][children] & (removal != "")
    flag_lists: list[list[dict[str, str]]] = [[] for _ in range(len(children))]
    for row in np.flatnonzero((removal != "") & is_reported).tolist():
        flag = {"population": FOSTER_CARE, "value": "Y", "definition": FOSTER_CARE_DEFINITION}
        flag["begin"] = removal[row]
        if end[row]:
            flag["end"] = end[row]
        flag_lists[row].append(flag)
        if has_disability[row]:
            flag_lists[row].append(
                {"population": "disability", "value": "Y", "definition": "AFCARS", "begin": removal[row]}
            )
    return to_json_cells(flag_lists)


def to_json_cells(rows: list[list[dict[str, str]]]) -> Texts:
    """Convert each list of objects to a JSON cell, empty for none."""
    column = blank_column(len(rows))
    for row, items in enumerate(rows):
        if items:
            column[row] = json.dumps(items, ensure_ascii=False, separators=(",", ":"))
    return column
