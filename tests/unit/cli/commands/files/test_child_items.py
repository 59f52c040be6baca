"""``mpi child-items`` and ``mpi export school-record``."""


def _write(folder, cell):
    file = folder / "items.csv"
    file.write_text(f"local_id,contact_restriction\n1,{cell}\n")
    return file


def test_items_are_stored_from_a_file_and_a_file_of_schools_needs_a_client_with_the_right(
    mpi, home, tmp_path
):
    assert "neither" in mpi("child-items", str(_write(tmp_path, "yes")), "--source", "sis").err
    mpi("source", "add", "d01", "--kind", "sis")
    file = _write(tmp_path, "yes")
    receipt = mpi("child-items", str(file), "--source", "d01", "--json").json
    assert (receipt["unknown"], receipt["unknown_lines"]) == (1, [2])
    assert "unknown children in lines 2" in mpi("child-items", str(file), "--source", "d01").err
    _write(tmp_path, "perhaps")
    assert "line 2 of the items, contact_restriction" in mpi("child-items", str(file), "--source", "d01").err
    assert "cannot be read" in mpi("child-items", str(tmp_path / "none.csv"), "--source", "d01").err
    out = home / "schools.csv"
    asked = ("export", "school-record", "--source", "ccwis", "--out", str(out))
    assert "there is no client" in mpi(*asked, "--client", "nobody").err
    assert not out.exists()
