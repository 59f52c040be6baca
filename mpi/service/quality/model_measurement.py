"""Daily measurement of how records differ from those of the model."""

from collections.abc import Mapping
from dataclasses import asdict, replace

from mpi.service.core.index import Index
from mpi.service.indexing.model_comparison import compare_records
from mpi.storage.unit_of_work.units import ReadUnit

SHARE_STEPS = 20
"""Steps of the shares that are kept."""


def measure_model_fit(unit: ReadUnit, index: Index) -> tuple[Mapping[str, int], Mapping[str, object]]:
    """Measure how the records differ from those of the model.

    Returns:
        The count that is published with noise: by how many records the farthest share passes its limit. And
        the details, for readers of every record: shares in steps of 5 %.
    """
    comparison, model = compare_records(unit, index), index.matcher.model.ref
    if comparison is None:
        return {}, {"model": model, "differences": None}
    rounded = [
        asdict(replace(each, fitted=_round_share(each.fitted), observed=_round_share(each.observed)))
        for each in comparison.differences
    ]
    return {name_count(model): comparison.distance}, {"model": model, "differences": rounded}


def _round_share(share: float) -> float:
    """Round a share, so that one record hardly ever moves it."""
    return round(round(share * SHARE_STEPS) / SHARE_STEPS, 2)


def name_count(model: str) -> str:
    """Return the name of a model's published count.

    Args:
        model: name and version of the model, so that each begins without what another published.
    """
    return f"past the limit of {model}"
