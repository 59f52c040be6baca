"""Contact columns of a record: guardians, phone, e-mail and household IDs."""

import numpy as np

from training.simulate import typing_errors
from training.simulate.columns import Bools, Rng, Texts, draw_events, rewrite_values, text_column
from training.simulate.people.care import NOT_PLACED, RELATIVE_HOME
from training.simulate.people.flags import to_json_cells
from training.simulate.people.population import SimulatedState
from training.simulate.sources.addresses import OtherHome, write_addresses
from training.simulate.sources.rosters import Roster, SourceSystem

_FATHER_FIRST = 0.25  # records of two-parent homes that name the father first [own assumption]
_CARER_FIRST = 0.35  # CCWIS records of children in care that name the carer first [own assumption]
_GUARDIAN_NICKNAME = 0.05
_GUARDIAN_TYPO = 0.02
_OLD_PHONE = 0.3
_PHONE_OTHERWISE = 0.5
_HOUSEHOLD_STAGE = 20


def write_contacts(rng: Rng, state: SimulatedState, roster: Roster) -> dict[str, Texts]:
    """Write all contact columns of a simulated source, addresses included."""
    other_home = OtherHome.draw(rng, state, roster)
    columns = write_addresses(rng, state, roster, other_home)
    columns |= _write_guardians(rng, state, roster, other_home)
    columns |= _write_phone_and_email(rng, state, roster, other_home)
    columns["household_ids"] = _write_household_ids(rng, state, roster)
    return columns


def _write_guardians(
    rng: Rng, state: SimulatedState, roster: Roster, other_home: OtherHome
) -> dict[str, Texts]:
    """Write the first guardian of simulated records, and a list of two."""
    homes, care, size = state.homes, state.care, len(roster)
    home = state.births.home[roster.child]
    is_father_first = (homes.guardian2_first[home] != "") & draw_events(rng, _FATHER_FIRST, size)
    first = np.where(is_father_first, homes.guardian2_first[home], homes.guardian1_first[home])
    last = np.where(is_father_first, homes.guardian2_last[home], homes.guardian1_last[home])
    relation = np.where(is_father_first, "Father", "Mother").astype(object)
    has_caregiver = other_home.any_other & (care.carer_first[roster.child] != "")
    caregiver_relation = _caregiver_relationship(state, roster)
    parent = (first.copy(), last.copy(), relation.copy())
    is_caregiver_first = has_caregiver & (
        other_home.adoptive | (roster.source is not SourceSystem.CCWIS) | draw_events(rng, _CARER_FIRST, size)
    )
    first[is_caregiver_first] = care.carer_first[roster.child][is_caregiver_first]
    last[is_caregiver_first] = care.carer_last[roster.child][is_caregiver_first]
    relation[is_caregiver_first] = caregiver_relation[is_caregiver_first]
    is_missing = draw_events(rng, state.rates.missing[roster.source.kind].guardian, size)
    _misspell_guardians(rng, first, last)
    for column in (first, last, relation):
        column[is_missing] = ""
    has_both = has_caregiver & other_home.placement & ~is_missing & (roster.source is SourceSystem.CCWIS)
    caregiver = (care.carer_first[roster.child], care.carer_last[roster.child], caregiver_relation)
    second = tuple(
        np.where(is_caregiver_first, parent_values, caregiver_values)
        for parent_values, caregiver_values in zip(parent, caregiver, strict=True)
    )
    return {
        "guardian_first_name": first,
        "guardian_last_name": last,
        "guardian_relationship": relation,
        "guardians": _list_two_guardians((first, last, relation), second, has_both),
    }


def _misspell_guardians(rng: Rng, first: Texts, last: Texts) -> None:
    """Add nicknames and misspellings to guardian names."""
    size = len(first)
    rewrite_values(first, draw_events(rng, _GUARDIAN_NICKNAME, size), rng, typing_errors.to_nickname)
    rewrite_values(first, draw_events(rng, _GUARDIAN_TYPO, size), rng, typing_errors.misspell)
    rewrite_values(last, draw_events(rng, _GUARDIAN_TYPO, size), rng, typing_errors.misspell)


def _caregiver_relationship(state: SimulatedState, roster: Roster) -> Texts:
    """Return how each simulated child's caregiver is related to the child."""
    setting = state.care.setting[roster.child]
    relation = np.where(setting == RELATIVE_HOME, "Relative", "FosterParent").astype(object)
    relation[setting == NOT_PLACED] = "AdoptiveParent"
    return relation


def _list_two_guardians(first: tuple[Texts, ...], second: tuple[Texts, ...], selected: Bools) -> Texts:
    """List parent and caregiver in the selected simulated records."""
    names = ("guardian_first_name", "guardian_last_name", "guardian_relationship")
    guardian_lists: list[list[dict[str, str]]] = [[] for _ in range(len(selected))]
    for row in np.flatnonzero(selected).tolist():
        guardian_lists[row] = [
            {name: column[row] for name, column in zip(names, columns, strict=True) if column[row]}
            for columns in (first, second)
        ]
    return to_json_cells(guardian_lists)


def _write_phone_and_email(
    rng: Rng, state: SimulatedState, roster: Roster, other_home: OtherHome
) -> dict[str, Texts]:
    """Write the family's phone and e-mail into simulated records."""
    missing, size = state.rates.missing[roster.source.kind], len(roster)
    homes, home = state.homes, state.births.home[roster.child]
    is_old = draw_events(rng, _OLD_PHONE, size)
    phone = np.where(is_old, homes.phone_before[home], homes.phone[home])
    email = homes.email[home]
    rewrite_values(phone, draw_events(rng, _PHONE_OTHERWISE, size), rng, typing_errors.restyle_phone)
    phone[draw_events(rng, missing.phone, size) | other_home.any_other] = ""
    email[draw_events(rng, missing.email, size) | other_home.any_other] = ""
    return {"phone": phone, "email": email}


def _write_household_ids(rng: Rng, state: SimulatedState, roster: Roster) -> Texts:
    """Write a simulated source's own family or case numbers.

    They say nothing outside the source.
    """
    # A separate generator: records written later get the same family number.
    source_rng = state.block.stage_generator(_HOUSEHOLD_STAGE + list(SourceSystem).index(roster.source))
    numbers = source_rng.permutation(len(state.homes) * 3)[: len(state.homes)]
    prefix = "C" if roster.source is SourceSystem.CCWIS else "F"
    household_ids = text_column(
        [f"{prefix}{100_000 + number}" for number in state.block.interleave(numbers).tolist()]
    )
    column: Texts = household_ids[state.births.home[roster.child]]
    column[draw_events(rng, state.rates.missing[roster.source.kind].household, len(roster))] = ""
    column[state.care.adopted[roster.child] & ~roster.earlier] = ""
    return column
