"""What training refuses."""

from mpi.domain.errors import InputError


class TrainingError(InputError):
    """A model cannot be made from what was given."""

    code = "training-refused"


class DegenerateDataError(TrainingError):
    """The data cannot teach a model: too few records, columns or duplicates."""

    code = "degenerate-data"
