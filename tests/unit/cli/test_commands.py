"""Every other command, as people and as programs use it."""

import csv
import gc
import json
import stat
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from alembic import command

from mpi.matching.scoring.engines import DuckDbEngine
from mpi.storage import migrate
from mpi.storage.unit_of_work.database import Database
from tests.models import tiny_model
from tests.unit.cli.conftest import HEADER, is_one_line

ANA = {"first_name": "Ana", "last_name": "Lopez", "birth_date": "2010-01-02"}


def resolve_ana(mpi, source="sis", local_id="1", **changes):
    return mpi("resolve", "--json", send={"source": source, "local_id": local_id, **ANA, **changes}).json


def test_init_shows_the_key_once_and_names_the_home_folder(mpi, empty_home):
    result = mpi("init", "--test", "--json")
    assert result.code == 0
    assert result.json["home"] == str(empty_home)
    assert result.json["api_key"].startswith("mpi_")
    assert stat.S_IMODE(empty_home.stat().st_mode) == 0o700
    database = (empty_home / "mpi.db").read_bytes()
    assert result.json["api_key"].encode() not in database


def test_init_names_the_next_steps(mpi, empty_home):
    result = mpi("init")
    assert "mpi source add CODE" in result.out
    assert "api key" in result.out


def test_a_second_init_is_refused(mpi, home):
    result = mpi("init")
    assert result.code == 7
    assert is_one_line(result.err)


def test_init_beside_an_older_index_is_refused_and_changes_nothing(mpi, home):
    database = Database(f"sqlite:///{home / 'mpi.db'}")
    config = migrate._alembic_config()
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM payload_key")
        config.attributes["connection"] = connection
        command.downgrade(config, "-1")
    result = mpi("init")
    assert result.code == 10
    assert "mpi db upgrade" in result.err
    assert migrate.schema_state(database) is migrate.SchemaState.BEHIND
    database.dispose()


def test_only_ids_of_a_test_index_are_marked(mpi, empty_home):
    mpi("init")
    mpi("source", "add", "sis")
    assert not resolve_ana(mpi)["enterprise_id"].startswith("T")


def test_sources_are_added_and_listed(mpi, home):
    mpi("source", "add", "lea-7", "--name", "Köln [red]", "--agency", "doe", "--kind", "sis")
    listed = mpi("source", "list", "--json").json
    expected = {"code": "lea-7", "name": "Köln [red]", "agency": "doe", "kind": "sis"}
    assert expected | {"asks_consent": False, "holdings": "all", "retired": False} in listed
    assert "Köln [red]" in mpi("source", "list").out


def test_a_duplicate_source_and_an_invalid_code_are_refused(mpi, home):
    assert mpi("source", "add", "sis").code == 7
    assert mpi("source", "add", "a/b").code == 5


def test_resolve_answers_with_the_upsert_result(mpi, home):
    first = resolve_ana(mpi)
    assert (first["outcome"], first["record"]) == ("created", "created")
    second = resolve_ana(mpi, "ccwis", "9")
    assert (second["outcome"], second["enterprise_id"]) == ("linked", first["enterprise_id"])
    assert resolve_ana(mpi)["outcome"] == "unchanged"


def test_resolve_shows_the_enterprise_id(mpi, home):
    result = mpi("resolve", send={"source": "sis", "local_id": "1", **ANA})
    assert resolve_ana(mpi)["enterprise_id"] in result.out


@pytest.mark.parametrize(
    ("send", "message"),
    [
        ("{", "not JSON"),
        ("[1]", "one JSON object"),
        ('{"local_id": "1"}', '"source" is missing'),
        ('{"source": "sis", "first_name": "Zebulon"}', "local_id"),
        ('{"source": "sis", "local_id": "1", "shoe_size": 3}', "shoe_size"),
        ('{"source": "sis", "local_id": 123456789012345678901}', "send it as text"),
    ],
)
def test_an_invalid_record_gives_one_error_line_without_its_values(mpi, home, send, message):
    result = mpi("resolve", "--json", send=send)
    assert (result.code, result.out) == (5, "")
    assert message in result.err
    assert "Zebulon" not in result.err
    assert is_one_line(result.err)


def test_search_finds_a_person_and_stores_nothing(mpi, home):
    eid = resolve_ana(mpi)["enterprise_id"]
    matches = mpi("search", "--json", send=ANA).json
    assert [match["enterprise_id"] for match in matches] == [eid]
    assert matches[0]["band"] == "LINK"
    assert matches[0]["match_weight"] == pytest.approx(
        sum(part["bits"] for part in matches[0]["explanation"])
    )
    assert eid in mpi("search", send=ANA).out
    assert mpi("report", "summary", "--current", "--json").json["rows"][0]["count"] == 1


def test_search_above_the_limit_gives_one_error_line(mpi, home, monkeypatch):
    monkeypatch.setenv("MPI_SEARCHES_PER_MINUTE", "1")
    assert mpi("search", send=ANA).code == 0
    result = mpi("search", send=ANA)
    assert (result.code, result.out) == (7, "")
    assert "within a minute" in result.err
    assert is_one_line(result.err)


def test_search_without_a_match_gives_an_empty_list(mpi, home):
    result = mpi("search", "--json", send=ANA)
    assert (result.code, result.json) == (0, [])


def test_a_person_is_found_by_an_id_as_typed(mpi, home):
    eid = resolve_ana(mpi)["enterprise_id"]
    person = mpi("person", eid.lower().replace("-", " "), "--json").json
    assert person["enterprise_id"] == eid
    assert person["records"] == [{"source": "sis", "local_id": "1"}]
    assert eid in mpi("person", eid).out


def test_a_mistyped_id_and_an_unknown_id_have_different_exit_codes(mpi, home):
    assert mpi("person", "TRZC-MX7Q-6GXY").code == 5
    assert mpi("person", "0000-0000-0000").code == 6


def test_lineage_and_crosswalk_show_time_and_person(mpi, home):
    eid = resolve_ana(mpi)["enterprise_id"]
    steps = mpi("lineage", eid, "--json").json
    assert [(step["cause"], step["after"]) for step in steps] == [("upsert", eid)]
    assert eid in mpi("lineage", eid).out
    command = ("crosswalk", "--source", "sis", "--local-id", "1")
    assert mpi(*command, "--json").json["enterprise_id"] == eid
    assert mpi(*command, "--as-of", "2001-01-01", "--json").json["enterprise_id"] is None
    assert mpi("crosswalk", "--source", "sis", "--local-id", "2").code == 6


def test_the_crosswalk_file_is_complete_and_private(mpi, home, tmp_path):
    local_id = 'Ä"1,2'
    eid = resolve_ana(mpi, local_id=local_id)["enterprise_id"]
    assert mpi("export", "crosswalk", "--out", "x.csv", "--json").json == {"file": "x.csv", "rows": 1}
    path = tmp_path / "x.csv"
    with path.open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["source", "local_id", "enterprise_id"], ["sis", local_id, eid]]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["home", "model", "x.csv"]


def test_crosswalk_is_written_wide_of_some_sources_and_as_parquet(mpi, home, tmp_path):
    child = {"first_name": "Ana", "last_name": "Lopez", "birth_date": "2010-01-02", "postal_code": "43001"}
    for source, local_id in (("sis", "1"), ("ccwis", "C1"), ("sis", "=9|x")):
        mpi("resolve", send={"source": source, "local_id": local_id, **child})
    long = [tuple(row) for row in csv.reader(export(mpi, tmp_path, "long.csv").splitlines())]
    eids = {(source, local_id): eid for source, local_id, eid in long[1:]}
    assert pq.read_table(export(mpi, tmp_path, "long.parquet", binary=True)).num_rows == 3
    only = export(mpi, tmp_path, "only.csv", "--source", "ccwis").splitlines()
    assert only == ["source,local_id,enterprise_id", f"ccwis,C1,{eids['ccwis', 'C1']}"]
    wide = pq.read_table(export(mpi, tmp_path, "wide.parquet", "--layout", "wide", binary=True)).to_pylist()
    assert {row["enterprise_id"] for row in wide} == set(eids.values())
    assert sorted(local_id for row in wide for local_id in row["sis"]) == ["1", "=9|x"]
    assert mpi("export", "crosswalk", "--out", "x.csv", "--source", "sos").code == 6


def export(mpi, folder, name, *options, binary=False):
    assert mpi("export", "crosswalk", "--out", name, *options).code == 0
    path = folder / name
    return path if binary else path.read_text()


def test_a_failed_export_names_the_requested_file(mpi, home):
    result = mpi("export", "crosswalk", "--out", "no/such/x.csv")
    assert (result.code, result.err) == (10, "mpi: no/such/x.csv: No such file or directory\n")


def test_a_statistical_export_holds_every_record_under_separate_ids(mpi, home, tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + "1,Amara,Okonkwo,2014-03-09,43001\n")
    for source in ("sis", "ccwis"):
        assert mpi("ingest", "a.csv", "--source", source).code == 0
    ids = []
    for number, purpose in enumerate(("operational", "statistical", "statistical")):
        assert mpi("export", "crosswalk", "--out", f"{number}.csv", "--purpose", purpose).code == 0
        lines = (tmp_path / f"{number}.csv").read_text().split()[1:]
        assert [line.rsplit(",", 1)[0] for line in lines] == ["ccwis,1", "sis,1"]
        [eid] = {line.rsplit(",", 1)[1] for line in lines}
        ids.append(eid)
    assert len(set(ids)) == 3


def test_a_statistical_export_links_typos_between_files_but_not_within_one(mpi, home, tmp_path):
    children = [f"{n},Child{n:02},Family{n:02},20{10 + n % 10}-03-{n % 28 + 1:02},43001" for n in range(60)]
    within = ["C,Belinda,Novakova,2013-05-06,", "D,Belindaa,Novakovaa,2013-05-06,"]
    rows = {
        "sis": [*children, "A,Amara,Okonkwo,2014-03-09,", *within],
        "ccwis": [*children, "B,Amarah,Okonkwoh,2014-03-09,"],
    }
    for source, lines in rows.items():
        (tmp_path / f"{source}.csv").write_text(HEADER + "\n".join(lines) + "\n")
        assert mpi("ingest", f"{source}.csv", "--source", source).code == 0
    eids_by_purpose = {}
    for purpose in ("operational", "statistical"):
        assert mpi("export", "crosswalk", "--out", f"{purpose}.csv", "--purpose", purpose).code == 0
        exported = csv.reader((tmp_path / f"{purpose}.csv").read_text().splitlines()[1:])
        eids_by_purpose[purpose] = {(source, local_id): eid for source, local_id, eid in exported}
    assert eids_by_purpose["operational"]["sis", "A"] != eids_by_purpose["operational"]["ccwis", "B"]
    assert eids_by_purpose["statistical"]["sis", "A"] == eids_by_purpose["statistical"]["ccwis", "B"]
    assert eids_by_purpose["statistical"]["sis", "C"] != eids_by_purpose["statistical"]["sis", "D"]


def test_recluster_has_nothing_to_do_after_upserts(mpi, home):
    resolve_ana(mpi)
    plan = mpi("recluster", "--json").json
    assert (plan["nothing_to_do"], plan["applied"], plan["changes"]) == (True, False, [])


def test_another_model_is_planned_first_and_stays_active_once_applied(mpi, home, tmp_path, monkeypatch):
    first_eid = resolve_ana(mpi)["enterprise_id"]
    second_eid = resolve_ana(mpi, "ccwis", "9", first_name="Anna", last_name="Lopezz")["enterprise_id"]
    assert first_eid != second_eid
    lenient_model = str(tiny_model(tmp_path / "bolder", name="bolder", link=6.0))
    plan = mpi("recluster", "--model", lenient_model, "--json").json
    assert (plan["merge"], plan["applied"], plan["model"]) == (1, False, "bolder/1")
    assert set(plan["changes"][0]["eids"]) == {first_eid, second_eid}
    assert mpi("recluster", "--json").json["nothing_to_do"]
    assert mpi("recluster", "--model", lenient_model, "--apply", "--json").json["applied"]
    # MPI_MODEL still names the first model, which only a new index uses.
    second_plan = mpi("recluster", "--json").json
    assert (second_plan["model"], second_plan["nothing_to_do"]) == ("bolder/1", True)
    monkeypatch.delenv("MPI_MODEL")
    assert mpi("report").code == 0


def test_a_different_model_under_a_known_name_is_refused(mpi, home, tmp_path):
    mpi("recluster", "--model", str(tiny_model(tmp_path / "a", name="m", link=11.0)), "--apply")
    result = mpi("recluster", "--model", str(tiny_model(tmp_path / "b", name="m", link=10.0)), "--apply")
    assert result.code == 7
    assert "new version" in result.err


@pytest.mark.parametrize("command", ["recluster", "verify", "rebuild"])
def test_scoring_of_a_whole_index_keeps_the_memory_limit(mpi, home, monkeypatch, command):
    resolve_ana(mpi)
    memory_limits, weigh_pairs = [], DuckDbEngine.weigh_pairs
    monkeypatch.setattr(
        DuckDbEngine,
        "weigh_pairs",
        lambda self, *arguments: memory_limits.append(self.memory) or weigh_pairs(self, *arguments),
    )
    assert mpi(command, "--memory", "300MB").code == 0
    assert memory_limits == ["300MB"]
    assert mpi(command, "--memory", "much").code == 5
    assert mpi(command, "--master", "local[2]").code == 5


@pytest.mark.parametrize("command", ["recluster", "verify", "rebuild"])
def test_spark_requires_a_cluster_address(mpi, home, command):
    result = mpi(command, "--engine", "spark")
    assert result.code == 5
    assert "--master" in result.err
    assert "MPI_SPARK_MASTER" in result.err


def test_a_long_plan_is_shortened_for_people_and_complete_as_json(mpi, home, tmp_path, write_csv):
    birth_days = [(f"2010-{1 + n // 20:02}-{1 + n % 20:02}", n) for n in range(25)]
    mpi("ingest", write_csv(*(f"{n},Ana,Lopez,{day}," for day, n in birth_days)), "--source", "sis")
    mpi("ingest", write_csv(*(f"{n},Anna,Lopezz,{day}," for day, n in birth_days)), "--source", "ccwis")
    lenient_model = str(tiny_model(tmp_path / "bolder", name="bolder", link=6.0))
    plan = mpi("recluster", "--model", lenient_model, "--json").json
    assert (plan["merge"], len(plan["changes"])) == (25, 25)
    output = mpi("recluster", "--model", lenient_model)
    assert sum(line.startswith(" merge") for line in output.out.splitlines()) == 20
    assert "5 more changes" in output.err


@pytest.mark.parametrize("name", ["summary", "sources", "loads", "overlap", "creates"])
def test_every_report_is_a_table_and_json(mpi, home, name):
    resolve_ana(mpi)
    report = mpi("report", name, "--current", "--json").json
    assert (report["name"], report["next_publication"]) == (name, None)
    assert report["title"] in mpi("report", name, "--current").out


def test_a_report_is_published_on_the_day_after_its_measurement(mpi, home, manual_clock):
    resolve_ana(mpi)
    before = mpi("report", "summary")
    assert (before.out, before.code) == ("", 0)
    assert "the first figures are published on" in before.err
    assert "figures are measured; readers get them on" in mpi("publish").err
    assert "were measured before" in mpi("publish").err
    manual_clock.now += timedelta(days=3)
    report = mpi("report", "summary", "--json").json
    assert report["publication"]["missed_days"] == 2
    # The index has a secret of its own, and so the noise may rarely show a small count.
    assert report["rows"][0]["count"] in (None, 100, 110, 120, 130, 140, 150)
    after = mpi("report", "summary")
    assert "records, active" in after.out
    assert "rounded to 10, without counts below 100" in after.err
    assert "no figures were measured on the 2 days since" in after.err
    quality = mpi("quality")
    assert "without counts below 100" in quality.err
    assert mpi("quality", "--json").json["quality"]["match_rate"]["in_care"] != 0
    assert mpi("quality", "--current", "--json").json["quality"]["match_rate"]["in_care"] == 0
    assert "published" not in mpi("quality", "--current").err


def test_an_unknown_report_error_lists_the_known_reports(mpi, home):
    result = mpi("report", "nope")
    assert result.code == 6
    assert "summary, sources, loads, overlap" in result.err


def test_a_sound_index_verifies_and_rebuilds_to_the_same_ids(mpi, home):
    eid = resolve_ana(mpi)["enterprise_id"]
    assert mpi("verify", "--json").json == {"sound": True, "findings": [], "pending": 0}
    assert mpi("rebuild", "--json").json["nothing_to_do"]
    assert resolve_ana(mpi)["enterprise_id"] == eid
    assert "breaches" in mpi("verify").out


def test_the_database_is_checked_and_upgraded(mpi, home):
    assert mpi("db", "check", "--json").json == {"state": "current", "differences": []}
    assert mpi("db", "upgrade", "--json").json == {"before": "current", "now": "current"}


def test_an_upgrade_creates_no_index(mpi, empty_home):
    assert mpi("db", "upgrade").code == 10
    assert not empty_home.exists()


def test_serve_refuses_an_address_that_others_can_reach(mpi, home):
    result = mpi("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - it is refused
    assert result.code == 5
    assert "127.0.0.1" in result.err


def test_serve_reads_its_address_from_the_environment_and_exits_0_on_ctrl_c(mpi, home, monkeypatch):
    addresses = []

    def note_and_interrupt(_index, host, port, **_options):
        addresses.append((host, port))
        raise KeyboardInterrupt

    monkeypatch.setattr("mpi.api.server.serve.serve", note_and_interrupt)
    monkeypatch.setenv("MPI_PORT", "9001")
    assert mpi("serve").code == 0
    assert addresses == [("127.0.0.1", 9001)]


def test_json_output_is_utf8_only(mpi, home):
    output = mpi("resolve", "--json", send={"source": "sis", "local_id": "Ж-1", **ANA}).out
    assert '"Ж-1"' in output
    assert json.loads(output)["local_id"] == "Ж-1"


@pytest.mark.parametrize("is_enabled", [True, False])
def test_a_command_restores_the_garbage_collector(mpi, home, is_enabled):
    try:
        (gc.enable if is_enabled else gc.disable)()
        assert mpi("source", "list", "--json").code == 0
        assert gc.isenabled() is is_enabled
    finally:
        gc.enable()


def test_a_source_is_renamed_and_retired_until_it_returns(mpi, home):
    assert mpi("source", "rename", "sis", "Lake County Schools", "--json").json == {
        "code": "sis", "name": "Lake County Schools"
    }  # fmt: skip
    plan = mpi("source", "retire", "sis", "--dry-run", "--json").json
    assert (plan["retired"], plan["records"], plan["unfinished_loads"]) == (False, "kept", "none")
    assert mpi("source", "retire", "sis", "--json").json == {"code": "sis", "retired": True}
    [source] = [each for each in mpi("source", "list", "--json").json if each["code"] == "sis"]
    assert (source["name"], source["retired"]) == ("Lake County Schools", True)
    assert not mpi("source", "retire", "sis", "--no", "--json").json["retired"]
