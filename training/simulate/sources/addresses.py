"""A record's address columns: the family's or the placement's, old, misspelt, or confidential."""

from dataclasses import dataclass

import numpy as np

from training.simulate import typing_errors
from training.simulate.columns import Bools, Ints, Rng, Texts, blank_column, rewrite_values, draw_events, to_iso_dates
from training.simulate.people.flags import to_json_cells
from training.simulate.people.places import STATE, TOWN_COUNTIES, TOWN_NAMES
from training.simulate.people.population import SimulatedState
from training.simulate.rates import NoiseRates
from training.simulate.sources.rosters import Roster, Source

FIELDS = ("address_line1", "address_line2", "city", "state", "postal_code", "county")

_SUBSTITUTE = dict(zip(FIELDS, ("PO Box 7700", "", "Merrivale", STATE, "44101", "Osier"), strict=True))
"""What a family in the address confidentiality program gives out instead of its home."""

_CCWIS_HAS_TRUE_ADDRESS = 0.5  # of confidential families [own assumption; hard case HC23]


@dataclass(frozen=True, slots=True)
class OtherHome:
    """Which records speak of the placement, and which of the adoptive home, rather than the family."""

    placement: Bools
    adoptive: Bools

    @property
    def any_other(self) -> Bools:
        """Records that speak of another home than the family's."""
        return np.asarray(self.placement | self.adoptive)

    @classmethod
    def draw(cls, rng: Rng, state: SimulatedState, roster: Roster) -> "OtherHome":
        """CCWIS knows every placement, a school some; nobody's earlier record does."""
        care, child = state.care, roster.child
        placed = care.in_care[child] & (care.address[child] >= 0) & ~roster.earlier
        if roster.source is not Source.CCWIS:
            placed &= draw_events(rng, state.rates.care.school_has_placement, len(roster))
        return cls(placed, care.adopted[child] & ~roster.earlier)


def write_addresses(rng: Rng, state: SimulatedState, roster: Roster, whose: OtherHome) -> dict[str, Texts]:
    """The flat columns, ``addresses`` for children in care, ``restrictions`` for confidential ones."""
    noise, missing = state.rates.noise[roster.source.kind], state.rates.missing[roster.source.kind]
    homes, home, size = state.homes, state.births.home[roster.child], len(roster)
    old = roster.earlier | draw_events(rng, noise.address_old, size)
    family = np.where(old, homes.address_before[home], homes.address[home])
    place = np.where(whose.any_other, state.care.address[roster.child], family)
    columns = _flat_columns(state, place)
    _misspell_addresses(rng, columns, noise)
    lost = draw_events(rng, missing.address, size)
    for column in columns.values():
        column[lost] = ""
    secret = _find_confidential(rng, state, roster, whose)
    for name, column in columns.items():
        column[secret] = _SUBSTITUTE[name]
    two = whose.placement & ~lost & (roster.source is Source.CCWIS)
    columns["addresses"] = _list_two_homes(state, roster, columns, family, two)
    columns["restrictions"] = blank_column(size)
    columns["restrictions"][secret] = '[{"kind":"address_confidential"}]'
    return columns


def _flat_columns(state: SimulatedState, place: Ints) -> dict[str, Texts]:
    table = state.addresses
    town = table.town[place]
    return {
        "address_line1": table.line1[place],
        "address_line2": table.line2[place],
        "city": TOWN_NAMES[town],
        "state": np.full(len(place), STATE, dtype=object),
        "postal_code": table.postal_code[place],
        "county": TOWN_COUNTIES[town],
    }


def _misspell_addresses(rng: Rng, columns: dict[str, Texts], noise: NoiseRates) -> None:
    """Mistakes in number, street and postal code; the street type and the unit in another style."""
    line1, line2 = columns["address_line1"], columns["address_line2"]
    size = len(line1)
    for column in (line1, columns["postal_code"]):
        rewrite_values(column, draw_events(rng, noise.address_typo / 2, size), rng, typing_errors.change_digit)
    rewrite_values(line1, draw_events(rng, noise.address_typo, size), rng, typing_errors.misspell)
    rewrite_values(line1, draw_events(rng, noise.street_spelled_out, size), rng, typing_errors.spell_out_street)
    inside = (line2 != "") & draw_events(rng, noise.unit_in_line1, size)
    line1[inside] = line1[inside] + " " + line2[inside]
    line2[inside] = ""


def _find_confidential(rng: Rng, state: SimulatedState, roster: Roster, whose: OtherHome) -> Bools:
    secret = state.homes.confidential[state.births.home[roster.child]] & ~whose.any_other
    if roster.source is Source.CCWIS:
        secret &= ~draw_events(rng, _CCWIS_HAS_TRUE_ADDRESS, len(roster))
    return np.asarray(secret)


def _list_two_homes(state: SimulatedState, roster: Roster, flat: dict[str, Texts], family: Ints, rows: Bools) -> Texts:
    """For a child in care the placement, as in the flat columns, then the home it was removed from."""
    home = _flat_columns(state, family)
    since = to_iso_dates(state.care.placed_on[roster.child])
    held: list[list[dict[str, str]]] = [[] for _ in range(len(roster))]
    for row in np.flatnonzero(rows).tolist():
        first = {name: flat[name][row] for name in FIELDS if flat[name][row]}
        second = {name: home[name][row] for name in FIELDS if home[name][row]}
        held[row] = [first | {"type": "placement", "begin": since[row]}, second | {"type": "removal_home"}]
    return to_json_cells(held)
