"""Recipients of answers that depended on a now parted link.

A steward who parts a link sees them at once. Consider two records that were one person from a commit on and
are so no longer; an inactive record belongs to nobody. An answer since then about one of them counts if its
client also received the other, in that answer or in another. A client that read only its own record is not
listed; one that read both is. An export counts for every record that its client may see. Answers that leave
during the step are not on the ledger yet.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, is_allowed
from mpi.service.core.disclosure import NO_REDISCLOSURE
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.service.incidents.opening import open_incident
from mpi.service.incidents.reversal import reverse_incidents
from mpi.service.persons.step_effects import PastDisclosure, StepEffect
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.repositories.persons.persons import Membership
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

SeparatedRecords = Mapping[int, Mapping[int, str]]
"""By record: the records it was one person with, and since when.

Times are ISO in UTC.
"""


@dataclass(frozen=True, slots=True)
class DisclosureRecipients:
    """Past answers that depended on links which a step parts.

    Args:
        answer_count: number of answers; None where the viewer may not know of other clients' answers.
        latest: latest answers, newest first; empty where the viewer may not read the ledger.
        record_ids: the records that ``latest`` names.
    """

    answer_count: int | None = None
    latest: tuple[PastDisclosure, ...] = ()
    record_ids: frozenset[int] = frozenset()


def add_recipients(
    unit: WriteUnit, index: Index, effect: StepEffect, before: Mapping[int, int]
) -> StepEffect:
    """Add to a step's effect who received answers based on parted links.

    A step that parts records opens an incident. One that makes them one person again reverses it.

    Args:
        unit: the transaction, after publishing.
        index: the open index.
        effect: the effect of the step, or of its preview.
        before: person of each resolved record before the step.
    """
    open_incident(unit, index, effect.kind, before)
    reverse_incidents(unit, index, effect.kind, before)
    recipients = find_recipients(unit, before)
    return replace(effect, disclosed=recipients.answer_count, disclosures=recipients.latest)


def find_recipients(unit: WriteUnit, before: Mapping[int, int]) -> DisclosureRecipients:
    """Return who received answers based on links that a step parts.

    Args:
        unit: the transaction, after publishing.
        before: person of each resolved record before the step.
    """
    return find_recipients_before(unit, before, unit.commit_no)


def find_recipients_before(unit: ReadUnit, before: Mapping[int, int], until: int) -> DisclosureRecipients:
    """Return who received answers based on links parted since a commit.

    Args:
        unit: the transaction, after publishing.
        before: person of each record before the first commit.
        until: number of the first commit of the step.
    """
    if unit.viewer.sources is not None:
        # A call about a child reveals that its client knows the child.
        return DisclosureRecipients()
    after = unit.persons.current_persons(before)
    parted_persons = {person for record, person in before.items() if after.get(record) != person}
    labels = visible_labels(unit, {record for record, person in before.items() if person in parted_persons})
    answers = _past_disclosures(unit, _find_separated(unit, before, after, labels, until), labels)
    if not is_allowed(unit.viewer, Action.DISCLOSURE_READ):
        return DisclosureRecipients(len(answers))
    latest = tuple(answers[: unit.tuning.listed_disclosures])
    numbers = {label: record_id for record_id, label in labels.items()}
    named_records = frozenset(numbers[label] for answer in latest for label in answer.records)
    return DisclosureRecipients(len(answers), latest, named_records)


def _find_separated(
    unit: ReadUnit,
    before: Mapping[int, int],
    after: Mapping[int, int],
    labels: Collection[int],
    until: int,
) -> SeparatedRecords:
    parts_by_person: dict[int, dict[int | None, list[int]]] = {}
    for record in labels:
        parts_by_person.setdefault(before[record], {}).setdefault(after.get(record), []).append(record)
    pairs = [
        (left, right)
        for person_parts in parts_by_person.values()
        for part, part_records in person_parts.items()
        for other_part, other_records in person_parts.items()
        if part != other_part
        for left in part_records
        for right in other_records
    ]
    if not pairs:
        return {}
    histories = unit.persons.memberships_of({record for record, _ in pairs})
    joined_commits = {
        (left, right): _joined_since(histories[left], histories[right], until) for left, right in pairs
    }
    times = unit.commit_info(set(joined_commits.values()))
    separated: dict[int, dict[int, str]] = {}
    for (left, right), commit in joined_commits.items():
        separated.setdefault(left, {})[right] = times[commit][0]
    return separated


def _joined_since(left_history: Sequence[Membership], right_history: Sequence[Membership], until: int) -> int:
    """Return the commit since which two records were continuously one person.

    They may have been several persons in turn.
    """
    while True:
        left, right = _membership_before(left_history, until), _membership_before(right_history, until)
        if left is None or right is None or left.person_id != right.person_id:
            return until
        until = max(left.from_commit, right.from_commit)


def _membership_before(history: Sequence[Membership], commit: int) -> Membership | None:
    memberships = (
        membership
        for membership in history
        if membership.from_commit < commit
        and (membership.to_commit is None or membership.to_commit >= commit)
    )
    return next(memberships, None)


def _past_disclosures(
    unit: ReadUnit, separated: SeparatedRecords, labels: Mapping[int, RecordRef]
) -> list[PastDisclosure]:
    """Return the past answers that depended on parted links, newest first."""
    if not separated:
        return []
    entries = unit.disclosure_search.about_records(
        min(at for separations in separated.values() for at in separations.values()), separated
    )
    sources_of = {client.name: client.sources for client, _, _ in unit.clients.all_with_commits()}
    disclosed = [
        _disclosed_records(entry, separated, labels, sources_of.get(entry.client)) for entry in entries
    ]
    latest: dict[tuple[str, int], str] = {}
    for entry, records in zip(entries, disclosed, strict=True):
        for record in records:
            latest[entry.client, record] = max(entry.at, latest.get((entry.client, record), ""))
    answers = []
    for entry, records in zip(entries, disclosed, strict=True):
        affected = [
            labels[record]
            for record in records
            if any(
                entry.at >= at and latest.get((entry.client, other_record), "") >= at
                for other_record, at in separated[record].items()
            )
        ]
        if affected:
            sorted_labels = tuple(sorted(affected, key=lambda label: (label.source, label.local_id)))
            answers.append(
                PastDisclosure(
                    at=entry.at,
                    client=entry.client,
                    purpose=entry.purpose,
                    action=entry.action,
                    fields=tuple(name for name in entry.fields if name != NO_REDISCLOSURE),
                    handle=entry.handle,
                    records=sorted_labels,
                )
            )
    return answers[::-1]


def _disclosed_records(
    entry: Disclosure,
    separated: SeparatedRecords,
    labels: Mapping[int, RecordRef],
    sources: frozenset[str] | None,
) -> list[int]:
    """Return the records of parted links that a past answer was about.

    An export is about all records that its client may see.
    """
    if entry.handle is None:
        return [record for record in entry.record_ids if record in separated]
    return [record for record in separated if sources is None or labels[record].source in sources]
