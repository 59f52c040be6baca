"""Incidents whose separation is undone: the records are one person again.

An incident whose corrections were not sent needs none any more, and waits for a privacy officer to close it.
Who received a correction was told what holds no longer. So the correction is withdrawn, and an incident of
its own reverses it: each recipient reads that at once, and acknowledges it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpi.service.core.index import Index
from mpi.service.incidents.parts import are_joined_again, find_joined, is_told_wrongly, regroup
from mpi.storage.repositories.access.incidents import IncidentRecord, StoredCorrection, StoredIncident
from mpi.storage.unit_of_work.units import WriteUnit

SEPARATION_UNDONE = "The separation was undone."
"""Note on an incident that the index closes, since another one reverses its corrections."""
SEPARATED_AGAIN = "The records were separated again."
"""Note on an incident that reversed corrections, once further corrections are sent."""
_DOMAIN = "incident-reversal"


@dataclass(frozen=True, slots=True)
class Closing:
    """Who closes an incident, and why.

    Args:
        by: name of the person, client or account.
        note: why; names no child.
    """

    by: str
    note: str


def reverse_incidents(
    unit: WriteUnit, index: Index, kind: str, before: Mapping[int, int], scope: str | None = None
) -> None:
    """Reverse the incidents whose records a step makes one person again.

    Closed ones too, if corrections were sent.

    Args:
        unit: the transaction of the step, after publishing.
        index: the open index.
        kind: kind of the step.
        before: person of each resolved record before the step.
        scope: code of the scope in which the step was made; None where it was made in this index.
    """
    earlier = unit.incidents.about_records(_find_joined_records(unit, before))
    standing = [each for each in earlier if each.reverses is None and each.reversed_commit is None]
    records_by_code = unit.incidents.records_of(each.code for each in standing)
    for incident in standing:
        records = records_by_code[incident.code]
        persons = unit.persons.current_persons([record.record_id for record in records])
        regrouped = regroup(records, persons)
        joined_before = find_joined(records, regroup(records, {**persons, **before}))
        if not find_joined(records, regrouped) - joined_before:
            continue
        if incident.sent_commit is not None:
            closing = Closing(unit.viewer.client, SEPARATION_UNDONE)
            reverse_corrections(unit, index, incident, (records, regrouped), kind, closing, scope)
        elif incident.closed_commit is None and are_joined_again(regrouped):
            unit.incidents.mark_reversed(incident.code, unit.commit_no)


def end_reversals(unit: WriteUnit, records: Sequence[IncidentRecord]) -> None:
    """Close what told recipients that records are one person again.

    Further corrections, which are sent now, tell them that the records are apart.

    Args:
        unit: the transaction.
        records: records of the incident whose corrections are sent, with the parts in which they are now.
    """
    part_of = {record.record_id: record.part for record in records}
    related = unit.incidents.about_records(part_of)
    reversals = [each for each in related if each.reverses is not None and each.closed_commit is None]
    codes = [each.code for each in reversals]
    records_by_code, sent = unit.incidents.records_of(codes), unit.incidents.corrections_of(codes)
    for code in codes:
        named = {record.record_id for record in records_by_code[code]}
        if len({part_of[record] for record in named & part_of.keys()}) > 1:
            unit.incidents.withdraw(sent[code], unit.commit_no)
            unit.incidents.close(code, unit.commit_no, unit.viewer.client, SEPARATED_AGAIN)


def reverse_corrections(
    unit: WriteUnit,
    index: Index,
    incident: StoredIncident,
    records: tuple[Sequence[IncidentRecord], Sequence[IncidentRecord]],
    kind: str,
    closing: Closing,
    scope: str | None = None,
) -> None:
    """Reverse the corrections about records that are one person again.

    The incident is closed where nothing of it stands, and a new one opened and sent for those who received a
    correction.

    Args:
        unit: the transaction.
        index: the open index.
        incident: an incident whose corrections were sent.
        records: its records as stored, and with the parts in which they are now.
        kind: kind of the step that made them one person again.
        closing: who closes it where nothing of it stands, and why.
        scope: code of the scope in which the step was made.
    """
    stored, regrouped = records
    joined = find_joined(stored, regrouped)
    [sent] = unit.incidents.corrections_of([incident.code]).values()
    holding = [each for each in sent if each.withdrawn_commit is None]
    unit.incidents.withdraw(
        [each for each in holding if not is_told_wrongly(each.record_ids, regrouped)], unit.commit_no
    )
    if are_joined_again(regrouped):
        unit.incidents.mark_reversed(incident.code, unit.commit_no)
        if incident.closed_commit is None:
            unit.incidents.close(incident.code, unit.commit_no, closing.by, closing.note)
    else:
        unit.incidents.set_parts(incident.code, regrouped)
    informed = [each for each in holding if joined & set(each.record_ids)]
    if informed:
        reversal = StoredIncident(
            code=_find_free_code(unit, index),
            kind=kind,
            opened_commit=unit.commit_no,
            sent_commit=unit.commit_no,
            scope=scope,
            reverses=incident.code,
        )
        unit.incidents.add(
            reversal,
            [
                IncidentRecord(record.record_id, record.part, record.part)
                for record in regrouped
                if record.record_id in joined
            ],
        )
        unit.incidents.add_corrections(
            [_reverse_correction(each, reversal, joined & set(each.record_ids)) for each in informed]
        )


def _reverse_correction(
    sent: StoredCorrection, reversal: StoredIncident, record_ids: set[int]
) -> StoredCorrection:
    return StoredCorrection(
        code=reversal.code,
        client=sent.client,
        agreement=sent.agreement,
        record_ids=tuple(sorted(record_ids)),
        since=sent.since,
        until=sent.until,
        answers=sent.answers,
        sent_commit=reversal.opened_commit,
    )


def _find_joined_records(unit: WriteUnit, before: Mapping[int, int]) -> list[int]:
    """Return the records of persons that hold records of several persons before."""
    after = unit.persons.current_persons(before)
    persons_before: dict[int, set[int]] = {}
    for record, person in after.items():
        persons_before.setdefault(person, set()).add(before[record])
    return [record for record, person in after.items() if len(persons_before[person]) > 1]


def _find_free_code(unit: WriteUnit, index: Index) -> str:
    """Return the code of the next incident that this transaction opens so."""
    number = 0
    while unit.incidents.find(index.keyed_hash.to_case_code(_DOMAIN, unit.commit_no, number)) is not None:
        number += 1
    return index.keyed_hash.to_case_code(_DOMAIN, unit.commit_no, number)
