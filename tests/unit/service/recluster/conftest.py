"""Fixtures: models with stricter thresholds than the test index has."""

import pytest

from mpi.composition.models import open_matcher
from tests.models import tiny_model


@pytest.fixture
def stricter(tmp_path):
    """A matcher that no longer links pairs of 16.1 bits."""
    return open_matcher(str(tiny_model(tmp_path / "stricter", version="2", link=17.0)))
