"""Mail through an SMTP server, or into a folder.

The connection is encrypted unless the settings say otherwise.

An error names the mail server and the code of its answer, never an address or what the server wrote.
"""

import os
import smtplib
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from enum import StrEnum
from pathlib import Path

_TIMEOUT_S = 30
_FIRST_PERMANENT_CODE = 500


class MailSecurity(StrEnum):
    """How the connection to the mail server is encrypted."""

    STARTTLS = "starttls"
    """Begin in plain text, and refuse to go on without encryption."""
    TLS = "tls"
    """Encrypt from the first byte."""
    NONE = "none"
    """Do not encrypt; for a mail server on the same machine."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Mail server that takes the mail.

    Args:
        host: name of the server, which its certificate must have.
        port: its port.
        sender: address that the mail comes from.
        security: how the connection is encrypted.
        user: name to sign in with; None to send without signing in.
        password: password of the user.
        ca_file: certificates to trust instead of the system's.
    """

    host: str
    port: int
    sender: str
    security: MailSecurity = MailSecurity.STARTTLS
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class MailFolder:
    """Folder into which mail is written, for another program to send.

    Args:
        path: the folder.
        sender: address that the mail comes from.
    """

    path: Path
    sender: str


class MailError(Exception):
    """Failure of a mail that is known to be unsent.

    The mail server did not take the mail. The digest reports it with the person's name; it never reaches a
    client.

    Args:
        message: what was wrong.
        is_permanent: whether the server refused it for good.
    """

    def __init__(self, message: str, *, is_permanent: bool = False) -> None:
        super().__init__(message)
        self.is_permanent = is_permanent


class MailUncertainError(Exception):
    """Failure of a mail that may have been sent.

    The connection broke while the mail was handed over.
    """


def deliver_mail(place: MailServer | MailFolder, message: EmailMessage) -> None:
    """Hand a mail over to a mail server or into a folder.

    Raises:
        MailError: it was not taken, or cannot be written.
        MailUncertainError: the connection broke while the mail was handed over.
    """
    if isinstance(place, MailServer):
        send_mail(place, message)
    else:
        write_mail(place, message)


def write_mail(folder: MailFolder, message: EmailMessage) -> None:
    """Write a mail into a folder, whole or not (RFC 5322).

    The file is named by the ID of the mail, so that the same mail written twice is one file. Only its owner
    can read it.

    Raises:
        MailError: it cannot be written.
    """
    name = message["Message-ID"].strip("<>").partition("@")[0]
    try:
        descriptor, partial = tempfile.mkstemp(prefix=".mail-", dir=folder.path)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(message.as_bytes(policy=SMTP))
                file.flush()
                os.fsync(file.fileno())
            Path(partial).replace(folder.path / f"{name}.eml")
        except BaseException:  # an interrupt too must leave no part of a mail behind
            Path(partial).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise MailError(f"cannot write into {folder.path}: {error.strerror}", is_permanent=True) from None


def send_mail(server: MailServer, message: EmailMessage) -> None:
    """Hand a mail over to the mail server.

    Raises:
        MailError: the server cannot be reached, or did not take the mail.
        MailUncertainError: the connection broke while the mail was handed over.
    """
    with _connect(server) as connection:
        try:
            connection.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [answer[0] for answer in error.recipients.values()]
            raise _refuse(server, min(codes)) from None
        except smtplib.SMTPResponseException as error:
            raise _refuse(server, error.smtp_code) from None
        except (smtplib.SMTPException, OSError):
            raise MailUncertainError(
                f"the connection to the mail server {server.host} broke: the mail may have been sent"
            ) from None


@contextmanager
def _connect(server: MailServer) -> Iterator[smtplib.SMTP]:
    """Open an encrypted and signed-in connection to the mail server.

    Raises:
        MailError: it cannot be opened.
    """
    try:
        connection = _open(server)
    except smtplib.SMTPAuthenticationError:
        raise MailError(
            f"the mail server {server.host} refused the sign-in: check MPI_SMTP_USER and its password file",
            is_permanent=True,
        ) from None
    except ssl.SSLCertVerificationError:
        raise MailError(
            f"the certificate of the mail server {server.host} is not trusted: see MPI_SMTP_CA_FILE",
            is_permanent=True,
        ) from None
    except smtplib.SMTPNotSupportedError:
        raise MailError(
            f"the mail server {server.host} offers no encryption or no sign-in: see MPI_SMTP_SECURITY",
            is_permanent=True,
        ) from None
    except (smtplib.SMTPException, OSError):
        raise MailError(f"the mail server {server.host}:{server.port} cannot be reached") from None
    try:
        yield connection
    finally:
        _close(connection)


def _open(server: MailServer) -> smtplib.SMTP:
    """Open a connection; raise what the SMTP library raises."""
    context = ssl.create_default_context(cafile=None if server.ca_file is None else str(server.ca_file))
    if server.security is MailSecurity.TLS:
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=_TIMEOUT_S, context=context
        )
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT_S)
    try:
        if server.security is MailSecurity.STARTTLS:
            connection.starttls(context=context)
        if server.user is not None:
            connection.login(server.user, server.password or "")
    except BaseException:  # an interrupt too must not leave the connection open
        connection.close()
        raise
    return connection


def _close(connection: smtplib.SMTP) -> None:
    """End a connection; the mail was taken or refused before."""
    try:
        connection.quit()
    except (smtplib.SMTPException, OSError):
        connection.close()


def _refuse(server: MailServer, code: int) -> MailError:
    """Return the error for an answer of the mail server."""
    return MailError(
        f"the mail server {server.host} did not take the mail (code {code})",
        is_permanent=code >= _FIRST_PERMANENT_CODE,
    )
