"""Test that a load in chunks leaves what one transaction would, wherever it stops."""

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from mpi.domain.errors import ConflictError, EngineError
from mpi.domain.snapshot import Snapshot
from mpi.intake.mapping_reader import load_mapping
from mpi.intake.reader import open_file
from mpi.service.loads import chunk_writer, pair_prefetch, standardize_pool
from mpi.service.loads.load import LoadOptions, load
from mpi.service.loads.load_undo import undo_load
from mpi.service.loads.missing_records import withdraw_records
from mpi.service.loads.pair_worker import PairWorker
from mpi.service.processes.pacing import AdaptiveBatchSize
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.backends.checkpoint_thread import Checkpointer
from mpi.storage.repositories.sources.records import Records
from tests.index import (
    OPERATOR,
    crosswalk,
    load_rows,
    make_child,
    make_tuning,
    many_children,
    open_test_index,
    partition_of,
    rows,
    with_tuning,
)
from tests.loads import (
    CHILDREN,
    SMALL_CHUNKS,
    InterruptedLoadError,
    check_index,
    children,
    interrupted_load,
)


@pytest.mark.slow
def test_chunks_leave_what_one_transaction_leaves(chunked_index, tmp_path):
    changed_children = [child | {"first_name": "Zoe"} for child in children()[5:300:7]] + many_children(
        40, 5_000
    )
    receipts = [
        load_rows(chunked_index, "sis", *children()),
        load_rows(chunked_index, "ccwis", *children("43009")),
    ]
    check_index(chunked_index)
    receipts.append(load_rows(chunked_index, "sis", *changed_children, *children("43009")[400:1_000]))
    check_index(chunked_index)
    assert all(receipt.adds_up for receipt in receipts)
    tuning = make_tuning(load={"sqlite_chunk_statements": 100_000}, compaction={"file_statements": 100_000})
    with open_test_index(tmp_path / "other", "sis", "ccwis", tuning=tuning) as other_index:
        expected = [
            load_rows(other_index, "sis", *children()),
            load_rows(other_index, "ccwis", *children("43009")),
        ]
        expected.append(load_rows(other_index, "sis", *changed_children, *children("43009")[400:1_000]))
        assert [r.counts for r in receipts] == [r.counts for r in expected]
        assert partition_of(chunked_index) == partition_of(other_index)


def test_interrupted_load_leaves_complete_chunks_and_resumes_with_the_same_file(chunked_index, monkeypatch):
    load_rows(chunked_index, "sis", *many_children(30, 9_000), digest="before")
    with interrupted_load(monkeypatch, 3):
        load_rows(chunked_index, "sis", *children(), digest="file", snapshot=Snapshot.FULL, confirm=True)
    with chunked_index.database.read(OPERATOR) as unit:
        unfinished = unit.batches.all()[-1]
    assert (unfinished.status, unfinished.counts["created"]) == ("loading", 600)
    assert len(crosswalk(chunked_index)) == 630
    check_index(chunked_index)
    receipt = load_rows(chunked_index, "sis", *children(), digest="file", snapshot=Snapshot.FULL)
    assert receipt.batch == unfinished.id
    assert receipt.adds_up
    assert (receipt.created, receipt.withdrawn, receipt.unchanged) == (CHILDREN, 30, 0)
    assert {batch.status for batch in list_batches(chunked_index)} == {"loaded"}
    check_index(chunked_index)


@pytest.mark.parametrize("as_of", [None, datetime(2026, 9, 9, tzinfo=UTC)], ids=["from-rows", "as-option"])
def test_resumed_full_file_keeps_its_as_of_date(chunked_index, monkeypatch, as_of):
    load_rows(chunked_index, "sis", *many_children(30, 9_000), as_of=datetime(2026, 9, 1, tzinfo=UTC))
    dated_children = [
        child | {"as_of": f"2026-09-0{2 + number % 6}"} for number, child in enumerate(children())
    ]
    with interrupted_load(monkeypatch, 3):
        load_rows(
            chunked_index,
            "sis",
            *dated_children,
            digest="file",
            snapshot=Snapshot.FULL,
            confirm=True,
            as_of=as_of,
        )
    receipt = load_rows(chunked_index, "sis", *dated_children, digest="file", snapshot=Snapshot.FULL)
    assert (receipt.batch, receipt.created, receipt.withdrawn, receipt.adds_up) == (2, CHILDREN, 30, True)
    with chunked_index.database.read(OPERATOR) as unit:
        last_seen = unit.records.find_by_local_ids(unit.sources.get_by_code("sis").id, ["c9000"])[
            "c9000"
        ].last_seen
    assert last_seen.startswith("2026-09-09" if as_of else "2026-09-07")


def test_interrupted_load_can_be_undone(chunked_index, monkeypatch):
    before = load_rows(chunked_index, "ccwis", *many_children(30)).created
    with interrupted_load(monkeypatch, 2):
        load_rows(chunked_index, "sis", *children(), digest="file")
    undo_load(chunked_index, OPERATOR, list_batches(chunked_index)[-1].id)
    assert len(crosswalk(chunked_index)) == before
    check_index(chunked_index)
    assert load_rows(chunked_index, "sis", *children(), digest="file").batch == 3


DEFAULT_MAPPING = {"local_id": "ID", "birth_date": "DOB", "where": "A"}


@pytest.mark.parametrize(
    "changed_mapping", [{"birth_date": "ENTRY"}, {"local_id": "NO"}, {"where": "B"}], ids=str
)
def test_interrupted_file_with_another_mapping_is_a_new_load(
    chunked_index, tmp_path, monkeypatch, changed_mapping
):
    with interrupted_load(monkeypatch, 1):
        load_table(chunked_index, tmp_path, DEFAULT_MAPPING | changed_mapping)
    (unfinished,) = list_batches(chunked_index)
    assert unfinished.counts["created"] == 200
    receipt = load_table(chunked_index, tmp_path, DEFAULT_MAPPING, confirm=True)
    assert (receipt.batch != unfinished.id, receipt.unfinished, receipt.adds_up) == (
        True,
        (unfinished.id,),
        True,
    )
    assert receipt.updated == (200 if "birth_date" in changed_mapping else 0)
    expected = {child["local_id"]: child["birth_date"] for child in children()[:500]}
    assert read_birth_dates(chunked_index).items() >= expected.items()
    undo_load(chunked_index, OPERATOR, unfinished.id)
    assert read_birth_dates(chunked_index) == expected
    check_index(chunked_index)


def test_guard_checks_an_interrupted_file_with_another_mapping(chunked_index, tmp_path, monkeypatch):
    load_rows(chunked_index, "sis", *children()[:500])
    with interrupted_load(monkeypatch, 1):
        load_table(chunked_index, tmp_path, DEFAULT_MAPPING)
    (*_, unfinished) = list_batches(chunked_index)
    receipt = load_table(chunked_index, tmp_path, DEFAULT_MAPPING | {"birth_date": "ENTRY"})
    assert (receipt.status, "500 of 500" in receipt.held_reason) == ("held", True)
    receipt = load_table(chunked_index, tmp_path, DEFAULT_MAPPING)
    assert (receipt.status, receipt.batch, receipt.unfinished) == ("loaded", unfinished.id, ())


def load_table(index, folder, columns, **options):
    """Load a file with two number and two date columns, of which ``columns`` chooses."""
    path, mapping = folder / "table.csv", folder / "mapping.toml"
    rows = [
        f"{child['local_id']},{100_000 + number},{child['first_name']},{child['last_name']},"
        f"{child['birth_date']},2024-08-{1 + number % 28:02},{'A' if number < 500 else 'B'}\n"
        for number, child in enumerate(children())
    ]
    path.write_text("ID,NO,FN,LN,DOB,ENTRY,PART\n" + "".join(rows))
    ignored = sorted({"ID", "NO", "DOB", "ENTRY"} - set(columns.values()))
    mapping.write_text(
        f'local_id = "{columns["local_id"]}"\nignore = {ignored}\nwhere = {{PART = "{columns["where"]}"}}\n'
        f'[fields]\nfirst_name = "FN"\nlast_name = "LN"\nbirth_date = "{columns["birth_date"]}"\n'
    )
    file = open_file(path, load_mapping(mapping), None)
    return load(index, OPERATOR, "sis", file, LoadOptions(digest=file.compute_digest(), **options))


def read_birth_dates(index):
    with index.database.read(OPERATOR) as unit:
        payloads = unit.record_versions.payloads(unit.records.active_canonical_keys()).values()
    return {
        record.local_id: record.birth_date
        for _, payload in payloads
        for record in [record_from_bytes(payload)]
    }


def test_records_committed_between_search_and_write_are_compared_too(chunked_index):
    load_rows(chunked_index, "ccwis", *many_children(600))
    known = many_children(600)
    calls = []

    def write_once(step, _done, _total):
        if step == "scoring pairs" and not calls:
            calls.append(step)
            # A record to link with, one that no longer links, and a new one.
            upsert(
                chunked_index,
                OPERATOR,
                "ccwis",
                known[0] | {"birth_date": "2001-01-01", "first_name": "Quentin"},
            )
            upsert(
                chunked_index, OPERATOR, "ccwis", make_child("new", **without_fields(known[1], "local_id"))
            )
            upsert(chunked_index, OPERATOR, "sis", known[2] | {"first_name": "Xavier"})
            withdraw(chunked_index, OPERATOR, "ccwis", known[3]["local_id"])

    load_rows_with_progress(chunked_index, "sis", write_once, *children())
    assert calls
    check_index(chunked_index)


def test_chunk_is_not_linked_by_an_intermediate_version_that_it_corrects(chunked_index):
    right, wrong = {"birth_date": "2014-03-09"}, {"birth_date": "2017-08-21"}
    load_rows(chunked_index, "sis", make_child("known", **right, as_of="2026-01-01T00:00:00Z"))
    calls = []

    def write_once(step, _done, _total):
        if step == "scoring pairs" and not calls:
            calls.append(step)
            intermediate = make_child("known", **wrong, as_of="2026-02-01T00:00:00Z")
            assert upsert(chunked_index, OPERATOR, "sis", intermediate).record == "updated"

    records = [make_child("known", **right, as_of="2026-03-01T00:00:00Z"), make_child("newcomer", **wrong)]
    load_rows_with_progress(chunked_index, "sis", write_once, *records, *children())
    assert calls
    check_index(chunked_index)


def test_chunks_shrink_once_others_write(chunked_index, monkeypatch):
    load_rows(chunked_index, "ccwis", *many_children(600))
    known, sizes = many_children(600), []

    def queue_writes(step, done, _total):
        if step != "loading records":
            return
        sizes.append(done - sum(sizes))
        # Queue a write of another process after each of the first chunks.
        if len(sizes) < 12:
            pending_writes.append(known[len(sizes)] | {"birth_date": f"2001-01-{len(sizes) + 9}"})

    pending_writes = []
    timed_turn = AdaptiveBatchSize.timed_turn

    @contextmanager
    def turn_with_writes(self):
        with timed_turn(self):
            yield
        while pending_writes:
            upsert(chunked_index, OPERATOR, "ccwis", pending_writes.pop())

    monkeypatch.setattr(AdaptiveBatchSize, "timed_turn", turn_with_writes)
    assert load_rows_with_progress(chunked_index, "sis", queue_writes, *children()).adds_up
    assert sizes[0] == 200
    assert max(sizes[1:4]) <= 80
    check_index(chunked_index)


def test_own_withdrawals_of_a_load_do_not_count_as_another_writer(chunked_index):
    load_rows(chunked_index, "sis", *many_children(900))
    sizes = []

    def note_chunk(step, done, _total):
        if step == "loading records":
            sizes.append(done - sum(sizes))

    rest = [child | {"postal_code": "43009"} for child in many_children(350)]
    full = {"snapshot": Snapshot.FULL, "confirm": True}
    receipt = load_rows_with_progress(chunked_index, "sis", note_chunk, *rest, **full)
    assert receipt.withdrawn == 550
    assert sizes == [200, 150]
    check_index(chunked_index)


@pytest.mark.parametrize("rest", [0, 5], ids=["empty-file", "few-rows"])
def test_withdrawals_of_a_small_file_are_written_in_chunks_and_resumed(chunked_index, monkeypatch, rest):
    load_rows(chunked_index, "sis", *many_children(650))
    full = {"digest": "file", "snapshot": Snapshot.FULL, "confirm": True}
    with interrupted_withdrawals(monkeypatch, 2):
        load_rows(chunked_index, "sis", *many_children(rest), **full)
    unfinished = list_batches(chunked_index)[-1]
    assert (unfinished.status, unfinished.counts["withdrawn"]) == ("loading", 400)
    assert len(crosswalk(chunked_index)) == 250
    check_index(chunked_index)
    receipt = load_rows(chunked_index, "sis", *many_children(rest), **full)
    assert (receipt.batch, receipt.withdrawn, receipt.adds_up) == (unfinished.id, 650 - rest, True)
    assert len(crosswalk(chunked_index)) == rest
    check_index(chunked_index)


def test_interrupted_withdrawals_of_an_empty_file_are_undone(chunked_index, monkeypatch):
    load_rows(chunked_index, "sis", *many_children(650))
    before = crosswalk(chunked_index)
    with interrupted_withdrawals(monkeypatch, 2):
        load_rows(chunked_index, "sis", digest="file", snapshot=Snapshot.FULL, confirm=True)
    undo_load(chunked_index, OPERATOR, list_batches(chunked_index)[-1].id)
    assert crosswalk(chunked_index) == before
    check_index(chunked_index)


@contextmanager
def interrupted_withdrawals(monkeypatch, chunks):
    """Interrupt a load after some chunks of withdrawals."""
    remaining = [chunks]

    def withdraw_chunk(*arguments):
        if not remaining[0]:
            raise InterruptedLoadError
        remaining[0] -= 1
        return withdraw_records(*arguments)

    with monkeypatch.context() as patched, pytest.raises(InterruptedLoadError):
        patched.setattr(chunk_writer, "withdraw_records", withdraw_chunk)
        yield


def test_statement_during_a_full_files_withdrawals_is_newer_than_the_file(chunked_index, monkeypatch):
    load_rows(chunked_index, "sis", *many_children(900), as_of=moment("2026-01-01"))
    children_of = {child["local_id"]: child for child in many_children(900)}
    children_in_file = many_children(250)
    timed_turn, restated = AdaptiveBatchSize.timed_turn, []

    def restate(as_of, city):
        child = {**children_of[restated[0]], "as_of": f"{as_of}T00:00:00Z", "city": city}
        return upsert(chunked_index, OPERATOR, "sis", child).record

    @contextmanager
    def turn_with_statement(portions):
        with timed_turn(portions):
            yield
        if not restated and len(crosswalk(chunked_index)) < 900:
            # Restate a child that is not withdrawn yet, while others are.
            missing = {local_id for _, local_id in crosswalk(chunked_index)} - {
                child["local_id"] for child in children_in_file
            }
            restated.append(max(missing))
            assert restate("2026-03-01", "Dayton") == "updated"

    monkeypatch.setattr(AdaptiveBatchSize, "timed_turn", turn_with_statement)
    full = {"snapshot": Snapshot.FULL, "as_of": moment("2026-02-01"), "confirm": True}
    assert load_rows(chunked_index, "sis", *children_in_file, **full).withdrawn == 649
    assert restate("2026-02-15", "Akron") == "history"
    check_index(chunked_index)


def moment(day):
    return datetime.fromisoformat(f"{day}T00:00:00+00:00")


def test_record_sealed_by_an_earlier_chunk_is_not_compared_later(chunked_index):
    known = many_children(700)
    load_rows(chunked_index, "sis", *known)
    sealed = [child | {"restrictions": [{"kind": "sealed"}]} for child in known[:150]]
    duplicates = [child | {"local_id": f"again-{child['local_id']}"} for child in known]
    assert load_rows(chunked_index, "sis", *sealed, *duplicates).adds_up
    check_index(chunked_index)


@pytest.fixture
def prefetching_index(chunked_index):
    """The index, whose loads prefetch the pairs of small windows in a child process."""
    return with_tuning(chunked_index, load={"worker_statements": 100})


@pytest.fixture
def prefetched_windows(monkeypatch):
    """The windows whose pairs a child process prefetched; None for those it did not."""
    windows = []
    start, finish = pair_prefetch.PairPrefetcher.start, pair_prefetch.PairPrefetcher.finish

    def record_start(self, *arguments):
        windows.append(start(self, *arguments))
        return windows[-1]

    def finish_and_check(self, *arguments):
        finish(self, *arguments)
        assert not self.is_running(), "compaction would run until the process answers"

    monkeypatch.setattr(pair_prefetch.PairPrefetcher, "start", record_start)
    monkeypatch.setattr(pair_prefetch.PairPrefetcher, "finish", finish_and_check)
    return windows


@pytest.mark.slow
def test_pairs_prefetched_during_writes_are_the_same(prefetching_index, prefetched_windows, tmp_path):
    renamed = [child | {"first_name": "Zoe"} for child in children("43009")[:900:30]] + children()[900:]
    files = [
        ("sis", children()),
        ("ccwis", children("43009")),
        ("sis", renamed + many_children(900, 5_000)),
    ]
    receipts = [load_rows(prefetching_index, source, *file, confirm=True) for source, file in files]
    assert [window is not None for window in prefetched_windows] == [True] * len(files)
    assert not any(window.is_outdated for window in prefetched_windows)
    check_index(prefetching_index)
    with open_test_index(tmp_path / "other", "sis", "ccwis") as other_index:
        assert [load_rows(other_index, source, *file, confirm=True).counts for source, file in files] == [
            receipt.counts for receipt in receipts
        ]
        assert partition_of(prefetching_index) == partition_of(other_index)


@pytest.mark.slow
def test_pairs_of_all_windows_but_the_first_are_prefetched(prefetching_index, prefetched_windows):
    load_rows(prefetching_index, "sis", *many_children(3_600))
    assert [window.statement_count for window in prefetched_windows] == [800, 800, 700, 700]


@pytest.mark.slow
def test_log_is_truncated_between_windows_while_pairs_are_prefetched(
    tmp_path, database_url, prefetched_windows, monkeypatch
):
    if database_url is not None:
        pytest.skip("PostgreSQL recycles its log itself")
    # On a busy machine the next window's features may still be read.
    tuning = make_tuning(SMALL_CHUNKS, load={"worker_statements": 100}, storage={"checkpoint_timeout_s": 10})
    log = tmp_path / "home" / "mpi.db-wal"
    truncate_log, lengths = Checkpointer.truncate_log, []

    def truncate_and_measure(self):
        before = log.stat().st_size
        truncate_log(self)
        lengths.append((before, log.stat().st_size))

    monkeypatch.setattr(Checkpointer, "truncate_log", truncate_and_measure)
    with open_test_index(tmp_path / "home", "sis", tuning=tuning) as index:
        load_rows(index, "sis", *children())
    assert prefetched_windows[0] is not None
    assert len(lengths) == 2
    assert all(before > 0 == after for before, after in lengths)


def test_long_load_empties_the_log_at_its_end_and_a_short_one_does_not(chunked_index):
    if chunked_index.database.is_postgresql:
        pytest.skip("PostgreSQL recycles its log itself")
    log = chunked_index.home / "mpi.db-wal"
    # Only the compaction at the end writes after the log was emptied between two windows.
    chunked_index = with_tuning(
        chunked_index,
        load={"log_reset_statements": 1_000},
        compaction={"forced_records": 950, "worthwhile_records": 10_000},
    )
    load_rows(chunked_index, "sis", *children()[:999])
    assert log.stat().st_size > 0
    load_rows(chunked_index, "ccwis", *children())
    assert log.stat().st_size == 0
    check_index(chunked_index)


@pytest.mark.slow
def test_records_committed_during_prefetch_are_compared_too(
    prefetching_index, prefetched_windows, monkeypatch
):
    load_rows(prefetching_index, "ccwis", *many_children(600))
    known = many_children(1_000)
    start = pair_prefetch.PairPrefetcher.start

    def start_and_commit(self, *arguments):
        started = start(self, *arguments)
        upsert(prefetching_index, OPERATOR, "ccwis", known[950] | {"local_id": "new"})
        upsert(
            prefetching_index,
            OPERATOR,
            "ccwis",
            known[500] | {"birth_date": "2001-01-01", "first_name": "Quentin"},
        )
        withdraw(prefetching_index, OPERATOR, "ccwis", known[400]["local_id"])
        return started

    monkeypatch.setattr(pair_prefetch.PairPrefetcher, "start", start_and_commit)
    load_rows(prefetching_index, "sis", *children())
    [window] = prefetched_windows
    assert window.is_outdated
    check_index(prefetching_index)


@pytest.mark.slow
def test_features_cached_across_windows_give_the_same_edges(
    prefetching_index, prefetched_windows, monkeypatch
):
    prefetching_index = with_tuning(prefetching_index, load={"largest_window_statements": 600})
    load_rows(prefetching_index, "ccwis", *children())
    prefetched_windows.clear()
    start, known = pair_prefetch.PairPrefetcher.start, iter(many_children(900)[801::9])

    def commit_and_start(self, *arguments):
        upsert(prefetching_index, OPERATOR, "ccwis", next(known) | {"postal_code": "43999"})
        return start(self, *arguments)

    monkeypatch.setattr(pair_prefetch.PairPrefetcher, "start", commit_and_start)
    # Children whose records are read for one window and again for the next.
    load_rows(prefetching_index, "sis", *children("43009"), *many_children(700, 5_000)[100:])
    assert [window is not None for window in prefetched_windows] == [True, True]
    check_index(prefetching_index)


@pytest.fixture
def standardizing_index(chunked_index):
    """The index, whose loads standardize most statements while others are written."""
    return with_tuning(chunked_index, load={"block_rows": 100, "eager_rows": 300, "task_statements": 40})


@pytest.fixture
def standardized_counts(monkeypatch):
    """How many statements of each window were standardized while others were written."""
    counts = []
    submit = standardize_pool.StandardizePool.submit

    def submit_and_count(self, statements):
        pending = submit(self, statements)
        counts.append(len(pending.positions))
        return pending

    monkeypatch.setattr(standardize_pool.StandardizePool, "submit", submit_and_count)
    return counts


@pytest.mark.slow
def test_records_standardized_during_writes_are_the_same(standardizing_index, standardized_counts, tmp_path):
    renamed = [child | {"first_name": "Zoe"} for child in children()[900::11]]
    files = [("sis", children()), ("ccwis", children("43009")), ("sis", children()[:900] + renamed)]
    receipts, counts = [], []
    for source, file in files:
        receipts.append(load_rows(standardizing_index, source, *file))
        counts.append(sum(standardized_counts))
        standardized_counts.clear()
    # An unchanged statement is never standardized.
    assert counts == [800, 800, len(renamed)]
    check_index(standardizing_index)
    with open_test_index(tmp_path / "other", "sis", "ccwis") as other_index:
        assert [load_rows(other_index, source, *file).counts for source, file in files] == [
            receipt.counts for receipt in receipts
        ]
        assert partition_of(standardizing_index) == partition_of(other_index)
    assert set(standardized_counts) == {0}


def test_killed_standardize_process_is_reported_and_the_load_can_run_again(
    standardizing_index, standardized_counts, monkeypatch
):
    collect = standardize_pool.StandardizePool.collect

    def kill_and_collect(self, pending):
        if pending.positions:
            for process in self._pool._processes.values():
                process.kill()
        return collect(self, pending)

    with monkeypatch.context() as patched:
        patched.setattr(standardize_pool, "count_cores", lambda: 1)
        patched.setattr(standardize_pool.StandardizePool, "collect", kill_and_collect)
        with pytest.raises(EngineError, match="run it again"):
            load_rows(standardizing_index, "sis", *children(), digest="file")
    assert load_rows(standardizing_index, "sis", *children(), digest="file").adds_up
    check_index(standardizing_index)


@pytest.mark.slow
@pytest.mark.parametrize("window", [1, 2])
def test_killed_pairing_process_is_reported_and_the_load_resumes(
    prefetching_index, prefetched_windows, monkeypatch, window
):
    prefetching_index = with_tuning(prefetching_index, load={"largest_window_statements": 600})
    request, commits, file = PairWorker.request, [], [*children(), *many_children(600, 5_000)]

    def request_and_kill(self, *arguments):
        commit = request(self, *arguments)
        commits.append(commit)
        if len(commits) == window:
            self._process.kill()
            self._process.join()
        return commit

    with monkeypatch.context() as patched:
        patched.setattr(PairWorker, "request", request_and_kill)
        with pytest.raises(EngineError, match="run it again"):
            load_rows(prefetching_index, "sis", *file, digest="file")
    assert len(crosswalk(prefetching_index)) == 600 * window
    assert [path.name for path in prefetching_index.home.iterdir() if path.name.startswith("apart-")] == []
    assert load_rows(prefetching_index, "sis", *file, digest="file").adds_up
    check_index(prefetching_index)


def test_slower_of_two_processes_resuming_a_load_is_refused(chunked_index, monkeypatch):
    load_rows(chunked_index, "ccwis", *many_children(600))
    with interrupted_load(monkeypatch, 1):
        load_rows(chunked_index, "sis", *children(), digest="file")
    calls = []

    def load_once(step, _done, _total):
        if step == "scoring pairs" and not calls:
            calls.append(step)
            load_rows(chunked_index, "sis", *children(), digest="file")

    with pytest.raises(ConflictError, match="another caller has resumed"):
        load_rows_with_progress(chunked_index, "sis", load_once, *children(), digest="file")
    assert calls
    check_index(chunked_index)


def load_rows_with_progress(index, source, progress, *records, **options):
    """Load records as one file and report progress."""
    return load(index, OPERATOR, source, rows(*records), LoadOptions(**options), progress)


def list_batches(index):
    with index.database.read(OPERATOR) as unit:
        return unit.batches.all()


def without_fields(child, *names):
    return {name: value for name, value in child.items() if name not in names}


def test_first_load_of_a_source_does_not_read_its_own_records_again(chunked_index, monkeypatch):
    reads = []
    iterate_changed = Records.iterate_changed
    monkeypatch.setattr(
        Records, "iterate_changed", lambda *arguments: reads.append(arguments) or iterate_changed(*arguments)
    )
    receipt = load_rows(chunked_index, "sis", *children(), snapshot=Snapshot.FULL, confirm=True)
    assert (receipt.created, receipt.withdrawn, len(reads)) == (CHILDREN, 0, 0)
    load_rows(chunked_index, "sis", *children()[1:], snapshot=Snapshot.FULL, confirm=True)
    assert reads
    assert crosswalk(chunked_index).keys() == {("sis", child["local_id"]) for child in children()[1:]}
