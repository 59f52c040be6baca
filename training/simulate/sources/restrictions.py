"""Sealed and expunged child-welfare records, and their restrictions."""

import numpy as np

from training.simulate.columns import Bools, Texts, to_iso_dates
from training.simulate.people.flags import to_json_cells
from training.simulate.people.population import SimulatedState
from training.simulate.sources.rosters import Roster, SourceSystem


def find_sealed(state: SimulatedState, roster: Roster) -> Bools:
    """Return which records are under the birth name of a sealed adoption.

    The new client has another local ID.
    """
    is_earlier_client = roster.earlier & (roster.source is SourceSystem.CCWIS)
    return np.asarray(is_earlier_client & state.care.sealed[roster.child])


def find_expunged(state: SimulatedState, roster: Roster) -> Bools:
    """Return which child-welfare records were expunged."""
    return np.asarray(state.care.expunged[roster.child] & (roster.source is SourceSystem.CCWIS))


def write_restrictions(state: SimulatedState, roster: Roster, confidential: Texts) -> Texts:
    """Write the legal-restrictions cell of each simulated record.

    It is a seal from the end of care, an expungement, or the given confidentiality.
    """
    column = confidential.copy()
    sealed, expunged = find_sealed(state, roster), find_expunged(state, roster)
    seal_begin = to_iso_dates(state.care.ended_on[roster.child])
    rows = np.flatnonzero(sealed)
    column[rows] = to_json_cells([[{"kind": "sealed", "begin": seal_begin[row]}] for row in rows.tolist()])
    column[expunged] = '[{"kind":"expunged"}]'
    return column
