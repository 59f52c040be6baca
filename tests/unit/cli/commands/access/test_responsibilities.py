"""``mpi responsibilities`` and ``mpi report responsibilities``: who owes what to whom."""


def test_what_is_late_is_listed_with_its_owner(mpi, home):
    assert "nobody is declared to answer for" in mpi("responsibilities").err
    (home / "responsibilities.csv").write_text("kind,of,owner,escalates_to,days\nfeed,,All teams,State,2\n")
    (home / "contacts.csv").write_text(
        "level,code,organization,name,phone,email,owner,confirm_by\n"
        "district,D01,North,Pat Doe,614-555-0100,,North office,2020-01-31\n"
    )
    [late] = mpi("responsibilities", "--late", "--json").json
    assert (late["kind"], late["owner"]) == ("contact", "North office")
    assert {row["owner"] for row in mpi("responsibilities", "--json").json} == {"North office", "All teams"}
    report = mpi("report", "responsibilities", "--json").json
    assert [row["owner"] for row in report["owners"]] == ["North office", "All teams"]
    assert "North office" in mpi("report", "responsibilities").out
    assert "since" in mpi("report", "responsibilities", "--since", "2999-01-01").err
