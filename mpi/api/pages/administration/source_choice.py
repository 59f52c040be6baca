"""Choice of sources in a form: all, or some by name."""

from mpi.api.request.forms import Form
from mpi.domain.errors import InputError
from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.service.core.index import Index
from mpi.service.statements.sources import list_sources
from mpi.storage.repositories.sources.sources import Source

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


def list_choices(index: Index, viewer: Viewer) -> list[Source]:
    """Return the sources that the viewer may choose, by code."""
    if not is_allowed(viewer, Action.REPORT):
        return []
    return [source for source in list_sources(index, viewer) if viewer.may_see(source.code)]
