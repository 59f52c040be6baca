"""Over HTTP, whoever parts a wrong link is told who received what because of it, as far as they may know."""

import pytest

from mpi.api.app import create_app
from mpi.domain.viewer import Action
from tests.index import make_child, open_test_index
from tests.unit.api.live import a_key, calling

PARTED = {"groups": [[{"source": "CCWIS", "local_id": "1"}]], "reason": "two-children", "preview": True}


@pytest.fixture
def index(tmp_path):
    with open_test_index(tmp_path, "D01", "CCWIS") as index:
        yield index


@pytest.fixture
def eid(index):
    """One child's records in two sources, which a caseworker's client has read."""
    with calling(create_app(index), a_key(index, "portal")) as client:
        for path in ("D01/records/1", "CCWIS/records/1"):
            found = client.put(f"/v1/sources/{path}", json=make_child(None)).json()["enterprise_id"]
        client.get(f"/v1/persons/{found}", headers={"Purpose-Of-Use": "case_planning"})
    return found


def parted(index, eid, *key) -> dict[str, object]:
    with calling(create_app(index), a_key(index, *key)) as client:
        answer = client.post(f"/v1/persons/{eid}:split", json=PARTED)
        assert answer.status_code == 200, answer.text
        return answer.json()


def test_a_privacy_officer_gets_the_list(index, eid):
    seen = parted(index, eid, "officer", {Action.DECIDE, Action.DISCLOSURE_READ})
    [line] = seen["disclosures"]
    assert (line["client"], line["purpose"], line["action"]) == ("portal", "case_planning", "person.read")
    assert (line["fields"], line["handle"]) == (["now", "records"], None)
    assert [each["source"] for each in line["records"]] == ["CCWIS", "D01"]
    assert seen["disclosed"] == 1


def test_a_steward_gets_the_number_alone(index, eid):
    seen = parted(index, eid, "steward", {Action.DECIDE})
    assert (seen["disclosed"], seen["disclosures"]) == (1, [])
    assert "portal" not in str({**seen, "told": None})


def test_a_client_of_certain_sources_gets_neither(index, eid):
    with calling(create_app(index), a_key(index, "all-but-one", Action, {"CCWIS", "D01"})) as client:
        seen = client.post(f"/v1/persons/{eid}:split", json=PARTED).json()
    assert (seen["disclosed"], seen["disclosures"]) == (None, [])
