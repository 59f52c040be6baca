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
        (difference,) = of_records(find_model_differences(unlike, OPERATOR))
        assert (difference.column, difference.fitted, difference.observed) == ("guardians", 0.9, 0.0)
        alike = with_profile(index, DataProfile({"given": 1.0}))
        assert of_records(find_model_differences(alike, OPERATOR)) == []


def of_records(differences):
    """Return the differences of single records."""
    return [each for each in differences if each.what in {"filled", "listed"}]


def test_levels_of_pairs_are_compared_in_an_index_and_in_a_file(tmp_path):
    """Half of the children have one postal code, and each linked pair has two."""
    children = [
        {**child, "postal_code": "43001"} if number % 2 else child
        for number, child in enumerate(many_children(120))
    ]
    copies = [{**child, "local_id": f"{child['local_id']}-2", "postal_code": "43999"} for child in children]
    expected = {("strangers", "postal_code: equal"), ("matches", "postal_code: different")}
    with open_test_index(tmp_path, "sis") as index:
        preview = dry_run(index, OPERATOR, "sis", rows(*children, *copies), LoadOptions())
        assert expected <= {(each.what, each.column) for each in preview.differences}
        load_rows(index, "sis", *children, *copies)
        differences = find_model_differences(index, OPERATOR)
        assert expected <= {(each.what, each.column) for each in differences}


def test_a_dry_run_lists_how_a_file_is_unlike_the_data_of_the_model(tmp_path):
    with open_test_index(tmp_path, "sis") as index:
        unlike = with_profile(index, DataProfile({"given": 1.0, "guardians": 0.9}))
        preview = dry_run(unlike, OPERATOR, "sis", rows(*many_children(60)), LoadOptions())
        (difference,) = of_records(preview.differences)
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
