"""Child welfare: cases, removals, placements and adoptions of children."""

from dataclasses import dataclass

import numpy as np

from training.simulate import rates as rates_module
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
)
from training.simulate.people.families import Births, Homes
from training.simulate.people.names import NameBook
from training.simulate.people.places import Addresses, draw_addresses

NOT_PLACED, FOSTER_HOME, RELATIVE_HOME, GROUP_HOME, TRIAL_HOME_VISIT = range(5)
SETTINGS = text_column(["", "foster_family_home", "relative_foster_home", "group_home", "trial_home_visit"])

_MEAN_DAYS_IN_CARE = 600
_LONGEST_DAYS_IN_CARE = 1_800
_FIRST_DAYS_AFTER_BIRTH = 2


@dataclass(slots=True)
class Care:
    """Child-welfare facts of simulated children, one entry per child.

    Dates are NaT and the address is -1 where they do not apply. ``sealed`` belongs to the adoption,
    ``expunged`` to the client's record. ``address`` and the caregivers hold for children in care who do
    not live at home, and for adopted ones.
    """

    is_known: Bools
    in_care: Bools
    left_care: Bools
    setting: Ints
    removed_on: Dates
    placed_on: Dates
    ended_on: Dates
    address: Ints
    carer_first: Texts
    carer_last: Texts
    kin_home: Ints
    adopted: Bools
    sealed: Bools
    expunged: Bools


def draw_care(
    rng: Rng, births: Births, homes: Homes, addresses: Addresses, rates: rates_module.Rates, book: NameBook
) -> tuple[Care, Addresses]:
    """Draw which children are in care, and where they are placed.

    Relatives' homes take the child's surname, so call this before naming the children.

    Returns:
        The child-welfare facts, and the addresses with the new homes added.
    """
    care = _draw_episodes(rng, births, homes, rates)
    _draw_settings(rng, care, births, homes, rates)
    _place_with_relatives(rng, care, births, homes, rates)
    return care, _draw_care_homes(rng, care, births, homes, addresses, rates, book)


def _draw_episodes(rng: Rng, births: Births, homes: Homes, rates: rates_module.Rates) -> Care:
    """Draw which simulated children are known to child welfare, or in care."""
    size, care = len(births), rates.care
    family_known = draw_events(rng, care.family_known, len(homes))
    family_in_care = family_known & draw_events(rng, care.family_in_care, len(homes))
    family_left_care = family_known & ~family_in_care & draw_events(rng, care.family_left_care, len(homes))
    in_care = family_in_care[births.home] & draw_events(rng, care.child_in_care, size)
    left_care = family_left_care[births.home] & draw_events(rng, care.child_in_care, size)
    is_known = (family_known[births.home] & draw_events(rng, care.child_known, size)) | in_care | left_care
    adopted = left_care & draw_events(rng, care.adopted_after_care, size)
    removed_on, ended_on = _draw_intervals(rng, births, homes, (in_care, left_care), rates)
    return Care(
        is_known=is_known,
        in_care=in_care,
        left_care=left_care,
        setting=np.zeros(size, dtype=np.int64),
        removed_on=removed_on,
        placed_on=removed_on.copy(),
        ended_on=ended_on,
        address=np.full(size, -1),
        carer_first=blank_column(size),
        carer_last=blank_column(size),
        kin_home=np.full(size, -1),
        adopted=adopted,
        sealed=adopted & draw_events(rng, care.adopted_sealed, size),
        expunged=is_known & ~in_care & ~left_care & draw_events(rng, care.expunged, size),
    )


def _draw_intervals(
    rng: Rng, births: Births, homes: Homes, episodes: tuple[Bools, Bools], rates: rates_module.Rates
) -> tuple[Dates, Dates]:
    """Draw the days on which children entered and left care.

    Siblings leave home on one day, unless the younger was not yet born.
    """
    (in_care, left_care), today, mean_days = episodes, rates.state.today, rates.care.left_care_mean_days
    stay = np.minimum(rng.exponential(_MEAN_DAYS_IN_CARE, len(homes)), _LONGEST_DAYS_IN_CARE)
    since_end = rng.exponential(mean_days, len(homes))[births.home] * left_care
    removed_on = today - (stay[births.home] + since_end + 1).astype("timedelta64[D]")
    removed_on = np.maximum(removed_on, births.day + np.timedelta64(_FIRST_DAYS_AFTER_BIRTH, "D"))
    removed_on = np.minimum(removed_on, today)
    ended_on = np.minimum(
        today, removed_on + stay[births.home].astype("timedelta64[D]") + np.timedelta64(30, "D")
    )
    never = np.datetime64("NaT", "D")
    return np.where(in_care | left_care, removed_on, never), np.where(left_care, ended_on, never)


def _draw_settings(rng: Rng, care: Care, births: Births, homes: Homes, rates: rates_module.Rates) -> None:
    """Draw children's present placements in care; siblings mostly share one."""
    shares = rates.care
    foster_share = 1 - shares.relative_home - shares.group_home - shares.trial_home_visit
    by_share = [foster_share, shares.relative_home, shares.group_home, shares.trial_home_visit]
    family_setting = draw_choices(rng, by_share, len(homes))[births.home]
    own_setting = draw_choices(rng, by_share, len(births))
    is_together = draw_events(rng, shares.siblings_together, len(births))
    setting = np.where(is_together, family_setting, own_setting) + 1
    care.setting = np.where(care.in_care, setting, NOT_PLACED)
    has_moved = care.in_care & draw_events(rng, shares.placement_move, len(births))
    in_care_days = (rates.state.today - care.removed_on[has_moved]).astype(np.int64)
    care.placed_on[has_moved] += (in_care_days * rng.random(len(in_care_days))).astype("timedelta64[D]")


def _place_with_relatives(
    rng: Rng, care: Care, births: Births, homes: Homes, rates: rates_module.Rates
) -> None:
    """Place simulated children in care with relatives, often of their surname."""
    rows = np.flatnonzero(care.setting == RELATIVE_HOME)
    drawn_homes = rng.integers(0, len(homes), len(homes))
    relative_home = drawn_homes[births.home[rows]]
    has_surname = draw_events(rng, rates.families.kin_surname, len(homes))[births.home[rows]]
    homes.child_surname[relative_home[has_surname]] = homes.child_surname[births.home[rows][has_surname]]
    care.kin_home[rows] = relative_home
    care.address[rows] = homes.address[relative_home]
    care.carer_first[rows] = homes.guardian1_first[relative_home]
    care.carer_last[rows] = homes.guardian1_last[relative_home]


def _draw_care_homes(
    rng: Rng,
    care: Care,
    births: Births,
    homes: Homes,
    addresses: Addresses,
    rates: rates_module.Rates,
    book: NameBook,
) -> Addresses:
    """Draw foster, group and adoptive homes; return the extended address table."""
    foster = np.flatnonzero((care.setting == FOSTER_HOME) | care.adopted)
    group = np.flatnonzero(care.setting == GROUP_HOME)
    foster_homes = max(1, round(len(foster) / rates.care.children_a_foster_home))
    group_homes = max(1, round(len(group) / rates.care.children_a_group_home))
    towns = homes.town[rng.integers(0, len(homes), foster_homes + group_homes)]
    new_addresses = draw_addresses(rng, towns, 0.0)
    # Siblings share a foster home, unless they are placed apart.
    family_choice = rng.integers(0, foster_homes, len(homes))[births.home[foster]]
    is_apart = ~draw_events(rng, rates.care.siblings_together, len(foster))
    home_choice = np.where(is_apart, rng.integers(0, foster_homes, len(foster)), family_choice)
    care.address[foster] = len(addresses) + home_choice
    groups = homes.group[rng.integers(0, len(homes), foster_homes)]
    care.carer_first[foster] = book.draw_given(rng, groups, np.zeros(foster_homes, dtype=np.int64))[
        home_choice
    ]
    care.carer_last[foster] = book.draw_surnames(rng, groups)[home_choice]
    care.address[group] = len(addresses) + foster_homes + rng.integers(0, group_homes, len(group))
    return addresses.concatenate(new_addresses)
