"""Received: who was told of records because of a link, listed at once when the link is parted.

Of two records that were one person from a commit on and are so no longer (one that takes no part any more is
nobody's), an answer since then about the one
counts where its client was told of the other too, in the same answer or in another. So a client that read its
own record only is not listed, and one that read both by themselves is. An export counts for every record that
its client may see. What leaves while the step is being made is not on the ledger yet.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, is_allowed
from mpi.service.core.visibility import visible_labels
from mpi.service.persons.effects import PastDisclosure, StepEffect
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.repositories.persons.persons import Membership
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

MAX_LISTED = 1000

SeparatedRecords = Mapping[int, Mapping[int, str]]
"""Of each record, those that it was one person with, and since when (ISO, UTC)."""


@dataclass(frozen=True, slots=True)
class DisclosureRecipients:
    """What left because of links that a step parts, as far as the viewer may know.

    Args:
        answer_count: how many answers; None where the viewer may not know of others' answers.
        latest: of them, newest first; empty where the viewer may not read the ledger.
        record_ids: those that ``latest`` names.
    """

    answer_count: int | None = None
    latest: tuple[PastDisclosure, ...] = ()
    record_ids: frozenset[int] = frozenset()


def add_recipients(unit: WriteUnit, effect: StepEffect, before: Mapping[int, int]) -> StepEffect:
    """The effect with who received what because of the links that it parts, as far as the viewer may know.

    Args:
        unit: the transaction, after publishing.
        effect: what the step did, or in a preview would do.
        before: the person of each settled record before.
    """
    found = find_recipients(unit, before)
    return replace(effect, disclosed=found.answer_count, disclosures=found.latest)


def find_recipients(unit: WriteUnit, before: Mapping[int, int]) -> DisclosureRecipients:
    """Who received what because of the links that a step parts.

    Args:
        unit: the transaction, after publishing.
        before: the person of each settled record before.
    """
    return find_recipients_before(unit, before, unit.commit_no)


def find_recipients_before(unit: ReadUnit, before: Mapping[int, int], until: int) -> DisclosureRecipients:
    """The same of what was done in more than one commit.

    Args:
        unit: the transaction, after all was published.
        before: the person of each record before.
        until: the first of the commits.
    """
    if unit.viewer.sources is not None:
        # That others asked about a child tells that they know it.
        return DisclosureRecipients()
    after = unit.persons.current_persons(before)
    losing = {person for record, person in before.items() if after.get(record) != person}
    labels = visible_labels(unit, {record for record, person in before.items() if person in losing})
    found = _past_disclosures(unit, _find_separated(unit, before, after, labels, until), labels)
    if not is_allowed(unit.viewer, Action.DISCLOSURE_READ):
        return DisclosureRecipients(len(found))
    latest = tuple(found[:MAX_LISTED])
    numbers = {label: number for number, label in labels.items()}
    named = frozenset(numbers[label] for line in latest for label in line.records)
    return DisclosureRecipients(len(found), latest, named)


def _find_separated(
    unit: ReadUnit,
    before: Mapping[int, int],
    after: Mapping[int, int],
    labels: Collection[int],
    until: int,
) -> SeparatedRecords:
    parts: dict[int, dict[int | None, list[int]]] = {}
    for record in labels:
        parts.setdefault(before[record], {}).setdefault(after.get(record), []).append(record)
    pairs = [
        (one, other)
        for held in parts.values()
        for part, mine in held.items()
        for elsewhere, others in held.items()
        if part != elsewhere
        for one in mine
        for other in others
    ]
    if not pairs:
        return {}
    histories = unit.persons.memberships_of({record for record, _ in pairs})
    since = {(one, other): _joined_since(histories[one], histories[other], until) for one, other in pairs}
    times = unit.commit_info(set(since.values()))
    apart: dict[int, dict[int, str]] = {}
    for (one, other), commit in since.items():
        apart.setdefault(one, {})[other] = times[commit][0]
    return apart


def _joined_since(one: Sequence[Membership], other: Sequence[Membership], until: int) -> int:
    """The commit from which two records were one person without a break, whoever that was, to a commit."""
    while True:
        mine, others = _membership_before(one, until), _membership_before(other, until)
        if mine is None or others is None or mine.person_id != others.person_id:
            return until
        until = max(mine.from_commit, others.from_commit)


def _membership_before(history: Sequence[Membership], commit: int) -> Membership | None:
    held = (m for m in history if m.from_commit < commit and (m.to_commit is None or m.to_commit >= commit))
    return next(held, None)


def _past_disclosures(
    unit: ReadUnit, apart: SeparatedRecords, labels: Mapping[int, RecordRef]
) -> list[PastDisclosure]:
    """The answers, newest first."""
    if not apart:
        return []
    lines = unit.disclosures.about_records(
        min(at for others in apart.values() for at in others.values()), apart
    )
    sources_of = {client.name: client.sources for client, _, _ in unit.clients.all_with_commits()}
    told = [_disclosed_records(line, apart, labels, sources_of.get(line.client)) for line in lines]
    latest: dict[tuple[str, int], str] = {}
    for line, records in zip(lines, told, strict=True):
        for record in records:
            latest[line.client, record] = max(line.at, latest.get((line.client, record), ""))
    found = []
    for line, records in zip(lines, told, strict=True):
        about = [
            labels[record]
            for record in records
            if any(
                line.at >= at and latest.get((line.client, other), "") >= at
                for other, at in apart[record].items()
            )
        ]
        if about:
            shown = tuple(sorted(about, key=lambda label: (label.source, label.local_id)))
            found.append(
                PastDisclosure(
                    line.at, line.client, line.purpose, line.action, line.fields, line.handle, shown
                )
            )
    return found[::-1]


def _disclosed_records(
    line: Disclosure, apart: SeparatedRecords, labels: Mapping[int, RecordRef], sources: frozenset[str] | None
) -> list[int]:
    """The parted records that an answer was about; an export is of all that its client may see."""
    if line.handle is None:
        return [record for record in line.record_ids if record in apart]
    return [record for record in apart if sources is None or labels[record].source in sources]
