"""Name of the training tools.

They are a package of the checkout, or of the installed program.
"""

from importlib import import_module
from importlib.util import find_spec

_INSTALLED, _CHECKOUT = "mpi.training", "training"


def find_training_tools() -> str:
    """Return the module to run with ``python -m`` for the training tools."""
    return _INSTALLED if find_spec(_INSTALLED) else _CHECKOUT


def import_training_tools() -> None:
    """Make the training tools importable as ``training``, also where they are installed."""
    import_module(find_training_tools())
