"""Identity columns of a record: names, birth date, sex, IDs and race."""

import json
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
    text_column,
    to_iso_dates,
)
from training.simulate.people.flags import to_json_cells
from training.simulate.people.names import AFRICAN, ASIAN, BLACK, HISPANIC, OTHER, WHITE
from training.simulate.people.population import SimulatedState
from training.simulate.rates import MissingRates, NoiseRates
from training.simulate.sources.recorded_names import (
    RecordedNames,
    draw_placeholders,
    write_birth_dates,
    write_names,
)
from training.simulate.sources.rosters import Roster, SourceSystem

STATE_STUDENT_ID, STATE_ASSIGNER = "state_student_id", "SEA"

_RACES = {
    WHITE: "White", BLACK: "BlackOrAfricanAmerican", HISPANIC: "White", ASIAN: "Asian",
    AFRICAN: "BlackOrAfricanAmerican", OTHER: "DemographicRaceTwoOrMoreRaces",
}  # fmt: skip
_RACE_OF_GROUP = text_column([_RACES[group] for group in range(len(_RACES))])
_PREFERRED_NAME = 0.03  # records that give a preferred name besides the legal one [own assumption]
_SIBLINGS_ID = 0.3  # wrong state IDs that are a sibling's rather than mistyped [own assumption]


@dataclass(frozen=True, slots=True)
class StateIds:
    """State student ID of each child, and the second ID of some.

    A missing ID is empty.
    """

    primary: Texts
    secondary: Texts

    @classmethod
    def from_roster(cls, roster: Roster, children: int) -> "StateIds":
        """Read the state student IDs from the records of the state's file."""
        primary, secondary = blank_column(children), blank_column(children)
        primary[roster.child[~roster.second]] = roster.local_id[~roster.second]
        secondary[roster.child[roster.second]] = roster.local_id[roster.second]
        return cls(primary, secondary)


@dataclass(frozen=True, slots=True)
class IdentityColumns:
    """Identity columns of simulated records, and marks of names not current."""

    columns: dict[str, Texts]
    former: Bools
    placeholder: Bools
    carer_surname: Bools


def write_identity(rng: Rng, state: SimulatedState, roster: Roster, ids: StateIds) -> IdentityColumns:
    """Write all identity columns of a simulated source."""
    kind = roster.source.kind
    noise, missing = state.rates.noise[kind], state.rates.missing[kind]
    former = _find_former(rng, state, roster, noise)
    names, carer_surname = _prepare_names(rng, state, roster, former)
    names.error_factor = _error_factors(state, roster)
    write_names(rng, names, noise, missing, upper=roster.source is SourceSystem.STATE)
    columns = {
        "first_name": names.first,
        "middle_name": names.middle,
        "last_name": names.last,
        "suffix": names.suffix,
    }
    columns |= _write_birth(rng, state, roster, former)
    columns |= _write_earlier_values(rng, state, roster, former, noise)
    columns["preferred_name"] = _write_preferred_names(rng, state, roster)
    columns["sex"] = _write_sex(rng, state, roster, noise, missing)
    columns |= _write_ssn(rng, state, roster)
    columns["identifiers"] = _write_identifiers(rng, roster, ids, noise, missing)
    columns |= _write_background(rng, state, roster, missing)
    columns["death_date"] = _write_deaths(state, roster)
    return IdentityColumns(columns, former, names.placeholder, carer_surname)


def _find_former(rng: Rng, state: SimulatedState, roster: Roster, noise: NoiseRates) -> Bools:
    """Return which records still show the child's identity before a change.

    An adopted child's new client never does.
    """
    is_changed = state.people.changed[roster.child]
    is_new_client = roster.second & ~roster.earlier
    is_stale = roster.earlier | draw_events(rng, noise.old_identity, len(roster))
    return np.asarray(is_changed & is_stale & ~is_new_client)


def _prepare_names(
    rng: Rng, state: SimulatedState, roster: Roster, former: Bools
) -> tuple[RecordedNames, Bools]:
    """Return the names to record, and which records show a caregiver's surname."""
    people, births, child = state.people, state.births, roster.child
    noise, today = state.rates.noise[roster.source.kind], state.rates.state.today
    first = np.where(former, people.first_before[child], people.first[child])
    last = np.where(former, people.last_before[child], people.last[child])
    caregiver_surname = state.care.carer_last[child]
    is_at_school = (
        state.care.in_care[child] & (caregiver_surname != "") & (roster.source is not SourceSystem.CCWIS)
    )
    has_caregiver_surname = is_at_school & draw_events(
        rng, state.rates.care.foster_surname_at_school, len(roster)
    )
    last = np.where(has_caregiver_surname, caregiver_surname, last)
    # CCWIS may have registered a child as an infant years before school.
    age_limit = np.where(state.care.is_known[child], rng.integers(0, 4000, len(roster)), 4000)
    age_seen = np.minimum((today - births.day[child]).astype(np.int64), age_limit)
    placeholder_names = draw_placeholders(
        rng, age_seen, births.male[child], births.order[child], births.multiple[child], noise.placeholder_name
    )
    placeholder = placeholder_names != ""
    recorded = RecordedNames(
        first=np.where(placeholder, placeholder_names, first),
        middle=np.where(placeholder, "", people.middle[child]),
        last=last,
        suffix=people.suffix[child],
        placeholder=np.asarray(placeholder),
    )
    return recorded, np.asarray(has_caregiver_surname)


def _error_factors(
    state: SimulatedState, roster: Roster
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return each record's error rate relative to a white family's."""
    uneven = state.rates.uneven
    by_group = np.ones(len(_RACES))
    by_group[[BLACK, HISPANIC, ASIAN, AFRICAN]] = uneven.black, uneven.hispanic, uneven.asian, uneven.african
    learner = state.flags.true["english_learner"][roster.child]
    factor = by_group[state.homes.group[state.births.home[roster.child]]]
    return np.where(learner, factor * uneven.english_learner, factor)


def _write_birth(rng: Rng, state: SimulatedState, roster: Roster, is_former: Bools) -> dict[str, Texts]:
    """Write birth date, its quality and multiple birth into simulated records."""
    kind, child = roster.source.kind, roster.child
    days = np.where(is_former, state.people.birth_before[child], state.births.day[child])
    next_child = np.minimum(child + 1, len(state.births) - 1)
    is_copied = draw_events(rng, state.rates.noise[kind].birth_of_sibling, len(roster))
    is_copied &= state.births.home[next_child] == state.births.home[child]
    is_copied &= state.births.day[next_child] <= state.rates.state.today
    days = np.where(is_copied, state.births.day[next_child], days)
    dates, quality = write_birth_dates(
        rng, days, state.rates.noise[kind], state.rates.missing[kind], state.rates.state.today
    )
    is_multiple = state.births.multiple[child] & ~draw_events(
        rng, state.rates.missing[kind].multiple_birth, len(roster)
    )
    return {
        "birth_date": dates,
        "birth_date_quality": quality,
        "multiple_birth": np.where(is_multiple, "true", ""),
    }


def _write_earlier_values(
    rng: Rng, state: SimulatedState, roster: Roster, former: Bools, noise: NoiseRates
) -> dict[str, Texts]:
    """Write former names and birth dates that a simulated source kept."""
    people, child = state.people, roster.child
    is_kept = people.changed[child] & ~former & ~state.care.sealed[child]
    is_kept &= draw_events(rng, noise.former_given, len(roster))
    change_dates = to_iso_dates(people.changed_on[child])
    is_renamed = (people.first_before != people.first) | (people.last_before != people.last)
    names: list[list[dict[str, str]]] = [[] for _ in range(len(roster))]
    for row in np.flatnonzero(is_kept & is_renamed[child]).tolist():
        names[row].append({
            "first_name": people.first_before[child[row]],
            "last_name": people.last_before[child[row]],
            "type": "PreviousLegalName",
            "end": change_dates[row],
        })  # fmt: skip
    is_redated = (people.birth_before != state.births.day)[child] & is_kept
    dates = to_iso_dates(people.birth_before[child])
    return {"other_names": to_json_cells(names), "previous_birth_dates": np.where(is_redated, dates, "")}


def _write_preferred_names(rng: Rng, state: SimulatedState, roster: Roster) -> Texts:
    """Write preferred names into a few simulated records."""
    preferred = state.people.first[roster.child]
    has_preferred = draw_events(rng, _PREFERRED_NAME, len(roster)) & (roster.source is not SourceSystem.STATE)
    rewrite_values(preferred, has_preferred, rng, typing_errors.to_nickname)
    preferred[~has_preferred | (preferred == state.people.first[roster.child])] = ""
    return preferred


def _write_sex(
    rng: Rng, state: SimulatedState, roster: Roster, noise: NoiseRates, missing: MissingRates
) -> Texts:
    """Write the sex into simulated records, with errors and gaps."""
    is_wrong = draw_events(rng, noise.sex_wrong, len(roster))
    sex = np.where((state.births.male[roster.child] == 1) ^ is_wrong, "M", "F").astype(object)
    sex[state.people.sex_x[roster.child] & ~is_wrong] = "X"
    sex[draw_events(rng, missing.sex, len(roster))] = ""
    return sex


def _write_ssn(rng: Rng, state: SimulatedState, roster: Roster) -> dict[str, Texts]:
    """Write SSNs or their last four digits, with errors and gaps."""
    noise, missing = state.rates.noise[roster.source.kind], state.rates.missing[roster.source.kind]
    size, child = len(roster), roster.child
    # The next child in the table is mostly a sibling.
    next_child = np.minimum(child + 1, len(state.births) - 1)
    owner = np.where(draw_events(rng, noise.ssn_other_person, size), next_child, child)
    ssn = state.people.ssn[owner]
    rewrite_values(ssn, draw_events(rng, noise.ssn_typo, size), rng, typing_errors.change_digit)
    has_ssn = ~draw_events(rng, missing.ssn, size)
    only_last4 = has_ssn & draw_events(rng, noise.ssn_last4_only, size)
    last4 = text_column([number[-4:] for number in ssn])
    return {
        "ssn": np.where(has_ssn & ~only_last4, ssn, ""),
        "ssn_last4": np.where(only_last4, last4, ""),
    }


def _write_identifiers(
    rng: Rng, roster: Roster, ids: StateIds, noise: NoiseRates, missing: MissingRates
) -> Texts:
    """Write the state student ID in records of sources that have it.

    The state's own file always has one.
    """
    if roster.source is SourceSystem.STATE:
        values = roster.local_id.copy()
    else:
        is_old = roster.earlier & (ids.secondary[roster.child] != "")
        values = np.where(is_old, ids.secondary[roster.child], ids.primary[roster.child])
    is_wrong = draw_events(rng, noise.id_wrong, len(roster))
    is_siblings = is_wrong & draw_events(rng, _SIBLINGS_ID, len(roster))
    values[is_siblings] = ids.primary[np.maximum(roster.child[is_siblings] - 1, 0)]
    rewrite_values(values, is_wrong & ~is_siblings, rng, typing_errors.change_digit)
    values[draw_events(rng, missing.state_student_id, len(roster))] = ""
    return text_column([_to_identifier_cell(value) if value else "" for value in values])


def _to_identifier_cell(value: str) -> str:
    """Convert a state student ID to a JSON cell."""
    identifier = {"system": STATE_STUDENT_ID, "assigner": STATE_ASSIGNER, "value": value}
    return json.dumps([identifier], separators=(",", ":"))


def _write_deaths(state: SimulatedState, roster: Roster) -> Texts:
    """Write the day of death in records that were still maintained then.

    A left district never hears of it.
    """
    died = to_iso_dates(state.people.died[roster.child])
    died[roster.earlier] = ""
    return died


def _write_background(
    rng: Rng, state: SimulatedState, roster: Roster, missing: MissingRates
) -> dict[str, Texts]:
    """Write birth place, race and ethnicity into simulated records."""
    people, child, size = state.people, roster.child, len(roster)
    group: Ints = state.homes.group[state.births.home[child]]
    is_missing = draw_events(rng, missing.birth_place, size)
    ethnicity = np.where(group == HISPANIC, "HispanicOrLatino", "NotHispanicOrLatino")
    return {
        "birth_city": np.where(is_missing, "", people.birth_city[child]),
        "birth_state": np.where(is_missing, "", people.birth_state[child]),
        "birth_country": np.where(is_missing, "", people.birth_country[child]),
        "race": np.where(draw_events(rng, missing.race, size), "", _RACE_OF_GROUP[group]),
        "ethnicity": np.where(draw_events(rng, missing.race * 1.5, size), "", ethnicity).astype(object),
    }
