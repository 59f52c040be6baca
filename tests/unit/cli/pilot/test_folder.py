"""Temporary folders of pilots: destroyed whole, and never another's."""

import pytest

from mpi.cli.pilot.folder import PREFIX, destroy_folder, destroy_leftovers, hold_folder
from mpi.domain.errors import StoreError


def test_links_are_deleted_and_what_they_name_is_kept(tmp_path):
    outside = tmp_path / "students.csv"
    outside.write_text("mine")
    (tmp_path / "other.key").write_text("mine")
    with hold_folder(tmp_path) as held:
        folder = held.path
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "index" / "models").mkdir(parents=True)
        (folder / "index" / "secret.key").write_text("abc")
        (folder / "link.csv").symlink_to(outside)
        (folder / "link.key").symlink_to(tmp_path / "other.key")
        (folder / "all").symlink_to(tmp_path)
        result = destroy_folder(folder)
    assert (folder.exists(), outside.read_text(), (tmp_path / "other.key").read_text()) == (
        False,
        "mine",
        "mine",
    )
    assert (result.keys, result.files) == (1, 5)


def test_folder_in_use_or_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / f"{PREFIX}notes").mkdir()
    (tmp_path / f"{PREFIX}notes" / "mine.txt").write_text("mine")
    with hold_folder(tmp_path) as held:
        folder = held.path
        assert destroy_leftovers(tmp_path) == []
        assert folder.exists()
    assert [each.folder for each in destroy_leftovers(tmp_path)] == [str(folder)]
    assert (tmp_path / f"{PREFIX}notes" / "mine.txt").exists()


def test_folder_that_cannot_be_made_is_named(tmp_path):
    with pytest.raises(StoreError, match="none"), hold_folder(tmp_path / "none"):
        pass
