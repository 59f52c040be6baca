"""Senders of mail, from the settings."""

from pathlib import Path
from typing import TYPE_CHECKING

from mpi.config import Settings
from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from mpi.service.audit.root_mail import RootMailer
    from mpi.service.notices.digest import DigestSender
    from mpi.service.notices.mail import MailServer


def read_digest_sender(settings: Settings, folder: Path | None = None) -> "DigestSender":
    """Return how the daily mail is sent.

    Args:
        settings: the settings.
        folder: folder into which mails are written instead; None to send them.

    Raises:
        InputError: no mail server is configured, or a setting of it is missing or cannot be read.
    """
    from mpi.service.notices import digest, mail  # noqa: PLC0415 - other commands send no mail

    missing = [
        name
        for name, value in (
            ("MPI_SMTP_HOST", settings.smtp_host or folder),
            ("MPI_SMTP_SENDER", settings.smtp_sender),
            ("MPI_PAGES_URL", settings.pages_url),
        )
        if not value
    ]
    if missing or not settings.smtp_sender or not settings.pages_url:
        raise InputError(f"{', '.join(missing)}: set this to send mail; nothing was sent")
    if folder is not None:
        if not folder.is_dir():
            raise InputError(f"--into {folder}: there is no such folder; nothing was written")
        return digest.DigestSender(mail.MailFolder(folder, settings.smtp_sender), settings.pages_url)
    server = _read_mail_server(settings, settings.smtp_host or "", settings.smtp_sender)
    return digest.DigestSender(server, settings.pages_url)


def read_root_mailer(settings: Settings) -> "RootMailer | None":
    """Return how signed roots of the ledger are mailed, or None.

    Raises:
        InputError: an address is set but no mail server, or a setting of it is missing or cannot be read.
    """
    if settings.ledger_mail is None:
        return None
    if not settings.smtp_host or not settings.smtp_sender:
        raise InputError("MPI_SMTP_HOST, MPI_SMTP_SENDER: set both to mail the roots of the ledger")
    from mpi.service.audit.root_mail import RootMailer  # noqa: PLC0415 - other commands send no mail

    server = _read_mail_server(settings, settings.smtp_host, settings.smtp_sender)
    return RootMailer(server, settings.ledger_mail)


def _read_mail_server(settings: Settings, host: str, sender: str) -> "MailServer":
    """Return the mail server of the settings.

    Raises:
        InputError: the password's file is missing or cannot be read.
    """
    from mpi.service.notices import mail  # noqa: PLC0415 - other commands send no mail

    return mail.MailServer(
        host=host,
        port=settings.smtp_port,
        sender=sender,
        security=mail.MailSecurity(settings.smtp_security),
        user=settings.smtp_user,
        password=_read_mail_password(settings),
        ca_file=settings.smtp_ca_file,
    )


def _read_mail_password(settings: Settings) -> str | None:
    """Return the password of the mail server's user; None without a user.

    Raises:
        InputError: its file is missing or cannot be read.
    """
    if settings.smtp_user is None:
        return None
    if settings.smtp_password_file is None:
        raise InputError("MPI_SMTP_PASSWORD_FILE: set this to sign in at the mail server; nothing was sent")
    try:
        return settings.smtp_password_file.read_text("utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeError):
        raise InputError("MPI_SMTP_PASSWORD_FILE: the file cannot be read; nothing was sent") from None
