"""Mail through a real server: encrypted, signed in, and told apart by how it fails."""

from dataclasses import replace
from email.message import EmailMessage

import pytest

from mpi.service.notices.mail import MailError, MailSecurity, MailUncertainError, send_mail
from tests.mail_server import PASSWORD, receiving


def make_message() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "mpi@example.org", "ana@example.org", "Work"
    message.set_content("3 questions")
    return message


@pytest.mark.parametrize("security", [MailSecurity.STARTTLS, MailSecurity.TLS])
def test_a_mail_arrives_over_an_encrypted_connection_after_the_sign_in(tmp_path, security):
    with receiving(tmp_path, security) as box:
        send_mail(box.server, make_message())
    assert [message["To"] for message in box.messages] == ["ana@example.org"]
    assert box.messages[0].get_content().strip() == "3 questions"
    assert box.sign_ins == ["mpi"]
    starts = [line for line in box.lines if line == "STARTTLS"]
    assert len(starts) == (security is MailSecurity.STARTTLS)
    assert box.lines.index("AUTH") > (box.lines.index("STARTTLS") if starts else 0)


def test_without_encryption_nothing_is_sent_unless_the_settings_say_so(tmp_path):
    with receiving(tmp_path, offers_tls=False) as box:
        with pytest.raises(MailError, match="MPI_SMTP_SECURITY") as refused:
            send_mail(box.server, make_message())
        assert refused.value.is_permanent
        assert box.messages == []
        assert "AUTH" not in box.lines
        send_mail(replace(box.server, security=MailSecurity.NONE), make_message())
        assert len(box.messages) == 1


def test_an_unknown_certificate_or_another_name_is_not_trusted(tmp_path):
    with receiving(tmp_path) as box:
        for server in (replace(box.server, ca_file=None), replace(box.server, host="127.0.0.1")):
            with pytest.raises(MailError, match="not trusted"):
                send_mail(server, make_message())
    assert box.messages == []
    assert "AUTH" not in box.lines


def test_a_wrong_password_is_refused_for_good_and_stands_in_no_text(tmp_path):
    with receiving(tmp_path) as box:
        with pytest.raises(MailError, match="refused the sign-in") as refused:
            send_mail(replace(box.server, password="another heron"), make_message())
    assert refused.value.is_permanent
    assert "heron" not in f"{refused.value} {refused.value.__cause__} {box.server!r}"
    assert PASSWORD not in repr(box.server)


@pytest.mark.parametrize(("code", "is_permanent"), [(451, False), (550, True)])
def test_an_answer_is_told_by_its_code_alone(tmp_path, code, is_permanent):
    with receiving(tmp_path) as box:
        box.answers = [code]
        with pytest.raises(MailError) as refused:
            send_mail(box.server, make_message())
    assert refused.value.is_permanent is is_permanent
    assert str(code) in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_broken_connection_leaves_it_uncertain(tmp_path):
    with receiving(tmp_path) as box:
        box.breaks = True
        with pytest.raises(MailUncertainError):
            send_mail(box.server, make_message())
    assert len(box.messages) == 1


def test_a_server_that_is_away_can_be_tried_again(tmp_path):
    with receiving(tmp_path) as box:
        pass
    with pytest.raises(MailError, match="cannot be reached") as refused:
        send_mail(box.server, make_message())
    assert not refused.value.is_permanent
