"""When a load is held."""

import pytest

from mpi.service.guards import Effect, held_because


@pytest.mark.parametrize(
    ("active", "withdrawn", "renamed", "held"),
    [
        (0, 0, 0, False),
        (1000, 50, 0, False),
        (1000, 51, 0, True),
        (300, 19, 0, False),
        (3, 1, 0, False),
        (30, 15, 0, True),
        (1000, 0, 20, False),
        (1000, 0, 21, True),
        (100, 0, 19, False),
    ],
)
def test_a_load_is_held_for_what_is_likelier_a_mistake(active, withdrawn, renamed, held):
    assert (held_because(Effect(active, withdrawn, renamed)) is not None) is held
