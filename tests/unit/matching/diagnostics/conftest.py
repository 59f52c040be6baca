"""Fixtures of the diagnostics tests."""

import pytest

from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.model.match_model import find_model_folder, load_model


@pytest.fixture(scope="package")
def scorer():
    """The scorer of the shipped default model."""
    return compile_scorer(load_model(find_model_folder()))
