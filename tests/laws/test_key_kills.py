"""Encryption and rotation of keys survive a kill at any instant (law 6)."""

import pytest

from tests.laws.key_crash import kill_often


@pytest.mark.slow
def test_killed_rotation_loses_nothing_and_can_be_finished(tmp_path, database_url):
    report = kill_often(tmp_path / "home", database_url, kills=3, seed=7)
    assert report.faults == []
    assert report.kills == 3
    assert report.written > 0
