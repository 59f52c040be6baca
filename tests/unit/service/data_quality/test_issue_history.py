"""Spans of issues follow from the order in which statements were true, not in which they came."""

import random

import pytest

from mpi.service.data_quality.issue_history import IssueState, trace_issues, trace_rejects
from mpi.storage.repositories.sources.quality_issues import NamedReject
from mpi.storage.repositories.sources.record_assertions import RecordAssertion

SEX = ("sex", "unknown-code")
ISSUES = {1: frozenset({SEX}), 3: frozenset({SEX, ("phone", "invalid-phone")})}


def state(day: int, version: int | None, *, held: bool = False, commit: int | None = None):
    return RecordAssertion(f"2026-03-{day:02}", commit or day, version, is_held=held, batch_id=day)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_arrival_does_not_matter(seed):
    statements = [state(1, 1), state(2, 1), state(3, 2), state(4, 3), state(5, None)]
    expected = trace_issues(statements, ISSUES)
    random.Random(seed).shuffle(statements)
    assert trace_issues(statements, ISSUES) == expected
    assert [(span.field, span.state) for span in expected] == [
        ("phone", IssueState.WITHDRAWN),
        ("sex", IssueState.WITHDRAWN),
    ]


def test_a_held_statement_neither_begins_nor_ends_an_issue():
    [span] = trace_issues([state(1, 1), state(2, 2, held=True)], ISSUES)
    assert (span.state, span.last_seen) == (IssueState.OPEN, "2026-03-01")
    assert trace_issues([state(1, 1, held=True)], ISSUES) == []


def test_rows_before_a_correction_belong_to_an_earlier_span():
    rejects = [NamedReject("9", "", "unknown-field", load, f"2026-03-{load:02}", load) for load in (1, 3, 4)]
    [span] = trace_rejects(rejects, [state(2, 2)])
    assert (span.state, span.load, span.last_load) == (IssueState.OPEN, 3, 4)
    [span] = trace_rejects(rejects, [state(2, 2), state(5, 2)])
    assert (span.state, span.ended_load) == (IssueState.CORRECTED, 5)
    [span] = trace_rejects(rejects, [state(5, None)])
    assert (span.state, span.load) == (IssueState.WITHDRAWN, 1)
