"""Fit of a model, without labels, to the records that evaluate it.

A state would fit its own model in the same way.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from mpi.domain.features import FEATURE_COLUMNS
from mpi.matching.model.match_model import MatchModel, load_model
from training.fit.fit import NO_SOURCES, FittedModel, fit_table
from training.fit.model_writer import ModelIdentity, write_model
from training.record_table import Records, to_feature_table


def fit_and_load_model(
    name: str, records: Records, sources: Mapping[int, str] = NO_SOURCES
) -> tuple[FittedModel, MatchModel]:
    """Fit a model and load its written folder, as an index would.

    Returns:
        What the fit learned, and the loaded model.
    """
    fitted = fit_table(to_feature_table(records, FEATURE_COLUMNS), sources=sources)
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder), ModelIdentity(name, "fitted"), fitted, fitted.thresholds)
        return fitted, load_model(Path(folder))
