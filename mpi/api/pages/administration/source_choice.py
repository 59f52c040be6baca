"""Choice of sources in a form: all of them, or some by name."""

from mpi.api.request.forms import Form
from mpi.domain.errors import InputError

ALL, SOME = "all", "some"


def read_sources(form: Form) -> tuple[str, ...] | None:
    """Return the codes of the chosen sources; None for all.

    Raises:
        InputError: neither all sources nor one by name is chosen.
    """
    choice, codes = form.text("which"), form.texts("source")
    if choice == ALL:
        return None
    if choice != SOME or not codes:
        raise InputError("source: choose all sources, or at least one of the list")
    return codes
