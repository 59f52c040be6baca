"""Sizes, intervals and limits that trade speed, memory and waiting time.

None of them changes an enterprise ID. An index is opened with one ``Tuning``; tests open it with smaller
numbers.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LoadTuning:
    """Batch sizes of a file load and of its undo.

    Args:
        block_rows: rows that one process validates at a time. Small enough that no single process is left
            with much of a night's delta at the end.
        eager_rows: rows at a file's beginning that are standardized during validation, since the writer would
            have to wait for them.
        task_statements: statements that one process standardizes at a time.
        sqlite_chunk_statements: most statements of one SQLite transaction, for which other writers wait.
        postgresql_chunk_statements: most statements of one PostgreSQL transaction. It waits for the server
            about ten times, so it is larger than on SQLite.
        sqlite_undo_records: most records of one SQLite transaction of an undo.
        postgresql_undo_records: most records of one PostgreSQL transaction of an undo.
        log_reset_statements: fewest statements after which the load empties SQLite's log. Otherwise the next
            writer would copy all of the log. Emptying may keep writers waiting for 0.2 s.
        first_window_statements: statements of the first window, whose pairs the writer waits for.
        smallest_window_statements: fewest statements of a later window, since each has a fixed cost. The last
            window may have half as many.
        second_window_statements: fewest statements after the first window that get a window of their own;
            fewer are paired with the first. A worker process pairs on one core, and the writer would wait for
            each window: loading fifty thousand records into five million took 45 seconds, in one window 37.
        largest_window_statements: statements of the largest window, unless the index is large. Three windows
            at a time bound the memory.
        worker_statements: fewest effective statements that are worth a worker process. Pairs of fewer are
            found before a process has started.
        dropped_records: records that one transaction drops, where a source holds linked records only.
    """

    block_rows: int = 500
    eager_rows: int = 20_000
    task_statements: int = 1_000
    sqlite_chunk_statements: int = 2_000
    postgresql_chunk_statements: int = 10_000
    sqlite_undo_records: int = 2_000
    postgresql_undo_records: int = 10_000
    log_reset_statements: int = 10_000
    first_window_statements: int = 20_000
    smallest_window_statements: int = 4_000
    second_window_statements: int = 40_000
    largest_window_statements: int = 60_000
    worker_statements: int = 2_000
    dropped_records: int = 500


@dataclass(frozen=True, slots=True)
class CompactionTuning:
    """Thresholds of writing and merging segments of the blocking-key index.

    Args:
        forced_records: uncompacted records that force a compaction. It writes every page of the main table,
            so frequent ones cost more. Every searching process keeps uncompacted keys in memory, some 400
            bytes a record, and searches them too.
        forced_share: one part in so many of the index that forces it too; the larger of the two counts.
        worthwhile_records: uncompacted records worth a compaction while the writer has nothing else to do.
        worthwhile_share: one part in so many of the index that is worth it; the larger of the two counts.
        index_records: fewest records of an index, those of the file included, for which segments are worth
            their compaction. The main table of a smaller index has too few pages.
        file_statements: fewest statements of a file that writes segments; smaller ones gain nothing.
        transaction_rows: most keys that a load compacts in one transaction.
        contended_rows: keys of the first such transaction beside other writers: two milliseconds.
        background_rows: most keys that a background compaction moves in one transaction.
        background_rest_factor: rest after such a transaction beside other writers, as a multiple of its
            length.
    """

    forced_records: int = 200_000
    forced_share: int = 10
    worthwhile_records: int = 40_000
    worthwhile_share: int = 25
    index_records: int = 30_000
    file_statements: int = 500
    transaction_rows: int = 100_000
    contended_rows: int = 1_000
    background_rows: int = 50_000
    background_rest_factor: float = 4.0


@dataclass(frozen=True, slots=True)
class PacingTuning:
    """Lengths of a background job's transactions and of rests between them.

    Args:
        transaction_s: seconds of one transaction, which bound another writer's wait.
        rest_s: fewest seconds between two transactions, in which a waiting writer gets its turn.
        contended_transaction_s: seconds of a load's transaction beside other writers. Some five milliseconds
            of them are a fixed cost.
        contended_for_s: seconds after another writer's commit for which writers count as concurrent.
        core_poll_s: seconds between two looks at the ledger for requests.
        core_reserved_s: seconds after the last answer for which a core stays reserved.
    """

    transaction_s: float = 0.008
    rest_s: float = 0.003
    contended_transaction_s: float = 0.01
    contended_for_s: float = 30.0
    core_poll_s: float = 0.1
    core_reserved_s: float = 10.0


@dataclass(frozen=True, slots=True)
class ScoringTuning:
    """Batch sizes of pair scoring, and when DuckDB is worth its start.

    Args:
        duckdb_records: fewest records whose pairs are found on DuckDB.
        duckdb_pairs: fewest pairs that are scored on DuckDB, whose start takes half a second. At 86,600 pairs
            of 77,000 records, DuckDB saves a third of a second.
        kept_duckdb_pairs: fewest pairs that are scored on DuckDB where it stays open for further ones.
        chunk_pairs: pairs that are scored at a time.
        queries: most scoring queries that run at once. Together they hold no more pairs than one chunk.
        prefilter_pairs: fewest pairs for which a first pass saves more than it costs.
    """

    duckdb_records: int = 500
    duckdb_pairs: int = 40_000
    kept_duckdb_pairs: int = 8_000
    chunk_pairs: int = 1_000_000
    queries: int = 8
    prefilter_pairs: int = 200_000


@dataclass(frozen=True, slots=True)
class StorageTuning:
    """Waits, connections, pages and checkpoints of a database.

    Args:
        busy_timeout_ms: milliseconds to wait for a lock or a connection.
        checkpoint_interval_s: seconds after which a checkpoint is due. Long jobs have few but large commits.
        checkpoint_timeout_s: seconds to wait for readers of the log while writers wait.
        postgresql_connections: most connections to a PostgreSQL server.
        joined_keys: keys up to which small consecutive segments are joined into one.
        forward_page_records: records read from the forward index at a time, with some 26 keys each.
        base_page_rows: rows read from the base table of keys at a time.
        lookup_chunk_keys: keys that one statement of a parallel look-up reads.
        second_reader_keys: fewest keys for which a second reading thread pays: those of 8,000 records.
        feature_batch_records: records whose features are in memory at one time.
        listed_disclosures: most past answers that are read for the receipt of a step.
    """

    busy_timeout_ms: int = 30_000
    checkpoint_interval_s: float = 0.5
    checkpoint_timeout_s: float = 0.2
    postgresql_connections: int = 30
    joined_keys: int = 60_000
    forward_page_records: int = 10_000
    base_page_rows: int = 200_000
    lookup_chunk_keys: int = 10_000
    second_reader_keys: int = 200_000
    feature_batch_records: int = 2_000
    listed_disclosures: int = 1_000


@dataclass(frozen=True, slots=True)
class RequestTuning:
    """Limits and intervals of a process that answers requests.

    Args:
        concurrent_writer_s: seconds for which another writer counts as concurrent.
        ledger_idle_s: seconds without work after which the ledger's background thread ends.
        deferred_search_poll_s: seconds between two looks at the queue of deferred searches.
        changed_records: most concurrently written records before a new search. A concurrent load writes more;
            a new search is faster then.
        block_records: most records, on average, that share a key of a record. Above it, the search runs after
            the write.
        process_records: fewest records of an index whose re-cluster starts a child process. Starting one
            takes one to two seconds; a proposal over 20,000 records takes three.
        heartbeat_s: seconds between two heartbeats of a re-cluster.
        check_interval_s: seconds between two later checks for interrupted work.
        first_check_s: seconds within which the second check comes, at random, so that of several processes
            that start together one takes an interrupted run up first.
        publication_poll_s: seconds between two looks whether the figures of the day are measured.
        webhook_poll_s: seconds between two looks for changes to send to webhooks.
        webhook_events: most events of one message, of some 200 bytes each. The specification of webhooks
            advises 20 kB at most.
    """

    concurrent_writer_s: float = 1.0
    ledger_idle_s: float = 5.0
    deferred_search_poll_s: float = 2.0
    changed_records: int = 100
    block_records: int = 20
    process_records: int = 5_000
    heartbeat_s: float = 10.0
    check_interval_s: float = 60.0
    first_check_s: float = 5.0
    publication_poll_s: float = 60.0
    webhook_poll_s: float = 1.0
    webhook_events: int = 100


@dataclass(frozen=True, slots=True)
class ReviewTuning:
    """Most records and pairs that a review page or report reads.

    Args:
        explained_records: most records of a person whose pairs are scored for an explanation.
        evidence_pairs: most pairs that are scored as evidence of a decision, while other writers wait. Of
            more pairs, only the stored weights are used.
        feed_cursors: most change-feed cursors that a process remembers.
        sampled_records: most records whose pairs are counted to size the strata of a blind sample. In an
            index with fewer records, every pair is counted.
    """

    explained_records: int = 100
    evidence_pairs: int = 20_000
    feed_cursors: int = 1_000
    sampled_records: int = 20_000


@dataclass(frozen=True, slots=True)
class Tuning:
    """Tuning parameters of an open index, by area.

    Args:
        load: file loads.
        compaction: compaction of blocking-key segments.
        pacing: transactions of batch jobs.
        scoring: pair scoring.
        storage: the database.
        request: serving processes.
        review: pages and reports.
    """

    load: LoadTuning = field(default_factory=LoadTuning)
    compaction: CompactionTuning = field(default_factory=CompactionTuning)
    pacing: PacingTuning = field(default_factory=PacingTuning)
    scoring: ScoringTuning = field(default_factory=ScoringTuning)
    storage: StorageTuning = field(default_factory=StorageTuning)
    request: RequestTuning = field(default_factory=RequestTuning)
    review: ReviewTuning = field(default_factory=ReviewTuning)


DEFAULT_TUNING = Tuning()
"""Tuning of an index that is opened without another."""
