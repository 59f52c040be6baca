"""``mpi child-items`` and ``mpi export school-record``."""


def test_items_are_stored_from_a_file_and_a_file_of_schools_needs_a_client_with_the_right(
    mpi, home, tmp_path
):
    file = tmp_path / "items.csv"
    file.write_text("local_id,contact_restriction\n1,yes\n")
    receipt = mpi("child-items", str(file), "--source", "sis", "--json").json
    assert (receipt["unknown"], receipt["unknown_lines"]) == (1, [2])
    assert "unknown children in lines 2" in mpi("child-items", str(file), "--source", "sis").err
    file.write_text("local_id,contact_restriction\n1,perhaps\n")
    assert "line 2 of the items, contact_restriction" in mpi("child-items", str(file), "--source", "sis").err
    assert "cannot be read" in mpi("child-items", str(tmp_path / "none.csv"), "--source", "sis").err
    out = home / "schools.csv"
    asked = ("export", "school-record", "--source", "ccwis", "--out", str(out))
    assert "there is no client" in mpi(*asked, "--client", "nobody").err
    assert not out.exists()
