"""A kill at any instant leaves no half-applied change, and nothing that was acknowledged is gone."""

import pytest

from tests.laws.crash import kill_often


@pytest.mark.slow
def test_a_writer_killed_at_any_instant_leaves_a_sound_index_with_all_that_was_acknowledged(tmp_path):
    seen = kill_often(tmp_path / "home", kills=4, seed=1)
    assert seen.faults == []
    assert seen.acknowledged > 0
