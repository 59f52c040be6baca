"""The daily mail: counts and a link only, once a day, and only for who wants it."""

import re
from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.domain.viewer import Viewer, make_operator
from mpi.service.access.accounts.account_end import end_account
from mpi.service.notices.digest import DigestSender, find_address, send_digests, turn_off, turn_on
from mpi.service.notices.mail import MailFolder
from mpi.service.persons.persons import look_up_crosswalk
from mpi.service.review.assignments import assign
from mpi.service.stewardship.merge_split_move import StepOptions, split
from mpi.storage.unit_of_work.database import Lock
from tests.accounts import add_person, cheap_password_hashing
from tests.desk import ANN, BEN, SIS_STEWARD, load_doubtful_pairs, question_keys
from tests.index import OPERATOR, load_rows, make_child, open_test_index
from tests.mail_server import receiving
from tests.rosters import MARISOL, WORKER, add_sources, days_ago, put_child, put_student
from tests.rosters import assign as assign_children

LINK = "https://mpi.example.gov"


@pytest.fixture
def box(tmp_path):
    with receiving(tmp_path) as mailbox:
        yield mailbox


@pytest.fixture
def staffed(index):
    """An index with two questions of Ann's; Ann and Ben have accounts."""
    with cheap_password_hashing():
        for name in ("ann", "ben"):
            add_person(index, name, Role.STEWARD, None)
    load_doubtful_pairs(index, 3)
    for key in question_keys(index)[:2]:
        assign(index, ANN, key, "ann")
    return index


def send(index, box, pauses=None):
    noted = [] if pauses is None else pauses
    return send_digests(index, DigestSender(box.server, LINK, pause=noted.append))


def test_the_mail_holds_counts_and_the_link_and_nothing_else(staffed, box):
    turn_on(staffed, ANN, " ann@example.org ")
    assert send(staffed, box).sent == 1
    [message] = box.messages
    text = message.get_content()
    assert re.sub(r"\s+", " ", text).strip() == (
        "2 of your questions are open. Sign in to see them: https://mpi.example.gov You get this mail "
        "at most once a day. To stop it, sign in, open Activity and choose Stop."
    )
    assert message["To"] == "ann@example.org"
    assert message["Auto-Submitted"] == "auto-generated"
    for word in ("ann", "question", "sis"):
        assert word not in message["Message-ID"].lower()
        assert word not in message["Subject"].lower()


def test_an_officer_reads_of_wrong_links_that_wait_and_of_those_overdue(index, box):
    with cheap_password_hashing():
        add_person(index, "pia", Role.PRIVACY_OFFICER, None)
    load_rows(index, "sis", make_child("1"))
    load_rows(index, "ccwis", make_child("2"))
    eid = look_up_crosswalk(index, make_operator("registry"), "sis", "1").enterprise_id
    look_up_crosswalk(index, make_operator("registry"), "ccwis", "2")
    split(index, OPERATOR, eid, [[RecordRef("sis", "1")], [RecordRef("ccwis", "2")]], StepOptions("test"))
    turn_on(index, Viewer("pia"), "pia@example.org")
    send(index, box)
    with clock.fixed_clock(clock.now() + timedelta(days=4)):
        send(index, box)
    first, second = (message.get_content() for message in box.messages)
    assert "1 wrong link waits for you." in first
    assert "overdue" not in first
    assert "1 wrong link waits for you.\n1 wrong link is overdue." in second.replace("\r", "")


def test_nobody_is_mailed_unasked_twice_or_for_nothing(staffed, box):
    assert send(staffed, box).sent == 0
    turn_on(staffed, ANN, "ann@example.org")
    turn_on(staffed, BEN, "ben@example.org")
    first, second = send(staffed, box), send(staffed, box)
    assert (first.sent, first.skipped, second.sent, second.skipped) == (1, 1, 0, 2)
    with clock.fixed_clock(clock.now() + timedelta(days=1)):
        assert send(staffed, box).sent == 1
    turn_off(staffed, ANN)
    with clock.fixed_clock(clock.now() + timedelta(days=2)):
        assert send(staffed, box).sent == 0
    assert find_address(staffed, ANN) is None
    assert [message["To"] for message in box.messages] == ["ann@example.org"] * 2


def test_a_passing_failure_is_tried_again_and_a_lasting_one_is_said(staffed, box, caplog):
    turn_on(staffed, ANN, "ann@example.org")
    pauses = []
    box.answers = [451, 451]
    assert send(staffed, box, pauses).sent == 1
    assert pauses == [1.0, 5.0]
    with clock.fixed_clock(clock.now() + timedelta(days=1)):
        box.answers = [550]
        result = send(staffed, box)
        assert (result.sent, result.failed) == (0, ("ann",))
        # A later run of the same day tries again.
        assert send(staffed, box).sent == 1
    assert "ann@example.org" not in caplog.text
    assert "code 550" in caplog.text


def test_after_a_broken_connection_nobody_is_mailed_twice_that_day(staffed, box):
    turn_on(staffed, ANN, "ann@example.org")
    box.breaks = True
    assert send(staffed, box).uncertain == ("ann",)
    box.breaks = False
    assert send(staffed, box).uncertain == ("ann",)
    assert len(box.messages) == 1
    with clock.fixed_clock(clock.now() + timedelta(days=1)):
        assert send(staffed, box).sent == 1


def test_a_run_that_was_killed_after_it_began_mails_nobody_twice(staffed, box):
    turn_on(staffed, ANN, "ann@example.org")
    with staffed.database.write(OPERATOR, "digest", Lock.NONE) as unit:
        assert unit.digests.begin("ann", clock.today())
        assert not unit.digests.begin("ann", clock.today())
    assert (send(staffed, box).uncertain, box.messages) == (("ann",), [])


def test_the_address_of_an_account_that_ended_is_deleted(staffed, box):
    turn_on(staffed, ANN, "ann@example.org")
    end_account(staffed, OPERATOR, "ann")
    assert (send(staffed, box).removed, box.messages) == (1, [])
    assert find_address(staffed, ANN) is None


def test_only_a_person_with_an_account_gets_mail(staffed):
    with pytest.raises(ConflictError, match="account"):
        turn_on(staffed, SIS_STEWARD, "sia@example.org")


@pytest.mark.parametrize(
    "text",
    [
        "", "ann", "ann@", "@example.org", "ann@localhost", "a b@example.org", "änn@example.org",
        "ann@example.org, ben@example.org", "ann@example.org\nBcc: x@example.org", "Ann <ann@example.org>",
        f"{'a' * 250}@example.org",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(staffed, text):
    with pytest.raises(InputError, match="address"):
        turn_on(staffed, ANN, text)
    assert find_address(staffed, ANN) is None


def test_a_caseworker_and_a_point_of_contact_read_the_counts_of_their_lists(tmp_path, box):
    with clock.fixed_clock(clock.now() - timedelta(60)):
        opened = open_test_index(tmp_path)
        lists = opened.__enter__()
    try:
        add_sources(lists)
        put_student(lists)
        put_child(lists, since=days_ago(2))
        put_child(lists, "c2", child={**MARISOL, "first_name": "Odalys", "last_name": "Trueblood"})
        assign_children(lists, "c1", "c2")
        with cheap_password_hashing():
            add_person(lists, WORKER.code, Role.CASEWORKER, None)
            add_person(lists, "pat", Role.POINT_OF_CONTACT, None)
        for name in (WORKER.code, "pat"):
            turn_on(lists, Viewer(name), f"{name}@example.org")
        assert send(lists, box).sent == 2
        texts = {message["To"]: message.get_content() for message in box.messages}
    finally:
        opened.__exit__(None, None, None)
    assert "1 of your children has no known school." in texts["cal@example.org"]
    assert "1 student came onto it this week." in texts["pat@example.org"]
    for text in texts.values():
        assert not re.search("Marisol|Odalys|c1|s1|1042", text)


def test_a_mail_is_written_into_a_folder_once(staffed, tmp_path):
    turn_on(staffed, ANN, "ann@example.org")
    outbox = tmp_path / "outbox"
    sender = DigestSender(MailFolder(outbox, "mpi@example.org"), LINK)
    assert send_digests(staffed, sender).failed == ("ann",), "there is no folder yet"
    outbox.mkdir()
    assert (send_digests(staffed, sender).sent, send_digests(staffed, sender).sent) == (1, 0)
    [file] = outbox.iterdir()
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert (message["To"], message["From"]) == ("ann@example.org", "mpi@example.org")
    assert "2 of your questions are open." in message.get_content()
    assert file.stat().st_mode & 0o077 == 0
