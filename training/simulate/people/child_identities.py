"""True identities of the simulated children: names, suffixes, SSNs and birth places."""

from dataclasses import dataclass

import numpy as np

from training.simulate.columns import Bools, Dates, Ints, Rng, Texts, blank_column, draw_events, text_column
from training.simulate.people.blocks import Block
from training.simulate.people.care import RELATIVE_HOME, Care
from training.simulate.people.families import Births, Homes
from training.simulate.people.names import AFRICAN, ASIAN, HISPANIC, NameBook
from training.simulate.people.places import STATE, TOWN_NAMES
from training.simulate.rates import Rates

_STAGE = 4
_ROUNDS_OF_NEW_NAMES = 4
_YEARS_DEAD_ON_FILE = 3
_SSNS = 100 * 99 * 9_999
_SSN_STEP, _SSN_SHIFT = 61_179_247, 9_973
"""Step and shift between consecutive SSNs.

The step has no factor in common with the count of SSNs, so that no number repeats.
"""
_OTHER_STATES = text_column(["KY", "PA", "MI", "IN", "WV", "TX", "FL", "GA"])
_OTHER_TOWNS = text_column(
    ["Ashgrove", "Bellmont", "Carrow", "Eastlake Park", "Fenwick", "Galloway", "Milbrook"]
)
_BORN_ABROAD = {HISPANIC: (0.06, "MX"), ASIAN: (0.18, "IN"), AFRICAN: (0.25, "KE")}
_BORN_IN_HOME_TOWN, _BORN_IN_STATE = 0.65, 0.88


@dataclass(slots=True)
class ChildIdentities:
    """True names and identities of simulated children, one entry per child.

    The ``before`` columns hold the earlier value, or the present one if it never changed.
    """

    first: Texts
    middle: Texts
    last: Texts
    suffix: Texts
    first_before: Texts
    last_before: Texts
    birth_before: Dates
    namesake: Bools
    stranger: Bools
    changed: Bools
    changed_on: Dates
    ssn: Texts
    birth_city: Texts
    birth_state: Texts
    birth_country: Texts
    sex_x: Bools
    died: Dates


def draw_identities(
    block: Block, births: Births, homes: Homes, care: Care, rates: Rates, book: NameBook
) -> ChildIdentities:
    """Draw names and identities of simulated children, then change some."""
    rng = block.stage_generator(_STAGE)
    group = homes.group[births.home]
    last = _draw_surnames(rng, births, homes, care, group, rates, book)
    first, suffix = _draw_given_names(rng, births, homes, last, rates, book)
    namesake = _name_after_cousins(rng, first, last, births, care, rates)
    is_mononym = ((group == ASIAN) | (group == AFRICAN)) & draw_events(
        rng, rates.names.mononym_african_asian, len(births)
    )
    last[is_mononym] = first[is_mononym]
    middle_rate = np.where(group == HISPANIC, rates.names.middle_name_hispanic, rates.names.middle_name)
    middle = book.draw_given(rng, group, births.male)
    middle[~draw_events(rng, middle_rate, len(births))] = ""
    city, state, country = _draw_birth_places(rng, births, homes, group)
    people = ChildIdentities(
        first=first,
        middle=middle,
        last=last,
        suffix=suffix,
        first_before=first.copy(),
        last_before=last.copy(),
        birth_before=births.day.copy(),
        namesake=namesake,
        stranger=np.zeros(len(births), dtype=bool),
        changed=np.zeros(len(births), dtype=bool),
        changed_on=np.full(len(births), np.datetime64("NaT", "D")),
        ssn=_assign_ssns(block, len(births)),
        birth_city=city,
        birth_state=state,
        birth_country=country,
        sex_x=draw_events(rng, rates.names.sex_x, len(births)),
        died=_draw_deaths(rng, births, care, rates),
    )
    _change_identities(rng, people, births, group, rates, book)
    _rename_adopted(rng, people, births, care, group, rates, book)
    return people


def _draw_surnames(
    rng: Rng, births: Births, homes: Homes, care: Care, group: Ints, rates: Rates, book: NameBook
) -> Texts:
    """Draw simulated children's surnames; half siblings may have another."""
    last: Texts = homes.child_surname[births.home]
    # A child placed with relatives keeps the surname that their home shares.
    is_half_sibling = draw_events(rng, rates.families.half_sibling_surname, len(births)) & (
        care.setting != RELATIVE_HOME
    )
    last[is_half_sibling] = book.draw_surnames(rng, group[is_half_sibling])
    return last


def _draw_given_names(
    rng: Rng, births: Births, homes: Homes, last: Texts, rates: Rates, book: NameBook
) -> tuple[Texts, Texts]:
    """Draw given names, distinct within a home, and suffixes of juniors."""
    group, size = homes.group[births.home], len(births)
    first = book.draw_given(rng, group, births.male)
    _, eldest = np.unique(births.home, return_index=True)
    is_eldest = np.zeros(size, dtype=bool)
    is_eldest[eldest] = True
    is_junior = is_eldest & (births.male == 1) & homes.father_named[births.home]
    is_junior &= draw_events(rng, rates.names.junior * 3, size) & (last == homes.guardian2_last[births.home])
    first[is_junior] = homes.guardian2_first[births.home][is_junior]
    rate = np.where(births.order > 0, rates.names.look_alike_twin, rates.names.same_initial_sibling)
    alike_rows = np.flatnonzero(~is_eldest & draw_events(rng, rate, size))
    first[alike_rows] = book.draw_look_alikes(rng, first[alike_rows - 1], births.male[alike_rows])
    for _ in range(_ROUNDS_OF_NEW_NAMES):
        repeated = _find_repeated_names(births.home, first, is_junior)
        first[repeated] = book.draw_given(rng, group[repeated], births.male[repeated])
    suffix = blank_column(size)
    suffix[is_junior] = np.where(draw_events(rng, 0.85, int(is_junior.sum())), "Jr", "II")
    return first, suffix


def _find_repeated_names(home: Ints, first: Texts, fixed: Bools) -> Ints:
    """Return rows whose given name an earlier child of the home has.

    A fixed name is never returned.
    """
    _, code = np.unique(first, return_inverse=True)
    order = np.lexsort((~fixed, code, home))
    is_repeated = (home[order][1:] == home[order][:-1]) & (code[order][1:] == code[order][:-1])
    return np.sort(order[1:][is_repeated])


def _name_after_cousins(
    rng: Rng, first: Texts, last: Texts, births: Births, care: Care, rates: Rates
) -> Bools:
    """Give some children placed with relatives a cousin's full name."""
    rows = np.flatnonzero(
        (care.setting == RELATIVE_HOME) & draw_events(rng, rates.names.kin_cousin_same_name, len(births))
    )
    starts = np.searchsorted(births.home, care.kin_home[rows])
    starts = np.minimum(starts, len(births) - 1)
    fits = (births.home[starts] == care.kin_home[rows]) & (births.male[starts] == births.male[rows])
    fits &= births.home[rows] != care.kin_home[rows]
    first[rows[fits]], last[rows[fits]] = first[starts[fits]], last[starts[fits]]
    namesake = np.zeros(len(births), dtype=bool)
    namesake[np.concatenate([rows[fits], starts[fits]])] = True
    return namesake


def _change_identities(
    rng: Rng, people: ChildIdentities, births: Births, group: Ints, rates: Rates, book: NameBook
) -> None:
    """Change the legal name or the recorded birth date of some children."""
    names, size = rates.names, len(births)
    age = (rates.state.today - births.day).astype(np.int64)
    changed = draw_events(rng, names.identity_change, size)
    kind = rng.random(size)
    date_rows = np.flatnonzero(changed & (kind < names.change_is_birth_date))
    given_rows = np.flatnonzero(changed & (kind > 1 - names.change_is_given))
    surname_rows = np.setdiff1d(np.flatnonzero(changed), np.concatenate([date_rows, given_rows]))
    people.birth_before[date_rows] += rng.integers(-120, 121, len(date_rows)).astype("timedelta64[D]")
    people.birth_before = np.minimum(people.birth_before, rates.state.today)
    people.first[given_rows] = book.draw_given(rng, group[given_rows], births.male[given_rows])
    people.last[surname_rows] = book.draw_surnames(rng, group[surname_rows])
    people.suffix[np.concatenate([given_rows, surname_rows])] = ""
    people.changed |= changed
    # Most identities that change do so before the second birthday (Duncan 2015).
    change_day = births.day + (age * rng.random(size) ** 3).astype("timedelta64[D]")
    people.changed_on = np.where(changed, change_day, people.changed_on)


def _rename_adopted(
    rng: Rng, people: ChildIdentities, births: Births, care: Care, group: Ints, rates: Rates, book: NameBook
) -> None:
    """Rename adopted children: adoptive surname, and rarely a new first name."""
    rows = np.flatnonzero(care.adopted)
    people.last[rows] = care.carer_last[rows]
    people.suffix[rows] = ""
    renamed = rows[draw_events(rng, rates.care.adopted_new_given, len(rows))]
    people.first[renamed] = book.draw_given(rng, group[renamed], births.male[renamed])
    people.changed[rows] = True
    people.changed_on[rows] = care.ended_on[rows]


def _draw_deaths(rng: Rng, births: Births, care: Care, rates: Rates) -> Dates:
    """Draw which simulated children died in the last three years, and when.

    No child in care or adopted dies.
    """
    size = len(births)
    is_dead = draw_events(rng, rates.names.died, size) & ~care.in_care & ~care.adopted
    days = rng.integers(1, _YEARS_DEAD_ON_FILE * 365, size).astype("timedelta64[D]")
    death_day = np.fmax(np.maximum(rates.state.today - days, births.day), care.ended_on)
    return np.where(is_dead, death_day, np.datetime64("NaT", "D"))


def _assign_ssns(block: Block, size: int) -> Texts:
    """Assign each simulated child its own SSN.

    Areas are 800 to 899, which before 2011 were never assigned.
    """
    positions = block.interleave(np.arange(size)) + _SSN_SHIFT * block.seed
    numbers = (positions % _SSNS) * _SSN_STEP % _SSNS
    area, remainder = np.divmod(numbers, 99 * 9_999)
    middle, serial = np.divmod(remainder, 9_999)
    parts = zip((area + 800).tolist(), (middle + 1).tolist(), (serial + 1).tolist(), strict=True)
    return text_column(
        [
            f"{area_number}-{group_number:02}-{serial_number:04}"
            for area_number, group_number, serial_number in parts
        ]
    )


def _draw_birth_places(rng: Rng, births: Births, homes: Homes, group: Ints) -> tuple[Texts, Texts, Texts]:
    """Draw city, state and country of birth of simulated children."""
    size = len(births)
    city = TOWN_NAMES[homes.town[births.home]]
    state = np.full(size, STATE, dtype=object)
    country = np.full(size, "US", dtype=object)
    draw = rng.random(size)
    is_in_state = (draw > _BORN_IN_HOME_TOWN) & (draw <= _BORN_IN_STATE)
    city[is_in_state] = TOWN_NAMES[rng.integers(0, len(TOWN_NAMES), int(is_in_state.sum()))]
    is_out_of_state = draw > _BORN_IN_STATE
    city[is_out_of_state] = _OTHER_TOWNS[rng.integers(0, len(_OTHER_TOWNS), int(is_out_of_state.sum()))]
    state[is_out_of_state] = _OTHER_STATES[rng.integers(0, len(_OTHER_STATES), int(is_out_of_state.sum()))]
    for abroad, (rate, code) in _BORN_ABROAD.items():
        rows = (group == abroad) & draw_events(rng, rate, size)
        city[rows], state[rows], country[rows] = "", "", code
    return city, state, country
