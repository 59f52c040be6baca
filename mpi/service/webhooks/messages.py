"""Messages of webhooks: one for each commit of the change feed.

A message holds what the feed itself would answer to the client. Its ID follows from its content, so that it
is the same at each attempt, and never stands for something else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby

import orjson

from mpi.domain import clock
from mpi.domain.keyed_hash import KeyedHash
from mpi.service.persons.change_feed import ChangeEvent, ChangeEventPage

CHANGED = "enterprise_ids.changed"
RESTORED = "feed.restored"
TEST = "webhook.test"


@dataclass(frozen=True, slots=True)
class Message:
    """A message to the receiver of a webhook.

    Args:
        id: its ID, the same at each attempt.
        body: its JSON text.
        completes: commit of which it is the last message; None where others follow.
        generation: generation of the feed that the receiver knows of after it.
    """

    id: str
    body: str
    completes: int | None
    generation: str


def build_messages(keyed_hash: KeyedHash, code: str, page: ChangeEventPage, most: int) -> Iterator[Message]:
    """Build the messages of a page of the change feed, in order.

    Args:
        keyed_hash: keyed hash of the index, for the messages' IDs.
        code: code of the webhook.
        page: the page, of whole commits.
        most: most events of one message.
    """
    for commit, group in groupby(page.events, key=lambda event: event.commit):
        events = list(group)
        parts = [events[start : start + most] for start in range(0, len(events), most)]
        for number, part in enumerate(parts, 1):
            data = {
                "generation": page.generation,
                "cursor": commit,
                "part": number,
                "parts": len(parts),
                "events": _to_plain(part),
            }
            completes = commit if number == len(parts) else None
            yield _build(keyed_hash, code, CHANGED, part[0].at, data, completes, page.generation)


def build_restored_message(keyed_hash: KeyedHash, code: str, generation: str) -> Message:
    """Build the message that the index was restored: the receiver starts over.

    Args:
        keyed_hash: keyed hash of the index.
        code: code of the webhook.
        generation: the new generation of the feed.
    """
    data = {"generation": generation, "cursor": 0}
    return _build(keyed_hash, code, RESTORED, clock.format_timestamp(clock.now()), data, 0, generation)


def build_test_message(keyed_hash: KeyedHash, code: str) -> Message:
    """Build a message that tells of nothing, to try a receiver."""
    now = clock.format_timestamp(clock.now())
    return _build(keyed_hash, code, TEST, now, {"webhook": code, "sent_at": now}, None, "")


def skip_delivered(messages: Sequence[Message], last_message: str | None) -> list[Message]:
    """Return the messages after the last one that was delivered.

    It is among them if a large commit was delivered in part. A part whose content is another by now, since
    the client may see more or less, has another ID: the commit is then sent from its beginning.
    """
    for number, message in enumerate(messages):
        if message.id == last_message:
            return list(messages[number + 1 :])
        if message.completes is not None:
            break
    return list(messages)


def _to_plain(events: Sequence[ChangeEvent]) -> list[dict[str, object]]:
    return [asdict(event) for event in events]


def _build(
    keyed_hash: KeyedHash,
    code: str,
    kind: str,
    at: str,
    data: dict[str, object],
    completes: int | None,
    generation: str,
) -> Message:
    """Build a message with its ID.

    The ID is a keyed hash of webhook, kind and data.
    """
    content = orjson.dumps(data).decode()
    return Message(
        id=f"msg_{keyed_hash.to_token('webhook-message', f'{code}|{kind}|{content}')}",
        body=f'{{"type":"{kind}","timestamp":"{at}","data":{content}}}',
        completes=completes,
        generation=generation,
    )
