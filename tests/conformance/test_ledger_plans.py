"""Every reading of the ledger finds its lines by an index on both stores."""

import json
import random
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, insert

from mpi.domain.clock import format_timestamp
from mpi.storage.repositories.access.disclosure_search import DisclosureFilter, DisclosureSearch
from mpi.storage.repositories.access.disclosures import Disclosure, Disclosures
from mpi.storage.repositories.access.refusals import RefusalFilter, Refusals
from mpi.storage.tables import RefusalRow, table_of
from mpi.storage.unit_of_work.database import Lock
from tests.index import OPERATOR

LINES, CLIENTS, ACTIONS, PURPOSES, AGREEMENTS = 3_000, 60, 24, 30, 20
SINCE, UNTIL = "2026-01-01", "2027-01-01"
CLIENT, ACTION, PURPOSE, AGREEMENT = "client-07", "action-03", "purpose-03", "agreement-07"


def make_minute(number):
    """Return the minute in which a line is written, later for later lines."""
    return f"2026-{1 + number // 280:02}-{1 + number // 10 % 28:02}T{number % 10:02}:00"


def make_line(number):
    return Disclosure(
        at=f"{make_minute(number)}:00.000000Z",
        client=f"client-{number % CLIENTS:02}",
        purpose=f"purpose-{number % PURPOSES:02}",
        action=f"action-{number * 7 % ACTIONS:02}",
        record_ids=(number, number + 1),
        fields=("enterprise_id",),
        agreement=f"agreement-{number % AGREEMENTS:02}",
    )


def make_refusal(number):
    line = make_line(number)
    return {
        "minute": make_minute(number),
        "client": line.client,
        "action": line.action,
        "purpose": line.purpose,
        "agreement": line.agreement,
        "reason": f"reason-{number}",
        "count": 1,
    }


@pytest.fixture
def ledger(database):
    """Connection of a ledger with many lines and refusals of many clients."""
    with database.ledger.write(OPERATOR, "disclose", Lock.NONE) as unit:
        unit.disclosures.add_all(1, [make_line(number) for number in range(LINES)])
    with database.ledger.engine.begin() as connection:
        connection.execute(insert(table_of(RefusalRow)), [make_refusal(number) for number in range(LINES)])
    with database.ledger.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE")  # as its server does by itself; SQLite has no statistics
        yield connection


def read_plans(connection, read):
    """Run a reading, and return the plan of each statement as text."""
    statements = []

    def note(_connection, _cursor, statement, parameters, _context, _is_many):
        statements.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    found = read()
    event.remove(connection, "before_cursor_execute", note)
    assert found, "the reading found no line: its plan would tell nothing"
    return [_explain(connection, *statement) for statement in statements]


def _explain(connection, statement, parameters):
    if connection.dialect.name == "postgresql":
        rows = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar()
        return json.dumps(rows)
    return "\n".join(
        row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    )


def is_scan(plan):
    """Return whether a plan reads a whole table."""
    return "Seq Scan" in plan or re.search(
        r"^SCAN (disclosure|disclosed_record|refusal)\b", plan, re.MULTILINE
    )


def filtered(**wanted):
    return lambda ledger: list(
        DisclosureSearch(ledger).iterate_filtered(DisclosureFilter(SINCE, UNTIL, **wanted))
    )


READINGS = {
    "by client": ("ix_disclosure_client", filtered(client=CLIENT)),
    "by purpose": ("ix_disclosure_purpose", filtered(purpose=PURPOSE)),
    "by action": ("ix_disclosure_action", lambda ledger: Disclosures(ledger).of_actions([ACTION])),
    "by client and action": (
        "ix_disclosure_(action|client)",
        lambda ledger: Disclosures(ledger).lines_of_client("client-03", ["action-21"], SINCE),
    ),
    "times of answers": (
        "ix_disclosure_(action|client)",
        lambda ledger: Disclosures(ledger).times_of_answers("client-03", "action-21", ""),
    ),
    "time of an answer": (
        "ix_disclosure_(action|client)",
        lambda ledger: Disclosures(ledger).time_of_answer("client-03", "action-21", "", 2),
    ),
    "recipients under an agreement": (
        "ix_disclosure_agreement",
        lambda ledger: Disclosures(ledger).recipients(AGREEMENT),
    ),
    "first answer under an agreement": (
        "ix_disclosure_agreement",
        lambda ledger: Disclosures(ledger).first_answer(AGREEMENT, CLIENT, SINCE),
    ),
    "records of a purpose": (
        "ix_disclosure_(client|purpose)",
        lambda ledger: Disclosures(ledger).records_answered("client-03", PURPOSE, SINCE),
    ),
}


def test_a_reading_of_the_ledger_finds_its_lines_by_an_index(ledger):
    for name, (index, read) in READINGS.items():
        plans = read_plans(ledger, lambda read=read: read(ledger))
        # Where few lines of the days are left, PostgreSQL may well find them by their time.
        assert re.search(index, plans[0]), (name, plans[0])
        assert not any(map(is_scan, plans)), (name, plans)


ABOUT_RECORDS = {
    "who saw a child": filtered(record_ids=frozenset({7, 8})),
    "all because of a link": lambda ledger: DisclosureSearch(ledger).about_records(SINCE, [7, 8]),
    "each record of a student's file": lambda ledger: list(
        DisclosureSearch(ledger).iterate_by_record([7, 8], SINCE, UNTIL)
    ),
}
BY_RECORD = re.compile(r"PRIMARY KEY|disclosed_record_pkey|disclosure_pkey|INTEGER PRIMARY KEY")


def test_lines_about_records_are_found_by_the_index_by_record(ledger):
    for name, read in ABOUT_RECORDS.items():
        plans = read_plans(ledger, lambda read=read: read(ledger))
        assert all(map(BY_RECORD.search, plans)), (name, plans)
        assert not any(map(is_scan, plans)), (name, plans)
        assert not any("ix_disclosure_at" in plan for plan in plans), (name, plans)


def test_answers_about_records_cost_no_more_for_a_client_with_many_answers(ledger):
    [plan] = read_plans(
        ledger, lambda: Disclosures(ledger).times_of_answers_about("client-03", "action-21", "", [3, 4])
    )
    assert BY_RECORD.search(plan), plan
    assert not is_scan(plan), plan
    if ledger.dialect.name == "sqlite":  # PostgreSQL knows which of the two indexes finds fewer lines
        assert "ix_disclosure_" not in plan


def test_lines_about_records_are_those_that_name_them_the_latest_first(ledger):
    wanted = DisclosureFilter(SINCE, UNTIL, record_ids=frozenset({7, 8}))
    found = [line for chunk in DisclosureSearch(ledger).iterate_filtered(wanted) for line in chunk]
    # Record 0 stands for sets of records, which may concern each.
    assert [line.record_ids for line in found] == [(8, 9), (7, 8), (6, 7), (0, 1)]


def test_a_page_of_the_ledger_reads_on_from_a_line_and_skips_none(ledger):
    wanted = DisclosureFilter(SINCE, UNTIL, client=CLIENT)
    chunks = list(DisclosureSearch(ledger).iterate_filtered(wanted))
    times = [line.at for chunk in chunks for line in chunk]
    assert len(times) == LINES // CLIENTS
    assert times == sorted(times, reverse=True)
    half = times[len(times) // 2]
    rest = DisclosureSearch(ledger).iterate_filtered(DisclosureFilter(SINCE, half, client=CLIENT))
    assert [line.at for chunk in rest for line in chunk] == [at for at in times if at < half]
    plans = read_plans(ledger, lambda: list(DisclosureSearch(ledger).iterate_filtered(wanted)))
    assert not any("OFFSET" in plan or "TEMP B-TREE" in plan for plan in plans)


def test_refusals_of_few_days_are_found_by_an_index(ledger):
    for client in (None, "client-00"):
        wanted = RefusalFilter("2026-03-02", "2026-03-09", client=client)
        [plan] = read_plans(ledger, lambda wanted=wanted: Refusals(ledger).latest(wanted, 100))
        assert not is_scan(plan), plan


def test_the_nth_latest_answer_of_a_client_is_found_among_those_after_a_moment(ledger):
    times = Disclosures(ledger).times_of_answers("client-03", "action-21", "")
    for since, later in (("", times), (times[1], times[2:])):
        found = [
            Disclosures(ledger).time_of_answer("client-03", "action-21", since, nth)
            for nth in range(1, len(later) + 2)
        ]
        assert found == [*reversed(later), None]


def test_the_records_of_a_purpose_are_those_of_its_lines(ledger):
    numbers = [number for number in range(LINES) if number % CLIENTS == 3]
    expected = {record for number in numbers for record in (number, number + 1)}
    assert Disclosures(ledger).records_answered("client-03", PURPOSE, SINCE) == expected


def test_recipients_and_first_answers_are_those_of_the_lines(ledger):
    lines = [make_line(number) for number in range(LINES)]
    of_agreement = [line for line in lines if line.agreement == AGREEMENT]
    assert Disclosures(ledger).recipients(AGREEMENT) == sorted({line.client for line in of_agreement})
    assert Disclosures(ledger).recipients("none") == []
    times = sorted(line.at for line in of_agreement if line.client == CLIENT)
    for since in ("", times[1], times[-1]):
        expected = next(at for at in times if at >= since)
        assert Disclosures(ledger).first_answer(AGREEMENT, CLIENT, since) == expected
    assert Disclosures(ledger).first_answer(AGREEMENT, CLIENT, UNTIL) is None
    assert Disclosures(ledger).first_answer(AGREEMENT, "client-08", "") is None


def write_lines_about_one_child(database, count):
    """Write lines that wait for up to 20 hours, so that their numbers are not in the order of time."""
    delays = random.Random(7)
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    lines = [
        replace(
            make_line(number),
            at=format_timestamp(begin + timedelta(hours=number - delays.uniform(0, 20))),
            record_ids=(7,),
        )
        for number in range(count)
    ]
    with database.ledger.write(OPERATOR, "disclose", Lock.NONE) as unit:
        unit.disclosures.add_all(1, lines)
    return sorted((line.at for line in lines), reverse=True)


@pytest.mark.parametrize(("newest", "oldest"), [(0, 2_000), (0, 300), (700, 1_500), (1_999, 2_000)])
def test_lines_about_a_child_are_in_the_order_of_time_though_some_were_written_late(database, newest, oldest):
    times = write_lines_about_one_child(database, 2_000)[newest:oldest]
    wanted = DisclosureFilter(times[-1], f"{times[0]}~", record_ids=frozenset({7}))
    with database.ledger.engine.connect() as ledger:
        found = [line.at for chunk in DisclosureSearch(ledger).iterate_filtered(wanted) for line in chunk]
    assert found == times


def count_lines_read(connection, read):
    """Run a reading, and count the numbers of lines in its statements."""
    parameters = []
    event.listen(
        connection,
        "before_cursor_execute",
        lambda _connection, _cursor, _statement, values, _context, _is_many: parameters.append(values),
    )
    read()
    bound = [
        value for values in parameters for value in (values.values() if isinstance(values, dict) else values)
    ]
    numbers = [number for value in bound for number in (value if isinstance(value, list) else [value])]
    return sum(isinstance(number, int) for number in numbers)


@pytest.mark.parametrize("until", [UNTIL, "2026-04-01"])
def test_the_newest_lines_about_a_child_are_read_without_the_others(database, until):
    write_lines_about_one_child(database, 4_000)
    wanted = DisclosureFilter(SINCE, until, record_ids=frozenset({7}))
    with database.ledger.engine.connect() as ledger:
        chunks = DisclosureSearch(ledger).iterate_filtered(wanted)
        assert count_lines_read(ledger, lambda: next(chunk for chunk in chunks if len(chunk) > 50)) < 500


@pytest.mark.parametrize("since", [SINCE, "2026-04-20", "2026-08-14", UNTIL])
def test_lines_because_of_a_link_are_all_since_then_and_no_earlier_ones_are_read(database, since):
    times = write_lines_about_one_child(database, 4_000)
    wanted = sorted(at for at in times if at >= since)
    with database.ledger.engine.connect() as ledger:
        found = DisclosureSearch(ledger).about_records(since, [7])
        read = count_lines_read(ledger, lambda: DisclosureSearch(ledger).about_records(since, [7]))
    assert sorted(line.at for line in found) == wanted
    assert read < len(wanted) + 100
