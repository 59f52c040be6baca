"""Source records: canonical columns of each system, and their truth."""

from dataclasses import dataclass

import numpy as np

from mpi.domain.record import SENT_FIELDS
from training.simulate.columns import Bools, Dates, Rng, Texts, blank_column, draw_events, to_iso_dates
from training.simulate.people.care import GROUP_HOME, RELATIVE_HOME, SETTINGS
from training.simulate.people.flags import to_json_cells, write_care_flags, write_school_flags
from training.simulate.people.places import TOWN_COUNTIES
from training.simulate.people.population import SimulatedState
from training.simulate.sources.contacts import write_contacts
from training.simulate.sources.identity import IdentityColumns, StateIds, write_identity
from training.simulate.sources.restrictions import find_expunged, find_sealed, write_restrictions
from training.simulate.sources.rosters import Roster, SourceSystem

NIGHTLY_TIME = "T04:00:00.000000Z"
"""UTC time at which each system is read."""
TRUTH_FIELDS = ("source", "local_id", "person_id", "household_id", "tags")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One simulated source's file and, separately, the truth about its records.

    The columns are SENT_FIELDS and TRUTH_FIELDS. ``identity`` holds what happened to each record when
    it was written.
    """

    source: SourceSystem
    columns: dict[str, Texts]
    truth: dict[str, Texts]
    identity: IdentityColumns

    def __len__(self) -> int:
        return len(self.columns["local_id"])


def write_source(rng: Rng, state: SimulatedState, roster: Roster, ids: StateIds) -> SourceFile:
    """Write all records of a simulated source, with its gaps and errors."""
    identity = write_identity(rng, state, roster, ids)
    columns = {name: blank_column(len(roster)) for name in SENT_FIELDS}
    columns["local_id"] = roster.local_id
    columns |= identity.columns
    columns |= write_contacts(rng, state, roster)
    columns["restrictions"] = write_restrictions(state, roster, columns["restrictions"])
    as_of = _draw_as_of(rng, state, roster, identity.former)
    columns["as_of"] = np.asarray(to_iso_dates(as_of) + NIGHTLY_TIME)
    if roster.source is SourceSystem.CCWIS:
        columns["placements"] = _write_placements(state, roster)
        columns["merged_into"] = _write_merged_into(rng, state, roster)
        columns["flags"] = write_care_flags(rng, state.flags, state.care, roster.child, state.rates)
    else:
        columns |= _write_school_columns(state, roster)
        columns["flags"] = write_school_flags(rng, state.flags, roster.child, as_of, state.rates)
    return SourceFile(roster.source, columns, write_truth(state, roster, identity), identity)


def _write_school_columns(state: SimulatedState, roster: Roster) -> dict[str, Texts]:
    """Write school, district, grade and enrollment columns of simulated records."""
    schooling, child = state.schooling, roster.child
    school, district = schooling.school_codes(child)
    school_before, district_before = schooling.school_codes(child, before_move=True)
    entry_dates = to_iso_dates(schooling.entry[child])
    exit_dates = to_iso_dates(schooling.exit[child])
    exit_before = to_iso_dates(schooling.exit_before[child])
    is_earlier = roster.earlier & schooling.moved[child]
    columns = {
        "school_id": np.where(is_earlier, school_before, school),
        "district_id": np.where(is_earlier, district_before, district),
        "grade": schooling.grade[child],
        "entry_date": np.where(is_earlier, "", entry_dates),
        "exit_date": np.where(is_earlier, exit_before, exit_dates),
    }
    columns["enrollments"] = blank_column(len(roster))
    if roster.source is SourceSystem.STATE:
        moved_rows = np.flatnonzero(schooling.moved[child] & ~roster.earlier)
        enrollment_lists: list[list[dict[str, str]]] = [[] for _ in range(len(roster))]
        for row in moved_rows.tolist():
            present = {
                name: columns[name][row] for name in columns if name != "enrollments" and columns[name][row]
            }
            previous = {
                "school_id": school_before[row],
                "district_id": district_before[row],
                "exit_date": exit_before[row],
            }
            enrollment_lists[row] = [present, previous]
        columns["enrollments"] = to_json_cells(enrollment_lists)
    return columns


def _write_placements(state: SimulatedState, roster: Roster) -> Texts:
    """Write a child's present placement, and the first if there were two."""
    care, child = state.care, roster.child
    removal, placement, end = (
        to_iso_dates(days[child]) for days in (care.removed_on, care.placed_on, care.ended_on)
    )
    counties = TOWN_COUNTIES[state.addresses.town[np.maximum(care.address[child], 0)]]
    placement_lists: list[list[dict[str, str]]] = [[] for _ in range(len(roster))]
    for row in np.flatnonzero((removal != "") & ~(roster.second & ~roster.earlier)).tolist():
        if end[row]:
            placement_lists[row] = [{"type": "foster_family_home", "begin": removal[row], "end": end[row]}]
            continue
        present = {"type": SETTINGS[care.setting[child[row]]], "begin": placement[row]}
        if care.address[child[row]] >= 0:
            present["county"] = counties[row]
        placement_lists[row] = [present]
        if placement[row] != removal[row]:
            placement_lists[row].append(
                {"type": "foster_family_home", "begin": removal[row], "end": placement[row]}
            )
    return to_json_cells(placement_lists)


def _write_merged_into(rng: Rng, state: SimulatedState, roster: Roster) -> Texts:
    """Write which earlier client a recognized second registration belongs to."""
    first_ids = blank_column(len(state.births))
    is_first = ~(roster.second & roster.earlier)
    first_ids[roster.child[is_first]] = roster.local_id[is_first]
    is_merged = ~is_first & ~state.care.adopted[roster.child]
    is_merged &= draw_events(rng, state.rates.care.merged_client, len(roster))
    return np.where(is_merged, first_ids[roster.child], "")


def _draw_as_of(rng: Rng, state: SimulatedState, roster: Roster, former: Bools) -> Dates:
    """Draw when each simulated record was last true at its source.

    It is no earlier than any date in the record.
    """
    today, size, child = state.rates.state.today, len(roster), roster.child
    recent_days = 1 if roster.source is not SourceSystem.CCWIS else 200
    days = rng.integers(0, recent_days, size) + np.where(roster.earlier, rng.integers(200, 700, size), 0)
    as_of: Dates = np.maximum(today - days.astype("timedelta64[D]"), state.births.day[child])
    record_dates: list[Dates] = [
        state.people.died[child],
        np.where(former, np.datetime64("NaT", "D"), state.people.changed_on[child]),
    ]
    if roster.source is SourceSystem.CCWIS:
        record_dates += [
            state.care.removed_on[child],
            state.care.placed_on[child],
            state.care.ended_on[child],
        ]
    else:
        has_left = roster.earlier & state.schooling.moved[child]
        school_dates = np.fmax(state.schooling.entry[child], state.schooling.exit[child])
        record_dates += [np.where(has_left, state.schooling.exit_before[child], school_dates)]
    for dates in record_dates:
        as_of = np.fmax(as_of, dates)
    return as_of


def write_truth(state: SimulatedState, roster: Roster, identity: IdentityColumns) -> dict[str, Texts]:
    """Write the TRUTH_FIELDS columns: person, household and tags of each record."""
    child = roster.child
    source = np.full(len(roster), str(roster.source), dtype=object)
    homes = state.block.interleave(state.births.home[child]) + 1
    return {
        "source": source,
        "local_id": roster.local_id,
        "person_id": np.char.add("P", (state.block.interleave(child) + 1).astype(str)).astype(object),
        "household_id": np.char.add("H", homes.astype(str)).astype(object),
        "tags": _write_tags(state, roster, identity),
    }


def _write_tags(state: SimulatedState, roster: Roster, identity: IdentityColumns) -> Texts:
    """Write what each simulated record exemplifies, as tags joined by bars."""
    child, care, births = roster.child, state.care, state.births
    children_per_home = np.bincount(births.home, minlength=len(state.homes))
    has_home_surname = state.people.last[child] == state.homes.child_surname[births.home[child]]
    rows_by_tag: dict[str, Bools] = {
        "twin": births.multiple[child],
        "sibling": children_per_home[births.home[child]] > 1,
        "junior": state.people.suffix[child] != "",
        "name_changed": state.people.changed[child],
        "former_identity": identity.former,
        "cousin_namesake": state.people.namesake[child],
        "stranger_namesake": state.people.stranger[child],
        "mononym": state.people.first[child] == state.people.last[child],
        "address_confidential": state.homes.confidential[births.home[child]],
        "two_surnames": state.homes.two_surnames[births.home[child]] & has_home_surname,
        "in_care": care.in_care[child],
        "left_care": care.left_care[child],
        "adopted": care.adopted[child],
        "sealed": find_sealed(state, roster),
        "expunged": find_expunged(state, roster),
        "sex_x": state.people.sex_x[child],
        "died": ~np.isnat(state.people.died[child]),
        "kinship_care": care.setting[child] == RELATIVE_HOME,
        "group_home": care.setting[child] == GROUP_HOME,
        "carer_surname": identity.carer_surname,
        "enrolled": state.schooling.enrolled[child],
        "leaver": state.schooling.leaver[child],
        "moved": state.schooling.moved[child],
        "placeholder_name": identity.placeholder,
        "registered_twice": roster.second,
        "earlier": roster.earlier,
    }
    tags = blank_column(len(roster))
    for tag, rows in rows_by_tag.items():
        tags[rows] = tags[rows] + f"{tag}|"
    tags[:] = [record_tags.rstrip("|") for record_tags in tags]
    return tags
