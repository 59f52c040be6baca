"""Sealed and expunged files: what child welfare may no longer show, and says so."""

import numpy as np

from training.simulate.columns import Bools, Texts, iso_dates
from training.simulate.people.flags import cells
from training.simulate.people.population import State
from training.simulate.sources.rosters import Roster, Source


def sealed_files(state: State, roster: Roster) -> Bools:
    """Clients under the birth name of a child whose adoption was sealed; the new client is another key."""
    old = roster.earlier & (roster.source is Source.CCWIS)
    return np.asarray(old & state.care.sealed[roster.child])


def expunged_files(state: State, roster: Roster) -> Bools:
    """Clients whose record was expunged."""
    return np.asarray(state.care.expunged[roster.child] & (roster.source is Source.CCWIS))


def write_restrictions(state: State, roster: Roster, confidential: Texts) -> Texts:
    """The restrictions cell: a seal from the end of care, an expungement, or what was there."""
    column = confidential.copy()
    sealed, expunged = sealed_files(state, roster), expunged_files(state, roster)
    since = iso_dates(state.care.ended[roster.child])
    rows = np.flatnonzero(sealed)
    column[rows] = cells([[{"kind": "sealed", "begin": since[row]}] for row in rows.tolist()])
    column[expunged] = '[{"kind":"expunged"}]'
    return column
