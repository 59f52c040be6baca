"""Sources whose records a viewer may read."""

import pytest

from mpi.domain.errors import AccessDenied
from mpi.domain.viewer import Action, Viewer
from mpi.service.statements.sources import list_readable_sources, list_visible_sources


def test_a_reader_gets_the_sources_that_they_may_see(index):
    reader = Viewer("reader", actions=frozenset({Action.RECORD_READ}), sources=frozenset({"sis"}))
    assert [source.code for source in list_readable_sources(index, reader)] == ["sis"]


def test_who_may_read_no_record_gets_no_source_and_no_error(index):
    other = Viewer("other", actions=frozenset({Action.RECLUSTER}), sources=None)
    with pytest.raises(AccessDenied):
        list_visible_sources(index, other)
    assert list_readable_sources(index, other) == []
