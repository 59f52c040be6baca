"""A kill at any instant leaves no half-applied change, and nothing that was acknowledged is gone."""

import pytest

from tests.laws.crash import Place, kill_often
from tests.laws.migration import kill_upgrades
from tests.postgres import a_server


@pytest.mark.slow
def test_a_writer_killed_at_any_instant_leaves_a_sound_index_with_all_that_was_acknowledged(tmp_path):
    seen = kill_often(Place(tmp_path / "home"), kills=4, seed=1)
    assert seen.faults == []
    assert seen.acknowledged > 0


@pytest.mark.slow
def test_so_does_a_writer_of_postgresql_and_the_server_itself(tmp_path):
    with a_server() as server:
        place = Place(tmp_path / "home", server.url(server.new_schema()), server)
        seen = kill_often(place, kills=2, seed=1)
    assert seen.faults == []
    assert seen.acknowledged > 0


@pytest.mark.slow
def test_an_upgrade_killed_at_any_statement_leaves_the_older_schema_whole_and_ends_when_run_again(tmp_path):
    assert kill_upgrades(Place(tmp_path / "home"), kills=3, seed=2).faults == []


@pytest.mark.slow
def test_so_does_an_upgrade_of_postgresql_and_its_server_killed_under_it(tmp_path):
    with a_server() as server:
        place = Place(tmp_path / "home", server.url(server.new_schema()), server)
        assert kill_upgrades(place, kills=2, seed=1).faults == []
