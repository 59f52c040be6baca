"""A killed worker of webhooks loses nothing, and a follower ends with the crosswalk of the export (law 6)."""

import pytest

from tests.bench.webhooks import kill_often, open_site, write_records


@pytest.mark.slow
def test_killed_worker_loses_no_message_and_followers_end_with_the_exported_crosswalk(tmp_path, database_url):
    with open_site(tmp_path / "home", database_url, webhooks=2) as site:
        write_records(site.index, 80)
        report = kill_often(site, kills=2, later_records=20, seed=7)
    assert report["faults"] == []
    assert report["kills_while_delivering"] == 2
    assert report["messages"] == 200
