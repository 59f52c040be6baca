"""Fresh lists of shared values at the command line: told of, proposed, applied."""

HOME = "500 Haven Rd"


def children(tmp_path):
    path = tmp_path / "children.csv"
    rows = [f"{n},Child{chr(97 + n)},Name{chr(97 + n)},2012-03-{n + 1:02},{HOME},43010" for n in range(12)]
    path.write_text("\n".join(["local_id,first_name,last_name,birth_date,address_line1,postal_code", *rows]))
    return str(path)


def test_a_plan_tells_that_lists_have_aged_and_fresh_ones_are_a_plan_before_they_are_in_force(
    mpi, home, tmp_path
):
    mpi("ingest", children(tmp_path), "--source", "sis")
    told = mpi("recluster")
    assert "1 to be listed and 0 no longer" in told.err
    assert HOME.upper() not in (told.out + told.err).upper()
    plan = mpi("recluster", "--refresh-lists", "--json").json
    assert plan["lists"] == {"listed": 1, "fresh": True, "added": 1, "dropped": 0}
    assert mpi("recluster", "--json").json["lists"]["listed"] == 0
    assert mpi("recluster", "--refresh-lists", "--apply", "--json").json["applied"]
    assert mpi("rebuild", "--json").json["lists"] == {"listed": 1, "fresh": True, "added": 0, "dropped": 0}
    assert "to be listed" not in mpi("recluster").err
    assert mpi("verify").code == 0
