"""Address columns of a record: current, old, misspelled or confidential."""

from dataclasses import dataclass

import numpy as np

from training.simulate import typing_errors
from training.simulate.columns import (
    Bools,
    Ints,
    Rng,
    Texts,
    blank_column,
    draw_events,
    rewrite_values,
    to_iso_dates,
)
from training.simulate.people.flags import to_json_cells
from training.simulate.people.places import STATE, TOWN_COUNTIES, TOWN_NAMES
from training.simulate.people.population import SimulatedState
from training.simulate.rates import NoiseRates
from training.simulate.sources.rosters import Roster, SourceSystem

FIELDS = ("address_line1", "address_line2", "city", "state", "postal_code", "county")

_SUBSTITUTE = dict(zip(FIELDS, ("PO Box 7700", "", "Merrivale", STATE, "44101", "Osier"), strict=True))
"""Substitute address of the address confidentiality program."""

_CCWIS_HAS_TRUE_ADDRESS = 0.5  # of confidential families [own assumption; hard case HC23]


@dataclass(frozen=True, slots=True)
class OtherHome:
    """Simulated records that show a placement or adoptive home, not the family's.

    Args:
        placement: records that show the child's placement.
        adoptive: records that show the adoptive home.
    """

    placement: Bools
    adoptive: Bools

    @property
    def any_other(self) -> Bools:
        """Which records show a home other than the birth family's."""
        return np.asarray(self.placement | self.adoptive)

    @classmethod
    def draw(cls, rng: Rng, state: SimulatedState, roster: Roster) -> "OtherHome":
        """Draw which simulated records show a placement or adoptive home.

        CCWIS knows every placement, a school some; no earlier record does.
        """
        care, child = state.care, roster.child
        shows_placement = care.in_care[child] & (care.address[child] >= 0) & ~roster.earlier
        if roster.source is not SourceSystem.CCWIS:
            shows_placement &= draw_events(rng, state.rates.care.school_has_placement, len(roster))
        return cls(shows_placement, care.adopted[child] & ~roster.earlier)


def write_addresses(
    rng: Rng, state: SimulatedState, roster: Roster, other_home: OtherHome
) -> dict[str, Texts]:
    """Write the address columns of a simulated source's records.

    They are the flat columns, ``addresses`` for children in care and ``restrictions`` for confidential
    ones.
    """
    noise, missing = state.rates.noise[roster.source.kind], state.rates.missing[roster.source.kind]
    homes, home, size = state.homes, state.births.home[roster.child], len(roster)
    is_old = roster.earlier | draw_events(rng, noise.address_old, size)
    family_address = np.where(is_old, homes.address_before[home], homes.address[home])
    address = np.where(other_home.any_other, state.care.address[roster.child], family_address)
    columns = _flat_columns(state, address)
    _misspell_addresses(rng, columns, noise)
    is_missing = draw_events(rng, missing.address, size)
    for column in columns.values():
        column[is_missing] = ""
    is_confidential = _find_confidential(rng, state, roster, other_home)
    for name, column in columns.items():
        column[is_confidential] = _SUBSTITUTE[name]
    has_two_homes = other_home.placement & ~is_missing & (roster.source is SourceSystem.CCWIS)
    columns["addresses"] = _list_two_homes(state, roster, columns, family_address, has_two_homes)
    columns["restrictions"] = blank_column(size)
    columns["restrictions"][is_confidential] = '[{"kind":"address_confidential"}]'
    return columns


def _flat_columns(state: SimulatedState, address: Ints) -> dict[str, Texts]:
    """Return the address columns of records with the given addresses."""
    table = state.addresses
    town = table.town[address]
    return {
        "address_line1": table.line1[address],
        "address_line2": table.line2[address],
        "city": TOWN_NAMES[town],
        "state": np.full(len(address), STATE, dtype=object),
        "postal_code": table.postal_code[address],
        "county": TOWN_COUNTIES[town],
    }


def _misspell_addresses(rng: Rng, columns: dict[str, Texts], noise: NoiseRates) -> None:
    """Add errors in number, street and postal code, and other spellings."""
    line1, line2 = columns["address_line1"], columns["address_line2"]
    size = len(line1)
    for column in (line1, columns["postal_code"]):
        rewrite_values(
            column, draw_events(rng, noise.address_typo / 2, size), rng, typing_errors.change_digit
        )
    rewrite_values(line1, draw_events(rng, noise.address_typo, size), rng, typing_errors.misspell)
    rewrite_values(
        line1, draw_events(rng, noise.street_spelled_out, size), rng, typing_errors.spell_out_street
    )
    in_line1 = (line2 != "") & draw_events(rng, noise.unit_in_line1, size)
    line1[in_line1] = line1[in_line1] + " " + line2[in_line1]
    line2[in_line1] = ""


def _find_confidential(rng: Rng, state: SimulatedState, roster: Roster, other_home: OtherHome) -> Bools:
    """Return the records that must show a confidentiality program's substitute address."""
    is_confidential = state.homes.confidential[state.births.home[roster.child]] & ~other_home.any_other
    if roster.source is SourceSystem.CCWIS:
        is_confidential &= ~draw_events(rng, _CCWIS_HAS_TRUE_ADDRESS, len(roster))
    return np.asarray(is_confidential)


def _list_two_homes(
    state: SimulatedState, roster: Roster, flat: dict[str, Texts], family_address: Ints, selected: Bools
) -> Texts:
    """List the placement and the former home of children in care.

    The placement is as in the flat columns.
    """
    home = _flat_columns(state, family_address)
    placement_begin = to_iso_dates(state.care.placed_on[roster.child])
    address_lists: list[list[dict[str, str]]] = [[] for _ in range(len(roster))]
    for row in np.flatnonzero(selected).tolist():
        first = {name: flat[name][row] for name in FIELDS if flat[name][row]}
        second = {name: home[name][row] for name in FIELDS if home[name][row]}
        address_lists[row] = [
            first | {"type": "placement", "begin": placement_begin[row]},
            second | {"type": "removal_home"},
        ]
    return to_json_cells(address_lists)
