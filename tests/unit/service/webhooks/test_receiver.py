import socket
import threading
from contextlib import contextmanager

import pytest
import trustme

from mpi.service.webhooks import receiver as receiver_module
from mpi.service.webhooks.addresses import AddressRules
from mpi.service.webhooks.messages import Message
from mpi.service.webhooks.receiver import Receiver
from tests.webhook_receiver import LOOPBACK, receiving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # pragma: allowlist secret
MESSAGE = Message("msg_1", '{"type":"x"}', 1, "g")
RULES = AddressRules(LOOPBACK)


@contextmanager
def open_receiver(url, attempt_s=5.0, rules=RULES):
    receiver = Receiver(url, rules, attempt_s)
    try:
        yield receiver
    finally:
        receiver.close()


@contextmanager
def answering(answer):
    """Serve one connection: ``answer(connection)`` after the request came."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            try:
                answer(connection)
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    thread.join()
    listener.close()


def send(url, **options):
    with open_receiver(url, **options) as receiver:
        return receiver.send(MESSAGE, [SECRET])


def test_messages_share_a_connection():
    with receiving() as target, open_receiver(target.url) as receiver:
        target.answers += [(200, {}, b"ok"), (500, {}, b"no")]
        assert [receiver.send(MESSAGE, [SECRET]).status for _ in range(3)] == [200, 500, 204]
        assert {headers["host"] for headers, _ in target.requests} == {target.url.split("/")[2]}


def test_a_redirect_is_a_failure_and_is_not_followed():
    with receiving() as target, receiving() as other:
        target.fail(1, 307, Location=other.url)
        assert send(target.url).failure == "status-307"
        assert other.requests == []


def test_a_long_answer_is_not_read_to_its_end():
    sent = []

    def flood(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            sent.append(connection.send(b"x" * 65536))

    with answering(flood) as url:
        assert send(url).status == 200
    assert sum(sent) < 50_000_000


def test_a_receiver_that_dribbles_is_cut_off():
    ended = threading.Event()

    def dribble(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not ended.wait(0.01):
            connection.sendall(b"x")

    with answering(dribble) as url:
        assert send(url, attempt_s=0.1).failure == "timeout"
        ended.set()


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"", "answer-malformed"),
        (b"hello\r\n\r\n", "answer-malformed"),
        (b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n", "status-999"),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 40_000, "answer-malformed"),
    ],
)
def test_malformed_answers_are_failures(answer, failure):
    with answering(lambda connection: connection.sendall(answer)) as url:
        assert send(url).failure == failure


def test_a_closed_port_is_a_failure():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert send(f"http://127.0.0.1:{port}/").failure == "connection-failed"


def test_an_address_is_checked_at_each_connection():
    with receiving() as target:
        assert send(target.url, rules=AddressRules()).failure == "address-refused"
        assert target.requests == []


def test_a_certificate_of_another_name_or_authority_is_refused(monkeypatch):
    authority = trustme.CA()
    context = receiver_module.ssl.SSLContext(receiver_module.ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.example").configure_cert(context)
    listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)

    def serve():
        try:
            listener.accept()[0].close()
        except OSError:
            return

    thread = threading.Thread(target=serve)
    thread.start()
    outcome = send(f"https://127.0.0.1:{listener.getsockname()[1]}/")
    thread.join()
    listener.close()
    assert outcome.failure == "tls-failed"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
    ],
)
def test_retry_after_is_read(text, seconds):
    with receiving() as target:
        target.fail(1, 503, Retry_After=text)
        assert send(target.url).retry_after_s == seconds
