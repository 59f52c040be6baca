"""Tickets: opened about one kind of issue, closed by the load that corrects it, opened again by its undo."""

from datetime import timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.service.data_quality.tickets import NewTicket, close_ticket, list_tickets, open_ticket
from mpi.service.loads.load_undo import undo_load
from tests.index import OPERATOR, make_child
from tests.unit.service.data_quality.test_issues import BAD, GOOD, OWNER, send


def in_days(number: int) -> str:
    return (clock.now() + timedelta(days=number)).date().isoformat()


def ask(index, viewer=OPERATOR, source="sis", **changes):
    fields = {"field": "sex", "kind": "unknown-code", "owner": "Olu Owner", "due_on": in_days(14), **changes}
    return open_ticket(index, viewer, source, NewTicket(**fields))


def states(index):
    return [(each.state, each.records_now, each.closed_load) for each in list_tickets(index, OWNER, "sis")]


def test_a_ticket_is_closed_by_the_load_that_corrects_the_last_record(index):
    other = make_child("2", first_name="Bo", sex="Q")
    send(index, BAD, other, on=1)
    ticket = ask(index)
    assert (ticket.number, ticket.state, ticket.records_at_opening) == (1, "open", 2)
    send(index, GOOD, on=2)
    assert states(index) == [("open", 1, None)]
    fix = send(index, {**other, "sex": "M"}, on=3).batch
    assert states(index) == [("corrected", 0, fix)]
    undo_load(index, OPERATOR, fix, "bad-load")
    assert states(index) == [("open", 1, None)]


def test_one_ticket_a_field_and_kind_is_open_at_a_time(index):
    send(index, BAD, on=1)
    first = ask(index)
    with pytest.raises(ConflictError):
        ask(index)
    closed = close_ticket(index, OPERATOR, "sis", first.number)
    assert (closed.state, closed.records_now) == ("closed", 1)
    with pytest.raises(ConflictError):
        close_ticket(index, OPERATOR, "sis", first.number)
    assert ask(index).number == 2
    assert [state for state, *_ in states(index)] == ["open", "closed"]


def test_a_ticket_is_overdue_after_its_day(index):
    send(index, BAD, on=1)
    ticket = ask(index, due_on=in_days(0))
    assert ticket.state == "open"
    with index.database.write(OPERATOR, "ticket") as unit:
        [stored] = unit.quality_tickets.of_source(1)
        unit.ensure_commit()
    assert stored.due_on == clock.today()


@pytest.mark.parametrize(
    "changes",
    [
        {"field": ""},
        {"kind": "x" * 65},
        {"owner": "a\nb"},
        {"due_on": "soon"},
        {"due_on": "2020-01-01"},
        {"due_on": "2199-01-01"},
        {"field": "phone"},
    ],
)
def test_a_wrong_ticket_is_refused(index, changes):
    send(index, BAD, on=1)
    with pytest.raises(InputError):
        ask(index, **changes)


def test_tickets_are_opened_by_who_administers_the_source_and_read_by_its_owner(index):
    send(index, BAD, on=1)
    with pytest.raises(AccessDenied):
        ask(index, OWNER)
    ask(index)
    assert len(list_tickets(index, OWNER, "sis")) == 1
    with pytest.raises(AccessDenied):
        list_tickets(index, OWNER, "d02")
    with pytest.raises(NotFoundError):
        close_ticket(index, OPERATOR, "sis", 99)
    with pytest.raises(NotFoundError):
        close_ticket(index, OPERATOR, "d02", 1)
