"""Recipients of a wrong link over HTTP, as far as the caller may know them."""

import pytest

from mpi.api.app import create_app
from mpi.domain.viewer import Action, make_operator
from mpi.service.records.upsert import upsert
from tests.index import make_child
from tests.unit.api.live import add_key, calling

SPLIT_PREVIEW = {
    "groups": [[{"source": "CCWIS", "local_id": "1"}]],
    "reason": "two-children",
    "preview": True,
}


@pytest.fixture
def eid(fresh_index):
    """Enterprise ID of a child with records in two sources, read by a caseworker's client."""
    for source in ("D01", "CCWIS"):
        # Each sender is told of its own record alone.
        enterprise_id = upsert(fresh_index, make_operator(source), source, make_child("1")).enterprise_id
    with calling(create_app(fresh_index), add_key(fresh_index, "portal")) as client:
        client.get(f"/v1/persons/{enterprise_id}", headers={"Purpose-Of-Use": "case_planning"})
    return enterprise_id


def preview_split(fresh_index, eid, *key) -> dict[str, object]:
    with calling(create_app(fresh_index), add_key(fresh_index, *key)) as client:
        answer = client.post(f"/v1/persons/{eid}:split", json=SPLIT_PREVIEW)
        assert answer.status_code == 200, answer.text
        return answer.json()


def test_a_privacy_officer_gets_the_list_of_recipients(fresh_index, eid):
    effect = preview_split(fresh_index, eid, "officer", {Action.DECIDE, Action.DISCLOSURE_READ})
    [line] = effect["disclosures"]
    assert (line["client"], line["purpose"], line["action"]) == ("portal", "case_planning", "person.read")
    assert (line["fields"], line["handle"]) == (["now", "records"], None)
    assert [record["source"] for record in line["records"]] == ["CCWIS", "D01"]
    assert effect["disclosed"] == 1


def test_a_steward_gets_only_the_number_of_recipients(fresh_index, eid):
    effect = preview_split(fresh_index, eid, "steward", {Action.DECIDE})
    assert (effect["disclosed"], effect["disclosures"]) == (1, [])
    assert "portal" not in str({**effect, "told": None})


def test_a_client_of_certain_sources_gets_neither(fresh_index, eid):
    with calling(
        create_app(fresh_index), add_key(fresh_index, "all-but-one", Action, {"CCWIS", "D01"})
    ) as client:
        effect = client.post(f"/v1/persons/{eid}:split", json=SPLIT_PREVIEW).json()
    assert (effect["disclosed"], effect["disclosures"]) == (None, [])
