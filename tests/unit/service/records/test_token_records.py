"""Records that an agency sends as tokens meet the same child in clear text."""

import json

import pytest

from mpi.api.app import create_app
from mpi.bootstrap import open_index
from mpi.composition.models import keep_model, load_matcher, open_matcher
from mpi.config import Settings
from mpi.domain import clock
from mpi.domain.errors import ModelError
from mpi.domain.keyed_hash import TokenExchange
from mpi.key_material import read_keyed_hash
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.upsert import upsert
from mpi.standardize.token_rows import TokenMaker
from mpi.standardize.tokens.rules import TokenRule
from tests.index import OPERATOR, crosswalk, load_rows, make_child, open_test_index, partition_of
from tests.unit.api.live import add_key, calling

SECRET = "07" * 32
EXCHANGE = TokenExchange("schools", bytes.fromhex(SECRET))


def write_secret(folder, secret=SECRET):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "exchange.key"
    path.touch(mode=0o600)
    path.write_text(f"schools:{secret}\n")


def settings_of(index):
    model = str(index.home / "tiny")
    return Settings(home=index.home, model=model, database_url=None, secret_file=None)


@pytest.fixture
def index(tmp_path):
    write_secret(tmp_path / "home")
    with open_test_index(tmp_path / "home", "sis", "dss") as index:
        yield index


def token_row(index, local_id, **changes):
    maker = TokenMaker(EXCHANGE, frozenset(TokenRule), frozenset({"sex"}), index.keyed_hash)
    return maker.make_row(make_child(local_id, **changes), clock.now())


ONE_CHILD = frozenset({("sis", "1"), ("dss", "a")})


def test_a_token_record_gets_the_id_of_the_child_in_either_order(index, tmp_path):
    upsert(index, OPERATOR, "sis", make_child("1"))
    upsert(index, OPERATOR, "dss", token_row(index, "a"))
    assert partition_of(index) == {ONE_CHILD}
    write_secret(tmp_path / "other")
    with open_test_index(tmp_path / "other", "sis", "dss") as other:
        upsert(other, OPERATOR, "dss", token_row(index, "a"))
        upsert(other, OPERATOR, "sis", make_child("1"))
        assert partition_of(other) == {ONE_CHILD}


def test_a_load_and_a_recluster_link_as_one_record_does(index):
    load_rows(index, "dss", token_row(index, "a"), token_row(index, "b", first_name="Ben", last_name="Kim"))
    load_rows(index, "sis", make_child("1"))
    expected = {ONE_CHILD, frozenset({("dss", "b")})}
    assert partition_of(index) == expected
    assert recluster(index, OPERATOR, index.matcher, apply=True).is_empty
    assert partition_of(index) == expected


def test_a_changed_last_name_makes_other_tokens_and_splits_the_child(index):
    upsert(index, OPERATOR, "sis", make_child("1"))
    upsert(index, OPERATOR, "dss", token_row(index, "a"))
    upsert(index, OPERATOR, "sis", make_child("1", last_name="Kim"))
    assert len(set(crosswalk(index).values())) == 2


def test_no_answer_holds_a_token(index):
    record = token_row(index, "a")
    tokens = [entry["token"] for entry in record["linkage_tokens"]]
    sent = {name: value for name, value in record.items() if name != "local_id"}
    with calling(create_app(index), add_key(index, "tester")) as call:
        answers = [
            call.put("/v1/sources/dss/records/a", json=sent),
            call.get("/v1/sources/dss/records/a"),
            call.post("/v1/records:bulk", content=json.dumps(record | {"source": "dss"}) + "\n"),
        ]
        refused = call.put(
            "/v1/sources/dss/records/b", json={"linkage_tokens": [{"rule": "T1", "token": "zz"}]}
        )
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert not any(token in answer.text for token in tokens for answer in answers)
    assert (refused.status_code, "zz" in refused.text) == (422, False)
    golden = look_up_golden_record(index, OPERATOR, crosswalk(index)["dss", "a"])
    assert "linkage_tokens" not in str(golden)


def test_an_exchange_that_is_added_asks_for_a_recluster(tmp_path):
    with open_test_index(tmp_path / "home", "sis", "dss") as index:
        upsert(index, OPERATOR, "sis", make_child("1"))
        settings = settings_of(index)
    write_secret(settings.home)
    with pytest.raises(ModelError, match="mpi recluster --model"):
        open_index(settings)
    index = open_index(settings, for_model_change=True)
    keep_model(settings, settings.model)
    recluster(index, OPERATOR, open_matcher(settings.model, settings), apply=True)
    index.database.dispose()
    index = open_index(settings)
    try:
        upsert(index, OPERATOR, "dss", token_row(index, "a"))
        assert partition_of(index) == {ONE_CHILD}
    finally:
        index.database.dispose()
    write_secret(settings.home, "08" * 32)
    with pytest.raises(ModelError, match="other exchanges or secrets"):
        open_index(settings)


def test_a_model_without_exchanges_is_as_it_was(tmp_path):
    with open_test_index(tmp_path / "home", "sis") as index:
        settings = settings_of(index)
        names = [
            each["output_column_name"] for each in load_matcher(settings, None).model.settings["comparisons"]
        ]
        assert "tokens" not in names
        assert read_keyed_hash(settings).exchange_tag == ""
        write_secret(settings.home)
        matcher = load_matcher(settings, None)
        assert matcher.model.settings["comparisons"][-1]["output_column_name"] == "tokens"
        tag = read_keyed_hash(settings).exchange_tag
        assert matcher.model.standardizer.endswith(f"+{tag}")
        assert SECRET not in tag
