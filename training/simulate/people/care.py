"""Child welfare: which children are known, in care, placed where and with whom, or adopted."""

from dataclasses import dataclass

import numpy as np

from training.simulate import rates as rates_module
from training.simulate.columns import Bools, Dates, Ints, Rng, Texts, blank_column, draw_choices, draw_events, text_column
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
    """One entry a child; dates are NaT and the address -1 where they do not apply.

    ``sealed`` is of the adoption, ``expunged`` of the client's record. ``address`` and the carers hold for
    children in care who do not live at home, and for adopted ones.
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
    """Who is in care and where; relatives' homes take the child's surname, so call before naming."""
    care = _draw_episodes(rng, births, homes, rates)
    _draw_settings(rng, care, births, homes, rates)
    _place_with_relatives(rng, care, births, homes, rates)
    return care, _draw_care_homes(rng, care, births, homes, addresses, rates, book)


def _draw_episodes(rng: Rng, births: Births, homes: Homes, rates: rates_module.Rates) -> Care:
    size, care = len(births), rates.care
    family_known = draw_events(rng, care.family_known, len(homes))
    family_in = family_known & draw_events(rng, care.family_in_care, len(homes))
    family_left = family_known & ~family_in & draw_events(rng, care.family_left_care, len(homes))
    in_care = family_in[births.home] & draw_events(rng, care.child_in_care, size)
    left = family_left[births.home] & draw_events(rng, care.child_in_care, size)
    known = (family_known[births.home] & draw_events(rng, care.child_known, size)) | in_care | left
    adopted = left & draw_events(rng, care.adopted_after_care, size)
    removed, ended = _draw_intervals(rng, births, homes, (in_care, left), rates)
    return Care(
        is_known=known,
        in_care=in_care,
        left_care=left,
        setting=np.zeros(size, dtype=np.int64),
        removed_on=removed,
        placed_on=removed.copy(),
        ended_on=ended,
        address=np.full(size, -1),
        carer_first=blank_column(size),
        carer_last=blank_column(size),
        kin_home=np.full(size, -1),
        adopted=adopted,
        sealed=adopted & draw_events(rng, care.adopted_sealed, size),
        expunged=known & ~in_care & ~left & draw_events(rng, care.expunged, size),
    )


def _draw_intervals(
    rng: Rng, births: Births, homes: Homes, who: tuple[Bools, Bools], rates: rates_module.Rates
) -> tuple[Dates, Dates]:
    """Removal and end of care; siblings leave home on one day unless the younger was not yet born."""
    (in_care, left), today, since = who, rates.state.today, rates.care.left_care_mean_days
    stay = np.minimum(rng.exponential(_MEAN_DAYS_IN_CARE, len(homes)), _LONGEST_DAYS_IN_CARE)
    since_end = rng.exponential(since, len(homes))[births.home] * left
    removed = today - (stay[births.home] + since_end + 1).astype("timedelta64[D]")
    removed = np.maximum(removed, births.day + np.timedelta64(_FIRST_DAYS_AFTER_BIRTH, "D"))
    removed = np.minimum(removed, today)
    ended = np.minimum(today, removed + stay[births.home].astype("timedelta64[D]") + np.timedelta64(30, "D"))
    nothing = np.datetime64("NaT", "D")
    return np.where(in_care | left, removed, nothing), np.where(left, ended, nothing)


def _draw_settings(rng: Rng, care: Care, births: Births, homes: Homes, rates: rates_module.Rates) -> None:
    """Choose the present placement; siblings mostly share it."""
    shares = rates.care
    foster = 1 - shares.relative_home - shares.group_home - shares.trial_home_visit
    by_share = [foster, shares.relative_home, shares.group_home, shares.trial_home_visit]
    family = draw_choices(rng, by_share, len(homes))[births.home]
    own = draw_choices(rng, by_share, len(births))
    together = draw_events(rng, shares.siblings_together, len(births))
    setting = np.where(together, family, own) + 1
    care.setting = np.where(care.in_care, setting, NOT_PLACED)
    later = care.in_care & draw_events(rng, shares.placement_move, len(births))
    in_care_days = (rates.state.today - care.removed_on[later]).astype(np.int64)
    care.placed_on[later] += (in_care_days * rng.random(len(in_care_days))).astype("timedelta64[D]")


def _place_with_relatives(rng: Rng, care: Care, births: Births, homes: Homes, rates: rates_module.Rates) -> None:
    """Place children with relatives: another household, that often has the surname."""
    rows = np.flatnonzero(care.setting == RELATIVE_HOME)
    chosen = rng.integers(0, len(homes), len(homes))
    kin = chosen[births.home[rows]]
    same = draw_events(rng, rates.families.kin_surname, len(homes))[births.home[rows]]
    homes.child_surname[kin[same]] = homes.child_surname[births.home[rows][same]]
    care.kin_home[rows] = kin
    care.address[rows] = homes.address[kin]
    care.carer_first[rows] = homes.guardian1_first[kin]
    care.carer_last[rows] = homes.guardian1_last[kin]


def _draw_care_homes(
    rng: Rng,
    care: Care,
    births: Births,
    homes: Homes,
    addresses: Addresses,
    rates: rates_module.Rates,
    book: NameBook,
) -> Addresses:
    """Foster homes, group homes and adoptive homes, with carers; gives back the longer address table."""
    foster = np.flatnonzero((care.setting == FOSTER_HOME) | care.adopted)
    group = np.flatnonzero(care.setting == GROUP_HOME)
    foster_homes = max(1, round(len(foster) / rates.care.children_a_foster_home))
    group_homes = max(1, round(len(group) / rates.care.children_a_group_home))
    near = homes.town[rng.integers(0, len(homes), foster_homes + group_homes)]
    new = draw_addresses(rng, near, 0.0)
    # Siblings share a foster home: it is chosen by family, and by child only where they are apart.
    family_choice = rng.integers(0, foster_homes, len(homes))[births.home[foster]]
    apart = ~draw_events(rng, rates.care.siblings_together, len(foster))
    place = np.where(apart, rng.integers(0, foster_homes, len(foster)), family_choice)
    care.address[foster] = len(addresses) + place
    groups = homes.group[rng.integers(0, len(homes), foster_homes)]
    care.carer_first[foster] = book.draw_given(rng, groups, np.zeros(foster_homes, dtype=np.int64))[place]
    care.carer_last[foster] = book.draw_surnames(rng, groups)[place]
    care.address[group] = len(addresses) + foster_homes + rng.integers(0, group_homes, len(group))
    return addresses.concatenate(new)
