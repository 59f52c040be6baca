"""Tests of weekly feeds."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mpi.cli.arguments import parse_moment
from mpi.domain.errors import FileError
from mpi.domain.record import SENT_FIELDS
from mpi.domain.snapshot import Snapshot
from mpi.intake.reader import open_file
from mpi.service.loads.load import LoadOptions, load
from mpi.service.loads.load_guards import LoadEffect, find_hold_reason
from tests.index import OPERATOR, open_test_index
from training.__main__ import build_app
from training.simulate.files.feed_files import FEED_FIELDS, FeedPlan, save_feeds
from training.simulate.files.feeds import FEED_TRUTH_FIELDS, BlockFeed, estimate_cast_size, estimate_children
from training.simulate.people.blocks import Block, ignore_progress
from training.simulate.people.names import build_faker_names
from training.simulate.people.population import draw_state
from training.simulate.people.timeline import draw_timeline, extend_rates
from training.simulate.rates import load_rates
from training.simulate.sources.record_schedule import RecordPart, draw_schedule
from training.simulate.sources.rosters import SourceSystem, draw_rosters

WEEKS, CHILDREN = 60, 1_800
Row = dict[str, str]
Key = tuple[str, str]


def make_plan(weeks: int = WEEKS, children: int = CHILDREN, seed: int = 5) -> FeedPlan:
    rates = load_rates()
    return FeedPlan(
        seed=seed,
        children=children,
        weeks=weeks,
        book=build_faker_names(rates.names.tail_share, 0.6),
        rates=rates,
    )


def read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("feeds")
    save_feeds(make_plan(), out, ignore_progress)
    return out


@pytest.fixture(scope="module")
def feeds(folder: Path) -> list[tuple[Row, dict[str, Row]]]:
    """Read each feed file with its line in the feed list."""
    return [
        (line, {row["local_id"]: row for row in read(folder / line["file"])})
        for line in read(folder / "feeds.csv")
    ]


@pytest.fixture(scope="module")
def truth(folder: Path) -> dict[Key, Row]:
    return {(row["source"], row["local_id"]): row for row in read(folder / "truth.csv")}


def replay_files(
    feeds: list[tuple[Row, dict[str, Row]]],
) -> Iterator[tuple[Row, dict[str, Row], dict[str, Row]]]:
    """Yield each file with the records that its source held before."""
    records_by_source: dict[str, dict[str, Row]] = defaultdict(dict)
    for line, rows in feeds:
        source = line["source"]
        yield line, rows, records_by_source[source]
        records_by_source[source] = rows if line["snapshot"] == "full" else records_by_source[source] | rows


def count_changes(feeds: list[tuple[Row, dict[str, Row]]], source: str, *fields: str) -> int:
    """Count how often one of the fields of a record changed."""
    return sum(
        any(row[field] != before[number][field] for field in fields)
        for line, rows, before in replay_files(feeds)
        for number, row in rows.items()
        if line["source"] == source and number in before
    )


def test_same_seed_gives_the_same_feeds(tmp_path: Path) -> None:
    for name in ("one", "two"):
        save_feeds(make_plan(weeks=3, children=200), tmp_path / name, ignore_progress)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert len(files) == 4 * len(SourceSystem) + 3
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


def test_feed_list_names_every_file_in_week_order(folder: Path, feeds) -> None:
    assert {line["file"] for line, _ in feeds} == {
        f"week-{week:04}/{source}.csv" for week in range(WEEKS + 1) for source in SourceSystem
    }
    assert [int(line["week"]) for line, _ in feeds] == sorted(int(line["week"]) for line, _ in feeds)
    assert all(int(line["records"]) == len(rows) for line, rows in feeds)
    assert tuple(feeds[0][0]) == FEED_FIELDS
    header = (folder / feeds[-1][0]["file"]).read_text(encoding="utf-8").splitlines()[0].split(",")
    assert header == list(SENT_FIELDS)


@pytest.mark.parametrize("weeks", [1, 200])
def test_first_week_holds_about_the_requested_records(weeks: int) -> None:
    feed_plan = make_plan(weeks)
    children = estimate_children(3_000, 2, weeks, feed_plan.rates, feed_plan.book)
    feed = BlockFeed(
        Block(3), estimate_cast_size(children, weeks, feed_plan.rates), weeks, feed_plan.rates, feed_plan.book
    )
    assert sum(len(file) for file in islice(feed.generate_weeks(), len(SourceSystem))) == pytest.approx(
        3_000, rel=0.1
    )


def test_districts_send_full_snapshots_and_others_mostly_deltas(feeds) -> None:
    full_every_weeks = load_rates().feed.full_every_weeks
    for line, _ in feeds:
        kind = SourceSystem(line["source"]).kind
        assert (line["snapshot"] == "full") == (int(line["week"]) % full_every_weeks[kind] == 0)
    deltas = [len(rows) for line, rows in feeds if line["snapshot"] == "delta" and line["source"] == "ccwis"]
    assert 0 < np.mean(deltas) < 20


def test_truth_covers_every_sent_record_once(folder: Path, feeds, truth: dict[Key, Row]) -> None:
    sent_keys = {(line["source"], number) for line, rows in feeds for number in rows}
    assert set(truth) == sent_keys
    assert len(read(folder / "truth.csv")) == len(truth)
    assert tuple(next(iter(truth.values()))) == FEED_TRUTH_FIELDS


def test_truth_states_first_and_last_week_of_each_record(feeds, truth: dict[Key, Row]) -> None:
    for line, rows in feeds:
        if line["source"] != SourceSystem.NORTH:
            continue
        held_ids = {
            number
            for (source, number), row in truth.items()
            if source == SourceSystem.NORTH
            and int(row["first_week"]) <= int(line["week"]) <= int(row["last_week"])
        }
        assert set(rows) == held_ids


def test_unchanged_record_is_sent_unchanged(feeds) -> None:
    same = changed = 0
    for line, rows, before in replay_files(feeds):
        for number in rows.keys() & before.keys():
            if rows[number]["as_of"] == before[number]["as_of"]:
                assert rows[number] == before[number]
                same += 1
            else:
                assert rows[number]["as_of"] == line["as_of"] > before[number]["as_of"]
                changed += 1
    assert same > 10 * changed > 0


def test_full_snapshot_agrees_with_earlier_deltas(feeds) -> None:
    compared = 0
    for line, rows, before in replay_files(feeds):
        if line["source"] == SourceSystem.CCWIS and line["snapshot"] == "full" and before:
            compared += 1
            assert rows.keys() & before.keys()
            for number in rows.keys() - before.keys():
                assert rows[number]["as_of"] == line["as_of"]
            for number in rows.keys() & before.keys():
                assert rows[number] == before[number] or rows[number]["as_of"] == line["as_of"]
    assert compared == WEEKS // 4


def test_changes_are_spread_over_the_weeks(feeds, truth: dict[Key, Row]) -> None:
    assert count_changes(feeds, SourceSystem.CCWIS, "placements") > 10
    assert count_changes(feeds, SourceSystem.CCWIS, "address_line1") > 10
    assert count_changes(feeds, SourceSystem.STATE, "grade") > 300
    assert count_changes(feeds, SourceSystem.STATE, "last_name") > 3
    assert count_changes(feeds, SourceSystem.NORTH, "birth_date", "first_name") > 0
    assert count_changes(feeds, SourceSystem.NORTH, "exit_date") > 5
    joined = [row for row in truth.values() if int(row["first_week"]) > 0]
    left = [row for row in truth.values() if int(row["last_week"]) < WEEKS]
    assert min(len(joined), len(left)) > 50
    birth_dates = [
        row["birth_date"]
        for line, rows, before in replay_files(feeds)
        for number, row in rows.items()
        if line["source"] == SourceSystem.CCWIS and number not in before
    ]
    assert max(birth_dates) > feeds[0][0]["as_of"][:10]


def test_sealed_client_is_sent_once_and_replaced_by_a_new_client(feeds, truth: dict[Key, Row]) -> None:
    clients = defaultdict(list)
    for (source, number), row in truth.items():
        if source == SourceSystem.CCWIS:
            clients[row["person_id"]].append((number, int(row["first_week"])))
    sealed: set[str] = set()
    followed = 0
    for line, rows, _ in replay_files(feeds):
        if line["source"] != SourceSystem.CCWIS:
            continue
        assert not sealed & rows.keys()
        for number, row in rows.items():
            if '"sealed"' in row["restrictions"]:
                sealed.add(number)
                week = int(line["week"])
                others = clients[truth[SourceSystem.CCWIS, number]["person_id"]]
                followed += any(week > 0 and first in (week, week + 1) for _, first in others)
    assert followed > 1


def test_pupil_leaves_the_school_attended(feeds) -> None:
    schools = [
        (before[number]["school_id"], row["school_id"])
        for line, rows, before in replay_files(feeds)
        for number, row in rows.items()
        if line["source"] in (SourceSystem.NORTH, SourceSystem.SOUTH) and number in before
        if row["exit_date"] and not before[number]["exit_date"]
    ]
    assert len(schools) > 20
    assert all(before == after for before, after in schools)


def test_events_before_a_record_need_no_rewrite() -> None:
    feed_plan = make_plan(weeks=52)
    state = draw_state(4, 3_000, extend_rates(feed_plan.rates, 52), feed_plan.book)
    timeline = draw_timeline(state, 52)
    for roster in draw_rosters(
        state.block.stage_generator(7), state.schooling, state.care, state.rates
    ).values():
        schedule = draw_schedule(state, timeline, roster)
        changed_on = state.people.changed_on[roster.child]
        rewrite_dates = schedule.rewrite_dates[RecordPart.IDENTITY][0]
        assert np.isnat(rewrite_dates[changed_on <= schedule.created_on]).all()
        assert (rewrite_dates >= changed_on)[changed_on > schedule.created_on].all()
        assert not np.isnat(rewrite_dates).all()


def test_no_event_is_reported_before_it_happens(feeds) -> None:
    for line, rows in feeds:
        day = line["as_of"][:10]
        for row in rows.values():
            assert row["as_of"] <= line["as_of"]
            event_dates = [row["entry_date"], row["exit_date"], row["death_date"]]
            for placement in json.loads(row["placements"] or "[]"):
                event_dates += [placement["begin"], placement.get("end", "")]
            assert max(event_dates) <= day


def test_state_id_is_not_used_before_it_exists(feeds) -> None:
    assigned = {number for line, rows in feeds if line["source"] == SourceSystem.STATE for number in rows}
    first_week_ids: set[str] = set()
    for line, rows in feeds:
        if line["source"] == SourceSystem.STATE:
            first_week_ids |= rows.keys()
        elif line["week"] == "0" and line["source"] == SourceSystem.CCWIS:
            for row in rows.values():
                for identifier in json.loads(row["identifiers"] or "[]"):
                    assert identifier["value"] in first_week_ids or identifier["value"] not in assigned


def test_no_week_trips_a_load_guard(feeds) -> None:
    identity_fields = ("first_name", "middle_name", "last_name", "suffix", "birth_date")
    for line, rows, before in replay_files(feeds):
        withdrawn = before.keys() - rows.keys() if line["snapshot"] == "full" else ()
        renamed = sum(
            any(rows[number][field] != before[number][field] for field in identity_fields)
            for number in rows.keys() & before.keys()
        )
        sealed = sum(
            '"sealed"' in rows[number].get("restrictions", "") for number in rows.keys() & before.keys()
        )
        assert find_hold_reason(LoadEffect(len(before), len(withdrawn), renamed, sealed)) is None, line[
            "file"
        ]


def test_blocks_share_no_record_or_person(tmp_path: Path) -> None:
    small_blocks = replace(make_plan(weeks=2, children=600), records_per_block=300)
    save_feeds(small_blocks, tmp_path, ignore_progress)
    rows = read(tmp_path / "truth.csv")
    assert len({(row["source"], row["local_id"]) for row in rows}) == len(rows) > 600
    assert json.loads((tmp_path / "manifest.json").read_text())["records"] == len(rows)
    for line in read(tmp_path / "feeds.csv"):
        file_rows = read(tmp_path / line["file"])
        assert len({row["local_id"] for row in file_rows}) == len(file_rows) == int(line["records"])


def test_every_week_loads_into_an_index(tmp_path: Path) -> None:
    save_feeds(make_plan(weeks=2, children=150), tmp_path / "feeds", ignore_progress)
    with open_test_index(tmp_path / "index", *SourceSystem) as index:
        for line in read(tmp_path / "feeds" / "feeds.csv"):
            rows = open_file(tmp_path / "feeds" / line["file"], None, None)
            options = LoadOptions(Snapshot(line["snapshot"]), parse_moment(line["as_of"]))
            receipt = load(index, OPERATOR, line["source"], rows, options)
            assert receipt.status == "loaded"
            assert receipt.adds_up
            assert not receipt.rejected
            assert not receipt.history


def test_progress_is_reported_to_the_end(tmp_path: Path) -> None:
    reports: list[tuple[str, int, int]] = []
    save_feeds(make_plan(weeks=2, children=150), tmp_path, lambda *step: reports.append(step))
    assert {total for _, _, total in reports} == {3}
    assert sorted({done for _, done, _ in reports}) == [0, 1, 2]


def test_folder_with_feeds_is_refused(tmp_path: Path) -> None:
    save_feeds(make_plan(weeks=1, children=150), tmp_path, ignore_progress)
    with pytest.raises(FileError, match="weekly feeds already"):
        save_feeds(make_plan(weeks=1, children=150), tmp_path, ignore_progress)


def test_simulate_command_writes_weekly_feeds(tmp_path: Path) -> None:
    arguments = ["simulate", "--out", str(tmp_path / "out"), "--records", "300", "--weeks", "2"]
    result = CliRunner().invoke(build_app(arguments), arguments)
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["weeks"] == 2
    refused = CliRunner().invoke(build_app(arguments), [*arguments, "--format", "parquet"])
    assert "weekly feeds are CSV" in str(refused.exception)
