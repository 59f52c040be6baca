"""Commands of research extracts: a whole folder or none, and refusals that say why."""

import pytest

from mpi.domain import clock
from mpi.domain.errors import InputError
from tests.unit.service.research.test_extract import OF_SCHOOLS, make_agreement, put_in_force

TERMS = (
    "research", "terms", "reading", "--agreement", "study", "--party", "university", "--irb", "IRB 26-17",
    "--irb-decision", "approved", "--field", "sex", "--field", "birth_date", "--by", "D. Director", "--json",
)  # fmt: skip


def test_a_project_gets_a_folder_and_ends_with_a_certificate(mpi, home, index, tmp_path):
    put_in_force(index, make_agreement("study", OF_SCHOOLS))
    mpi("research", "add", "reading", "--title", "Reading", "--by", "D. Director")
    into = tmp_path / "extract"
    assert mpi("export", "research", "--project", "reading", "--into", str(into)).code != 0
    faulty = mpi(*TERMS, "--expires", clock.today(), "--coarsen", "birth_date")
    assert "VARIABLE=LEVEL" in faulty.err
    terms = mpi(*TERMS, "--expires", clock.today(), "--coarsen", "birth_date=year").json
    assert terms["levels"] == {"birth_date": "year"}
    written = mpi("export", "research", "--project", "reading", "--into", str(into), "--json").json
    assert written["rows"] == 0
    assert (into / "manifest.json").is_file()
    assert into.stat().st_mode & 0o777 == 0o700
    again = mpi("export", "research", "--project", "reading", "--into", str(into))
    assert "this exists; name a new folder" in again.err
    done = mpi(
        "research", "destroyed", "reading", "--by", "B. Osei", "--method", "overwritten", "--json"
    ).json
    assert done["is_valid"]
    shown = mpi("research", "show", "reading", "--json").json
    assert shown["has_ended"]
    assert shown["certificate"]["digest"] == done["digest"]
    assert "overwritten" in mpi("research", "show", "reading").out


def test_a_folder_is_written_whole_or_not_at_all(tmp_path):
    from mpi.cli.output_files import write_private_folder

    with pytest.raises(InputError, match="make it first"):
        write_private_folder(tmp_path / "missing" / "extract", {})
    with pytest.raises(OSError):
        write_private_folder(tmp_path / "extract", {"a.csv": b"a", "missing/b.csv": b"b"})
    assert not list(tmp_path.iterdir())
