"""Who owes what to whom, from what the index keeps and from a file of declared owners."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, InputError
from mpi.domain.viewer import Action
from mpi.service.data_quality.tickets import NewTicket, close_ticket, open_ticket
from mpi.service.records.upsert import upsert
from mpi.service.responsibilities.declarations import FILE_NAME, ObligationKind, parse_declarations
from mpi.service.responsibilities.obligations import read_obligations
from mpi.service.responsibilities.yearly_report import make_responsibility_report
from tests.index import OPERATOR, make_child, open_test_index
from tests.rosters import add_sources, days_ago

HEADER = "kind,of,owner,escalates_to,days\n"


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with open_test_index(tmp_path_factory.mktemp("obligations")) as new_index:
        add_sources(new_index)
        upsert(
            new_index,
            OPERATOR,
            "D01",
            make_child("1", first_name="Ana", last_name="Lopez", birth_date="2010-02-31"),
        )
        (new_index.home / FILE_NAME).write_text(
            HEADER
            + "feed,D01,North SIS team,North director,2\n"
            + "ticket,D01,North SIS team,State data office,\n"
            + "queue,,Stewards,Head of data,30\n"
        )
        (new_index.home / "contacts.csv").write_text(
            "level,code,organization,name,phone,email,owner,confirm_by\n"
            "district,D01,North,Pat Doe,614-555-0100,,North office,2020-01-31\n"
        )
        yield new_index


def kinds_of(obligations):
    return {(str(each.kind), each.subject): each for each in obligations}


def test_each_late_thing_has_an_owner_and_an_escalation(index):
    ticket = open_ticket(
        index, OPERATOR, "D01", NewTicket("birth_date", "impossible-date", "North registrar", clock.today())
    )
    with clock.fixed_clock(clock.now() + timedelta(5)):
        overview = read_obligations(index, OPERATOR)
        found = kinds_of(overview.obligations)
        assert [each.due for each in overview.obligations] == sorted(
            each.due for each in overview.obligations
        )
        feed = found["feed", "D01"]
        assert (feed.owner, feed.escalates_to, feed.days_left, feed.is_late) == (
            "North SIS team", "North director", -3, True,
        )  # fmt: skip
        asked = found["ticket", "D01"]
        assert (asked.owner, asked.owed_to, asked.escalates_to) == (
            "North registrar", OPERATOR.client, "State data office",
        )  # fmt: skip
        assert asked.detail == "birth_date: impossible-date"
        assert found["contact", "D01"].owner == "North office"
        assert overview.late == 3
        assert (ObligationKind.FEED, "D02") in overview.without_owner
        close_ticket(index, OPERATOR, "D01", ticket.number)
        report = make_responsibility_report(index, OPERATOR)
    [done] = report.history
    assert (done.owner, done.is_late) == ("North registrar", True)
    row = next(row for row in report.owners if row.owner == "North registrar")
    assert (row.open, row.done, row.done_late) == (0, 1, 1)
    with clock.fixed_clock(clock.now() + timedelta(10)):
        assert make_responsibility_report(index, OPERATOR, days_ago(0)).history == ()
    with pytest.raises(InputError):
        make_responsibility_report(index, OPERATOR, days_ago(-1))


def test_the_queue_is_named_to_its_readers_alone(index):
    with index.database.read(OPERATOR) as unit:
        assert unit.figures.oldest_opened_at(clock.today()) is None
    officer = replace(OPERATOR, actions=frozenset({Action.AGREEMENT_ADMIN, Action.AGREEMENT_READ}))
    kinds = {each.kind for each in read_obligations(index, officer).obligations}
    assert ObligationKind.QUEUE not in kinds
    with pytest.raises(AccessDenied):
        read_obligations(index, replace(OPERATOR, actions=frozenset({Action.TASK_READ})))


@pytest.mark.parametrize(("row", "fault"), [
    ("boat,D01,Owner,,2\n", "line 2, kind"),
    ("feed,D01,,,2\n", "line 2, owner"),
    ("feed,D01,Owner,,\n", "line 2, days"),
    ("feed,D01,Owner,,-2\n", "line 2, days"),
    ("feed,D01,Owner,,9999999\n", "line 2, days"),
    ("feed,D01,Owner,,2\nfeed,D01,Other,,3\n", "line 3"),
    ("feed,D01,Owner,,2,more\n", "more cells"),
])  # fmt: skip
def test_a_fault_of_the_declared_owners_is_named(row, fault):
    with pytest.raises(InputError, match=fault):
        parse_declarations(HEADER + row)
    with pytest.raises(InputError, match="line 1"):
        parse_declarations("kind,owner\n")
