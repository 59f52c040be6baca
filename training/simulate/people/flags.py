"""Special populations: in truth, and as each source asserts them.

They overlap as in life: poverty with homelessness, care with disability and mobility, language with
migrant work. Immigration flags, removal circumstances and the like are never made: an index never loads
them.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.simulate.columns import Bools, Dates, Ints, Rng, Texts, blank_column, draw_choices, draw_events, to_iso_dates, text_column
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
"""Populations that schools assert, each with the law or program whose definition they use."""

FOSTER_CARE, FOSTER_CARE_DEFINITION = "foster_care", "ESSA"

_DETAILS = {
    "disability": (("SLD", "SLI", "OHI", "AUT", "DD", "EMN", "ID", "MD"), (33, 19, 16, 13, 7, 5, 5, 2)),
    "homeless": (("DoubledUp", "HotelMotel", "SheltersTransitionalHousing", "Unsheltered"), (76, 9, 11, 4)),
    "military_connected": (("ActiveDuty", "NationalGuardOrReserve"), (65, 35)),
}
"""CEDS codes with their rough national shares in hundredths."""


@dataclass(slots=True)
class Flags:
    """What is true of each child: a column for each population, and a detail code for some."""

    true: dict[str, Bools]
    detail: dict[str, Texts]


def draw_flags(rng: Rng, births: Births, homes: Homes, care: Care, rates: Rates) -> Flags:
    """Which special populations each child belongs to, whether or not a source says so."""
    size, share = len(births), rates.flags
    group, poor = homes.group[births.home], homes.poor[births.home]
    disability = draw_events(
        rng, np.where(care.in_care | care.left_care, share.disability_in_care, share.disability), size
    )
    learner = np.where(group == HISPANIC, share.english_learner_hispanic, 0.0)
    learner[(group == ASIAN) | (group == AFRICAN)] = share.english_learner_other
    home_lost = draw_events(rng, share.homeless_poor, len(homes))[births.home] & poor & ~care.in_care
    home_lost |= care.left_care & draw_events(rng, share.homeless_formerly_in_care, size)
    migrant = draw_events(rng, share.migrant_hispanic, len(homes))[births.home] & (group == HISPANIC)
    true = {
        "disability": disability,
        "section_504": ~disability & draw_events(rng, share.section_504, size),
        "english_learner": draw_events(rng, learner, size),
        "homeless": home_lost,
        "migrant": migrant,
        "economic_disadvantage": poor | home_lost | migrant | care.in_care,
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
    """The 15th of August of each year."""
    august = year.astype("datetime64[M]") + _TO_AUGUST
    opens: Dates = august.astype("datetime64[D]") + _TO_THE_15TH
    return opens


def write_school_flags(rng: Rng, flags: Flags, children: Ints, as_of: Dates, rates: Rates) -> Texts:
    """The flags cell of each school record: what the district carries of what is true.

    Schools assert these by the school year: each begins with the year in which the record was true.
    """
    begin = to_iso_dates(school_year_start(as_of))
    held: list[list[dict[str, str]]] = [[] for _ in range(len(children))]
    for population, definition in POPULATIONS.items():
        carried = flags.true[population][children] & draw_events(rng, rates.flags.reported, len(children))
        for row in np.flatnonzero(carried).tolist():
            flag = {"population": population, "value": "Y", "definition": definition}
            if population in flags.detail:
                flag["detail"] = flags.detail[population][children[row]]
            flag["begin"] = begin[row]
            held[row].append(flag)
    return to_json_cells(held)


def school_year_start(days: Dates) -> Dates:
    """The 15th of the last August."""
    year = days.astype("datetime64[Y]")
    opening, before = school_opening_day(year), school_opening_day(year - _A_YEAR)
    return np.where(opening <= days, opening, before)


def write_care_flags(rng: Rng, flags: Flags, care: Care, children: Ints, rates: Rates) -> Texts:
    """The flags cell of each child-welfare record: foster care with its dates, and disability."""
    removed, ended = to_iso_dates(care.removed_on[children]), to_iso_dates(care.ended_on[children])
    kept = care.in_care[children] | draw_events(rng, rates.flags.foster_care_ended_kept, len(children))
    disabled = flags.true["disability"][children] & (removed != "")
    held: list[list[dict[str, str]]] = [[] for _ in range(len(children))]
    for row in np.flatnonzero((removed != "") & kept).tolist():
        flag = {"population": FOSTER_CARE, "value": "Y", "definition": FOSTER_CARE_DEFINITION}
        flag["begin"] = removed[row]
        if ended[row]:
            flag["end"] = ended[row]
        held[row].append(flag)
        if disabled[row]:
            held[row].append(
                {"population": "disability", "value": "Y", "definition": "AFCARS", "begin": removed[row]}
            )
    return to_json_cells(held)


def to_json_cells(rows: list[list[dict[str, str]]]) -> Texts:
    """Each list as a JSON cell; an empty one is an empty cell."""
    column = blank_column(len(rows))
    for row, items in enumerate(rows):
        if items:
            column[row] = json.dumps(items, ensure_ascii=False, separators=(",", ":"))
    return column
