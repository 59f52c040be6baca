"""Errors of the training commands."""

from mpi.domain.errors import InputError


class TrainingError(InputError):
    """Error: the given input cannot make a model."""

    code = "training-refused"


class DegenerateDataError(TrainingError):
    """Error: too few records, columns or duplicates to learn from."""

    code = "degenerate-data"
