"""Own files of any columns are evaluated with their truth in another file."""

import pytest
from typer.testing import CliRunner

from mpi.domain.errors import FileError
from training.__main__ import build_app
from training.evaluate.datasets.truth_file import load_truth_dataset
from training.file_layouts import read_layouts
from training.fit.errors import TrainingError


@pytest.fixture
def files(tmp_path):
    sis, care, truth = (tmp_path / name for name in ("sis.csv", "care.csv", "truth.csv"))
    sis.write_text("Stu No,First,Last\n1,Ana,Ek\n2,Bo,Ek\n")
    care.write_text("local_id,first_name,last_name\nC1,Ana,Ek\n")
    truth.write_text("source,local_id,person_id\nsis,1,a\nsis,2,b\ncare,C1,a\n")
    (tmp_path / "m.toml").write_text(
        'local_id = "Stu No"\n[fields]\nfirst_name = "First"\nlast_name = "Last"\n'
    )
    return [sis, care], truth, read_layouts([sis, care], [f"sis={tmp_path / 'm.toml'}"], [])


def test_mapped_and_canonical_files_have_the_persons_of_the_truth(files):
    paths, truth, layouts = files
    dataset = load_truth_dataset(paths, layouts, truth)
    assert dataset.truth == {0: "a", 1: "b", 2: "a"}
    assert [features.surname for _, features in dataset.records] == ["EK", "EK", "EK"]


def test_truth_that_lacks_a_record_or_a_column_is_refused(files):
    paths, truth, layouts = files
    truth.write_text("source,local_id,person_id\nsis,1,a\n")
    with pytest.raises(TrainingError, match="person of 2 of 3 records"):
        load_truth_dataset(paths, layouts, truth)
    truth.write_text("source,local_id\nsis,1\n")
    with pytest.raises(FileError, match="no column person_id"):
        load_truth_dataset(paths, layouts, truth)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--mapping", "sis=m.toml"], "need --truth"),
        (["--suite", "dev", "--truth", "truth.csv"], "leave --suite out"),
    ],
)
def test_options_that_contradict_each_other_are_refused(files, monkeypatch, options, message):
    paths, truth, _ = files
    monkeypatch.chdir(truth.parent)
    arguments = ["evaluate", "--data", str(paths[0]), *options]
    assert message in str(CliRunner().invoke(build_app(arguments), arguments).exception)
