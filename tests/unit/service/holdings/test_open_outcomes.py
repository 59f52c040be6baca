"""What a load of a source with minimum holdings answers does not tell who is in care."""

from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime

import pytest

from mpi.domain.snapshot import Snapshot
from mpi.domain.source import Holdings, SourceKind
from mpi.domain.viewer import Action, Viewer
from mpi.service.holdings.settings import add_source
from mpi.service.loads.dry_run import dry_run
from mpi.service.loads.load import LoadOptions, load
from mpi.service.loads.load_log import find_load, list_loads
from mpi.service.loads.load_undo import undo_load
from mpi.service.loads.open_outcomes import find_shown_counts
from mpi.service.loads.sent_files.upload import _summarize, hide_outcomes
from mpi.service.quality.reports import make_report
from mpi.service.statements.sources import NewSource
from mpi.storage.repositories.sources.batches import LOADING, UNDOING, UNDONE
from tests.index import OPERATOR, load_rows, make_child, many_children, open_test_index, rows
from tests.unit.service.holdings.conftest import add_care_sources

FULL, DELTA = Snapshot.FULL, Snapshot.DELTA
LOADER = Viewer("loader", actions=frozenset({Action.LOAD, Action.REPORT}), sources=None)
PUPIL = make_child("s1")
OTHERS = many_children(60, 300)
UNREADABLE = {**make_child(""), "local_id": ""}
SEALED = {**PUPIL, "restrictions": [{"kind": "sealed"}]}
PROBES = {
    "a full file of the child alone": ([PUPIL], FULL),
    "a full file without the child": (OTHERS, FULL),
    "a full file of half the rows": ([PUPIL, *OTHERS[:30]], FULL),
    "a full file with a row that cannot be read": ([*OTHERS, UNREADABLE], FULL),
    "an older full file without the child": (OTHERS, FULL, datetime(2020, 1, 1, tzinfo=UTC)),
    "an empty full file": ([], FULL),
    "the child again": ([PUPIL], DELTA),
    "the child under another name": ([{**PUPIL, "first_name": "Another"}], DELTA),
    "the child under another local ID": ([{**PUPIL, "local_id": "s2"}], DELTA),
    "a row that seals the child": ([SEALED], DELTA),
}


@contextmanager
def open_school(folder, in_care: int):
    """Yield an index whose school has 61 pupils, of whom some are in care."""
    with open_test_index(folder) as index:
        add_care_sources(index, Holdings.LINKED)
        pupils = [PUPIL, *OTHERS]
        children = [{**pupil, "local_id": f"w{number}"} for number, pupil in enumerate(pupils[:in_care])]
        load_rows(index, "welfare", *children, make_child("w99", first_name="Zoe", birth_date="2001-01-01"))
        load_rows(index, "school", *pupils, snapshot=FULL)
        yield index


def read_answers(index, probe) -> dict[str, object]:
    """Return what a loader without the right to read records is told of a preview and a load."""
    records, snapshot, *as_of = probe
    options = LoadOptions(snapshot, *as_of)
    preview = _summarize(dry_run(index, OPERATOR, "school", rows(*records), options), sees_all=True)
    with index.database.read(LOADER) as unit:
        shown = hide_outcomes(unit, "school", preview)
    number = load(index, OPERATOR, "school", rows(*records), options).batch
    receipt = None if number is None else find_load(index, LOADER, number)
    moments = {"at": "", "as_of": ""}
    return {
        "preview": shown,
        "receipt": receipt and {**asdict(receipt), "entry": {**asdict(receipt.entry), **moments}},
        "log": [{**asdict(entry), **moments} for entry in list_loads(index, LOADER, "school")],
        "report": [row[2:] for row in make_report(index, LOADER, "loads").rows if row[2] == "school"],
    }


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES)
def test_answers_are_equal_whether_the_child_is_in_care_or_not(tmp_path, probe):
    answers = []
    for in_care in (0, 1, 40):
        with open_school(tmp_path / str(in_care), in_care) as index:
            answers.append(read_answers(index, probe))
    assert answers[0] == answers[1] == answers[2]


@pytest.fixture
def school(tmp_path):
    """An index whose school has 61 pupils, of whom one is in care."""
    with open_school(tmp_path, 1) as index:
        yield index


def test_a_file_of_too_few_rows_is_held_by_the_rows_of_the_last_one(school):
    held = load_rows(school, "school", *OTHERS[:30], snapshot=FULL)
    assert held.status == "held"
    assert "31 fewer rows than the file before" in held.held_reason
    assert find_load(school, LOADER, held.batch).held_reason == held.held_reason
    assert load_rows(school, "school", *OTHERS[:30], snapshot=FULL, confirm=True).status == "loaded"


def test_a_first_full_file_is_compared_with_the_largest_of_changes(school):
    add_source(school, OPERATOR, NewSource("lake", kind=SourceKind.SIS), Holdings.LINKED)
    load_rows(school, "lake", *OTHERS)
    load_rows(school, "lake", PUPIL)
    assert "59 fewer rows" in load_rows(school, "lake", PUPIL, snapshot=FULL).held_reason


def test_a_file_whose_rows_seal_many_records_is_held(school):
    sealed = [{**row, "restrictions": [{"kind": "sealed"}]} for row in OTHERS[:40]]
    assert "40 rows seal" in load_rows(school, "school", *sealed).held_reason


@pytest.mark.parametrize("status", [LOADING, UNDOING, UNDONE])
def test_nothing_is_told_of_a_load_that_is_not_complete(school, status):
    with school.database.read(LOADER) as unit:
        [batch] = unit.batches.latest(1)
        assert find_shown_counts(unit, [replace(batch, status=status)]) == {batch.id: {}}


def test_a_row_that_is_rejected_since_its_record_is_sealed_is_not_told(tmp_path):
    answers = []
    for in_care in (0, 1):
        with open_school(tmp_path / str(in_care), in_care) as index:
            load_rows(index, "school", SEALED if in_care else OTHERS[0])
            answers.append(read_answers(index, ([PUPIL], DELTA)))
    receipts = [{**answer["receipt"], "entry": answer["receipt"]["entry"]["counts"]} for answer in answers]
    assert receipts[0] == receipts[1]
    assert answers[0]["preview"] == answers[1]["preview"]


def test_the_undo_of_a_load_tells_no_numbers(tmp_path):
    results = []
    for in_care in (0, 1):
        with open_school(tmp_path / str(in_care), in_care) as index:
            number = load_rows(index, "school", {**PUPIL, "first_name": "Another"}).batch
            results.append((undo_load(index, LOADER, number, preview=True), undo_load(index, LOADER, number)))
    assert results[0] == results[1]


def test_who_may_read_records_is_told_all_outcomes(school):
    reader = replace(LOADER, actions=LOADER.actions | {Action.RECORD_READ})
    receipt = find_load(school, reader, load_rows(school, "school", PUPIL, *OTHERS, snapshot=FULL).batch)
    assert (receipt.entry.counts["unchanged"], receipt.entry.counts["dropped"]) == (1, 60)
    number = load_rows(school, "school", *OTHERS, UNREADABLE, snapshot=FULL).batch
    for viewer, stayed in ((reader, (1, 0)), (LOADER, (None, None))):
        receipt = find_load(school, viewer, number)
        assert (receipt.spared, receipt.newer) == stayed
