"""A source alone can only match itself, so its candidates do not compete."""

import numpy as np
import pytest

from mpi.clustering.candidate_competition import measure_exclusiveness
from mpi.clustering.source_pair_priors import estimate_priors


def test_a_lone_source_is_not_taken_to_hold_each_person_once():
    assert measure_exclusiveness(np.array([10.0]), np.array([1_000.0])).tolist() == [0.0]
    two = measure_exclusiveness(np.array([10.0, 0.0]), np.array([1_000.0, 50.0]))
    assert two.tolist() == [pytest.approx(0.96), 1.0]


def test_copies_of_one_person_in_a_lone_source_take_nothing_from_each_other():
    """Record 0 has two copies that are too noisy to be compared with each other."""
    edges = {(0, 1): 4.0, (0, 2): 4.0}
    alone = estimate_priors(edges, dict.fromkeys(range(200), "sis"), 1e-4)
    assert not alone.rivals
    several = estimate_priors(edges, {0: "sis", **dict.fromkeys(range(1, 200), "ccwis")}, 1e-4)
    assert set(several.rivals) == set(edges)
