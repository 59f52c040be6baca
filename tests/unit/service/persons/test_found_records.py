"""A search that is answered with golden records writes all its ledger lines at once, or answers nothing."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from mpi.domain.errors import AccessDenied, SearchLimitError, StoreError
from mpi.domain.viewer import Action
from mpi.service.core.index import SearchLimits
from mpi.service.persons.found_records import search_golden_records
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.persons.search import search_persons
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, crosswalk, make_child, with_settings

CLERK = replace(OPERATOR, client="clerk")
CHILD = make_child(None)


def read_lines(index):
    """Return action, records and fields of each line of the clerk's on the ledger."""
    with index.database.read(OPERATOR) as unit:
        return [
            (line.action, line.record_ids, line.fields)
            for line in unit.disclosures.all()
            if line.client == CLERK.client
        ]


@pytest.fixture
def enterprise_id(index):
    """ID of the child whom the searches find."""
    upsert(index, OPERATOR, "sis", make_child("1"))
    return crosswalk(index)["sis", "1"]


def test_answer_and_lines_are_those_of_a_search_and_a_look_up(index, enterprise_id):
    results = search_persons(index, CLERK, CHILD)
    record = look_up_golden_record(index, CLERK, enterprise_id)
    separate_lines = read_lines(index)
    found = search_golden_records(index, CLERK, CHILD)
    assert (list(found.results), dict(found.records)) == (results, {enterprise_id: record})
    assert read_lines(index) == [*separate_lines, *separate_lines]


def test_a_person_who_was_read_before_is_not_read_again(index, enterprise_id):
    found = search_golden_records(index, CLERK, CHILD, known={enterprise_id})
    assert [result.enterprise_id for result in found.results] == [enterprise_id]
    assert not found.records
    assert [action for action, _, _ in read_lines(index)] == [Action.PERSON_SEARCH]


REFUSING = {
    "sqlite": (
        (
            "CREATE TRIGGER refuse_reading BEFORE INSERT ON disclosure WHEN NEW.action = 'person.read' "
            "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        ),
        "DROP TRIGGER refuse_reading",
    ),
    "postgresql": (
        "ALTER TABLE disclosure ADD CONSTRAINT refuse_reading CHECK (action <> 'person.read')",
        "ALTER TABLE disclosure DROP CONSTRAINT refuse_reading",
    ),
}
"""Statements that make a store refuse lines of golden records, and take them again."""


@pytest.fixture
def refused_readings(index, enterprise_id):
    """A ledger that takes no line of a golden record."""
    begin, end = REFUSING[index.database.engine.dialect.name]
    with index.database.ledger.engine.begin() as connection:
        connection.execute(text(begin))
    yield
    with index.database.ledger.engine.begin() as connection:
        connection.execute(text(end))


@pytest.mark.usefixtures("refused_readings")
def test_nothing_is_answered_or_written_where_one_line_cannot_be_written(index):
    with pytest.raises(StoreError):
        search_golden_records(index, CLERK, CHILD)
    assert read_lines(index) == []


def test_a_search_beyond_a_limit_writes_no_line_of_a_golden_record(index, enterprise_id):
    limited = with_settings(index, search_limits=SearchLimits(per_minute=10, per_child=1))
    search_golden_records(limited, CLERK, CHILD)
    lines = read_lines(index)
    with pytest.raises(SearchLimitError):
        search_golden_records(limited, CLERK, CHILD)
    assert read_lines(index) == lines


@pytest.mark.parametrize("missing", [Action.PERSON_SEARCH, Action.PERSON_READ, Action.RECORD_READ])
def test_whoever_may_not_read_what_is_found_is_refused_before_the_search(index, enterprise_id, missing):
    viewer = replace(CLERK, actions=frozenset(Action) - {missing})
    with pytest.raises(AccessDenied):
        search_golden_records(index, viewer, CHILD)
    assert read_lines(index) == []
