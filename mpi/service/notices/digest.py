"""Daily mail with counts of what waits for a person.

It holds the counts and a link, and nothing else. A caseworker and a district's point of contact get those of
their lists. The mail names no child, no record, no question and no
colleague. A person gets it only for an address of their own choice, at most once a day, and only if something
waits.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError
from mpi.domain.roles import PURPOSES_BY_ROLE, Role
from mpi.domain.viewer import Viewer
from mpi.service.access.session_authentication import viewer_from_account
from mpi.service.core.index import Index
from mpi.service.notices.due_incidents import count_overdue_incidents
from mpi.service.notices.list_counts import ListCounts, count_lists
from mpi.service.notices.mail import (
    MailError,
    MailFolder,
    MailServer,
    MailUncertainError,
    deliver_mail,
)
from mpi.service.notices.menu_counts import MAX_COUNTED, MenuCounts, count_for_menu
from mpi.storage.repositories.notices.digests import FAILED, SENDING, SENT, Digest
from mpi.storage.unit_of_work.database import Lock

MAX_ADDRESS_LENGTH = 254
"""Most characters in a mail address (RFC 5321)."""
PAUSES_S = (1.0, 5.0)
"""Seconds before the second and the third attempt."""
_log = logging.getLogger("mpi.digest")
_OPERATOR = Viewer("index", "system_admin", frozenset(), None)
_LINES = (
    ("questions", "of your questions is open.", "of your questions are open."),
    ("approvals", "decision waits for you.", "decisions wait for you."),
    ("answers", "answer has come back to you.", "answers have come back to you."),
    ("corrections", "correction of a link waits for you.", "corrections of links wait for you."),
    ("incidents", "wrong link waits for you.", "wrong links wait for you."),
)
"""Field of the counts, and the line of the mail for one and for more."""
_LIST_LINES = (
    ("new_students", "student is new on your list.", "students are new on your list."),
    ("entered_students", "student came onto it this week.", "students came onto it this week."),
    (
        "children_without_school",
        "of your children has no known school.",
        "of your children have no known school.",
    ),
    ("late_items", "thing to be known of a child is overdue.", "things to be known of children are overdue."),
)  # fmt: skip
"""Field of the counts of a list of children in care, and the line of the mail for one and for more."""
_OVERDUE_LINE = ("wrong link is overdue.", "wrong links are overdue.")


@dataclass(frozen=True, slots=True)
class DigestResult:
    """What a run of the daily mail did.

    Args:
        sent: people who were mailed.
        skipped: people for whom nothing waits, or who were mailed today before.
        failed: names of the accounts whose mail was not taken; the next run of the day tries again.
        uncertain: names of the accounts whose mail may have been sent; they are not mailed again today.
        removed: people without an account, whose addresses were deleted.
    """

    sent: int
    skipped: int
    failed: tuple[str, ...]
    uncertain: tuple[str, ...]
    removed: int


@dataclass(frozen=True, slots=True)
class DigestSender:
    """How the daily mail is sent.

    Args:
        server: the mail server, or the folder into which mails are written.
        link: address of the pages, which the mail links to.
        pause: waits some seconds before the next attempt.
    """

    server: MailServer | MailFolder
    link: str
    pause: Callable[[float], None] = time.sleep


def find_address(index: Index, viewer: Viewer) -> str | None:
    """Return the viewer's own address for the daily mail.

    The result is None if the mail is off.
    """
    with index.database.read(viewer) as unit:
        digest = unit.digests.find(viewer.client)
    return None if digest is None else digest.address


def turn_on(index: Index, viewer: Viewer, address: str) -> None:
    """Send the viewer a daily mail with counts, if something waits.

    Raises:
        InputError: the text is no mail address.
        ConflictError: the viewer has no account.
    """
    clean = _check_address(address)
    with index.database.write(viewer, "digest", Lock.NONE) as unit:
        account = unit.accounts.find_by_name(viewer.client)
        if account is None or account.ended_commit is not None:
            raise ConflictError("only a person with an account can get the daily mail")
        unit.digests.save_address(viewer.client, clean)


def turn_off(index: Index, viewer: Viewer) -> None:
    """Send the viewer no mail, and delete the address."""
    with index.database.write(viewer, "digest", Lock.NONE) as unit:
        unit.digests.delete(viewer.client)


def send_digests(index: Index, sender: DigestSender) -> DigestResult:
    """Send the daily mail to people for whom something waits.

    Only people who want the mail get it, at most once a day. A person's day is marked before the mail is
    handed over. So a run that was interrupted, or another that runs at the same time, mails nobody twice.

    Raises:
        StoreError: the database cannot be read or written.
    """
    day = clock.today()
    with index.database.read(_OPERATOR) as unit:
        digests = unit.digests.all()
    outcomes = {digest.person: _send_one(index, sender, digest, day) for digest in digests}
    states = list(outcomes.values())
    return DigestResult(
        sent=states.count(SENT),
        skipped=states.count(_SKIPPED),
        failed=tuple(person for person, state in outcomes.items() if state == FAILED),
        uncertain=tuple(person for person, state in outcomes.items() if state == SENDING),
        removed=states.count(_REMOVED),
    )


_SKIPPED, _REMOVED = "skipped", "removed"


def _send_one(index: Index, sender: DigestSender, digest: Digest, day: str) -> str:
    """Mail one person; return what became of it."""
    if digest.mailed_on == day and digest.state != FAILED:
        return SENDING if digest.state == SENDING else _SKIPPED
    viewer = _find_viewer(index, digest.person)
    if viewer is None:
        with index.database.write(_OPERATOR, "digest", Lock.NONE) as unit:
            unit.digests.delete(digest.person)
        return _REMOVED
    counts = count_for_menu(index, viewer)
    list_counts = count_lists(index, viewer)
    if counts == MenuCounts() and list_counts == ListCounts():
        return _SKIPPED
    with index.database.write(_OPERATOR, "digest", Lock.NONE) as unit:
        if not unit.digests.begin(digest.person, day):
            return _SKIPPED
    lines = [_write_line(getattr(counts, name), one, many) for name, one, many in _LINES]
    lines.append(_write_line(count_overdue_incidents(index, viewer), *_OVERDUE_LINE))
    lines += [_write_line(getattr(list_counts, name), one, many) for name, one, many in _LIST_LINES]
    message = _write_message(index, sender, digest, lines, day)
    state = _deliver(sender, message, digest.person)
    with index.database.write(_OPERATOR, "digest", Lock.NONE) as unit:
        unit.digests.end(digest.person, state)
    return state


def _find_viewer(index: Index, person: str) -> Viewer | None:
    """Return a person with rights; None if the account has ended."""
    with index.database.read(_OPERATOR) as unit:
        account = unit.accounts.find_by_name(person)
        if account is None or account.ended_commit is not None:
            return None
        return viewer_from_account(index, unit, account, PURPOSES_BY_ROLE[Role(account.role)][0])


def _deliver(sender: DigestSender, message: EmailMessage, person: str) -> str:
    """Hand a mail over, again after a passing failure; return its state."""
    for pause in (*PAUSES_S, None):
        try:
            deliver_mail(sender.server, message)
        except MailUncertainError as error:
            _log.warning("mail to %s: %s", person, error)
            return SENDING
        except MailError as error:
            _log.warning("mail to %s: %s", person, error)
            if error.is_permanent or pause is None:
                return FAILED
            sender.pause(pause)
        else:
            return SENT
    return FAILED


def _write_message(
    index: Index, sender: DigestSender, digest: Digest, lines: Sequence[str], day: str
) -> EmailMessage:
    """Write the mail: a line for each count, and a link."""
    message = EmailMessage()
    message["From"] = sender.server.sender
    message["To"] = digest.address
    message["Subject"] = "Work waits in the Master Person Index"
    message["Date"] = format_datetime(clock.now())
    # One ID for a person and day: a mail system can drop a repeat.
    token = index.keyed_hash.to_token("digest", f"{digest.person}|{day}")
    message["Message-ID"] = f"<{token}@{sender.server.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        "\n".join(
            (
                *(line for line in lines if line),
                "",
                f"Sign in to see them: {sender.link}",
                "",
                "You get this mail at most once a day. To stop it, sign in, open Activity and choose Stop.",
                "",
            )
        )
    )
    return message


def _write_line(count: int, one: str, many: str) -> str:
    """Return the line of a count; empty for none."""
    if count > MAX_COUNTED:
        return f"More than {MAX_COUNTED} {many}"
    return f"{count} {one if count == 1 else many}" if count else ""


def _check_address(text: str) -> str:
    """Return a mail address without blanks around it.

    Raises:
        InputError: the text is no mail address.
    """
    clean = text.strip()
    try:
        address = Address(addr_spec=clean)
    except (HeaderParseError, ValueError, IndexError):
        raise InputError("address: give a mail address, such as ana@example.org") from None
    is_plain = clean.isascii() and clean.isprintable() and len(clean) <= MAX_ADDRESS_LENGTH
    if not is_plain or not address.username or "." not in address.domain:
        raise InputError("address: give a mail address, such as ana@example.org")
    return clean
