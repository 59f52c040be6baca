"""Changes of enterprise IDs are counted by day and cause, on both stores."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, InputError
from mpi.domain.record_ref import RecordRef
from mpi.service.quality.id_churn import report_churn
from mpi.service.records.withdrawal import withdraw
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.index import OPERATOR, load_rows, many_children

START = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture
def early_clock(manual_clock):
    """The clock, set before the index is made."""
    manual_clock.now = START
    return manual_clock


def say(index, kind, *records):
    refs = [RecordRef(source, local_id) for source, local_id in records]
    groups = (tuple(refs),) if kind is DecisionKind.SAME else tuple((ref,) for ref in refs)
    decide(index, OPERATOR, DecisionRequest(kind, groups, "test"))


def test_created_merged_split_and_emptied_ids_are_counted_by_day_and_cause(early_clock, index):
    children = many_children(6)
    load_rows(index, "sis", *children)
    load_rows(index, "ccwis", *children[:4])
    early_clock.now += timedelta(days=1)
    # Two persons become one, one becomes two, and one loses its only record.
    say(index, DecisionKind.SAME, ("sis", "c4"), ("sis", "c0"))
    say(index, DecisionKind.DIFFERENT, ("sis", "c1"), ("ccwis", "c1"))
    withdraw(index, OPERATOR, "sis", "c5")
    churn = report_churn(index, OPERATOR, "2026-11-02")
    assert (churn.stable.ids, churn.stable.retired, churn.stable.changed) == (6, 1, 3)
    assert churn.unchanged == 0.5
    assert churn.stable.moved == 2
    by_cause = {each.cause: each for each in churn.days}
    assert {each.day for each in churn.days} == {"2026-11-03"}
    assert sum(each.created for each in churn.days) == 1
    assert sum(each.merged for each in churn.days) == 1
    assert sum(each.split for each in churn.days) == 1
    assert sum(each.emptied for each in churn.days) == 1
    assert len(by_cause) > 1
    first = report_churn(index, OPERATOR, "2026-11-01")
    assert (first.stable.ids, first.unchanged) == (0, None)
    assert sum(each.created for each in first.days if each.day == "2026-11-02") == 6
    quiet = report_churn(index, OPERATOR, "2026-11-03")
    assert (quiet.unchanged, quiet.days) == (1, ())


def test_only_who_holds_the_database_gets_them(index):
    with pytest.raises(AccessDenied):
        report_churn(index, replace(OPERATOR, sources=frozenset({"sis"})), "2026-11-02")
    with pytest.raises(InputError, match="--since"):
        report_churn(index, OPERATOR, "soon")
