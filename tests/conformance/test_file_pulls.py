"""Pulls of files from another system's folder: memory, settling, kills and concurrency, on both stores."""

import hashlib
from dataclasses import replace

import pytest

from mpi.connectors.file_server import FileChangedError, FileList, FileRefusedError, RemoteFile
from mpi.domain.errors import ConflictError, NotFoundError, StoreError
from mpi.intake.reader import open_file
from mpi.service.loads.load import LoadOptions, load
from mpi.service.loads.load_undo import undo_load
from mpi.service.pulls.file_pull import (
    FileOutcome,
    FilePullOptions,
    FileStatus,
    FolderPull,
    list_new_files,
    pull_files,
)
from mpi.service.pulls.pull_lease import PullLease
from mpi.service.statements.source_end import retire_source
from tests.index import OPERATOR, crosswalk

HEADER = "local_id,first_name,last_name,birth_date\n"
TIME = 1_780_000_000


class StandInFolder:
    """A folder of another system, whose files tests write."""

    def __init__(self):
        self.files = {}
        self.moved = []
        self.receipts = []
        self.refused = set()

    def put(self, name, text, modified=TIME):
        self.files[name] = (text.encode(), modified)

    def list_files(self):
        files = [RemoteFile(name, len(content), at) for name, (content, at) in self.files.items()]
        return FileList(sorted(files, key=lambda file: (file.modified, file.name)), 0)

    def fetch(self, file, target):
        if file.name in self.refused:
            raise FileRefusedError(f"{file.name}: the server took too long to send it")
        if file not in self.list_files().files:
            raise FileChangedError(f"{file.name}: the file is still being written")
        content = self.files[file.name][0]
        target.write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    def move(self, file, folder):
        if folder == "closed":
            raise FileRefusedError("no")
        self.moved.append((folder, file.name))
        del self.files[file.name]


@pytest.fixture
def folder():
    return StandInFolder()


@pytest.fixture
def pull(index, folder, tmp_path):
    """A pull whose files are loaded as ``mpi pull`` loads them."""

    def load_copy(file):
        rows = open_file(file.path, None, None)
        options = LoadOptions(as_of=file.as_of, digest=rows.compute_digest())
        receipt = load(index, OPERATOR, "sis", rows, options)
        folder.receipts.append(receipt)
        return FileOutcome(file.remote.name, FileStatus(receipt.status))

    return FolderPull("sis", folder, tmp_path, load_copy, FilePullOptions())


def run(index, pull, **options):
    result = pull_files(index, OPERATOR, replace(pull, options=FilePullOptions(**options)))
    return {outcome.name: outcome.status for outcome in result.files}


def local_ids(index):
    return sorted(local_id for source, local_id in crosswalk(index) if source == "sis")


def test_pull_that_is_killed_repeats_one_file_and_loses_none(index, folder, pull):
    folder.put("a.csv", HEADER + "1,Ana,Lopez,2010-01-02\n", TIME)
    folder.put("b.csv", HEADER + "2,Ben,Kim,2011-04-05\n", TIME + 1)

    def load_and_die(file):
        outcome = pull.load(file)
        if file.remote.name == "b.csv":
            raise StoreError("the database is away")
        return outcome

    with pytest.raises(StoreError):
        run(index, replace(pull, load=load_and_die))
    assert run(index, pull) == {"b.csv": "loaded"}
    assert (run(index, pull), local_ids(index)) == ({}, ["1", "2"])


def test_file_that_changes_between_two_lists_waits(index, folder, pull):
    folder.put("a.csv", HEADER)
    waits = []

    def grow(seconds):
        waits.append(seconds)
        folder.put("a.csv", HEADER + "1,Ana,Lopez,2010-01-02\n")

    pull = replace(pull, wait=grow)
    assert (run(index, pull, settle_s=7), waits) == ({}, [7])
    assert (run(index, pull, settle_s=7), waits) == ({"a.csv": "loaded"}, [7, 7])
    assert (run(index, pull, settle_s=7), waits) == ({}, [7, 7])


def test_files_of_one_name_and_other_content_are_each_loaded(index, folder, pull):
    for number, row in enumerate(
        ("1,Ana,Lopez,2010-01-02", "2,Ben,Kim,2011-04-05", "1,Ana,Lopez,2010-01-02")
    ):
        folder.put("a.csv", f"{HEADER}{row}\n", TIME + number)
        assert run(index, pull) == {"a.csv": "loaded"}
    folder.put("a.csv", f"{HEADER}{row}\n", 0)
    assert run(index, pull) == {"a.csv": "unchanged"}


def test_file_whose_load_was_undone_is_loaded_when_it_is_sent_again(index, folder, pull):
    text = HEADER + "1,Ana,Lopez,2010-01-02\n"
    folder.put("a.csv", text, TIME)
    run(index, pull)
    undo_load(index, OPERATOR, folder.receipts[0].batch)
    assert (run(index, pull), local_ids(index)) == ({}, [])
    folder.put("a.csv", text, TIME + 1)
    assert (run(index, pull), local_ids(index)) == ({"a.csv": "loaded"}, ["1"])
    folder.put("a.csv", text, TIME + 2)
    assert run(index, pull) == {"a.csv": "unchanged"}


def test_file_that_is_sent_again_replaces_one_of_another_name(index, folder, pull):
    right, wrong = (f"{HEADER}1,{first},Lopez,2010-01-02\n" for first in ("Ana", "Eve"))
    folder.put("a.csv", right, TIME)
    folder.put("b.csv", wrong, TIME + 1)
    assert run(index, pull) == {"a.csv": "loaded", "b.csv": "loaded"}
    folder.put("a.csv", right, TIME + 2)
    assert run(index, pull) == {"a.csv": "loaded"}
    assert [(receipt.created, receipt.updated) for receipt in folder.receipts] == [(1, 0), (0, 1), (0, 1)]


def test_file_that_cannot_be_fetched_stops_no_other_and_is_tried_again(index, folder, pull):
    folder.put("a.csv", HEADER + "1,Ana,Lopez,2010-01-02\n", TIME)
    folder.put("b.csv", HEADER + "2,Ben,Kim,2011-04-05\n", TIME + 1)
    folder.refused = {"a.csv"}
    assert run(index, pull) == {"a.csv": "refused", "b.csv": "loaded"}
    folder.refused = set()
    assert run(index, pull) == {"a.csv": "loaded"}
    assert local_ids(index) == ["1", "2"]


def test_file_that_was_not_moved_is_moved_by_the_next_pull(index, folder, pull):
    folder.put("a.csv", HEADER + "1,Ana,Lopez,2010-01-02\n")
    assert run(index, pull, loaded_path="closed") == {"a.csv": "loaded"}
    assert run(index, pull, loaded_path="closed") == {"a.csv": "unchanged"}
    assert (run(index, pull, loaded_path="archive"), folder.moved) == ({}, [("archive", "a.csv")])


def test_the_index_stores_no_name_of_a_file(index, folder, pull):
    folder.put("jane-doe.csv", HEADER)
    assert [file.name for file in list_new_files(index, OPERATOR, "sis", folder, pull.options)] == [
        "jane-doe.csv"
    ]
    run(index, pull)
    with index.database.read(OPERATOR) as unit:
        [pulled] = unit.pulled_files.list_of_source(unit.sources.get_by_code("sis").id).values()
    assert (pulled.size, pulled.status, "jane" in repr(pulled)) == (len(HEADER), "loaded", False)


def test_source_is_pulled_by_one_process_and_not_once_it_is_retired(index, folder, pull):
    with index.database.read(OPERATOR) as unit:
        source = unit.sources.get_by_code("sis")
    with PullLease(index, OPERATOR, source), pytest.raises(ConflictError, match="another process"):
        run(index, pull)
    retire_source(index, OPERATOR, "sis")
    with pytest.raises(ConflictError, match="retired"):
        run(index, pull)
    with pytest.raises(NotFoundError):
        run(index, replace(pull, source_code="none"))
