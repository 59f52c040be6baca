"""A record's identity columns: names, birth date, sex, numbers, place of birth, race."""

import json
from dataclasses import dataclass

import numpy as np

from training.simulate import typing_errors
from training.simulate.columns import Bools, Ints, Rng, Texts, blank_column, rewrite_values, draw_events, to_iso_dates, text_column
from training.simulate.people.flags import to_json_cells
from training.simulate.people.names import AFRICAN, ASIAN, BLACK, HISPANIC, OTHER, WHITE
from training.simulate.people.population import SimulatedState
from training.simulate.rates import MissingRates, NoiseRates
from training.simulate.sources.recorded_names import RecordedNames, draw_placeholders, write_birth_dates, write_names
from training.simulate.sources.rosters import Roster, Source

STATE_STUDENT_ID, STATE_ASSIGNER = "state_student_id", "SEA"

_RACES = {
    WHITE: "White", BLACK: "BlackOrAfricanAmerican", HISPANIC: "White", ASIAN: "Asian",
    AFRICAN: "BlackOrAfricanAmerican", OTHER: "DemographicRaceTwoOrMoreRaces",
}  # fmt: skip
_RACE_OF_GROUP = text_column([_RACES[group] for group in range(len(_RACES))])
_PREFERRED_NAME = 0.03  # records that give a preferred name beside the legal one [own assumption]
_SIBLINGS_ID = 0.3  # wrong state IDs that are a sibling's rather than mistyped [own assumption]


@dataclass(frozen=True, slots=True)
class StateIds:
    """The state ID of each child, and the second one of the few who have two; empty where none."""

    primary: Texts
    secondary: Texts

    @classmethod
    def from_roster(cls, roster: Roster, children: int) -> "StateIds":
        """Read them off the state's own roster."""
        primary, other = blank_column(children), blank_column(children)
        primary[roster.child[~roster.second]] = roster.local_id[~roster.second]
        other[roster.child[roster.second]] = roster.local_id[roster.second]
        return cls(primary, other)


@dataclass(frozen=True, slots=True)
class IdentityColumns:
    """The columns, and which records bear a former identity, a placeholder or the carer's surname."""

    columns: dict[str, Texts]
    former: Bools
    placeholder: Bools
    carer_surname: Bools


def write_identity(rng: Rng, state: SimulatedState, roster: Roster, ids: StateIds) -> IdentityColumns:
    """All identity columns of a source."""
    kind = roster.source.kind
    noise, missing = state.rates.noise[kind], state.rates.missing[kind]
    former = _find_former(rng, state, roster, noise)
    names, carer_surname = _prepare_names(rng, state, roster, former)
    names.error_factor = _error_factors(state, roster)
    write_names(rng, names, noise, missing, upper=roster.source is Source.STATE)
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
    """Records that still bear the identity before a change; an adopted child's new client never."""
    changed = state.people.changed[roster.child]
    new_client = roster.second & ~roster.earlier
    stale = roster.earlier | draw_events(rng, noise.old_identity, len(roster))
    return np.asarray(changed & stale & ~new_client)


def _prepare_names(rng: Rng, state: SimulatedState, roster: Roster, former: Bools) -> tuple[RecordedNames, Bools]:
    people, births, child = state.people, state.births, roster.child
    noise, today = state.rates.noise[roster.source.kind], state.rates.state.today
    first = np.where(former, people.first_before[child], people.first[child])
    last = np.where(former, people.last_before[child], people.last[child])
    carer = state.care.carer_last[child]
    at_school = state.care.in_care[child] & (carer != "") & (roster.source is not Source.CCWIS)
    carer_surname = at_school & draw_events(rng, state.rates.care.foster_surname_at_school, len(roster))
    last = np.where(carer_surname, carer, last)
    # CCWIS may have met a child as an infant who is long since in school.
    seen = np.where(state.care.is_known[child], rng.integers(0, 4000, len(roster)), 4000)
    age_seen = np.minimum((today - births.day[child]).astype(np.int64), seen)
    baby = draw_placeholders(
        rng, age_seen, births.male[child], births.order[child], births.multiple[child], noise.placeholder_name
    )
    placeholder = baby != ""
    written = RecordedNames(
        first=np.where(placeholder, baby, first),
        middle=np.where(placeholder, "", people.middle[child]),
        last=last,
        suffix=people.suffix[child],
        placeholder=np.asarray(placeholder),
    )
    return written, np.asarray(carer_surname)


def _error_factors(state: SimulatedState, roster: Roster) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """How many times likelier each record's names go wrong than a white family's."""
    uneven = state.rates.uneven
    by_group = np.ones(len(_RACES))
    by_group[[BLACK, HISPANIC, ASIAN, AFRICAN]] = uneven.black, uneven.hispanic, uneven.asian, uneven.african
    learner = state.flags.true["english_learner"][roster.child]
    factor = by_group[state.homes.group[state.births.home[roster.child]]]
    return np.where(learner, factor * uneven.english_learner, factor)


def _write_birth(rng: Rng, state: SimulatedState, roster: Roster, former: Bools) -> dict[str, Texts]:
    kind, child = roster.source.kind, roster.child
    days = np.where(former, state.people.birth_before[child], state.births.day[child])
    beside = np.minimum(child + 1, len(state.births) - 1)
    copied = draw_events(rng, state.rates.noise[kind].birth_of_sibling, len(roster))
    copied &= state.births.home[beside] == state.births.home[child]
    copied &= state.births.day[beside] <= state.rates.state.today
    days = np.where(copied, state.births.day[beside], days)
    dates, quality = write_birth_dates(
        rng, days, state.rates.noise[kind], state.rates.missing[kind], state.rates.state.today
    )
    told = state.births.multiple[child] & ~draw_events(rng, state.rates.missing[kind].multiple_birth, len(roster))
    return {
        "birth_date": dates,
        "birth_date_quality": quality,
        "multiple_birth": np.where(told, "true", ""),
    }


def _write_earlier_values(rng: Rng, state: SimulatedState, roster: Roster, former: Bools, noise: NoiseRates) -> dict[str, Texts]:
    """Former names and birth dates, where a source that has the new ones kept them."""
    people, child = state.people, roster.child
    kept = people.changed[child] & ~former & ~state.care.sealed[child]
    kept &= draw_events(rng, noise.former_given, len(roster))
    until = to_iso_dates(people.changed_on[child])
    renamed = (people.first_before != people.first) | (people.last_before != people.last)
    names: list[list[dict[str, str]]] = [[] for _ in range(len(roster))]
    for row in np.flatnonzero(kept & renamed[child]).tolist():
        names[row].append({
            "first_name": people.first_before[child[row]],
            "last_name": people.last_before[child[row]],
            "type": "PreviousLegalName",
            "end": until[row],
        })  # fmt: skip
    redated = (people.birth_before != state.births.day)[child] & kept
    dates = to_iso_dates(people.birth_before[child])
    return {"other_names": to_json_cells(names), "previous_birth_dates": np.where(redated, dates, "")}


def _write_preferred_names(rng: Rng, state: SimulatedState, roster: Roster) -> Texts:
    preferred = state.people.first[roster.child]
    given = draw_events(rng, _PREFERRED_NAME, len(roster)) & (roster.source is not Source.STATE)
    rewrite_values(preferred, given, rng, typing_errors.to_nickname)
    preferred[~given | (preferred == state.people.first[roster.child])] = ""
    return preferred


def _write_sex(rng: Rng, state: SimulatedState, roster: Roster, noise: NoiseRates, missing: MissingRates) -> Texts:
    wrong = draw_events(rng, noise.sex_wrong, len(roster))
    sex = np.where((state.births.male[roster.child] == 1) ^ wrong, "M", "F").astype(object)
    sex[state.people.sex_x[roster.child] & ~wrong] = "X"
    sex[draw_events(rng, missing.sex, len(roster))] = ""
    return sex


def _write_ssn(rng: Rng, state: SimulatedState, roster: Roster) -> dict[str, Texts]:
    noise, missing = state.rates.noise[roster.source.kind], state.rates.missing[roster.source.kind]
    size, child = len(roster), roster.child
    # The neighbour in the table of children is mostly a sibling.
    other = np.minimum(child + 1, len(state.births) - 1)
    owner = np.where(draw_events(rng, noise.ssn_other_person, size), other, child)
    ssn = state.people.ssn[owner]
    rewrite_values(ssn, draw_events(rng, noise.ssn_typo, size), rng, typing_errors.change_digit)
    given = ~draw_events(rng, missing.ssn, size)
    only_last4 = given & draw_events(rng, noise.ssn_last4_only, size)
    last4 = text_column([number[-4:] for number in ssn])
    return {
        "ssn": np.where(given & ~only_last4, ssn, ""),
        "ssn_last4": np.where(only_last4, last4, ""),
    }


def _write_identifiers(rng: Rng, roster: Roster, ids: StateIds, noise: NoiseRates, missing: MissingRates) -> Texts:
    """The state ID, where the source holds it; the state's own file always does."""
    if roster.source is Source.STATE:
        values = roster.local_id.copy()
    else:
        old = roster.earlier & (ids.secondary[roster.child] != "")
        values = np.where(old, ids.secondary[roster.child], ids.primary[roster.child])
    wrong = draw_events(rng, noise.id_wrong, len(roster))
    siblings = wrong & draw_events(rng, _SIBLINGS_ID, len(roster))
    values[siblings] = ids.primary[np.maximum(roster.child[siblings] - 1, 0)]
    rewrite_values(values, wrong & ~siblings, rng, typing_errors.change_digit)
    values[draw_events(rng, missing.state_student_id, len(roster))] = ""
    return text_column([_to_identifier_cell(value) if value else "" for value in values])


def _to_identifier_cell(value: str) -> str:
    held = {"system": STATE_STUDENT_ID, "assigner": STATE_ASSIGNER, "value": value}
    return json.dumps([held], separators=(",", ":"))


def _write_deaths(state: SimulatedState, roster: Roster) -> Texts:
    """The day of death, on the records that were kept up to then: a left district never hears of it."""
    died = to_iso_dates(state.people.died[roster.child])
    died[roster.earlier] = ""
    return died


def _write_background(rng: Rng, state: SimulatedState, roster: Roster, missing: MissingRates) -> dict[str, Texts]:
    people, child, size = state.people, roster.child, len(roster)
    group: Ints = state.homes.group[state.births.home[child]]
    no_place = draw_events(rng, missing.birth_place, size)
    ethnicity = np.where(group == HISPANIC, "HispanicOrLatino", "NotHispanicOrLatino")
    return {
        "birth_city": np.where(no_place, "", people.birth_city[child]),
        "birth_state": np.where(no_place, "", people.birth_state[child]),
        "birth_country": np.where(no_place, "", people.birth_country[child]),
        "race": np.where(draw_events(rng, missing.race, size), "", _RACE_OF_GROUP[group]),
        "ethnicity": np.where(draw_events(rng, missing.race * 1.5, size), "", ethnicity).astype(object),
    }
