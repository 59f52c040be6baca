"""Refreshed lists of shared values on the command line: reported, planned and applied."""

HOME = "500 Haven Rd"


def write_children(tmp_path):
    path = tmp_path / "children.csv"
    rows = [f"{n},Child{chr(97 + n)},Name{chr(97 + n)},2012-03-{n + 1:02},{HOME},43010" for n in range(12)]
    path.write_text("\n".join(["local_id,first_name,last_name,birth_date,address_line1,postal_code", *rows]))
    return str(path)


def test_aged_lists_are_reported_and_refreshed_lists_are_planned_before_they_apply(mpi, home, tmp_path):
    mpi("ingest", write_children(tmp_path), "--source", "sis")
    result = mpi("recluster")
    assert "1 to be listed and 0 no longer" in result.err
    assert HOME.upper() not in (result.out + result.err).upper()
    plan = mpi("recluster", "--refresh-lists", "--json").json
    assert plan["lists"] == {"listed": 1, "fresh": True, "added": 1, "dropped": 0}
    assert mpi("recluster", "--json").json["lists"]["listed"] == 0
    assert mpi("recluster", "--refresh-lists", "--apply", "--json").json["applied"]
    assert mpi("rebuild", "--json").json["lists"] == {"listed": 1, "fresh": True, "added": 0, "dropped": 0}
    assert "to be listed" not in mpi("recluster").err
    assert mpi("verify").code == 0
