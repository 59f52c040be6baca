"""Security events for a SIEM: all of them, once, in order, and nothing of a child."""

import json
import logging
import re
import socket
import ssl
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from mpi.api.server.log_lines import LogOutput, start_log
from mpi.domain import clock
from mpi.domain.errors import AccessDenied, InputError, NotAuthenticated, RemoteSystemError
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.domain.security_events import COMMIT_EVENTS, EVENT_CLASSES, SecurityEvent
from mpi.domain.viewer import Action, Viewer, make_operator
from mpi.service.access.accounts.account_rights import change_account, grant_actions
from mpi.service.access.break_glass import review_use
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client
from mpi.service.access.sign_in import sign_in
from mpi.service.agreements.refusals import record_refusal
from mpi.service.audit.event_format import to_ecs, to_syslog
from mpi.service.audit.security_feed import Position, find_position, read_events
from mpi.service.audit.syslog_sender import parse_address, send_messages
from mpi.service.incidents.views import CLOSE_COMMIT
from mpi.service.persons.crosswalk_export import export_crosswalk
from mpi.service.persons.persons import look_up_crosswalk
from mpi.service.stewardship.merge_split_move import StepOptions, split
from tests.accounts import add_person
from tests.agreements import permit_emergencies
from tests.index import OPERATOR, load_rows, make_child

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "reference" / "security-events.md").read_text()
CANARY = "Xanthippe"
START = Position(0, 0, "")
EVENT = SecurityEvent("client-add", "commit-7", "2026-12-02T09:00:00.000000Z", "operator", target='a"b]c\\')


def test_each_event_is_read_once_in_order_and_names_nothing_of_a_child(index, manual_clock):
    permit_emergencies(index)
    load_rows(index, "sis", make_child("1", first_name=CANARY), make_child("2", first_name=CANARY))
    before = find_position(index, OPERATOR, manual_clock.now)
    manual_clock.advance(minutes=5)
    actions = ["person.read", "record.read", "record.write", "break.glass"]
    key = add_client(index, OPERATOR, "hotline", actions, None)
    add_person(index, "ana")
    authenticate(index, key, "emergency_breakglass", f"{CANARY} is missing")
    review_use(index, make_operator("privacy"), "hotline", f"{CANARY} was found")
    list(export_crosswalk(index, OPERATOR))
    eid = look_up_crosswalk(index, OPERATOR, "sis", "1").enterprise_id
    split(index, OPERATOR, eid, [[RecordRef("sis", "1")], [RecordRef("sis", "2")]], StepOptions("test"))
    for _ in range(3):
        record_refusal(index, Viewer("hotline", "case_planning"), "person.read", "no-agreement")
    manual_clock.advance(minutes=5)
    events, position, has_more = read_events(index, OPERATOR, before)
    assert [event.at for event in events] == sorted(event.at for event in events)
    names = [event.name for event in events]
    assert names.index("client-add") < names.index("account-add") < names.index("emergency-begin")
    assert set(names) == {
        "client-add", "account-add", "account-password", "emergency-begin", "emergency-review",
        "export-crosswalk", "incident-open", "access-refused",
    }  # fmt: skip
    [client_add] = [event for event in events if event.name == "client-add"]
    assert (client_add.actor, client_add.target) == ("operator", "hotline")
    [refused] = [event for event in events if event.name == "access-refused"]
    assert refused.facts["count"] == 3
    assert CANARY not in repr(events)
    assert eid not in repr(events)
    assert not has_more
    assert len({event.id for event in events}) == len(events)
    assert read_events(index, OPERATOR, position)[:2] == ([], position)


def test_events_that_come_between_two_readings_are_not_lost(sqlite_index, manual_clock, monkeypatch):
    monkeypatch.setattr("mpi.service.audit.security_feed._COMMITS_AT_ONCE", 1)
    position, names = START, []
    for number in range(3):
        add_client(sqlite_index, OPERATOR, f"c{number}", ["person.read"], None)
    has_more = True
    while has_more:
        events, position, has_more = read_events(sqlite_index, OPERATOR, position)
        names += [event.target for event in events if event.name == "client-add"]
    assert names == ["c0", "c1", "c2"]


def test_a_change_that_takes_a_right_away_tells_the_role_and_the_rights_that_remain(sqlite_index):
    add_person(sqlite_index, "ana", Role.STEWARD, {"sis"})
    grant_actions(sqlite_index, OPERATOR, "ana", [Action.BREAK_GLASS, Action.RECORD_WRITE])
    change_account(sqlite_index, OPERATOR, "ana", Role.STEWARD, None)
    events, _, _ = read_events(sqlite_index, OPERATOR, START)
    [change] = [event for event in events if event.name == "account-change"]
    assert (change.target, change.facts) == ("ana", {"role": "steward", "granted": "break.glass"})


def test_a_refusal_is_told_once_its_minute_is_over(sqlite_index, manual_clock):
    record_refusal(sqlite_index, Viewer("portal"), "person.read", "no-agreement")
    events, position, _ = read_events(sqlite_index, OPERATOR, START)
    assert "access-refused" not in {event.name for event in events}
    manual_clock.advance(minutes=4)
    assert [event.actor for event in read_events(sqlite_index, OPERATOR, position)[0]] == ["portal"]


def test_only_who_may_read_the_ledger_gets_events(sqlite_index):
    with pytest.raises(AccessDenied):
        read_events(sqlite_index, Viewer("portal", actions=frozenset({Action.PERSON_READ})), START)


def test_every_event_is_on_the_page_with_its_class_and_every_commit_kind_is_one_of_the_program():
    rows = re.findall(r"^\| `([a-z-]+)` \| `([a-z_]+)` \| ([a-z]+) \|", PAGE, re.MULTILINE)
    assert rows == [(name, each.category, each.severity.name.lower()) for name, each in EVENT_CLASSES.items()]
    code = "".join(path.read_text() for path in (ROOT / "mpi" / "service").rglob("*.py"))
    made = {*re.findall(r"""write\([\w.]+, f?"([\w -]+)["{]""", code), CLOSE_COMMIT}
    # The code writes f"agreement-{kind}".
    known = {kind if kind in made else re.sub(r"(?<=[- ])\w+$", "", kind) for kind in COMMIT_EVENTS}
    assert known - made == set()
    changes = {kind for kind in made if kind.startswith(("account-", "client-")) and not kind.endswith("-")}
    assert changes <= set(COMMIT_EVENTS), "a change of rights is an event"


def test_ecs_and_syslog_hold_the_same_event():
    line = json.loads(to_ecs(EVENT, "shared"))
    assert line["event.action"] == "client-add"
    assert line["event.category"] == ["iam"]
    assert line["user.target.name"] == EVENT.target
    assert "source.address" not in line
    message = to_syslog(EVENT, "shared", "mpi 1\n").decode()
    head, text = message.split(" \ufeff")
    assert head == (
        '<109>1 2026-12-02T09:00:00.000000Z mpi?1? mpi - client-add '
        '[mpi@32473 id="commit-7" actor="operator" target="a\\"b\\]c\\\\" scope="shared"]'
    )  # fmt: skip
    assert json.loads(text) == line


@contextmanager
def receive_syslog(authority):
    """Yield port and received bytes of a syslog server with TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    received = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            plain, _ = listener.accept()
            try:
                with context.wrap_socket(plain, server_side=True) as connection:
                    while chunk := connection.recv(65_536):
                        received.extend(chunk)
                    connection.unwrap()
            except OSError:
                plain.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], received
        thread.join(30)


def test_syslog_goes_over_tls_to_a_trusted_server_with_the_length_of_each_message(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    messages = [to_syslog(EVENT, "shared", "mpi"), b"<109>1 second"]
    with receive_syslog(authority) as (port, received):
        send_messages("localhost", port, messages, tmp_path / "ca.pem")
    assert bytes(received) == b"".join(b"%d %b" % (len(each), each) for each in messages)
    with (
        receive_syslog(trustme.CA()) as (port, received),
        pytest.raises(RemoteSystemError, match="localhost"),
    ):
        send_messages("localhost", port, messages, tmp_path / "ca.pem")
    assert not received, "nothing is sent to a server that is not trusted"
    with pytest.raises(InputError, match="certificates"):
        send_messages("localhost", port, messages, tmp_path / "none.pem")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("siem", ("siem", 6514)), ("siem:99", ("siem", 99)), ("[::1]:7", ("::1", 7)), ("[::1]", ("::1", 6514))],
)
def test_an_address_of_a_syslog_server_is_read(text, expected):
    assert parse_address(text) == expected


@pytest.mark.parametrize("text", ["", ":1", "siem:", "siem:0", "siem:70000", "siem:x", "siem:¹"])
def test_a_wrong_address_is_refused(text):
    with pytest.raises(InputError, match="HOST:PORT"):
        parse_address(text)


@pytest.fixture
def security_log(tmp_path):
    """The file of security events of a server; the loggers are put back."""
    loggers = [logging.getLogger(name) for name in ("mpi", "uvicorn.error")]
    before = [(each, list(each.handlers), each.propagate, each.level) for each in loggers]
    path = tmp_path / "security.jsonl"
    start_log(LogOutput(security_log=path))
    yield path
    for each, handlers, propagate, level in before:
        for handler in each.handlers:
            handler.close()
        each.handlers[:], each.propagate = handlers, propagate
        each.setLevel(level)


def test_a_server_appends_sign_ins_to_a_private_file_that_may_be_rotated(sqlite_index, security_log):
    add_person(sqlite_index, "ana")
    security_log.rename(security_log.with_suffix(".1"))
    for name in ("ana", CANARY):
        with pytest.raises(NotAuthenticated):
            sign_in(sqlite_index, name, f"{CANARY}-password", address="192.0.2.7")
    text = security_log.read_text()
    known, unknown = map(json.loads, text.splitlines())
    assert (known["event.action"], known["user.name"]) == ("sign-in-refused", "ana")
    assert known["labels"] == {"scope": "shared", "failures": 1}
    assert known["source.address"] == "192.0.2.7"
    assert known["@timestamp"][:13] == clock.format_timestamp(clock.now())[:13]
    assert "user.name" not in unknown, "what was typed as a name may be a password"
    assert CANARY not in text
    assert security_log.with_suffix(".1").stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_stops_the_server(tmp_path):
    with pytest.raises(InputError, match="MPI_SECURITY_LOG"):
        start_log(LogOutput(security_log=tmp_path / "none" / "log"))
