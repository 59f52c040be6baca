"""A kill at any instant leaves no half-applied change and loses nothing acknowledged."""

import pytest

from tests.laws.crash import IndexUnderTest, kill_often
from tests.laws.migration_crash import kill_upgrades
from tests.postgres import start_postgres


@pytest.mark.slow
def test_a_killed_writer_leaves_a_sound_index_with_everything_acknowledged(tmp_path):
    report = kill_often(IndexUnderTest(tmp_path / "home"), kills=4, seed=1)
    assert report.faults == []
    assert report.acknowledged > 0


@pytest.mark.slow
def test_a_killed_postgresql_writer_or_server_leaves_a_sound_index(tmp_path):
    with start_postgres() as server:
        place = IndexUnderTest(tmp_path / "home", server.url(server.new_schema()), server)
        report = kill_often(place, kills=2, seed=1)
    assert report.faults == []
    assert report.acknowledged > 0


@pytest.mark.slow
def test_a_killed_upgrade_leaves_the_older_schema_and_completes_when_run_again(tmp_path):
    assert kill_upgrades(IndexUnderTest(tmp_path / "home"), kills=3, seed=2).faults == []


@pytest.mark.slow
def test_a_killed_postgresql_upgrade_or_server_leaves_the_older_schema(tmp_path):
    with start_postgres() as server:
        place = IndexUnderTest(tmp_path / "home", server.url(server.new_schema()), server)
        assert kill_upgrades(place, kills=2, seed=1).faults == []
