import socket
import ssl
import threading
import time
from contextlib import contextmanager
from ipaddress import ip_network

import pytest
import trustme

from mpi.service.webhooks.addresses import AddressRules
from mpi.service.webhooks.messages import Message
from mpi.service.webhooks.receiver import Receiver, make_tls_context
from tests.webhook_receiver import LOOPBACK, receiving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # pragma: allowlist secret
MESSAGE = Message("msg_1", '{"type":"x"}', 1, "g")
RULES = AddressRules(LOOPBACK)
RULES_OF_LOCALHOST = AddressRules((*LOOPBACK, ip_network("::1")))


@contextmanager
def open_receiver(url, attempt_s=5.0, rules=RULES):
    receiver = Receiver(url, rules, attempt_s)
    try:
        yield receiver
    finally:
        receiver.close()


def read_request(connection):
    """Read a request to its end: to close before would reset the connection."""
    data = b""
    while not data.endswith(MESSAGE.body.encode()):
        part = connection.recv(65536)
        if not part:
            return
        data += part


@contextmanager
def answering(answer):
    """Serve one connection: ``answer(connection)`` after the request came."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with connection:
            read_request(connection)
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
        while not ended.wait(0.001):
            connection.sendall(b"x")

    with answering(dribble) as url:
        began = time.monotonic()
        assert send(url, attempt_s=0.2).failure == "timeout"
        ended.set()
    # Without a deadline it takes until the headers are too long: minutes.
    assert time.monotonic() - began < 10


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


@contextmanager
def answering_with_tls(authority, name):
    """Serve one connection with a certificate; yield the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        try:
            with context.wrap_socket(connection, server_side=True) as encrypted:
                read_request(encrypted)
                encrypted.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        except OSError:
            return

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    thread.join()
    listener.close()


@pytest.fixture
def trusted_authority(tmp_path, monkeypatch):
    """An authority that the system trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    make_tls_context.cache_clear()
    yield authority
    make_tls_context.cache_clear()


def test_the_certificate_must_be_for_the_name_of_the_host(trusted_authority):
    for name, expected in (("localhost", None), ("other.example", "tls-failed")):
        with answering_with_tls(trusted_authority, name) as port:
            assert send(f"https://localhost:{port}/", rules=RULES_OF_LOCALHOST).failure == expected


def test_a_certificate_of_an_unknown_authority_is_refused(trusted_authority):
    with answering_with_tls(trustme.CA(), "localhost") as port:
        assert send(f"https://localhost:{port}/", rules=RULES_OF_LOCALHOST).failure == "tls-failed"


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
