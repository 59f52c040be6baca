"""History of a record's quality issues, from what its source stated.

Pure functions. An issue begins with the first statement that has it and ends with the next one that has it no
more, in the order in which the statements were true at the source. Statements of undone loads are not among
them, so undoing a load opens again what it had corrected.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mpi.storage.repositories.sources.quality_issues import NamedReject
from mpi.storage.repositories.sources.record_assertions import RecordAssertion


class IssueState(StrEnum):
    """State of a quality issue of a record."""

    OPEN = "open"
    CORRECTED = "corrected"
    WITHDRAWN = "withdrawn"
    """Its source withdrew the record."""


@dataclass(frozen=True, slots=True)
class IssueSpan:
    """The latest time in which a record had an issue.

    Args:
        field: canonical field; empty for a row as a whole.
        kind: code of the issue.
        state: whether it is still there.
        first_seen: as-of time of the first statement that has it (ISO, UTC).
        last_seen: as-of time of the last one.
        load: load of the first statement; None for one that was sent by itself.
        last_load: load of the last one.
        ended_at: as-of time of the statement that ended it; None while it is open.
        ended_load: load of that statement.
    """

    field: str
    kind: str
    state: IssueState
    first_seen: str
    last_seen: str
    load: int | None
    last_load: int | None
    ended_at: str | None = None
    ended_load: int | None = None


@dataclass(slots=True)
class _OpenSpan:
    """An issue that is open at one place of a record's history."""

    first: RecordAssertion
    last: RecordAssertion

    def end(self, issue: tuple[str, str], state: IssueState, by: RecordAssertion | None = None) -> IssueSpan:
        """Return the span, open or ended by a statement."""
        return IssueSpan(
            *issue,
            state,
            self.first.as_of,
            self.last.as_of,
            self.first.batch_id,
            self.last.batch_id,
            None if by is None else by.as_of,
            None if by is None else by.batch_id,
        )


def trace_issues(
    assertions: Iterable[RecordAssertion], issues_of_version: Mapping[int, frozenset[tuple[str, str]]]
) -> list[IssueSpan]:
    """Return the latest span of each issue, by field and kind.

    Args:
        assertions: what the source stated about the record; held statements do not count.
        issues_of_version: fields and codes of issues by version.
    """
    open_spans: dict[tuple[str, str], _OpenSpan] = {}
    ended: dict[tuple[str, str], IssueSpan] = {}
    for assertion in sorted(assertions):
        if assertion.is_held:
            continue
        is_gone = assertion.version_id is None
        present = issues_of_version.get(assertion.version_id or 0, frozenset())
        for issue in open_spans.keys() - present:
            state = IssueState.WITHDRAWN if is_gone else IssueState.CORRECTED
            ended[issue] = open_spans.pop(issue).end(issue, state, assertion)
        for issue in present:
            if issue in open_spans:
                open_spans[issue].last = assertion
            else:
                open_spans[issue] = _OpenSpan(assertion, assertion)
                ended.pop(issue, None)
    spans = [*ended.values(), *(span.end(issue, IssueState.OPEN) for issue, span in open_spans.items())]
    return sorted(spans, key=lambda span: (span.field, span.kind))


def trace_rejects(rejects: Iterable[NamedReject], assertions: Iterable[RecordAssertion]) -> list[IssueSpan]:
    """Return the latest span of each reason why rows were rejected.

    A rejected row is corrected by the next statement about its record that is accepted.

    Args:
        rejects: rejected rows of one local ID.
        assertions: what the source stated about the record with this local ID; empty if there is none.
    """
    by_reason: dict[tuple[str, str], list[NamedReject]] = {}
    for reject in rejects:
        by_reason.setdefault((reject.field, reject.reason), []).append(reject)
    accepted = sorted((each for each in assertions if not each.is_held), key=lambda each: each.commit_no)
    spans = []
    for (field, reason), rows in sorted(by_reason.items()):
        rows.sort(key=lambda row: row.commit_no)
        last = rows[-1]
        end = next((each for each in accepted if _follows(each, last)), None)
        # Rows before the last correction belong to an earlier span.
        restart = max((each.commit_no for each in accepted if not _follows(each, last)), default=-1)
        first = next((row for row in rows if row.commit_no > restart), last)
        state = IssueState.OPEN
        if end is not None:
            state = IssueState.WITHDRAWN if end.version_id is None else IssueState.CORRECTED
        spans.append(
            IssueSpan(
                field,
                reason,
                state,
                first.as_of,
                last.as_of,
                first.batch_id,
                last.batch_id,
                None if end is None else end.as_of,
                None if end is None else end.batch_id,
            )
        )
    return spans


def _follows(assertion: RecordAssertion, reject: NamedReject) -> bool:
    """Return whether a statement came after the load of a rejected row."""
    return assertion.commit_no > reject.commit_no and assertion.batch_id != reject.batch_id
