"""An SSN in another field is refused on every way in, and stored nowhere."""

import json

import pytest

from mpi.api.app import create_app
from mpi.domain.errors import RecordError
from mpi.service.loads.crosswalk_import import OldCrosswalkLine, import_crosswalk
from mpi.service.stewardship.corrections import correct_value
from mpi.service.stewardship.merge_split_move import StepOptions
from mpi.service.stewardship.rekey import rekey
from tests.index import OPERATOR, all_stored_bytes, crosswalk, load_rows, make_child
from tests.unit.api.live import add_key, calling, problem

SSN = "412-55-9182"
MISPLACED = (
    {"local_id": SSN},
    {"subject": SSN},
    {"middle_name": SSN},
    {"household_ids": [SSN]},
    {"merged_into": SSN},
)


@pytest.fixture
def index(fresh_index):
    load_rows(fresh_index, "D01", make_child("1"))
    return fresh_index


def test_api_refuses_one_record_and_a_line_of_many(index):
    with calling(create_app(index), add_key(index, "feed")) as call:
        for fields in MISPLACED:
            child = make_child(**{"local_id": "2", **fields})
            local_id = child.pop("local_id")
            problem(call.put(f"/v1/sources/D01/records/{local_id}", json=child), 422, "invalid-record")
            line = json.dumps({"source": "D01", **make_child(**{"local_id": "2", **fields})})
            [answer] = call.post("/v1/records:bulk", content=line).text.splitlines()
            assert json.loads(answer)["problem"]["status"] == 422
            assert SSN not in json.dumps(json.loads(answer)["problem"])
    assert set(crosswalk(index)) == {("D01", "1")}
    assert SSN.encode() not in all_stored_bytes(index)


def test_load_rejects_each_row_and_stores_no_value(index):
    receipt = load_rows(index, "D01", *(make_child(**{"local_id": "2", **fields}) for fields in MISPLACED))
    assert receipt.counts["rejected"] == len(MISPLACED)
    assert SSN.encode() not in all_stored_bytes(index)
    assert not [path for path in index.home.rglob("*.csv") if SSN in path.read_text()]


def test_rekey_correction_and_old_ids_refuse_it(index):
    with pytest.raises(RecordError, match="Social Security"):
        rekey(index, OPERATOR, "D01", {"1": SSN})
    with pytest.raises(RecordError, match="Social Security"):
        correct_value(
            index,
            OPERATOR,
            crosswalk(index)["D01", "1"],
            "middle_name",
            SSN,
            StepOptions("document-seen", "Seen"),
        )
    with pytest.raises(RecordError, match="Social Security"):
        import_crosswalk(index, OPERATOR, "CCWIS", [OldCrosswalkLine("D01", "1", SSN)])
    assert set(crosswalk(index)) == {("D01", "1")}
    assert SSN.encode() not in all_stored_bytes(index)
