"""Files and facts of a release are those that the documentation promises."""

import importlib.util
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from mpi import __version__

ROOT = Path(__file__).resolve().parents[2]


def load_script(name):
    spec = importlib.util.spec_from_file_location(f"scripts_{name}", ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


release = load_script("release")
hatch_metadata = load_script("hatch_metadata")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def read_citation():
    # Flat enough to be read without a library; scripts/release checks it against the schema of the format.
    return dict(re.findall(r"^([a-z-]+): (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE))


def test_citation_names_the_version_title_and_licence_of_the_program():
    citation = read_citation()
    assert (citation["version"], citation["license"]) == (__version__, PROJECT["license"])
    assert citation["title"] == "Master Person Index"


def test_supported_versions_of_python_are_those_of_the_package():
    minors = [text.rpartition(" ")[2] for text in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", text)]
    page = (ROOT / "docs" / "reference" / "supported-versions.md").read_text()
    assert re.findall(r"^\| Python (3\.\d+) \|", page, re.MULTILINE) == minors
    assert PROJECT["requires-python"] == f">={minors[0]}"


def test_links_of_the_project_are_made_from_its_one_address():
    assert hatch_metadata.make_links("") == {}
    links = hatch_metadata.make_links("https://code.example/mpi/")
    assert links["Source"] == "https://code.example/mpi"
    assert links["Issues"] == "https://code.example/mpi/issues"


def test_relative_links_of_the_description_become_absolute():
    text = "[a](docs/api.md#x) [b](https://b.example) ![c](docs/c.png) [d](#d)"
    assert hatch_metadata.make_links_absolute(text, "") == text
    assert hatch_metadata.make_links_absolute(text, "https://code.example") == (
        "[a](https://code.example/blob/HEAD/docs/api.md#x) [b](https://b.example)"
        " ![c](https://code.example/raw/HEAD/docs/c.png) [d](#d)"
    )


def test_two_archives_of_equal_files_are_equal(tmp_path):
    archives = []
    for name in ("first", "second"):
        folder = tmp_path / name / "top"
        folder.mkdir(parents=True)
        for part in ("b", "a") if name == "first" else ("a", "b"):
            (folder / part).write_text(part)
        archives.append(tmp_path / f"{name}.tar.gz")
        release.write_archive(folder, archives[-1])
    assert archives[0].read_bytes() == archives[1].read_bytes()
    with tarfile.open(archives[0]) as tar:
        assert tar.getnames() == ["top/a", "top/b"]


def test_checksums_are_those_that_sha256sum_checks(tmp_path):
    (tmp_path / "a").write_text("a")
    release.write_checksums(tmp_path)
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    checked = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert checked.stdout == "a: OK\n"


def test_a_folder_that_holds_files_is_not_written_to(tmp_path, capsys):
    (tmp_path / "a").write_text("a")
    assert release.main(["--out", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err


def test_a_program_that_fails_is_named_with_its_reason():
    with pytest.raises(release.ReleaseError, match="failed: no such thing"):
        release.run([sys.executable, "-c", "import sys; sys.exit('no such thing')"])


def test_two_builds_have_equal_bytes_and_hold_the_typed_package_and_its_model(tmp_path):
    wheel = release.build_twice(Path(sys.executable), tmp_path)
    assert wheel.name == f"master_person_index-{__version__}-py3-none-any.whl"
    assert (tmp_path / f"master_person_index-{__version__}.tar.gz").exists()
    names = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", wheel], capture_output=True, text=True, check=True
    )
    for part in ("mpi/cli/main.py", "mpi/_models/", "mpi/py.typed", "LICENSE"):
        assert part in names.stdout, part
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {"mpi", f"master_person_index-{__version__}.dist-info"}


def test_an_offline_bundle_is_installed_without_an_index_and_lists_its_parts(tmp_path):
    wheel = release.build_twice(Path(sys.executable), tmp_path)
    python = release.install_bundle(release.make_bundle(wheel, tmp_path), tmp_path / "place")
    # Without PYTHONPATH, which would put the checkout before what is installed.
    home = {"MPI_HOME": str(tmp_path / "home"), "MPI_SECOND_APPROVER": "never", "PYTHONPATH": ""}
    release.run([python, "-m", "mpi", "init"], tmp_path, home)
    assert "missing" not in release.run([python, "-m", "mpi", "db", "check"], tmp_path, home)
    simulate = ("-m", "mpi.training", "simulate", "--records", "200", "--out", "state")
    release.run([python, *simulate], tmp_path, home)
    assert any((tmp_path / "state").iterdir())
    sample = sorted((ROOT / "docs" / "tutorials" / "sample").iterdir())
    pilot = ("-m", "mpi", "pilot", *sample, "--state", "OH", "--yes")
    release.run([python, *pilot], tmp_path, {"PYTHONPATH": ""})
    assert "fitted to these files" in (tmp_path / "pilot.html").read_text()
    demo = "from mpi.domain.training_tools import import_training_tools as f; f(); import mpi.cli.demo.run"
    release.run([python, "-c", demo], tmp_path, home)
    release.write_licences(python, tmp_path / "licences.md")
    assert "| duckdb |" in (tmp_path / "licences.md").read_text()
