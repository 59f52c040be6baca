from tests.unit.cli.conftest import is_one_line


def load_doubtful_pair(mpi, write_csv):
    mpi("ingest", write_csv("1,Amara,Okonkwo,2014-03-09,43001"), "--source", "sis")
    mpi("ingest", write_csv("2,Amarah,Okonkwoh,2014-03-09,", name="b.csv"), "--source", "ccwis")


def test_the_queue_is_listed_and_one_question_is_shown(home, mpi, write_csv):
    load_doubtful_pair(mpi, write_csv)
    page = mpi("tasks", "--json").json
    [question] = page["questions"]
    assert (page["total"], question["kind"], question["state"]) == (1, "pair", "open")
    table = mpi("tasks", "--kind", "pair", "--source", "sis")
    assert question["key"] in table.out
    assert "sis:1" in table.out
    for child in ("Amara Okonkwo 2014-03-09", "Amarah Okonkwoh 2014-03-09"):
        assert child in table.out
    assert "1 in all" in table.err
    details = mpi("tasks", question["key"])
    assert "Amarah" in details.out
    assert mpi("tasks", question["key"], "--json").json["etag"]
    assert mpi("tasks", "--state", "asleep", "--json").json["questions"] == []
    assert mpi("tasks", "--due", "--json").json["total"] == 0


def test_an_unknown_question_or_filter_gives_one_error_line(home, mpi):
    for arguments in (("q-0",), ("--state", "lost"), ("--after", "x"), ("--source", "nowhere")):
        result = mpi("tasks", *arguments)
        assert result.code != 0
        assert is_one_line(result.err)
