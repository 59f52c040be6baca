"""Loading by chunks: what is left is what one transaction would leave, wherever it stops."""

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from mpi.domain.errors import ConflictError, EngineError
from mpi.domain.snapshot import Snapshot
from mpi.intake.mapping_reader import load_mapping
from mpi.intake.reader import open_file
from mpi.service.indexing import compaction
from mpi.service.loads import batch_sizes, chunk_writer, pair_prefetch, row_intake, standardize_pool
from mpi.service.loads.load import LoadOptions, load
from mpi.service.loads.load_undo import undo_load
from mpi.service.loads.pair_worker import PairWorker
from mpi.service.processes.pacing import AdaptiveBatchSize
from mpi.service.records.upsert import upsert, withdraw
from mpi.standardize.payload import record_from_bytes
from mpi.storage.backends import checkpoint_thread
from mpi.storage.backends.checkpoint_thread import Checkpointer
from mpi.storage.repositories.sources.records import Records
from tests.index import OPERATOR, a_child, an_index, crosswalk, load_rows, many_children, partition_of, rows
from tests.loads import CHILDREN, children, in_small_chunks, sound, stopped_after


@pytest.fixture
def index(tmp_path, database_url, monkeypatch):
    in_small_chunks(monkeypatch)
    with an_index(tmp_path / "home", "sis", "ccwis", database_url=database_url) as opened:
        yield opened


def test_chunks_leave_what_one_transaction_leaves(index, tmp_path, monkeypatch):
    second = [child | {"first_name": "Zoe"} for child in children()[5:300:7]] + many_children(40, 5_000)
    receipts = [load_rows(index, "sis", *children()), load_rows(index, "ccwis", *children("43009"))]
    sound(index)
    receipts.append(load_rows(index, "sis", *second, *children("43009")[400:1_000]))
    sound(index)
    assert all(receipt.adds_up for receipt in receipts)
    monkeypatch.setattr(chunk_writer, "SQLITE_CHUNK", 100_000)
    monkeypatch.setattr(compaction, "MIN_STATEMENTS", 100_000)
    with an_index(tmp_path / "other", "sis", "ccwis") as whole:
        expected = [load_rows(whole, "sis", *children()), load_rows(whole, "ccwis", *children("43009"))]
        expected.append(load_rows(whole, "sis", *second, *children("43009")[400:1_000]))
        assert [r.counts for r in receipts] == [r.counts for r in expected]
        assert partition_of(index) == partition_of(whole)


def test_a_load_that_was_interrupted_leaves_whole_chunks_and_goes_on_with_the_same_file(index, monkeypatch):
    load_rows(index, "sis", *many_children(30, 9_000), digest="before")
    with stopped_after(monkeypatch, 3):
        load_rows(index, "sis", *children(), digest="file", snapshot=Snapshot.FULL, confirm=True)
    with index.database.read(OPERATOR) as unit:
        left = unit.batches.all()[-1]
    assert (left.status, left.counts["created"]) == ("loading", 600)
    assert len(crosswalk(index)) == 630
    sound(index)
    receipt = load_rows(index, "sis", *children(), digest="file", snapshot=Snapshot.FULL)
    assert receipt.batch == left.id
    assert receipt.adds_up
    assert (receipt.created, receipt.withdrawn, receipt.unchanged) == (CHILDREN, 30, 0)
    assert {batch.status for batch in _batches(index)} == {"loaded"}
    sound(index)


@pytest.mark.parametrize("given", [None, datetime(2026, 9, 9, tzinfo=UTC)], ids=["of its rows", "given"])
def test_a_full_file_that_is_gone_on_with_is_as_of_what_it_was(index, monkeypatch, given):
    load_rows(index, "sis", *many_children(30, 9_000), as_of=datetime(2026, 9, 1, tzinfo=UTC))
    dated = [child | {"as_of": f"2026-09-0{2 + number % 6}"} for number, child in enumerate(children())]
    with stopped_after(monkeypatch, 3):
        load_rows(index, "sis", *dated, digest="file", snapshot=Snapshot.FULL, confirm=True, as_of=given)
    receipt = load_rows(index, "sis", *dated, digest="file", snapshot=Snapshot.FULL)
    assert (receipt.batch, receipt.created, receipt.withdrawn, receipt.adds_up) == (2, CHILDREN, 30, True)
    with index.database.read(OPERATOR) as unit:
        gone = unit.records.find_by_local_ids(unit.sources.get_by_code("sis").id, ["c9000"])[
            "c9000"
        ].last_seen
    assert gone.startswith("2026-09-09" if given else "2026-09-07")


def test_a_load_that_was_interrupted_can_be_taken_back(index, monkeypatch):
    before = load_rows(index, "ccwis", *many_children(30)).created
    with stopped_after(monkeypatch, 2):
        load_rows(index, "sis", *children(), digest="file")
    undo_load(index, OPERATOR, _batches(index)[-1].id)
    assert len(crosswalk(index)) == before
    sound(index)
    assert load_rows(index, "sis", *children(), digest="file").batch == 3


READ = {"local_id": "ID", "birth_date": "DOB", "where": "A"}


@pytest.mark.parametrize("wrong", [{"birth_date": "ENTRY"}, {"local_id": "NO"}, {"where": "B"}], ids=str)
def test_another_reading_of_an_interrupted_file_is_another_load_and_leaves_what_it_reads(
    index, tmp_path, monkeypatch, wrong
):
    with stopped_after(monkeypatch, 1):
        _load_table(index, tmp_path, READ | wrong)
    (left,) = _batches(index)
    assert left.counts["created"] == 200
    receipt = _load_table(index, tmp_path, READ, confirm=True)
    assert (receipt.batch != left.id, receipt.unfinished, receipt.adds_up) == (True, (left.id,), True)
    assert receipt.updated == (200 if "birth_date" in wrong else 0)
    right = {child["local_id"]: child["birth_date"] for child in children()[:500]}
    assert _birth_dates(index).items() >= right.items()
    undo_load(index, OPERATOR, left.id)
    assert _birth_dates(index) == right
    sound(index)


def test_a_guard_is_asked_about_another_reading_of_an_interrupted_file(index, tmp_path, monkeypatch):
    load_rows(index, "sis", *children()[:500])
    with stopped_after(monkeypatch, 1):
        _load_table(index, tmp_path, READ)
    (*_, left) = _batches(index)
    receipt = _load_table(index, tmp_path, READ | {"birth_date": "ENTRY"})
    assert (receipt.status, "500 of 500" in receipt.held_reason) == ("held", True)
    receipt = _load_table(index, tmp_path, READ)
    assert (receipt.status, receipt.batch, receipt.unfinished) == ("loaded", left.id, ())


def _load_table(index, folder, read, **options):
    """Load a file that has a second number and a second date; ``read`` says what is taken for what."""
    path, mapping = folder / "table.csv", folder / "mapping.toml"
    rows = [
        f"{child['local_id']},{100_000 + number},{child['first_name']},{child['last_name']},"
        f"{child['birth_date']},2024-08-{1 + number % 28:02},{'A' if number < 500 else 'B'}\n"
        for number, child in enumerate(children())
    ]
    path.write_text("ID,NO,FN,LN,DOB,ENTRY,PART\n" + "".join(rows))
    ignored = sorted({"ID", "NO", "DOB", "ENTRY"} - set(read.values()))
    mapping.write_text(
        f'local_id = "{read["local_id"]}"\nignore = {ignored}\nwhere = {{PART = "{read["where"]}"}}\n'
        f'[fields]\nfirst_name = "FN"\nlast_name = "LN"\nbirth_date = "{read["birth_date"]}"\n'
    )
    file = open_file(path, load_mapping(mapping), None)
    return load(index, OPERATOR, "sis", file, LoadOptions(digest=file.compute_digest(), **options))


def _birth_dates(index):
    with index.database.read(OPERATOR) as unit:
        payloads = unit.records.payloads(unit.records.active_canonical_keys()).values()
    return {one.local_id: one.birth_date for _, payload in payloads for one in [record_from_bytes(payload)]}


def test_what_others_commit_between_the_search_and_the_writing_is_compared_too(index):
    load_rows(index, "ccwis", *many_children(600))
    known = many_children(600)
    once = []

    def standardize_pool(step, _done, _total):
        if step == "scoring pairs" and not once:
            once.append(step)
            # One that the file's records are to be linked with, one that no longer is, and a new one.
            upsert(index, OPERATOR, "ccwis", known[0] | {"birth_date": "2001-01-01", "first_name": "Quentin"})
            upsert(index, OPERATOR, "ccwis", a_child("new", **_unlike(known[1], "local_id")))
            upsert(index, OPERATOR, "sis", known[2] | {"first_name": "Xavier"})
            withdraw(index, OPERATOR, "ccwis", known[3]["local_id"])

    load_rows_watched(index, "sis", standardize_pool, *children())
    assert once
    sound(index)


def test_what_a_chunk_sets_right_again_is_not_linked_by_what_another_said_of_it_meanwhile(index):
    right, wrong = {"birth_date": "2014-03-09"}, {"birth_date": "2017-08-21"}
    load_rows(index, "sis", a_child("known", **right, as_of="2026-01-01T00:00:00Z"))
    once = []

    def standardize_pool(step, _done, _total):
        if step == "scoring pairs" and not once:
            once.append(step)
            between = a_child("known", **wrong, as_of="2026-02-01T00:00:00Z")
            assert upsert(index, OPERATOR, "sis", between).record == "updated"

    both = [a_child("known", **right, as_of="2026-03-01T00:00:00Z"), a_child("newcomer", **wrong)]
    load_rows_watched(index, "sis", standardize_pool, *both, *children())
    assert once
    sound(index)


def test_a_load_writes_little_at_a_time_once_others_write(index, monkeypatch):
    load_rows(index, "ccwis", *many_children(600))
    known, sizes = many_children(600), []
    written = chunk_writer.ChunkWriter._write_chunk

    def write(self, unit, pair_prefetch, said, *rest):
        sizes.append(len(said))
        written(self, unit, pair_prefetch, said, *rest)

    def and_others(step, done, _total):
        # Beside each of the first chunks, as soon as it is written.
        if step == "loading records" and len(sizes) in range(1, 12):
            others.append(known[len(sizes)] | {"birth_date": f"2001-01-{len(sizes) + 9}"})

    others = []
    turn = AdaptiveBatchSize.timed_turn

    @contextmanager
    def and_they_come_in(self):
        with turn(self):
            yield
        while others:
            upsert(index, OPERATOR, "ccwis", others.pop())

    monkeypatch.setattr(chunk_writer.ChunkWriter, "_write_chunk", write)
    monkeypatch.setattr(AdaptiveBatchSize, "timed_turn", and_they_come_in)
    assert load_rows_watched(index, "sis", and_others, *children()).adds_up
    assert sizes[0] == 200
    assert max(sizes[1:4]) <= 80
    sound(index)


def test_what_a_load_withdraws_itself_is_nobody_else_s_writing(index, monkeypatch):
    load_rows(index, "sis", *many_children(900))
    sizes = []
    written = chunk_writer.ChunkWriter._write_chunk

    def write(self, unit, pair_prefetch, said, *rest):
        sizes.append(len(said))
        written(self, unit, pair_prefetch, said, *rest)

    monkeypatch.setattr(chunk_writer.ChunkWriter, "_write_chunk", write)
    rest = [child | {"postal_code": "43009"} for child in many_children(350)]
    receipt = load_rows(index, "sis", *rest, snapshot=Snapshot.FULL, confirm=True)
    assert receipt.withdrawn == 550
    assert sizes == [200, 150]
    sound(index)


def test_what_a_source_states_while_a_full_file_withdraws_is_not_taken_for_older_than_the_file(
    index, monkeypatch
):
    load_rows(index, "sis", *many_children(900), as_of=moment("2026-01-01"))
    children_of = {child["local_id"]: child for child in many_children(900)}
    kept = many_children(250)
    turn, once = AdaptiveBatchSize.timed_turn, []

    def said(as_of, city):
        child = {**children_of[once[0]], "as_of": f"{as_of}T00:00:00Z", "city": city}
        return upsert(index, OPERATOR, "sis", child).record

    @contextmanager
    def noticed(portions):
        with turn(portions):
            yield
        if not once and len(crosswalk(index)) < 900:
            # One whose turn has not come, though others' has.
            left = {local_id for _, local_id in crosswalk(index)} - {child["local_id"] for child in kept}
            once.append(max(left))
            assert said("2026-03-01", "Dayton") == "updated"

    monkeypatch.setattr(AdaptiveBatchSize, "timed_turn", noticed)
    full = {"snapshot": Snapshot.FULL, "as_of": moment("2026-02-01"), "confirm": True}
    assert load_rows(index, "sis", *kept, **full).withdrawn == 649
    assert said("2026-02-15", "Akron") == "history"
    sound(index)


def moment(day):
    return datetime.fromisoformat(f"{day}T00:00:00+00:00")


def test_what_an_earlier_chunk_seals_is_compared_with_nothing_that_follows(index):
    known = many_children(700)
    load_rows(index, "sis", *known)
    sealed = [child | {"restrictions": [{"kind": "sealed"}]} for child in known[:150]]
    again = [child | {"local_id": f"again-{child['local_id']}"} for child in known]
    assert load_rows(index, "sis", *sealed, *again).adds_up
    sound(index)


@pytest.fixture
def apart(monkeypatch):
    """Pairs of all but the first statements are found in a process of their own."""
    monkeypatch.setattr(pair_prefetch, "WORKER_FROM_STATEMENTS", 100)
    monkeypatch.setattr(batch_sizes, "FIRST_WINDOW", 600)
    monkeypatch.setattr(batch_sizes, "SMALLEST_WINDOW", 600)
    monkeypatch.setattr(batch_sizes, "SECOND_WINDOW_FROM", 300)
    begun = []
    begin, end = pair_prefetch.PairPrefetcher.start, pair_prefetch.PairPrefetcher.finish

    def noted(self, *arguments):
        begun.append(begin(self, *arguments))
        return begun[-1]

    def ended(self, *arguments):
        end(self, *arguments)
        assert not self.is_running(), "keys would be merged for as long as nobody answers"

    monkeypatch.setattr(pair_prefetch.PairPrefetcher, "start", noted)
    monkeypatch.setattr(pair_prefetch.PairPrefetcher, "finish", ended)
    return begun


def test_pairs_found_while_others_are_written_are_the_same(index, apart, tmp_path):
    renamed = [child | {"first_name": "Zoe"} for child in children("43009")[:900:30]] + children()[900:]
    files = [
        ("sis", children()),
        ("ccwis", children("43009")),
        ("sis", renamed + many_children(900, 5_000)),
    ]
    receipts = [load_rows(index, source, *file, confirm=True) for source, file in files]
    assert [window is not None for window in apart] == [True] * len(files)
    assert not any(window.is_outdated for window in apart)
    sound(index)
    with an_index(tmp_path / "other", "sis", "ccwis") as whole:
        assert [load_rows(whole, source, *file, confirm=True).counts for source, file in files] == [
            receipt.counts for receipt in receipts
        ]
        assert partition_of(index) == partition_of(whole)


def test_of_all_windows_but_the_first_pairs_are_found_while_others_are_written(index, apart):
    load_rows(index, "sis", *many_children(3_600))
    assert [window.statement_count for window in apart] == [800, 800, 700, 700]


def test_the_log_begins_anew_between_two_windows_though_the_next_one_s_pairs_are_being_found(
    index, apart, monkeypatch
):
    if index.database.is_postgresql:
        pytest.skip("PostgreSQL recycles its log itself")
    # On a busy machine the features of the next may be read still.
    monkeypatch.setattr(checkpoint_thread, "_BUSY_TIMEOUT_S", 10)
    log = index.home / "mpi.db-wal"
    begin_anew, lengths = Checkpointer.truncate_log, []

    def measured(self):
        before = log.stat().st_size
        begin_anew(self)
        lengths.append((before, log.stat().st_size))

    monkeypatch.setattr(Checkpointer, "truncate_log", measured)
    load_rows(index, "sis", *children())
    assert apart[0] is not None
    assert len(lengths) == 2
    assert all(before > 0 == after for before, after in lengths)


def test_a_long_load_empties_the_log_at_its_end_and_a_short_one_does_not(index, monkeypatch):
    if index.database.is_postgresql:
        pytest.skip("PostgreSQL recycles its log itself")
    log = index.home / "mpi.db-wal"
    monkeypatch.setattr(chunk_writer, "LOG_RESET_FROM", 1_000)
    load_rows(index, "sis", *children()[:999])
    assert log.stat().st_size > 0
    load_rows(index, "ccwis", *children())
    assert log.stat().st_size == 0
    sound(index)


def test_what_others_commit_while_pairs_are_found_elsewhere_is_compared_too(index, apart, monkeypatch):
    load_rows(index, "ccwis", *many_children(600))
    known = many_children(1_000)
    begin = pair_prefetch.PairPrefetcher.start

    def and_others_commit(self, *arguments):
        begun = begin(self, *arguments)
        upsert(index, OPERATOR, "ccwis", known[950] | {"local_id": "new"})
        upsert(index, OPERATOR, "ccwis", known[500] | {"birth_date": "2001-01-01", "first_name": "Quentin"})
        withdraw(index, OPERATOR, "ccwis", known[400]["local_id"])
        return begun

    monkeypatch.setattr(pair_prefetch.PairPrefetcher, "start", and_others_commit)
    load_rows(index, "sis", *children())
    [window] = apart
    assert window.is_outdated
    sound(index)


def test_features_that_are_kept_from_window_to_window_give_the_same_edges(index, apart, monkeypatch):
    monkeypatch.setattr(batch_sizes, "LARGEST_WINDOW", 600)
    load_rows(index, "ccwis", *children())
    apart.clear()
    begin, known = pair_prefetch.PairPrefetcher.start, iter(many_children(900)[801::9])

    def after_others_commit(self, *arguments):
        upsert(index, OPERATOR, "ccwis", next(known) | {"postal_code": "43999"})
        return begin(self, *arguments)

    monkeypatch.setattr(pair_prefetch.PairPrefetcher, "start", after_others_commit)
    # Children whose records are reached by the statements of one window, and again by those of the next.
    load_rows(index, "sis", *children("43009"), *many_children(700, 5_000)[100:])
    assert [window is not None for window in apart] == [True, True]
    sound(index)


@pytest.fixture
def made_later(monkeypatch):
    """All but the first rows are made comparable while others are written; how many of each window."""
    monkeypatch.setattr(row_intake, "BLOCK_ROWS", 100)
    monkeypatch.setattr(row_intake, "EAGER_ROWS", 300)
    monkeypatch.setattr(standardize_pool, "TASK_STATEMENTS", 40)
    counted = []
    begin = standardize_pool.StandardizePool.submit

    def noted(self, said):
        coming = begin(self, said)
        counted.append(len(coming.positions))
        return coming

    monkeypatch.setattr(standardize_pool.StandardizePool, "submit", noted)
    return counted


def test_what_is_made_comparable_while_others_are_written_is_the_same(
    index, made_later, tmp_path, monkeypatch
):
    renamed = [child | {"first_name": "Zoe"} for child in children()[900::11]]
    files = [("sis", children()), ("ccwis", children("43009")), ("sis", children()[:900] + renamed)]
    receipts, counts = [], []
    for source, file in files:
        receipts.append(load_rows(index, source, *file))
        counts.append(sum(made_later))
        made_later.clear()
    # What says the same again is never made comparable.
    assert counts == [800, 800, len(renamed)]
    sound(index)
    monkeypatch.setattr(row_intake, "EAGER_ROWS", 100_000)
    with an_index(tmp_path / "other", "sis", "ccwis") as whole:
        assert [load_rows(whole, source, *file).counts for source, file in files] == [
            receipt.counts for receipt in receipts
        ]
        assert partition_of(index) == partition_of(whole)
    assert set(made_later) == {0}


def test_a_load_whose_helper_to_standardize_is_killed_says_so(index, made_later, monkeypatch):
    end = standardize_pool.StandardizePool.collect

    def killed(self, coming):
        if coming.positions:
            for process in self._pool._processes.values():
                process.kill()
        return end(self, coming)

    with monkeypatch.context() as patched:
        patched.setattr(standardize_pool, "count_cores", lambda: 1)
        patched.setattr(standardize_pool.StandardizePool, "collect", killed)
        with pytest.raises(EngineError, match="run it again"):
            load_rows(index, "sis", *children(), digest="file")
    assert load_rows(index, "sis", *children(), digest="file").adds_up
    sound(index)


@pytest.mark.parametrize("window", [1, 2])
def test_a_load_whose_helper_is_killed_says_so_and_goes_on_when_it_is_sent_again(
    index, apart, monkeypatch, window
):
    monkeypatch.setattr(batch_sizes, "LARGEST_WINDOW", 600)
    begin, asked, file = PairWorker.request, [], [*children(), *many_children(600, 5_000)]

    def killed(self, *arguments):
        commit = begin(self, *arguments)
        asked.append(commit)
        if len(asked) == window:
            self._process.kill()
            self._process.join()
        return commit

    with monkeypatch.context() as patched:
        patched.setattr(PairWorker, "request", killed)
        with pytest.raises(EngineError, match="run it again"):
            load_rows(index, "sis", *file, digest="file")
    assert len(crosswalk(index)) == 600 * window
    assert [path.name for path in index.home.iterdir() if path.name.startswith("apart-")] == []
    assert load_rows(index, "sis", *file, digest="file").adds_up
    sound(index)


def test_of_two_that_go_on_with_one_load_the_later_is_told(index, monkeypatch):
    load_rows(index, "ccwis", *many_children(600))
    with stopped_after(monkeypatch, 1):
        load_rows(index, "sis", *children(), digest="file")
    done = []

    def standardize_pool(step, _done, _total):
        if step == "scoring pairs" and not done:
            done.append(step)
            load_rows(index, "sis", *children(), digest="file")

    with pytest.raises(ConflictError, match="another caller has resumed"):
        load_rows_watched(index, "sis", standardize_pool, *children(), digest="file")
    assert done
    sound(index)


def load_rows_watched(index, source, progress, *records, **options):
    """Load records as one file, and be told of its progress."""
    return load(index, OPERATOR, source, rows(*records), LoadOptions(**options), progress)


def _batches(index):
    with index.database.read(OPERATOR) as unit:
        return unit.batches.all()


def _unlike(child, *names):
    return {name: value for name, value in child.items() if name not in names}


def test_the_first_load_of_a_source_does_not_read_again_what_it_wrote(index, monkeypatch):
    read = []
    each_but = Records.iterate_changed
    monkeypatch.setattr(Records, "iterate_changed", lambda *asked: read.append(asked) or each_but(*asked))
    receipt = load_rows(index, "sis", *children(), snapshot=Snapshot.FULL, confirm=True)
    assert (receipt.created, receipt.withdrawn, len(read)) == (CHILDREN, 0, 0)
    load_rows(index, "sis", *children()[1:], snapshot=Snapshot.FULL, confirm=True)
    assert read
    assert crosswalk(index).keys() == {("sis", child["local_id"]) for child in children()[1:]}
