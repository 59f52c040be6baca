"""Mail server on loopback that keeps what it takes, and fails as a test asks it to."""

import base64
import socketserver
import ssl
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy

from mpi.service.notices.mail import MailSecurity, MailServer

USER, PASSWORD = "mpi", "three slow herons"


@dataclass
class Mailbox:
    """What a mail server took, and how it behaves.

    Args:
        server: settings with which it is reached.
        messages: mails that it took.
        lines: commands that it was sent, without contents of mails.
        answers: codes of the next answers to a mail; then 250.
        breaks: whether it ends the connection instead of answering a mail.
        offers_tls: whether it offers to encrypt the connection.
        sign_ins: names of users who signed in.
    """

    server: MailServer
    messages: list = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    breaks: bool = False
    offers_tls: bool = True
    sign_ins: list[str] = field(default_factory=list)


class _Handler(socketserver.StreamRequestHandler):
    """Answer the commands of one connection; ``server.box`` says how."""

    def setup(self):
        self.box = self.server.box
        self.is_encrypted = self.box.server.security is MailSecurity.TLS
        if self.is_encrypted:
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self):
        self.answer("220 test")
        while line := self.rfile.readline().decode().strip():
            name, _, words = line.partition(" ")
            self.box.lines.append(name if name == "AUTH" else line)
            if not getattr(self, f"do_{name.lower()}", self.do_other)(words):
                return

    def finish(self):
        for stream in (self.rfile, self.wfile, self.request):
            stream.close()

    def answer(self, text):
        self.wfile.write(f"{text}\r\n".encode())
        return True

    def do_ehlo(self, _):
        offers = ["250-STARTTLS"] if self.box.offers_tls and not self.is_encrypted else []
        return self.answer("\r\n".join(["250-test", *offers, "250 AUTH PLAIN"]))

    def do_starttls(self, _):
        self.answer("220 go on")
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        self.rfile.close()
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)
        return self.note_encryption()

    def note_encryption(self):
        self.is_encrypted = True
        return True

    def do_auth(self, words):
        _, user, password = base64.b64decode(words.split(" ")[1]).decode().split("\0")
        self.box.sign_ins.append(user)
        return self.answer("235 ok" if (user, password) == (USER, PASSWORD) else "535 no")

    def do_data(self, _):
        self.answer("354 go on")
        content = b"".join(iter(self.rfile.readline, b".\r\n"))
        code = self.box.answers.pop(0) if self.box.answers else 250
        if self.box.breaks or code == 250:
            self.box.messages.append(message_from_bytes(content, policy=policy.default))
        return not self.box.breaks and self.answer(f"{code} said for secret@example.org")

    def do_quit(self, _):
        self.answer("221 bye")
        return False

    def do_other(self, _):
        return self.answer("250 ok")


class _Server(socketserver.ThreadingTCPServer):
    """Server whose clients may break a connection, for example for a certificate."""

    daemon_threads = True

    def handle_error(self, _request, _address):
        pass


@contextmanager
def receiving(folder, security=MailSecurity.STARTTLS, *, offers_tls=True):
    """Serve a mailbox until the end of the block."""
    certificate = _make_certificate(folder)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.context.load_cert_chain(certificate)
        port = server.server_address[1]
        settings = MailServer("localhost", port, "mpi@example.org", security, USER, PASSWORD, certificate)
        server.box = Mailbox(settings, offers_tls=offers_tls)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.box
        finally:
            server.shutdown()
            thread.join(10)


def _make_certificate(folder):
    """Make a certificate of localhost, with its key, in one file."""
    path = folder / "mail.pem"
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(path))
    name = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2")
    made = subprocess.run(["openssl", "req", "-x509", *key, *name], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + made.stdout)
    return path
