"""Scenarios of the sandbox, each with the check of its calls.

A check reads the calls of a vendor's program. It returns None if they are as they should be, ``PENDING`` if
the program has more to do, and otherwise what was wrong.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mpi.domain.record_ref import RecordRef
from mpi.sandbox.call_log import Call, CallKind
from mpi.sandbox.magic_records import MagicName

PENDING = "not yet"
_EARLY_S = 0.05
"""Seconds by which a program may be early, since clocks and networks differ."""

Calls = Sequence[Call]
FindId = Callable[[RecordRef], str | None]
Check = Callable[[Calls, FindId], str | None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a vendor's program does, and how its calls are checked.

    Args:
        code: its name in the report.
        name: magic name of its record, if it has one.
        task: what the program does.
        end: how it must end.
        check: reads the calls.
    """

    code: str
    name: MagicName | None
    task: str
    end: str
    check: Check


def _check_search(calls: Calls, _find_id: FindId) -> str | None:
    sent = _list_sent(calls, MagicName.SEARCH)
    if not sent:
        return PENDING
    searched = [
        call for call in calls if call.route.kind is CallKind.SEARCH and call.name is MagicName.SEARCH
    ]
    if any(call.is_done and call.ended_at <= sent[0].began_at for call in searched):
        return None
    return "the record was sent before anybody searched for the child"


def _check_link(calls: Calls, _find_id: FindId) -> str | None:
    sent = _list_done(calls, MagicName.LINK)
    if not sent:
        return PENDING
    if sent[0].outcome != "linked":
        return "the record was not linked: send its values as they are listed"
    is_read = any(call.enterprise_id == sent[0].enterprise_id for call in _list_look_ups(calls))
    return None if is_read else PENDING


def _check_limit(calls: Calls, _find_id: FindId) -> str | None:
    return _check_wait(calls, MagicName.LIMIT)


def _check_down(calls: Calls, _find_id: FindId) -> str | None:
    sent = _list_sent(calls, MagicName.DOWN)
    keys = {call.idempotency_key for call in sent}
    is_one_call = len(keys) == 1 and None not in keys
    if len({call.route.local_id for call in sent}) > 1 and not is_one_call:
        return "the record was sent again under another local ID: that makes a second child"
    return _check_wait(calls, MagicName.DOWN)


def _check_wait(calls: Calls, name: MagicName) -> str | None:
    """Check that a refused record was sent again, and not too early."""
    sent = _list_sent(calls, name)
    for refused, repeated in pairwise(sent):
        wait = refused.retry_after_s
        if wait is not None and repeated.began_at - refused.ended_at < wait - _EARLY_S:
            return f"the record was sent again before the {wait} seconds of Retry-After were over"
    return None if sent and sent[-1].is_done else PENDING


def _check_lapse(calls: Calls, _find_id: FindId) -> str | None:
    sent = _list_sent(calls, MagicName.LAPSE)
    if not sent:
        return PENDING
    if len(sent) > 1:
        return "the record was sent again after 409: only a person can settle that"
    return None if sent[0].status == 409 else "the record has to be sent to the source old_sis"  # noqa: PLR2004


def _check_overlay(calls: Calls, _find_id: FindId) -> str | None:
    sent = _list_sent(calls, MagicName.OVERLAY)
    if not sent:
        return PENDING
    if sent[0].outcome != "held":
        return "the record has to be sent under the local ID OVERLAY-1"
    return None if len(sent) == 1 else "the held record was sent again: a steward answers it"


def _make_id_check(name: MagicName) -> Check:
    """Make the check that a program uses a changed ID.

    A steward's step changed it.
    """

    def check(calls: Calls, find_id: FindId) -> str | None:
        sent = _list_done(calls, name)
        first = next((call for call in sent if call.enterprise_id and call.route.local_id), None)
        if first is None or first.route.source is None or first.route.local_id is None:
            return PENDING
        record = RecordRef(first.route.source, first.route.local_id)
        former, present = first.enterprise_id, find_id(record)
        if present is None or present == former:
            return PENDING
        used = [
            call.enterprise_id
            for call in _list_look_ups(calls)
            if call.enterprise_id in {former, present} and call.route.local_id in {None, record.local_id}
        ]
        if present not in used:
            return PENDING
        return None if used[-1] == present else "the former ID was looked up after the present one was known"

    return check


def _check_stale(calls: Calls, _find_id: FindId) -> str | None:
    merges = [call for call in calls if call.route.kind is CallKind.MERGE]
    if not merges:
        return PENDING
    if merges[0].if_match is None:
        return "the merge had no If-Match with the ETags that were read"
    refused = next((call for call in merges if call.status == 412), None)  # noqa: PLR2004 - stale
    if refused is None:
        return PENDING
    later = merges[merges.index(refused) + 1 :]
    if not later:
        return PENDING
    was_read = any(
        refused.ended_at <= call.began_at <= later[0].began_at and call.is_done
        for call in _list_look_ups(calls)
    )
    if not was_read or later[0].if_match in {None, refused.if_match}:
        return "after 412 the children have to be read again, and their new ETags sent"
    return None if later[-1].is_done else PENDING


def _check_feed(calls: Calls, _find_id: FindId) -> str | None:
    pages = [call.feed for call in calls if call.feed is not None]
    cursors = {0}
    for page in pages:
        if page.after not in cursors:
            return "a page was asked for with a cursor that no page had"
        cursors.add(page.cursor)
    is_followed = any(page.after for page in pages)
    return None if is_followed and not pages[-1].event_count else PENDING


def _check_restore(calls: Calls, _find_id: FindId) -> str | None:
    pages = [call.feed for call in calls if call.feed is not None]
    place = next(
        (
            number
            for number, (former, page) in enumerate(pairwise(pages), 1)
            if former.generation != page.generation
        ),
        None,
    )
    if not _list_done(calls, MagicName.RESTORE) or place is None:
        return PENDING
    return (
        None
        if any(not page.after for page in pages[place:])
        else ("the feed has another generation: it has to be read from its beginning, with after=0")
    )


def _check_webhook(calls: Calls, _find_id: FindId) -> str | None:
    tests = [call for call in calls if call.is_forgery_refused is not None]
    if not tests:
        return PENDING
    return None if tests[-1].is_forgery_refused else "the receiver accepted a message with a wrong signature"


def _list_sent(calls: Calls, name: MagicName) -> list[Call]:
    return [call for call in calls if call.route.kind is CallKind.SEND and call.name is name]


def _list_done(calls: Calls, name: MagicName) -> list[Call]:
    return [call for call in _list_sent(calls, name) if call.is_done]


def _list_look_ups(calls: Calls) -> list[Call]:
    return [call for call in calls if call.route.kind is CallKind.LOOK_UP]


_USE_ID = (
    "Within 10 seconds a steward {step}. Follow the feed, and look the child up by the ID that it has then."
)

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "search-first", MagicName.SEARCH,
        "Search for the child, then send the record.",
        "A search for the child came before the first record.", _check_search,
    ),
    Scenario(
        "linked", MagicName.LINK,
        "Send the record, and look its ID up.",
        "The outcome is linked: you have the ID of a child whom the state knows.", _check_link,
    ),
    Scenario(
        "review", MagicName.REVIEW,
        "Send the record. The outcome is review, and the ID is provisional. "
        + _USE_ID.format(step="answers"),
        "You use the ID of after the answer.", _make_id_check(MagicName.REVIEW),
    ),
    Scenario(
        "retired", MagicName.RETIRE,
        "Send the record. " + _USE_ID.format(step="merges the child into another"),
        "You use the ID that stayed, and the retired one no more.", _make_id_check(MagicName.RETIRE),
    ),
    Scenario(
        "split", MagicName.SPLIT,
        "Send the record. The outcome is linked. " + _USE_ID.format(step="parts the two records"),
        "You use the new ID of your record.", _make_id_check(MagicName.SPLIT),
    ),
    Scenario(
        "overlay", MagicName.OVERLAY,
        "Send the record under its local ID, which stands for another child.",
        "The outcome is held, and you send it no more: a person settles it.", _check_overlay,
    ),
    Scenario(
        "conflict", MagicName.LAPSE,
        "Send the record to the source old_sis, whose agreement has ended.",
        "The answer is 409, and you send it no more: a person settles it.", _check_lapse,
    ),
    Scenario(
        "stale", MagicName.STALE,
        "Your records STALE-1 and STALE-2 are one child. Read both IDs, and merge them with their ETags as "
        "If-Match.",
        "After 412 you read both again, and merge them with the new ETags.", _check_stale,
    ),
    Scenario(
        "rate-limit", MagicName.LIMIT,
        "Send the record. The first answer is 429.",
        "You wait as Retry-After says, and send it again.", _check_limit,
    ),
    Scenario(
        "lost-answer", MagicName.DOWN,
        "Send the record. It is stored, and the first answer is 503.",
        "You wait as Retry-After says, and send it again under the same local ID.", _check_down,
    ),
    Scenario(
        "feed", None,
        "Read the change feed page by page, until a page is empty.",
        "Each page begins at the cursor of an earlier one.", _check_feed,
    ),
    Scenario(
        "feed-restored", MagicName.RESTORE,
        "Read the feed, and send the record. Within 10 seconds the index is restored from a backup. Go on "
        "reading.",
        "You notice the new generation, and read the feed from its beginning.", _check_restore,
    ),
    Scenario(
        "webhook", None,
        "Register a webhook, and ask for a test message. A forged message follows it.",
        "You accept the first with 200, and refuse the second with 400.", _check_webhook,
    ),
)  # fmt: skip
