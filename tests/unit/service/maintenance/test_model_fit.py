"""Comparison of an index with the data of its model."""

from dataclasses import replace

import pytest

from mpi.domain.errors import AccessDenied
from mpi.domain.viewer import Action, Viewer
from mpi.matching.model.data_profile import DataProfile
from mpi.service.loads.dry_run import dry_run
from mpi.service.loads.load import LoadOptions
from mpi.service.maintenance.model_fit import find_model_differences
from tests.index import OPERATOR, load_rows, many_children, open_test_index, rows


def with_profile(index, profile):
    """Return the index with a model that was fitted on data of a profile."""
    model = replace(index.matcher.model, fitted_on=profile)
    return replace(index, matcher=replace(index.matcher, model=model))


def test_fields_unlike_those_of_the_model_are_listed(tmp_path):
    with open_test_index(tmp_path, "sis") as index:
        load_rows(index, "sis", *many_children(60))
        unlike = with_profile(index, DataProfile({"given": 1.0, "guardians": 0.9}))
        (difference,) = find_model_differences(unlike, OPERATOR)
        assert (difference.column, difference.fitted, difference.observed) == ("guardians", 0.9, 0.0)
        assert find_model_differences(with_profile(index, DataProfile({"given": 1.0})), OPERATOR) == []


def test_a_dry_run_lists_how_a_file_is_unlike_the_data_of_the_model(tmp_path):
    with open_test_index(tmp_path, "sis") as index:
        unlike = with_profile(index, DataProfile({"given": 1.0, "guardians": 0.9}))
        preview = dry_run(unlike, OPERATOR, "sis", rows(*many_children(60)), LoadOptions())
        (difference,) = preview.differences
        assert (difference.column, difference.observed) == ("guardians", 0.0)
        few = dry_run(unlike, OPERATOR, "sis", rows(*many_children(49)), LoadOptions())
        assert few.differences == ()


def test_few_records_are_not_compared(tmp_path):
    with open_test_index(tmp_path, "sis") as index:
        load_rows(index, "sis", *many_children(49))
        assert find_model_differences(with_profile(index, DataProfile({"guardians": 0.9})), OPERATOR) is None


def test_a_viewer_without_reports_is_refused(tmp_path):
    reader = Viewer("reader", None, frozenset(Action) - {Action.REPORT}, None)
    with open_test_index(tmp_path, "sis") as index, pytest.raises(AccessDenied):
        find_model_differences(index, reader)
