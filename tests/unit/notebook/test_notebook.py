"""The index in a notebook: tables in and out, with policy, ledger and purpose as everywhere."""

import pandas as pd
import pyarrow as pa
import pytest

import mpi
from mpi.domain.errors import AccessDenied, InputError, NotAuthenticated, RecordError
from mpi.domain.viewer import Action
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, crosswalk, make_child, open_test_index
from tests.unit.api.live import add_key

AMARA = {"first_name": "Amara", "last_name": "Okonkwo", "birth_date": "2014-03-09"}
PURPOSE = "data_quality"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with open_test_index(tmp_path_factory.mktemp("notebook"), "D01", "CCWIS") as index:
        for source in ("D01", "CCWIS"):
            upsert(index, OPERATOR, source, make_child("1", **AMARA))
        upsert(index, OPERATOR, "CCWIS", make_child("2", first_name="Zoe", last_name="Quist"))
        yield index


@pytest.fixture(scope="module")
def notebook(home):
    with mpi.open(home.home, purpose=PURPOSE) as opened:
        yield opened


def ledger(index) -> list:
    with index.database.read(None) as unit:
        return unit.disclosures.all()


def test_a_data_frame_comes_back_with_enterprise_ids(notebook, home):
    frame = pd.DataFrame(
        [
            {"source": "D01", "local_id": "1", "first_name": None},
            {**AMARA, "postal_code": "45402"},
            {"first_name": "Nobody", "last_name": "Known", "birth_date": "2001-01-01"},
            {"first_name": "Too little"},
        ],
        index=[7, 5, 3, 1],
    )
    resolved = notebook.resolve(frame)
    assert isinstance(resolved, pd.DataFrame)
    eid = crosswalk(home)["D01", "1"]
    assert [value if isinstance(value, str) else None for value in resolved["enterprise_id"]] == [
        eid,
        eid,
        None,
        None,
    ]
    assert list(resolved["outcome"][:3]) == ["stored", "match", "none"]
    assert resolved["band"][1] == "LINK"
    assert resolved["match_weight"][1] > 0
    assert resolved["probability"][1] > 0.9
    assert "birth date" in resolved["problem"][3]
    assert "Too little" not in resolved["problem"][3]
    assert list(frame.columns) == [name for name in resolved.columns if name in frame.columns]


def test_an_arrow_table_and_a_list_come_back_as_arrow(notebook):
    for table in (pa.Table.from_pylist([AMARA]), [AMARA], pa.record_batch([["Amara"]], names=["first_name"])):
        resolved = notebook.resolve(table)
        assert isinstance(resolved, pa.Table)
        assert resolved.num_rows == 1
    assert notebook.resolve([]).num_rows == 0


def test_dates_and_times_of_a_data_frame_are_dates_of_the_record(notebook):
    frame = pd.DataFrame([AMARA]).astype({"birth_date": "datetime64[ns]"})
    assert notebook.resolve(frame)["outcome"][0] == "match"


@pytest.mark.parametrize("table", [7, "x.csv", None, object(), [1], {"first_name": "x"}, [{"x": object()}]])
def test_what_is_no_table_is_refused(notebook, table):
    with pytest.raises(InputError, match="data frame"):
        notebook.resolve(table)


def test_the_crosswalk_is_a_table_of_all_records(notebook, home):
    table = notebook.crosswalk()
    rows = {(row["source"], row["local_id"]): row["enterprise_id"] for row in table.to_pylist()}
    assert rows == crosswalk(home)
    assert list(table.to_pandas().columns) == ["source", "local_id", "enterprise_id"]


def test_a_search_finds_persons_with_the_reasons(notebook, home):
    [found] = notebook.search(AMARA, postal_code="45402").to_pylist()
    assert found["enterprise_id"] == crosswalk(home)["D01", "1"]
    assert "birth_date +" in found["why"]
    assert notebook.search(first_name="No", last_name="Body", birth_date="2001-01-01").num_rows == 0
    with pytest.raises(RecordError):
        notebook.search(first_name="Amara")


def test_each_answer_is_on_the_ledger_with_its_purpose(notebook, home):
    before = len(ledger(home))
    notebook.search(AMARA)
    notebook.resolve([{"source": "D01", "local_id": "1"}, AMARA])
    notebook.crosswalk()
    lines = ledger(home)[before:]
    assert [line.action for line in lines] == [
        "person.search", "crosswalk.read", "person.search", "crosswalk.export"
    ]  # fmt: skip
    assert {(line.client, line.purpose) for line in lines} == {("operator", PURPOSE)}


@pytest.mark.parametrize("purpose", ["", "curiosity", "emergency_breakglass"])
def test_a_purpose_is_needed(home, purpose):
    with pytest.raises(InputError, match="purpose"):
        mpi.open(home.home, purpose=purpose)
    with pytest.raises(TypeError):
        mpi.open(home.home)


def test_nothing_is_stored_unless_the_index_is_opened_to_write(home, tmp_path):
    before = crosswalk(home)
    row = {
        "source": "D01",
        "local_id": "new",
        "first_name": "Nia",
        "last_name": "Novak",
        "birth_date": "2012-02-03",
    }
    with mpi.open(home.home, purpose=PURPOSE) as notebook:
        assert notebook.resolve([row]).to_pylist()[0]["outcome"] == "none"
        assert not notebook._identify().actions - {
            Action.PERSON_SEARCH, Action.PERSON_READ, Action.RECORD_READ, Action.CROSSWALK_READ,
            Action.CROSSWALK_EXPORT,
        }  # fmt: skip
    assert crosswalk(home) == before
    with open_test_index(tmp_path, "D01") as own, mpi.open(own.home, purpose=PURPOSE, write=True) as notebook:
        wrong = {"local_id": "x", "first_name": "No source"}
        stored, refused = notebook.resolve(pd.DataFrame([row, wrong])).to_dict("records")
        assert (stored["outcome"], stored["enterprise_id"]) == ("created", crosswalk(own)["D01", "new"])
        assert "source" in refused["problem"]
        assert notebook.resolve([row]).to_pylist()[0]["outcome"] == "unchanged"


def test_a_client_sees_what_its_agreement_and_sources_permit(home):
    rights = frozenset({Action.PERSON_SEARCH, Action.CROSSWALK_READ, Action.CROSSWALK_EXPORT})
    key = add_key(home, "analyst", rights, {"D01"})
    with mpi.open(home.home, purpose=PURPOSE, key=key) as notebook:
        assert {row["source"] for row in notebook.crosswalk().to_pylist()} <= {"D01"}
        hidden, own = notebook.resolve(
            [{"source": "CCWIS", "local_id": "2"}, {"source": "D01", "local_id": "1"}]
        ).to_pylist()
        assert hidden["enterprise_id"] is None
        assert own["outcome"] == "stored"
    assert ledger(home)[-1].client == "analyst"
    few = add_key(home, "few-rights", frozenset({Action.LOAD}))
    with mpi.open(home.home, purpose=PURPOSE, key=few) as notebook:
        for call in (notebook.crosswalk, lambda: notebook.search(AMARA), lambda: notebook.resolve([AMARA])):
            with pytest.raises(AccessDenied):
                call()


def test_a_key_that_is_unknown_or_ends_opens_nothing(home):
    with pytest.raises(NotAuthenticated):
        mpi.open(home.home, purpose=PURPOSE, key="mpi_unknown")


def test_searches_beyond_the_limit_are_problems_of_their_rows(home):
    key = add_key(home, "busy", frozenset(Action))
    with mpi.open(home.home, purpose=PURPOSE, key=key) as notebook:
        rows = notebook.resolve([AMARA] * 32).to_pylist()
    assert [row["outcome"] for row in rows] == ["match"] * 20 + [None] * 12
    assert all(row["problem"] for row in rows[20:])


def test_an_index_is_named_by_its_folder_or_its_file(home, tmp_path):
    with mpi.open(str(home.home / "mpi.db"), purpose=PURPOSE) as notebook:
        assert notebook.crosswalk().num_rows == 3
    for place in (tmp_path, tmp_path / "no.db"):
        with pytest.raises(InputError, match="no index"):
            mpi.open(place, purpose=PURPOSE)


def test_a_closed_index_answers_nothing(home):
    with mpi.open(home.home, purpose=PURPOSE) as notebook:
        pass
    with pytest.raises(InputError, match="closed"):
        notebook.crosswalk()
