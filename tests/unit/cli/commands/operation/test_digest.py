"""``mpi digest send``: off without settings, and what it says of each mail."""

import pytest

from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Viewer, make_operator
from mpi.service.notices.digest import turn_on
from mpi.service.records.upsert import upsert
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.service.stewardship.undo import undo_step
from tests.accounts import add_person, cheap_password_hashing
from tests.index import make_child
from tests.mail_server import PASSWORD, receiving
from tests.unit.cli.conftest import is_one_line

ANN = Viewer("ann", None, ACTIONS_BY_ROLE[Role.STEWARD], None)


@pytest.fixture
def box(home, tmp_path, monkeypatch):
    """A mail server that the settings name, and a steward to whom a decision came back."""
    with receiving(tmp_path) as mailbox:
        (tmp_path / "password").write_text(f"{PASSWORD}\n")
        values = {
            "HOST": "localhost", "PORT": mailbox.server.port, "USER": "mpi", "SENDER": "mpi@example.org",
            "PASSWORD_FILE": tmp_path / "password", "CA_FILE": mailbox.server.ca_file,
        }  # fmt: skip
        for name, value in values.items():
            monkeypatch.setenv(f"MPI_SMTP_{name}", str(value))
        monkeypatch.setenv("MPI_PAGES_URL", "https://mpi.example.gov")
        _add_answer(open_index(Settings()))
        yield mailbox


def _add_answer(index):
    with cheap_password_hashing():
        add_person(index, "ann")
    for local_id, name in (("1", "Amara"), ("2", "Bo")):
        upsert(index, make_operator(), "sis", make_child(local_id, first_name=name))
    groups = [[RecordRef("sis", "1")], [RecordRef("sis", "2")]]
    step = decide(index, ANN, DecisionRequest(DecisionKind.DIFFERENT, groups, "other")).step
    undo_step(index, make_operator("ben"), step)
    turn_on(index, ANN, "ann@example.org")
    index.database.dispose()


def test_without_a_mail_server_nothing_is_sent(mpi, home):
    result = mpi("digest", "send")
    assert (result.code, is_one_line(result.err)) == (5, True)
    for name in ("MPI_SMTP_HOST", "MPI_SMTP_SENDER", "MPI_PAGES_URL", "nothing was sent"):
        assert name in result.err


def test_a_mail_goes_into_a_folder_that_is_there(mpi, box, tmp_path):
    assert "there is no such folder" in mpi("digest", "send", "--into", str(tmp_path / "none")).err
    assert mpi("digest", "send", "--into", str(tmp_path), "--json").json["sent"] == 1
    assert len(list(tmp_path.glob("*.eml"))) == 1
    assert box.messages == []


def test_a_mail_is_sent_once_a_day(mpi, box):
    assert mpi("digest", "send", "--json").json == {
        "sent": 1, "skipped": 0, "failed": [], "uncertain": [], "removed": 0,
    }  # fmt: skip
    assert mpi("digest", "send", "--json").json["skipped"] == 1
    [message] = box.messages
    assert "1 answer has come back to you." in message.get_content()
    assert "https://mpi.example.gov" in message.get_content()


def test_a_failure_names_the_account_and_no_address_or_password(mpi, box):
    box.answers = [550]
    result = mpi("digest", "send")
    assert result.code == 1
    assert "not mailed: ann" in result.err
    assert "@example.org" not in result.out + result.err
    assert PASSWORD not in result.out + result.err
    assert mpi("digest", "send").code == 0


@pytest.mark.parametrize("name", ["MPI_SMTP_PASSWORD_FILE", "MPI_SMTP_SECURITY"])
def test_a_wrong_setting_is_named(mpi, box, monkeypatch, name):
    monkeypatch.setenv(name, "no-such")
    result = mpi("digest", "send")
    assert (result.code, name in result.err, box.messages) == (5, True, [])
