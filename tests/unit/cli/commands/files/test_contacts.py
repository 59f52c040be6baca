"""``mpi contacts``: the directory of points of contact, and what has to be confirmed."""


def test_points_of_contact_are_listed_and_due_ones_named(mpi, home):
    assert "there is no contacts.csv" in mpi("contacts").err
    (home / "contacts.csv").write_text(
        "level,code,organization,name,phone,email,owner,confirm_by\n"
        "district,D01,North District,Pat Doe,614-555-0101,,North services,2020-06-30\n"
        "state,,Department of Education,State desk,,care@state.example,State desk,2099-01-31\n"
    )
    assert [row["code"] for row in mpi("contacts", "--json").json] == ["D01", ""]
    assert [row["code"] for row in mpi("contacts", "--due", "--json").json] == ["D01"]
    listed = mpi("contacts")
    assert "Pat Doe" in listed.out
    assert "1 of 2 were to be confirmed" in listed.err
    (home / "contacts.csv").write_text("level\nstate\n")
    assert "line 1" in mpi("contacts").err
