"""Test loads: every row is accounted for, guarded, and loaded completely or not at all."""

from datetime import UTC, datetime, timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, FileError, NotFoundError
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Action, Viewer
from mpi.domain.weight import Band
from mpi.intake.reader import open_file
from mpi.intake.rows import CanonicalRow, RejectedRow
from mpi.service.loads.dry_run import dry_run
from mpi.service.loads.load import LoadOptions, load
from mpi.service.maintenance.verify import verify
from mpi.service.records.record_reader import read
from mpi.service.stewardship.expunge_requests import approve_expunges
from tests.index import (
    OPERATOR,
    SECOND_PERSON,
    all_stored_bytes,
    crosswalk,
    expunge,
    load_rows,
    make_child,
    many_children,
    partition_of,
    rows,
    with_tuning,
)

MONDAY = datetime(2026, 9, 7, tzinfo=UTC)
TUESDAY = datetime(2026, 9, 8, tzinfo=UTC)


def test_first_load_gives_every_record_an_id_and_links_across_sources(index):
    receipt = load_rows(index, "sis", make_child("s1"), make_child("s2", first_name="Femi"))
    assert (receipt.received, receipt.created, receipt.adds_up) == (2, 2, True)
    load_rows(index, "ccwis", make_child("c1"))
    ids = crosswalk(index)
    assert ids["sis", "s1"] == ids["ccwis", "c1"] != ids["sis", "s2"]


def test_same_file_again_is_unchanged_and_moves_no_id(index):
    load_rows(index, "sis", *many_children(30))
    before = crosswalk(index)
    receipt = load_rows(index, "sis", *many_children(30))
    assert (receipt.unchanged, receipt.created, receipt.adds_up) == (30, 0, True)
    assert crosswalk(index) == before
    assert verify(index, OPERATOR) == []


@pytest.mark.parametrize("stored_count", [0, 40, 70])
@pytest.mark.parametrize("duckdb_records", [1, 500])
def test_preview_pairs_no_records_of_a_block_that_is_too_large(index, stored_count, duckdb_records):
    index = with_tuning(index, scoring={"duckdb_records": duckdb_records})
    load_rows(index, "sis", *(make_child(f"s{number}") for number in range(stored_count)))
    file = [make_child(f"c{number}") for number in range(70 - min(stored_count, 40))]
    other = make_child("x", first_name="Femi", last_name="Cole", birth_date="2011-05-02", postal_code="44101")
    preview = dry_run(index, OPERATOR, "ccwis", rows(*file, other), LoadOptions())
    assert preview.bands == {Band.LINK: 0, Band.REVIEW: 0, Band.NON_LINK: len(file) + 1}
    assert preview.uncompared == len(file)


def test_local_ids_that_are_too_large_numbers_are_rejected(index, tmp_path):
    path = tmp_path / "f.ndjson"
    path.write_text('{"local_id": 123456789012345678901}\n{"local_id": 123456789012345678902}\n')
    receipt = load(index, OPERATOR, "sis", open_file(path, None, None), LoadOptions())
    assert [(reject.field, reject.reason) for reject in receipt.rejects] == [
        ("local_id", "inexact-number")
    ] * 2
    assert crosswalk(index) == {}


def test_full_snapshot_withdraws_missing_records_and_a_delta_does_not(index):
    children = many_children(30)
    load_rows(index, "sis", *children)
    assert load_rows(index, "sis", *children[1:]).withdrawn == 0
    receipt = load_rows(index, "sis", *children[1:], snapshot=Snapshot.FULL)
    assert (receipt.withdrawn, receipt.unchanged, receipt.received) == (1, 29, 30)
    assert receipt.adds_up
    assert ("sis", "c0") not in crosswalk(index)


def test_file_cut_in_half_is_held_until_it_is_confirmed(index):
    children = many_children(60)
    load_rows(index, "sis", *children)
    before = crosswalk(index)
    receipt = load_rows(index, "sis", *children[:30], snapshot=Snapshot.FULL)
    assert (receipt.status, receipt.held, receipt.withdrawn) == ("held", 30, 0)
    assert "withdraw 30 of 60" in receipt.held_reason
    assert receipt.adds_up
    assert crosswalk(index) == before
    confirmed = load_rows(index, "sis", *children[:30], snapshot=Snapshot.FULL, confirm=True)
    assert (confirmed.status, confirmed.withdrawn) == ("loaded", 30)
    assert len(crosswalk(index)) == 30


def test_file_with_shifted_birth_dates_is_held(index):
    children = many_children(25)
    load_rows(index, "sis", *children)
    shifted = [child | {"birth_date": str(child["birth_date"])[:8] + "29"} for child in children]
    receipt = load_rows(index, "sis", *shifted)
    assert (receipt.status, receipt.held, receipt.updated) == ("held", 25, 0)
    assert "25 of 25" in receipt.held_reason


def test_changed_addresses_do_not_hold_a_load(index):
    children = many_children(25)
    load_rows(index, "sis", *children)
    assert load_rows(index, "sis", *(c | {"postal_code": "44001"} for c in children)).updated == 25


def test_older_file_after_a_newer_one_changes_no_current_value(index):
    child = make_child("s1")
    load_rows(index, "sis", child | {"postal_code": "44002"}, as_of=TUESDAY)
    for _ in range(2):
        receipt = load_rows(index, "sis", child | {"postal_code": "44001"}, as_of=MONDAY)
        assert (receipt.history, receipt.updated, receipt.adds_up) == (1, 0, True)
    assert read(index, OPERATOR, "sis", "s1")["record"]["postal_code"] == "44002"


def test_files_out_of_order_end_like_files_in_order(index):
    states = [make_child("s1", postal_code=f"4400{day}") for day in range(3)]
    days = [datetime(2026, 9, day + 1, tzinfo=UTC) for day in range(3)]
    for day in (2, 0, 1):
        load_rows(index, "sis", states[day], as_of=days[day])
    assert read(index, OPERATOR, "sis", "s1")["record"]["postal_code"] == "44002"


def test_full_loads_of_several_periods_leave_the_children_of_the_last(index, tmp_path):
    names = [f"k{number}" for number in range(6)]
    for period, present in (("202403", names), ("202409", names[1:]), ("202503", names[:5])):
        file = tmp_path / f"{period}.xml"
        file.write_text(afcars_file(period, present))
        options = LoadOptions(Snapshot.FULL)
        predicted = dry_run(index, OPERATOR, "ccwis", open_file(file, None, None), options).receipt
        assert load(index, OPERATOR, "ccwis", open_file(file, None, None), options).counts == predicted.counts
        assert set(crosswalk(index)) == {("ccwis", name) for name in present}


def afcars_file(period, names):
    records = "".join(
        f"<record><E4_child_record_number>{name}</E4_child_record_number>"
        f"<E5_date_of_birth>2010010{name[1:]}</E5_date_of_birth></record>"
        for name in names
    )
    return f"<data><E2_report_date>{period}</E2_report_date><records>{records}</records></data>"


@pytest.mark.parametrize(
    ("row_dates", "options", "as_of"),
    [
        (["2026-09-02", "2026-09-07"], {}, "2026-09-07"),
        (["2026-09-02", None], {}, None),
        (["2026-09-02", "2026-09-07"], {"as_of": TUESDAY}, "2026-09-08"),
        ([], {"confirm": True}, None),
    ],
    ids=["all-rows-dated", "one-row-undated", "given", "no-rows"],
)
def test_full_file_is_as_of_its_latest_row_if_all_rows_are_dated(index, row_dates, options, as_of):
    load_rows(index, "sis", *many_children(6), as_of=datetime(2026, 9, 1, tzinfo=UTC))
    dated_children = [
        child | {"as_of": day} for child, day in zip(many_children(5), (row_dates * 5)[:5], strict=False)
    ]
    before = clock.format_timestamp(clock.now())
    assert load_rows(index, "sis", *dated_children, snapshot=Snapshot.FULL, **options).withdrawn == 6 - len(
        dated_children
    )
    with index.database.read(OPERATOR) as unit:
        last_seen = unit.records.find_by_local_ids(unit.sources.get_by_code("sis").id, ["c5"])["c5"].last_seen
        assert unit.batches.all()[-1].as_of == last_seen
    assert last_seen >= before if as_of is None else last_seen.startswith(as_of)


def test_older_snapshot_withdraws_no_record_stated_since(index):
    children = many_children(30)
    load_rows(index, "sis", *children, as_of=TUESDAY)
    assert load_rows(index, "sis", *children[:29], snapshot=Snapshot.FULL, as_of=MONDAY).withdrawn == 0


def test_withdrawn_record_that_returns_gets_its_id_back(index):
    children = many_children(30)
    load_rows(index, "sis", *children)
    before = crosswalk(index)
    load_rows(index, "sis", *children[1:], snapshot=Snapshot.FULL)
    assert load_rows(index, "sis", children[0]).updated == 1
    assert crosswalk(index) == before


def test_last_of_two_rows_with_one_local_id_wins_and_the_other_is_counted(index):
    receipt = load_rows(
        index, "sis", make_child("s1", postal_code="44001"), make_child("s1", postal_code="44002")
    )
    assert (receipt.received, receipt.created, receipt.superseded, receipt.adds_up) == (2, 1, 1, True)
    assert read(index, OPERATOR, "sis", "s1")["record"]["postal_code"] == "44002"


def test_rejected_rows_are_counted_with_line_and_reason_but_not_their_text(index):
    receipt = load(
        index,
        OPERATOR,
        "sis",
        [
            CanonicalRow(2, 10, make_child("s1")),
            CanonicalRow(3, 20, make_child(None)),
            RejectedRow(4, 30, "wrong-field-count", "the row has 3 fields, the header 5"),
            CanonicalRow(5, 40, make_child("s2", shoe_size="Amara-secret")),
        ],
        LoadOptions(),
    )
    assert (receipt.received, receipt.created, receipt.rejected, receipt.adds_up) == (4, 1, 3, True)
    assert [reject.line for reject in receipt.rejects] == [4, 3, 5] or sorted(
        reject.line for reject in receipt.rejects
    ) == [3, 4, 5]
    assert "secret" not in str(receipt.rejects)


def test_read_error_in_a_file_loads_nothing(index):
    def broken_rows():
        yield from rows(make_child("s1"))
        raise FileError("the rest cannot be read")

    with pytest.raises(FileError):
        load(index, OPERATOR, "sis", broken_rows(), LoadOptions())
    assert crosswalk(index) == {}


def test_interrupt_keeps_nothing_and_the_load_can_run_again(index):
    def interrupt(step, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(index, OPERATOR, "sis", rows(*many_children(5)), LoadOptions(), interrupt)
    assert crosswalk(index) == {}
    assert load_rows(index, "sis", *many_children(5)).created == 5


def test_unknown_source_is_refused_with_the_known_ones(index):
    with pytest.raises(NotFoundError, match=r"'sjs'.*ccwis, sis"):
        load_rows(index, "sjs", make_child())


def test_client_without_the_right_loads_nothing(index):
    nobody = Viewer("nobody", None, frozenset({Action.LOAD}), frozenset({"ccwis"}))
    with pytest.raises(AccessDenied):
        load(index, nobody, "sis", rows(make_child()), LoadOptions())


def test_large_load_in_batches_gives_the_same_partition(index):
    children = many_children(40)
    index = with_tuning(index, scoring={"duckdb_records": 1})
    load_rows(index, "sis", *children)
    load_rows(index, "ccwis", *children)
    by_set = partition_of(index)
    assert {len(person) for person in by_set} == {2}
    assert verify(index, OPERATOR) == []


@pytest.mark.parametrize("kind", ["sealed", "expunged"])
@pytest.mark.parametrize("first", ["sealing", "plain"])
@pytest.mark.parametrize("two_files", [False, True], ids=["one-file", "two-files"])
@pytest.mark.parametrize("later", ["2026-01-01", "2026-02-01", "2026-03-01"])
def test_seal_holds_in_any_order_of_statements(index, kind, first, two_files, later):
    sealing = make_child("1", as_of="2026-02-01T00:00:00Z", restrictions=[{"kind": kind}])
    plain = make_child("1", as_of=f"{later}T00:00:00Z")
    statements = [sealing, plain] if first == "sealing" else [plain, sealing]
    files = [[row] for row in statements] if two_files else [statements]
    receipts = [load_rows(index, "sis", *file, confirm=True) for file in files]
    assert all(receipt.adds_up for receipt in receipts)
    assert not crosswalk(index)
    with index.database.read(OPERATOR) as unit:
        source = unit.sources.get_by_code("sis")
        assert unit.records.find_by_local_ids(source.id, ["1"])["1"].state == "sealed"


def test_sealed_record_is_never_shown_and_resending_does_not_lift_the_seal(index):
    load_rows(index, "ccwis", make_child("c1"))
    load_rows(index, "sis", make_child("s1"))
    sealed = make_child("c1", restrictions=[{"kind": "sealed"}])
    load_rows(index, "ccwis", sealed, confirm=True)
    assert set(crosswalk(index)) == {("sis", "s1")}
    with pytest.raises(NotFoundError):
        read(index, OPERATOR, "ccwis", "c1")
    receipt = load_rows(index, "ccwis", make_child("c1"))
    assert (receipt.rejected, receipt.adds_up) == (1, True)
    assert set(crosswalk(index)) == {("sis", "s1")}


def test_expunged_record_leaves_no_value_in_the_database(index):
    load_rows(index, "ccwis", make_child("c1", first_name="Zebulonia"))
    expunged = make_child("c1", first_name="Zebulonia", restrictions=[{"kind": "expunged"}])
    load_rows(index, "ccwis", expunged, confirm=True)
    approve_expunges(index, SECOND_PERSON, "ccwis", ["c1"])
    content = all_stored_bytes(index)
    assert b"Zebulonia" not in content
    assert b"ZEBULONIA" not in content


@pytest.mark.parametrize("kind", ["sealed", "expunged"])
@pytest.mark.parametrize("snapshot", Snapshot)
def test_file_that_seals_or_expunges_a_whole_source_is_held_until_confirmed(index, kind, snapshot):
    children = many_children(60)
    load_rows(index, "sis", *children)
    before = crosswalk(index)
    sealed = [child | {"restrictions": [{"kind": kind}]} for child in children[:25]] + children[25:]
    predicted = dry_run(index, OPERATOR, "sis", rows(*sealed), LoadOptions(snapshot))
    assert (predicted.sealed, predicted.receipt.status) == (25, "held")
    receipt = load_rows(index, "sis", *sealed, snapshot=snapshot)
    assert (receipt.status, receipt.held, receipt.updated) == ("held", 60, 0)
    assert "seal or expunge 25 of 60" in receipt.held_reason
    assert crosswalk(index) == before
    assert load_rows(index, "sis", *sealed, snapshot=snapshot, confirm=True).updated == 25
    assert len(crosswalk(index)) == 35
    # Records that are sealed already do not hold the same file again.
    assert load_rows(index, "sis", *sealed, snapshot=snapshot).rejected == 25


def test_seal_that_starts_by_date_is_counted_for_an_unchanged_file(index):
    restrictions = [{"kind": "sealed", "begin": "2026-09-08"}]
    children = [child | {"restrictions": restrictions} for child in many_children(4)]
    load_rows(index, "sis", *children, as_of=MONDAY)
    receipt = load_rows(index, "sis", *children, snapshot=Snapshot.FULL, as_of=TUESDAY)
    assert (receipt.status, "4 of 4" in (receipt.held_reason or "")) == ("held", True)


def test_ssn_is_stored_nowhere_in_the_database(index):
    load_rows(index, "ccwis", make_child("c1", ssn="219-09-9998", ssn_last4="9998"))
    load_rows(
        index,
        "sis",
        make_child("s1", identifiers=[{"system": "SSN", "assigner": "SSA", "value": "219099998"}]),
    )
    content = all_stored_bytes(index)
    assert b"219-09-9998" not in content
    assert b"219099998" not in content


def test_record_with_a_rejected_row_is_not_withdrawn(index):
    children = many_children(30)
    load_rows(index, "sis", *children)
    broken_rows = [*children[1:], children[0] | {"identifiers": "not a list"}]
    receipt = load_rows(index, "sis", *broken_rows, snapshot=Snapshot.FULL)
    assert (receipt.rejected, receipt.withdrawn, receipt.adds_up) == (1, 0, True)
    assert len(crosswalk(index)) == 30


def test_row_without_a_readable_local_id_prevents_every_withdrawal(index):
    children = many_children(30)
    load_rows(index, "sis", *children)
    rows_in_file = [*rows(*children[2:]), RejectedRow(40, None, "malformed-csv", "the row cannot be read")]
    receipt = load(index, OPERATOR, "sis", rows_in_file, LoadOptions(Snapshot.FULL))
    assert (receipt.withdrawn, receipt.spared, receipt.adds_up) == (0, 2, True)
    assert len(crosswalk(index)) == 30


@pytest.mark.parametrize(
    ("begin", "end", "seals"),
    [
        (None, None, True),
        ("09/01/2026", "01/31/2031", True),
        ("2026-09-01", "20310131", True),
        (None, "when the court says", True),
        ("some day", None, True),
        (None, "09/07/2026", False),
        ("09/09/2026", None, False),
    ],
)
def test_seal_holds_in_every_date_format(index, begin, end, seals):
    restriction = {"kind": "sealed", "begin": begin, "end": end}
    sealed = make_child("c1", restrictions=[{n: value for n, value in restriction.items() if value}])
    load_rows(index, "ccwis", sealed, as_of=TUESDAY)
    assert (("ccwis", "c1") not in crosswalk(index)) is seals


def test_late_statement_older_than_a_later_snapshot_brings_no_record_back(index):
    children = many_children(30)
    days = [datetime(2026, 9, day, tzinfo=UTC) for day in (1, 2, 5, 8)]
    load_rows(index, "sis", *children, as_of=days[0])
    load_rows(index, "sis", *children[1:], snapshot=Snapshot.FULL, as_of=days[1])
    load_rows(index, "sis", *children[1:], snapshot=Snapshot.FULL, as_of=days[3])
    assert load_rows(index, "sis", children[0], as_of=days[2]).history == 1
    assert ("sis", "c0") not in crosswalk(index)


def test_restated_record_is_compared_by_its_birth_date_once_it_is_past(index):
    newborn = make_child("n1", birth_date="2026-09-10")
    load_rows(index, "sis", newborn, as_of=MONDAY)
    load_rows(index, "ccwis", newborn, as_of=datetime(2026, 9, 20, tzinfo=UTC))
    assert len(partition_of(index)) == 2
    assert load_rows(index, "sis", newborn, as_of=datetime(2026, 9, 20, tzinfo=UTC)).updated == 1
    assert len(partition_of(index)) == 1


def test_restated_record_is_compared_by_its_address_once_it_is_public(index):
    restriction = {"kind": "address_confidential", "end": "2026-09-10"}
    child = make_child("s1", birth_date="2014-05-21", restrictions=[restriction])
    load_rows(index, "sis", child, as_of=MONDAY)
    load_rows(index, "ccwis", make_child("c1"), as_of=MONDAY)
    assert load_rows(index, "sis", child, as_of=TUESDAY).unchanged == 1
    with index.database.read(OPERATOR) as unit:
        assert unit.tasks.count() == 0
    assert load_rows(index, "sis", child, as_of=datetime(2026, 9, 11, tzinfo=UTC)).updated == 1
    with index.database.read(OPERATOR) as unit:
        assert unit.tasks.count() == 1


def test_rejected_record_with_a_float_local_id_is_not_withdrawn(index):
    children = [child | {"local_id": float(n)} for n, child in enumerate(many_children(30))]
    load_rows(index, "sis", *children)
    broken_rows = [children[0] | {"identifiers": "not a list"}, *children[1:]]
    receipt = load_rows(index, "sis", *broken_rows, snapshot=Snapshot.FULL)
    assert (receipt.rejected, receipt.withdrawn) == (1, 0)


def test_load_after_the_clock_was_set_back_is_current(index, set_clock):
    load_rows(index, "sis", make_child("s1"))
    set_clock(lambda: datetime.now(UTC) - timedelta(hours=1))
    assert load_rows(index, "sis", make_child("s1", postal_code="44001")).updated == 1


def test_expunged_record_does_not_keep_its_subject(index):
    load_rows(index, "ccwis", make_child("c1", subject="child victim"))
    expunge(index, "ccwis", make_child("c1"))
    with index.database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT subject FROM record").scalar() is None
