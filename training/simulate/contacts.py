"""A record's contact columns: addresses, guardians, telephone, e-mail, household numbers."""

from dataclasses import dataclass

import numpy as np

from training.simulate import mistakes
from training.simulate.care import NOT_PLACED, RELATIVE_HOME
from training.simulate.columns import Bools, Ints, Rng, Texts, change, happens, iso_dates, texts
from training.simulate.flags import cells
from training.simulate.places import STATE, TOWN_COUNTIES, TOWN_NAMES
from training.simulate.population import State
from training.simulate.rosters import Roster, Source

_FATHER_FIRST = 0.25  # records of two-parent homes that name the father first [own assumption]
_CARER_FIRST = 0.35  # CCWIS records of children in care that name the carer first [own assumption]
_GUARDIAN_NICKNAME = 0.05
_GUARDIAN_TYPO = 0.02
_OLD_PHONE = 0.3
_ADDRESS_FIELDS = ("address_line1", "address_line2", "city", "state", "postal_code", "county")


@dataclass(frozen=True, slots=True)
class _Whose:
    """Which records speak of the placement, and which of the adoptive home, rather than the family."""

    placement: Bools
    adoptive: Bools

    @property
    def carer(self) -> Bools:
        return np.asarray(self.placement | self.adoptive)


def write_contacts(rng: Rng, state: State, roster: Roster) -> dict[str, Texts]:
    """All contact columns of a source."""
    whose = _whose(rng, state, roster)
    columns = _addresses(rng, state, roster, whose)
    columns |= _guardians(rng, state, roster, whose)
    columns |= _lines(rng, state, roster, whose)
    columns["household_ids"] = _households(rng, state, roster)
    return columns


def _whose(rng: Rng, state: State, roster: Roster) -> _Whose:
    care, child = state.care, roster.child
    placed = care.in_care[child] & (care.address[child] >= 0) & ~roster.earlier
    if roster.source is not Source.CCWIS:
        placed &= happens(rng, state.rates.care.school_has_placement, len(roster))
    return _Whose(placed, care.adopted[child] & ~roster.earlier)


def _addresses(rng: Rng, state: State, roster: Roster, whose: _Whose) -> dict[str, Texts]:
    noise, missing = state.rates.noise[roster.source.kind], state.rates.missing[roster.source.kind]
    homes, home, size = state.homes, state.births.home[roster.child], len(roster)
    old = roster.earlier | happens(rng, noise.address_old, size)
    family = np.where(old, homes.address_before[home], homes.address[home])
    place = np.where(whose.carer, state.care.address[roster.child], family)
    columns = _flat(state, place)
    for name in ("address_line1", "postal_code"):
        change(columns[name], happens(rng, noise.address_typo / 2, size), rng, mistakes.wrong_digit)
    change(columns["address_line1"], happens(rng, noise.address_typo, size), rng, mistakes.misspell)
    lost = happens(rng, missing.address, size)
    for column in columns.values():
        column[lost] = ""
    two = whose.placement & ~lost & (roster.source is Source.CCWIS)
    columns["addresses"] = _two_homes(state, roster, columns, family, two)
    return columns


def _flat(state: State, place: Ints) -> dict[str, Texts]:
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


def _two_homes(state: State, roster: Roster, flat: dict[str, Texts], family: Ints, rows: Bools) -> Texts:
    """For a child in care the placement, as in the flat columns, and then the home it was removed from."""
    home = _flat(state, family)
    since = iso_dates(state.care.placed[roster.child])
    held: list[list[dict[str, str]]] = [[] for _ in range(len(roster))]
    for row in np.flatnonzero(rows).tolist():
        first = {name: flat[name][row] for name in _ADDRESS_FIELDS if flat[name][row]}
        second = {name: home[name][row] for name in _ADDRESS_FIELDS if home[name][row]}
        held[row] = [first | {"type": "placement", "begin": since[row]}, second | {"type": "removal_home"}]
    return cells(held)


def _guardians(rng: Rng, state: State, roster: Roster, whose: _Whose) -> dict[str, Texts]:
    """The first guardian as flat columns, and the list where there are two."""
    homes, care, size = state.homes, state.care, len(roster)
    home = state.births.home[roster.child]
    father = (homes.guardian2_first[home] != "") & happens(rng, _FATHER_FIRST, size)
    first = np.where(father, homes.guardian2_first[home], homes.guardian1_first[home])
    last = np.where(father, homes.guardian2_last[home], homes.guardian1_last[home])
    relation = np.where(father, "Father", "Mother").astype(object)
    named = whose.carer & (care.carer_first[roster.child] != "")
    carer_relation = _carer_relation(state, roster)
    parent = (first.copy(), last.copy(), relation.copy())
    leads = named & (whose.adoptive | (roster.source is not Source.CCWIS) | happens(rng, _CARER_FIRST, size))
    first[leads] = care.carer_first[roster.child][leads]
    last[leads] = care.carer_last[roster.child][leads]
    relation[leads] = carer_relation[leads]
    gone = happens(rng, state.rates.missing[roster.source.kind].guardian, size)
    _misspell_guardians(rng, first, last)
    for column in (first, last, relation):
        column[gone] = ""
    both = named & whose.placement & ~gone & (roster.source is Source.CCWIS)
    carer = (care.carer_first[roster.child], care.carer_last[roster.child], carer_relation)
    second = tuple(np.where(leads, a, b) for a, b in zip(parent, carer, strict=True))
    return {
        "guardian_first_name": first,
        "guardian_last_name": last,
        "guardian_relationship": relation,
        "guardians": _two_guardians((first, last, relation), second, both),
    }


def _misspell_guardians(rng: Rng, first: Texts, last: Texts) -> None:
    size = len(first)
    change(first, happens(rng, _GUARDIAN_NICKNAME, size), rng, mistakes.nickname)
    change(first, happens(rng, _GUARDIAN_TYPO, size), rng, mistakes.misspell)
    change(last, happens(rng, _GUARDIAN_TYPO, size), rng, mistakes.misspell)


def _carer_relation(state: State, roster: Roster) -> Texts:
    setting = state.care.setting[roster.child]
    relation = np.where(setting == RELATIVE_HOME, "Relative", "FosterParent").astype(object)
    relation[setting == NOT_PLACED] = "AdoptiveParent"
    return relation


def _two_guardians(one: tuple[Texts, ...], two: tuple[Texts, ...], rows: Bools) -> Texts:
    names = ("guardian_first_name", "guardian_last_name", "guardian_relationship")
    held: list[list[dict[str, str]]] = [[] for _ in range(len(rows))]
    for row in np.flatnonzero(rows).tolist():
        held[row] = [
            {name: column[row] for name, column in zip(names, columns, strict=True) if column[row]}
            for columns in (one, two)
        ]
    return cells(held)


def _lines(rng: Rng, state: State, roster: Roster, whose: _Whose) -> dict[str, Texts]:
    """Telephone and e-mail of the family; a carer's are not on file."""
    missing, size = state.rates.missing[roster.source.kind], len(roster)
    homes, home = state.homes, state.births.home[roster.child]
    old = happens(rng, _OLD_PHONE, size)
    phone = np.where(old, homes.phone_before[home], homes.phone[home])
    email = homes.email[home]
    phone[happens(rng, missing.phone, size) | whose.carer] = ""
    email[happens(rng, missing.email, size) | whose.carer] = ""
    return {"phone": phone, "email": email}


def _households(rng: Rng, state: State, roster: Roster) -> Texts:
    """The source's own family or case number, which says nothing outside it."""
    numbers = rng.permutation(len(state.homes) * 3)[: len(state.homes)]
    prefix = "C" if roster.source is Source.CCWIS else "F"
    held = texts([f"{prefix}{100_000 + number}" for number in numbers.tolist()])
    column: Texts = held[state.births.home[roster.child]]
    column[happens(rng, state.rates.missing[roster.source.kind].household, len(roster))] = ""
    column[state.care.adopted[roster.child] & ~roster.earlier] = ""
    return column
