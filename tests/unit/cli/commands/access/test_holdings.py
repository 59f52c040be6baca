"""Commands that limit what the index holds of a source, and drop the rest."""

import pytest

HEADER = "local_id,first_name,last_name,birth_date,postal_code\n"
CHILD = "1,Amara,Okonkwo,2014-03-09,43001\n"


@pytest.fixture
def school(home, mpi, tmp_path):
    """Load a file of pupils: one is in care, and thirty others are not."""
    assert mpi("source", "add", "welfare", "--kind", "ccwis").code == 0
    assert mpi("source", "add", "school", "--kind", "sis").code == 0
    (tmp_path / "welfare.csv").write_text(HEADER + CHILD)
    others = "".join(
        f"o{n},Q{chr(97 + n)}t,Zy{chr(97 + n % 26)}x{n}q,20{10 + n % 9}-0{1 + n % 9}-1{n % 9},9\n"
        for n in range(26)
    )
    (tmp_path / "school.csv").write_text(HEADER + CHILD + others)
    assert mpi("ingest", "welfare.csv", "--source", "welfare").code == 0
    assert mpi("ingest", "school.csv", "--source", "school").code == 0


def test_a_new_source_holds_linked_records_only(home, mpi, tmp_path):
    mpi("source", "add", "welfare", "--kind", "ccwis")
    assert mpi("source", "add", "school", "--kind", "sis", "--holdings", "linked").code == 0
    assert {each["code"]: each["holdings"] for each in mpi("source", "list", "--json").json}[
        "school"
    ] == "linked"
    (tmp_path / "school.csv").write_text(HEADER + CHILD)
    receipt = mpi("ingest", "school.csv", "--source", "school", "--json").json
    assert (receipt["received"], receipt["dropped"], receipt["drops_wait"]) == (1, 1, False)
    [certificate] = mpi("holdings", "list", "--json").json
    assert (certificate["rows"], certificate["load"]) == (1, receipt["batch"])


def test_records_are_dropped_with_a_second_persons_approval(school, mpi, monkeypatch):
    assert mpi("holdings", "apply", "school").code == 7
    assert mpi("source", "set", "school", "--holdings", "linked", "--json").json == {
        "source": "school", "holdings": "linked"
    }  # fmt: skip
    preview = mpi("holdings", "apply", "school", "--dry-run", "--json").json
    assert (preview["records"], preview["surplus"], preview["needs_approval"]) == (27, 26, True)
    waiting = mpi("holdings", "apply", "school")
    assert waiting.code == 0
    assert "26 records wait for a second person" in waiting.err
    assert mpi("holdings", "approve", "school").code == 7, "the operator asked for it"
    key = mpi("client", "add", "officer", "--scope", "record.expunge", "--all-sources", "--json").json[
        "api_key"
    ]
    monkeypatch.setenv("MPI_API_KEY", key)
    certificate = mpi("holdings", "approve", "school", "--client", "--json").json
    assert (certificate["records"], certificate["approved_by"]) == (26, "officer")
    assert "officer" not in mpi("holdings", "list", "--source", "school").err
    assert mpi("verify").code == 0
