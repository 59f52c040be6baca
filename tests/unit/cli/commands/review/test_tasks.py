from tests.unit.cli.conftest import is_one_line


def two_in_doubt(mpi, a_file):
    mpi("ingest", a_file("1,Amara,Okonkwo,2014-03-09,43001"), "--source", "sis")
    mpi("ingest", a_file("2,Amarah,Okonkwoh,2014-03-09,", name="b.csv"), "--source", "ccwis")


def test_the_queue_is_listed_and_one_question_shown(home, mpi, a_file):
    two_in_doubt(mpi, a_file)
    page = mpi("tasks", "--json").json
    [one] = page["questions"]
    assert (page["total"], one["kind"], one["state"]) == (1, "pair", "open")
    table = mpi("tasks", "--kind", "pair", "--source", "sis")
    assert one["key"] in table.out
    assert "sis:1" in table.out
    assert "1 in all" in table.err
    shown = mpi("tasks", one["key"])
    assert "Amarah" in shown.out
    assert mpi("tasks", one["key"], "--json").json["etag"]
    assert mpi("tasks", "--state", "asleep", "--json").json["questions"] == []
    assert mpi("tasks", "--due", "--json").json["total"] == 0


def test_what_is_not_there_is_said_in_one_line(home, mpi):
    for arguments in (("q-0",), ("--state", "lost"), ("--after", "x"), ("--source", "nowhere")):
        ended = mpi("tasks", *arguments)
        assert ended.code != 0
        assert is_one_line(ended.err)
