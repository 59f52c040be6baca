"""Every other command, as people and as programs use it."""

import csv
import gc
import json
import stat

import pytest
from alembic import command

from mpi.matching.scoring.engines import DuckDbEngine
from mpi.storage import migrate
from mpi.storage.unit_of_work.database import Database
from tests.models import tiny_model
from tests.unit.cli.conftest import HEADER, is_one_line

ANA = {"first_name": "Ana", "last_name": "Lopez", "birth_date": "2010-01-02"}


def resolved(mpi, source="sis", local_id="1", **changes):
    return mpi("resolve", "--json", send={"source": source, "local_id": local_id, **ANA, **changes}).json


def test_init_shows_a_key_once_and_says_where_the_home_is(mpi, blank):
    made = mpi("init", "--test", "--json")
    assert made.code == 0
    assert made.json["home"] == str(blank)
    assert made.json["api_key"].startswith("mpi_")
    assert stat.S_IMODE(blank.stat().st_mode) == 0o700
    database = (blank / "mpi.db").read_bytes()
    assert made.json["api_key"].encode() not in database


def test_init_tells_people_what_to_do_next(mpi, blank):
    made = mpi("init")
    assert "mpi source add CODE" in made.out
    assert "api key" in made.out


def test_a_second_init_is_refused(mpi, home):
    again = mpi("init")
    assert again.code == 7
    assert is_one_line(again.err)


def test_init_beside_an_index_of_an_older_version_is_refused_and_leaves_it_as_it_is(mpi, home):
    database = Database(f"sqlite:///{home / 'mpi.db'}")
    config = migrate._alembic_config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "-1")
    again = mpi("init")
    assert again.code == 10
    assert "mpi db upgrade" in again.err
    assert migrate.schema_state(database) is migrate.SchemaState.BEHIND
    database.dispose()


def test_ids_of_a_test_index_are_marked_and_of_another_are_not(mpi, blank):
    mpi("init")
    mpi("source", "add", "sis")
    assert not resolved(mpi)["enterprise_id"].startswith("T")


def test_sources_are_added_and_listed(mpi, home):
    mpi("source", "add", "lea-7", "--name", "Köln [red]", "--agency", "doe", "--kind", "sis")
    listed = mpi("source", "list", "--json").json
    shown = {"code": "lea-7", "name": "Köln [red]", "agency": "doe", "kind": "sis"}
    assert shown | {"asks_consent": False} in listed
    assert "Köln [red]" in mpi("source", "list").out


def test_a_source_twice_and_a_bad_code_are_refused(mpi, home):
    assert mpi("source", "add", "sis").code == 7
    assert mpi("source", "add", "a/b").code == 5


def test_resolve_answers_the_upserts_object(mpi, home):
    first = resolved(mpi)
    assert (first["outcome"], first["record"]) == ("created", "created")
    second = resolved(mpi, "ccwis", "9")
    assert (second["outcome"], second["enterprise_id"]) == ("linked", first["enterprise_id"])
    assert resolved(mpi)["outcome"] == "unchanged"


def test_resolve_shows_people_the_id(mpi, home):
    shown = mpi("resolve", send={"source": "sis", "local_id": "1", **ANA})
    assert resolved(mpi)["enterprise_id"] in shown.out


@pytest.mark.parametrize(
    ("send", "says"),
    [
        ("{", "not JSON"),
        ("[1]", "one JSON object"),
        ('{"local_id": "1"}', '"source" is missing'),
        ('{"source": "sis", "first_name": "Zebulon"}', "local_id"),
        ('{"source": "sis", "local_id": "1", "shoe_size": 3}', "shoe_size"),
        ('{"source": "sis", "local_id": 123456789012345678901}', "send it as text"),
    ],
)
def test_a_record_that_cannot_be_taken_is_one_line_without_its_values(mpi, home, send, says):
    ended = mpi("resolve", "--json", send=send)
    assert (ended.code, ended.out) == (5, "")
    assert says in ended.err
    assert "Zebulon" not in ended.err
    assert is_one_line(ended.err)


def test_search_finds_and_stores_nothing(mpi, home):
    eid = resolved(mpi)["enterprise_id"]
    found = mpi("search", "--json", send=ANA).json
    assert [one["enterprise_id"] for one in found] == [eid]
    assert found[0]["band"] == "LINK"
    assert found[0]["match_weight"] == pytest.approx(sum(part["bits"] for part in found[0]["explanation"]))
    assert eid in mpi("search", send=ANA).out
    assert mpi("report", "summary", "--json").json["rows"][0]["count"] == 1


def test_search_for_nobody_is_an_empty_list(mpi, home):
    nobody = mpi("search", "--json", send=ANA)
    assert (nobody.code, nobody.json) == (0, [])


def test_a_person_is_looked_up_as_typed(mpi, home):
    eid = resolved(mpi)["enterprise_id"]
    found = mpi("person", eid.lower().replace("-", " "), "--json").json
    assert found["enterprise_id"] == eid
    assert found["records"] == [{"source": "sis", "local_id": "1"}]
    assert eid in mpi("person", eid).out


def test_a_mistyped_id_and_an_unknown_one_are_told_apart(mpi, home):
    assert mpi("person", "TRZC-MX7Q-6GXY").code == 5
    assert mpi("person", "0000-0000-0000").code == 6


def test_lineage_and_crosswalk_tell_when_and_who(mpi, home):
    eid = resolved(mpi)["enterprise_id"]
    steps = mpi("lineage", eid, "--json").json
    assert [(step["cause"], step["after"]) for step in steps] == [("upsert", eid)]
    assert eid in mpi("lineage", eid).out
    asked = ("crosswalk", "--source", "sis", "--local-id", "1")
    assert mpi(*asked, "--json").json["enterprise_id"] == eid
    assert mpi(*asked, "--as-of", "2001-01-01", "--json").json["enterprise_id"] is None
    assert mpi("crosswalk", "--source", "sis", "--local-id", "2").code == 6


def test_the_crosswalk_is_written_whole_and_private(mpi, home, tmp_path):
    local_id = 'Ä"1,2'
    eid = resolved(mpi, local_id=local_id)["enterprise_id"]
    assert mpi("export", "crosswalk", "--out", "x.csv", "--json").json == {"file": "x.csv", "rows": 1}
    path = tmp_path / "x.csv"
    with path.open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["source", "local_id", "enterprise_id"], ["sis", local_id, eid]]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["home", "model", "x.csv"]


def test_an_export_that_cannot_be_written_names_the_file_asked_for(mpi, home):
    ended = mpi("export", "crosswalk", "--out", "no/such/x.csv")
    assert (ended.code, ended.err) == (10, "mpi: no/such/x.csv: No such file or directory\n")


def test_a_statistical_export_holds_every_record_under_ids_of_its_own(mpi, home, tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + "1,Amara,Okonkwo,2014-03-09,43001\n")
    for source in ("sis", "ccwis"):
        assert mpi("ingest", "a.csv", "--source", source).code == 0
    ids = []
    for number, purpose in enumerate(("operational", "statistical", "statistical")):
        assert mpi("export", "crosswalk", "--out", f"{number}.csv", "--purpose", purpose).code == 0
        written = (tmp_path / f"{number}.csv").read_text().split()[1:]
        assert [line.rsplit(",", 1)[0] for line in written] == ["ccwis,1", "sis,1"]
        [one] = {line.rsplit(",", 1)[1] for line in written}
        ids.append(one)
    assert len(set(ids)) == 3


def test_for_research_a_slip_between_two_files_of_the_same_children_is_one_and_within_a_file_is_not(
    mpi, home, tmp_path
):
    children = [f"{n},Child{n:02},Family{n:02},20{10 + n % 10}-03-{n % 28 + 1:02},43001" for n in range(60)]
    within = ["C,Belinda,Novakova,2013-05-06,", "D,Belindaa,Novakovaa,2013-05-06,"]
    rows = {
        "sis": [*children, "A,Amara,Okonkwo,2014-03-09,", *within],
        "ccwis": [*children, "B,Amarah,Okonkwoh,2014-03-09,"],
    }
    for source, lines in rows.items():
        (tmp_path / f"{source}.csv").write_text(HEADER + "\n".join(lines) + "\n")
        assert mpi("ingest", f"{source}.csv", "--source", source).code == 0
    found = {}
    for purpose in ("operational", "statistical"):
        assert mpi("export", "crosswalk", "--out", f"{purpose}.csv", "--purpose", purpose).code == 0
        exported = csv.reader((tmp_path / f"{purpose}.csv").read_text().splitlines()[1:])
        found[purpose] = {(source, local_id): one for source, local_id, one in exported}
    assert found["operational"]["sis", "A"] != found["operational"]["ccwis", "B"]
    assert found["statistical"]["sis", "A"] == found["statistical"]["ccwis", "B"]
    assert found["statistical"]["sis", "C"] != found["statistical"]["sis", "D"]


def test_recluster_has_nothing_to_do_on_what_was_resolved(mpi, home):
    resolved(mpi)
    plan = mpi("recluster", "--json").json
    assert (plan["nothing_to_do"], plan["applied"], plan["changes"]) == (True, False, [])


def test_another_model_is_a_plan_first_and_stays_in_force_once_applied(mpi, home, tmp_path, monkeypatch):
    one = resolved(mpi)["enterprise_id"]
    other = resolved(mpi, "ccwis", "9", first_name="Anna", last_name="Lopezz")["enterprise_id"]
    assert one != other
    bolder = str(tiny_model(tmp_path / "bolder", name="bolder", link=6.0))
    plan = mpi("recluster", "--model", bolder, "--json").json
    assert (plan["merge"], plan["applied"], plan["model"]) == (1, False, "bolder/1")
    assert set(plan["changes"][0]["eids"]) == {one, other}
    assert mpi("recluster", "--json").json["nothing_to_do"]
    assert mpi("recluster", "--model", bolder, "--apply", "--json").json["applied"]
    # MPI_MODEL still names the first model, which is for new indexes only.
    kept = mpi("recluster", "--json").json
    assert (kept["model"], kept["nothing_to_do"]) == ("bolder/1", True)
    monkeypatch.delenv("MPI_MODEL")
    assert mpi("report").code == 0


def test_a_model_under_the_name_of_another_is_refused(mpi, home, tmp_path):
    mpi("recluster", "--model", str(tiny_model(tmp_path / "a", name="m", link=11.0)), "--apply")
    ended = mpi("recluster", "--model", str(tiny_model(tmp_path / "b", name="m", link=10.0)), "--apply")
    assert ended.code == 7
    assert "new version" in ended.err


@pytest.mark.parametrize("command", ["recluster", "verify", "rebuild"])
def test_what_scores_a_whole_index_keeps_within_the_memory_that_it_is_told(mpi, home, monkeypatch, command):
    resolved(mpi)
    kept_to, weights = [], DuckDbEngine.weigh_pairs
    monkeypatch.setattr(
        DuckDbEngine, "weigh_pairs", lambda self, *what: kept_to.append(self.memory) or weights(self, *what)
    )
    assert mpi(command, "--memory", "300MB").code == 0
    assert kept_to == ["300MB"]
    assert mpi(command, "--memory", "much").code == 5
    assert mpi(command, "--master", "local[2]").code == 5


@pytest.mark.parametrize("command", ["recluster", "verify", "rebuild"])
def test_spark_asks_which_cluster_is_meant(mpi, home, command):
    ended = mpi(command, "--engine", "spark")
    assert ended.code == 5
    assert "--master" in ended.err
    assert "MPI_SPARK_MASTER" in ended.err


def test_a_long_plan_is_cut_for_people_and_whole_for_programs(mpi, home, tmp_path, a_file):
    twice = [(f"2010-{1 + n // 20:02}-{1 + n % 20:02}", n) for n in range(25)]
    mpi("ingest", a_file(*(f"{n},Ana,Lopez,{day}," for day, n in twice)), "--source", "sis")
    mpi("ingest", a_file(*(f"{n},Anna,Lopezz,{day}," for day, n in twice)), "--source", "ccwis")
    bolder = str(tiny_model(tmp_path / "bolder", name="bolder", link=6.0))
    plan = mpi("recluster", "--model", bolder, "--json").json
    assert (plan["merge"], len(plan["changes"])) == (25, 25)
    shown = mpi("recluster", "--model", bolder)
    assert sum(line.startswith(" merge") for line in shown.out.splitlines()) == 20
    assert "5 more changes" in shown.err


@pytest.mark.parametrize("name", ["summary", "sources", "loads", "overlap"])
def test_every_report_is_a_table_and_json(mpi, home, name):
    resolved(mpi)
    report = mpi("report", name, "--json").json
    assert report["name"] == name
    assert report["title"] in mpi("report", name).out


def test_an_unknown_report_names_those_there_are(mpi, home):
    ended = mpi("report", "nope")
    assert ended.code == 6
    assert "summary, sources, loads, overlap" in ended.err


def test_a_sound_index_verifies_and_rebuilds_to_the_same_ids(mpi, home):
    eid = resolved(mpi)["enterprise_id"]
    assert mpi("verify", "--json").json == {"sound": True, "findings": [], "pending": 0}
    assert mpi("rebuild", "--json").json["nothing_to_do"]
    assert resolved(mpi)["enterprise_id"] == eid
    assert "breaches" in mpi("verify").out


def test_the_database_is_checked_and_upgraded(mpi, home):
    assert mpi("db", "check", "--json").json == {"state": "current", "differences": []}
    assert mpi("db", "upgrade", "--json").json == {"before": "current", "now": "current"}


def test_no_upgrade_makes_an_index_where_there_is_none(mpi, blank):
    assert mpi("db", "upgrade").code == 10
    assert not blank.exists()


def test_serve_refuses_an_address_that_others_can_reach(mpi, home):
    ended = mpi("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - it is refused
    assert ended.code == 5
    assert "127.0.0.1" in ended.err


def test_serve_takes_address_and_port_from_the_environment_and_ends_well_on_ctrl_c(mpi, home, monkeypatch):
    asked = []

    def served(_index, host, port):
        asked.append((host, port))
        raise KeyboardInterrupt

    monkeypatch.setattr("mpi.api.server.serve.serve", served)
    monkeypatch.setenv("MPI_PORT", "9001")
    assert mpi("serve").code == 0
    assert asked == [("127.0.0.1", 9001)]


def test_json_is_utf8_and_nothing_else(mpi, home):
    out = mpi("resolve", "--json", send={"source": "sis", "local_id": "Ж-1", **ANA}).out
    assert '"Ж-1"' in out
    assert json.loads(out)["local_id"] == "Ж-1"


@pytest.mark.parametrize("is_on", [True, False])
def test_a_command_leaves_the_search_for_garbage_as_it_was(mpi, home, is_on):
    try:
        (gc.enable if is_on else gc.disable)()
        assert mpi("source", "list", "--json").code == 0
        assert gc.isenabled() is is_on
    finally:
        gc.enable()
