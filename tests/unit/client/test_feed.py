"""Following of the change feed."""

import json
import os

import pytest

from mpi.client import (
    ConflictError,
    CursorFile,
    CursorFileError,
    FeedCursor,
    FeedRestoredError,
    InvalidAnswerError,
    RecordRef,
    apply_events,
)
from tests.clients import Reaction
from tests.index import make_child

OLD = FeedCursor("old", 7)


def event(commit, after="T7K3-M92Q-X0HN", seq=1):
    return {
        "commit": commit, "seq": seq, "at": "2026-12-01T00:00:00.000000Z", "cause": "upsert", "source": "D01",
        "local_id": str(commit), "before": None, "after": after,
    }  # fmt: skip


def page(cursor, *events, generation="old"):
    return Reaction(body={"generation": generation, "cursor": cursor, "events": list(events)})


AHEAD = Reaction(
    409, {"type": "urn:mpi:problem:conflict", "title": "No", "detail": "the cursor is ahead", "status": 409}
)


def asked(faults):
    return [path.partition("?")[2] for _, path, _, _ in faults.requests]


def test_pages_follow_each_other_to_the_end(client, kind):
    begin = None
    for page in client.follow():
        begin = page.position
    for number in range(3):
        record = make_child(
            f"{kind}-feed-{number}", first_name="Feed", last_name=f"{kind}x{'abc'[number] * 5}"
        )
        client.upsert("D01", record | {"birth_date": f"200{number}-05-0{number + 1}"})
    events = [event for page in client.follow(begin, limit=1) for event in page.events]
    assert [(each.commit, each.seq) for each in events] == sorted({(e.commit, e.seq) for e in events})
    assert events == [event for page in client.follow(begin, limit=1000) for event in page.events]
    assert [each.local_id for each in events] == [
        f"{kind}-feed-0", f"{kind}-feed-1", f"{kind}-feed-2",
    ]  # fmt: skip
    *_, last = client.follow(begin, limit=1)
    assert list(client.follow(last.position)) == []


def test_a_kept_cursor_moves_on_after_a_page_is_processed(faulty, faults, tmp_path):
    cursors = CursorFile(tmp_path / "cursor.json")
    faults.react(page(3, event(2), event(3)), page(5, event(5)), page(5))
    pages = faulty.follow(cursors)
    assert next(pages).cursor == 3
    assert cursors.load() is None
    assert next(pages).cursor == 5
    assert cursors.load() == FeedCursor("old", 3)
    pages.close()  # the program stopped within the second page: it comes again

    faults.react(page(5, event(5)), page(5))
    assert [each.cursor for each in faulty.follow(cursors)] == [5]
    assert asked(faults) == ["after=3&limit=500", "after=5&limit=500"]
    assert [file.name for file in tmp_path.iterdir()] == ["cursor.json"]


def test_the_end_of_the_feed_is_asked_again_while_polling(faulty, faults):
    faults.react(page(0), page(0), page(2, event(2)))
    pages = faulty.follow(poll_s=0.001)
    assert next(pages).cursor == 2
    pages.close()
    assert len(faults.requests) == 3


def test_a_restored_index_is_told_and_never_read_on_from(faulty, faults, tmp_path):
    cursors = CursorFile(tmp_path / "cursor.json")
    cursors.save(OLD)
    for reactions in ([page(9, event(9), generation="new")], [AHEAD, page(1, event(1), generation="new")]):
        faults.react(*reactions)
        with pytest.raises(FeedRestoredError, match="restored"):
            next(faulty.follow(cursors))
        assert cursors.load() == OLD
    faults.react(page(7, generation="new"))
    with pytest.raises(FeedRestoredError):
        list(faulty.follow(OLD))
    cursors.forget()
    faults.react(page(1, event(1), generation="new"), page(1, generation="new"))
    assert [each.position for each in faulty.follow(cursors)] == [FeedCursor("new", 1)]


def test_another_conflict_is_not_taken_for_a_restore(faulty, faults):
    faults.react(AHEAD, page(1, event(1)))
    with pytest.raises(ConflictError):
        next(faulty.follow(OLD))


def test_a_page_that_does_not_move_on_is_an_error(faulty, faults):
    faults.react(page(7, event(7)))
    with pytest.raises(InvalidAnswerError, match="cursor"):
        next(faulty.follow(OLD))


def test_a_single_page_is_read_from_a_cursor(faulty, faults):
    faults.react(page(9, event(9)))
    assert faulty.read_events(OLD, limit=5).position == FeedCursor("old", 9)
    assert asked(faults) == ["after=7&limit=5"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"generation": 1, "after": 1}', '{"generation": "x", "after": -1}',
     '{"generation": "x", "after": true}', '{"generation": "x", "after": 1.5}', "\udcff"],
)  # fmt: skip
def test_a_file_that_holds_no_cursor_is_refused(tmp_path, text):
    file = tmp_path / "cursor.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CursorFileError, match="not the file of a feed cursor"):
        CursorFile(file).load()


def test_a_cursor_that_cannot_be_saved_leaves_the_old_one(tmp_path, monkeypatch):
    cursors = CursorFile(tmp_path / "cursor.json")
    cursors.save(OLD)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("no space")))
    with pytest.raises(OSError, match="no space"):
        cursors.save(FeedCursor("old", 8))
    assert cursors.load() == OLD
    assert [file.name for file in tmp_path.iterdir()] == ["cursor.json"]
    assert json.loads((tmp_path / "cursor.json").read_text()) == {"generation": "old", "after": 7}


def test_events_may_be_applied_again(faulty, faults):
    faults.react(page(3, event(1), event(2), event(3) | {"local_id": "1", "after": None}), page(3))
    [read] = faulty.follow()
    crosswalk = {}
    for _ in range(2):
        apply_events(crosswalk, read.events)
        assert crosswalk == {RecordRef("D01", "2"): "T7K3-M92Q-X0HN"}
