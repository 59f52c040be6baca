"""What the calls of the client return.

Every result is an immutable value. Times are ISO 8601 text in UTC, as the index sends them. What tells of a
child's situation or holds values of a record is left out of ``repr``, so that it does not get into logs.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mpi.client.errors import ProblemError


@dataclass(frozen=True, slots=True)
class RecordRef:
    """Reference to a record: its source's code and its local ID."""

    source: str
    local_id: str


@dataclass(frozen=True, slots=True)
class Issue:
    """Quality issue of a value that the source should check.

    The record is stored all the same.
    """

    field: str
    code: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """Result of sending a record: outcome and present enterprise ID.

    Args:
        source: code of the record's source.
        local_id: the record's local ID.
        enterprise_id: ID of the person; None for a record that takes no part.
        outcome: what the record meant for its person, such as ``created``, ``linked`` or ``review``.
        record: what happened to the record itself, such as ``created``, ``updated`` or ``unchanged``.
        provisional: whether the ID may still change, by a steward's answer or because it is pending.
        tasks: keys of the review tasks about the record.
        issues: values that the source should check.
        pending: whether the comparison is unfinished; it ends within seconds.
    """

    source: str
    local_id: str
    enterprise_id: str | None
    outcome: str
    record: str
    provisional: bool
    tasks: tuple[str, ...]
    issues: tuple[Issue, ...]
    pending: bool = False


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """Record as its source last stated it.

    Args:
        source: code of the record's source.
        local_id: the record's local ID.
        state: ``active``, ``withdrawn``, ``held`` or ``aside``.
        enterprise_id: ID of the person; None while the record takes no part.
        record: the canonical record.
        withheld: fields that are not shown. Do not send a record back that has some: it would lose them.
        issues: values that the source should check.
        statements: what a parent or student attached to a value of the record.
    """

    source: str
    local_id: str
    state: str
    enterprise_id: str | None
    record: Mapping[str, Any] = field(repr=False)
    withheld: tuple[str, ...]
    issues: tuple[Issue, ...]
    statements: tuple[str, ...] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Flag:
    """Special-population flag that a source asserts of a child."""

    population: str
    value: str
    definition: str
    detail: str | None
    begin: str | None
    end: str | None
    asserted_by: str
    source: str
    local_id: str
    as_of: str


@dataclass(frozen=True, slots=True)
class Person:
    """Records and flags of an enterprise ID.

    Args:
        enterprise_id: the ID in standard form.
        status: present status, such as ``active`` or ``retired``.
        now: IDs that hold the records today: for a retired ID one, several or none.
        records: records of the person, now or at ``as_of``.
        flags: flags of the records.
        since: when the ID was made.
        etag: names what was read, for ``if_match``; None for an answer about the past.
    """

    enterprise_id: str
    status: str
    now: tuple[str, ...]
    records: tuple[RecordRef, ...]
    flags: tuple[Flag, ...] = field(repr=False)
    since: str
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one comparison adds to the match weight, in bits."""

    comparison: str
    level: str
    bits: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """Person whom a searched record may describe.

    Args:
        enterprise_id: ID of the person.
        match_weight: match weight of the person's closest record, in bits.
        probability: the match weight as a probability.
        band: ``LINK``, ``REVIEW`` or ``NON_LINK``, by the model alone.
        explanation: what each comparison adds, without values.
    """

    enterprise_id: str
    match_weight: float
    probability: float
    band: str
    explanation: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True)
class BulkAnswer:
    """Answer to one record of a bulk call.

    Args:
        number: position of the record among those sent, from 1.
        local_id: the record's local ID, as sent.
        resolved: the result; None if the record was refused.
        error: why it was refused; None if it was not.
    """

    number: int
    local_id: str | None
    resolved: Resolved | None
    error: ProblemError | None = None


@dataclass(frozen=True, slots=True)
class BulkProgress:
    """How far a bulk call is.

    Args:
        answered: records answered so far.
        refused: those of them that were refused.
        total: records to send; None if their number is not known.
    """

    answered: int
    refused: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer to a call of any other route.

    Args:
        status: HTTP status, 200 to 299.
        body: the JSON answer; None if there is none.
        etag: names what was read, for ``if_match``.
        location: where a job of background work is read (status 202).
        request_id: ID of the call in the server's log.
    """

    status: int
    body: Any = field(repr=False)
    etag: str | None = None
    location: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """Background work, and how far it is.

    Args:
        id: number of the job.
        kind: ``load``, ``dry-run`` or another kind.
        state: ``running``, ``done``, ``failed`` or ``interrupted``.
        stage: present step; empty before the first.
        done: items of the step that are done.
        total: all items of the step; 0 if unknown.
        result: number of the load, once it is done.
        error: why the work failed.
        report: what a dry run found.
    """

    id: int
    kind: str
    state: str
    stage: str
    done: int
    total: int
    result: int | None
    error: str | None
    report: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """Load of a file.

    Args:
        number: number of the load.
        source: code of the source.
        status: ``loaded``, ``loading``, ``held``, ``undoing`` or ``undone``.
        at: when it was loaded.
        counts: numbers of rows by outcome.
    """

    number: int
    source: str
    status: str
    at: str
    counts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reject:
    """Rejected row of a file, without its text.

    Args:
        line: line of the file.
        field: the canonical field; None for the row as a whole.
        reason: code of the reason.
        detail: what is wrong.
        offset: byte of the file at which the row begins, if known.
        local_id: local ID of the row. ``list_rejects`` has it, for who may list the source's records; the
            receipt of a load and the report of a dry run name no record. It is not in the ``repr``.
    """

    line: int
    field: str | None
    reason: str
    detail: str
    offset: int | None = None
    local_id: str | None = dataclasses.field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class LoadReceipt:
    """Receipt of a load, which accounts for every row.

    Args:
        entry: the load.
        held_reason: why a guard held it; None if none did.
        rejects: the first 100 rejected rows.
        reject_count: all rejected rows.
        issues: records by field and code of a quality issue; None for an old load.
        spared: absent records that stay, as a row without a readable local ID may be theirs; None for an old
            load, and where it would tell who is in care.
        newer: absent records that stay, as their source stated them later than the file; None likewise.
    """

    entry: Load
    held_reason: str | None
    rejects: tuple[Reject, ...]
    reject_count: int
    issues: Mapping[str, Any] | None = None
    spared: int | None = None
    newer: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Source: a system of an agency that sends records."""

    code: str
    name: str
    agency: str
    kind: str
    holdings: str
    one_id_per_child: bool
    asks_consent: bool
    paused: bool
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Retirement:
    """Retirement of a source; its records stay, with their children and IDs.

    Args:
        code: code of the source.
        retired: whether it is retired; in a preview, whether it is at present.
        refused: what is not taken of a retired source.
        still_taken: what is still taken of it.
        unfinished_loads: loads that have to end before it can be retired.
        preview: whether nothing was changed.
    """

    code: str
    retired: bool
    refused: tuple[str, ...]
    still_taken: tuple[str, ...]
    unfinished_loads: tuple[int, ...]
    preview: bool


@dataclass(frozen=True, slots=True)
class ApiClient:
    """Client of the API, without its key.

    Args:
        name: name on commits and on the ledger.
        scopes: permitted actions.
        sources: sources that it may read and write; None for all.
        revoked: when it was ended; None while its key is valid.
        expires_on: first day on which its key is refused; None for none.
    """

    name: str
    scopes: tuple[str, ...]
    sources: tuple[str, ...] | None
    revoked: str | None
    expires_on: str | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """Client with its new key, which is shown once.

    Args:
        client: the client.
        api_key: its key.
    """

    client: ApiClient
    api_key: str = field(repr=False)
