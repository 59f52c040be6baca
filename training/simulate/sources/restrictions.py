"""Sealed and expunged files: what child welfare may no longer show, and says so."""

import numpy as np

from training.simulate.columns import Bools, Texts, to_iso_dates
from training.simulate.people.flags import to_json_cells
from training.simulate.people.population import SimulatedState
from training.simulate.sources.rosters import Roster, Source


def find_sealed(state: SimulatedState, roster: Roster) -> Bools:
    """Clients under the birth name of a child whose adoption was sealed; the new client is another key."""
    old = roster.earlier & (roster.source is Source.CCWIS)
    return np.asarray(old & state.care.sealed[roster.child])


def find_expunged(state: SimulatedState, roster: Roster) -> Bools:
    """Clients whose record was expunged."""
    return np.asarray(state.care.expunged[roster.child] & (roster.source is Source.CCWIS))


def write_restrictions(state: SimulatedState, roster: Roster, confidential: Texts) -> Texts:
    """The restrictions cell: a seal from the end of care, an expungement, or what was there."""
    column = confidential.copy()
    sealed, expunged = find_sealed(state, roster), find_expunged(state, roster)
    since = to_iso_dates(state.care.ended_on[roster.child])
    rows = np.flatnonzero(sealed)
    column[rows] = to_json_cells([[{"kind": "sealed", "begin": since[row]}] for row in rows.tolist()])
    column[expunged] = '[{"kind":"expunged"}]'
    return column
