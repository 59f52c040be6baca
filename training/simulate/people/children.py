"""Who the children truly are: names, earlier names, suffixes, numbers, places of birth."""

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
"""The step has no factor in common with the count of SSNs, so that no number comes twice."""
_OTHER_STATES = text_column(["KY", "PA", "MI", "IN", "WV", "TX", "FL", "GA"])
_OTHER_TOWNS = text_column(["Ashgrove", "Bellmont", "Carrow", "Eastlake Park", "Fenwick", "Galloway", "Milbrook"])
_BORN_ABROAD = {HISPANIC: (0.06, "MX"), ASIAN: (0.18, "IN"), AFRICAN: (0.25, "KE")}
_BORN_IN_HOME_TOWN, _BORN_IN_STATE = 0.65, 0.88


@dataclass(slots=True)
class ChildIdentities:
    """One entry a child; the ``before`` columns hold the earlier value, or what holds now."""

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
    """Name every child, then let life rename some."""
    rng = block.stage_generator(_STAGE)
    group = homes.group[births.home]
    last = _draw_surnames(rng, births, homes, care, group, rates, book)
    first, suffix = _draw_given_names(rng, births, homes, last, rates, book)
    namesake = _name_after_cousins(rng, first, last, births, care, rates)
    single = ((group == ASIAN) | (group == AFRICAN)) & draw_events(
        rng, rates.names.mononym_african_asian, len(births)
    )
    last[single] = first[single]
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
    last: Texts = homes.child_surname[births.home]
    # A child placed with relatives keeps the name that the relatives' home was given to share.
    half = draw_events(rng, rates.families.half_sibling_surname, len(births)) & (care.setting != RELATIVE_HOME)
    last[half] = book.draw_surnames(rng, group[half])
    return last


def _draw_given_names(
    rng: Rng, births: Births, homes: Homes, last: Texts, rates: Rates, book: NameBook
) -> tuple[Texts, Texts]:
    """Given names, no two alike in one home, and the suffix of boys named after their father."""
    group, size = homes.group[births.home], len(births)
    first = book.draw_given(rng, group, births.male)
    _, eldest = np.unique(births.home, return_index=True)
    is_eldest = np.zeros(size, dtype=bool)
    is_eldest[eldest] = True
    junior = is_eldest & (births.male == 1) & homes.father_named[births.home]
    junior &= draw_events(rng, rates.names.junior * 3, size) & (last == homes.guardian2_last[births.home])
    first[junior] = homes.guardian2_first[births.home][junior]
    rate = np.where(births.order > 0, rates.names.look_alike_twin, rates.names.same_initial_sibling)
    alike = np.flatnonzero(~is_eldest & draw_events(rng, rate, size))
    first[alike] = book.draw_look_alikes(rng, first[alike - 1], births.male[alike])
    for _ in range(_ROUNDS_OF_NEW_NAMES):
        again = _find_repeated_names(births.home, first, junior)
        first[again] = book.draw_given(rng, group[again], births.male[again])
    suffix = blank_column(size)
    suffix[junior] = np.where(draw_events(rng, 0.85, int(junior.sum())), "Jr", "II")
    return first, suffix


def _find_repeated_names(home: Ints, first: Texts, fixed: Bools) -> Ints:
    """Rows whose given name an earlier child of the home bears; never a fixed one."""
    _, code = np.unique(first, return_inverse=True)
    order = np.lexsort((~fixed, code, home))
    same = (home[order][1:] == home[order][:-1]) & (code[order][1:] == code[order][:-1])
    return np.sort(order[1:][same])


def _name_after_cousins(rng: Rng, first: Texts, last: Texts, births: Births, care: Care, rates: Rates) -> Bools:
    """Let some children placed with relatives bear the full name of a cousin who lives there."""
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


def _change_identities(rng: Rng, people: ChildIdentities, births: Births, group: Ints, rates: Rates, book: NameBook) -> None:
    """Change the legal name or the birth date of record of some children."""
    names, size = rates.names, len(births)
    age = (rates.state.today - births.day).astype(np.int64)
    changed = draw_events(rng, names.identity_change, size)
    kind = rng.random(size)
    dates = np.flatnonzero(changed & (kind < names.change_is_birth_date))
    given = np.flatnonzero(changed & (kind > 1 - names.change_is_given))
    surname = np.setdiff1d(np.flatnonzero(changed), np.concatenate([dates, given]))
    people.birth_before[dates] += rng.integers(-120, 121, len(dates)).astype("timedelta64[D]")
    people.birth_before = np.minimum(people.birth_before, rates.state.today)
    people.first[given] = book.draw_given(rng, group[given], births.male[given])
    people.last[surname] = book.draw_surnames(rng, group[surname])
    people.suffix[np.concatenate([given, surname])] = ""
    people.changed |= changed
    # Most identities that change do so before the second birthday (Duncan 2015).
    on = births.day + (age * rng.random(size) ** 3).astype("timedelta64[D]")
    people.changed_on = np.where(changed, on, people.changed_on)


def _rename_adopted(
    rng: Rng, people: ChildIdentities, births: Births, care: Care, group: Ints, rates: Rates, book: NameBook
) -> None:
    """Give adopted children the adoptive surname, and a few a new first name."""
    rows = np.flatnonzero(care.adopted)
    people.last[rows] = care.carer_last[rows]
    people.suffix[rows] = ""
    renamed = rows[draw_events(rng, rates.care.adopted_new_given, len(rows))]
    people.first[renamed] = book.draw_given(rng, group[renamed], births.male[renamed])
    people.changed[rows] = True
    people.changed_on[rows] = care.ended_on[rows]


def _draw_deaths(rng: Rng, births: Births, care: Care, rates: Rates) -> Dates:
    """The day of death of the few who died, in the last three years; nobody in care or since adopted."""
    size = len(births)
    dead = draw_events(rng, rates.names.died, size) & ~care.in_care & ~care.adopted
    days = rng.integers(1, _YEARS_DEAD_ON_FILE * 365, size).astype("timedelta64[D]")
    on = np.fmax(np.maximum(rates.state.today - days, births.day), care.ended_on)
    return np.where(dead, on, np.datetime64("NaT", "D"))


def _assign_ssns(block: Block, size: int) -> Texts:
    """A number of its own for each child; areas 800 to 899, which before 2011 were never assigned."""
    places = block.interleave(np.arange(size)) + _SSN_SHIFT * block.seed
    scattered = (places % _SSNS) * _SSN_STEP % _SSNS
    area, rest = np.divmod(scattered, 99 * 9_999)
    middle, serial = np.divmod(rest, 9_999)
    parts = zip((area + 800).tolist(), (middle + 1).tolist(), (serial + 1).tolist(), strict=True)
    return text_column([f"{a}-{m:02}-{s:04}" for a, m, s in parts])


def _draw_birth_places(rng: Rng, births: Births, homes: Homes, group: Ints) -> tuple[Texts, Texts, Texts]:
    size = len(births)
    city = TOWN_NAMES[homes.town[births.home]]
    state = np.full(size, STATE, dtype=object)
    country = np.full(size, "US", dtype=object)
    where = rng.random(size)
    near = (where > _BORN_IN_HOME_TOWN) & (where <= _BORN_IN_STATE)
    city[near] = TOWN_NAMES[rng.integers(0, len(TOWN_NAMES), int(near.sum()))]
    far = where > _BORN_IN_STATE
    city[far] = _OTHER_TOWNS[rng.integers(0, len(_OTHER_TOWNS), int(far.sum()))]
    state[far] = _OTHER_STATES[rng.integers(0, len(_OTHER_STATES), int(far.sum()))]
    for abroad, (rate, code) in _BORN_ABROAD.items():
        rows = (group == abroad) & draw_events(rng, rate, size)
        city[rows], state[rows], country[rows] = "", "", code
    return city, state, country
