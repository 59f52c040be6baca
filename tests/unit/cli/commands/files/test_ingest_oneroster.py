"""``mpi ingest`` of OneRoster CSV bundles."""

import pytest

from tests.oneroster_bundles import Bundle
from tests.unit.cli.conftest import is_one_line


@pytest.fixture
def bundle():
    bundle = Bundle("1.2")
    for number in range(4):
        bundle.add_student(number)
    return bundle


def test_bundle_is_loaded_and_a_delta_withdraws_who_is_deleted(home, mpi, bundle, tmp_path):
    first = bundle.write_zip(tmp_path / "first.zip")
    options = ("--source", "sis", "--state-id", "OH=userIds.SSID", "--student-number", "district_a")
    loaded = mpi("ingest", str(first), *options, "--snapshot", "full", "--json")
    assert (loaded.code, loaded.json["created"]) == (0, 4)
    bundle.modes |= {"users": "delta", "demographics": "delta", "roles": "delta"}
    bundle.rows["users"] = [bundle.rows["users"][0] | {"status": "tobedeleted"}]
    second = bundle.write_zip(tmp_path / "second.zip")
    refused = mpi("ingest", str(second), *options, "--snapshot", "full")
    assert (refused.code, is_one_line(refused.err)) == (5, True)
    assert "holds changes only" in refused.err
    withdrawn = mpi("ingest", str(second), *options, "--json")
    assert (withdrawn.code, withdrawn.json["received"], withdrawn.json["withdrawn"]) == (0, 1, 1)
    assert mpi("ingest", str(first), *options, "--dry-run", "--json").json["receipt"]["updated"] == 1


@pytest.mark.parametrize("place", ["OH", "=userIds.SSID", "OH=userIds", "OH=elsewhere.x", "OH=identifier.x"])
def test_wrong_place_of_the_state_id_is_refused(home, mpi, bundle, tmp_path, place):
    path = bundle.write_folder(tmp_path / "bundle")
    result = mpi("ingest", str(path), "--source", "sis", "--state-id", place)
    assert (result.code, is_one_line(result.err)) == (5, True)


@pytest.mark.parametrize("place", ["identifier", "metadata.stateId"])
def test_state_id_may_be_elsewhere(home, mpi, bundle, tmp_path, place):
    path = bundle.write_folder(tmp_path / "bundle")
    trial = mpi("ingest", str(path), "--source", "sis", "--state-id", f"OH={place}", "--dry-run", "--json")
    filled = {field["name"] for field in trial.json["profile"]["fields"]}
    assert ("identifiers" in filled) is (place == "identifier")
